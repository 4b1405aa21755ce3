//! `stop`, `resume`, `pause`, `status` and `lock show`: what an operator does and sees at 3 a.m.

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
    assert_snapshot!(scene.said(&["stop", "--reason", "fire"]), @"");
    assert_eq!(version(&scene), json!(null));
    assert_snapshot!(scene.printed(&["status"]), @"");
    assert_snapshot!(scene.said(&["resume"]), @"");
    assert_eq!(version(&scene), before);
    assert_eq!(stop_note(&scene), json!(null));
    assert_snapshot!(scene.printed(&["status"]), @"");
}

#[test]
fn a_second_stop_keeps_what_the_first_replaced() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    scene.said(&["stop", "--reason", "fire"]);
    assert_snapshot!(scene.said(&["stop", "--reason", "and flood"]), @"");
    assert_eq!(stop_note(&scene)["reason"], "and flood");
    assert_eq!(stop_note(&scene)["replaced"], before.to_string());
    scene.said(&["stop"]);
    assert_eq!(stop_note(&scene)["reason"], "and flood", "a stop without a reason takes none away");
    assert_snapshot!(scene.said(&["resume"]), @"");
    assert_eq!(version(&scene), before);
}

#[test]
fn a_stop_raised_by_an_agent_is_resumed_to_the_deployed_commit() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    scene.session.set("/hosts", br#"{"version":null,"why":"disk"}"#);
    assert_snapshot!(scene.printed(&["status"]), @"");
    assert_snapshot!(scene.said(&["stop"]), @"");
    assert_snapshot!(scene.said(&["resume"]), @"");
    assert_eq!(scene.session.json("/hosts"), json!({"version": before, "why": "disk"}));
}

#[test]
fn resume_to_a_named_version() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.said(&["stop"]);
    assert_snapshot!(scene.said(&["resume", "127"]), @"");
    assert_eq!(version(&scene), json!("127"));
    assert_snapshot!(scene.printed(&["status"]), @"");
}

#[test]
fn resume_while_a_sync_is_half_applied_writes_false() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let mut state = scene.session.json("/treekeeper/state");
    state["phase"] = json!("applying");
    state["to"] = json!("0123456789012345678901234567890123456789");
    (state["step"], state["steps"]) = (json!(3), json!(9));
    scene.session.set("/treekeeper/state", state.to_string().as_bytes());
    scene.session.set("/hosts", br#"{"version":null}"#);
    assert_snapshot!(scene.printed(&["status"]), @"");
    assert_snapshot!(scene.said(&["resume", "127"]), @"");
    assert_eq!(version(&scene), json!(false));
    assert_snapshot!(scene.printed(&["status"]), @"");
    assert_snapshot!(scene.said(&["sync"]), @"");
}

#[test]
fn a_stop_before_the_first_sync_holds_it() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", GOOD)]);
    assert_snapshot!(scene.printed(&["status"]), @"");
    assert_snapshot!(scene.said(&["stop"]), @"");
    assert_eq!(version(&scene), json!(null));
    assert_snapshot!(scene.refusal(&["sync"], 5), @"");
    assert_snapshot!(scene.refusal(&["resume"], 1), @"");
    assert_snapshot!(scene.said(&["resume", "initial"]), @"");
    scene.said(&["sync"]);
}

#[test]
fn a_pause_ends_with_the_next_sync() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    assert_snapshot!(scene.said(&["pause"]), @"");
    assert_eq!(version(&scene), json!(false));
    assert_snapshot!(scene.printed(&["status"]), @"");
    scene.said(&["pause"]);
    assert_snapshot!(scene.said(&["sync"]), @"");
    assert_eq!(version(&scene), before);
}

#[test]
fn a_pause_ends_with_resume() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    scene.said(&["pause"]);
    assert_snapshot!(scene.said(&["resume"]), @"");
    assert_eq!(version(&scene), before);
}

#[test]
fn a_pause_does_not_lift_a_stop() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    scene.said(&["pause"]);
    scene.said(&["stop"]);
    assert_snapshot!(scene.refusal(&["pause"], 5), @"");
    assert_snapshot!(scene.said(&["resume"]), @"");
    assert_eq!(version(&scene), json!(false), "the stop replaced a pause, and gives the pause back");
    scene.said(&["resume"]);
    assert_eq!(version(&scene), before);
}

#[test]
fn resume_of_a_cluster_that_runs_changes_nothing() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    scene.session.set("/hosts", br#"{"version":"by-hand"}"#);
    assert_snapshot!(scene.refusal(&["resume"], 1), @"");
    assert_snapshot!(scene.said(&["resume", before.as_str().unwrap()]), @"");
}

#[test]
fn none_of_them_needs_git_or_waits_for_the_lock() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    let treekeeper = Treekeeper::without_repository(&scene.connect).with_environment("PATH", "/nonexistent");
    for arguments in [&["stop"][..], &["resume"], &["pause"], &["resume"], &["status"], &["lock", "show"]] {
        treekeeper.run(arguments).expect(0);
    }
}

#[test]
fn status_tells_hosts_and_what_ails_them() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let id = version(&scene).as_str().unwrap().to_owned();
    scene.session.create("/hosts/web-1", format!("{{\"version\":\"{id}\"}}").as_bytes());
    assert_snapshot!(scene.printed(&["status"]), @"");
    scene.session.create("/hosts/web-2", br#"{"version":"old","error":"no space\u001b[31m"}"#);
    scene.session.create("/hosts/web-3", b"raw");
    scene.session.create("/hosts/web-4", br#"{"version =>":"/hosts/web-1"}"#);
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    assert_snapshot!(scene.printed(&["status"]), @"");
    assert_snapshot!(scene.printed(&["status", "--json"]), @"");
}

#[test]
fn status_of_an_empty_cluster_and_of_a_damaged_one() {
    let scene = Scene::new();
    assert_snapshot!(scene.printed(&["status"]), @"");
    assert_snapshot!(scene.printed(&["status", "--json"]), @"");
    scene.session.create("/hosts", b"raw");
    assert_snapshot!(scene.printed(&["status"]), @"");
    scene.session.set("/hosts", br#"{"version":0}"#);
    assert_snapshot!(scene.printed(&["status"]), @"");
}

#[test]
fn lock_show_names_the_holder_and_those_who_wait() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    assert_snapshot!(scene.printed(&["lock", "show"]), @"");
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    scene.session.create_candidate("/ZktoolsLocks/,hosts/0123456789abcdef0123456789abcdef-lock--", b"{\"by\":\"jim\"}");
    scene.session.create("/ZktoolsLocks/,hosts/by-hand--9999999999", b"\x1b[31m");
    assert_snapshot!(scene.printed(&["lock", "show"]), @"");
    assert_snapshot!(scene.printed(&["lock", "show", "--json"]), @"");
    lock.release();
    assert_snapshot!(scene.printed(&["lock", "show"]), @"");
}

#[test]
fn lock_show_of_both_queues() {
    let scene = Scene::new();
    assert_snapshot!(scene.printed(&["lock", "show", "--lock", "both"]), @"");
    let mut kazoo = ForeignLock::new(Style::Kazoo, &scene.connect);
    kazoo.hold();
    let shown = scene.printed(&["lock", "show", "--lock", "both"]);
    assert!(shown.starts_with("holds  /hosts-lock/"), "{shown}");
    assert_snapshot!(scene.printed(&["lock", "show"]), @"");
}
