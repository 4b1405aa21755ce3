//! What is protected from deletion, and how a protection comes and goes.

use super::*;

/// Returns a cluster whose `/a` has the children `keep` and `gone`, and a commit that has neither.
fn world() -> World {
    World {
        live: live(&[
            ("/a", "{\"v\":1}"),
            ("/a/gone", ""),
            ("/a/keep", ""),
            ("/a/keep/below", ""),
        ]),
        ..World::new()
    }
}

fn remembering(texts: &[&str], state: ClusterState) -> ClusterReading {
    let mut state = state;
    state.protected = texts.iter().map(|text| (*text).to_owned()).collect();
    cluster(&format!("{{\"version\":\"{OLD}\"}}"), state)
}

/// Returns what each transaction of the last commitment lets the state remember.
fn remembered(world: &World) -> Vec<Vec<String>> {
    let transactions = &world.commitments.last().unwrap().transactions;
    let states = transactions.iter().filter_map(|transaction| {
        transaction.head.iter().find_map(|op| match op {
            Op::Set(path, data, _) if path.as_str() == "/treekeeper/state" => {
                Some(serde_json::from_slice::<ClusterState>(data).unwrap().protected)
            }
            _ => None,
        })
    });
    states.collect()
}

#[test]
fn what_is_protected_is_never_deleted_whoever_protects_it() {
    let by_configuration = world().sync_with(|_, context| {
        context.protect = globs(&["/a/keep/**"]);
        context.allow_delete = Some(100);
    });
    insta::assert_snapshot!(by_configuration, @"
    read fetch relate files read prepare lock read observe release
    refused: the plan deletes /a/keep and 1 more znode, protected by /a/keep/** in [delete] of the configuration
    ");
    let by_repository = World {
        protect: vec!["/a/*"],
        ..world()
    };
    insta::assert_snapshot!(by_repository.sync(), @"
    read fetch relate files read prepare lock read observe release
    refused: the plan deletes /a/gone and 1 more znode, protected by /a/* in treekeeper.toml of the repository
    ");
    let by_cluster = World {
        readings: VecDeque::from([remembering(&["/**/below"], clean())]),
        ..world()
    };
    insta::assert_snapshot!(by_cluster.sync(), @"
    read fetch relate files read prepare lock read observe release
    refused: the plan deletes /a/keep/below, protected by /**/below since the deployed commit
    ");
}

#[test]
fn every_offended_glob_is_told_beside_the_budget() {
    let world = World {
        protect: vec!["/a/gone"],
        readings: VecDeque::from([remembering(&["/a/keep"], clean())]),
        ..world()
    };
    insta::assert_snapshot!(world.sync_with(|_, context| context.delete_budget.znodes_max = 1), @"
    read fetch relate files read prepare lock read observe release
    refused: the plan deletes /a/gone, protected by /a/gone in treekeeper.toml of the repository; the plan deletes /a/keep, protected by /a/keep since the deployed commit; the plan deletes 3 znodes, the budget is 1 of 4 managed ones
    ");
}

#[test]
fn a_plan_shows_what_is_protected() {
    let world = World {
        protect: vec!["/a/keep"],
        ..world()
    };
    insta::assert_snapshot!(world.sync_with(|options, _| options.mode = Mode::Plan), @"
    read fetch relate files read observe
    planned, would be refused: the plan deletes /a/keep, protected by /a/keep in treekeeper.toml of the repository
    ");
}

#[test]
fn the_cluster_remembers_the_lists_of_the_commit_and_the_configuration() {
    let mut world = World {
        protect: vec!["/b", "/a"],
        live: live(&[("/a", "{\"v\":1}")]),
        readings: VecDeque::from([remembering(&["/old"], clean())]),
        ..World::new()
    };
    world.play(|_, context| context.protect = globs(&["/c/**", "/a"]));
    assert_eq!(remembered(&world), [["/a", "/b", "/c/**"]]);
}

#[test]
fn batches_protect_the_old_and_the_new_until_all_is_there() {
    let mut world = World {
        files: vec![("a.zk", "/a\n  v = 2\n  /new\n")],
        protect: vec!["/new/**"],
        live: live(&[("/a", "{\"v\":1}")]),
        readings: VecDeque::from([remembering(&["/old/**"], clean())]),
        ..World::new()
    };
    world.play(|_, context| {
        context.batch_limits.transaction_operations_max = 4;
        context.batch_limits.batch_bytes_max = 1;
    });
    let both = vec!["/new/**", "/old/**"];
    assert_eq!(
        remembered(&world),
        [both.clone(), both.clone(), both, vec!["/new/**"]]
    );
}

#[test]
fn an_import_heeds_the_configuration_and_what_the_cluster_remembers() {
    let told = |by_configuration: bool| {
        let mut context = context();
        let mut reading = cluster(&format!("{{\"version\":\"{OLD}\"}}"), clean());
        if by_configuration {
            context.protect = globs(&["/a/keep"]);
        } else {
            reading = remembering(&["/a/keep"], clean());
        }
        let mut world = World {
            readings: VecDeque::from([reading]),
            ..world()
        };
        let file = SourceFile {
            name: "a.zk".to_owned(),
            bytes: b"/a\n  v = 1\n".to_vec(),
        };
        let (tree, _) = crate::treefile::parse(Arc::new(file), &ParseLimits::default());
        let graft = crate::layer::merge_at(
            vec![tree],
            Overlay::Merge,
            &LayerLimits::default(),
            &ZnodePath::root(),
        );
        let edit = EditOptions {
            dry_run: false,
            base: ZnodePath::root(),
            edit: Edit::Tree(graft.unwrap(), Trim::ByRoot),
        };
        world.drive(Operation::edit(edit, context));
        world.told()
    };
    insta::assert_snapshot!(told(true), @"
    read prepare lock read observe release
    refused: the plan deletes /a/keep, protected by /a/keep in [delete] of the configuration
    ");
    insta::assert_snapshot!(told(false), @"
    read prepare lock read observe release
    refused: the plan deletes /a/keep, protected by /a/keep since the deployed commit
    ");
}

#[test]
fn a_glob_that_nobody_can_read_is_never_taken_for_nothing() {
    let world = World {
        readings: VecDeque::from([remembering(&["a"], clean())]),
        ..world()
    };
    insta::assert_snapshot!(world.sync(), @r#"
    read
    failed: cannot read /treekeeper/state: "a" in `protected` is no glob
    hint: if it was damaged by hand, put the glob right there
    "#);
}
