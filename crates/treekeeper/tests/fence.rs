//! What one transaction promises on a real server: whole or not at all, never over ALL STOP, never without the lock,
//! never over an edit that it has not seen, and told as it is when connections break.

#[path = "fence/locks.rs"]
mod locks;
#[path = "fence/lost.rs"]
mod lost;
mod support;

use support::background::Background;
use support::proxy::Then;
use support::scene::{LOCK, Scene, side_by_side, talk, wait};
use support::server::Server;

const BEFORE: &str = "/app\n  /changed\n    v = 1\n  /gone\n    v = 1\n  /same\n    v = 1\n";
const AFTER: &str = "/app\n  /changed\n    v = 2\n  /new\n    v = 2\n  /same\n    v = 1\n";
const TREE_BEFORE: &str = "/app {}\n/app/changed {\"v\":1}\n/app/gone {\"v\":1}\n/app/same {\"v\":1}\n";
const TREE_AFTER: &str = "/app {}\n/app/changed {\"v\":2}\n/app/new {\"v\":2}\n/app/same {\"v\":1}\n";
const CRITICAL: &str = "CRITICAL ALL STOP, cluster version is None";

/// A cluster at BEFORE, and AFTER committed.
fn scene() -> (Scene, [String; 2]) {
    scene_with(None)
}

fn scene_with(config: Option<&str>) -> (Scene, [String; 2]) {
    let scene = config.map_or_else(Scene::new, Scene::with_config);
    let before = scene.deploy(BEFORE);
    let after = scene.commit(AFTER);
    (scene, [before, after])
}

fn expect_before(scene: &Scene, commit: &str) {
    assert_eq!(scene.tree("/app"), TREE_BEFORE);
    assert_eq!(scene.state()["commit"], commit);
    assert_eq!(scene.phase(), "clean 0/0");
}

fn expect_after(scene: &Scene, commit: &str) {
    assert_eq!(scene.tree("/app"), TREE_AFTER);
    scene.expect_clean(commit);
}

#[test]
fn a_plan_that_fits_is_one_zxid_with_hosts_state_and_lock() {
    let (scene, [_, after]) = scene();
    let untouched = scene.stat("/app/same").mzxid;
    scene.sync(&[]).expect(0);
    expect_after(&scene, &after);
    assert_eq!(scene.proxy.multis(), 1);
    let stat = |path: &str| scene.stat(path);
    let zxid = stat("/hosts").mzxid;
    let all = [
        stat("/treekeeper/state").mzxid,
        stat("/app/changed").mzxid,
        stat("/app/new").czxid,
        stat("/app").pzxid,
        stat(LOCK).pzxid,
    ];
    assert_eq!(all, [zxid; 5]);
    assert_eq!(stat("/app/same").mzxid, untouched);
}

#[test]
fn an_all_stop_between_plan_and_commit_survives() {
    let (scene, [before, _]) = scene();
    let output = scene.sync_with(&[], 0, || scene.set_version("null")).expect(5);
    assert_eq!(output.log().last().unwrap(), CRITICAL);
    assert_eq!(scene.session.text("/hosts"), "{\"version\": null}");
    expect_before(&scene, &before);
    assert_eq!(scene.candidates(), Vec::<String>::new());
}

#[test]
fn an_all_stop_raised_after_a_forced_sync_began_survives() {
    let (scene, [before, _]) = scene();
    let output = scene
        .sync_with(&["--force"], 0, || scene.set_version("null"))
        .expect(5);
    assert_eq!(output.log().last().unwrap(), CRITICAL);
    assert_eq!(scene.session.text("/hosts"), "{\"version\": null}");
    expect_before(&scene, &before);
}

#[test]
fn a_forced_sync_replaces_only_the_all_stop_that_it_read() {
    let (scene, [before, after]) = scene();
    scene.set_version("null");
    scene
        .sync_with(&["--force"], 0, || scene.set_version("null"))
        .expect(5);
    assert_eq!(scene.session.text("/hosts"), "{\"version\": null}");
    expect_before(&scene, &before);
    let output = scene.sync(&["--force"]).expect(0);
    assert_eq!(output.log()[0], CRITICAL);
    expect_after(&scene, &after);
}

