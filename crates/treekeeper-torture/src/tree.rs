//! Desired trees of tests: what a commit says, and how it must stand in ZooKeeper.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

/// A secret that stands in every tree and must stand in no output.
pub const CANARY: &str = "canary-5e6f1a";

/// The properties of one node.
pub type Properties = BTreeMap<String, Value>;

/// A tree below one root.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// The nodes by their paths; every parent is one of them.
    pub nodes: BTreeMap<String, Properties>,
}

impl Tree {
    /// Adds a node with one property, and the parents that are missing.
    pub fn put(&mut self, path: &str, name: &str, value: Value) {
        self.touch(path).insert(name.to_owned(), value);
    }

    /// Adds a node without properties, and the parents that are missing.
    pub fn touch(&mut self, path: &str) -> &mut Properties {
        for (end, _) in path.match_indices('/').skip(1) {
            self.nodes.entry(path[..end].to_owned()).or_default();
        }
        self.nodes.entry(path.to_owned()).or_default()
    }

    /// Returns the tree file.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (path, properties) in &self.in_order() {
            let depth = path.matches('/').count() - 1;
            let name = path.rsplit('/').next().unwrap_or_default();
            let indent = "  ".repeat(depth);
            let _ = writeln!(text, "{indent}/{name}");
            for (key, value) in *properties {
                let literal = match value {
                    Value::String(text) => format!("'{text}'"),
                    other => other.to_string(),
                };
                let _ = writeln!(text, "{indent}  {key} = {literal}");
            }
        }
        text
    }

    /// Children stand right below their parents: a path sorts by its names, not by its bytes.
    fn in_order(&self) -> Vec<(&String, &Properties)> {
        let mut nodes: Vec<_> = self.nodes.iter().collect();
        nodes.sort_by_key(|(path, _)| path.split('/').collect::<Vec<_>>());
        nodes
    }
}

/// Reads a node's data as properties; None for what is no JSON object.
pub fn decode(data: &[u8]) -> Option<Properties> {
    match serde_json::from_slice(data) {
        Ok(Value::Object(map)) => Some(map.into_iter().collect()),
        Ok(_) => None,
        // A node without data has no properties.
        Err(_) if data.is_empty() => Some(Properties::new()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_prints_parents_before_their_children() {
        let mut tree = Tree::default();
        tree.put("/app/b/c", "v", 1.into());
        tree.put("/app/b-side", "word", "x".into());
        assert_eq!(
            tree.text(),
            "/app\n  /b\n    /c\n      v = 1\n  /b-side\n    word = 'x'\n"
        );
    }
}
