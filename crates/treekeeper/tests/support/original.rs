//! `import_tree` as the original does it, for preparing trees that treekeeper itself would refuse to write.
//!
//! Scenarios put `/hosts` and its host nodes in place with it.
//! The text is read by `treekeeper parse`; writing and trimming follow TREE_FORMAT.md 5.

use serde_json::{Map, Value};

use super::foreign::{Foreign, join};
use super::treekeeper::Treekeeper;

/// What happens to children that the text doesn't name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// They are deleted, but for ephemeral nodes and their ancestors.
    Trimmed,
    /// They stay.
    Kept,
}

/// Imports a text at the root.
///
/// `revise` sees the properties of every node before they are written: it puts commit ids in place of a
/// scenario's version strings.
pub fn import(session: &Foreign, text: &str, extra: Extra, revise: &dyn Fn(&mut Map<String, Value>)) {
    let runner = Treekeeper::offline();
    let file = runner.file("original.zk", text);
    let parsed = runner.stdout(&["parse", &file.display().to_string()]);
    let parsed: Value = serde_json::from_str(&parsed).expect("`parse` prints JSON");
    for child in children(&parsed) {
        write(session, "/", child, extra, revise);
    }
}

fn write(
    session: &Foreign,
    parent: &str,
    node: &Value,
    extra: Extra,
    revise: &dyn Fn(&mut Map<String, Value>),
) {
    let name = node["name"].as_str().expect("a node has a name");
    let path = join(parent, name);
    let mut properties = node["properties"]
        .as_object()
        .expect("a node has properties")
        .clone();
    revise(&mut properties);
    let data = encode(&properties);
    if session.exists(&path) {
        session.set(&path, &data);
    } else {
        session.create(&path, &data);
    }
    let names: Vec<&str> = children(node)
        .iter()
        .filter_map(|child| child["name"].as_str())
        .collect();
    if extra == Extra::Trimmed {
        for child in session.children(&path) {
            if !names.contains(&child.as_str()) {
                trim(session, &join(&path, &child));
            }
        }
    }
    for child in children(node) {
        write(session, &path, child, extra, revise);
    }
}

/// Deletes a subtree but for ephemeral nodes and their ancestors, and tells whether it is gone.
fn trim(session: &Foreign, path: &str) -> bool {
    let children = session.children(path);
    let kept = children
        .iter()
        .filter(|child| !trim(session, &join(path, child)))
        .count();
    let (_, stat) = session
        .try_get(path)
        .expect("a node that is being trimmed exists");
    let goes = kept == 0 && stat.ephemeral_owner == 0;
    if goes {
        session.delete(path);
    }
    goes
}

fn children(node: &Value) -> &[Value] {
    node["children"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A lone `string_value` is the raw data; everything else is JSON.
fn encode(properties: &Map<String, Value>) -> Vec<u8> {
    match properties.get("string_value") {
        Some(Value::String(text)) if properties.len() == 1 => text.clone().into_bytes(),
        _ => Value::Object(properties.clone()).to_string().into_bytes(),
    }
}
