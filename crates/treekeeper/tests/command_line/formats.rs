//! `--format` of every command that shows a plan: the same plan as text, JSON and Markdown.

use insta::assert_snapshot;
use serde_json::Value;

use crate::scene::Scene;

const FILES: &[(&str, &str)] = &[("a.zk", "/a\n  n = 1\n  password = 'canary-1'\n  /b\n  /c\n")];

/// Commands that plan the same over a tree that somebody has changed by hand.
const COMMANDS: [&[&str]; 3] = [&["plan"], &["diff"], &["sync", "--dry-run", "--repair"]];

fn drifted() -> Scene {
    let scene = Scene::synced(FILES);
    scene.session.set("/a", br#"{"n":2,"password":"canary-2"}"#);
    scene.session.delete("/a/b");
    scene.session.create("/a/extra", b"{}");
    scene
}

/// Returns what a command prints in a format, without times and hashes, which differ from run to run.
fn shown(scene: &Scene, command: &[&str], format: &str) -> String {
    let output = scene
        .treekeeper
        .run(&[command, &["--format", format]].concat())
        .expect(0);
    let line = |line: &str| {
        let line = line.split("  (written ").next().unwrap_or_default();
        match line.split_once("(changed, ") {
            Some((before, hashes)) => {
                let (old, new) = hashes
                    .trim_end_matches(')')
                    .split_once(" -> ")
                    .expect("two hashes");
                assert!(old.len() == 8 && new.len() == 8 && old != new, "{hashes}");
                format!("{before}(changed, OLD -> NEW)\n")
            }
            None => format!("{line}\n"),
        }
    };
    assert!(!output.stdout.contains("canary"), "{}", output.stdout);
    scene.words(&output.stdout).lines().map(line).collect()
}

#[test]
fn plan_diff_and_dry_run_show_one_plan_in_every_format() {
    let scene = drifted();
    assert_snapshot!(shown(&scene, &["diff"], "text"), @r"
    ~ /a
        ~ n = 2 -> 1
        ~ password = ••• (changed, OLD -> NEW)
    + /a/b
    - /a/extra
    Plan: 1 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    ");
    assert_snapshot!(shown(&scene, &["diff"], "markdown"), @r"
    **Plan: 1 to create, 1 to change, 1 to delete (1 transaction, N bytes).**

    Commit `<first short>`, against the live tree.

    **Deletes 1 znode:**

    - `/a/extra`

    <details>
    <summary>The whole plan</summary>

    ```diff
    ! /a
    !     n = 2 -> 1
    !     password = ••• (changed, OLD -> NEW)
    + /a/b
    - /a/extra
    ```

    </details>
    ");
    for format in ["text", "markdown"] {
        let [plan, diff, dry_run] = COMMANDS.map(|command| shown(&scene, command, format));
        assert_eq!(plan, diff, "{format}");
        assert_eq!(plan, dry_run, "{format}");
    }
    let changes = |command: &[&str]| {
        let text = scene
            .treekeeper
            .stdout(&[command, &["--format", "json"]].concat());
        let told: Value = serde_json::from_str(&text).expect("JSON");
        let mut changes = told["plan"]["changes"].clone();
        for change in changes.as_array_mut().expect("a list") {
            let change = change.as_object_mut().expect("an object");
            change.retain(|key, _| key != "mtime" && key != "mzxid");
            for property in change
                .get_mut("properties")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                let property = property.as_object_mut().expect("an object");
                property.retain(|key, _| !key.ends_with("_hash"));
            }
        }
        changes
    };
    let [plan, diff, dry_run] = COMMANDS.map(changes);
    assert_eq!(plan.as_array().map(Vec::len), Some(3));
    assert_eq!(plan, diff);
    assert_eq!(plan, dry_run);
    for command in COMMANDS {
        let both = [command, &["--json"]].concat();
        assert!(shown(&scene, &both, "json").starts_with("{\"codes\":"));
    }
}

#[test]
fn a_comment_of_drift_tells_who_was_last() {
    let scene = drifted();
    let said = scene.treekeeper.stdout(&["diff", "--format", "markdown"]);
    let (_, stat) = scene.session.try_get("/a").expect("/a is there");
    assert!(said.contains(&format!("zxid 0x{:x})", stat.mzxid)), "{said}");
    let said = scene.treekeeper.stdout(&["plan", "--format", "markdown"]);
    assert!(!said.contains("zxid"), "{said}");
}

#[test]
fn the_comment_of_a_refused_dry_run_shows_the_plan_that_is_refused() {
    let nodes: String = (0..30).map(|number| format!("  /n{number:02}\n")).collect();
    let scene = Scene::synced(&[("a.zk", &format!("/a\n{nodes}"))]);
    scene.commit("none", &[("a.zk", "/a\n")]);
    let output = scene
        .treekeeper
        .run(&["sync", "--dry-run", "--format", "markdown"])
        .expect(3);
    let said = scene.words(&output.stdout);
    let lines: Vec<&str> = said.lines().filter(|line| !line.contains("/a/n")).collect();
    assert_snapshot!(lines.join("\n"), @r"
    **Refused. Plan: 0 to create, 0 to change, 30 to delete.**

    Commit `<none short>`, against the live tree.

    **Why:**

    - `TK1007` `the plan deletes 30 znodes, the budget is 20 of 31 managed ones`

    Hint: `` read the plan (`treekeeper plan`), then allow it once: add `--allow-delete 30` to `treekeeper sync` ``

    **Deletes 30 znodes:**


    <details>
    <summary>The whole plan</summary>

    ```diff
    ```

    </details>
    ");
    assert!(
        said.contains("\n- `/a/n29`\n") && said.contains("\n- /a/n29\n"),
        "{said}"
    );
}

#[test]
fn a_comment_says_what_the_server_said() {
    let scene = drifted();
    let check = ["sync", "--dry-run", "--repair", "--check"];
    let accepted = shown(&scene, &check, "markdown");
    assert!(
        accepted.contains("\nThe server would accept it: 1 transaction, "),
        "{accepted}"
    );
    assert_eq!(
        accepted
            .lines()
            .filter(|line| line.starts_with("The server"))
            .count(),
        1
    );
}

#[test]
fn formats_that_contradict_are_wrong_usage() {
    let scene = drifted();
    for command in COMMANDS {
        let both = [command, &["--json", "--format", "markdown"]].concat();
        assert_eq!(
            scene.refusal(&both, 64),
            "error: --json is --format json: give one of the two\n"
        );
    }
    assert_snapshot!(scene.refusal(&["sync", "--format", "markdown"], 64), @r"
    error: the following required arguments were not provided:
      --dry-run

    Usage: treekeeper sync --dry-run --format <FORMAT>

    For more information, try '--help'.
    ");
}
