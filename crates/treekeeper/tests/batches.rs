//! What a plan too big for one transaction promises on a real server: behind the marker until it is whole, whatever
//! breaks in the middle, and finished by the next plain sync.

mod support;

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use serde_json::Value;

use support::background::Background;
use support::leaves::{Leaves, leaves, stored, text};
use support::proxy::Then;
use support::scene::{Scene, side_by_side, talk, wait};
use support::server::Server;

const CRITICAL: &str = "CRITICAL ALL STOP, cluster version is None";

/// Small transactions, so that small trees are batches; patient sessions.
const SMALL: &str = "[limits]\ntransaction_operations = 20\nbatch_bytes = 1900\nsession_timeout = \"60s\"\n";
/// The same with sessions that can be waited for.
const SHORT: &str = "[limits]\ntransaction_operations = 20\nbatch_bytes = 1900\nsession_timeout = \"6s\"\n";

fn tree(scene: &Scene) -> String {
    let mut lines: Vec<String> = scene
        .tree("/big")
        .lines()
        .map(|line| format!("{line}\n"))
        .collect();
    lines.sort();
    lines.concat()
}

/// Twelve groups at 1.
fn before() -> Leaves {
    leaves(12, 10, 1)
}

/// Nine groups at 2: seven of the twelve before, and two others.
fn after() -> Leaves {
    let mut all = leaves(14, 10, 2);
    all.retain(|path, _| !["g000", "g003", "g004", "g006", "g007"].contains(&&path[5..9]));
    all
}

/// The deletions of that are more than a plain sync may do.
const GRANT: [&str; 2] = ["--allow-delete", "55"];

fn scene(config: &str) -> (Scene, [String; 2]) {
    let scene = Scene::with_config(config);
    let old = scene.deploy(&text(&before()));
    let new = scene.commit(&text(&after()));
    (scene, [old, new])
}

fn expect_whole(scene: &Scene, leaves: &Leaves, commit: &str) {
    assert_eq!(tree(scene), stored(leaves));
    scene.expect_clean(commit);
}

/// Returns how many batches the running sync has, once its marker stands.
fn steps(scene: &Scene) -> usize {
    usize::try_from(scene.state()["steps"].as_u64().expect("a number")).expect("a small number")
}

/// Starts a sync that is held before its k-th batch, from 1, and waits for that.
fn held_at(scene: &Scene, batch: usize) -> Background {
    scene.proxy.hold(batch);
    let running = scene.start(&GRANT);
    scene.proxy.wait_held(batch);
    // Batches before it are on their way, and the server has them soon.
    wait("the batches before", || {
        scene.phase().starts_with(&format!("applying {}/", batch - 1))
    });
    assert_eq!(scene.version(), false);
    running
}

#[test]
fn twenty_thousand_znodes_commit_behind_a_marker() {
    let scene = Scene::new();
    let old = scene.deploy("/big\n");
    let many = leaves(100, 199, 1);
    let commit = scene.commit(&text(&many));
    scene.proxy.hold(0);
    scene.proxy.hold(9);
    let running = scene.start(&[]);
    scene.proxy.at(0, || {
        assert_eq!(
            (scene.version(), scene.phase()),
            (Value::from(old), "clean 0/0".to_owned())
        )
    });
    scene.proxy.wait_held(9);
    wait("eight batches", || scene.phase().starts_with("applying 8/"));
    assert_eq!(scene.version(), false);
    let steps = steps(&scene);
    scene.proxy.hold(steps + 1);
    scene.proxy.release(9, Then::Forward);
    // All batches are in the tree, and still no reader sees the new version.
    scene.proxy.wait_held(steps + 1);
    wait("all batches", || {
        scene.phase() == format!("applying {steps}/{steps}")
    });
    assert_eq!(scene.version(), false);
    scene.proxy.release(steps + 1, Then::Forward);
    let output = running.finish().expect(0);
    let told = format!(
        "20000 created, 0 changed, 0 deleted in {} transactions.",
        steps + 2
    );
    assert!(output.stderr.contains(&told), "{}", output.stderr);
    assert_eq!(scene.proxy.multis(), steps + 2);
    expect_whole(&scene, &many, &commit);
}

