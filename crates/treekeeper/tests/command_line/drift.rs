//! `diff`: what somebody else has changed, by the same text and the same numbers as `plan` and `status`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::scene::Scene;

const FILES: &[(&str, &str)] = &[
    (
        "a.zk",
        "/a\n  n = 1\n  password = 'canary-hunter2'\n  /b\n    m = 1\n  /c\n",
    ),
    ("z.zk", "/z\n"),
];

/// A cluster in which somebody has changed `/a`, removed `/a/b` and added `/z/extra`.
fn drifted() -> Scene {
    let scene = Scene::synced(FILES);
    scene.session.set("/a", br#"{"n":2,"password":"canary-changed"}"#);
    scene.session.delete("/a/b");
    scene.session.create("/z/extra", b"{}");
    scene
}

/// Puts words in the place of times and transactions, and of hashes, whose key is another one in every run.
fn scrubbed(text: &str) -> String {
    let line = |line: &str| match line.split_once("  (written ") {
        Some((before, _)) => format!("{before}  (written WHEN)\n"),
        None => format!("{}\n", without_hashes(line)),
    };
    text.lines().map(line).collect()
}

fn without_hashes(line: &str) -> String {
    match line.split_once("••• (changed, ") {
        Some((before, _)) => format!("{before}••• (changed, HASHES)"),
        None => line.to_owned(),
    }
}

#[test]
fn a_diff_shows_what_others_changed_and_when() {
    let scene = drifted();
    let output = scene.treekeeper.run(&["diff"]).expect(0);
    assert_snapshot!(scrubbed(&scene.words(&output.stdout)), @r"
    ~ /a  (written WHEN)
        ~ n = 2 -> 1
        ~ password = ••• (changed, HASHES)
    + /a/b
        + m = 1
    - /z/extra  (written WHEN)
    Plan: 1 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    ");
    assert_snapshot!(scene.words(&output.stderr), @"hint: this is what makes the live tree as <first short> has it; `treekeeper sync --repair --revision <first short>` does it");
    let (_, stat) = scene.session.try_get("/a").expect("/a is there");
    assert!(
        output.stdout.contains(&format!("zxid 0x{:x})", stat.mzxid)),
        "{}",
        output.stdout
    );
    let told: Value = serde_json::from_str(&scene.treekeeper.stdout(&["diff", "--json"])).expect("JSON");
    assert_eq!(told["plan"]["changes"][1]["mzxid"], json!(stat.mzxid));
    assert_eq!(told["plan"]["changes"][1]["mtime"], json!(stat.mtime));
    assert_eq!(
        told["plan"]["changes"][0].get("mtime"),
        None,
        "what is missing was last at nothing"
    );
}

#[test]
fn plan_diff_status_and_dry_run_say_the_same() {
    let scene = drifted();
    let plain = |text: String| {
        text.lines()
            .map(|line| without_hashes(line.split("  (written").next().unwrap_or_default()) + "\n")
            .collect::<String>()
    };
    let diff = plain(scene.printed(&["diff"]));
    assert_eq!(diff, plain(scene.printed(&["plan"])));
    assert_eq!(diff, plain(scene.printed(&["sync", "--dry-run", "--repair"])));
    let status: Value = serde_json::from_str(&scene.treekeeper.stdout(&["status", "--json"])).expect("JSON");
    assert_eq!(status["drift"], json!({"changed": 1, "missing": 1, "extra": 1}));
    scene.treekeeper.run(&["sync", "--repair"]).expect(0);
    assert_snapshot!(scene.printed(&["diff"]), @"Nothing to change: 4 znodes are as the files say.");
    let status: Value = serde_json::from_str(&scene.treekeeper.stdout(&["status", "--json"])).expect("JSON");
    assert_eq!(status["drift"], json!({"changed": 0, "missing": 0, "extra": 0}));
}

#[test]
fn a_diff_is_held_against_what_is_deployed_and_not_against_what_is_new() {
    let scene = Scene::synced(FILES);
    scene.commit("second", &[("a.zk", "/a\n  n = 7\n")]);
    assert_snapshot!(scene.printed(&["diff"]), @"Nothing to change: 4 znodes are as the files say.");
    scene.treekeeper.run(&["diff", "--exit-code"]).expect(0);
    scene.treekeeper.run(&["plan", "--exit-code"]).expect(2);
}

#[test]
fn a_diff_of_a_part() {
    let scene = drifted();
    scene.treekeeper.run(&["diff", "--exit-code"]).expect(2);
    scene.treekeeper.run(&["diff", "/a/c", "--exit-code"]).expect(0);
    assert_snapshot!(scene.printed(&["diff", "/a/c"]), @"Nothing to change: 1 znode is as the files say.");
    let shown = |path: &str| scrubbed(&scene.printed(&["diff", path]));
    assert_snapshot!(shown("/a/b"), @r"
    + /a/b
        + m = 1
    Plan: 1 to create, 0 to change, 0 to delete (1 transaction, N bytes).
    ");
    assert_snapshot!(shown("/z"), @r"
    - /z/extra  (written WHEN)
    Plan: 0 to create, 0 to change, 1 to delete (1 transaction, N bytes).
    ");
    assert_snapshot!(shown("/z/extra"), @r"
    - /z/extra  (written WHEN)
    Plan: 0 to create, 0 to change, 1 to delete (1 transaction, N bytes).
    ");
    scene.session.create("/free", b"{}");
    assert_snapshot!(scene.refusal(&["diff", "/free"], 1), @r"
    error[TK1127]: /free is not managed: no file of <first short> defines it, and nothing would delete it
    hint: `treekeeper diff` without a path shows the drift of all that is managed
    ");
}

#[test]
fn a_diff_needs_something_to_be_held_against() {
    let scene = Scene::new();
    scene.commit("first", FILES);
    assert_snapshot!(scene.refusal(&["diff"], 1), @r"
    error[TK1127]: there is no commit to hold the live tree against: no commit is deployed
    hint: `treekeeper plan` shows what a sync would do
    ");
    scene.treekeeper.run(&["sync"]).expect(0);
    let mut state = scene.session.json("/treekeeper/state");
    state["phase"] = json!("applying");
    scene
        .session
        .set("/treekeeper/state", state.to_string().as_bytes());
    assert_snapshot!(scene.refusal(&["diff"], 1), @r"
    error[TK1127]: there is no commit to hold the live tree against: a sync is incomplete
    hint: `treekeeper plan` shows what a sync would do
    ");
}

#[test]
fn a_diff_that_fails_says_so_in_every_format() {
    let scene = Scene::synced(FILES);
    let mut state = scene.session.json("/treekeeper/state");
    state["commit"] = json!("1".repeat(40));
    scene
        .session
        .set("/treekeeper/state", state.to_string().as_bytes());
    let failed = |arguments: &[&str]| scene.treekeeper.run(arguments).expect(1);
    let text = failed(&["diff"]);
    assert_eq!(text.stdout, "");
    let told: Value = serde_json::from_str(&failed(&["diff", "--json"]).stdout).expect("JSON");
    assert_eq!(told["outcome"], json!("failed"));
    let comment = failed(&["diff", "--format", "markdown"]);
    assert_snapshot!(comment.stdout, @r"
    **There is no plan.**

    `TK1205` `1111111111111111111111111111111111111111 is not a branch, tag or commit of the repository`

    Hint: `list what there is: git ls-remote URL`
    ");
    assert_eq!(comment.stderr, text.stderr);
}
