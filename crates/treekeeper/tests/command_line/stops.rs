//! ALL STOP that explains itself: who, when, why, which hosts report an error, and what `resume` sets off.

use insta::assert_snapshot;
use serde_json::json;

use crate::scene::Scene;

const GOOD: &str = "/a\n  n = 1\n";

fn version(scene: &Scene) -> serde_json::Value {
    scene.session.json("/hosts")["version"].clone()
}

#[test]
fn a_stop_raised_after_ours_is_not_told_with_our_reason() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let before = version(&scene);
    scene.said(&["stop", "--reason", "fire"]);
    // Somebody ends the stop with another tool, and later a host raises one of its own.
    scene.session.set("/hosts", br#"{"version":"by-hand"}"#);
    scene.session.set("/hosts", br#"{"version":null}"#);
    assert_snapshot!(scene.printed(&["status"]), @r"
    ALL STOP, since TIME, by a host or by hand. `treekeeper resume` ends it.
    version   None
    deployed  <first> by MACHINE at TIME
    note      an earlier stop, by MACHINE since TIME: fire; /hosts was written since
    drift     none
    lock      free
    ");
    assert_snapshot!(scene.refusal(&["sync"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped since TIME, by a host or by hand
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
    assert_snapshot!(scene.said(&["stop", "--reason", "flood"]), @r"
    The cluster was stopped already.
    hint: `treekeeper resume` ends it
    ");
    assert_eq!(scene.session.json("/treekeeper/state")["stop"]["reason"], "flood");
    assert_snapshot!(scene.refusal(&["sync"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped by MACHINE since TIME: flood
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
    assert_snapshot!(scene.said(&["resume"]), @"Resumed: hosts should run <first>.");
    assert_eq!(version(&scene), before);
}

#[test]
fn a_stop_is_told_with_the_errors_of_hosts() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.commit("next", &[("a.zk", "/a\n  n = 2\n")]);
    scene.session.create(
        "/hosts/web-1",
        br#"{"version":"0123456789012345678901234567890123456789","error":"disk\u001b[31m full"}"#,
    );
    scene.session.create("/hosts/web-2", br#"{"version":"fine"}"#);
    let long = format!("{{\"error\":\"{}\"}}", "x".repeat(5_000));
    scene.session.create("/hosts/web-3", long.as_bytes());
    scene.said(&["stop", "--reason", "two hosts are down"]);
    assert_snapshot!(scene.refusal(&["sync"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped by MACHINE since TIME: two hosts are down
      host web-1 at 012345678901 reports: disk\u{1b}[31m full
      host web-3 without a version reports: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
    assert_snapshot!(scene.refusal(&["import", "-"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped by MACHINE since TIME: two hosts are down
      host web-1 at 012345678901 reports: disk\u{1b}[31m full
      host web-3 without a version reports: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
    hint: an operator lifts it with `treekeeper resume`
    ");
    assert_snapshot!(scene.printed(&["status"]), @r"
    ALL STOP, by MACHINE since TIME: two hosts are down. 2 hosts report errors. `treekeeper resume` ends it.
    version   None
    deployed  <first> by MACHINE at TIME
    drift     none
    lock      free
    host      web-1  012345678901  error: disk\u{1b}[31m full
    host      web-2  fine
    host      web-3  no version  error: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
    ");
    let plan = scene.treekeeper.run(&["plan"]).expect(0);
    assert_snapshot!(scene.words(&plan.stderr), @r"
    A sync would be refused now:
      - [TK1001] the cluster is stopped by MACHINE since TIME: two hosts are down
        host web-1 at 012345678901 reports: disk\u{1b}[31m full
        host web-3 without a version reports: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
    for number in 10..20 {
        let path = format!("/hosts/x-{number}");
        scene.session.create(&path, br#"{"error":"me too"}"#);
    }
    assert_snapshot!(scene.refusal(&["sync"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped by MACHINE since TIME: two hosts are down
      host web-1 at 012345678901 reports: disk\u{1b}[31m full
      host web-3 without a version reports: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
      host x-10 without a version reports: me too
      host x-11 without a version reports: me too
      host x-12 without a version reports: me too
      host x-13 without a version reports: me too
      host x-14 without a version reports: me too
      host x-15 without a version reports: me too
      host x-16 without a version reports: me too
      host x-17 without a version reports: me too
      and 2 more: `treekeeper status` tells them all
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
    assert_snapshot!(scene.said(&["resume"]), @r"
    Resumed: hosts should run <first>.
    13 of 13 hosts may deploy it now; a sync of another commit is refused until then:
      host web-1 at 012345678901, reports: disk\u{1b}[31m full
      host web-2 at fine
      host web-3 without a version, reports: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
      host x-10 without a version, reports: me too
      host x-11 without a version, reports: me too
      host x-12 without a version, reports: me too
      host x-13 without a version, reports: me too
      host x-14 without a version, reports: me too
      host x-15 without a version, reports: me too
      host x-16 without a version, reports: me too
      and 3 more: `treekeeper status` tells them all
    ");
}

#[test]
fn resume_says_what_comes_next() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let id = version(&scene).as_str().unwrap().to_owned();
    let at = |version: &str| format!("{{\"version\":\"{version}\"}}");
    scene.session.create("/hosts/web-1", at(&id).as_bytes());
    scene.said(&["stop"]);
    assert_snapshot!(scene.said(&["resume"]), @r"
    Resumed: hosts should run <first>.
    The host has it already.
    ");
    scene.session.create("/hosts/web-2", at(&id).as_bytes());
    scene.said(&["stop"]);
    assert_snapshot!(scene.said(&["resume"]), @r"
    Resumed: hosts should run <first>.
    All 2 hosts have it already.
    ");
    scene.session.set("/hosts/web-2", at("old").as_bytes());
    let mut state = scene.session.json("/treekeeper/state");
    state["pinned"] = json!({ "commit": id, "by": "jim@web-1", "at": "2026-01-02T03:04:05Z" });
    scene
        .session
        .set("/treekeeper/state", state.to_string().as_bytes());
    scene.said(&["stop"]);
    assert_snapshot!(scene.said(&["resume"]), @r"
    Resumed: hosts should run <first>.
    1 of 2 hosts may deploy it now; a sync of another commit is refused until then:
      host web-2 at old
    The cluster is pinned at <first short> by jim@web-1 since TIME: a sync of another commit is refused until `treekeeper unpin`.
    ");
}

#[test]
fn a_reason_before_the_first_sync_has_no_place() {
    let scene = Scene::new();
    assert_snapshot!(scene.said(&["stop", "--reason", "fire"]), @r"
    ALL STOP: no host deploys, no sync goes on.
    warning: the reason is not kept: before the first sync there is no place for it
    hint: `treekeeper resume initial` ends it
    ");
}