/// Kills a sync while its k-th multi is held, which then meets its fate, and lets a plain sync repair it.
fn killed_at(multi: usize, then: Then) -> (Scene, [String; 2]) {
    let (scene, commits) = scene(SHORT);
    scene.proxy.hold(multi);
    let running = scene.start(&GRANT);
    scene.proxy.wait_held(multi);
    running.kill();
    scene.proxy.release(multi, then);
    scene.wait_unlocked();
    (scene, commits)
}

#[test]
fn killed_before_the_marker_nothing_has_happened() {
    let (scene, [old, new]) = killed_at(0, Then::Cut);
    assert_eq!(
        (scene.version(), scene.phase()),
        (Value::from(old), "clean 0/0".to_owned())
    );
    assert_eq!(tree(&scene), stored(&before()));
    // The grant was for a sync that never began.
    scene.sync(&[]).expect(3);
    scene.sync(&GRANT).expect(0);
    expect_whole(&scene, &after(), &new);
}

#[test]
fn killed_in_the_middle_the_next_plain_sync_repairs() {
    let moments = [
        (0, Then::Forward),
        (1, Then::Cut),
        (3, Then::Forward),
        (4, Then::Cut),
    ];
    side_by_side(moments, |(multi, then)| {
        let (scene, [_, new]) = killed_at(multi, then);
        assert_eq!(scene.version(), false);
        assert!(scene.phase().starts_with("applying "));
        scene.sync(&[]).expect(0);
        expect_whole(&scene, &after(), &new);
    });
}

#[test]
fn killed_before_the_end_the_next_plain_sync_ends_it() {
    let (scene, [_, new]) = scene(SHORT);
    let running = held_at(&scene, 1);
    let end = steps(&scene) + 1;
    scene.proxy.hold(end);
    scene.proxy.release(1, Then::Forward);
    scene.proxy.wait_held(end);
    running.kill();
    scene.proxy.release(end, Then::Cut);
    scene.wait_unlocked();
    assert_eq!(scene.version(), false);
    assert_eq!(tree(&scene), stored(&after()));
    let multis = scene.proxy.multis();
    scene.sync(&[]).expect(0);
    assert_eq!(scene.proxy.multis(), multis + 1);
    expect_whole(&scene, &after(), &new);
}

#[test]
fn killed_at_random_moments_the_next_plain_sync_repairs() {
    // Any run of this test tries other moments; the message of a failure names them.
    let seed = RandomState::new().hash_one("moments");
    side_by_side(0..6_u64, |round| {
        let random = seed.wrapping_mul(2 * round + 1).rotate_left(17);
        let (multis, pause) = (random % 8, Duration::from_micros(random >> 32 & 0x1fff));
        let moment = format!("seed {seed}, round {round}: {pause:?} after {multis} multis");
        let (scene, [old, new]) = scene(SHORT);
        let running = scene.start(&GRANT);
        scene.proxy.wait_multis(usize::try_from(multis).unwrap());
        std::thread::sleep(pause);
        running.kill();
        scene.wait_unlocked();
        let (version, now) = (scene.version(), tree(&scene));
        if version == old {
            assert_eq!(now, stored(&before()), "{moment}");
            assert_eq!(scene.phase(), "clean 0/0", "{moment}");
            scene.sync(&GRANT).expect(0);
        } else {
            assert!(
                version == false || (version == *new && now == stored(&after())),
                "{moment}: {version}"
            );
            scene.sync(&[]).expect(0);
        }
        expect_whole(&scene, &after(), &new);
    });
}

