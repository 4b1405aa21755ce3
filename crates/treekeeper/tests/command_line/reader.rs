//! The reader of trees: by multi-reads, and one by one as on servers before 3.6.

use std::sync::atomic::{AtomicBool, Ordering};

use treekeeper::zk::{Hints, ReadMethod, Session, SessionOptions, observe_more};
use treekeeper_core::model::{LiveNode, LiveTree, Outline, Tree, ZnodePath};
use treekeeper_core::operation::Scope;

use crate::support::foreign::Foreign;
use crate::support::proxy::Proxy;
use crate::support::server::Server;

/// The requests that list children.
const LISTINGS: [i32; 2] = [8, 12];

/// Returns every node with its data, data version and owner.
fn told(tree: &LiveTree) -> Vec<String> {
    tree.walk()
        .map(|id| {
            let node = tree.content(id);
            format!("{} {:?} {:?}", tree.path(id), node, tree.children(id).len())
        })
        .collect()
}

fn read(connect: &str, method: ReadMethod, scope: &Scope) -> LiveTree {
    let [tree] = read_with(connect, method, scope, [&Hints::default()]);
    tree
}

/// Reads once with each of `hints`, on one session.
fn read_with<const N: usize>(
    connect: &str,
    method: ReadMethod,
    scope: &Scope,
    hints: [&Hints; N],
) -> [LiveTree; N] {
    let options = SessionOptions {
        connect: connect.to_owned(),
        ..SessionOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let session = Session::open(&options).await.expect("the server answers");
        let mut trees = Vec::new();
        for hints in hints {
            let tree = Tree::new(LiveNode::unread());
            let tree = observe_more(&session, tree, scope, method, hints).await;
            trees.push(tree.expect("the tree can be read"));
        }
        session.close().await;
        trees.try_into().expect("as many trees as hints")
    })
}

/// Returns hints of nodes at these paths, parents before children.
fn hints(paths: &[String]) -> Hints {
    let mut tree = Tree::new(());
    for path in paths {
        let path = ZnodePath::parse(path).expect("a path");
        let mut at = tree.root();
        for name in path.names() {
            at = match tree.child(at, name) {
                Some(child) => child,
                None => tree.add(at, name, ()),
            };
        }
    }
    let hints = Hints::default();
    hints.add(Outline::new(&tree));
    hints
}

fn below(root: &str) -> Scope {
    Scope {
        subtrees: vec![ZnodePath::parse(root).expect("a path")],
        nodes: Vec::new(),
    }
}

#[test]
fn both_ways_of_reading_give_one_tree() {
    let connect = Server::shared().chroot();
    let foreign = Foreign::connect(&connect);
    for root in ["/a", "/b"] {
        foreign.create(root, b"{\"root\":1}");
        for group in 0..5 {
            foreign.create(&format!("{root}/{group}"), b"");
            for leaf in 0..60 {
                let data = "x".repeat(leaf * 40);
                foreign.create(&format!("{root}/{group}/{leaf}"), data.as_bytes());
            }
        }
    }
    foreign.create_ephemeral("/a/0/mine", b"here");
    let path = |text: &str| ZnodePath::parse(text).expect("a path");
    let scope = Scope {
        subtrees: vec![path("/a"), path("/absent")],
        nodes: vec![path("/b/1/2"), path("/b/none")],
    };
    let batched = told(&read(&connect, ReadMethod::Batched, &scope));
    let single = told(&read(&connect, ReadMethod::Single, &scope));
    assert_eq!(batched, single);
    // /a, 5 groups, 300 leaves, the ephemeral one, and /b/1/2 with its two ancestors, which were not read.
    assert_eq!(batched.len(), 1 + 5 + 300 + 1 + 3);
    assert!(
        batched
            .iter()
            .any(|line| line.starts_with("/a/0/mine") && line.contains("Some("))
    );
}

#[test]
fn hints_change_nothing_of_what_is_read() {
    let connect = Server::shared().chroot();
    let foreign = Foreign::connect(&connect);
    let mut paths = vec!["/a".to_owned()];
    for group in ["x", "y", "z"] {
        paths.push(format!("/a/{group}"));
        paths.extend(["1", "2", "2/deep", "2/deep/er", "3"].map(|leaf| format!("/a/{group}/{leaf}")));
    }
    paths
        .iter()
        .for_each(|path| foreign.create(path, path.as_bytes()));
    let replaced = |from: &str, to: &str| -> Vec<String> {
        let changed = paths.iter().map(|path| path.replace(from, to));
        changed.collect()
    };
    let without = |end: &str| -> Vec<String> {
        let left = paths.iter().filter(|path| !path.ends_with(end));
        left.cloned().collect()
    };
    let more = [paths.clone(), vec!["/a/x/3/more".to_owned(), "/a/z/4".to_owned()]].concat();
    let stale = [without("/deep/er"), vec!["/a/y/2/deep/est".to_owned()]].concat();
    let told_with = |method, expected: &[String]| {
        let [plain, hinted] = read_with(
            &connect,
            method,
            &below("/a"),
            [&Hints::default(), &hints(expected)],
        );
        (told(&plain), told(&hinted))
    };
    for method in [ReadMethod::Batched, ReadMethod::Single] {
        for expected in [
            paths.clone(),
            replaced("/y", "/yy"),
            replaced("/2", "/0"),
            replaced("/deep/er", "/deep/other"),
            without("/3"),
            more.clone(),
            stale.clone(),
            vec!["/b".to_owned()],
        ] {
            let (plain, hinted) = told_with(method, &expected);
            assert_eq!(plain.len(), paths.len());
            assert_eq!(plain, hinted, "{expected:?}");
        }
    }
}

#[test]
fn children_that_are_as_expected_are_not_listed() {
    let connect = Server::shared().chroot();
    let foreign = Foreign::connect(&connect);
    let paths = ["/a", "/a/x", "/a/x/1", "/a/y", "/a/y/2"].map(str::to_owned);
    paths.iter().for_each(|path| foreign.create(path, b""));
    let listings = |hints: &Hints| {
        let proxy = Proxy::start(&connect);
        read_with(
            &proxy.connect(&connect),
            ReadMethod::Single,
            &below("/a"),
            [hints],
        );
        LISTINGS.map(|opcode| proxy.frames(opcode)).iter().sum::<usize>()
    };
    assert_eq!(listings(&Hints::default()), 3);
    assert_eq!(listings(&hints(&paths)), 0);
    assert_eq!(listings(&hints(&paths[..4])), 1);
}

/// `/a` always has `kept`; `guess` comes and goes. Who took two expected names that exist, and a count of two, for all of
/// the children would lose `kept` now and then.
#[test]
fn a_child_that_comes_between_two_answers_hides_no_other() {
    let connect = Server::shared().chroot();
    let foreign = Foreign::connect(&connect);
    for path in ["/a", "/a/first", "/a/kept"] {
        foreign.create(path, b"");
    }
    let expected = hints(&["/a", "/a/first", "/a/guess"].map(str::to_owned));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let foreign = Foreign::connect(&connect);
            for _ in 0..10_000 {
                foreign.create("/a/guess", b"");
                foreign.delete("/a/guess");
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let trees = read_with(&connect, ReadMethod::Batched, &below("/a"), [&expected; 1_000]);
        is_over.store(true, Ordering::Relaxed);
        let kept = ZnodePath::parse("/a/kept").expect("a path");
        let lost = trees.iter().filter(|tree| tree.find(&kept).is_none());
        assert_eq!(lost.count(), 0);
    });
}
