//! `stop`, `resume`, `pause` and `status`: what an operator does and sees at 3 a.m.

use insta::assert_snapshot;
use serde_json::json;

use crate::scene::Scene;
use crate::support::locks::{ForeignLock, Style};
use crate::support::treekeeper::Treekeeper;

const GOOD: &str = "/a\n  n = 1\n";

fn version(scene: &Scene) -> serde_json::Value {
    scene.session.json("/hosts")["version"].clone()
}

/// Returns what `/hosts` and the state say of a stop.
fn stop_note(scene: &Scene) -> serde_json::Value {
    scene.session.json("/treekeeper/state")["stop"].clone()
}

#[test]
fn a_stop_is_ended_by_resume() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    assert_snapshot!(scene.said(&["stop", "--reason", "fire"]), @r"
    ALL STOP: no host deploys, no sync goes on.
    hint: `treekeeper resume` ends it
    ");
    assert_eq!(version(&scene), json!(null));
    assert_snapshot!(scene.printed(&["status"]), @r"
    ALL STOP, by MACHINE since TIME: fire. `treekeeper resume` ends it.
    version   None
    deployed  <first> by MACHINE at TIME
    drift     none
    lock      free
    ");
    assert_snapshot!(scene.said(&["resume"]), @"Resumed: hosts should run <first>.");
    assert_eq!(version(&scene), before);
    assert_eq!(stop_note(&scene), json!(null));
    assert_snapshot!(scene.printed(&["status"]), @r"
    At <first short>, no hosts.
    version   <first>
    deployed  <first> by MACHINE at TIME
    drift     none
    lock      free
    ");
}

#[test]
fn a_second_stop_keeps_what_the_first_replaced() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    scene.said(&["stop", "--reason", "fire"]);
    assert_snapshot!(scene.said(&["stop", "--reason", "and flood"]), @r"
    The cluster was stopped already.
    hint: `treekeeper resume` ends it
    ");
    assert_eq!(stop_note(&scene)["reason"], "and flood");
    assert_eq!(stop_note(&scene)["replaced"], before.to_string());
    scene.said(&["stop"]);
    assert_eq!(
        stop_note(&scene)["reason"],
        "and flood",
        "a stop without a reason takes none away"
    );
    assert_snapshot!(scene.said(&["resume"]), @"Resumed: hosts should run <first>.");
    assert_eq!(version(&scene), before);
}

#[test]
fn a_stop_raised_by_an_agent_is_resumed_to_the_deployed_commit() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    scene.session.set("/hosts", br#"{"version":null,"why":"disk"}"#);
    assert_snapshot!(scene.printed(&["status"]), @r"
    ALL STOP, since TIME, by a host or by hand. `treekeeper resume` ends it.
    version   None
    deployed  <first> by MACHINE at TIME
    drift     none
    lock      free
    ");
    assert_snapshot!(scene.said(&["stop"]), @r"
    The cluster was stopped already.
    hint: `treekeeper resume` ends it
    ");
    assert_snapshot!(scene.said(&["resume"]), @"Resumed: hosts should run <first>.");
    assert_eq!(
        scene.session.json("/hosts"),
        json!({"version": before, "why": "disk"})
    );
}

#[test]
fn resume_to_a_named_version() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.said(&["stop"]);
    assert_snapshot!(scene.said(&["resume", "127"]), @"Resumed: hosts should run 127.");
    assert_eq!(version(&scene), json!("127"));
    assert_snapshot!(scene.printed(&["status"]), @r"
    At 127, no hosts.
    version   127
    deployed  <first> by MACHINE at TIME
              the version was altered by hand since
    drift     none
    lock      free
    ");
}

#[test]
fn resume_while_a_sync_is_half_applied_writes_false() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let mut state = scene.session.json("/treekeeper/state");
    state["phase"] = json!("applying");
    state["to"] = json!("0123456789012345678901234567890123456789");
    (state["step"], state["steps"]) = (json!(3), json!(9));
    scene
        .session
        .set("/treekeeper/state", state.to_string().as_bytes());
    scene.session.set("/hosts", br#"{"version":null}"#);
    assert_snapshot!(scene.printed(&["status"]), @r"
    ALL STOP, since TIME, by a host or by hand. `treekeeper resume` ends it.
    version   None
    deployed  <first> by MACHINE at TIME
    applying  HEX, 3 of 9 batches are in the tree
    drift     not known: a sync is incomplete
    lock      free
    ");
    assert_snapshot!(scene.said(&["resume", "127"]), @r"
    Resumed with the version False: the tree is incomplete, hosts hold until the next sync has finished it.
    3 of 9 batches of 012345678901 are in the tree: `treekeeper sync` finishes it.
    ");
    assert_eq!(version(&scene), json!(false));
    assert_snapshot!(scene.printed(&["status"]), @r"
    Incomplete: 3 of 9 batches of 012345678901 are in the tree; the next sync finishes it.
    version   False
    deployed  <first> by MACHINE at TIME
    applying  HEX, 3 of 9 batches are in the tree
    drift     not known: a sync is incomplete
    lock      free
    ");
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: False
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <first short>: 0 created, 0 changed, 0 deleted in 1 transaction.
    ");
}

#[test]
fn a_stop_before_the_first_sync_holds_it() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", GOOD)]);
    assert_snapshot!(scene.printed(&["status"]), @r"
    Never synced: there is no /hosts.
    lock      free
    ");
    assert_snapshot!(scene.said(&["stop"]), @r"
    ALL STOP: no host deploys, no sync goes on.
    hint: `treekeeper resume initial` ends it
    ");
    assert_eq!(version(&scene), json!(null));
    assert_snapshot!(scene.refusal(&["sync"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped since TIME, by a host or by hand
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
    assert_snapshot!(scene.refusal(&["resume"], 1), @r"
    error[TK1117]: nothing tells which version to go back to
    hint: name it: `treekeeper resume VERSION`, with the commit that the hosts run
    ");
    assert_snapshot!(scene.said(&["resume", "initial"]), @"Resumed: hosts should run initial.");
    scene.said(&["sync"]);
}

#[test]
fn a_pause_ends_with_the_next_sync() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    assert_snapshot!(scene.said(&["pause"]), @"Paused: the version of /hosts is False, hosts hold; the next sync, or `treekeeper resume`, ends it.");
    assert_eq!(version(&scene), json!(false));
    assert_snapshot!(scene.printed(&["status"]), @r"
    Paused: the version is False; the next sync goes on without asking for convergence.
    version   False
    deployed  <first> by MACHINE at TIME
    drift     none
    lock      free
    ");
    scene.said(&["pause"]);
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: False
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <first short>: 0 created, 0 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(version(&scene), before);
}

#[test]
fn a_pause_ends_with_resume() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    scene.said(&["pause"]);
    assert_snapshot!(scene.said(&["resume"]), @"Resumed: hosts should run <first>.");
    assert_eq!(version(&scene), before);
}

#[test]
fn a_pause_does_not_lift_a_stop() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    scene.said(&["pause"]);
    scene.said(&["stop"]);
    assert_snapshot!(scene.refusal(&["pause"], 5), @r"
    refused[TK1001]: the cluster is stopped, and a pause would lift that
    hint: `treekeeper resume` ends the stop
    ");
    assert_snapshot!(scene.said(&["resume"]), @"Resumed with the version False: the cluster was paused before it was stopped, and is again.");
    assert_eq!(
        version(&scene),
        json!(false),
        "the stop replaced a pause, and gives the pause back"
    );
    scene.said(&["resume"]);
    assert_eq!(version(&scene), before);
}

#[test]
fn resume_of_a_cluster_that_runs_changes_nothing() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    scene.session.set("/hosts", br#"{"version":"by-hand"}"#);
    assert_snapshot!(scene.refusal(&["resume"], 1), @r"
    error[TK1117]: the cluster is neither stopped nor paused: its version is by-hand
    hint: to set another one, name it: `treekeeper resume VERSION`
    ");
    assert_snapshot!(scene.said(&["resume", before.as_str().unwrap()]), @"Resumed: hosts should run <first>.");
}

#[test]
fn none_of_them_needs_git_or_waits_for_the_lock() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    let treekeeper = Treekeeper::without_repository(&scene.connect).with_environment("PATH", "/nonexistent");
    for arguments in [
        &["stop"][..],
        &["resume"],
        &["pause"],
        &["resume"],
        &["status"],
        &["lock", "show"],
    ] {
        treekeeper.run(arguments).expect(0);
    }
}

#[test]
fn status_tells_hosts_and_what_ails_them() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let id = version(&scene).as_str().unwrap().to_owned();
    scene
        .session
        .create("/hosts/web-1", format!("{{\"version\":\"{id}\"}}").as_bytes());
    assert_snapshot!(scene.printed(&["status"]), @r"
    Converged: 1 of 1 hosts at <first short>.
    version   <first>
    deployed  <first> by MACHINE at TIME
    drift     none
    lock      free
    host      web-1  <first short>
    ");
    scene.session.create(
        "/hosts/web-2",
        br#"{"version":"old","error":"no space\u001b[31m"}"#,
    );
    scene.session.create("/hosts/web-3", b"raw");
    scene
        .session
        .create("/hosts/web-4", br#"{"version =>":"/hosts/web-1"}"#);
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    assert_snapshot!(scene.printed(&["status"]), @r"
    Converging: 2 of 4 hosts at <first short>.
    version   <first>
    deployed  <first> by MACHINE at TIME
    drift     none
    lock      /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE  since TIME  session 0xSESSION  0
    host      web-1  <first short>
    host      web-2  old  behind  error: no space\u{1b}[31m
    host      web-3  no version  behind
    host      web-4  <first short>
    ");
    assert_snapshot!(scene.printed(&["status", "--json"]), @r#"
    {
      "drift": {
        "changed": 0,
        "extra": 0,
        "missing": 0
      },
      "hosts": [
        {
          "behind": false,
          "error": null,
          "name": "web-1",
          "version": "<first>"
        },
        {
          "behind": true,
          "error": "no space\\u{1b}[31m",
          "name": "web-2",
          "version": "old"
        },
        {
          "behind": true,
          "error": null,
          "name": "web-3",
          "version": null
        },
        {
          "behind": false,
          "error": null,
          "name": "web-4",
          "version": "<first>"
        }
      ],
      "lock": [
        {
          "created_ms": MILLISECONDS,
          "data": "0",
          "ephemeral": true,
          "lock": "zktools",
          "node": "/ZktoolsLocks/,hosts/HEX-lock--SEQUENCE",
          "session": "0xSESSION"
        }
      ],
      "orphans": [],
      "paused": false,
      "schema": 1,
      "state": {
        "at": "TIME",
        "by": "MACHINE",
        "commit": "<first>",
        "from": null,
        "generation": 1,
        "grants": {
          "adopt": false,
          "allow_delete": null,
          "allow_rewind": false,
          "commit": "",
          "prune_roots": false
        },
        "lock": "zktools",
        "outcomes": [
          {
            "commit": "<first>",
            "step": 0,
            "sync_id": "HEX"
          }
        ],
        "phase": "clean",
        "pinned": null,
        "repository": "<first>",
        "schema": 1,
        "seen": "<first>",
        "step": 0,
        "steps": 0,
        "stop": null,
        "sync_id": "HEX",
        "to": null,
        "tree_sha256": "HEX"
      },
      "status": "Converging: 2 of 4 hosts at <first short>.",
      "stop": null,
      "stopped": false,
      "version": "<first>"
    }
    "#);
}

#[test]
fn status_of_an_empty_cluster_and_of_a_damaged_one() {
    let scene = Scene::new();
    assert_snapshot!(scene.printed(&["status"]), @r"
    Never synced: there is no /hosts.
    lock      free
    ");
    assert_snapshot!(scene.printed(&["status", "--json"]), @r#"
    {
      "drift": null,
      "hosts": [],
      "lock": [],
      "orphans": null,
      "paused": false,
      "schema": 1,
      "state": null,
      "status": "Never synced: there is no /hosts.",
      "stop": null,
      "stopped": false,
      "version": "initial"
    }
    "#);
    scene.session.create("/hosts", b"raw");
    assert_snapshot!(scene.printed(&["status"]), @r"
    Broken: /hosts holds data that are not a JSON object.
    lock      free
    ");
    scene.session.set("/hosts", br#"{"version":0}"#);
    assert_snapshot!(scene.printed(&["status"]), @r"
    At 0, no hosts.
    version   0
    lock      free
    ");
}
