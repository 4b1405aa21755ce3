//! A live tree as JSON, in the form of a parsed file's: one line, a node's children below it.

use super::printer::is_hidden;
use crate::model::{LiveTree, NodeId, Properties, Text, Value, decode, write_json};

/// Returns the tree below `start` as JSON: `{"name":"","ephemeral":false,"properties":{...},"children":[...]}` for every
/// node, children in the tree's order, raw data as `string_value`; all of it ASCII.
///
/// Without `all`, the children of the root that [`super::print`] hides are left out. Does not recurse: a live tree may be
/// as deep as its server allows.
pub fn live_to_json(tree: &LiveTree, start: NodeId, all: bool) -> String {
    let mut out = Vec::new();
    let mut waiting = vec![Step::Open(start, true)];
    while let Some(step) = waiting.pop() {
        match step {
            Step::Close => out.extend_from_slice(b"]}"),
            Step::Open(id, is_first) => {
                if !is_first {
                    out.push(b',');
                }
                open(tree, id, &mut out);
                waiting.push(Step::Close);
                let shown = |child: &&NodeId| id != tree.root() || all || !is_hidden(tree.name(**child));
                let children: Vec<NodeId> = tree.children(id).iter().filter(shown).copied().collect();
                let steps = children.into_iter().enumerate();
                waiting.extend(steps.map(|(place, child)| Step::Open(child, place == 0)).rev());
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

enum Step {
    /// A node, and whether it is the first of its siblings.
    Open(NodeId, bool),
    Close,
}

fn open(tree: &LiveTree, id: NodeId, out: &mut Vec<u8>) {
    let node = tree.content(id);
    let is_root = id == tree.root();
    let name = if is_root { "" } else { tree.name(id) };
    // The root's data are nobody's business, as in a tree file.
    let properties = match is_root {
        true => Properties::default(),
        false => decode(&node.data).into_properties(),
    };
    out.extend_from_slice(b"{\"name\":");
    write_json(&Value::String(Text::from(name)), out);
    out.extend_from_slice(b",\"ephemeral\":");
    write_json(&Value::Bool(node.ephemeral_owner.is_some()), out);
    out.extend_from_slice(b",\"properties\":");
    write_json(&Value::Object(properties.into_entries()), out);
    out.extend_from_slice(b",\"children\":[");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{LiveNode, Tree};

    fn node(data: &[u8], ephemeral_owner: Option<i64>) -> LiveNode {
        LiveNode {
            data: data.into(),
            ephemeral_owner,
            ..LiveNode::unread()
        }
    }

    #[test]
    fn nodes_nest_and_own_nodes_are_hidden() {
        let mut tree: LiveTree = Tree::new(node(b"root", None));
        let root = tree.root();
        let first = tree.add(root, "a", node(b"{\"n\":1}", None));
        tree.add(first, "b\u{202e}", node(b"raw\x1b", Some(7)));
        tree.add(first, "c", node(b"", None));
        tree.add(root, "treekeeper", node(b"", None));
        insta::assert_snapshot!(live_to_json(&tree, root, false), @r#"{"name":"","ephemeral":false,"properties":{},"children":[{"name":"a","ephemeral":false,"properties":{"n":1},"children":[{"name":"b\u202e","ephemeral":true,"properties":{"string_value":"raw\u001b"},"children":[]},{"name":"c","ephemeral":false,"properties":{},"children":[]}]}]}"#);
        insta::assert_snapshot!(live_to_json(&tree, root, true), @r#"{"name":"","ephemeral":false,"properties":{},"children":[{"name":"a","ephemeral":false,"properties":{"n":1},"children":[{"name":"b\u202e","ephemeral":true,"properties":{"string_value":"raw\u001b"},"children":[]},{"name":"c","ephemeral":false,"properties":{},"children":[]}]},{"name":"treekeeper","ephemeral":false,"properties":{},"children":[]}]}"#);
        insta::assert_snapshot!(live_to_json(&tree, first, false), @r#"{"name":"a","ephemeral":false,"properties":{"n":1},"children":[{"name":"b\u202e","ephemeral":true,"properties":{"string_value":"raw\u001b"},"children":[]},{"name":"c","ephemeral":false,"properties":{},"children":[]}]}"#);
    }

    #[test]
    fn a_tree_as_deep_as_a_server_allows_is_no_matter() {
        let mut tree: LiveTree = Tree::new(node(b"", None));
        let mut at = tree.root();
        for _ in 0..100_000 {
            at = tree.add(at, "x", node(b"", None));
        }
        assert_eq!(
            live_to_json(&tree, tree.root(), false)
                .matches("children")
                .count(),
            100_001
        );
    }
}
