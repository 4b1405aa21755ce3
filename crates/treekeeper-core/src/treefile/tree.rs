//! What a tree file says, in the order in which it says it.

use std::sync::Arc;

use crate::model::{Text, Value};

/// A tree file: its name (no directory) and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The file's name, such as `foo.zk`.
    pub name: String,
    /// The bytes as git holds them, at most the file limit.
    pub bytes: Vec<u8>,
}

/// A property, symbolic link (key ends in ` ->`) or property link (key ends in ` =>`) of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct FileProperty {
    /// The key as it is stored.
    pub key: Text,
    /// The value as it is stored; a byte string (`Value::Bytes`) only where the key is `string_value`.
    pub value: Value,
    /// Byte offset of the first character of the line's content in the file.
    pub at: u32,
}

/// A node as the file writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct FileNode {
    /// The name without its leading slash; may hold slashes, which mean a path (`/a/b`).
    pub name: Box<str>,
    /// The properties in the order of the file; keys are unique.
    pub properties: Vec<FileProperty>,
    /// Indexes of the children in [`FileTree::nodes`], in the order of the file.
    pub children: Vec<u32>,
    /// Byte offset of the node's `/` in the file.
    pub at: u32,
}

impl FileNode {
    /// Returns the parts of the path that the name means: one, unless it holds slashes; empty ones don't count, so
    /// `//a` means `/a`, as in the original.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.name.split('/').filter(|part| !part.is_empty())
    }
}

/// One parsed file. `nodes[0]` is the unnamed root, which has no properties.
#[derive(Clone, Debug)]
pub struct FileTree {
    /// The file that it was parsed from.
    pub source: Arc<SourceFile>,
    /// All nodes; parents come before their children.
    pub nodes: Vec<FileNode>,
}

/// Room for the properties of most nodes.
pub(super) const USUAL_PROPERTIES: usize = 6;

/// Returns how many levels a node's name means, and how many bytes of its path.
pub(super) fn levels(name: &str) -> (usize, usize) {
    if memchr::memchr(b'/', name.as_bytes()).is_none() {
        return (1, name.len() + 1);
    }
    let parts = name.split('/').filter(|part| !part.is_empty());
    parts.fold((0, 0), |(count, bytes), part| (count + 1, bytes + part.len() + 1))
}
