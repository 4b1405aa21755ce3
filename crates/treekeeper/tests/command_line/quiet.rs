//! `bump = "tree"`: commits that leave the tree as it is leave `/hosts` as it is.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::scene::Scene;

const FILES: &[(&str, &str)] = &[("a.zk", "/a\n  n = 1\n")];
const README: &[(&str, &str)] = &[("a.zk", "# A comment.\n/a\n  n = 1\n"), ("README.md", "words")];

/// A cluster at `first`, and a commit `readme` with the same tree.
fn scene(config: &str) -> Scene {
    let scene = Scene::synced(FILES);
    scene.configure(config);
    scene.commit("readme", README);
    scene
}

fn version(scene: &Scene) -> String {
    scene.words(&scene.session.text("/hosts"))
}

#[test]
fn a_quiet_commit_does_not_move_the_version() {
    let scene = scene("bump = 'tree'\n");
    // Nobody deploys, so nobody has to converge.
    scene.session.create("/hosts/web", br#"{"version":"older"}"#);
    let hosts = scene.freeze()["/hosts"].clone();
    let tree = scene.freeze_tree();
    let said = r"
    INFO VCS Version: <readme>
    INFO ZK Version: <first>
    The tree of <readme short> is that of <first short>, which is deployed: /hosts stays there (bump = TREE).
    ";
    let lines = |text: &str| {
        text.replace("\"tree\"", "TREE")
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    };
    let before = scene.freeze();
    assert_eq!(lines(&scene.said(&["sync", "--dry-run"])), lines(said));
    assert_eq!(scene.freeze(), before, "a dry run writes nothing");
    assert_eq!(lines(&scene.said(&["sync"])), lines(said));
    assert_eq!(
        (scene.freeze()["/hosts"].clone(), scene.freeze_tree()),
        (hosts, tree)
    );
    let noted = scene.freeze();
    assert_eq!(lines(&scene.said(&["sync"])), lines(said));
    assert_eq!(scene.freeze(), noted, "what is noted is not noted again");
    assert_snapshot!(scene.printed(&["status"]), @r"
    Converging: 0 of 1 hosts at <first short>.
    version   <first>
    deployed  <first> by MACHINE at TIME
    seen      <readme>, which has the same tree
    drift     none
    lock      free
    host      web  older  behind
    ");
    let told: Value = serde_json::from_str(&scene.treekeeper.stdout(&["history", "--json"])).expect("JSON");
    assert_eq!(
        told["deployments"].as_array().map(Vec::len),
        Some(1),
        "nothing was deployed"
    );
    let plan = scene.both(&scene.treekeeper.run(&["plan", "--exit-code"]).expect(0));
    assert_snapshot!(plan, @r#"
    Nothing to change: 1 znode is as the files say.
    The tree of <readme short> is that of <first short>, which is deployed: /hosts stays there (bump = "tree").
    "#);
    let json: Value = serde_json::from_str(&scene.treekeeper.stdout(&["sync", "--json"])).expect("JSON");
    assert_eq!(scene.words(&json["stays_at"].to_string()), "\"<first>\"");
}

#[test]
fn by_default_every_commit_moves_the_version() {
    let scene = scene("");
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_eq!(version(&scene), r#"{"version":"<readme>"}"#);
}

#[test]
fn a_commit_that_changes_the_tree_moves_on_from_a_quiet_one() {
    let scene = scene("bump = 'tree'\n");
    scene.treekeeper.run(&["sync"]).expect(0);
    scene.commit("third", &[("a.zk", "/a\n  n = 2\n")]);
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_eq!(version(&scene), r#"{"version":"<third>"}"#);
    assert_eq!(scene.session.text("/a"), r#"{"n":2}"#);
    // And one that undoes it, too: what counts is what is deployed.
    scene.commit("fourth", FILES);
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_eq!(version(&scene), r#"{"version":"<fourth>"}"#);
}

#[test]
fn drift_at_a_quiet_commit_is_mended_without_moving_the_version() {
    let scene = scene("bump = 'tree'\n");
    scene.session.set("/a", br#"{"n":7}"#);
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_eq!(
        scene.session.text("/a"),
        r#"{"n":7}"#,
        "a plain sync mends no drift"
    );
    scene.treekeeper.run(&["plan", "--exit-code"]).expect(2);
    let hosts = scene.freeze()["/hosts"].clone();
    scene.treekeeper.run(&["sync", "--repair"]).expect(0);
    assert_eq!(scene.session.text("/a"), r#"{"n":1}"#);
    assert_eq!(scene.freeze()["/hosts"], hosts);
    let told: Value = serde_json::from_str(&scene.treekeeper.stdout(&["history", "--json"])).expect("JSON");
    let newest = &told["deployments"][0];
    assert_eq!(newest["kind"], json!("repair"));
    assert_eq!(scene.words(&newest["commit"].to_string()), "\"<first>\"");
}

#[test]
fn a_pause_ends_at_the_deployed_commit() {
    let scene = scene("bump = 'tree'\n");
    scene.said(&["pause"]);
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_eq!(version(&scene), r#"{"version":"<first>"}"#);
}

#[test]
fn a_quiet_commit_passes_the_gates_of_history_and_of_a_pin() {
    let scene = scene("bump = 'tree'\n");
    scene.treekeeper.run(&["rollback", "1"]).expect(1);
    let first = scene.repository.git(&["rev-parse", "HEAD~1"]);
    scene.treekeeper.run(&["rollback", first.trim()]).expect(0);
    scene.treekeeper.run(&["sync"]).expect(3);
    scene.said(&["unpin"]);
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_eq!(version(&scene), r#"{"version":"<first>"}"#);
}

#[test]
fn protection_alone_is_taken_up_by_a_quiet_commit() {
    let scene = scene("bump = 'tree'\n");
    scene.commit(
        "protect",
        &[FILES[0], ("treekeeper.toml", "[delete]\nprotect = ['/a/**']\n")],
    );
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_eq!(
        scene.session.json("/treekeeper/state")["protected"],
        json!(["/a/**"])
    );
    assert_eq!(version(&scene), r#"{"version":"<first>"}"#);
}

#[test]
fn a_saved_plan_is_applied_under_the_bump_that_it_was_made_under() {
    let saved = |made: &str, applied: &str| {
        let scene = scene(made);
        scene.treekeeper.run(&["plan", "--out", "plan.json"]).expect(0);
        scene.configure(applied);
        scene.treekeeper.run(&["apply", "plan.json"]).expect(0);
        version(&scene)
    };
    let (tree, commit) = ("bump = 'tree'\n", "bump = 'commit'\n");
    assert_eq!(saved(tree, commit), r#"{"version":"<first>"}"#);
    assert_eq!(saved(commit, tree), r#"{"version":"<readme>"}"#);
}
