//! What a plan, or the plan that would undo it, comes to: one number to compare.
//!
//! A digest is the SHA-256 of one JSON line a znode, sorted by path: what is done, where, and the properties that are
//! left there. It says nothing of the versions that the plan was made against, nor of the order of its changes, and
//! values of properties that look secret are masked in it: who knows a digest can't try passwords on it.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::json::{string, text, write_value};
use super::{Change, Plan, Secrets};
use crate::model::secret::MASK;
use crate::model::{DesiredTree, LiveTree, RootScope, ZnodePath, decode};

/// Returns the digest of a plan, in hexadecimal digits.
pub fn digest(plan: &Plan, secrets: Secrets<'_>) -> String {
    let lines = plan.changes.iter().map(|change| match change {
        Change::Create { path, data } => ("create", path, Some(&data[..])),
        Change::Set { path, data, .. } => ("set", path, Some(&data[..])),
        Change::Delete { path, .. } => ("delete", path, None),
    });
    hashed(lines.collect(), secrets)
}

/// Returns the digest of the plan that would undo `plan`, which was made against `live`.
pub fn inverse_digest(plan: &Plan, live: &LiveTree, secrets: Secrets<'_>) -> String {
    let lines = plan.changes.iter().map(|change| match change {
        Change::Create { path, .. } => ("delete", path, None),
        Change::Set { path, old, .. } => ("set", path, Some(&old[..])),
        Change::Delete { path, .. } => {
            let live = live.find(path).map(|node| &live.content(node).data[..]);
            ("create", path, Some(live.unwrap_or_default()))
        }
    });
    hashed(lines.collect(), secrets)
}

/// Returns the digest of all that a commit says of the tree: every node with its data, and what may be trimmed.
pub fn tree_digest(desired: &DesiredTree) -> String {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        // With its length before it, no part can be taken for a piece of another.
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    for (root, scope) in &desired.roots {
        part(root.as_bytes());
        part(match scope {
            RootScope::Trim => b"trim",
            RootScope::Keep => b"keep",
        });
    }
    let tree = &desired.tree;
    let mut stack = vec![(tree.root(), 0_u32)];
    while let Some((id, depth)) = stack.pop() {
        part(&depth.to_be_bytes());
        part(tree.name(id).as_bytes());
        part(&tree.content(id).data);
        let children = tree.children(id).iter().rev();
        stack.extend(children.map(|child| (*child, depth + 1)));
    }
    hexadecimal(&hasher.finalize())
}

/// What is done, where, and the data that are left there.
type Line<'a> = (&'static str, &'a ZnodePath, Option<&'a [u8]>);

fn hashed(mut lines: Vec<Line<'_>>, secrets: Secrets<'_>) -> String {
    lines.sort_by(|one, other| one.1.cmp(other.1));
    let mut hasher = Sha256::new();
    for line in lines {
        hasher.update(spelled(line, secrets).as_bytes());
    }
    hexadecimal(&hasher.finalize())
}

fn spelled((action, path, data): Line<'_>, secrets: Secrets<'_>) -> String {
    let mut out = format!("{{\"action\":\"{action}\",\"path\":");
    // Writing to a string never fails.
    let _ = string(&mut out, path.as_str());
    if let Some(data) = data {
        out.push_str(",\"properties\":{");
        for (place, (key, value)) in decode(data).into_properties().iter().enumerate() {
            out.push_str(if place > 0 { "," } else { "" });
            let _ = text(&mut out, key);
            out.push(':');
            let _ = match secrets.mask(key) {
                true => string(&mut out, MASK),
                false => write_value(&mut out, value, secrets),
            };
        }
        out.push('}');
    }
    out.push_str("}\n");
    out
}

