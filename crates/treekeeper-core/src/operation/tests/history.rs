//! What a sync writes into the history, and how a rollback differs from a sync.

use super::*;

/// Returns the transactions of the world's last commitment.
fn last(world: &World) -> String {
    transactions(world.commitments.last().unwrap())
}

fn at_new(edit: impl FnOnce(&mut ClusterState)) -> ClusterReading {
    let mut state = finished("earlier");
    edit(&mut state);
    cluster(&format!("{{\"version\":\"{NEW}\"}}"), state)
}

#[test]
fn what_fell_out_already_is_left_alone() {
    let full = |first: u64| {
        let mut reading = cluster(&format!("{{\"version\":\"{OLD}\"}}"), clean());
        reading.history = Some((first..first + 100).collect());
        reading
    };
    let rejected = |operation, cause| {
        Answer::Commit(CommitAnswer::Rejected {
            transaction: 0,
            operation: Some(operation),
            cause,
        })
    };
    let mut world = World {
        readings: VecDeque::from([full(7)]),
        ..World::new()
    }
    .answers([("commit", rejected(5, OpFault::NotEmpty))]);
    world.play(|_, _| {});
    insta::assert_snapshot!(last(&world), @r#"
    transaction 0
      check /lock/ours @0
      set /hosts {"version":"NEW"} @3
      set /treekeeper/state Clean 0/0 at NEW from none to none, outcomes ["5555"] @5
      set /a {"v":2} @7
      create /treekeeper/history/0000000107 sync of NEW from OLD: 0 created, 1 changed, 0 deleted, can be undone
      delete /treekeeper/history/0000000008 @-1
      delete /lock/ours @0
    "#);
    insta::assert_snapshot!(world.told(), @"
    read fetch relate files read prepare lock read observe commit read observe commit back
    applied
    ");
}

#[test]
fn entries_that_cannot_be_deleted_never_fail_a_sync() {
    let mut reading = cluster(&format!("{{\"version\":\"{OLD}\"}}"), clean());
    reading.history = Some((1..=200).collect());
    let stuck = || {
        (
            "commit",
            Answer::Commit(CommitAnswer::Rejected {
                transaction: 0,
                operation: Some(5),
                cause: OpFault::NoAuth,
            }),
        )
    };
    let mut world = World {
        readings: VecDeque::from([reading]),
        ..World::new()
    }
    .answers([stuck(), stuck(), stuck()]);
    world.play(|_, _| {});
    insta::assert_snapshot!(last(&world), @r#"
    transaction 0
      check /lock/ours @0
      set /hosts {"version":"NEW"} @3
      set /treekeeper/state Clean 0/0 at NEW from none to none, outcomes ["5555"] @5
      set /a {"v":2} @7
      create /treekeeper/history/0000000201 sync of NEW from OLD: 0 created, 1 changed, 0 deleted, can be undone
      delete /lock/ours @0
    "#);
}

#[test]
fn batches_that_landed_before_are_counted() {
    let mut left = applying(SYNC, 1, 2);
    left.from = Some(format!("\"{OLD}\""));
    let mut world = World {
        files: vec![("a.zk", "/a\n  v = 2\n  /new\n")],
        ..World::new()
    }
    .reading(cluster(&format!("{{\"version\":\"{OLD}\"}}"), clean()))
    .reading(cluster(&format!("{{\"version\":\"{OLD}\"}}"), clean()))
    .reading(cluster("{\"version\":false}", left))
    .answers([(
        "commit",
        Answer::Commit(CommitAnswer::Rejected {
            transaction: 2,
            operation: Some(3),
            cause: OpFault::BadVersion,
        }),
    )]);
    world.play(|_, context| {
        context.batch_limits.transaction_operations_max = 5;
        context.batch_limits.batch_bytes_max = 1;
    });
    // The world's tree never changes, so that the plan made again is the whole one.
    let told = last(&world);
    let entry = told.lines().find(|line| line.contains("history")).unwrap();
    insta::assert_snapshot!(entry, @"  create /treekeeper/history/0000000005 sync of NEW from OLD: 2 created, 1 changed, 0 deleted");
}

#[test]
fn the_kind_of_a_deployment() {
    let kind = |reading: ClusterReading, edit: fn(&mut SyncOptions)| {
        let mut world = World {
            readings: VecDeque::from([reading]),
            ..World::new()
        };
        world.play(|options, _| edit(options));
        let told = last(&world);
        let entry = told.lines().find(|line| line.contains("history")).unwrap();
        entry.split(' ').nth(4).unwrap().to_owned()
    };
    let at_old = || cluster(&format!("{{\"version\":\"{OLD}\"}}"), clean());
    assert_eq!(kind(at_old(), |_| {}), "sync");
    assert_eq!(kind(at_old(), |options| options.repair = true), "sync");
    assert_eq!(kind(at_new(|_| {}), |options| options.repair = true), "repair");
    assert_eq!(kind(at_old(), |options| options.force = true), "forced");
    assert_eq!(kind(at_old(), |options| options.rollback = true), "rollback");
}

#[test]
fn a_rollback_needs_no_leave_of_history_or_of_the_pin() {
    let world = World {
        readings: VecDeque::from([cluster(
            &format!("{{\"version\":\"{OLD}\"}}"),
            ClusterState {
                pinned: Some(pin(ROOT)),
                ..clean()
            },
        )]),
        relation: Relation::Backward,
        ..World::new()
    };
    insta::assert_snapshot!(world.sync_with(|options, _| { options.rollback = true; options.fixed_revision = true; }), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    ");
}

fn pinned_by(commitment: &Commitment) -> Vec<Option<String>> {
    let pins = commitment.transactions.iter().filter_map(|transaction| {
        transaction.head.iter().find_map(|op| match op {
            Op::Set(path, data, _) if path.as_str() == "/treekeeper/state" => {
                let state: ClusterState = serde_json::from_slice(data).unwrap();
                Some(
                    state
                        .pinned
                        .map(|pin| words(&format!("{} by {}", pin.commit, pin.by))),
                )
            }
            _ => None,
        })
    });
    pins.collect()
}

#[test]
fn a_rollback_pins_with_its_first_transaction_and_its_last() {
    let mut world = World::new();
    world.play(|options, _| options.rollback = true);
    assert_eq!(
        pinned_by(&world.commitments[0]),
        [Some("NEW by tester@host".to_owned())]
    );
    let mut world = World {
        files: vec![("a.zk", "/a\n  v = 2\n  /new\n")],
        ..World::new()
    };
    world.play(|options, context| {
        options.rollback = true;
        context.batch_limits.transaction_operations_max = 4;
        context.batch_limits.batch_bytes_max = 1;
    });
    let pins = pinned_by(&world.commitments[0]);
    assert_eq!(pins, vec![Some("NEW by tester@host".to_owned()); 4]);
}

#[test]
fn a_rollback_to_what_is_deployed_pins_it_once() {
    let world = |reading: ClusterReading| World {
        live: live(&[("/a", "{\"v\":2}")]),
        readings: VecDeque::from([reading]),
        ..World::new()
    };
    let mut first = world(at_new(|_| {}));
    first.play(|options, _| options.rollback = true);
    insta::assert_snapshot!(last(&first), @r#"
    transaction 0
      check /lock/ours @0
      check /hosts @3
      set /treekeeper/state Clean 0/0 at NEW from none to none, outcomes ["earlier", "5555"] @5
      create /treekeeper/history/0000000005 rollback of NEW from NEW: 0 created, 0 changed, 0 deleted, can be undone
      delete /lock/ours @0
    "#);
    assert_eq!(
        pinned_by(&first.commitments[0]),
        [Some("NEW by tester@host".to_owned())]
    );
    let again = world(at_new(|state| state.pinned = Some(pin(NEW))));
    insta::assert_snapshot!(again.sync_with(|options, _| options.rollback = true), @"
    read fetch
    in sync
    ");
}

#[test]
fn a_sync_of_the_pinned_commit_keeps_the_pin() {
    let mut world = World {
        readings: VecDeque::from([at_new(|state| state.pinned = Some(pin(NEW)))]),
        ..World::new()
    };
    world.play(|options, _| options.repair = true);
    assert_eq!(
        pinned_by(&world.commitments[0]),
        [Some("NEW by jim@host".to_owned())]
    );
}
