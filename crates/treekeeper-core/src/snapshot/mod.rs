//! The live tree in a file: what a plan needs and no more, so that a commit can be planned where no ZooKeeper is.
//!
//! Secrets are under a veil whose key is in the file. Writing and reading lives here; the file itself is the shell's.

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::cluster::ClusterReading;
use crate::model::{LiveNode, LiveTree, NodeId, Tree, Veil, ZnodePath};

pub use read::SnapshotError;

/// What the file says that it is.
const FORMAT: &str = "treekeeper-snapshot";

/// The number of the format, raised when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// What was there at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken, RFC 3339.
    pub taken: String,
    /// By whom.
    pub by: String,
    /// Over its secrets.
    pub veil: Veil,
    /// `/hosts`, the hosts and treekeeper's state.
    pub cluster: ClusterReading,
    /// Live top-level znodes of which nothing but the name is known.
    pub others: BTreeSet<String>,
    /// The managed subtrees, under the veil.
    pub live: LiveTree,
}

impl Snapshot {
    /// Returns a snapshot of `live`, whose secrets are not under the veil yet.
    pub fn new(
        taken: String,
        by: String,
        veil: Veil,
        cluster: ClusterReading,
        others: BTreeSet<String>,
        mut live: LiveTree,
    ) -> Snapshot {
        let all: Vec<NodeId> = live.walk().collect();
        for id in all {
            let content = live.content_mut(id);
            content.data = veil.over(&content.data).into();
        }
        Snapshot {
            taken,
            by,
            veil,
            cluster,
            others,
            live,
        }
    }

    /// Returns how many seconds ago it was taken, unless its time is none.
    pub fn age_seconds(&self, now: Timestamp) -> Option<i64> {
        let taken: Timestamp = self.taken.parse().ok()?;
        Some(now.as_second() - taken.as_second())
    }

    /// Returns these subtrees as a server would have read them; what does not exist is left out.
    ///
    /// # Errors
    /// The first top-level znode of which only the name is known.
    pub fn observe(&self, subtrees: &[ZnodePath]) -> Result<LiveTree, ZnodePath> {
        let mut found = Tree::new(LiveNode::unread());
        for path in subtrees {
            if path.names().next().is_some_and(|top| self.others.contains(top)) {
                return Err(path.clone());
            }
            let Some(top) = self.live.find(path) else {
                continue;
            };
            let mut parent = found.root();
            let names: Vec<&str> = path.names().collect();
            for name in &names[..names.len().saturating_sub(1)] {
                parent = found
                    .child(parent, name)
                    .unwrap_or_else(|| found.add(parent, name, LiveNode::unread()));
            }
            self.graft(&mut found, parent, top);
        }
        Ok(found)
    }

    /// Copies a node and all below it.
    fn graft(&self, found: &mut LiveTree, parent: NodeId, top: NodeId) {
        let mut places = BTreeMap::new();
        for id in self.live.walk_from(top) {
            let parent = places.get(&self.live.parent(id)).copied().unwrap_or(parent);
            let place = found.add(parent, self.live.name(id), self.live.content(id).clone());
            places.insert(id, place);
        }
    }
}
