//! The client that treekeeper uses, unmodified.
//!
//! Other clients (kazoo, ZooKeeper's own) need programs that not every machine has; they are tried elsewhere.

use zookeeper_client::{Acls, Client, CreateMode, Error, EventType};

use crate::server;

#[tokio::test]
async fn the_rust_client_works() {
    let server = server();
    let client = Client::connector()
        .connect(&server.connect_string())
        .await
        .expect("it connects");
    let open = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let (stat, _) = client.create("/a", b"one", &open).await.expect("created");
    let (data, read, watcher) = client.get_and_watch_data("/a").await.expect("read");
    assert_eq!((data.as_slice(), read), (&b"one"[..], stat));
    client.set_data("/a", b"two", Some(0)).await.expect("set");
    assert_eq!(watcher.changed().await.event_type, EventType::NodeDataChanged);
    assert_eq!(
        client.set_data("/a", b"three", Some(0)).await,
        Err(Error::BadVersion)
    );

    let mut reads = client.new_multi_reader();
    for path in ["/a", "/nowhere"] {
        reads.add_get_data(path).expect("a path");
    }
    let found = reads.commit().await.expect("read");
    assert_eq!(found.len(), 2);

    let mut writes = client.new_multi_writer();
    writes.add_create("/b", b"", &open).expect("a path");
    writes.add_delete("/a", Some(7)).expect("a path");
    writes.commit().await.expect_err("the version is another");
    assert!(
        client.check_stat("/b").await.expect("asked").is_none(),
        "rolled back"
    );
    assert_eq!(
        client.list_children("/").await.expect("listed"),
        ["a", "zookeeper"]
    );
}

#[tokio::test]
async fn the_rust_client_comes_back_after_a_cut() {
    let server = server();
    let client = Client::connector()
        .connect(&server.connect_string())
        .await
        .expect("it connects");
    server
        .faults()
        .plan(1, memkeeper::Counted::Requests, memkeeper::Fault::CutBefore);
    assert_eq!(client.check_stat("/").await, Err(Error::ConnectionLoss));
    assert!(client.check_stat("/").await.expect("it has come back").is_some());
    assert_eq!(server.faults().fired(), 1);
}
