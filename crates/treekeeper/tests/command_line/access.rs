//! Znodes that an ACL keeps from treekeeper: the plan is refused whole, as one transaction and in batches.

use insta::assert_snapshot;
use zookeeper_client::{Acl, AuthId, Permission};

use crate::scene::Scene;
use crate::support::foreign::wait;
use crate::support::proxy::Proxy;
use crate::support::server::left_to_zookeeper;
use crate::support::zookeeper::ZooKeeper;

/// Small enough that a plan of a few znodes goes in batches.
const BATCHED: &str = "[limits]\ntransaction_operations = 8\n";
const NAMES: [&str; 8] = ["b", "c", "d", "e", "f", "g", "h", "i"];

/// Ten znodes, all with this number.
fn tree(number: usize) -> String {
    let children: String = NAMES
        .iter()
        .map(|name| format!("  /{name}\n    n = {number}\n"))
        .collect();
    format!("/a\n  n = {number}\n{children}  /z\n    n = {number}\n")
}

/// A synced cluster whose next commit changes every znode.
fn waiting() -> Scene {
    let scene = Scene::synced(&[("a.zk", &tree(1))]);
    scene.commit("next", &[("a.zk", &tree(2))]);
    scene
}

fn set_acl(scene: &Scene, path: &str, acls: &[Acl]) {
    wait(scene.session.client().set_acl(path, acls, None)).expect("the ACL can be set");
}

fn world(permission: Permission) -> Acl {
    Acl::new(permission, AuthId::anyone())
}

/// Returns everybody's right to look and to change the ACL back.
fn looking() -> Acl {
    world(Permission::READ | Permission::ADMIN)
}

/// Refuses the waiting commit as one transaction and in batches, and returns what was said, which is the same.
fn refused_both_ways(scene: &Scene) -> String {
    let single = scene.refusal(&["sync"], 1);
    scene.configure(BATCHED);
    let batched = scene.refusal(&["sync"], 1);
    assert_eq!(batched, single);
    single
}

