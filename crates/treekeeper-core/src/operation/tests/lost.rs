//! Refused transactions and lost replies: what was applied is read, never guessed, and told as it is.

use super::*;

const UNKNOWN: CommitAnswer = CommitAnswer::Unknown(String::new());

pub(super) fn lost() -> (&'static str, Answer) {
    ("commit", Answer::Commit(UNKNOWN))
}

pub(super) fn rejected(transaction: usize, operation: usize, cause: OpFault) -> (&'static str, Answer) {
    (
        "commit",
        Answer::Commit(CommitAnswer::Rejected {
            transaction,
            operation: Some(operation),
            cause,
        }),
    )
}

pub(super) fn settled(held: bool, cluster: ClusterReading) -> (&'static str, Answer) {
    ("settle", Answer::Settled { held, cluster })
}

pub(super) fn session_lost(request: &'static str) -> (&'static str, Answer) {
    let failure = Failure {
        kind: FailureKind::SessionLost,
        ..Failure::new("the session was lost")
    };
    (request, Answer::Failed(failure))
}

fn broken(request: &'static str) -> (&'static str, Answer) {
    (request, Answer::Failed(Failure::new("it broke")))
}

pub(super) fn inquired(cluster: ClusterReading) -> (&'static str, Answer) {
    ("inquire", Answer::Cluster(cluster))
}

pub(super) fn before() -> ClusterReading {
    cluster(&format!("{{\"version\":\"{OLD}\"}}"), clean())
}

pub(super) fn half() -> ClusterReading {
    cluster("{\"version\":false}", applying(SYNC, 1, 2))
}

fn whole() -> ClusterReading {
    cluster(&format!("{{\"version\":\"{NEW}\"}}"), finished(SYNC))
}

/// A sync of two batches.
pub(super) fn two_batches(world: World) -> String {
    let world = World {
        files: vec![("a.zk", "/a\n  v = 2\n  /b\n")],
        ..world
    };
    world.sync_with(|_, context| {
        context.batch_limits.transaction_operations_max = 1;
        context.batch_limits.batch_bytes_max = 1;
    })
}

