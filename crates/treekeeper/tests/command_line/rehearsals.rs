//! `plan --check` and `sync --dry-run --check`: the server itself says whether it would accept the plan.

use insta::assert_snapshot;
use serde_json::Value;
use zookeeper_client::{Acl, AuthId, Permission};

use crate::scene::Scene;
use crate::support::foreign::wait;

const FIRST: &str = "/a\n  n = 1\n  /b\n  /c\n";
const SECOND: &str = "/a\n  n = 2\n  /c\n  /d\n    /e\n";

/// Runs a command that must end with `status` and change nothing at all, not even a counter, and returns all it says.
fn asked(scene: &Scene, arguments: &[&str], status: i32) -> String {
    let counters = |scene: &Scene| -> Vec<_> {
        let nodes = scene.session.dump("/").into_iter();
        nodes
            .map(|node| (node.path, node.data, format!("{:?}", node.stat)))
            .collect()
    };
    let before = counters(scene);
    let output = scene.treekeeper.run(arguments).expect(status);
    assert_eq!(
        counters(scene),
        before,
        "it changed something, and said:\n{}",
        output.stderr
    );
    scene.both(&output)
}

fn waiting() -> Scene {
    let scene = Scene::synced(&[("a.zk", FIRST)]);
    scene.commit("second", &[("a.zk", SECOND)]);
    scene
}

fn allow(scene: &Scene, path: &str, permission: Permission) {
    let acl = [Acl::new(permission | Permission::ADMIN, AuthId::anyone())];
    wait(scene.session.client().set_acl(path, &acl, None)).expect("the ACL can be set");
}

