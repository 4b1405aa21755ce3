//! Tests of plans: trees are written as paths with JSON, plans are compared as the text that people read.
//!
//! `apply` is a model of a server that knows nothing of the code that it judges.

mod laws;
mod saved_plans;
mod texts;

use std::collections::BTreeMap;

use super::*;
use crate::model::{DesiredNode, DesiredTree, LiveNode, LiveTree, RootScope, Tree};

/// A desired tree of these paths, parents first; a top-level name in `keep` is defined by overlays only.
fn desired(nodes: &[(&str, &str)], keep: &[&str]) -> DesiredTree {
    let mut tree = Tree::new(DesiredNode {
        data: SharedBytes::default(),
    });
    for (path, data) in nodes {
        let path = ZnodePath::parse(path).unwrap();
        let parent = tree.find(&path.parent().unwrap()).unwrap();
        tree.add(
            parent,
            path.name(),
            DesiredNode {
                data: data.as_bytes().into(),
            },
        );
    }
    let names = tree.children(tree.root()).iter().map(|id| tree.name(*id));
    let scope = |name: &str| {
        if keep.contains(&name) {
            RootScope::Keep
        } else {
            RootScope::Trim
        }
    };
    let roots = names.map(|name| (name.into(), scope(name))).collect();
    DesiredTree { tree, roots }
}

fn live_node(data: &[u8], number: i64, ephemeral: bool) -> LiveNode {
    LiveNode {
        data: data.into(),
        version: DataVersion(number as i32),
        czxid: Zxid(100 + number),
        mzxid: Zxid(200 + number),
        mtime_ms: 0,
        ephemeral_owner: ephemeral.then_some(0xE0 + number),
    }
}

/// A live tree of these paths, parents first; a path that ends in `!` is ephemeral.
fn live(nodes: &[(&str, &str)]) -> LiveTree {
    let mut tree = Tree::new(live_node(b"", 0, false));
    for (number, (path, data)) in nodes.iter().enumerate() {
        // Live names may hold what `parse` refuses.
        let (parent, name) = path.trim_end_matches('!').rsplit_once('/').unwrap();
        let parent = if parent.is_empty() { "/" } else { parent };
        let parent = tree.find(&ZnodePath::parse(parent).unwrap()).unwrap();
        tree.add(
            parent,
            name,
            live_node(data.as_bytes(), number as i64 + 1, path.ends_with('!')),
        );
    }
    tree
}

fn names(names: &[&str]) -> std::collections::BTreeSet<Box<str>> {
    names.iter().map(|name| Box::from(*name)).collect()
}

/// A server: its znodes by path.
type Server = BTreeMap<String, LiveNode>;

fn server(tree: &LiveTree) -> Server {
    tree.walk()
        .map(|id| (tree.path(id).to_string(), tree.content(id).clone()))
        .collect()
}

fn parent(path: &str) -> &str {
    &path[..path.rfind('/').unwrap()]
}

/// Applies the changes one by one, with the checks that a server makes and that the fence adds.
fn apply(server: &mut Server, changes: &[Change]) -> Result<(), String> {
    for change in changes {
        let path = change.path().to_string();
        let found = server.get(&path).cloned();
        match (change, found) {
            (Change::Create { data, .. }, None) => {
                let above = parent(&path);
                let sound =
                    above.is_empty() || server.get(above).is_some_and(|it| it.ephemeral_owner.is_none());
                if !sound {
                    return Err(format!("create {path}: no parent that can have children"));
                }
                server.insert(path, live_node(data, 0, false));
            }
            (
                Change::Set {
                    data,
                    old,
                    version,
                    czxid,
                    ..
                },
                Some(node),
            ) => {
                if node.version != *version || node.czxid != *czxid || *node.data != **old {
                    return Err(format!("set {path}: planned against another node"));
                }
                server.insert(
                    path,
                    LiveNode {
                        data: data.clone(),
                        ..node
                    },
                );
            }
            (Change::Delete { version, czxid, .. }, Some(node)) => {
                let below = format!("{path}/");
                if node.version != *version || node.czxid != *czxid || node.ephemeral_owner.is_some() {
                    return Err(format!(
                        "delete {path}: planned against another node, or ephemeral"
                    ));
                }
                if server
                    .range(below.clone()..)
                    .next()
                    .is_some_and(|(other, _)| other.starts_with(&below))
                {
                    return Err(format!("delete {path}: not empty"));
                }
                server.remove(&path);
            }
            (_, found) => return Err(format!("{path}: exists is {}", found.is_some())),
        }
    }
    Ok(())
}

/// The tree of a server's znodes.
fn tree(server: &Server) -> LiveTree {
    let mut tree = Tree::new(live_node(b"", 0, false));
    for (path, node) in server {
        // Byte order of whole paths puts parents before their children.
        let above = if parent(path).is_empty() {
            "/"
        } else {
            parent(path)
        };
        let above = tree.find(&ZnodePath::parse(above).unwrap()).unwrap();
        tree.add(above, path.rsplit('/').next().unwrap(), node.clone());
    }
    tree
}
