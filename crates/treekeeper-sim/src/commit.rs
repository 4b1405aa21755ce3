//! What a commit means, as the generator knows it: files as maps of paths to properties, and their sum.
//!
//! The checker judges by this alone. Nothing here parses a tree file or knows treekeeper's code.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// The properties of one node.
pub type Properties = Map<String, Value>;

/// The name of the property that, alone, is a node's raw data.
pub const STRING_VALUE: &str = "string_value";

/// One tree file, before it is printed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileModel {
    /// Its name, ending in `.zk` or `.zkx`.
    pub name: String,
    /// Its nodes; every ancestor is there too.
    pub nodes: BTreeMap<String, Properties>,
}

/// One commit.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its id: 40 hexadecimal digits.
    pub revision: String,
    /// The commit before it.
    pub parent: Option<String>,
    /// What its files say.
    pub files: Vec<FileModel>,
    /// Whether the files are right; a wrong commit has a broken file beside them.
    pub broken: Option<(String, String)>,
    /// The sum of the files.
    pub desired: Desired,
}

/// What a commit wants the tree to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// Every node.
    pub nodes: BTreeMap<String, Properties>,
    /// Names of the top-level nodes that are trimmed.
    pub trimmed: BTreeSet<String>,
}

impl Desired {
    /// Returns the sum of `files`: overlays add properties and nodes to what the others define.
    pub fn of(files: &[FileModel]) -> Desired {
        let mut desired = Desired::default();
        for file in files {
            for (path, properties) in &file.nodes {
                desired
                    .nodes
                    .entry(path.clone())
                    .or_default()
                    .extend(properties.clone());
                if file.name.ends_with(".zk") {
                    desired.trimmed.insert(root_of(path).to_owned());
                }
            }
        }
        desired
    }

    /// Tells whether a node that is not desired is to be deleted.
    pub fn is_trimmed(&self, path: &str) -> bool {
        self.trimmed.contains(root_of(path)) && !is_role_lock(path)
    }
}

/// Returns the name of the top-level node that `path` is in.
pub fn root_of(path: &str) -> &str {
    path[1..].split('/').next().unwrap_or_default()
}

/// Tells whether `path` lies below a role's lock, where agents stand in line.
pub fn is_role_lock(path: &str) -> bool {
    path.starts_with("/role-locks/") && path[1..].split('/').count() > 2
}
