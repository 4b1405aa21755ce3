//! The transactions of a plan, spelled out.

use super::*;

/// Returns the transactions of the world's first commitment.
fn shape(mut world: World, edit: impl FnOnce(&mut SyncOptions, &mut Context)) -> String {
    world.play(edit);
    transactions(&world.commitments[0])
}

fn three_kinds() -> World {
    World {
        files: vec![("a.zk", "/a\n  v = 2\n  /new\n")],
        live: live(&[("/a", "{\"v\":1}"), ("/a/old", "")]),
        readings: VecDeque::from([cluster(&format!("{{\"version\":\"{OLD}\",\"n\":1}}"), clean())]),
        ..World::new()
    }
}

/// Limits under which each change is a batch of its own.
fn tiny(_: &mut SyncOptions, context: &mut Context) {
    context.batch_limits.transaction_operations_max = 6;
    context.batch_limits.batch_bytes_max = 1;
}

#[test]
fn a_plan_that_fits_is_one_transaction() {
    insta::assert_snapshot!(shape(three_kinds(), |_, _| {}), @r#"
    transaction 0
      check /lock/ours @0
      set /hosts {"n":1,"version":"NEW"} @3
      set /treekeeper/state Clean 0/0 at NEW from none to none, outcomes ["5555"] @5
      create /a/new {}
      set /a {"v":2} @7
      delete /a/old @7
      create /treekeeper/history/0000000005 sync of NEW from OLD: 1 created, 1 changed, 1 deleted, can be undone
      delete /lock/ours @0
    "#);
}

#[test]
fn with_two_locks_both_are_checked_and_given_back_in_reverse() {
    let world = World {
        lock: held(&["/one/c1", "/two/c2"]),
        ..World::new()
    };
    insta::assert_snapshot!(shape(world, |_, _| {}), @r#"
    transaction 0
      check /one/c1 @0
      check /two/c2 @0
      set /hosts {"version":"NEW"} @3
      set /treekeeper/state Clean 0/0 at NEW from none to none, outcomes ["5555"] @5
      set /a {"v":2} @7
      create /treekeeper/history/0000000005 sync of NEW from OLD: 0 created, 1 changed, 0 deleted, can be undone
      delete /two/c2 @0
      delete /one/c1 @0
    "#);
}

#[test]
fn a_plan_that_does_not_fit_is_chained_behind_a_marker() {
    insta::assert_snapshot!(shape(three_kinds(), tiny), @r#"
    transaction 0
      check /lock/ours @0
      set /hosts {"n":1,"version":false} @3
      set /treekeeper/state Applying 0/3 at OLD from "OLD" to NEW, outcomes [] @5
    transaction 1
      check /lock/ours @0
      check /hosts @4
      set /treekeeper/state Applying 1/3 at OLD from "OLD" to NEW, outcomes [] @6
      create /a/new {}
    transaction 2
      check /lock/ours @0
      check /hosts @4
      set /treekeeper/state Applying 2/3 at OLD from "OLD" to NEW, outcomes [] @7
      set /a {"v":2} @7
    transaction 3
      check /lock/ours @0
      check /hosts @4
      set /treekeeper/state Applying 3/3 at OLD from "OLD" to NEW, outcomes [] @8
      delete /a/old @7
    transaction 4
      check /lock/ours @0
      set /hosts {"n":1,"version":"NEW"} @4
      set /treekeeper/state Clean 0/0 at NEW from none to none, outcomes ["5555"] @9
      create /treekeeper/history/0000000005 sync of NEW from OLD: 1 created, 1 changed, 1 deleted, can be undone
      delete /lock/ours @0
    "#);
}

#[test]
fn a_marker_that_was_left_keeps_what_the_version_was_before() {
    let mut left = applying("dead", 1, 4);
    left.from = Some("\"the first\"".to_owned());
    let world = World {
        readings: VecDeque::from([cluster("{\"version\":false}", left)]),
        ..three_kinds()
    };
    insta::assert_snapshot!(shape(world, tiny), @r#"
    transaction 0
      check /lock/ours @0
      set /hosts {"version":false} @3
      set /treekeeper/state Applying 0/3 at OLD from "the first" to NEW, outcomes [] @5
    transaction 1
      check /lock/ours @0
      check /hosts @4
      set /treekeeper/state Applying 1/3 at OLD from "the first" to NEW, outcomes [] @6
      create /a/new {}
    transaction 2
      check /lock/ours @0
      check /hosts @4
      set /treekeeper/state Applying 2/3 at OLD from "the first" to NEW, outcomes [] @7
      set /a {"v":2} @7
    transaction 3
      check /lock/ours @0
      check /hosts @4
      set /treekeeper/state Applying 3/3 at OLD from "the first" to NEW, outcomes [] @8
      delete /a/old @7
    transaction 4
      check /lock/ours @0
      set /hosts {"version":"NEW"} @4
      set /treekeeper/state Clean 0/0 at NEW from none to none, outcomes ["5555"] @9
      create /treekeeper/history/0000000005 sync of NEW from the first: 1 created, 1 changed, 1 deleted
      delete /lock/ours @0
    "#);
}

/// A syncer that knows no state went over batches that were left; the simulator's seed 106124.
#[test]
fn a_commit_that_others_deployed_over_batches_is_kept_by_the_next_marker() {
    let mut left = applying("dead", 1, 4);
    (left.commit, left.from) = (None, Some("false".to_owned()));
    let world = World {
        readings: VecDeque::from([cluster(&format!("{{\"version\":\"{OLD}\"}}"), left)]),
        ..three_kinds()
    };
    let shape = shape(world, tiny);
    let marker = shape.lines().find(|line| line.contains("Applying 0/3"));
    insta::assert_snapshot!(
        marker.unwrap_or_default().trim(),
        @r#"set /treekeeper/state Applying 0/3 at none from "OLD" to NEW, outcomes [] @5"#
    );
}

#[test]
fn a_tree_that_is_right_already_still_takes_the_version() {
    let world = World {
        live: live(&[("/a", "{\"v\":2}")]),
        ..World::new()
    };
    insta::assert_snapshot!(shape(world, |_, _| {}), @r#"
    transaction 0
      check /lock/ours @0
      set /hosts {"version":"NEW"} @3
      set /treekeeper/state Clean 0/0 at NEW from none to none, outcomes ["5555"] @5
      create /treekeeper/history/0000000005 sync of NEW from OLD: 0 created, 0 changed, 0 deleted, can be undone
      delete /lock/ours @0
    "#);
}

#[test]
fn nothing_to_do_is_no_transaction() {
    let world = World {
        live: live(&[("/a", "{\"v\":2}")]),
        readings: VecDeque::from([cluster(
            &format!("{{\"version\":\"{NEW}\"}}"),
            finished("earlier"),
        )]),
        ..World::new()
    };
    insta::assert_snapshot!(world.sync_with(|options, _| options.repair = true), @"
    read fetch files read prepare lock read observe release
    applied
    ");
}

#[test]
fn batches_are_in_flight_together_since_versions_chain_them() {
    let mut world = three_kinds();
    world.play(tiny);
    assert_eq!(world.commitments[0].in_flight_max, 4);
}
