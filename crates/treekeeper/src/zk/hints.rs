//! What a tree most likely holds, told by the files before it is read: children that are guessed need not be listed.
//!
//! Nothing here is believed: what was guessed counts only where the server's own answers prove it (`observe::family`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use treekeeper_core::model::{LiveTree, NodeId, Outline};

/// The names in files, filled while these are read, by any thread.
#[derive(Default)]
pub struct Hints {
    tops: Mutex<HashMap<Box<str>, Hint>>,
}

impl Hints {
    /// Adds all that is below the root of `outline`.
    pub fn add(&self, outline: Outline) {
        let outline = Arc::new(outline);
        let mut tops = self.tops();
        for node in outline.children(outline.root()) {
            let hint = Hint {
                outline: Arc::clone(&outline),
                node,
            };
            tops.insert(outline.name(node).into(), hint);
        }
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.tops().clear();
    }

    /// Returns what is expected at a node of `tree`.
    pub(super) fn find(&self, tree: &LiveTree, node: NodeId) -> Option<Hint> {
        let mut names = Vec::new();
        let mut at = node;
        while at != tree.root() {
            names.push(tree.name(at));
            at = tree.parent(at);
        }
        let top = self.tops().get(names.pop()?).cloned()?;
        names.iter().rev().try_fold(top, |hint, name| hint.child(name))
    }

    fn tops(&self) -> MutexGuard<'_, HashMap<Box<str>, Hint>> {
        // Nobody panics while he holds it.
        self.tops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is expected at one node and below.
#[derive(Clone)]
pub(super) struct Hint {
    outline: Arc<Outline>,
    node: u32,
}

impl Hint {
    /// Returns what is expected at a child.
    pub(super) fn child(&self, name: &str) -> Option<Hint> {
        let node = self.outline.child(self.node, name)?;
        Some(self.at(node))
    }

    /// Returns how many children are expected.
    pub(super) fn count(&self) -> usize {
        self.outline.children(self.node).len()
    }

    /// Returns the names of the expected children, sorted, with what is expected there.
    pub(super) fn children(&self) -> impl Iterator<Item = (&str, Hint)> {
        let children = self.outline.children(self.node);
        children.map(|child| (self.outline.name(child), self.at(child)))
    }

    fn at(&self, node: u32) -> Hint {
        let outline = Arc::clone(&self.outline);
        Hint { outline, node }
    }
}