#[test]
fn a_holder_whose_candidate_was_deleted_writes_nothing_more() {
    let (scene, [before, _]) = scene();
    let output = scene
        .sync_with(&[], 0, || scene.session.delete(&scene.candidate()))
        .expect(1);
    insta::assert_snapshot!(talk(&output), @r"
    error[TK1111]: the cluster lock was taken away while the plan was applied
    hint: nothing was written; `treekeeper lock show` tells who holds it, then run the same command again
    ");
    expect_before(&scene, &before);
    assert_eq!(scene.version(), before);
    assert_eq!(scene.proxy.multis(), 1);
}

#[test]
fn a_holder_that_was_asked_to_unlock_writes_nothing_more() {
    let (scene, [before, _]) = scene();
    let output = scene.sync_with(&[], 0, || scene.write(&scene.candidate(), "unlock"));
    insta::assert_snapshot!(talk(&output.expect(1)), @r"
    error[TK1111]: the cluster lock was taken away while the plan was applied
    hint: nothing was written; `treekeeper lock show` tells who holds it, then run the same command again
    ");
    expect_before(&scene, &before);
    assert_eq!(scene.version(), before);
    assert_eq!(scene.proxy.multis(), 1);
    scene.wait_unlocked();
}

#[test]
fn an_edit_of_a_managed_node_is_planned_again() {
    let (scene, [_, after]) = scene();
    scene
        .sync_with(&[], 0, || scene.write("/app/changed", "{\"v\":9,\"by\":1}"))
        .expect(0);
    assert_eq!(scene.proxy.multis(), 2);
    // Two writes: the edit, then ours over what the second plan has read.
    assert_eq!(scene.stat("/app/changed").version, 2);
    expect_after(&scene, &after);
}

#[test]
fn an_edit_of_a_foreign_node_stays_and_disturbs_nothing() {
    let (scene, [_, after]) = scene();
    scene.session.create("/other", b"{}");
    scene
        .sync_with(&[], 0, || scene.write("/other", "mine"))
        .expect(0);
    assert_eq!(scene.proxy.multis(), 1);
    assert_eq!(scene.session.text("/other"), "mine");
    expect_after(&scene, &after);
}

#[test]
fn an_editor_who_never_stops_ends_the_sync_after_five_more_plans() {
    let (scene, [before, _]) = scene();
    (0..6).for_each(|multi| scene.proxy.hold(multi));
    let running = scene.start(&[]);
    for multi in 0..6 {
        let edit = format!("{{\"v\":{}}}", 100 + multi);
        scene.proxy.at(multi, || scene.write("/app/changed", &edit));
    }
    let output = running.finish().expect(1);
    insta::assert_snapshot!(talk(&output), @r"
    error[TK1009]: others kept changing the tree: 5 plans were overtaken, the last one at /app/changed
    hint: find out who writes there, then run the same command again
    ");
    assert_eq!(scene.proxy.multis(), 6);
    assert_eq!(
        scene.tree("/app"),
        TREE_BEFORE.replace("changed {\"v\":1}", "changed {\"v\":105}")
    );
    scene.expect_clean(&before);
}

#[test]
fn a_child_created_below_a_node_that_goes_is_planned_again() {
    let (scene, [_, after]) = scene();
    scene
        .sync_with(&[], 0, || scene.session.create("/app/gone/child", b""))
        .expect(0);
    assert_eq!(scene.proxy.multis(), 2);
    expect_after(&scene, &after);
}

#[test]
fn a_node_deleted_before_it_is_set_is_created() {
    let (scene, [_, after]) = scene();
    scene
        .sync_with(&[], 0, || scene.session.delete("/app/changed"))
        .expect(0);
    assert_eq!(scene.proxy.multis(), 2);
    expect_after(&scene, &after);
}

#[test]
fn a_node_created_before_we_create_it_is_set() {
    let (scene, [_, after]) = scene();
    scene
        .sync_with(&[], 0, || scene.session.create("/app/new", b"{\"v\":7}"))
        .expect(0);
    assert_eq!(scene.proxy.multis(), 2);
    expect_after(&scene, &after);
}

#[test]
fn a_node_deleted_before_we_delete_it_is_fine() {
    let (scene, [_, after]) = scene();
    scene
        .sync_with(&[], 0, || scene.session.delete("/app/gone"))
        .expect(0);
    assert_eq!(scene.proxy.multis(), 2);
    expect_after(&scene, &after);
}

#[test]
fn other_properties_of_hosts_survive() {
    let (scene, [before, after]) = scene();
    let with = |note: &str| format!("{{\"version\": \"{before}\", \"note\": \"{note}\", \"n\": 1}}");
    scene.session.set("/hosts", with("old").as_bytes());
    scene
        .sync_with(&[], 0, || scene.write("/hosts", &with("new")))
        .expect(0);
    assert_eq!(
        scene.session.text("/hosts"),
        format!("{{\"n\":1,\"note\":\"new\",\"version\":\"{after}\"}}")
    );
    assert_eq!(scene.proxy.multis(), 2);
    expect_after(&scene, &after);
}

#[test]
fn the_state_says_what_was_deployed_from_where() {
    let (scene, [before, after]) = scene();
    scene.sync(&[]).expect(0);
    let mut state = scene.state();
    assert_eq!(state["outcomes"][1]["sync_id"], state["sync_id"]);
    assert!(state["by"].as_str().is_some_and(|by| !by.is_empty()));
    for key in ["sync_id", "by", "at", "outcomes", "tree_sha256"] {
        state.as_object_mut().unwrap().remove(key);
    }
    let text = serde_json::to_string_pretty(&state).unwrap();
    // The repository's identity is its root commit.
    insta::assert_snapshot!(text.replace(&before, "BEFORE").replace(&after, "AFTER"), @r#"
    {
      "commit": "AFTER",
      "from": null,
      "generation": 2,
      "grants": {
        "adopt": false,
        "allow_delete": null,
        "allow_rewind": false,
        "commit": "",
        "prune_roots": false
      },
      "lock": "zktools",
      "phase": "clean",
      "pinned": null,
      "repository": "BEFORE",
      "schema": 1,
      "seen": "AFTER",
      "step": 0,
      "steps": 0,
      "stop": null,
      "to": null
    }
    "#);
}

#[test]
fn an_import_never_writes_over_an_all_stop_or_without_the_lock() {
    let (scene, [before, _]) = scene();
    let file = scene
        .treekeeper
        .file("one.zk", "/app/changed\n  v = 5\n")
        .display()
        .to_string();
    let import = |multi: usize, work: &dyn Fn()| {
        scene.proxy.hold(multi);
        let running = Background::start(&scene.treekeeper, &["import", &file]);
        scene.proxy.at(multi, work);
        running.finish()
    };
    import(0, &|| scene.session.delete(&scene.candidate())).expect(1);
    expect_before(&scene, &before);
    import(1, &|| scene.set_version("null")).expect(5);
    expect_before(&scene, &before);
}
