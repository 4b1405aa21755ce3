//! Commits that leave the tree as it is, where only trees move the version.

use super::*;

/// Returns the digest of what the world's files say.
fn digest() -> String {
    let mut world = World::new();
    world.play(|_, _| {});
    written(world.commitments.last().unwrap()).tree_sha256.unwrap()
}

/// Returns the state that a commitment leaves.
fn written(commitment: &Commitment) -> ClusterState {
    let last = commitment.transactions.last().unwrap();
    let state = last.head.iter().find_map(|op| match op {
        Op::Set(path, data, _) if path.as_str() == "/treekeeper/state" => Some(data),
        _ => None,
    });
    serde_json::from_slice(state.unwrap()).unwrap()
}

/// Returns a cluster at OLD whose tree is that of the files at NEW.
fn same_tree(version: &str, edit: impl FnOnce(&mut ClusterState)) -> World {
    let mut state = clean();
    state.tree_sha256 = Some(digest());
    edit(&mut state);
    World {
        readings: VecDeque::from([cluster(&format!("{{\"version\":{version}}}"), state)]),
        ..World::new()
    }
}

fn by_tree(options: &mut SyncOptions, _: &mut Context) {
    options.bump = Bump::Tree;
}

fn at_old() -> String {
    format!("\"{OLD}\"")
}

#[test]
fn a_quiet_commit_is_noted_and_nothing_is_looked_at() {
    let mut world = same_tree(&at_old(), |_| {});
    world.play(by_tree);
    insta::assert_snapshot!(world.told(), @"
    read fetch relate files read prepare lock read commit
    applied
    ");
    insta::assert_snapshot!(transactions(&world.commitments[0]), @r#"
    transaction 0
      check /lock/ours @0
      check /hosts @3
      set /treekeeper/state Clean 0/0 at OLD from none to none, outcomes ["5555"] @5
      delete /lock/ours @0
    "#);
    let state = written(&world.commitments[0]);
    assert_eq!(
        (state.seen.as_deref(), state.by.as_str()),
        (Some(NEW), "earlier@host")
    );
}

#[test]
fn what_was_seen_is_not_read_again() {
    let world = same_tree(&at_old(), |state| state.seen = Some(NEW.to_owned()));
    insta::assert_snapshot!(world.sync_with(by_tree), @"
    read fetch relate
    in sync
    ");
}

#[test]
fn by_default_the_version_moves() {
    let mut world = same_tree(&at_old(), |state| state.seen = Some(NEW.to_owned()));
    world.play(|_, _| {});
    let state = written(&world.commitments[0]);
    assert_eq!(
        (state.commit.as_deref(), state.seen.as_deref()),
        (Some(NEW), Some(NEW))
    );
}

#[test]
fn another_tree_moves_the_version() {
    let mut world = same_tree(&at_old(), |state| state.tree_sha256 = Some("another".to_owned()));
    world.play(by_tree);
    assert_eq!(written(&world.commitments[0]).commit.as_deref(), Some(NEW));
}

#[test]
fn a_version_that_somebody_else_set_is_not_moved_back() {
    let mut world = same_tree("\"by hand\"", |_| {});
    world.play(by_tree);
    assert_eq!(written(&world.commitments[0]).commit.as_deref(), Some(NEW));
}

#[test]
fn a_version_that_somebody_else_set_before_batches_is_not_moved_back() {
    let cut = |from: &str| {
        let mut world = same_tree("false", |state| {
            let digest = state.tree_sha256.take();
            *state = applying("dead", 1, 2);
            (state.tree_sha256, state.from) = (digest, Some(from.to_owned()));
        });
        world.play(by_tree);
        written(&world.commitments[0]).commit
    };
    assert_eq!(cut("\"by hand\"").as_deref(), Some(NEW));
    assert_eq!(cut(&at_old()).as_deref(), Some(OLD));
}

#[test]
fn a_rollback_that_was_cut_off_ends_at_its_commit_whatever_the_tree_is() {
    let mut world = same_tree("false", |state| state.pinned = Some(pin(NEW)));
    world.play(by_tree);
    assert_eq!(written(&world.commitments[0]).commit.as_deref(), Some(NEW));
}

#[test]
fn a_repair_at_a_quiet_commit_goes_back_to_the_deployed_version_also_in_batches() {
    let mut world = same_tree("false", |_| {});
    world.live = live(&[("/a", "{\"v\":1}"), ("/a/extra", "")]);
    world.play(|options, context| {
        by_tree(options, context);
        options.repair = true;
        context.batch_limits.transaction_operations_max = 4;
        context.batch_limits.batch_bytes_max = 1;
    });
    insta::assert_snapshot!(transactions(&world.commitments[0]), @r#"
    transaction 0
      check /lock/ours @0
      set /hosts {"version":false} @3
      set /treekeeper/state Applying 0/2 at OLD from false to OLD, outcomes [] @5
    transaction 1
      check /lock/ours @0
      check /hosts @4
      set /treekeeper/state Applying 1/2 at OLD from false to OLD, outcomes [] @6
      set /a {"v":2} @7
    transaction 2
      check /lock/ours @0
      check /hosts @4
      set /treekeeper/state Applying 2/2 at OLD from false to OLD, outcomes [] @7
      delete /a/extra @7
    transaction 3
      check /lock/ours @0
      set /hosts {"version":"OLD"} @4
      set /treekeeper/state Clean 0/0 at OLD from none to none, outcomes ["5555"] @8
      create /treekeeper/history/0000000005 sync of OLD from False: 0 created, 1 changed, 1 deleted, can be undone
      delete /lock/ours @0
    "#);
}

#[test]
fn gates_hold_for_a_quiet_commit_but_for_hosts_that_lag() {
    let mut world = same_tree(&at_old(), |state| state.pinned = Some(pin(OLD)));
    world.readings[0].hosts = vec![host("web", "older")];
    insta::assert_snapshot!(world.sync_with(by_tree), @"
    read fetch relate files read
    refused: the cluster is pinned at OLD by jim@host since then
    ");
    let mut world = same_tree(&at_old(), |_| {});
    world.readings[0].hosts = vec![host("web", "older")];
    insta::assert_snapshot!(world.sync_with(by_tree), @"
    read fetch relate files read prepare lock read commit
    applied
    ");
}
