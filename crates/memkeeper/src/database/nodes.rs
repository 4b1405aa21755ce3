//! The tree of znodes: an arena of nodes that know their children by name.
//!
//! A node has neither its path nor its parent, so that a million of them are small.
//! Nothing here knows versions, access or watches.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::data::Data;
use super::{Acl, Millis, SessionId, Stat};

/// Where a node is in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(u32);

/// What a node goes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// It stays until it is deleted.
    Nobody,
    /// It goes with a session.
    Session(SessionId),
    /// It goes with the last of its children.
    Container,
    /// It goes when nothing happened to it for so long.
    Ttl(Millis),
}

/// One znode.
#[derive(Debug)]
pub(super) struct Node {
    pub data: Data,
    pub acls: Arc<[Acl]>,
    pub children: BTreeMap<Box<str>, NodeId>,
    pub czxid: i64,
    pub mzxid: i64,
    pub pzxid: i64,
    pub ctime: Millis,
    pub mtime: Millis,
    pub owner: Owner,
    pub version: i32,
    pub aversion: i32,
    /// How many children were ever created: what sequence numbers count.
    pub creations: i32,
}

/// Every znode.
#[derive(Debug)]
pub(super) struct Nodes {
    slots: Vec<Option<Node>>,
    free: Vec<u32>,
}

impl Node {
    /// Returns the stat as clients see it.
    pub fn stat(&self) -> Stat {
        let children = i32::try_from(self.children.len()).unwrap_or(i32::MAX);
        Stat {
            czxid: self.czxid,
            mzxid: self.mzxid,
            ctime: self.ctime,
            mtime: self.mtime,
            version: self.version,
            // Kept as a count of creations, shown as one of creations and deletions.
            cversion: self.creations.wrapping_mul(2).wrapping_sub(children),
            aversion: self.aversion,
            ephemeral_owner: self.owner.shown(),
            data_length: i32::try_from(self.data.len()).unwrap_or(i32::MAX),
            num_children: children,
            pzxid: self.pzxid,
        }
    }
}

impl Owner {
    /// Returns what clients see of it: sessions alone.
    fn shown(self) -> i64 {
        match self {
            Owner::Session(session) => session.0,
            Owner::Nobody | Owner::Container | Owner::Ttl(_) => SessionId::NONE.0,
        }
    }
}

impl Nodes {
    /// The node `/`.
    pub const ROOT: NodeId = NodeId(0);

    /// Returns a tree of one node.
    pub fn new(root: Node) -> Nodes {
        Nodes {
            slots: vec![Some(root)],
            free: Vec::new(),
        }
    }

    /// Finds a node by its path; the empty path is the root's second name.
    pub fn find(&self, path: &str) -> Option<NodeId> {
        if path.is_empty() || path == "/" {
            return Some(Nodes::ROOT);
        }
        let mut names = path.strip_prefix('/')?.split('/');
        names.try_fold(Nodes::ROOT, |node, name| {
            self.get(node).children.get(name).copied()
        })
    }

    /// Finds a node by its path.
    pub fn at(&self, path: &str) -> Option<&Node> {
        self.find(path).map(|node| self.get(node))
    }

    /// Returns a node that is known to be there.
    pub fn get(&self, node: NodeId) -> &Node {
        match &self.slots[node.0 as usize] {
            Some(node) => node,
            None => unreachable!("an id lives no longer than its node"),
        }
    }

    /// Returns a node that is known to be there.
    pub fn get_mut(&mut self, node: NodeId) -> &mut Node {
        match &mut self.slots[node.0 as usize] {
            Some(node) => node,
            None => unreachable!("an id lives no longer than its node"),
        }
    }

    /// Puts a node below another one.
    ///
    /// Ids are given and taken in the manner of a stack: whoever undoes in reverse order finds every node at the
    /// id that it had.
    pub fn attach(&mut self, parent: NodeId, name: &str, node: Node) {
        let id = match self.free.pop() {
            Some(free) => free,
            None => {
                self.slots.push(None);
                match u32::try_from(self.slots.len() - 1) {
                    Ok(last) => last,
                    Err(_) => unreachable!("four billion nodes don't fit into memory"),
                }
            }
        };
        self.slots[id as usize] = Some(node);
        self.get_mut(parent).children.insert(name.into(), NodeId(id));
    }

    /// Takes a node without children away from its parent.
    pub fn detach(&mut self, parent: NodeId, name: &str) -> Option<Node> {
        let NodeId(id) = self.get_mut(parent).children.remove(name)?;
        self.free.push(id);
        self.slots[id as usize].take()
    }

    /// Counts the nodes, the root among them.
    pub fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds up the bytes of all data.
    pub fn data_bytes(&self) -> usize {
        self.slots.iter().flatten().map(|node| node.data.len()).sum()
    }

    /// Counts the nodes below one.
    pub fn descendants(&self, node: NodeId) -> usize {
        if node == Nodes::ROOT {
            return self.count() - 1;
        }
        let mut count = 0;
        let mut waiting = vec![node];
        while let Some(node) = waiting.pop() {
            let children = &self.get(node).children;
            count += children.len();
            waiting.extend(children.values());
        }
        count
    }
}
