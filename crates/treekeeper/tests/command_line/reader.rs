//! The reader of trees: by multi-reads, and one by one as on servers before 3.6.

use treekeeper::zk::{ReadMethod, Session, SessionOptions, observe};
use treekeeper_core::model::{LiveTree, ZnodePath};
use treekeeper_core::operation::Scope;

use crate::support::foreign::Foreign;
use crate::support::server::Server;

/// Returns every node with its data, data version and owner.
fn told(tree: &LiveTree) -> Vec<String> {
    tree.walk()
        .map(|id| {
            let node = tree.content(id);
            format!("{} {:?} {:?}", tree.path(id), node, tree.children(id).len())
        })
        .collect()
}

fn read(connect: &str, method: ReadMethod, scope: &Scope) -> LiveTree {
    let options = SessionOptions {
        connect: connect.to_owned(),
        ..SessionOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let session = Session::open(&options).await.expect("the server answers");
        let tree = observe(&session, scope, method)
            .await
            .expect("the tree can be read");
        session.close().await;
        tree
    })
}

#[test]
fn both_ways_of_reading_give_one_tree() {
    let connect = Server::shared().chroot();
    let foreign = Foreign::connect(&connect);
    for root in ["/a", "/b"] {
        foreign.create(root, b"{\"root\":1}");
        for group in 0..5 {
            foreign.create(&format!("{root}/{group}"), b"");
            for leaf in 0..60 {
                let data = "x".repeat(leaf * 40);
                foreign.create(&format!("{root}/{group}/{leaf}"), data.as_bytes());
            }
        }
    }
    foreign.create_ephemeral("/a/0/mine", b"here");
    let path = |text: &str| ZnodePath::parse(text).expect("a path");
    let scope = Scope {
        subtrees: vec![path("/a"), path("/absent")],
        nodes: vec![path("/b/1/2"), path("/b/none")],
    };
    let batched = told(&read(&connect, ReadMethod::Batched, &scope));
    let single = told(&read(&connect, ReadMethod::Single, &scope));
    assert_eq!(batched, single);
    // /a, 5 groups, 300 leaves, the ephemeral one, and /b/1/2 with its two ancestors, which were not read.
    assert_eq!(batched.len(), 1 + 5 + 300 + 1 + 3);
    assert!(
        batched
            .iter()
            .any(|line| line.starts_with("/a/0/mine") && line.contains("Some("))
    );
}
