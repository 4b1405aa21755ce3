//! What one transaction promises on a real server: whole or not at all, never over ALL STOP, never without the lock,
//! never over an edit that it has not seen, and told as it is when connections break.

mod support;

use support::background::Background;
use support::locks::{ForeignLock, Style};
use support::proxy::{PING, Then};
use support::scene::{KAZOO_LOCK, LOCK, Scene, talk, wait};
use support::treekeeper::Treekeeper;
use support::zookeeper::ZooKeeper;

const BEFORE: &str = "/app\n  /changed\n    v = 1\n  /gone\n    v = 1\n  /same\n    v = 1\n";
const AFTER: &str = "/app\n  /changed\n    v = 2\n  /new\n    v = 2\n  /same\n    v = 1\n";
const TREE_BEFORE: &str = "/app {}\n/app/changed {\"v\":1}\n/app/gone {\"v\":1}\n/app/same {\"v\":1}\n";
const TREE_AFTER: &str = "/app {}\n/app/changed {\"v\":2}\n/app/new {\"v\":2}\n/app/same {\"v\":1}\n";
const CRITICAL: &str = "CRITICAL ALL STOP, cluster version is None";

/// Sessions short enough to be waited for.
const SHORT: &str = "[limits]\nsession_timeout = \"3s\"\nrequest_timeout = \"10s\"\n";
/// A server that is gone is given up soon.
const IMPATIENT: &str =
    "[limits]\nsession_timeout = \"2s\"\nrequest_timeout = \"2s\"\nconnect_timeout = \"5s\"\n";

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
    let untouched = scene.session.try_get("/app/same").unwrap().1.mzxid;
    scene.sync(&[]).expect(0);
    expect_after(&scene, &after);
    assert_eq!(scene.proxy.multis(), 1);
    let stat = |path: &str| scene.session.try_get(path).unwrap().1;
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
    insta::assert_snapshot!(talk(&output), @"
    error: the cluster lock was taken away while the plan was applied
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
    insta::assert_snapshot!(talk(&output.expect(1)), @"
    error: the cluster lock was taken away while the plan was applied
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
    assert_eq!(scene.session.try_get("/app/changed").unwrap().1.version, 2);
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
    insta::assert_snapshot!(talk(&output), @"
    error: others kept changing the tree: 5 plans were overtaken, the last one at /app/changed
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

/// Runs a sync whose first transaction meets a fault that it must survive.
fn survive(then: Then, multis: usize) -> Scene {
    let (scene, [_, after]) = scene();
    let hosts_before = scene.session.try_get("/hosts").unwrap().1.version;
    scene.proxy.script(0, then);
    let output = scene.sync(&[]).expect(0);
    assert!(!output.stderr.contains("error"), "{}", output.stderr);
    assert_eq!(scene.proxy.multis(), multis);
    expect_after(&scene, &after);
    // Applied exactly once.
    assert_eq!(scene.session.try_get("/app/changed").unwrap().1.version, 1);
    assert_eq!(
        scene.session.try_get("/hosts").unwrap().1.version,
        hosts_before + 1
    );
    scene
}

#[test]
fn a_lost_reply_of_an_applied_transaction_is_read_from_the_state() {
    survive(Then::Swallow { multis: 1 }, 1);
}

#[test]
fn a_connection_cut_before_the_server_got_it_is_planned_again() {
    survive(Then::Cut, 2);
}

#[test]
fn half_a_frame_is_planned_again() {
    survive(Then::Half, 2);
}

#[test]
fn a_stall_longer_than_the_clients_patience_is_told_right() {
    let (scene, [_, after]) = scene_with(Some(SHORT));
    scene.proxy.hold(0);
    let running = scene.start(&[]);
    scene.proxy.wait_held(0);
    let pings = scene.proxy.frames(PING);
    // The client gives this connection up and comes again on another, in the same session.
    wait("another connection", || scene.proxy.frames(PING) > pings);
    scene.proxy.release(0, Then::Forward);
    running.finish().expect(0);
    expect_after(&scene, &after);
    assert_eq!(scene.session.try_get("/app/changed").unwrap().1.version, 1);
}

/// Lets the session of a running sync expire while its transaction is in flight, then answers again.
fn expire_in_flight(then: Then, status: i32) -> (Scene, [String; 2], String) {
    let (scene, commits) = scene_with(Some(SHORT));
    scene.proxy.hold(0);
    let running = scene.start(&[]);
    scene.proxy.wait_held(0);
    let owner = scene
        .session
        .try_get(&scene.candidate())
        .unwrap()
        .1
        .ephemeral_owner;
    scene.proxy.release(0, then);
    scene.proxy.wait_dark();
    let session = format!("0x{owner:x}");
    wait("the session to expire", || {
        !ZooKeeper::shared().word("dump").contains(&session)
    });
    scene.proxy.light();
    let output = running.finish().expect(status);
    (scene, commits, talk(&output))
}

#[test]
fn a_session_that_expires_after_the_transaction_was_applied_is_a_success() {
    let (scene, [_, after], talk) = expire_in_flight(Then::SwallowAndDark, 0);
    insta::assert_snapshot!(talk, @"
    warning: the session was lost after everything had been applied
    Synced to ID: 1 created, 1 changed, 1 deleted in 1 transaction.
    ");
    expect_after(&scene, &after);
}

#[test]
fn a_session_that_expires_before_the_transaction_arrived_is_a_failure() {
    let (scene, [before, after], talk) = expire_in_flight(Then::Dark, 1);
    insta::assert_snapshot!(talk, @"
    error: the session was lost before anything was written
    hint: run the same command again
    ");
    expect_before(&scene, &before);
    scene.sync(&[]).expect(0);
    expect_after(&scene, &after);
}

#[test]
fn a_process_that_was_paused_longer_than_its_session_writes_nothing_more() {
    let (scene, [before, _]) = scene_with(Some(SHORT));
    scene.proxy.hold(0);
    let running = scene.start(&[]);
    scene.proxy.wait_held(0);
    running.signal("-STOP");
    scene.wait_unlocked();
    running.signal("-CONT");
    scene.proxy.release(0, Then::Forward);
    running.finish().expect(1);
    expect_before(&scene, &before);
    assert_eq!(scene.version(), before);
}

#[test]
fn a_server_that_is_gone_for_good_leaves_the_outcome_unknown() {
    for then in [Then::SwallowAndDark, Then::Dark] {
        let (scene, [before, after]) = scene_with(Some(IMPATIENT));
        scene.proxy.script(0, then);
        let output = scene.sync(&[]).expect(8);
        let errors = output
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: whether the plan was applied"));
        assert_eq!(errors.count(), 1, "{}", output.stderr);
        match then {
            Then::Dark => expect_before(&scene, &before),
            _ => assert_eq!(scene.tree("/app"), TREE_AFTER),
        }
        scene.proxy.light();
        scene.wait_unlocked();
        scene.sync(&[]).expect(0);
        expect_after(&scene, &after);
    }
}

const REFUSED: &str = "ERROR Refused to update zookeeper tree, couldn't obtain cluster lock";

#[test]
fn foreign_holders_refuse_us_and_we_refuse_them() {
    for (lock, styles) in [
        ("zktools", &[Style::Zktools][..]),
        ("kazoo", &[Style::Kazoo]),
        ("both", &[Style::Zktools, Style::Kazoo]),
    ] {
        let scene = Scene::new();
        let commit = scene.commit(BEFORE);
        for style in styles {
            let mut foreign = ForeignLock::new(*style, &scene.connect);
            foreign.hold();
            let output = scene.sync(&["--lock", lock]).expect(6);
            assert_eq!(output.log().last().unwrap(), REFUSED);
            assert!(
                talk(&output).contains("the lock is held by /"),
                "{}",
                output.stderr
            );
            assert!(!scene.session.exists("/app"));
            foreign.release();
        }
        // Nothing of ours is left in line.
        for style in styles {
            assert!(
                ForeignLock::new(*style, &scene.connect).try_hold(),
                "{lock}: {style:?}"
            );
        }
        scene
            .sync_with(&["--lock", lock], 0, || {
                for style in styles {
                    assert!(
                        !ForeignLock::new(*style, &scene.connect).try_hold(),
                        "{lock}: {style:?}"
                    );
                }
            })
            .expect(0);
        assert_eq!(scene.version(), commit);
        for style in styles {
            assert!(
                ForeignLock::new(*style, &scene.connect).try_hold(),
                "{lock}: {style:?}"
            );
        }
        assert_eq!(scene.session.exists(LOCK), lock != "kazoo");
        assert_eq!(scene.session.exists(KAZOO_LOCK), lock != "zktools");
    }
}

#[test]
fn lock_wait_gets_the_lock_when_the_holder_goes() {
    let (scene, [_, after]) = scene();
    let mut foreign = ForeignLock::new(Style::Zktools, &scene.connect);
    foreign.hold();
    let mut running = scene.start(&["--lock-wait", "60"]);
    wait("our candidate", || scene.candidates().len() == 2);
    assert!(running.is_running());
    assert_eq!(scene.tree("/app"), TREE_BEFORE);
    foreign.release();
    running.finish().expect(0);
    expect_after(&scene, &after);
}

#[test]
fn lock_wait_ends() {
    let (scene, [before, _]) = scene();
    let mut foreign = ForeignLock::new(Style::Zktools, &scene.connect);
    foreign.hold();
    let output = scene.sync(&["--lock-wait", "1"]).expect(6);
    assert_eq!(output.log().last().unwrap(), REFUSED);
    assert!(output.stderr.contains("still after 1 s"), "{}", output.stderr);
    expect_before(&scene, &before);
    foreign.release();
    assert_eq!(scene.candidates(), Vec::<String>::new());
}

#[test]
fn another_lock_style_is_refused_until_it_is_adopted() {
    let (scene, [before, after]) = scene();
    let output = scene.sync(&["--lock", "kazoo"]).expect(3);
    insta::assert_snapshot!(talk(&output), @"
    refused: earlier syncs of this tree took the zktools lock, this one would take the kazoo lock
    hint: if this one is to take over: `treekeeper sync --adopt`
    ");
    expect_before(&scene, &before);
    assert!(!scene.session.exists(KAZOO_LOCK));
    scene.sync(&["--lock", "kazoo", "--adopt"]).expect(0);
    expect_after(&scene, &after);
    let next = scene.commit(BEFORE);
    scene.sync(&[]).expect(3);
    assert_eq!(scene.version(), after);
    scene.sync(&["--lock", "kazoo"]).expect(0);
    expect_before(&scene, &next);
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
    for key in ["sync_id", "by", "at", "outcomes"] {
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
      "orphans": [],
      "phase": "clean",
      "pinned": null,
      "repository": "BEFORE",
      "roots": [
        "app"
      ],
      "schema": 1,
      "step": 0,
      "steps": 0,
      "stop": null,
      "to": null
    }
    "#);
}

#[test]
fn an_import_survives_broken_connections() {
    for then in [Then::Swallow { multis: 1 }, Then::Cut, Then::Half] {
        let (scene, [before, _]) = scene();
        let file = scene.treekeeper.file("one.zk", "/app/changed\n  v = 5\n");
        scene.proxy.script(0, then);
        let output = scene
            .treekeeper
            .run(&["import", &file.display().to_string()])
            .expect(0);
        assert!(!output.stderr.contains("error"), "{}", output.stderr);
        assert_eq!(
            scene.tree("/app"),
            TREE_BEFORE.replace("changed {\"v\":1}", "changed {\"v\":5}")
        );
        assert_eq!(scene.session.try_get("/app/changed").unwrap().1.version, 1);
        scene.expect_clean(&before);
    }
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

#[test]
fn treekeepers_exclude_each_other() {
    let (scene, [_, after]) = scene();
    let other = Treekeeper::new(&scene.connect, scene.repository.path());
    scene
        .sync_with(&[], 0, || drop(other.run(&["sync"]).expect(6)))
        .expect(0);
    expect_after(&scene, &after);
    other.run(&["sync"]).expect(0);
}
