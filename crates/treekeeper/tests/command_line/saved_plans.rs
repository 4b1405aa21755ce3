//! Plans that are kept in files and applied later: what the file is, what `apply` does, and what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use serde_json::Value;

use crate::scene::Scene;

const FIRST: &str = "/a\n  n = 1\n  /b\n  /c\n    password = 'old'\n  /d\n";
const SECOND: &str = "/a\n  n = 2\n  /c\n    password = 'new'\n  /d\n  /e\n    text = 'caf\u{e9}'\n";

/// A synced cluster, and a saved plan of the next commit.
fn planned() -> Scene {
    let scene = Scene::synced(&[("a.zk", FIRST)]);
    scene.commit("second", &[("a.zk", SECOND)]);
    scene.treekeeper.run(&["plan", "--out", "plan.json"]).expect(0);
    scene
}

fn text(scene: &Scene) -> String {
    fs::read_to_string(scene.treekeeper.home().join("plan.json")).expect("a plan was saved")
}

/// Replaces numbers and hashes that differ from run to run.
///
/// First of all: a hash whose digits are all decimal would be taken for a time in milliseconds.
fn without_numbers(scene: &Scene, text: &str) -> String {
    let mut out = text.to_owned();
    for name in ["czxid\":", "data\":\"", "secret\":\"", "sha256:"] {
        let mut pieces = out.split(name);
        let first = pieces.next().unwrap_or_default().to_owned();
        out = pieces.fold(first, |out, piece| {
            let rest = piece.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
            format!("{out}{name}N{rest}")
        });
    }
    scene.words(&out)
}

