//! Lost replies after which the state is not as this operation knew it: others wrote it, removed it, or made it anew.

use super::lost::{before, half, inquired, lost, rejected, session_lost, settled, two_batches};
use super::*;

#[test]
fn batches_that_another_sync_went_over_are_not_said_to_be_unwritten() {
    let theirs = || cluster(&format!("{{\"version\":\"{NEW}\"}}"), finished("theirs"));
    insta::assert_snapshot!(two_batches(World::new().answers([lost(), settled(false, theirs())])), @"
    read fetch relate files read prepare lock read observe access commit settle
    failed: the cluster lock was taken away while the plan was applied, and another sync has written since
    hint: run the same command again
    ");
    insta::assert_snapshot!(two_batches(World::new().answers([lost(), settled(true, theirs())])), @"
    read fetch relate files read prepare lock read observe access commit settle release
    failed: the cluster lock was taken away while the plan was applied, and another sync has written since
    hint: run the same command again
    ");
    insta::assert_snapshot!(
        two_batches(World::new().answers([lost(), session_lost("settle"), inquired(theirs())])),
        @"
        read fetch relate files read prepare lock read observe access commit settle inquire
        failed: the session was lost while the plan was applied, and another sync has written since
        hint: run the same command again
        "
    );
}

#[test]
fn the_one_transaction_that_ends_batches_counts_them_when_it_is_lost() {
    let theirs = || {
        let mut state = finished("theirs");
        state.generation = 3;
        cluster(&format!("{{\"version\":\"{NEW}\"}}"), state)
    };
    let all = live(&[("/a", "{\"v\":2}"), ("/a/b", "")]);
    let world = World {
        readings: VecDeque::from([before(), before(), half()]),
        ..World::new()
    };
    let answers = [
        rejected(2, 3, OpFault::BadVersion),
        ("observe", Answer::Observed(Box::new(all))),
        lost(),
        settled(false, theirs()),
    ];
    insta::assert_snapshot!(two_batches(world.answers(answers)), @"
    read fetch relate files read prepare lock read observe access commit read observe commit settle
    failed: the cluster lock was taken away while the plan was applied, and another sync has written since
    hint: run the same command again
    ");
}

#[test]
fn a_state_that_was_made_anew_tells_nothing() {
    let anew = || {
        let mut state = ClusterState::initial(LockStyle::Zktools, "somebody@else", "later");
        state.sync_id = "theirs".to_owned();
        cluster(&format!("{{\"version\":\"{OLD}\"}}"), state)
    };
    insta::assert_snapshot!(World::new().answers([lost(), settled(false, anew())]).sync(), @"
    read fetch relate files read prepare lock read observe commit settle
    unknown: the cluster lock was taken away, and /treekeeper/state doesn't tell any more what was written
    hint: `treekeeper plan` shows what differs; a sync repairs it
    ");
    insta::assert_snapshot!(World::new().answers([lost(), session_lost("settle"), inquired(anew())]).sync(), @"
    read fetch relate files read prepare lock read observe commit settle inquire
    unknown: the session was lost, and /treekeeper/state doesn't tell any more what was written
    hint: `treekeeper plan` shows what differs; a sync repairs it
    ");
}

#[test]
fn a_state_that_somebody_else_wrote_after_it_was_made_anew_tells_nothing() {
    let anew = || {
        let mut state = finished("theirs");
        state.created = Some(Zxid(99));
        cluster(&format!("{{\"version\":\"{OLD}\"}}"), state)
    };
    insta::assert_snapshot!(World::new().answers([lost(), session_lost("settle"), inquired(anew())]).sync(), @"
    read fetch relate files read prepare lock read observe commit settle inquire
    unknown: the session was lost, and /treekeeper/state doesn't tell any more what was written
    hint: `treekeeper plan` shows what differs; a sync repairs it
    ");
}

#[test]
fn a_state_that_has_forgotten_tells_nothing() {
    let later = |generations: u64| {
        let mut state = finished("theirs");
        state.generation = 1 + generations;
        cluster(&format!("{{\"version\":\"{OLD}\"}}"), state)
    };
    let told = |generations| {
        World::new()
            .answers([lost(), session_lost("settle"), inquired(later(generations))])
            .sync()
    };
    insta::assert_snapshot!(told(8), @"
    read fetch relate files read prepare lock read observe commit settle inquire
    failed: the session was lost before anything was written
    hint: run the same command again
    ");
    insta::assert_snapshot!(told(9), @"
    read fetch relate files read prepare lock read observe commit settle inquire
    unknown: the session was lost, and /treekeeper/state doesn't tell any more what was written
    hint: `treekeeper plan` shows what differs; a sync repairs it
    ");
}
