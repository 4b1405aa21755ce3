//! A parsed file as JSON, for the `parse` command.

use super::{FileNode, FileTree, stored};
use crate::model::{Text, Value, write_json};

/// Returns the file as one line of JSON: `{"name":"","properties":{...},"children":[...]}` for every node, children
/// sorted by name (bytes), properties by key, values as they are stored.
pub fn to_json(tree: &FileTree) -> String {
    let mut out = Vec::new();
    write_node(tree, &tree.nodes[0], &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Recurses as deep as the tree, which `ParseLimits::depth` bounds.
fn write_node(tree: &FileTree, node: &FileNode, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    write_json(&Value::String(Text::from(&*node.name)), out);
    out.extend_from_slice(b",\"properties\":");
    write_json(&Value::Object(stored::properties(node).into_entries()), out);
    out.extend_from_slice(b",\"children\":[");
    let mut children: Vec<&FileNode> = node
        .children
        .iter()
        .map(|child| &tree.nodes[*child as usize])
        .collect();
    children.sort_by(|left, right| left.name.cmp(&right.name));
    for (place, child) in children.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_node(tree, child, out);
    }
    out.extend_from_slice(b"]}");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{ParseLimits, SourceFile, parse};
    use super::*;

    #[test]
    fn nodes_and_keys_are_sorted_and_numbers_keep_their_text() {
        let text =
            "/b : t\n  x = 123456789012345678901234567890\n  l -> /c\n/a/b\n  string_value = 'r'\n/a\n";
        let source = SourceFile {
            name: "t.zk".to_owned(),
            bytes: text.into(),
        };
        let (tree, _) = parse(Arc::new(source), &ParseLimits::default());
        insta::assert_snapshot!(to_json(&tree), @r#"{"name":"","properties":{},"children":[{"name":"a","properties":{},"children":[]},{"name":"a/b","properties":{"string_value":"r"},"children":[]},{"name":"b","properties":{"l ->":"/c","type":"t","x":123456789012345678901234567890},"children":[]}]}"#);
    }
}
