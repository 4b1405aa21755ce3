//! Proves the test kit itself: servers start, serve and end; foreign clients see what they should.
//!
//! What treekeeper does is not tested here.

mod support;

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::Command;

use support::foreign::{Foreign, wait};
use support::keys::{ClientCertificate, Keys, start_with_sasl, start_with_tls};
use support::locks::{ForeignLock, KazooProcess, Style};
use support::repository::Repository;
use support::scene;
use support::server::{Kind, ONLY_ON_ZOOKEEPER, Server, left_to_zookeeper};
use support::zookeeper::ZooKeeper;
use zookeeper_client::{Client, SaslOptions, TlsOptions};

#[test]
fn chroots_are_apart() {
    let server = Server::shared();
    let (one, two) = (
        Foreign::connect(&server.chroot()),
        Foreign::connect(&server.chroot()),
    );
    one.create("/a", b"{}");
    one.create_ephemeral("/a/here", b"x");
    assert_eq!(
        one.dump("/")
            .iter()
            .map(|node| node.path.as_str())
            .collect::<Vec<_>>(),
        ["/", "/a", "/a/here"]
    );
    assert_eq!(two.dump("/").len(), 1);
}

#[test]
fn a_session_is_alive_until_it_is_closed() {
    let server = Server::shared();
    let foreign = Foreign::connect(&server.address());
    let session = foreign.session_id();
    assert!(server.is_alive(session));
    drop(foreign);
    scene::wait("the session to end", || !server.is_alive(session));
}

#[test]
fn a_run_names_its_server_right_or_fails() {
    assert_eq!(Kind::parse("zookeeper"), Kind::ZooKeeper);
    assert_eq!(Kind::parse("memkeeper"), Kind::Memkeeper);
    for word in ["", "ZooKeeper", "zookeeper ", "etcd"] {
        assert!(catch_unwind(|| Kind::parse(word)).is_err(), "{word:?}");
    }
}

/// Every test of the list asks first thing whether it is left out, by its own name, and nobody else asks.
///
/// The number stands here once more: a list that grows is a decision.
#[test]
fn what_is_left_to_apache_zookeeper_is_known() {
    assert_eq!(ONLY_ON_ZOOKEEPER.len(), 11);
    let question = "    if left_to_zookeeper(\"";
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for text in sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))) {
        let lines: Vec<&str> = text.lines().collect();
        for around in lines.windows(3) {
            let Some(rest) = around[2].strip_prefix(question) else {
                continue;
            };
            let name = rest.split('"').next().unwrap();
            assert_eq!(around[0..2], ["#[test]", &format!("fn {name}() {{")]);
            *asked.entry(name.to_owned()).or_default() += 1;
        }
    }
    let listed = ONLY_ON_ZOOKEEPER.iter().map(|(name, _)| ((*name).to_owned(), 1));
    assert_eq!(asked, listed.collect());
}

/// Returns the texts of all Rust files below a directory.
fn sources(directory: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(directory).expect("tests can be listed") {
        let path = entry.expect("tests can be listed").path();
        if path.is_dir() {
            texts.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(std::fs::read_to_string(&path).expect("tests can be read"));
        }
    }
    texts
}

#[test]
fn a_dropped_server_is_gone() {
    if left_to_zookeeper("a_dropped_server_is_gone") {
        return;
    }
    let zookeeper = ZooKeeper::start();
    let process = zookeeper.process_id().to_string();
    assert!(lives(&process));
    drop(zookeeper);
    assert!(!lives(&process));
}

#[test]
fn a_tls_server_takes_a_client_that_trusts_its_ca() {
    if left_to_zookeeper("a_tls_server_takes_a_client_that_trusts_its_ca") {
        return;
    }
    let keys = Keys::make();
    let zookeeper = start_with_tls(&keys, ClientCertificate::NotAsked);
    let authority = std::fs::read_to_string(keys.ca_file()).unwrap();
    let options = TlsOptions::new().with_pem_ca(&authority).unwrap();
    let client = wait(
        Client::connector()
            .with_tls(options)
            .secure_connect(&zookeeper.secure_address()),
    )
    .unwrap();
    Foreign::from_client(client).create("/over-tls", b"{}");
    assert!(Foreign::connect(&zookeeper.address()).exists("/over-tls"));
}

