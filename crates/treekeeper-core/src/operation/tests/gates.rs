//! Where an operation ends, and what it has asked for before: a gate that refuses leaves nothing behind.

use super::*;

fn at(version: &str) -> ClusterReading {
    cluster(&format!("{{\"version\":{version}}}"), clean())
}

fn old() -> ClusterReading {
    at(&format!("\"{OLD}\""))
}

/// Returns a world whose first reading is this.
fn first(reading: ClusterReading) -> World {
    World {
        readings: VecDeque::from([reading]),
        ..World::new()
    }
}

/// Returns a world whose reading inside the lock is this.
fn inside(reading: ClusterReading) -> World {
    World::new().reading(old()).reading(reading)
}

fn with_state(edit: impl FnOnce(&mut ClusterState)) -> ClusterReading {
    let mut state = clean();
    edit(&mut state);
    cluster(&format!("{{\"version\":\"{OLD}\"}}"), state)
}

fn lagging() -> ClusterReading {
    ClusterReading {
        hosts: vec![host("web", "older")],
        ..old()
    }
}

#[test]
fn the_whole_road() {
    insta::assert_snapshot!(World::new().sync(), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    ");
}

#[test]
fn all_stop_comes_before_everything() {
    insta::assert_snapshot!(first(at("null")).sync(), @"
    read
    refused: the cluster is stopped, by a host or by hand
    CRITICAL ALL STOP, cluster version is None
    ");
}

#[test]
fn all_stop_inside_the_lock() {
    insta::assert_snapshot!(inside(at("null")).sync(), @"
    read fetch relate files read prepare lock read release
    refused: the cluster is stopped, by a host or by hand
    CRITICAL ALL STOP, cluster version is None
    ");
}

#[test]
fn force_lifts_the_stop_that_it_read() {
    insta::assert_snapshot!(first(at("null")).sync_with(|options, _| options.force = true), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    CRITICAL ALL STOP, cluster version is None
    ");
}

#[test]
fn force_does_not_lift_a_later_stop() {
    insta::assert_snapshot!(inside(at("null")).sync_with(|options, _| options.force = true), @"
    read fetch relate files read prepare lock read release
    refused: the cluster is stopped, by a host or by hand
    CRITICAL ALL STOP, cluster version is None
    ");
    let mut later = at("null");
    later.hosts_node = Some(HostsNode::new(b"{\"version\":null}", DataVersion(4)));
    let world = first(at("null")).reading(at("null")).reading(later);
    insta::assert_snapshot!(world.sync_with(|options, _| options.force = true), @"
    read fetch relate files read prepare lock read release
    refused: the cluster is stopped, by a host or by hand
    CRITICAL ALL STOP, cluster version is None
    CRITICAL ALL STOP, cluster version is None
    ");
}

#[test]
fn hosts_that_cannot_be_judged_fail_even_forced() {
    for data in ["[]", "{}", "{\"version\":true}"] {
        let reading = cluster(data, clean());
        let told = first(reading.clone()).sync_with(|options, _| options.force = true);
        assert!(told.starts_with("read\nfailed: "), "{told}");
        let told = inside(reading).sync();
        assert!(
            told.starts_with("read fetch relate files read prepare lock read release\nfailed: "),
            "{told}"
        );
    }
}

#[test]
fn a_state_that_cannot_be_read_fails() {
    let reading = ClusterReading {
        state: StateReading::new(b"{\"schema\":99}", DataVersion(5), Zxid(1)),
        ..old()
    };
    let told = first(reading).sync();
    assert!(
        told.starts_with("read\nfailed: cannot read /treekeeper/state: "),
        "{told}"
    );
}

#[test]
fn an_equal_version_ends_it_before_the_files() {
    insta::assert_snapshot!(first(cluster(&format!("{{\"version\":\"{NEW}\"}}"), finished("x"))).sync(), @"
    read fetch
    in sync
    ");
}

#[test]
fn an_equal_version_is_not_the_end_while_batches_are_left() {
    let world = first(cluster(
        &format!("{{\"version\":\"{NEW}\"}}"),
        applying("dead", 1, 2),
    ));
    insta::assert_snapshot!(world.sync(), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    ");
}

#[test]
fn somebody_faster_is_met_inside_the_lock() {
    let world = inside(cluster(&format!("{{\"version\":\"{NEW}\"}}"), finished("x")));
    insta::assert_snapshot!(world.sync(), @"
    read fetch relate files read prepare lock read release
    in sync
    ");
}

#[test]
fn wrong_files_end_it_before_anything_is_prepared() {
    let world = World {
        files: vec![("a.zk", "/a\n  v = \n"), ("b.zk", "/hosts\n")],
        ..World::new()
    };
    insta::assert_snapshot!(world.sync(), @"
    read fetch relate files
    invalid: 2 diagnostics
    ");
}

#[test]
fn a_lagging_host_refuses_before_anything_is_prepared_and_inside_the_lock() {
    insta::assert_snapshot!(first(lagging()).sync(), @"
    read fetch relate files read
    refused: host web has not converged (older -> OLD)
    ERROR Version mismatch detected, can't resync since host web has not converged (older -> OLD)
    ");
    insta::assert_snapshot!(inside(lagging()).sync(), @"
    read fetch relate files read prepare lock read release
    refused: host web has not converged (older -> OLD)
    ERROR Version mismatch detected, can't resync since host web has not converged (older -> OLD)
    ");
    insta::assert_snapshot!(first(lagging()).sync_with(|options, _| options.force = true), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    ");
}

#[test]
fn a_lagging_host_does_not_refuse_while_the_version_is_false() {
    let reading = ClusterReading {
        hosts: vec![host("web", "older")],
        ..at("false")
    };
    insta::assert_snapshot!(first(reading).sync(), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    ");
}

#[test]
fn an_older_commit_is_fetched_once_more_and_refused() {
    let world = || World {
        relation: Relation::Backward,
        ..World::new()
    };
    insta::assert_snapshot!(world().sync(), @"
    read fetch relate fetch relate files read
    refused: NEW is older than the deployed commit OLD
    ");
    insta::assert_snapshot!(world().sync_with(|options, _| options.any_history = true), @"
    read fetch relate fetch relate files read prepare lock read observe commit back
    applied
    ");
    insta::assert_snapshot!(world().sync_with(|options, _| options.fixed_revision = true), @"
    read fetch relate files read
    refused: NEW is older than the deployed commit OLD
    ");
}

#[test]
fn every_blocker_is_told_at_once() {
    let mut reading = with_state(|state| {
        state.repository = Some(OLD.to_owned());
        state.lock = LockStyle::Kazoo;
        state.pinned = Some(pin(OLD));
    });
    reading.hosts = vec![host("web", "older")];
    insta::assert_snapshot!(first(reading).sync(), @"
    read fetch relate files read
    refused: host web has not converged (older -> OLD); this tree was deployed from another repository (root commit OLD, this one has ROOT); earlier syncs of this tree took the kazoo lock, this one would take the zktools lock; the cluster is pinned at OLD by jim@host since then
    ERROR Version mismatch detected, can't resync since host web has not converged (older -> OLD)
    ");
}

#[test]
fn adopt_lifts_repository_and_lock_style() {
    let reading = with_state(|state| {
        state.repository = Some(OLD.to_owned());
        state.lock = LockStyle::Kazoo;
    });
    insta::assert_snapshot!(first(reading).sync_with(|options, _| options.adopt = true), @"
    read fetch relate files read prepare lock read observe commit back
    applied
    ");
}

#[test]
fn too_many_deletes_are_refused_inside_the_lock() {
    let world = World {
        live: live(&[("/a", ""), ("/a/x", ""), ("/a/y", "")]),
        ..World::new()
    };
    let strict = |_: &mut SyncOptions, context: &mut Context| {
        context.delete_budget = DeleteBudget {
            znodes_max: 1,
            percent_max: 0,
        };
    };
    insta::assert_snapshot!(world.sync_with(strict), @"
    read fetch relate files read prepare lock read observe release
    refused: the plan deletes 2 znodes, the budget is 1 of 3 managed ones
    ");
}

#[test]
fn a_grant_counts_again_for_the_commit_that_it_was_given_for() {
    let mut state = applying("dead", 1, 2);
    state.grants.commit = NEW.to_owned();
    state.grants.allow_delete = Some(2);
    let world = |state: ClusterState| World {
        live: live(&[("/a", ""), ("/a/x", ""), ("/a/y", "")]),
        ..first(cluster("{\"version\":false}", state))
    };
    let strict = |_: &mut SyncOptions, context: &mut Context| {
        context.delete_budget = DeleteBudget {
            znodes_max: 1,
            percent_max: 0,
        };
    };
    assert!(world(state.clone()).sync_with(strict).contains("applied"));
    state.grants.commit = OLD.to_owned();
    assert!(
        world(state)
            .sync_with(strict)
            .contains("refused: the plan deletes 2 znodes")
    );
}

#[test]
fn a_grant_for_one_commit_is_nothing_to_the_one_that_the_sync_turns_to() {
    let mut state = applying("dead", 1, 2);
    state.grants.commit = NEW.to_owned();
    state.grants.allow_delete = Some(2);
    let mut later = state.clone();
    later.commit = Some(LATER.to_owned());
    let world = World {
        live: live(&[("/a", ""), ("/a/x", ""), ("/a/y", "")]),
        ..first(cluster("{\"version\":false}", state))
    };
    let fetched = |id: &str| Answer::Fetched {
        revision: revision(id),
        repository: revision(ROOT),
    };
    let world = world.reading(cluster("{\"version\":false}", later)).answers([
        ("fetch", fetched(NEW)),
        ("relate", Answer::Relation(Relation::Forward)),
        ("relate", Answer::Relation(Relation::Unknown)),
        ("fetch", fetched(LATER)),
    ]);
    let strict = |_: &mut SyncOptions, context: &mut Context| {
        context.delete_budget = DeleteBudget {
            znodes_max: 1,
            percent_max: 0,
        };
    };
    insta::assert_snapshot!(world.sync_with(strict), @"
    read fetch relate files read prepare lock read relate fetch files read prepare read observe release
    refused: the plan deletes 2 znodes, the budget is 1 of 3 managed ones
    ");
}

#[test]
fn what_hosts_names_comes_before_what_it_named_before_batches() {
    let mut state = applying("dead", 1, 2);
    (state.commit, state.from) = (None, Some(format!("\"{OLD}\"")));
    let deployed = |version: &str| {
        let reading = cluster(&format!("{{\"version\":{version}}}"), state.clone());
        reading.deployed().map(|revision| revision.to_string())
    };
    assert_eq!(deployed("false").as_deref(), Some(OLD));
    assert_eq!(deployed(&format!("\"{LATER}\"")).as_deref(), Some(LATER));
}

#[test]
fn a_lock_that_is_held_ends_it() {
    let world = World {
        lock: LockAnswer::Busy(Failure::new("somebody")),
        ..World::new()
    };
    insta::assert_snapshot!(world.sync(), @"
    read fetch relate files read prepare lock
    lock held by somebody
    ERROR Refused to update zookeeper tree, couldn't obtain cluster lock
    ");
}

#[test]
fn a_dry_run_takes_no_lock() {
    insta::assert_snapshot!(World::new().sync_with(|options, _| options.mode = Mode::DryRun), @"
    read fetch relate files read observe
    planned
    ");
}

#[test]
fn a_plan_is_made_whatever_would_refuse_it() {
    let reading = ClusterReading {
        hosts: vec![host("web", "older")],
        ..at("null")
    };
    insta::assert_snapshot!(first(reading).sync_with(|options, _| options.mode = Mode::Plan), @"
    read fetch relate files read observe
    planned, would be refused: the cluster is stopped, by a host or by hand
    ");
    insta::assert_snapshot!(first(lagging()).sync_with(|options, _| options.mode = Mode::Plan), @"
    read fetch relate files read observe
    planned, would be refused: host web has not converged (older -> OLD)
    ");
}

#[test]
fn batches_ask_the_acls_first() {
    let world = || World {
        files: vec![("a.zk", "/a\n  v = 2\n  /b\n")],
        denied: vec!["creating in /a".to_owned()],
        ..World::new()
    };
    let small = |_: &mut SyncOptions, context: &mut Context| {
        context.batch_limits.transaction_operations_max = 1;
        context.batch_limits.batch_bytes_max = 1;
    };
    insta::assert_snapshot!(world().sync_with(small), @r"
    read fetch relate files read prepare lock read observe access release
    failed: ZooKeeper denies creating in /a; nothing was written
    hint: give treekeeper's identity the permission, or configure the one that has it ([auth])
    ");
    insta::assert_snapshot!(World { denied: Vec::new(), ..world() }.sync_with(small), @"
    read fetch relate files read prepare lock read observe access commit back
    applied
    ");
}

#[test]
fn nodes_that_vanish_after_they_were_prepared_are_prepared_again_but_not_for_ever() {
    let gone = ClusterReading {
        state: StateReading::Absent,
        ..old()
    };
    insta::assert_snapshot!(inside(gone.clone()).reading(old()).sync(), @"
    read fetch relate files read prepare lock read prepare read observe commit back
    applied
    ");
    insta::assert_snapshot!(inside(gone).sync(), @"
    read fetch relate files read prepare lock read prepare read prepare read prepare read prepare read prepare read release
    failed: others kept changing the tree: 5 plans were overtaken, the last one at /hosts or /treekeeper
    hint: find out who writes there, then run the same command again
    ");
}

#[test]
fn an_edit_asks_only_for_the_stop_and_the_lock() {
    insta::assert_snapshot!(World::new().edit(), @"
    read prepare lock read observe commit back
    applied
    ");
    insta::assert_snapshot!(first(at("null")).edit(), @"
    read
    refused: the cluster is stopped, by a host or by hand
    CRITICAL ALL STOP, cluster version is None
    ");
    insta::assert_snapshot!(World::new().reading(at("null")).edit(), @"
    read prepare lock read release
    refused: the cluster is stopped, by a host or by hand
    CRITICAL ALL STOP, cluster version is None
    ");
    insta::assert_snapshot!(World { live: live(&[]), ..World::new() }.edit(), @"
    read prepare lock read observe release
    failed: there is no znode /a
    hint: create it first, or correct the path
    ");
}