#[test]
fn killed_in_the_middle_a_newer_commit_repairs() {
    let (scene, _) = killed_at(3, Then::Forward);
    let mut newest = after();
    newest.extend(leaves(3, 10, 3));
    newest.remove("/big/g008/n003");
    let commit = scene.commit(&text(&newest));
    scene.sync(&[]).expect(0);
    expect_whole(&scene, &newest, &commit);
}

#[test]
fn a_grant_to_delete_is_kept_for_its_commit_only() {
    let (scene, _) = killed_at(3, Then::Forward);
    assert_eq!(scene.state()["grants"]["allow_delete"], 55);
    // Another commit that deletes the same needs a grant of its own.
    let mut newer = after();
    newer.insert("/big/g008/more".to_owned(), 1);
    let commit = scene.commit(&text(&newer));
    scene.sync(&[]).expect(3);
    assert_eq!(scene.version(), false);
    scene.sync(&GRANT).expect(0);
    expect_whole(&scene, &newer, &commit);
}

#[test]
fn an_all_stop_in_the_middle_stays_until_resume() {
    let (scene, [_, new]) = scene(SMALL);
    let running = held_at(&scene, 3);
    scene.set_version("null");
    let stopped = tree(&scene);
    scene.proxy.release(3, Then::Forward);
    let output = running.finish().expect(5);
    assert_eq!(output.log().last().unwrap(), CRITICAL);
    let expect_stopped = || {
        assert_eq!(scene.session.text("/hosts"), "{\"version\": null}");
        assert!(scene.phase().starts_with("applying 2/"), "{}", scene.phase());
        assert_eq!(tree(&scene), stopped);
        assert_eq!(scene.candidates(), Vec::<String>::new());
    };
    expect_stopped();
    scene.sync(&[]).expect(5);
    expect_stopped();
    scene.direct.run(&["resume", &new]).expect(0);
    assert_eq!(scene.version(), false);
    scene.sync(&[]).expect(0);
    expect_whole(&scene, &after(), &new);
}

// `stop` and `pause` write /hosts and the state once each, as the marker does: what comes after the marker must not
// be on its way before the server has said yes to it.

#[test]
fn an_operators_stop_before_the_marker_leaves_everything() {
    let (scene, _) = scene(SMALL);
    let stop = || {
        scene.direct.run(&["stop", "--reason", "smoke"]).expect(0);
    };
    let output = scene.sync_with(&GRANT, 0, stop).expect(5);
    assert_eq!(output.log().last().unwrap(), CRITICAL);
    assert_eq!(scene.version(), Value::Null);
    assert_eq!(scene.phase(), "clean 0/0");
    assert_eq!(scene.state()["stop"]["reason"], "smoke");
    assert_eq!(tree(&scene), stored(&before()));
}

#[test]
fn an_operators_pause_before_the_marker_is_planned_upon() {
    let (scene, [_, new]) = scene(SMALL);
    let pause = || {
        scene.direct.run(&["pause"]).expect(0);
        scene.write("/big/g000/n000", "{\"v\":9}");
    };
    scene.sync_with(&GRANT, 0, pause).expect(0);
    expect_whole(&scene, &after(), &new);
}

#[test]
fn an_operators_stop_in_the_middle_stays_until_resume() {
    let (scene, [_, new]) = scene(SMALL);
    let running = held_at(&scene, 2);
    scene.direct.run(&["stop", "--reason", "smoke"]).expect(0);
    scene.proxy.release(2, Then::Forward);
    let output = running.finish().expect(5);
    assert_eq!(output.log().last().unwrap(), CRITICAL);
    assert!(
        talk(&output).contains("refused[TK1001]: the cluster is stopped by ")
            && output.stderr.contains(": smoke"),
        "{}",
        output.stderr
    );
    assert_eq!(scene.version(), Value::Null);
    assert!(scene.phase().starts_with("applying 1/"), "{}", scene.phase());
    scene.direct.run(&["resume"]).expect(0);
    assert_eq!(scene.version(), false);
    scene.sync(&[]).expect(0);
    expect_whole(&scene, &after(), &new);
}