#[test]
fn a_sasl_server_knows_its_user() {
    if left_to_zookeeper("a_sasl_server_knows_its_user") {
        return;
    }
    let (zookeeper, _jaas) = start_with_sasl("keeper", "secret-word");
    let options = SaslOptions::digest_md5("keeper", "secret-word");
    let client = wait(
        Client::connector()
            .with_sasl(options)
            .connect(&zookeeper.address()),
    )
    .unwrap();
    let users = wait(client.list_auth_users()).unwrap();
    assert!(
        users
            .iter()
            .any(|user| user.scheme() == "sasl" && user.user() == "keeper"),
        "{users:?}"
    );
}

/// Tells whether a process with this id exists.
fn lives(process: &str) -> bool {
    Command::new("kill")
        .args(["-0", process])
        .output()
        .expect("kill is there")
        .status
        .success()
}

#[test]
fn a_tls_server_asks_for_a_certificate_when_told_to() {
    if left_to_zookeeper("a_tls_server_asks_for_a_certificate_when_told_to") {
        return;
    }
    let keys = Keys::make();
    let zookeeper = start_with_tls(&keys, ClientCertificate::Required);
    let read = |file: std::path::PathBuf| std::fs::read_to_string(file).unwrap();
    let connect = |options| {
        wait(
            Client::connector()
                .with_tls(options)
                .with_fail_eagerly()
                .secure_connect(&zookeeper.secure_address()),
        )
    };
    let authority = read(keys.ca_file());
    let (certificate, key) = keys.client_files();
    let bare = TlsOptions::new().with_pem_ca(&authority).unwrap();
    let known = bare
        .clone()
        .with_pem_identity(&read(certificate), &read(key))
        .unwrap();
    assert!(connect(known).is_ok());
    assert!(connect(bare).is_err());
}

#[test]
fn a_sasl_server_refuses_a_wrong_password() {
    if left_to_zookeeper("a_sasl_server_refuses_a_wrong_password") {
        return;
    }
    let (zookeeper, _jaas) = start_with_sasl("keeper", "secret-word");
    let options = SaslOptions::digest_md5("keeper", "another-word");
    let connected = wait(
        Client::connector()
            .with_sasl(options)
            .with_fail_eagerly()
            .connect(&zookeeper.address()),
    );
    assert!(connected.is_err());
}

#[test]
fn foreign_contenders_exclude_each_other() {
    for style in [Style::Zktools, Style::Kazoo] {
        let connect = Server::shared().chroot();
        let (mut one, mut other) = (
            ForeignLock::new(style, &connect),
            ForeignLock::new(style, &connect),
        );
        one.hold();
        assert!(!other.try_hold(), "{style:?}");
        assert!(!KazooProcess::start(style, &connect).is_held(), "{style:?}");
        one.release();
        let kazoo = KazooProcess::start(style, &connect);
        assert!(kazoo.is_held(), "{style:?}");
        assert!(!other.try_hold(), "{style:?}");
        kazoo.release();
        other.hold();
    }
}

#[test]
fn a_repository_holds_exactly_the_files_of_its_commit() {
    let repository = Repository::new();
    let first = repository.commit(&[("a.zk", "/a\n"), ("sub/b.zk", "/b\n")]);
    let second = repository.commit(&[("c.zk", "/c\n")]);
    assert_eq!(
        repository.git(&["ls-tree", "-r", "--name-only", &first]),
        "a.zk\nsub/b.zk"
    );
    assert_eq!(repository.git(&["ls-tree", "-r", "--name-only", &second]), "c.zk");
    repository.point_at(&first);
    assert_eq!(repository.git(&["rev-parse", "main"]).trim(), first);
    assert_ne!(repository.commit(&[]), second);
}
