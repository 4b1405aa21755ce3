//! `history`, `rollback` and `unpin`: back to what was deployed before, held there, and forward again.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::scene::Scene;

const ONE: &[(&str, &str)] = &[("a.zk", "/a\n  n = 1\n  /old\n")];
const TWO: &[(&str, &str)] = &[("a.zk", "/a\n  n = 2\n  /new\n    password = 'canary-hunter2'\n")];
const THREE: &[(&str, &str)] = &[("a.zk", "/a\n  n = 3\n  /new\n")];

/// A cluster that was at `first` and is at `second`.
fn scene() -> Scene {
    let scene = Scene::synced(ONE);
    scene.commit("second", TWO);
    scene.treekeeper.run(&["sync"]).expect(0);
    scene
}

fn history(scene: &Scene) -> Value {
    serde_json::from_str(&scene.treekeeper.stdout(&["history", "--json"])).expect("JSON")
}

/// Returns the table without what differs from run to run.
fn table(scene: &Scene) -> String {
    let words = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let took = columns.len() - 2;
        [&columns[..took], &columns[took + 1..]].concat().join(" ")
    };
    let printed = scene.printed(&["history"]);
    printed.lines().map(words).collect::<Vec<_>>().join("\n")
}

fn entries(scene: &Scene) -> Vec<String> {
    let paths = scene
        .session
        .dump("/treekeeper/history")
        .into_iter()
        .map(|node| node.path);
    paths.filter(|path| path != "/treekeeper/history").collect()
}