#[test]
fn a_znode_that_may_not_be_written() {
    let scene = waiting();
    set_acl(&scene, "/a/e", &[looking()]);
    assert_snapshot!(refused_both_ways(&scene), @r"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    error[TK1104]: ZooKeeper denies setting /a/e; nothing was written
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    set_acl(&scene, "/a/e", &[world(Permission::ALL)]);
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <next short>: 0 created, 10 changed, 0 deleted in 5 transactions.
    ");
}

#[test]
fn every_denial_is_told() {
    let scene = waiting();
    for path in ["/a/z", "/a/b", "/a"] {
        set_acl(&scene, path, &[looking()]);
    }
    scene.commit(
        "more",
        &[(
            "a.zk",
            &format!("{}  /new\n", tree(2).replace("  /c\n    n = 2\n", "")),
        )],
    );
    assert_snapshot!(refused_both_ways(&scene), @r"
    INFO VCS Version: <more>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    error[TK1104]: ZooKeeper denies setting /a, creating in /a, deleting in /a, setting /a/b, setting /a/z; nothing was written
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
}

#[test]
fn an_identity_of_another_machine_or_user_is_not_ours() {
    let scene = waiting();
    let elsewhere = |scheme: &str, id: &str| [looking(), Acl::new(Permission::ALL, AuthId::new(scheme, id))];
    set_acl(&scene, "/a/c", &elsewhere("ip", "10.1.2.3"));
    set_acl(&scene, "/a/e", &elsewhere("ip", "10.0.0.0/8"));
    set_acl(
        &scene,
        "/a/g",
        &elsewhere("digest", "jim:8sjKNVBwrJxHXsrsIhcsUqFsYtc="),
    );
    set_acl(&scene, "/a/h", &elsewhere("ip", "127.0.0.0/8"));
    set_acl(&scene, "/a/i", &elsewhere("ip", "127.0.0.1"));
    assert_snapshot!(refused_both_ways(&scene), @r"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    error[TK1104]: ZooKeeper denies setting /a/c, setting /a/e, setting /a/g; nothing was written
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
}

#[test]
fn a_znode_that_may_not_be_read() {
    let scene = waiting();
    set_acl(&scene, "/a/e", &[world(Permission::ADMIN)]);
    let before = scene.session.children("/a");
    let said = |arguments: &[&str]| {
        let output = scene.treekeeper.run(arguments).expect(1);
        scene.words(&output.stderr)
    };
    assert_snapshot!(said(&["sync"]), @r"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    error[TK1104]: ZooKeeper denies reading /a/e
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    scene.configure(BATCHED);
    said(&["sync"]);
    assert_snapshot!(said(&["plan"]), @r"
    error[TK1104]: ZooKeeper denies reading /a/e
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    assert_snapshot!(said(&["tree"]), @r"
    error[TK1104]: ZooKeeper denies reading /a/e
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    set_acl(&scene, "/a/e", &[world(Permission::ALL)]);
    assert_eq!(scene.session.children("/a"), before);
    assert_eq!(scene.session.text("/a/b"), r#"{"n":1}"#);
}

#[test]
fn hosts_that_may_not_be_written() {
    let scene = waiting();
    set_acl(&scene, "/hosts", &[looking()]);
    assert_snapshot!(refused_both_ways(&scene), @r"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    error[TK1104]: ZooKeeper denies writing /hosts; nothing was written
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    assert_snapshot!(scene.refusal(&["stop"], 1), @r"
    error[TK1104]: ZooKeeper denies writing /hosts
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    assert_snapshot!(scene.refusal(&["pause"], 1), @r"
    error[TK1104]: ZooKeeper denies writing /hosts
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
}

#[test]
fn a_state_that_may_not_be_written() {
    let scene = waiting();
    set_acl(&scene, "/treekeeper/state", &[looking()]);
    assert_snapshot!(refused_both_ways(&scene), @r"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    error[TK1104]: ZooKeeper denies writing /treekeeper/state; nothing was written
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
}

#[test]
fn a_lock_that_may_not_be_taken() {
    let scene = waiting();
    set_acl(&scene, "/ZktoolsLocks/,hosts", &[looking()]);
    assert_snapshot!(refused_both_ways(&scene), @r"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    error[TK1104]: ZooKeeper denies creating a candidate in /ZktoolsLocks/,hosts
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
}

#[test]
fn an_edit_that_is_denied() {
    let scene = waiting();
    set_acl(&scene, "/a/e", &[looking()]);
    assert_snapshot!(scene.refusal(&["set", "/a/e", "n=3"], 1), @r"
    error[TK1104]: ZooKeeper denies setting /a/e; nothing was written
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    let file = scene.treekeeper.file("f.zk", "/a\n  /e\n    /new\n");
    assert_snapshot!(scene.refusal(&["import", file.to_str().unwrap()], 1), @r"
    error[TK1104]: ZooKeeper denies setting /a/e, creating in /a/e; nothing was written
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
}

#[test]
fn a_quota_that_the_server_enforces() {
    if left_to_zookeeper("a_quota_that_the_server_enforces") {
        return;
    }
    let lines = ["enforceQuota=true".to_owned()];
    let zookeeper = ZooKeeper::start_with(&lines, &[]);
    let scene = Scene::on(&zookeeper.address());
    scene.commit("first", &[("a.zk", "/a\n  /b\n")]);
    scene.treekeeper.run(&["sync"]).expect(0);
    let foreign = &scene.session;
    foreign.create("/zookeeper/quota/a", b"");
    foreign.create("/zookeeper/quota/a/zookeeper_stats", b"count=2,bytes=0");
    let limits = b"count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=2";
    foreign.create("/zookeeper/quota/a/zookeeper_limits", limits);
    scene.commit("next", &[("a.zk", "/a\n  /b\n  /c\n")]);
    assert_snapshot!(scene.refusal(&["sync"], 1), @"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    error[TK1109]: the server refused to write /a/c: a quota would be exceeded
    hint: somebody who may raises the quota: `zkCli.sh listquota PATH` tells it, `zkCli.sh setquota` sets it
    ");
    let checked = scene.treekeeper.run(&["plan", "--check"]).expect(1);
    assert_snapshot!(scene.words(&checked.stderr), @"
    error[TK1122]: the server would refuse it: creating /a/c: a quota would be exceeded
    hint: somebody who may raises the quota: `zkCli.sh listquota PATH` tells it, `zkCli.sh setquota` sets it
    ");
}

/// Many changes are judged by the server, part by part; ACLs are read only of the parts that it would refuse.
#[test]
fn few_of_many_that_may_not_be_written() {
    const GET_ACL: i32 = 6;
    let tree = |number: usize| {
        let nodes = (100..700).map(|node| format!("  /n{node}\n    n = {number}\n"));
        format!("/a\n  n = {number}\n{}", nodes.collect::<String>())
    };
    let scene = Scene::synced(&[("a.zk", &tree(1))]);
    scene.commit("next", &[("a.zk", &tree(2).replace("  /n650\n    n = 2\n", ""))]);
    for path in ["/a/n233", "/a/n432", "/a"] {
        set_acl(&scene, path, &[looking()]);
    }
    scene.configure(BATCHED);
    let proxy = Proxy::start(&scene.connect);
    let connect = proxy.connect(&scene.connect);
    let sync = || scene.treekeeper.run(&["sync", "--zookeeper", &connect]);
    let before = scene.freeze();
    let said = sync().expect(1).stderr;
    assert_eq!(scene.freeze(), before, "it wrote, and said:\n{said}");
    assert!(
        said.contains(
            "ZooKeeper denies setting /a, deleting in /a, setting /a/n233, setting /a/n432; nothing"
        ),
        "{said}"
    );
    for path in ["/a/n233", "/a/n432", "/a"] {
        set_acl(&scene, path, &[world(Permission::ALL)]);
    }
    let asked = proxy.frames(GET_ACL);
    sync().expect(0);
    assert_eq!(proxy.frames(GET_ACL), asked, "the server had judged all of it");
    assert_eq!(scene.session.text("/a/n233"), r#"{"n":2}"#);
    assert!(!scene.session.exists("/a/n650"));
}
