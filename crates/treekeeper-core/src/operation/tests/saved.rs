//! Applying saved plans: exactly the plan, or everything that has moved.

use super::lost::{lost, rejected, settled};
use super::*;
use crate::model::HashKey;
use crate::plan::saved::{SavedPlan, Saving};

/// Returns the plan that the world makes now, as a file would bring it back.
fn saved(world: &mut World) -> Arc<SavedPlan> {
    let mut options = options();
    options.mode = Mode::Plan;
    let mut operation = Operation::sync(options, context());
    let mut answer = Answer::Done;
    let receipt = loop {
        match operation.next(answer, Timestamp::UNIX_EPOCH) {
            Request::Done(receipt) => break receipt,
            request => answer = world.answer(request),
        }
    };
    let basis = receipt.basis.unwrap();
    let saving = Saving {
        treekeeper: "0",
        at: "then",
        by: "ada",
        zookeeper: "",
        revision: &receipt.revision.unwrap(),
        basis: &basis,
        path: ".",
        overlay: Overlay::Merge,
        prune_roots: false,
        bump: Bump::Commit,
        refused_by: &[],
        key: HashKey::new([1; 16]),
        secret_names: &[],
    };
    let mut text = String::new();
    crate::plan::saved::write(&mut text, &receipt.plan.unwrap(), &saving).unwrap();
    Arc::new(SavedPlan::read(&text).unwrap())
}

/// Applies what the usual world planned in this one, and tells it.
fn apply(world: World) -> String {
    apply_with(World::new(), world, |_, _| {})
}

fn apply_with(
    mut before: World,
    mut world: World,
    edit: impl FnOnce(&mut SyncOptions, &mut Context),
) -> String {
    let saved = saved(&mut before);
    let (mut options, mut context) = (options(), context());
    edit(&mut options, &mut context);
    world.drive(Operation::apply(saved, options, context));
    world.told()
}

#[test]
fn a_saved_plan_is_applied_as_a_sync_applies_it() {
    insta::assert_snapshot!(apply(World::new()), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    ");
    let mut world = World::new();
    let saved = saved(&mut world);
    world.drive(Operation::apply(saved, options(), context()));
    let mut synced = World::new();
    synced.play(|_, _| {});
    assert_eq!(
        transactions(&world.commitments[0]),
        transactions(&synced.commitments[0])
    );
}

#[test]
fn a_node_that_moved_is_told_from_inside_the_lock() {
    let world = World {
        live: live(&[("/a", "{\"v\":1}"), ("/a/b", "")]),
        ..World::new()
    };
    insta::assert_snapshot!(apply(world), @"
    read fetch relate files read prepare lock read observe release
    stale: the plan is stale: what it rests on has moved
    - /a/b: expected nothing to do, found data version 7 of a znode that the files don't define
    hint: nothing was written, and nothing lifts this: look at what moved, then make a new plan: `treekeeper plan --out FILE`
    ");
}

#[test]
fn own_nodes_that_moved_are_told_without_taking_the_lock() {
    let world = World {
        readings: VecDeque::from([cluster("{\"version\":\"another\"}", clean())]),
        ..World::new()
    };
    insta::assert_snapshot!(apply(world), @"
    read fetch relate files read observe
    stale: the plan is stale: what it rests on has moved
    - /hosts: expected version OLD at data version 3, found version another at data version 3
    hint: nothing was written, and nothing lifts this: look at what moved, then make a new plan: `treekeeper plan --out FILE`
    ");
}

#[test]
fn a_plan_that_was_applied_is_told_so() {
    let mut state = clean();
    state.generation += 1;
    let world = World {
        readings: VecDeque::from([cluster(&format!("{{\"version\":\"{NEW}\"}}"), state)]),
        live: live(&[("/a", "{\"v\":2}")]),
        relation: Relation::Same,
        ..World::new()
    };
    insta::assert_snapshot!(apply(world), @"
    read fetch relate files read observe
    stale: the plan is applied already: /hosts is at its commit, and the tree is as it would make it
    - /hosts: expected version OLD at data version 3, found version NEW at data version 3
    - /a: expected data to be changed, found that the commit leaves it: this release or configuration reads it in another way
    hint: nothing is left to do; `treekeeper plan` tells what the newest commit would change
    ");
}

#[test]
fn a_conflict_is_told_and_never_planned_around() {
    let world = World::new().answers([rejected(0, 3, OpFault::NotEmpty)]);
    insta::assert_snapshot!(apply(world), @"
    read fetch relate files read prepare lock read observe commit read observe release
    stale: the plan is stale: what it rests on has moved
    - /a: expected that nobody else writes there while the plan is applied, found that somebody did: the node has children
    hint: nothing was written, and nothing lifts this: look at what moved, then make a new plan: `treekeeper plan --out FILE`
    ");
}

#[test]
fn a_lost_reply_is_settled_and_the_same_plan_sent_again() {
    let before = || cluster(&format!("{{\"version\":\"{OLD}\"}}"), clean());
    let world = World::new().answers([lost(), settled(true, before())]);
    insta::assert_snapshot!(apply(world), @"
    read fetch relate files read prepare lock read observe commit settle observe commit back
    applied
    ");
}

#[test]
fn the_gates_are_those_of_a_sync() {
    let stopped = || World {
        readings: VecDeque::from([cluster("{\"version\":null}", clean())]),
        ..World::new()
    };
    insta::assert_snapshot!(apply_with(stopped(), stopped(), |_, _| {}), @"
    read
    refused: the cluster is stopped, by a host or by hand
    CRITICAL ALL STOP, cluster version is None
    ");
    insta::assert_snapshot!(apply_with(stopped(), stopped(), |options, _| options.force = true), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    CRITICAL ALL STOP, cluster version is None
    ");
    let none = |_: &mut SyncOptions, context: &mut Context| {
        context.delete_budget = DeleteBudget {
            znodes_max: 0,
            percent_max: 0,
        };
    };
    let deletes = || World {
        live: live(&[("/a", "{\"v\":2}"), ("/a/b", "")]),
        ..World::new()
    };
    insta::assert_snapshot!(apply_with(deletes(), deletes(), none), @"
    read fetch relate files read prepare lock read observe release
    refused: the plan deletes 1 znodes, the budget is 0 of 2 managed ones
    ");
    let granted = |options: &mut SyncOptions, context: &mut Context| {
        none(options, context);
        context.allow_delete = Some(1);
    };
    insta::assert_snapshot!(apply_with(deletes(), deletes(), granted), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    ");
}

#[test]
fn another_repository_is_no_place_to_apply_a_plan_from() {
    let other = Answer::Fetched {
        revision: revision(NEW),
        repository: revision(OLD),
    };
    insta::assert_snapshot!(apply(World::new().answers([("fetch", other)])), @"
    read fetch
    failed: the plan was made from another repository (root commit ROOT, this one has OLD)
    hint: name the repository of the plan with `--url`, or make a plan from this one: `treekeeper plan --out FILE`
    ");
}