#[test]
fn the_history_tells_every_deployment_newest_first() {
    let scene = scene();
    assert_snapshot!(table(&scene), @r"
    commit when kind created changed deleted by
    <second short> TIME sync 1 1 1 MACHINE
    <first short> TIME sync 2 0 0 MACHINE
    ");
    let told = history(&scene);
    let mut newest = told["deployments"][0].clone();
    assert!(
        newest["duration_ms"]
            .as_i64()
            .is_some_and(|ms| (1..600_000).contains(&ms)),
        "{newest}"
    );
    newest["duration_ms"] = json!("some");
    newest["inverse"] = json!(newest["inverse"].as_str().map(str::len));
    assert_eq!(told["schema"], 1);
    assert_snapshot!(scene.words(&format!("{newest:#}")), @r#"
    {
      "at": "TIME",
      "by": "MACHINE",
      "changed": 1,
      "commit": "<second>",
      "created": 1,
      "deleted": 1,
      "duration_ms": "some",
      "from": "<first>",
      "inverse": 64,
      "kind": "sync",
      "number": 2
    }
    "#);
    assert_eq!(told["deployments"][1]["from"], "initial");
}

#[test]
fn what_deploys_nothing_is_not_in_the_history() {
    let scene = scene();
    let before = scene.freeze();
    scene.treekeeper.run(&["sync"]).expect(0);
    scene.treekeeper.run(&["sync", "--repair"]).expect(0);
    scene.treekeeper.run(&["sync", "--dry-run", "--repair"]).expect(0);
    scene.treekeeper.run(&["rollback", "1", "--dry-run"]).expect(0);
    let tree = |frozen: &crate::scene::Frozen| {
        let mut frozen = frozen.clone();
        // The lock's own node counts its candidates.
        frozen.retain(|path, _| !path.starts_with("/ZktoolsLocks"));
        frozen
    };
    assert_eq!(tree(&scene.freeze()), tree(&before));
    scene.treekeeper.run(&["set", "/a", "n=7"]).expect(0);
    assert_eq!(entries(&scene).len(), 2);
    scene.treekeeper.run(&["sync", "--repair"]).expect(0);
    assert_snapshot!(table(&scene).lines().nth(1).unwrap_or_default(), @"<second short> TIME repair 0 1 0 MACHINE");
}

#[test]
fn a_history_that_nobody_began() {
    let scene = Scene::new();
    assert_snapshot!(scene.said(&["history"]), @"Nothing was deployed yet, or by no release that keeps a history.");
    assert_snapshot!(scene.printed(&["history", "--json"]), @r#"
    {
      "deployments": [],
      "schema": 1
    }
    "#);
    scene.commit("first", ONE);
    assert_snapshot!(scene.refusal(&["rollback", "1"], 1), @"error[TK1120]: nothing was deployed yet, so there is no way back");
}

#[test]
fn a_cluster_without_history_gets_one_with_the_next_sync() {
    let scene = scene();
    for path in entries(&scene) {
        scene.session.delete(&path);
    }
    scene.session.delete("/treekeeper/history");
    scene.commit("third", THREE);
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_eq!(entries(&scene), ["/treekeeper/history/0000000001"]);
    assert_snapshot!(scene.refusal(&["rollback", "2"], 1), @r"
    error[TK1120]: the history reaches back 0 deployments before <third short>, not 2
    hint: `treekeeper history` shows them; an older commit can be named: `treekeeper rollback REV`
    ");
}

#[test]
fn the_history_keeps_a_hundred_deployments() {
    let scene = scene();
    for number in 3..=103 {
        scene
            .session
            .create(&format!("/treekeeper/history/{number:010}"), b"{}");
    }
    // One that can't be deleted is passed over.
    scene.session.create("/treekeeper/history/0000000001/child", b"");
    scene.commit("third", THREE);
    assert_snapshot!(scene.said(&["sync", "--quiet"]), @"");
    let left = entries(&scene);
    assert!(
        left.contains(&"/treekeeper/history/0000000104".to_owned()),
        "{left:?}"
    );
    assert!(
        left.contains(&"/treekeeper/history/0000000001".to_owned()),
        "{left:?}"
    );
    // 103 were there: four fall out for the new one, but for the one that can't.
    assert_eq!(left.iter().filter(|path| !path.ends_with("child")).count(), 100);
    scene.session.delete("/treekeeper/history/0000000001/child");
    scene.treekeeper.run(&["set", "/a", "n=7"]).expect(0);
    scene.treekeeper.run(&["sync", "--repair"]).expect(0);
    assert_eq!(entries(&scene).len(), 100);
}

#[test]
fn a_rollback_shows_its_plan_goes_back_and_pins() {
    let scene = scene();
    let output = scene.treekeeper.run(&["rollback", "1"]).expect(0);
    assert_snapshot!(scene.words(&output.stdout), @r"
    ~ /a
        ~ n = 2 -> 1
    + /a/old
    - /a/new
    Plan: 1 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    ");
    assert_snapshot!(scene.words(&output.stderr), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <second>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Rolled back to <first short>: 1 created, 1 changed, 1 deleted in 1 transaction.
    The cluster is pinned at <first short>: a plain sync is refused.
    hint: `treekeeper unpin` lets the next sync go on to the newest commit
    ");
    assert_snapshot!(scene.printed(&["tree", "/a"]), @r"
    /a
      n = 1
      /old
    ");
    assert_snapshot!(scene.printed(&["status"]), @r"
    At <first short>, no hosts, pinned by MACHINE since TIME.
    version   <first>
    deployed  <first> by MACHINE at TIME
    pinned    at <first short> by MACHINE since TIME; `treekeeper unpin` lifts it
    drift     none
    lock      free
    ");
    assert_snapshot!(table(&scene).lines().nth(1).unwrap_or_default(), @"<first short> TIME rollback 1 1 1 MACHINE");
    // What the deployment before said would undo it is what was done.
    let told = history(&scene);
    let undo = |place: usize| told["deployments"][place]["inverse"].clone();
    assert!(undo(0).is_string() && undo(1).is_string() && undo(0) != undo(1));
}

#[test]
fn a_pinned_cluster_refuses_a_plain_sync_and_says_who_pinned_it() {
    let scene = scene();
    scene.treekeeper.run(&["rollback", "1"]).expect(0);
    let refused = r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    refused[TK1006]: the cluster is pinned at <first short> by MACHINE since TIME
    hint: whoever pinned it knows why; an operator lifts it with `treekeeper unpin`, and the next sync then goes on to the newest commit
    ";
    let lines = |text: &str| {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    };
    for arguments in [
        &["sync"][..],
        &["sync", "--dry-run"],
        &["sync", "--repair"],
        &["sync", "--force", "--allow-rewind"],
    ] {
        assert_eq!(
            lines(&scene.refusal(arguments, 3)),
            lines(refused),
            "{arguments:?}"
        );
    }
    assert_snapshot!(scene.both(&scene.treekeeper.run(&["plan"]).expect(0)), @r"
    ~ /a
        ~ n = 1 -> 2
    + /a/new
        + password = •••
    - /a/old
    Plan: 1 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    A sync would be refused now:
      - [TK1006] the cluster is pinned at <first short> by MACHINE since TIME
    hint: whoever pinned it knows why; an operator lifts it with `treekeeper unpin`, and the next sync then goes on to the newest commit
    ");
    // Drift is mended where the cluster is pinned.
    let first = scene.repository.git(&["rev-parse", "HEAD~1"]);
    scene.treekeeper.run(&["set", "/a", "n=7"]).expect(0);
    scene
        .treekeeper
        .run(&["sync", "--repair", "--revision", first.trim()])
        .expect(0);
    assert_eq!(scene.session.text("/a"), r#"{"n":1}"#);
    scene.refusal(&["sync"], 3);
}

#[test]
fn unpin_leads_forward_again() {
    let scene = scene();
    assert_snapshot!(scene.said(&["unpin"]), @"The cluster is not pinned.");
    scene.treekeeper.run(&["rollback", "1"]).expect(0);
    scene.commit("third", THREE);
    scene.refusal(&["sync"], 3);
    let before = scene.freeze_tree();
    assert_snapshot!(scene.said(&["unpin"]), @r"
    Unpinned: it was pinned at <first short> by MACHINE since TIME.
    The next sync goes on to the newest commit.
    ");
    assert_eq!(scene.freeze_tree(), before);
    assert_eq!(scene.session.json("/treekeeper/state")["pinned"], json!(null));
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <third>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <third short>: 1 created, 1 changed, 1 deleted in 1 transaction.
    ");
    scene.treekeeper.run(&["rollback", "1"]).expect(0);
    scene.said(&["stop"]);
    assert_snapshot!(scene.said(&["unpin"]), @r"
    Unpinned: it was pinned at <first short> by MACHINE since TIME.
    The cluster is still stopped; after `treekeeper resume` the next sync goes on to the newest commit.
    ");
    assert_eq!(scene.session.text("/hosts"), r#"{"version":null}"#);
}

#[test]
fn steps_lead_further_back_and_never_to_what_was_undone() {
    let scene = scene();
    scene.commit("third", THREE);
    scene.treekeeper.run(&["sync"]).expect(0);
    let went_to = |arguments: &[&str]| {
        scene.treekeeper.run(arguments).expect(0);
        scene.words(&scene.session.text("/hosts"))
    };
    assert_eq!(went_to(&["rollback", "1"]), r#"{"version":"<second>"}"#);
    assert_eq!(went_to(&["rollback", "1"]), r#"{"version":"<first>"}"#);
    assert_snapshot!(scene.refusal(&["rollback", "1"], 1), @r"
    error[TK1120]: the history reaches back 0 deployments before <first short>, not 1
    hint: `treekeeper history` shows them; an older commit can be named: `treekeeper rollback REV`
    ");
    // Forward again, step by step, is a matter of naming the commit.
    let second = scene.repository.git(&["rev-parse", "--short=12", "HEAD~1"]);
    assert_eq!(went_to(&["rollback", second.trim()]), r#"{"version":"<second>"}"#);
    assert_snapshot!(scene.refusal(&["rollback", "no-such-tag"], 1), @r"
    error[TK1205]: no-such-tag is not a branch, tag or commit of the repository
    hint: list what there is: git ls-remote URL
    ");
}

#[test]
fn a_rollback_to_what_is_deployed_pins_it() {
    let scene = scene();
    let tree = scene.freeze_tree();
    assert_snapshot!(scene.both(&scene.treekeeper.run(&["rollback", "main"]).expect(0)), @r"
    Nothing to change: 2 znodes are as the files say.
    INFO VCS Version: <second>
    INFO ZK Version: <second>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Rolled back to <second short>: 0 created, 0 changed, 0 deleted in 1 transaction.
    The cluster is pinned at <second short>: a plain sync is refused.
    hint: `treekeeper unpin` lets the next sync go on to the newest commit
    ");
    assert_eq!(scene.freeze_tree(), tree);
    let all = scene.freeze();
    assert_snapshot!(scene.both(&scene.treekeeper.run(&["rollback", "main"]).expect(0)), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <second>
    The cluster is pinned at <second short>: a plain sync is refused.
    hint: `treekeeper unpin` lets the next sync go on to the newest commit
    ");
    assert_eq!(scene.freeze(), all, "it is pinned there already");
    scene.commit("third", THREE);
    scene.refusal(&["sync"], 3);
}

#[test]
fn a_rollback_passes_the_same_gates_as_a_sync() {
    let scene = Scene::synced(&[("a.zk", "/a\n")]);
    let children: String = (0..30).map(|number| format!("  /c{number}\n")).collect();
    scene.commit("second", &[("a.zk", &format!("/a\n{children}"))]);
    scene.treekeeper.run(&["sync"]).expect(0);
    scene.session.create("/hosts/web", br#"{"version":"older"}"#);
    assert_snapshot!(scene.refusal(&["rollback", "1"], 4), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <second>
    ERROR Version mismatch detected, can't resync since host web has not converged (older -> <second>)
    refused[TK1002]: 1 host has not converged
    hint: wait until the hosts report the version, or add `--force` to go back without them
    ");
    let output = scene.treekeeper.run(&["rollback", "1", "--force"]).expect(3);
    assert!(
        output.stdout.ends_with("\n") && output.stdout.contains("- /a/c0\n"),
        "the plan is shown first"
    );
    assert_snapshot!(scene.words(&output.stderr), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <second>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    refused[TK1007]: the plan deletes 30 znodes, the budget is 20 of 31 managed ones
    hint: read the plan (`--dry-run`), then allow it once: add `--allow-delete 30`
    ");
    scene.said(&["stop"]);
    assert_snapshot!(scene.refusal(&["rollback", "1"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped by MACHINE since TIME
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, the rollback goes on in spite of it
    ");
    assert_snapshot!(scene.said(&["rollback", "1", "--force", "--allow-delete", "30"]), @r"
    CRITICAL ALL STOP, cluster version is None
    INFO VCS Version: <first>
    INFO ZK Version: None
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Rolled back to <first short>: 0 created, 0 changed, 30 deleted in 1 transaction.
    The cluster is pinned at <first short>: a plain sync is refused.
    hint: `treekeeper unpin` lets the next sync go on to the newest commit
    ");
}

#[test]
fn a_dry_rollback_shows_and_writes_nothing() {
    let scene = scene();
    let before = scene.freeze();
    assert_snapshot!(scene.both(&scene.treekeeper.run(&["rollback", "1", "--dry-run"]).expect(0)), @r"
    ~ /a
        ~ n = 2 -> 1
    + /a/old
    - /a/new
    Plan: 1 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    INFO VCS Version: <first>
    INFO ZK Version: <second>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk (dry run, no action taken)
    ");
    assert_eq!(scene.freeze(), before);
    let json: Value =
        serde_json::from_str(&scene.treekeeper.stdout(&["rollback", "1", "--json"])).expect("JSON");
    assert_eq!(
        (&json["outcome"], &json["plan"]["counts"]["delete"]),
        (&json!("applied"), &json!(1))
    );
}
