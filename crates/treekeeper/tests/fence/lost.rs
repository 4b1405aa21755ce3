//! Broken connections and lost sessions: what was applied is told as it is.

use super::support::proxy::PING;
use super::*;

/// Sessions short enough to be waited for.
const SHORT: &str = "[limits]\nsession_timeout = \"3s\"\nrequest_timeout = \"10s\"\n";
/// A server that is gone is given up soon.
const IMPATIENT: &str =
    "[limits]\nsession_timeout = \"2s\"\nrequest_timeout = \"2s\"\nconnect_timeout = \"5s\"\n";

/// Runs a sync whose first transaction meets a fault that it must survive.
fn survive(then: Then, multis: usize) -> Scene {
    let (scene, [_, after]) = scene();
    let hosts_before = scene.stat("/hosts").version;
    scene.proxy.script(0, then);
    let output = scene.sync(&[]).expect(0);
    assert!(!output.stderr.contains("error"), "{}", output.stderr);
    assert_eq!(scene.proxy.multis(), multis);
    expect_after(&scene, &after);
    // Applied exactly once.
    assert_eq!(scene.stat("/app/changed").version, 1);
    assert_eq!(scene.stat("/hosts").version, hosts_before + 1);
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
    assert_eq!(scene.stat("/app/changed").version, 1);
}

/// Lets the session of a running sync expire while its transaction is in flight, then answers again.
fn expire_in_flight(then: Then, status: i32) -> (Scene, [String; 2], String) {
    let (scene, commits) = scene_with(Some(SHORT));
    scene.proxy.hold(0);
    let running = scene.start(&[]);
    scene.proxy.wait_held(0);
    let owner = scene.stat(&scene.candidate()).ephemeral_owner;
    scene.proxy.release(0, then);
    scene.proxy.wait_dark();
    wait("the session to expire", || !Server::shared().is_alive(owner));
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
    insta::assert_snapshot!(talk, @r"
    error[TK1102]: the session was lost before anything was written
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
    side_by_side([Then::SwallowAndDark, Then::Dark], |then| {
        let (scene, [before, after]) = scene_with(Some(IMPATIENT));
        scene.proxy.script(0, then);
        let output = scene.sync(&[]).expect(8);
        let errors = output
            .stderr
            .lines()
            .filter(|line| line.starts_with("error[TK1101]: whether the plan was applied"));
        assert_eq!(errors.count(), 1, "{}", output.stderr);
        match then {
            Then::Dark => expect_before(&scene, &before),
            _ => assert_eq!(scene.tree("/app"), TREE_AFTER),
        }
        scene.proxy.light();
        scene.wait_unlocked();
        scene.sync(&[]).expect(0);
        expect_after(&scene, &after);
    });
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
        assert_eq!(scene.stat("/app/changed").version, 1);
        scene.expect_clean(&before);
    }
}