#[test]
fn a_foreign_property_of_hosts_does_not_end_the_batches() {
    let (scene, [_, new]) = scene(SMALL);
    let running = held_at(&scene, 2);
    scene.write("/hosts", "{\"version\": false, \"note\": 1}");
    scene.proxy.release(2, Then::Forward);
    running.finish().expect(0);
    expect_whole(&scene, &after(), &new);
    assert_eq!(scene.session.json("/hosts")["note"], 1);
}

#[test]
fn a_version_written_by_hand_in_the_middle_ends_the_batches() {
    let (scene, [_, new]) = scene(SMALL);
    let running = held_at(&scene, 3);
    scene.set_version("\"by-hand\"");
    let stopped = tree(&scene);
    scene.proxy.release(3, Then::Forward);
    let output = running.finish().expect(1);
    let steps = steps(&scene);
    insta::assert_snapshot!(talk(&output).replace(&format!("of {steps} "), "of N "), @r"
    error[TK1009]: /hosts or /treekeeper/state was changed by others while batches were applied; 2 of N batches are in the tree, which is marked as incomplete
    hint: `treekeeper status` tells what they say now; the next sync repairs it: `treekeeper sync`
    ");
    assert_eq!(scene.version(), "by-hand");
    assert_eq!(tree(&scene), stopped);
    scene.sync(&[]).expect(0);
    expect_whole(&scene, &after(), &new);
}

#[test]
fn an_edit_in_the_middle_is_planned_again() {
    let (scene, [_, new]) = scene(SMALL);
    let running = held_at(&scene, 2);
    // All that is set and deleted comes after what is created, so these are still to come.
    scene.write("/big/g011/n009", "{\"v\":9}");
    scene.session.create("/big/g000/n000/child", b"");
    scene.session.delete("/big/g005/n005");
    scene.proxy.release(2, Then::Forward);
    // One more deletion than was granted.
    let output = running.finish().expect(3);
    let landed = scene.phase().replace("applying ", "").replace('/', " of ");
    let told = format!("warning: {landed} batches are in the tree, which is marked as incomplete");
    assert!(output.stderr.contains(&told), "{told}: {}", output.stderr);
    assert_eq!(scene.version(), false);
    scene.sync(&["--allow-delete", "56"]).expect(0);
    expect_whole(&scene, &after(), &new);
}

#[test]
fn an_editor_who_never_stops_leaves_the_marker() {
    let (scene, [_, new]) = scene(SMALL);
    let mut held = 0;
    scene.proxy.hold(held);
    let mut running = scene.start(&GRANT);
    scene.proxy.wait_held(held);
    // Each plan meets the edit in the batch that sets the node.
    let edit = |value: usize| scene.write("/big/g011/n009", &format!("{{\"v\":{value}}}"));
    edit(100);
    for round in 1..200 {
        scene.proxy.hold(held + 1);
        scene.proxy.release(held, Then::Forward);
        held += 1;
        wait("the next multi or the end", || {
            scene.proxy.multis() > held || !running.is_running()
        });
        if !running.is_running() {
            break;
        }
        scene.proxy.wait_held(held);
        edit(100 + round);
    }
    scene.proxy.script(held, Then::Forward);
    let output = running.finish().expect(1);
    let said = talk(&output);
    assert!(said.contains(
        "error[TK1009]: others kept changing the tree: 5 plans were overtaken, the last one at /big/g011/n009; "
    ));
    assert!(
        said.contains(" batches are in the tree, which is marked as incomplete"),
        "{said}"
    );
    assert_eq!(scene.version(), false);
    scene.sync(&[]).expect(0);
    expect_whole(&scene, &after(), &new);
}

/// Fails unless every node was written at most once since it stood as `before` says.
fn expect_written_once(scene: &Scene) {
    let (old, new) = (before(), after());
    for (path, value) in &new {
        let version = scene.stat(path).version;
        let writes = i32::from(old.get(path).is_some_and(|known| known != value));
        assert_eq!(version, writes, "{path}");
    }
}

/// Breaks each transaction of a sync in turn in one way; the sync must survive it, and write nothing twice.
fn break_each(then: impl Fn(usize) -> Then) {
    let mut multi = 0;
    let mut last = usize::MAX;
    while multi <= last {
        let (scene, [_, new]) = scene(SMALL);
        if multi == 0 {
            scene.proxy.script(0, then(usize::MAX));
            scene.sync(&GRANT).expect(0);
        } else {
            let running = held_at(&scene, 1);
            last = steps(&scene) + 1;
            assert!(last > 7, "a plan of {last} transactions proves little");
            let fault = then(last + 1 - multi);
            match multi {
                1 => scene.proxy.release(1, fault),
                _ => {
                    scene.proxy.script(multi, fault);
                    scene.proxy.release(1, Then::Forward);
                }
            }
            let output = running.finish();
            assert_eq!(output.status, 0, "multi {multi} of {last}: {}", output.stderr);
        }
        expect_whole(&scene, &after(), &new);
        expect_written_once(&scene);
        multi += 1;
    }
}

#[test]
fn any_lost_reply_is_survived() {
    break_each(|_| Then::Swallow { multis: 1 });
}

#[test]
fn any_four_lost_replies_are_survived() {
    // The marker goes alone; nothing follows it before its reply.
    break_each(|left| match left {
        usize::MAX => Then::Swallow { multis: 1 },
        left => Then::Swallow { multis: left.min(4) },
    });
}

#[test]
fn any_cut_before_the_server_got_it_is_survived() {
    break_each(|_| Then::Cut);
}

#[test]
fn any_half_frame_is_survived() {
    break_each(|_| Then::Half);
}

#[test]
fn a_lock_lost_in_the_middle_leaves_the_marker() {
    let (scene, [_, new]) = scene(SMALL);
    let running = held_at(&scene, 3);
    let candidate = scene.candidate();
    scene.session.delete(&candidate);
    let stopped = tree(&scene);
    scene.proxy.release(3, Then::Forward);
    let output = running.finish().expect(1);
    let steps = steps(&scene);
    insta::assert_snapshot!(talk(&output).replace(&format!("of {steps} "), "of N "), @r"
    error[TK1111]: the cluster lock was taken away while the plan was applied; 2 of N batches are in the tree, which is marked as incomplete
    hint: `treekeeper lock show` tells who holds it; the next sync repairs it: `treekeeper sync`
    ");
    assert_eq!(scene.version(), false);
    assert_eq!(scene.phase(), format!("applying 2/{steps}"));
    assert_eq!(tree(&scene), stopped);
    scene.sync(&[]).expect(0);
    expect_whole(&scene, &after(), &new);
}

#[test]
fn a_session_that_expires_in_the_middle_leaves_the_marker() {
    let (scene, [_, new]) = scene(SHORT);
    let running = held_at(&scene, 3);
    let owner = scene.stat(&scene.candidate()).ephemeral_owner;
    scene.proxy.release(3, Then::SwallowAndDark);
    scene.proxy.wait_dark();
    wait("the session to expire", || !Server::shared().is_alive(owner));
    scene.proxy.light();
    let output = running.finish().expect(1);
    let steps = steps(&scene);
    insta::assert_snapshot!(talk(&output).replace(&format!("of {steps} "), "of N "), @r"
    error[TK1102]: the session was lost while the plan was applied; 3 of N batches are in the tree, which is marked as incomplete
    hint: the next sync repairs it: `treekeeper sync`
    ");
    assert_eq!(scene.phase(), format!("applying 3/{steps}"));
    scene.sync(&[]).expect(0);
    expect_whole(&scene, &after(), &new);
}