#[test]
fn the_file_is_readable_and_for_its_owner() {
    let scene = planned();
    assert_snapshot!(without_numbers(&scene, &text(&scene)), @r#"
    {
    "kind":"treekeeper-plan",
    "schema":1,
    "treekeeper":"0.1.0",
    "created":{"at":"TIME","by":"MACHINE"},
    "zookeeper":"SERVER/CHROOT",
    "repository":"<first>",
    "commit":"<second>",
    "options":{"path":".","overlay":"merge","prune_roots":false,"bump":"commit"},
    "key":"HEX",
    "hosts":{"version":"<first>","data_version":1},
    "state":{"data_version":1,"czxid":N},
    "counts":{"create":1,"change":2,"delete":1,"unchanged":1,"managed":4},
    "refused_by":[],
    "operations":[
    {"action":"create","path":"/a/e","parent_czxid":N,"data":"N","properties":{"text":"caf\u00e9"}},
    {"action":"change","path":"/a","version":0,"czxid":N,"data":"N","properties":{"n":2}},
    {"action":"change","path":"/a/c","version":0,"czxid":N,"data":"N","properties":{"password":{"secret":"N"}}},
    {"action":"delete","path":"/a/b","version":0,"czxid":N}],
    "spared":[],
    "orphans":[],
    "digest":"sha256:N"}
    "#);
    let file = scene.treekeeper.home().join("plan.json");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(scene.treekeeper.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("plan"))
        .collect();
    assert_eq!(left, ["plan.json"]);
}

#[test]
fn plan_says_where_it_saved_and_what_for() {
    let scene = Scene::synced(&[("a.zk", FIRST)]);
    let run = |arguments: &[&str], status| scene.both(&scene.treekeeper.run(arguments).expect(status));
    assert_snapshot!(run(&["plan", "--out", "plan.json"], 0), @"
    Nothing to change: 4 znodes are as the files say.
    Saved: `treekeeper apply plan.json` applies exactly this, if nothing moves until then.
    ");
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    assert_snapshot!(run(&["plan", "--out", "plan.json", "--exit-code"], 2), @"
    ~ /a
        ~ n = 1 -> 2
    - /a/b
    - /a/c
    - /a/d
    Plan: 0 to create, 1 to change, 3 to delete (1 transaction, N bytes).
    Saved: `treekeeper apply plan.json` applies exactly this, if nothing moves until then.
    ");
    scene.treekeeper.run(&["stop"]).expect(0);
    assert_snapshot!(run(&["plan", "--out", "plan.json"], 0), @"
    ~ /a
        ~ n = 1 -> 2
    - /a/b
    - /a/c
    - /a/d
    Plan: 0 to create, 1 to change, 3 to delete (1 transaction, N bytes).
    A sync would be refused now:
      - [TK1001] the cluster is stopped by MACHINE since TIME
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    Saved to plan.json: `treekeeper apply plan.json` would be refused now, as the sync.
    ");
    assert_snapshot!(run(&["plan", "--out", "nowhere/plan.json"], 1), @"
    error: cannot write nowhere/plan.json: No such file or directory (os error 2)
    hint: name a file in a directory that can be written to: `treekeeper plan --out FILE`
    ");
    assert_snapshot!(run(&["plan", "--out", "/"], 1), @"
    error: cannot write /: it is a directory
    hint: name a file in a directory that can be written to: `treekeeper plan --out FILE`
    ");
    scene.commit("bad", &[("a.zk", "/a\n  n =\n")]);
    assert_snapshot!(run(&["plan", "--out", "bad.json", "--quiet"], 1), @"
    error[TK0101]: this is neither a node nor a property nor a link
     --> a.zk:2:3
      |
    2 |   n =
      |   ^^^
      = help: write a value behind `=`: `name = 'text'`

    error: the tree files have 1 error; nothing was written
    No plan was saved.
    ");
    assert!(!scene.treekeeper.home().join("bad.json").exists());
}

#[test]
fn a_plan_is_applied_as_it_was_made_and_only_once() {
    let scene = planned();
    // What the branch names meanwhile is of no interest.
    scene.commit("third", &[("a.zk", "/a\n  n = 3\n")]);
    assert_snapshot!(scene.said(&["apply", "plan.json"]), @"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <second short>: 1 created, 2 changed, 1 deleted in 1 transaction.
    ");
    assert_eq!(scene.printed(&["get", "/a/c", "password"]).trim(), "\"new\"");
    assert_snapshot!(scene.refusal(&["apply", "plan.json"], 7), @"
    INFO VCS Version: <second>
    INFO ZK Version: <second>
    refused[TK1009]: the plan is applied already: /hosts is at its commit, and the tree is as it would make it
    hint: nothing is left to do; `treekeeper plan` tells what the newest commit would change
    ");
    let json = scene
        .treekeeper
        .run(&["apply", "plan.json", "--json"])
        .expect(7)
        .stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["outcome"], "stale");
    assert_eq!(json["moved"][0]["path"], "/hosts");
}

#[test]
fn everything_that_moved_is_told_and_nothing_written() {
    let scene = planned();
    scene.session.set("/a", b"{\"n\":5}");
    scene.session.set("/a/b", b"{\"by\":\"hand\"}");
    scene.session.delete("/a/c");
    scene.session.create("/a/c", b"");
    scene.session.delete("/a/d");
    scene.session.create("/a/e", b"");
    scene.session.create("/a/f", b"");
    let told = scene.refusal(&["apply", "plan.json"], 7);
    assert_snapshot!(without_numbers(&scene, &told), @"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    refused[TK1009]: the plan is stale: things that it rests on have moved
      - /a: expected data version 0, found data version 1
      - /a/b: expected data version 0, found data version 1
      - /a/c: expected data version 0 of the znode created by 0xSESSION, found data version 0 of one created by 0xSESSION: it was deleted and made anew
      - /a/d: expected nothing to do, found no znode: it would have to be created
      - /a/e: expected no znode, found data version 0
      - /a/f: expected nothing to do, found data version 0 of a znode that the files don't define
    hint: nothing was written, and nothing lifts this: look at what moved, then make a new plan: `treekeeper plan --out FILE`
    ");
}

#[test]
fn an_ephemeral_znode_below_what_is_deleted_is_told() {
    let scene = planned();
    scene.session.create_ephemeral("/a/b/session", b"");
    assert_snapshot!(scene.refusal(&["apply", "plan.json"], 7), @"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    refused[TK1009]: the plan is stale: what it rests on has moved
      - /a/b: expected a znode that may be deleted, found that something below it must stay: ephemeral znodes, or agents that stand in line
    hint: nothing was written, and nothing lifts this: look at what moved, then make a new plan: `treekeeper plan --out FILE`
    ");
}

#[test]
fn another_sync_and_a_hand_in_hosts_are_told() {
    let scene = planned();
    scene.session.set("/hosts", b"{\"version\":\"by hand\"}");
    assert_snapshot!(without_numbers(&scene, &scene.refusal(&["apply", "plan.json"], 7)), @"
    INFO VCS Version: <second>
    INFO ZK Version: by hand
    refused[TK1009]: the plan is stale: what it rests on has moved
      - /hosts: expected version <first> at data version 1, found version by hand at data version 2
    hint: nothing was written, and nothing lifts this: look at what moved, then make a new plan: `treekeeper plan --out FILE`
    warning: the version of /hosts had been altered by hand since the last sync
    ");
    scene.treekeeper.run(&["plan", "--out", "plan.json"]).expect(0);
    scene.commit("third", &[("a.zk", "/a\n  n = 3\n")]);
    scene.treekeeper.run(&["sync"]).expect(0);
    let told = scene.refusal(&["apply", "plan.json"], 7);
    assert_snapshot!(without_numbers(&scene, &told), @"
    INFO VCS Version: <second>
    INFO ZK Version: <third>
    refused[TK1009]: the plan is stale: things that it rests on have moved
      - /hosts: expected version by hand at data version 2, found version <third> at data version 3
      - /treekeeper/state: expected data version 1, found data version 2
      - /a: expected data version 0, found data version 1
      - /a/b: expected data version 0, found no znode
      - /a/c: expected data version 0, found no znode
      - /a/d: expected nothing to do, found no znode: it would have to be created
    hint: nothing was written, and nothing lifts this: look at what moved, then make a new plan: `treekeeper plan --out FILE`
    ");
}

#[test]
fn an_edited_file_and_other_files_are_refused() {
    let scene = planned();
    let text = text(&scene);
    let run = |name: &str, text: &str| {
        scene.treekeeper.file(name, text);
        scene.refusal(&["apply", name], 1)
    };
    assert_snapshot!(run("edited.json", &text.replace("/a/b", "/a/c")), @"
    error[TK1121]: cannot apply edited.json: its digest doesn't fit what it holds: it was edited or damaged
    hint: a plan is applied as it was made or not at all; make it anew: `treekeeper plan --out FILE`
    ");
    assert_snapshot!(run("newer.json", &text.replace("\"schema\":1", "\"schema\":9")), @"
    error[TK1121]: cannot apply newer.json: its schema is 9, this release reads 1
    hint: make it anew with this release: `treekeeper plan --out FILE`
    ");
    assert_snapshot!(run("half.json", &text[..100]), @"
    error[TK1121]: cannot apply half.json: it is not a plan that `treekeeper plan --out` wrote (line 5, column 38)
    hint: name a file that `treekeeper plan --out FILE` wrote
    ");
    assert_snapshot!(run("other.json", "{\"kind\":\"other\",\"schema\":1}"), @"
    error[TK1121]: cannot apply other.json: it is not a plan that `treekeeper plan --out` wrote (its kind is `other`)
    hint: name a file that `treekeeper plan --out FILE` wrote
    ");
    assert_snapshot!(scene.refusal(&["apply", "absent.json"], 1), @"
    error[TK1121]: cannot read the plan absent.json: No such file or directory (os error 2)
    hint: name a file that `treekeeper plan --out FILE` wrote
    ");
    // Other line ends and indents are the same plan.
    scene
        .treekeeper
        .file("spaced.json", text.replace(",\n", ",\r\n  "));
    scene.said(&["apply", "spaced.json"]);
}

#[test]
fn the_gates_are_those_of_a_sync() {
    let scene = planned();
    scene.session.create("/hosts/web-1", b"{\"version\":\"old\"}");
    assert_snapshot!(scene.refusal(&["apply", "plan.json"], 4), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    ERROR Version mismatch detected, can't resync since host web-1 has not converged (old -> <first>)
    refused[TK1002]: 1 host has not converged
    hint: wait until the hosts report the version (`treekeeper status` tells what they report), or add `--force` to `treekeeper apply FILE`
    ");
    assert_snapshot!(scene.said(&["apply", "plan.json", "--force"]), @"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <second short>: 1 created, 2 changed, 1 deleted in 1 transaction.
    ");
    scene.treekeeper.run(&["stop", "--reason", "a fire"]).expect(0);
    scene.treekeeper.run(&["plan", "--out", "plan.json"]).expect(0);
    assert_snapshot!(scene.refusal(&["apply", "plan.json"], 5), @"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped by MACHINE since TIME: a fire
    hint: an operator lifts it with `treekeeper resume`, after which a new plan is needed; `treekeeper apply FILE --force` goes on in spite of it
    ");
    let candidate = "/ZktoolsLocks/,hosts/0123456789abcdef0123456789abcdef-lock--";
    let candidate = scene.session.create_candidate(candidate, b"somebody");
    let told = scene.refusal(&["apply", "plan.json", "--force"], 6);
    assert!(told.contains("the lock is held by"), "{told}");
    scene.session.delete(&candidate);
    scene.said(&["apply", "plan.json", "--force"]);
}

#[test]
fn the_delete_budget_is_asked_and_granted_where_the_plan_is_applied() {
    let children = (0..30)
        .map(|number| format!("  /c{number}\n"))
        .collect::<String>();
    let scene = Scene::synced(&[("a.zk", &format!("/a\n{children}"))]);
    scene.commit("second", &[("a.zk", "/a\n")]);
    scene.treekeeper.run(&["plan", "--out", "plan.json"]).expect(0);
    assert_snapshot!(scene.refusal(&["apply", "plan.json"], 3), @"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    refused[TK1007]: the plan deletes 30 znodes, the budget is 20 of 31 managed ones
    hint: read the plan (`treekeeper plan`), then allow it once: add `--allow-delete 30` to `treekeeper apply FILE`
    ");
    assert_snapshot!(scene.said(&["apply", "plan.json", "--allow-delete", "30"]), @"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <second short>: 0 created, 0 changed, 30 deleted in 1 transaction.
    ");
}

#[test]
fn the_first_sync_can_be_a_saved_plan() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", FIRST)]);
    scene.treekeeper.run(&["plan", "--out", "plan.json"]).expect(0);
    // A refused attempt makes the lock's nodes, /hosts and the state: the plan is still good.
    scene.session.create("/ZktoolsLocks", b"");
    scene.session.create("/ZktoolsLocks/,hosts", b"");
    let candidate = "/ZktoolsLocks/,hosts/0123456789abcdef0123456789abcdef-lock--";
    let candidate = scene.session.create_candidate(candidate, b"somebody");
    scene.treekeeper.run(&["apply", "plan.json"]).expect(6);
    scene.session.delete(&candidate);
    assert_snapshot!(scene.said(&["apply", "plan.json"]), @"
    INFO VCS Version: <first>
    INFO ZK Version: initial
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <first short>: 4 created, 0 changed, 0 deleted in 1 transaction.
    ");
}

#[test]
fn another_repository_and_another_cluster_are_refused() {
    let scene = planned();
    let other = Scene::synced(&[("a.zk", FIRST)]);
    let plan = scene.treekeeper.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    let told = other.treekeeper.run(&["apply", plan]).expect(1).stderr;
    assert!(
        told.contains("is not a branch, tag or commit of the repository"),
        "{told}"
    );
    let url = scene.repository.url();
    let told = other.treekeeper.run(&["apply", plan, "--url", &url]);
    let told = told.expect(7).stderr;
    assert!(told.contains("/treekeeper/state: expected"), "{told}");
}
