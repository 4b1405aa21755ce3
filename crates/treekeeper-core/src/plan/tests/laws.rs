//! Laws of plans, held against random trees.

use proptest::prelude::*;

use super::*;
use crate::model::decode;

/// A node of a random tree: what files say of it, and what a server does.
#[derive(Clone, Debug)]
struct Sketch {
    path: Vec<u8>,
    data: usize,
    ephemeral: bool,
}

/// Data that differ in meaning, in spelling only, or not at all.
const DATA: [&str; 8] = [
    "",
    "{}",
    "{\"x\":1}",
    "{ \"x\" : 1 }",
    "{\"x\":1.0}",
    "{\"x\":1,\"y\":[]}",
    "raw",
    "{\"string_value\":\"raw\"}",
];
const TOPS: [&str; 4] = ["a", "b", "hosts", "role-locks"];

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let sketch = (
        proptest::collection::vec(0..4u8, 1..5),
        0..DATA.len(),
        proptest::bool::weighted(0.3),
    )
        .prop_map(|(path, data, ephemeral)| Sketch {
            path,
            data,
            ephemeral,
        });
    proptest::collection::vec(sketch, 0..14)
}

fn spelled(path: &[u8]) -> String {
    let mut names = path.iter();
    let top = TOPS[*names.next().unwrap() as usize];
    names.fold(format!("/{top}"), |path, name| {
        format!("{path}/{}", ["a", "a.b", "c", "d"][*name as usize])
    })
}

/// The sketches with all parents, each path once.
fn complete(sketches: &[Sketch]) -> BTreeMap<String, (&'static str, bool)> {
    let mut nodes = BTreeMap::new();
    for sketch in sketches {
        for length in 1..sketch.path.len() {
            nodes
                .entry(spelled(&sketch.path[..length]))
                .or_insert(("{}", false));
        }
        nodes.insert(spelled(&sketch.path), (DATA[sketch.data], sketch.ephemeral));
    }
    // Only leaves can be ephemeral.
    let inner: Vec<String> = nodes.keys().map(|path| parent(path).to_owned()).collect();
    inner.iter().for_each(|path| {
        nodes.entry(path.clone()).and_modify(|node| node.1 = false);
    });
    nodes
}

fn live_tree(sketches: &[Sketch]) -> LiveTree {
    let nodes = complete(sketches);
    let numbered = nodes.iter().enumerate();
    tree(
        &numbered
            .map(|(n, (path, it))| (path.clone(), live_node(it.0.as_bytes(), n as i64, it.1)))
            .collect(),
    )
}

fn desired_tree(sketches: &[Sketch], keep: bool) -> DesiredTree {
    let nodes = complete(sketches);
    let nodes: Vec<_> = nodes
        .iter()
        .filter(|(path, _)| !path.starts_with("/hosts"))
        .collect();
    let nodes: Vec<_> = nodes.iter().map(|(path, it)| (path.as_str(), it.0)).collect();
    desired(&nodes, if keep { &["b"] } else { &[] })
}

fn top(path: &str) -> &str {
    path[1..].split('/').next().unwrap()
}

