//! Who holds the lock refuses the others, whatever way they take it.

use super::support::locks::{ForeignLock, Style};
use super::support::scene::KAZOO_LOCK;
use super::support::treekeeper::Treekeeper;
use super::*;

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
    insta::assert_snapshot!(talk(&output), @r"
    refused[TK1005]: earlier syncs of this tree took the zktools lock, this one would take the kazoo lock
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
fn treekeepers_exclude_each_other() {
    let (scene, [_, after]) = scene();
    let other = Treekeeper::new(&scene.connect, scene.repository.path());
    scene
        .sync_with(&[], 0, || drop(other.run(&["sync"]).expect(6)))
        .expect(0);
    expect_after(&scene, &after);
    other.run(&["sync"]).expect(0);
}