#[test]
fn the_server_accepts_and_nothing_changes() {
    let scene = waiting();
    assert_snapshot!(asked(&scene, &["plan", "--check"], 0), @"
    ~ /a
        ~ n = 1 -> 2
    + /a/d
    + /a/d/e
    - /a/b
    Plan: 2 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    The server would accept it: 1 transaction, 7 operations.
    ");
    assert_snapshot!(asked(&scene, &["sync", "--dry-run", "--check"], 0), @"
    ~ /a
        ~ n = 1 -> 2
    + /a/d
    + /a/d/e
    - /a/b
    Plan: 2 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    The server would accept it: 1 transaction, 7 operations.
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk (dry run, no action taken)
    ");
    assert_snapshot!(asked(&scene, &["plan", "--check", "--exit-code", "--quiet"], 2), @"
    ~ /a
        ~ n = 1 -> 2
    + /a/d
    + /a/d/e
    - /a/b
    Plan: 2 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    The server would accept it: 1 transaction, 7 operations.
    ");
    scene.said(&["sync"]);
    assert_snapshot!(asked(&scene, &["plan", "--check"], 0), @"
    Nothing to change: 4 znodes are as the files say.
    There is nothing to ask the server: a sync would write nothing.
    ");
}

#[test]
fn the_first_sync_is_asked_about_too() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", FIRST)]);
    assert_snapshot!(asked(&scene, &["plan", "--check"], 0), @"
    + /a
        + n = 1
    + /a/b
    + /a/c
    Plan: 3 to create, 0 to change, 0 to delete (1 transaction, N bytes).
    The server would accept it: 1 transaction, 7 operations.
    ");
    allow(&scene, "/", Permission::READ);
    assert_snapshot!(asked(&scene, &["plan", "--check"], 1), @"
    + /a
        + n = 1
    + /a/b
    + /a/c
    Plan: 3 to create, 0 to change, 0 to delete (1 transaction, N bytes).
    error[TK1122]: the server would refuse it: ZooKeeper denies creating in /
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    allow(&scene, "/", Permission::ALL);
}

#[test]
fn a_denial_is_told_with_all_others() {
    let scene = waiting();
    allow(&scene, "/a", Permission::READ);
    assert_snapshot!(asked(&scene, &["plan", "--check"], 1), @"
    ~ /a
        ~ n = 1 -> 2
    + /a/d
    + /a/d/e
    - /a/b
    Plan: 2 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    error[TK1122]: the server would refuse it: ZooKeeper denies setting /a, creating in /a, deleting in /a
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    assert_snapshot!(asked(&scene, &["sync", "--dry-run", "--check", "--quiet"], 1), @"
    ~ /a
        ~ n = 1 -> 2
    + /a/d
    + /a/d/e
    - /a/b
    Plan: 2 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    error[TK1122]: the server would refuse it: ZooKeeper denies setting /a, creating in /a, deleting in /a
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    let json = scene
        .treekeeper
        .run(&["plan", "--check", "--json"])
        .expect(1)
        .stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_snapshot!(format!("{:#}", json["check"]), @r#"
    {
      "accepted": false,
      "operations": 7,
      "refusal": {
        "action": "creating",
        "cause": "no-auth",
        "denied": [
          "setting /a",
          "creating in /a",
          "deleting in /a"
        ],
        "message": "the server would refuse it: ZooKeeper denies setting /a, creating in /a, deleting in /a",
        "path": "/a/d"
      },
      "transactions": 1,
      "unasked": 0
    }
    "#);
}

#[test]
fn own_nodes_are_asked_about() {
    let scene = waiting();
    allow(&scene, "/hosts", Permission::READ);
    assert_snapshot!(asked(&scene, &["plan", "--check", "--quiet"], 1), @"
    ~ /a
        ~ n = 1 -> 2
    + /a/d
    + /a/d/e
    - /a/b
    Plan: 2 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    error[TK1122]: the server would refuse it: setting /hosts: the ACL denies it
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    scene.treekeeper.run(&["sync"]).expect(1);
}

#[test]
fn what_refuses_a_sync_is_told_and_decides_the_exit_code() {
    let scene = waiting();
    scene.treekeeper.run(&["stop"]).expect(0);
    assert_snapshot!(asked(&scene, &["plan", "--check"], 5), @"
    ~ /a
        ~ n = 1 -> 2
    + /a/d
    + /a/d/e
    - /a/b
    Plan: 2 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    The server would accept it: 1 transaction, 7 operations.
    A sync would be refused now:
      - [TK1001] the cluster is stopped by MACHINE since TIME
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
    scene.treekeeper.run(&["resume"]).expect(0);
    scene.session.create("/hosts/web-1", b"{\"version\":\"old\"}");
    assert_snapshot!(asked(&scene, &["plan", "--check"], 4), @"
    ~ /a
        ~ n = 1 -> 2
    + /a/d
    + /a/d/e
    - /a/b
    Plan: 2 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    The server would accept it: 1 transaction, 7 operations.
    A sync would be refused now:
      - [TK1002] host web-1 has not converged (old -> <first>)
    hint: wait until the hosts report the version (`treekeeper status` tells what they report), or add `--force` to `treekeeper sync`
    ");
}

#[test]
fn of_batches_it_is_told_what_could_be_asked() {
    let scene = waiting();
    scene.configure("[limits]\ntransaction_operations = 5\n");
    assert_snapshot!(asked(&scene, &["plan", "--check"], 0), @"
    ~ /a
        ~ n = 1 -> 2
    + /a/d
    + /a/d/e
    - /a/b
    Plan: 2 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    The server would accept it: 4 transactions, 6 operations; of 1 more, which rests on an earlier transaction, only the ACLs were read.
    ");
    allow(
        &scene,
        "/a",
        Permission::READ | Permission::WRITE | Permission::CREATE,
    );
    assert_snapshot!(asked(&scene, &["plan", "--check", "--quiet"], 1), @"
    ~ /a
        ~ n = 1 -> 2
    + /a/d
    + /a/d/e
    - /a/b
    Plan: 2 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    error[TK1122]: the server would refuse it: ZooKeeper denies deleting in /a
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    scene.treekeeper.run(&["sync"]).expect(1);
}

#[test]
fn a_check_needs_a_dry_run() {
    let scene = Scene::new();
    let told = scene.treekeeper.run(&["sync", "--check"]).expect(64).stderr;
    assert!(told.contains("--dry-run"), "{told}");
}
