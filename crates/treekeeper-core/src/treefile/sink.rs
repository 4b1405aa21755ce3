//! What becomes of the nodes and properties that the parser finds: nodes of a file, or the bytes that are stored.
//!
//! A sink takes what is right; what is wrong is the parser's to tell.

use std::cmp::Ordering;

use super::expression::{self, ExpressionError};
use super::tree::USUAL_PROPERTIES;
use super::{FileNode, FileProperty};
use crate::model::{Text, Value, json};

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

/// A property's name and how it is written; the order is that of the keys as they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key<'a> {
    /// The first bytes of the stored key as a number, zeros where there are none: most keys differ in them already, and
    /// numbers are compared faster than bytes.
    start: u64,
    pub(super) name: &'a str,
    pub(super) kind: Kind,
}

impl<'a> Key<'a> {
    /// Returns the key of a property that is written so.
    pub(super) fn new(name: &'a str, kind: Kind) -> Key<'a> {
        let start = name.as_bytes().first_chunk().copied().unwrap_or_else(|| {
            let mut start = [0; 8];
            let stored = name.bytes().chain(kind.suffix().bytes());
            start
                .iter_mut()
                .zip(stored)
                .for_each(|(byte, stored)| *byte = stored);
            start
        });
        Key {
            start: u64::from_be_bytes(start),
            name,
            kind,
        }
    }

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

    /// Appends the key as it is stored, as canonical JSON.
    pub(super) fn write_json(self, out: &mut Vec<u8>) {
        json::write_text(self.name.as_bytes(), out);
        let suffix = self.kind.suffix();
        if !suffix.is_empty() {
            out.pop();
            out.extend_from_slice(suffix.as_bytes());
            out.push(b'"');
        }
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Key<'_>) -> Ordering {
        self.start.cmp(&other.start).then_with(|| {
            let (left, right) = (self.name.as_bytes(), other.name.as_bytes());
            let common = left.len().min(right.len());
            left[..common].cmp(&right[..common]).then_with(|| {
                // A suffix counts like the rest of the longer name.
                let left = left[common..].iter().chain(self.kind.suffix().as_bytes());
                left.cmp(right[common..].iter().chain(other.kind.suffix().as_bytes()))
            })
        })
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Key<'_>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Takes what a file says, in the order in which it says it.
pub(super) trait Sink<'a> {
    /// What a property's value becomes.
    type Value;

    /// Whether it sees by itself that a name stands twice below a node: then the parser doesn't look.
    const SEES_REPEATS: bool = false;

    /// Returns what the expression of a property becomes, and takes its steps from `steps_left`.
    fn evaluate(
        &mut self,
        name: &'a str,
        expression: &str,
        steps_left: &mut usize,
    ) -> Result<Self::Value, ExpressionError>;

    /// Returns what a link's target or a node's type becomes.
    fn text(&mut self, key: Key<'a>, text: &str) -> Self::Value;

    /// Takes a node that begins at `at`, below the node that was taken as the `parent`-th, 0 being the file's root;
    /// returns whether it wants more.
    fn node(&mut self, parent: u32, name: &'a str, at: u32) -> bool;

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
        name: &'a str,
        expression: &str,
        steps_left: &mut usize,
    ) -> Result<Value, ExpressionError> {
        expression::evaluate_property(expression, name, steps_left)
    }

    fn text(&mut self, _key: Key<'a>, text: &str) -> Value {
        Value::String(Text::from(text))
    }

    fn node(&mut self, parent: u32, name: &'a str, at: u32) -> bool {
        let index = self.0.len() as u32;
        self.0[parent as usize].children.push(index);
        self.0.push(node(name, at));
        true
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_as_they_are_stored() {
        let names = [
            "",
            "a",
            "a\u{1f}",
            "a!",
            "a-",
            "ab",
            "abcdef",
            "abcdefg",
            "abcdefgh",
            "abcdefghi",
            "\u{e9}",
        ];
        let kinds = [Kind::Value, Kind::Symlink, Kind::PropertyLink];
        let keys = names.map(|name| kinds.map(|kind| Key::new(name, kind)));
        for left in keys.as_flattened() {
            for right in keys.as_flattened() {
                assert_eq!(
                    left.cmp(right),
                    left.text().cmp(&right.text()),
                    "{left:?} {right:?}"
                );
                assert_eq!(left == right, left.cmp(right).is_eq(), "{left:?} {right:?}");
            }
        }
    }
}