/// Returns bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DataVersion, DesiredNode, LiveNode, Tree, Zxid};

    fn path(text: &str) -> ZnodePath {
        ZnodePath::parse(text).unwrap()
    }

    fn create(at: &str, data: &[u8]) -> Change {
        Change::Create {
            path: path(at),
            data: data.into(),
        }
    }

    fn set(at: &str, old: &[u8], data: &[u8]) -> Change {
        Change::Set {
            path: path(at),
            data: data.into(),
            old: old.into(),
            version: DataVersion(3),
            czxid: Zxid(9),
        }
    }

    fn delete(at: &str, version: i32) -> Change {
        Change::Delete {
            path: path(at),
            version: DataVersion(version),
            czxid: Zxid(9),
        }
    }

    fn plan(changes: Vec<Change>) -> Plan {
        Plan {
            changes,
            ..Plan::default()
        }
    }

    const NONE: Secrets<'static> = Secrets::Masked(&[]);

    #[test]
    fn the_inverse_of_a_plan_is_the_plan_that_undoes_it() {
        let mut live: LiveTree = Tree::new(LiveNode::unread());
        let gone = LiveNode {
            data: b"{\"n\": 2}".as_slice().into(),
            ..LiveNode::unread()
        };
        live.add(live.root(), "gone", gone);
        let forth = plan(vec![
            create("/new", b"{\"a\":1}"),
            set("/both", b"{\"b\": 1.0}", b"{\"b\":2}"),
            delete("/gone", 4),
        ]);
        let back = plan(vec![
            create("/gone", b"{\"n\":2}"),
            set("/both", b"{\"b\":2}", b"{\"b\":1.0}"),
            delete("/new", 0),
        ]);
        assert_eq!(inverse_digest(&forth, &live, NONE), digest(&back, NONE));
        assert_ne!(digest(&forth, NONE), digest(&back, NONE));
    }

    #[test]
    fn a_digest_is_that_of_its_lines() {
        let plan = plan(vec![
            create("/b", b"{\"password\":\"canary\",\"n\":[1,null]}"),
            delete("/a", 7),
        ]);
        let lines = "{\"action\":\"delete\",\"path\":\"/a\"}\n\
                     {\"action\":\"create\",\"path\":\"/b\",\"properties\":{\"n\":[1,null],\"password\":\"\\u2022\\u2022\\u2022\"}}\n";
        assert_eq!(digest(&plan, NONE), hexadecimal(&Sha256::digest(lines)));
    }

    #[test]
    fn the_digest_of_a_tree_knows_names_data_places_and_scopes() {
        let tree = |scope, nodes: &[(&str, &str)]| {
            let node = |data: &str| DesiredNode {
                data: data.as_bytes().into(),
            };
            let mut tree = Tree::new(node(""));
            for (at, data) in nodes {
                let at = path(at);
                let parent = tree.find(&at.parent().unwrap()).unwrap();
                tree.add(parent, at.name(), node(data));
            }
            let roots = [("a".into(), scope)].into();
            tree_digest(&DesiredTree { tree, roots })
        };
        let all = [
            tree(RootScope::Trim, &[("/a", "x"), ("/a/b", ""), ("/a/c", "")]),
            tree(RootScope::Keep, &[("/a", "x"), ("/a/b", ""), ("/a/c", "")]),
            tree(RootScope::Trim, &[("/a", "x"), ("/a/b", ""), ("/a/b/c", "")]),
            tree(RootScope::Trim, &[("/a", "xb"), ("/a/b", ""), ("/a/c", "")]),
            tree(RootScope::Trim, &[("/a", "x"), ("/a/bc", "")]),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        let other_order = tree(RootScope::Trim, &[("/a", "x"), ("/a/c", ""), ("/a/b", "")]);
        assert_eq!(other_order, all[0]);
    }

    #[test]
    fn secrets_are_not_in_a_digest() {
        let of = |secret: &str, other: &str| {
            let data = format!("{{\"password\":\"{secret}\",\"pin\":\"{secret}\",\"n\":\"{other}\"}}");
            let names = ["pin".to_owned()];
            digest(
                &plan(vec![create("/a", data.as_bytes())]),
                Secrets::Masked(&names),
            )
        };
        assert_eq!(of("x", "1"), of("y", "1"));
        assert_ne!(of("x", "1"), of("x", "2"));
    }
}
