//! The tree while files are being joined: who said what, and where.
//!
//! Says nothing about right and wrong.

use crate::treefile::FileProperty;

/// The index of a node in [`Drafts`].
pub(super) type DraftId = usize;

/// Where something is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The index of the file in the order in which files are taken.
    pub file: u32,
    /// The first byte.
    pub at: u32,
    /// The number of bytes.
    pub length: u32,
}

/// A node and what is known about it so far.
#[derive(Debug)]
pub(super) struct Draft {
    pub name: Box<str>,
    pub parent: DraftId,
    /// Sorted by name.
    pub children: Vec<DraftId>,
    /// Where it was last written.
    pub place: Place,
    /// Whether a file defines it; else only a path below it is written.
    pub defined: bool,
    /// Whether a `.zk` file wrote it, or a path below it, first.
    pub trim: bool,
    pub properties: Vec<FileProperty>,
    /// The file of each property; empty means that all are of `place.file`, which is so for nearly every node.
    pub owners: Vec<u32>,
}

/// All nodes in one array; the root is the first.
#[derive(Debug)]
pub(super) struct Drafts {
    pub nodes: Vec<Draft>,
}

impl Drafts {
    /// Returns a root with room for `capacity` nodes.
    pub fn new(capacity: usize) -> Drafts {
        let mut nodes = Vec::with_capacity(capacity + 1);
        nodes.push(Draft {
            name: "".into(),
            parent: 0,
            children: Vec::new(),
            place: Place {
                file: 0,
                at: 0,
                length: 0,
            },
            defined: true,
            trim: false,
            properties: Vec::new(),
            owners: Vec::new(),
        });
        Drafts { nodes }
    }

    /// Returns the child of `parent` called `name`, or the place where it would stand among the children.
    pub fn child(&self, parent: DraftId, name: &str) -> Result<DraftId, usize> {
        let children = &self.nodes[parent].children;
        match children.last() {
            Some(last) if *self.nodes[*last].name < *name => return Err(children.len()),
            _ => {}
        }
        children
            .binary_search_by(|child| (*self.nodes[*child].name).cmp(name))
            .map(|place| children[place])
    }

    /// Spells the node's path.
    pub fn path(&self, id: DraftId) -> String {
        let mut names = Vec::new();
        let mut at = id;
        while at != 0 {
            names.push(&*self.nodes[at].name);
            at = self.nodes[at].parent;
        }
        names
            .iter()
            .rev()
            .fold(String::new(), |path, name| path + "/" + name)
    }
}
