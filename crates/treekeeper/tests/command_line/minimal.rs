//! What a sync leaves alone: everything that means what the files say, and everything that is not theirs.

use insta::assert_snapshot;

use crate::scene::Scene;
use crate::support::foreign::Foreign;

const TREE: &str = "/a\n  n = 1\n  name = 'x'\n  link -> /b\n  far => /b n\n  /c\n    n = 2\n/b\n  n = 3\n";

#[test]
fn a_new_commit_of_an_equal_tree_writes_no_managed_znode() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    let before = scene.freeze_tree();
    scene.commit("second", &[("a.zk", TREE), ("readme", "new")]);
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <second short>: 0 created, 0 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(scene.freeze_tree(), before);
    let all = scene.freeze();
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <second>
    ");
    assert_eq!(
        scene.freeze(),
        all,
        "a sync with nothing to do writes nothing at all"
    );
}

#[test]
fn a_repair_of_an_equal_tree_writes_nothing() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    let before = scene.freeze();
    assert_snapshot!(scene.said(&["sync", "--repair"]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <first short>: 0 created, 0 changed, 0 deleted.
    ");
    assert_eq!(scene.freeze(), before);
}

#[test]
fn a_dry_run_and_a_plan_write_nothing_on_an_empty_cluster() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", TREE)]);
    let before = scene.freeze();
    let dry = scene.treekeeper.run(&["sync", "--dry-run"]).expect(0);
    assert_snapshot!(scene.both(&dry), @r"
    + /a
        + far => /b n
        + link -> /b
        + n = 1
        + name = 'x'
    + /a/c
        + n = 2
    + /b
        + n = 3
    Plan: 3 to create, 0 to change, 0 to delete (1 transaction, N bytes).
    INFO VCS Version: <first>
    INFO ZK Version: initial
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk (dry run, no action taken)
    ");
    let plan = scene.treekeeper.run(&["plan"]).expect(0);
    assert_snapshot!(scene.both(&plan), @r"
    + /a
        + far => /b n
        + link -> /b
        + n = 1
        + name = 'x'
    + /a/c
        + n = 2
    + /b
        + n = 3
    Plan: 3 to create, 0 to change, 0 to delete (1 transaction, N bytes).
    ");
    assert_eq!(scene.freeze(), before);
}

/// The same meaning in other JSON: spaces, key order, `\u` escapes against raw UTF-8, numbers, raw values, no data.
#[test]
fn a_tree_that_the_original_wrote_is_adopted_without_a_data_write() {
    let scene = Scene::new();
    let text = "/a\n  a = 1\n  b = 2.5\n  name = 'caf\u{e9}'\n  link -> /b\n/b\n  string_value = 'raw'\n/c\n/d\n/e\n  x = 1\n";
    let nodes: [(&str, &[u8]); 6] = [
        (
            "/a",
            "{ \"name\" : \"caf\u{e9}\", \"link ->\": \"/b\",\n\"b\": 2.50, \"a\": 1 }".as_bytes(),
        ),
        ("/b", b"raw"),
        ("/c", b""),
        ("/d", b"{}"),
        ("/e", b"{\"x\":1}\n"),
        ("/hosts", b"{\"version\": \"127\"}"),
    ];
    nodes
        .iter()
        .for_each(|(path, data)| scene.session.create(path, data));
    scene.commit("first", &[("a.zk", text)]);
    let before = scene.freeze_tree();
    assert_snapshot!(scene.printed(&["plan"]), @"Nothing to change: 5 znodes are as the files say.");
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: 127
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <first short>: 0 created, 0 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(scene.freeze_tree(), before);
    assert_eq!(
        scene.session.json("/hosts")["version"],
        scene.repository.git(&["rev-parse", "HEAD"]).trim()
    );
}

#[test]
fn properties_of_hosts_and_hosts_themselves_stay() {
    let scene = Scene::new();
    scene
        .session
        .create("/hosts", br#"{"owner":"jim","version":false}"#);
    scene.session.create("/hosts/web-1", br#"{"version":"old"}"#);
    let id = scene.commit("first", &[("a.zk", TREE)]);
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: False
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <first short>: 3 created, 0 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(
        scene.session.json("/hosts"),
        serde_json::json!({"owner": "jim", "version": id})
    );
    assert_eq!(scene.session.text("/hosts/web-1"), r#"{"version":"old"}"#);
}

#[test]
fn ephemerals_and_their_ancestors_are_spared_and_told_once() {
    let scene = Scene::synced(&[("a.zk", "/a\n  /b\n    /c\n    /d\n  /keep\n")]);
    scene.session.create_ephemeral("/a/b/c/alive", b"{}");
    scene.session.create_ephemeral("/a/direct", b"{}");
    scene.session.create("/a/b/d/old", b"{}");
    scene.session.create("/a/b/persistent", b"{}");
    let kept = |scene: &Scene| {
        let paths = ["/a", "/a/b", "/a/b/c", "/a/b/c/alive", "/a/direct", "/a/keep"];
        paths.map(|path| {
            scene
                .session
                .try_get(path)
                .map(|(_, stat)| (path, stat.czxid, stat.mzxid))
        })
    };
    let before = kept(&scene);
    scene.commit("second", &[("a.zk", "/a\n  /keep\n")]);
    assert_snapshot!(scene.printed(&["plan"]), @r"
    - /a/b/d
    - /a/b/d/old
    - /a/b/persistent
    = /a/b stays: it holds ephemeral znodes
    = /a/b/c/alive stays: it is ephemeral (session 0xSESSION)
    = /a/direct stays: it is ephemeral (session 0xSESSION)
    Plan: 0 to create, 0 to change, 3 to delete (1 transaction, N bytes).
    ");
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    note: /a/b stays: it holds ephemeral znodes
    note: /a/b/c/alive stays: it is ephemeral (session 0xSESSION)
    note: /a/direct stays: it is ephemeral (session 0xSESSION)
    Synced to <second short>: 0 created, 0 changed, 3 deleted in 1 transaction.
    ");
    assert_eq!(kept(&scene), before);
    assert_eq!(scene.session.children("/a/b"), ["c"]);
}

#[test]
fn agents_that_stand_in_line_for_a_role_are_never_trimmed() {
    let scene = Scene::synced(&[("a.zk", "/role-locks\n  /web\n")]);
    scene.session.create("/role-locks/web/lr-0000000001", b"web-1");
    scene.session.create("/role-locks/web/lr-0000000001/deep", b"");
    let before = scene.freeze_tree();
    scene.commit("second", &[("a.zk", "/role-locks\n  /web\n"), ("readme", "x")]);
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_eq!(scene.freeze_tree(), before);
    scene.commit("third", &[("a.zk", "/role-locks\n")]);
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <third>
    INFO ZK Version: <second>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    note: /role-locks/web stays: agents stand in line for it
    Synced to <third short>: 0 created, 0 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(scene.freeze_tree(), before);
}

#[test]
fn roots_of_removed_files_are_orphans_until_they_are_pruned() {
    let scene = Scene::synced(&[("a.zk", "/a\n"), ("b.zk", "/b\n  /c\n"), ("d.zk", "/d\n")]);
    scene.session.create("/foreign", b"{}");
    scene.commit("second", &[("a.zk", "/a\n")]);
    let before = scene.freeze_tree();
    assert_snapshot!(scene.printed(&["plan"]), @r"
    ? /b is no longer in the files and stays, 2 znodes (--prune-roots deletes it)
    ? /d is no longer in the files and stays, 1 znode (--prune-roots deletes it)
    Nothing to change: 1 znode is as the files say.
    ");
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    note: /b is no longer in the files and stays; `treekeeper sync --repair --prune-roots` deletes it
    note: /d is no longer in the files and stays; `treekeeper sync --repair --prune-roots` deletes it
    Synced to <second short>: 0 created, 0 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(scene.freeze_tree(), before);
    assert_snapshot!(scene.printed(&["status"]), @r"
    At <second short>, no hosts.
    version   <second>
    deployed  <second> by MACHINE at TIME
    orphans   /b /d
    drift     none
    lock      free
    ");
    scene.commit("third", &[("a.zk", "/a\n"), ("d.zk", "/d\n")]);
    assert_snapshot!(scene.printed(&["plan", "--prune-roots"]), @r"
    - /b
    - /b/c
    Plan: 0 to create, 0 to change, 2 to delete (1 transaction, N bytes).
    ");
    assert_snapshot!(scene.said(&["sync", "--prune-roots"]), @r"
    INFO VCS Version: <third>
    INFO ZK Version: <second>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    INFO Importing d.zk
    Synced to <third short>: 0 created, 0 changed, 2 deleted in 1 transaction.
    ");
    assert_eq!(
        scene.session.children("/"),
        ["ZktoolsLocks", "a", "d", "foreign", "hosts", "treekeeper"]
    );
}

#[test]
fn a_version_of_false_syncs_without_convergence() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    scene.session.create("/hosts/lame", br#"{"version":"old"}"#);
    scene.commit("second", &[("a.zk", "/a\n/b\n")]);
    scene.session.set("/hosts", br#"{"version":false}"#);
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <second>
    INFO ZK Version: False
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <second short>: 0 created, 2 changed, 1 deleted in 1 transaction.
    ");
}

#[test]
fn drift_stays_until_it_is_repaired() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    let before = scene.freeze_tree();
    scene.session.set("/a", br#"{"n":7}"#);
    scene.session.delete("/a/c");
    scene.session.create("/a/extra", b"{}");
    let drifted = scene.freeze();
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <first>
    ");
    assert_eq!(scene.freeze(), drifted);
    assert_snapshot!(scene.both(&scene.treekeeper.run(&["plan", "--exit-code"]).expect(2)), @r"
    ~ /a
        + far => /b n
        + link -> /b
        ~ n = 7 -> 1
        + name = 'x'
    + /a/c
        + n = 2
    - /a/extra
    Plan: 1 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    ");
    assert_snapshot!(scene.said(&["sync", "--repair"]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <first short>: 1 created, 1 changed, 1 deleted in 1 transaction.
    ");
    let data = |frozen: crate::scene::Frozen| -> Vec<_> {
        frozen
            .into_iter()
            .map(|(path, (data, ..))| (path, data))
            .collect()
    };
    assert_eq!(data(scene.freeze_tree()), data(before));
}

#[test]
fn bystanders_keep_their_counters() {
    let scene = Scene::new();
    for (path, data) in [
        ("/roles", "{}"),
        ("/roles/web", "raw \u{1}"),
        ("/a", "{}"),
        ("/a/unmanaged", "{}"),
    ] {
        scene.session.create(path, data.as_bytes());
    }
    scene.session.create_ephemeral("/roles/web/alive", b"x");
    let watched = ["/roles", "/roles/web", "/roles/web/alive", "/a/unmanaged"];
    let state = |session: &Foreign| {
        watched.map(|path| {
            session
                .try_get(path)
                .map(|(_, stat)| (stat.czxid, stat.mzxid, stat.pzxid))
        })
    };
    let before = state(&scene.session);
    scene.commit("first", &[("a.zkx", "/a\n  n = 1\n  /new\n")]);
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: initial
    INFO Version mismatch detected, resyncing
    INFO Importing a.zkx
    Synced to <first short>: 1 created, 1 changed, 0 deleted in 1 transaction.
    ");
    scene.commit("second", &[("a.zkx", "/a\n  n = 2\n")]);
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zkx
    Synced to <second short>: 0 created, 1 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(state(&scene.session), before);
    assert!(
        scene.session.exists("/a/new"),
        "what only a .zkx defines is never trimmed"
    );
}