#[test]
fn a_conflict_is_planned_again() {
    insta::assert_snapshot!(World::new().answers([rejected(0, 3, OpFault::BadVersion)]).sync(), @"
    read fetch relate files read prepare lock read observe commit read observe commit back
    applied
    ");
}

#[test]
fn five_more_plans_are_made_and_the_place_is_told() {
    let conflicts = (0..6).map(|_| rejected(0, 3, OpFault::NoNode));
    insta::assert_snapshot!(World::new().answers(conflicts).sync(), @"
    read fetch relate files read prepare lock read observe commit read observe commit read observe commit read observe commit read observe commit read observe commit release
    failed: others kept changing the tree: 5 plans were overtaken, the last one at /a
    hint: find out who writes there, then run the same command again
    ");
}

#[test]
fn every_kind_of_conflict_is_planned_again_and_nothing_else_is() {
    for cause in [
        OpFault::NoNode,
        OpFault::NodeExists,
        OpFault::BadVersion,
        OpFault::NotEmpty,
        OpFault::NoChildrenForEphemerals,
    ] {
        let told = World::new().answers([rejected(0, 3, cause.clone())]).sync();
        assert!(
            told.contains("commit read observe commit back\napplied"),
            "{cause}: {told}"
        );
    }
    let told = World::new()
        .answers([rejected(0, 3, OpFault::Other("odd".to_owned()))])
        .sync();
    insta::assert_snapshot!(told, @"
    read fetch relate files read prepare lock read observe commit release
    failed: the server refused to write /a: odd
    hint: `treekeeper doctor` tells more of the server
    ");
}

#[test]
fn a_candidate_that_is_gone_ends_it_without_a_release() {
    for cause in [OpFault::NoNode, OpFault::BadVersion] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(World::new().answers([rejected(0, 0, cause)]).sync(), @"
            read fetch relate files read prepare lock read observe commit
            failed: the cluster lock was taken away while the plan was applied
            hint: nothing was written; `treekeeper lock show` tells who holds it, then run the same command again
            ");
        }
    }
}

#[test]
fn a_request_that_is_refused_as_a_whole_is_not_a_lost_lock() {
    let cause = OpFault::Other("throttled".to_owned());
    let answer = Answer::Commit(CommitAnswer::Rejected {
        transaction: 0,
        operation: None,
        cause,
    });
    insta::assert_snapshot!(World::new().answers([("commit", answer)]).sync(), @"
    read fetch relate files read prepare lock read observe commit release
    failed: the server refused the plan: throttled
    hint: `treekeeper doctor` tells more of the server
    ");
}

#[test]
fn a_denied_change_is_listed_with_the_others() {
    let world = World {
        denied: vec!["setting /a".to_owned()],
        ..World::new()
    };
    insta::assert_snapshot!(world.answers([rejected(0, 3, OpFault::NoAuth)]).sync(), @r"
    read fetch relate files read prepare lock read observe commit access release
    failed: ZooKeeper denies setting /a; nothing was written
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    insta::assert_snapshot!(World::new().answers([rejected(0, 1, OpFault::NoAuth)]).sync(), @r"
    read fetch relate files read prepare lock read observe commit release
    failed: ZooKeeper denies writing /hosts; nothing was written
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
}

#[test]
fn a_lost_reply_of_a_whole_plan_is_a_success() {
    insta::assert_snapshot!(World::new().answers([lost(), settled(false, whole())]).sync(), @"
    read fetch relate files read prepare lock read observe commit settle back
    applied
    ");
}

#[test]
fn a_lost_request_is_planned_again() {
    insta::assert_snapshot!(World::new().answers([lost(), settled(true, before())]).sync(), @"
    read fetch relate files read prepare lock read observe commit settle observe commit back
    applied
    ");
    let world = World::new().answers((0..6).flat_map(|_| [lost(), settled(true, before())]));
    insta::assert_snapshot!(world.sync(), @"
    read fetch relate files read prepare lock read observe commit settle observe commit settle observe commit settle observe commit settle observe commit settle observe commit settle release
    failed: the plan was sent 6 times, and the connection broke again
    hint: find out what breaks connections to ZooKeeper, then run the same command again
    ");
}

#[test]
fn a_lost_request_without_the_lock_wrote_nothing() {
    insta::assert_snapshot!(World::new().answers([lost(), settled(false, before())]).sync(), @"
    read fetch relate files read prepare lock read observe commit settle
    failed: the cluster lock was taken away while the plan was applied
    hint: nothing was written; `treekeeper lock show` tells who holds it, then run the same command again
    ");
    // Somebody else's sync is not ours.
    let theirs = cluster(&format!("{{\"version\":\"{NEW}\"}}"), finished("theirs"));
    insta::assert_snapshot!(World::new().answers([lost(), settled(false, theirs)]).sync(), @"
    read fetch relate files read prepare lock read observe commit settle
    failed: the cluster lock was taken away while the plan was applied
    hint: nothing was written; `treekeeper lock show` tells who holds it, then run the same command again
    ");
}

#[test]
fn lost_batches_are_counted_by_the_state() {
    insta::assert_snapshot!(two_batches(World::new().answers([lost(), settled(true, half())])), @"
    read fetch relate files read prepare lock read observe access commit settle observe access commit back
    applied
    ");
    insta::assert_snapshot!(two_batches(World::new().answers([lost(), settled(false, half())])), @"
    read fetch relate files read prepare lock read observe access commit settle
    failed: the cluster lock was taken away while the plan was applied; 1 of 2 batches are in the tree, which is marked as incomplete
    hint: `treekeeper lock show` tells who holds it; the next sync repairs it: `treekeeper sync`
    ");
    insta::assert_snapshot!(two_batches(World::new().answers([lost(), settled(false, whole())])), @"
    read fetch relate files read prepare lock read observe access commit settle back
    applied
    ");
}

#[test]
fn an_all_stop_is_met_after_a_lost_reply() {
    let stopped = cluster("{\"version\":null}", applying(SYNC, 1, 2));
    insta::assert_snapshot!(two_batches(World::new().answers([lost(), settled(true, stopped)])), @"
    read fetch relate files read prepare lock read observe access commit settle release
    refused: the cluster is stopped, by a host or by hand
    warning: 1 of 2 batches are in the tree, which is marked as incomplete
    CRITICAL ALL STOP, cluster version is None
    ");
}

#[test]
fn batches_that_landed_are_told_however_it_ends() {
    let world = || World {
        readings: VecDeque::from([before(), before(), half()]),
        ..World::new()
    };
    let after_one = |operation, cause| two_batches(world().answers([rejected(2, operation, cause)]));
    insta::assert_snapshot!(after_one(0, OpFault::NoNode), @"
    read fetch relate files read prepare lock read observe access commit
    failed: the cluster lock was taken away while the plan was applied; 1 of 2 batches are in the tree, which is marked as incomplete
    hint: `treekeeper lock show` tells who holds it; the next sync repairs it: `treekeeper sync`
    ");
    insta::assert_snapshot!(after_one(3, OpFault::Other("odd".to_owned())), @"
    read fetch relate files read prepare lock read observe access commit release
    failed: the server refused to write /a: odd; 1 of 2 batches are in the tree, which is marked as incomplete
    hint: `treekeeper doctor` tells more of the server; the next sync repairs it: `treekeeper sync`
    ");
    insta::assert_snapshot!(after_one(3, OpFault::NoAuth), @r"
    read fetch relate files read prepare lock read observe access commit release
    failed: ZooKeeper denies writing /a; 1 of 2 batches are in the tree, which is marked as incomplete
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth]); the next sync repairs it: `treekeeper sync`
    ");
    // Refused in the second transaction, and then at the first of each new plan.
    let answers = std::iter::once(rejected(2, 3, OpFault::BadVersion))
        .chain((0..5).map(|_| rejected(0, 1, OpFault::BadVersion)));
    insta::assert_snapshot!(two_batches(world().answers(answers)), @"
    read fetch relate files read prepare lock read observe access commit read observe access commit read observe access commit read observe access commit read observe access commit read observe access commit release
    failed: others kept changing the tree: 5 plans were overtaken, the last one at /hosts; 1 of 2 batches are in the tree, which is marked as incomplete
    hint: find out who writes there, then run the same command again; the next sync repairs it: `treekeeper sync`
    ");
    // The lock is lost while the rest is one transaction.
    let answers = [
        rejected(2, 3, OpFault::BadVersion),
        rejected(0, 0, OpFault::NoNode),
    ];
    insta::assert_snapshot!(two_batches(world().answers(answers)), @"
    read fetch relate files read prepare lock read observe access commit read observe access commit
    failed: the cluster lock was taken away while the plan was applied; 1 of 2 batches are in the tree, which is marked as incomplete
    hint: `treekeeper lock show` tells who holds it; the next sync repairs it: `treekeeper sync`
    ");
    // The session is lost while the rest is planned.
    let observed = ("observe", Answer::Observed(Box::new(World::new().live)));
    let answers = [
        observed,
        rejected(2, 3, OpFault::BadVersion),
        session_lost("observe"),
    ];
    insta::assert_snapshot!(two_batches(world().answers(answers)), @"
    read fetch relate files read prepare lock read observe access commit read observe
    failed: the session was lost; 1 of 2 batches are in the tree, which is marked as incomplete
    hint: the next sync repairs it: `treekeeper sync`
    ");
}

#[test]
fn batches_go_on_behind_a_marker_that_stands_and_end_at_one_that_was_changed() {
    let run = |reading| {
        let world = World {
            readings: VecDeque::from([before(), before(), before(), reading]),
            ..World::new()
        };
        two_batches(world.answers([rejected(2, 1, OpFault::BadVersion)]))
    };
    insta::assert_snapshot!(run(cluster("{\"version\":false,\"note\":1}", applying(SYNC, 1, 2))), @"
    read fetch relate files read prepare lock read observe access commit read observe access commit back
    applied
    ");
    insta::assert_snapshot!(run(cluster("{\"version\":\"by hand\"}", applying(SYNC, 1, 2))), @"
    read fetch relate files read prepare lock read observe access commit read release
    failed: /hosts or /treekeeper/state was changed by others while batches were applied; 1 of 2 batches are in the tree, which is marked as incomplete
    hint: `treekeeper status` tells what they say now; the next sync repairs it: `treekeeper sync`
    ");
    let theirs = run(cluster("{\"version\":false}", applying("theirs", 1, 2)));
    assert!(
        theirs.contains("was changed by others while batches were applied"),
        "{theirs}"
    );
    let gone = run(ClusterReading {
        state: StateReading::Absent,
        ..half()
    });
    assert!(
        gone.contains("was changed by others while batches were applied"),
        "{gone}"
    );
    insta::assert_snapshot!(run(cluster("{\"version\":null}", applying(SYNC, 1, 2))), @"
    read fetch relate files read prepare lock read observe access commit read release
    refused: the cluster is stopped, by a host or by hand
    warning: 1 of 2 batches are in the tree, which is marked as incomplete
    CRITICAL ALL STOP, cluster version is None
    ");
}

#[test]
fn a_lost_session_is_inquired_into() {
    let run = |answer| two_batches(World::new().answers([lost(), session_lost("settle"), answer]));
    insta::assert_snapshot!(run(inquired(whole())), @"
    read fetch relate files read prepare lock read observe access commit settle inquire back
    applied
    warning: the session was lost after everything had been applied
    ");
    insta::assert_snapshot!(run(inquired(half())), @"
    read fetch relate files read prepare lock read observe access commit settle inquire
    failed: the session was lost while the plan was applied; 1 of 2 batches are in the tree, which is marked as incomplete
    hint: the next sync repairs it: `treekeeper sync`
    ");
    insta::assert_snapshot!(run(inquired(before())), @"
    read fetch relate files read prepare lock read observe access commit settle inquire
    failed: the session was lost before anything was written
    hint: run the same command again
    ");
    insta::assert_snapshot!(run(broken("inquire")), @"
    read fetch relate files read prepare lock read observe access commit settle inquire
    unknown: whether the plan was applied is not known: it broke
    hint: when ZooKeeper answers again, `treekeeper status` tells; a sync repairs what is missing
    ");
}

#[test]
fn an_edit_is_looked_for_in_the_tree() {
    let done = live(&[("/a", "{\"v\":2}")]);
    let run = |answer: Answer, live: LiveTree| {
        World { live, ..World::new() }.answers([
            (
                "observe",
                Answer::Observed(Box::new(super::live(&[("/a", "{\"v\":1}")]))),
            ),
            lost(),
            ("settle", answer),
        ])
    };
    let held = |held| Answer::Settled {
        held,
        cluster: before(),
    };
    insta::assert_snapshot!(run(held(false), done.clone()).edit(), @"
    read prepare lock read observe commit settle observe
    applied
    ");
    insta::assert_snapshot!(run(held(false), live(&[("/a", "{\"v\":1}")])).edit(), @"
    read prepare lock read observe commit settle observe
    failed: the lock or the session was lost, and the edit is not, or not wholly, in the tree
    hint: run the same command again: it writes only what is missing
    ");
    insta::assert_snapshot!(run(held(true), done.clone()).edit(), @"
    read prepare lock read observe commit settle observe release
    applied
    ");
    let gone = session_lost("settle").1;
    insta::assert_snapshot!(run(gone.clone(), done.clone()).edit(), @"
    read prepare lock read observe commit settle inquire observe
    applied
    ");
    insta::assert_snapshot!(run(gone, done).answers([("inquire", Answer::Cluster(before())), broken("observe")]).edit(), @"
    read prepare lock read observe commit settle inquire observe
    unknown: it broke
    ");
    // Replies that are lost again and again end it.
    let world = World::new().answers((0..6).flat_map(|_| [lost(), settled(true, before())]));
    insta::assert_snapshot!(world.edit(), @"
    read prepare lock read observe commit settle observe commit settle observe commit settle observe commit settle observe commit settle observe commit settle release
    failed: the plan was sent 6 times, and the connection broke again
    hint: find out what breaks connections to ZooKeeper, then run the same command again
    ");
}

#[test]
fn once_it_is_applied_nothing_makes_it_a_failure() {
    insta::assert_snapshot!(World::new().answers([broken("back")]).sync(), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    warning: the plan was applied, but could not be read back: it broke
    ");
    let differing = ("back", Answer::Differing(vec![path("/a")]));
    insta::assert_snapshot!(World::new().answers([differing]).sync(), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    warning: 1 znodes were changed by others since they were written, the first is /a
    ");
}

#[test]
fn a_failed_release_changes_nothing() {
    let world = World {
        live: live(&[("/a", ""), ("/a/x", "")]),
        ..World::new()
    };
    let told = world.answers([broken("release")]).sync_with(|_, context| {
        context.delete_budget = DeleteBudget {
            znodes_max: 0,
            percent_max: 0,
        };
    });
    insta::assert_snapshot!(told, @"
    read fetch relate files read prepare lock read observe release
    refused: the plan deletes 1 znodes, the budget is 0 of 2 managed ones
    ");
}

#[test]
fn a_failure_before_anything_was_sent_gives_the_lock_back_unless_the_session_is_gone() {
    for request in ["read", "fetch", "relate", "files", "prepare", "lock"] {
        let told = World::new().answers([broken(request)]).sync();
        assert!(told.ends_with(&format!("{request}\nfailed: it broke")), "{told}");
    }
    insta::assert_snapshot!(World::new().answers([broken("observe")]).sync(), @"
    read fetch relate files read prepare lock read observe release
    failed: it broke
    ");
    insta::assert_snapshot!(World::new().answers([session_lost("observe")]).sync(), @"
    read fetch relate files read prepare lock read observe
    failed: the session was lost
    ");
}
