//! What becomes of the nodes and properties that the parser finds: nodes of a file, or the bytes that are stored.
//!
//! A sink takes what is right; what is wrong is the parser's to tell.

use super::expression::{self, ExpressionError};
use super::tree::USUAL_PROPERTIES;
use super::{FileNode, FileProperty};
use crate::model::{Text, Value};

/// How a property is written; a name may occur once in each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Value,
    Symlink,
    PropertyLink,
}

impl Kind {
    /// Returns what the stored key has behind the name.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Kind::Value => "",
            Kind::Symlink => " ->",
            Kind::PropertyLink => " =>",
        }
    }
}

/// A property's name and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
}

impl Key<'_> {
    /// Returns the key as it is stored.
    pub(super) fn text(self) -> Text {
        let suffix = self.kind.suffix();
        if suffix.is_empty() {
            return Text::from(self.name);
        }
        let mut key = String::with_capacity(self.name.len() + suffix.len());
        key.push_str(self.name);
        key.push_str(suffix);
        Text::from(key)
    }
}

/// Takes what a file says, in the order in which it says it.
pub(super) trait Sink<'a> {
    /// What a property's value becomes.
    type Value;

    /// Returns what the expression of the property `key` becomes, and takes its steps from `steps_left`.
    fn evaluate(
        &mut self,
        expression: &str,
        key: &str,
        steps_left: &mut usize,
    ) -> Result<Self::Value, ExpressionError>;

    /// Returns what a link's target or a node's type becomes.
    fn text(&mut self, text: &str) -> Self::Value;

    /// Takes a node that begins at `at`, below the node that was taken as the `parent`-th; 0 is the file's root.
    fn node(&mut self, parent: u32, name: &'a str, at: u32);

    /// Takes a property of the node that was taken as the `node`-th.
    fn property(&mut self, node: u32, key: Key<'a>, value: Self::Value, at: u32);
}

/// The nodes as the file writes them; the root is the first.
pub(super) struct FileNodes(pub(super) Vec<FileNode>);

impl FileNodes {
    /// Returns only the root.
    pub(super) fn new() -> FileNodes {
        FileNodes(vec![node("", 0)])
    }
}

fn node(name: &str, at: u32) -> FileNode {
    FileNode {
        name: name.into(),
        properties: Vec::new(),
        children: Vec::new(),
        at,
    }
}

impl<'a> Sink<'a> for FileNodes {
    type Value = Value;

    fn evaluate(
        &mut self,
        expression: &str,
        key: &str,
        steps_left: &mut usize,
    ) -> Result<Value, ExpressionError> {
        expression::evaluate_property(expression, key, steps_left)
    }

    fn text(&mut self, text: &str) -> Value {
        Value::String(Text::from(text))
    }

    fn node(&mut self, parent: u32, name: &'a str, at: u32) {
        let index = self.0.len() as u32;
        self.0[parent as usize].children.push(index);
        self.0.push(node(name, at));
    }

    fn property(&mut self, node: u32, key: Key<'a>, value: Value, at: u32) {
        let properties = &mut self.0[node as usize].properties;
        if properties.is_empty() {
            properties.reserve_exact(USUAL_PROPERTIES);
        }
        let key = key.text();
        properties.push(FileProperty { key, value, at });
    }
}
