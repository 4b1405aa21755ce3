//! Snapshots and plans over them: what `export --snapshot` writes, and that `plan --against` says what `plan` says.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use insta::assert_snapshot;

use crate::scene::Scene;
use crate::support::treekeeper::{Output, Treekeeper};

const CANARY: &str = "canary-7f3a";

fn file(scene: &Scene) -> String {
    let path = scene.treekeeper.home().join("snapshot.json");
    path.display().to_string()
}

fn take(scene: &Scene) -> String {
    scene.said(&["export", "--snapshot", &file(scene)])
}

/// Plans over the snapshot where no ZooKeeper is.
fn against(scene: &Scene, arguments: &[&str]) -> Output {
    let path = file(scene);
    let url = scene.repository.path().display().to_string();
    let elsewhere = Treekeeper::offline().with(&["--url", &url, "--zookeeper", "127.0.0.1:1"]);
    elsewhere.run(&[&["plan", "--against", &path], arguments].concat())
}

/// Takes out hashes of secrets, which are others in every run.
fn without_hashes(text: &str) -> String {
    let mut parts = text.split("(changed, ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        let (_, rest) = part.split_once(')').unwrap_or(("", part));
        out + "(changed)" + rest
    })
}

/// A tree with secrets, a provider that is ephemeral, and a top-level znode that nobody manages.
fn scene() -> Scene {
    let tree = format!("/a\n  n = 1\n  password = '{CANARY}-one'\n  /b\n    token = '{CANARY}-two'\n  /c\n");
    let scene = Scene::synced(&[("a.zk", &tree), ("l.zk", "/l\n  m = 'x'\n")]);
    scene.session.create("/scratch", b"{}");
    scene
        .session
        .create("/hosts/web-1", b"{\"version\":\"old\",\"error\":\"no space\"}");
    scene
}