/// Tells whether `path` is an agent's request for a role's lock, or below one.
fn is_role_request(path: &str) -> bool {
    path.starts_with("/role-locks/") && path.matches('/').count() > 2
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn an_applied_plan_gives_the_desired_tree_and_spares_all_else(
        wanted in sketches(),
        found in sketches(),
        keep in any::<bool>(),
        prune in any::<bool>(),
    ) {
        let (desired, live) = (desired_tree(&wanted, keep), live_tree(&found));
        let prune = names(if prune { &["a", "hosts"] } else { &[] });
        let options = DiffOptions { prune: prune.clone(), ..DiffOptions::default() };
        let plan = diff(&desired, &live, &options);
        let before = server(&live);
        let pruned = |path: &str| {
            prune.contains(top(path)) && !desired.roots.contains_key(top(path)) && top(path) != "hosts"
        };
        let blocked = |path: &str| plan.obstacles.iter().any(|obstacle| match obstacle {
            Obstacle::BelowEphemeral { path: at, .. } => path == at.as_str() || path.starts_with(&format!("{at}/")),
            Obstacle::ParentMissing { .. } => false,
        });
        for obstacle in &plan.obstacles {
            let Obstacle::BelowEphemeral { path, ephemeral } = obstacle else { panic!("{obstacle}") };
            prop_assert_eq!(parent(path.as_str()), ephemeral.as_str());
            prop_assert!(before[ephemeral.as_str()].ephemeral_owner.is_some());
        }

        let mut after = before.clone();
        prop_assert_eq!(apply(&mut after, &plan.changes), Ok(()));

        // Everything that is desired is there and means what it should.
        let mut equal = 0;
        for id in desired.tree.walk() {
            let path = desired.tree.path(id).to_string();
            if blocked(&path) {
                prop_assert!(!after.contains_key(&path));
                continue;
            }
            let data = &desired.tree.content(id).data;
            prop_assert_eq!(decode(&after[&path].data), decode(data), "{}", path);
            if before.get(&path).is_some_and(|node| decode(&node.data) == decode(data)) {
                equal += 1;
                prop_assert_eq!(&after[&path], &before[&path], "written though it is equal");
            }
        }
        prop_assert_eq!(plan.unchanged, equal);

        // What is not desired is gone exactly where it may go.
        for (path, node) in &before {
            let wanted = desired.tree.find(&ZnodePath::parse(path).unwrap()).is_some();
            if wanted {
                continue;
            }
            let below = format!("{path}/");
            let trimmed = desired.roots.get(top(path)) == Some(&RootScope::Trim) || pruned(path);
            let stays = |(other, node): (&String, &LiveNode)| {
                (other == path || other.starts_with(&below)) && (node.ephemeral_owner.is_some() || is_role_request(other))
            };
            let may_go = trimmed && !before.iter().any(stays);
            prop_assert_eq!(after.get(path), (!may_go).then_some(node), "{}", path);
            if trimmed && node.ephemeral_owner.is_some() {
                let told = plan.spared.iter().filter(|spared| spared.path.as_str() == path).count();
                let in_role = is_role_request(path) && desired.roots.contains_key("role-locks")
                    && desired.tree.find(&ZnodePath::parse(&path.split('/').take(3).collect::<Vec<_>>().join("/")).unwrap()).is_some();
                prop_assert!(told == 1 || (told == 0 && in_role), "{path} told {told} times");
            }
        }

        // A second plan is empty, but for obstacles.
        let second = diff(&desired, &tree(&after), &options);
        prop_assert_eq!(&second.changes, &[]);
        prop_assert_eq!(&second.obstacles, &plan.obstacles);
        prop_assert_eq!(&second.spared.iter().map(|it| &it.path).collect::<Vec<_>>(),
            &plan.spared.iter().map(|it| &it.path).collect::<Vec<_>>());
        let counts = plan.counts();
        prop_assert_eq!(plan.managed, plan.unchanged + counts.set + counts.delete);
        let changed: Vec<_> = plan.changes.iter().map(Change::path).collect();
        prop_assert!(changed[..counts.create].is_sorted() && changed[counts.create + counts.set..].is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn an_import_below_a_base_touches_nothing_else(wanted in sketches(), found in sketches(), trim in any::<bool>()) {
        let base = "/a/c";
        let shifted = |node: &Sketch| Sketch { path: [vec![0, 2], node.path.clone()].concat(), ..*node };
        let found: Vec<Sketch> = found.iter().map(shifted).collect();
        let mut live_nodes = server(&live_tree(&found));
        live_nodes.entry("/a".into()).or_insert(live_node(b"", 1, false));
        live_nodes.entry(base.into()).or_insert(live_node(b"", 1, false));
        live_nodes.insert("/a/z".into(), live_node(b"", 1, false));
        let desired = desired_tree(&wanted, false);
        let options = DiffOptions {
            base: ZnodePath::parse(base).unwrap(),
            trim: if trim { Trim::ByRoot } else { Trim::Never },
            ..DiffOptions::default()
        };
        let plan = diff(&desired, &tree(&live_nodes), &options);
        let mut after = live_nodes.clone();
        prop_assert_eq!(apply(&mut after, &plan.changes), Ok(()));
        for change in &plan.changes {
            let below = change.path().as_str().strip_prefix("/a/c/").unwrap();
            prop_assert!(desired.roots.contains_key(below.split('/').next().unwrap()));
            let deletes = matches!(change, Change::Delete { .. });
            prop_assert!(trim || !deletes);
        }
        prop_assert_eq!(&diff(&desired, &tree(&after), &options).changes, &[]);
    }

    #[test]
    fn batches_are_the_changes_in_order_and_within_their_limits(
        sizes in proptest::collection::vec(0..3_000usize, 0..60),
        guard in 0..500usize,
        transaction_bytes_max in 1_000..60_000usize,
        batch_bytes_max in 500..5_000usize,
        operations_max in 3..40usize,
        chroot_bytes in 0..20usize,
    ) {
        let path = |number| ZnodePath::root().join(&format!("n{number}"));
        let changes = sizes.iter().enumerate().map(|(number, size)| match number % 3 {
            0 => Change::Create { path: path(number), data: vec![0; *size].into() },
            1 => Change::Set {
                path: path(number),
                data: vec![0; *size].into(),
                old: SharedBytes::default(),
                version: DataVersion(0),
                czxid: Zxid(0),
            },
            _ => Change::Delete { path: path(number), version: DataVersion(0), czxid: Zxid(0) },
        });
        let plan = Plan { changes: changes.collect(), ..Plan::default() };
        let limits = BatchLimits {
            transaction_bytes_max,
            transaction_operations_max: operations_max,
            batch_bytes_max,
            batch_operations_max: operations_max,
            guard_bytes: guard,
            guard_operations: 2,
            wire: Wire { chroot_bytes, ..Wire::default() },
            ..BatchLimits::default()
        };
        let batches = batches(&plan, &limits).unwrap();
        let mut end = 0;
        for batch in &batches {
            prop_assert_eq!(batch.range.start, end);
            end = batch.range.end;
            let changes = batch.changes(&plan);
            let bytes: usize = 17 + guard + changes.iter().map(|it| wire_bytes(it, chroot_bytes)).sum::<usize>();
            prop_assert_eq!(bytes, batch.bytes);
            prop_assert!(!changes.is_empty() && changes.len() + 2 <= operations_max);
            let bytes_max = if batches.len() == 1 { transaction_bytes_max.max(batch_bytes_max) } else { batch_bytes_max };
            prop_assert!(bytes <= bytes_max || changes.len() == 1);
        }
        prop_assert_eq!(end, plan.changes.len());
    }
}

/// What kazoo would write: the serialisation itself, not its sum.
fn wire_bytes(change: &Change, chroot_bytes: usize) -> usize {
    let mut out: Vec<u8> = vec![0; 4 + 1 + 4];
    let string = |out: &mut Vec<u8>, bytes: &[u8]| {
        out.extend((bytes.len() as i32).to_be_bytes());
        out.extend(bytes);
    };
    string(
        &mut out,
        &[vec![b'/'; chroot_bytes], change.path().as_str().into()].concat(),
    );
    match change {
        Change::Create { data, .. } => {
            string(&mut out, data);
            out.extend(1i32.to_be_bytes());
            out.extend(31i32.to_be_bytes());
            string(&mut out, b"world");
            string(&mut out, b"anyone");
            out.extend(0i32.to_be_bytes());
        }
        Change::Set { data, version, .. } => {
            string(&mut out, data);
            out.extend(version.0.to_be_bytes());
        }
        Change::Delete { version, .. } => out.extend(version.0.to_be_bytes()),
    }
    out.len()
}