#[test]
fn a_snapshot_is_taken_for_its_owner_only_and_holds_no_secret() {
    let scene = scene();
    let before = scene.freeze();
    assert_snapshot!(take(&scene), @"Snapshot: 4 znodes, 2 of them top-level; secrets hashed.");
    assert_eq!(scene.freeze(), before);
    let metadata = std::fs::metadata(file(&scene)).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(file(&scene)).unwrap();
    assert!(!text.contains(CANARY), "{text}");
    assert!(
        text.contains("\"others\": [\"scratch\"]") && text.contains("no space"),
        "{text}"
    );
    // Beside the time and the key, a second one is the same.
    let lasting = |text: &str| {
        let lines = text
            .lines()
            .filter(|line| !line.contains("\"taken\"") && !line.contains("\\u2022"));
        lines
            .filter(|line| !line.contains("\"key\""))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let second = scene.treekeeper.stdout(&["export", "--snapshot", "-"]);
    assert_eq!(lasting(&second), lasting(&text));
    let left: Vec<_> = std::fs::read_dir(scene.treekeeper.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("snapshot"))
        .collect();
    assert_eq!(left, ["snapshot.json"]);
}

#[test]
fn a_plan_over_a_snapshot_says_what_the_live_plan_says() {
    let scene = scene();
    take(&scene);
    let changed =
        format!("/a\n  n = 2\n  password = '{CANARY}-three'\n  /b\n    token = '{CANARY}-two'\n  /d\n");
    for (name, files) in [
        ("same", vec![("a.zk", "/a\n")]),
        (
            "changed",
            vec![("a.zk", changed.as_str()), ("l.zk", "/l\n  m = 'x'\n")],
        ),
        ("gone", vec![("l.zk", "/l\n  m = 'y'\n")]),
    ] {
        scene.commit(name, &files);
        for arguments in [&[][..], &["--prune-roots"], &["--exit-code"]] {
            let live = scene.treekeeper.run(&[&["plan"], arguments].concat());
            let over = against(&scene, arguments);
            assert_eq!(over.status, live.status, "{name}");
            let plain = |text: &str| without_hashes(text);
            assert_eq!(
                plain(&scene.words(&over.stdout)),
                plain(&scene.words(&live.stdout)),
                "{name}"
            );
            let said = over.stderr.split_once(".\n").map_or("", |(_, rest)| rest);
            assert_eq!(scene.words(said), scene.words(&live.stderr), "{name}");
            assert!(
                !over.stdout.contains(CANARY) && !over.stderr.contains(CANARY),
                "{}",
                over.stdout
            );
        }
    }
    scene.commit(
        "changed",
        &[("a.zk", changed.as_str()), ("l.zk", "/l\n  m = 'x'\n")],
    );
    assert_snapshot!(without_hashes(&scene.both(&against(&scene, &[]).expect(0))), @r"
    ~ /a
        ~ n = 1 -> 2
        ~ password = ••• (changed)
    + /a/d
    - /a/c
    Plan: 1 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    Planned over a snapshot of TIME, just taken, by MACHINE.
    A sync would be refused now:
      - [TK1002] host web-1 has not converged (old -> <first>)
    hint: wait until the hosts report the version (`treekeeper status` tells what they report), or add `--force` to `treekeeper sync`
    ");
    let json = against(&scene, &["--json"]).expect(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(
        json["snapshot"]["age_seconds"]
            .as_i64()
            .is_some_and(|age| (0..3_600).contains(&age))
    );
    assert!(json["snapshot"]["taken"].is_string() && json["snapshot"]["by"].is_string());
    assert_eq!(json["codes"], serde_json::json!(["TK1002"]));
    assert_eq!(json["plan"]["counts"]["delete"], 1);
}

#[test]
fn gates_are_judged_by_the_snapshot() {
    let scene = scene();
    scene.treekeeper.run(&["stop", "--reason", "fire"]).expect(0);
    take(&scene);
    scene.treekeeper.run(&["resume"]).expect(0);
    let many: String = (0..40).map(|number| format!("  /n{number}\n")).collect();
    scene.commit("many", &[("a.zk", &format!("/a\n{many}"))]);
    assert_snapshot!(scene.words(&against(&scene, &[]).expect(0).stderr), @r"
    Planned over a snapshot of TIME, just taken, by MACHINE.
    A sync would be refused now:
      - [TK1001] the cluster is stopped by MACHINE since TIME: fire
        host web-1 at old reports: no space
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
}

#[test]
fn what_a_snapshot_lacks_is_told() {
    let scene = scene();
    take(&scene);
    scene.commit("adopting", &[("s.zk", "/scratch\n")]);
    assert_snapshot!(scene.words(&against(&scene, &[]).expect(1).stderr), @r"
    Planned over a snapshot of TIME, just taken, by MACHINE.
    error[TK1124]: /scratch is live, the commit defines it, and the snapshot does not hold it
    hint: take one that does: `treekeeper export --snapshot FILE /scratch`
    ");
    scene.said(&["export", "/scratch", "--snapshot", &file(&scene)]);
    assert_snapshot!(scene.words(&against(&scene, &[]).expect(0).stdout), @r"
    ? /a is no longer in the files and stays, 3 znodes (--prune-roots deletes it)
    ? /l is no longer in the files and stays, 1 znode (--prune-roots deletes it)
    Nothing to change: 1 znode is as the files say.
    ");
}

#[test]
fn snapshots_that_cannot_be_taken_or_read_are_told() {
    let scene = scene();
    let snapshot = |arguments: &[&str], status| scene.refusal(&[&["export"], arguments].concat(), status);
    assert_snapshot!(snapshot(&["/hosts", "--snapshot", "x"], 3), @"refused[TK1010]: /hosts is reserved, and no plan is about it");
    assert_snapshot!(snapshot(&["/nowhere", "--snapshot", "x"], 1), @"error[TK1106]: there is no znode /nowhere");
    assert_snapshot!(snapshot(&["--snapshot", "/nowhere/x"], 1), @r"
    error[TK1209]: cannot write /nowhere/x: No such file or directory (os error 2)
    hint: name a file in a directory that can be written to: `treekeeper export --snapshot FILE`
    ");
    assert_snapshot!(snapshot(&["--snapshot", "x", "--plain"], 64).lines().next().unwrap(), @"error: the argument '--snapshot <FILE>' cannot be used with '--plain'");
    let over = |path: &Path, status| {
        let output = scene
            .treekeeper
            .run(&["plan", "--against", path.to_str().unwrap()]);
        scene.words(&output.expect(status).stderr)
    };
    assert_snapshot!(over(Path::new("absent.json"), 1), @r"
    error[TK1123]: cannot read the snapshot absent.json: No such file or directory (os error 2)
    hint: take one: `treekeeper export --snapshot FILE`
    ");
    let file = scene.treekeeper.file("wrong.json", "{\"format\": \"other\"}");
    assert_snapshot!(over(&file, 1), @r"
    error[TK1123]: cannot read the snapshot HOME/wrong.json: it is not a snapshot of treekeeper
    hint: take one: `treekeeper export --snapshot FILE`
    ");
    assert_snapshot!(scene.refusal(&["plan", "--json", "--format", "markdown"], 64), @"error: --json is --format json: give one of the two");
    scene.session.set("/hosts", b"{}");
    assert_snapshot!(snapshot(&["--snapshot", "x"], 1), @r"
    error[TK1114]: /hosts has no version
    hint: an operator sets it: `treekeeper resume VERSION`, with the commit that the hosts run
    ");
}
