//! A git repository in memory: commits with one parent each, a branch that moves, and mirrors that fetch it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::commit::Commit;

/// The remote that everybody fetches.
#[derive(Clone, Debug)]
pub struct Repository(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    root: String,
    tip: String,
    commits: BTreeMap<String, Rc<Commit>>,
}

/// How one commit lies to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lies {
    /// It is the same.
    Same,
    /// It descends from the other.
    After,
    /// The other descends from it.
    Before,
    /// Each has commits that the other lacks.
    Apart,
}

impl Repository {
    /// Returns a repository of one commit.
    pub fn new(first: Commit) -> Repository {
        let root = first.revision.clone();
        let commits = BTreeMap::from([(root.clone(), Rc::new(first))]);
        Repository(Rc::new(RefCell::new(Inner {
            tip: root.clone(),
            root,
            commits,
        })))
    }

    /// Returns the id of the first commit, which is the repository's identity.
    pub fn root(&self) -> String {
        self.0.borrow().root.clone()
    }

    /// Returns the newest commit of the branch.
    pub fn tip(&self) -> Rc<Commit> {
        let inner = self.0.borrow();
        inner.commits[&inner.tip].clone()
    }

    /// Moves the branch to a new commit.
    pub fn push(&self, commit: Commit) -> Rc<Commit> {
        let mut inner = self.0.borrow_mut();
        let commit = Rc::new(commit);
        inner.tip.clone_from(&commit.revision);
        inner.commits.insert(commit.revision.clone(), commit.clone());
        commit
    }

    /// Moves the branch to a commit that is there already.
    pub fn force(&self, revision: &str) {
        self.0.borrow_mut().tip = revision.to_owned();
    }

    /// Returns a commit.
    pub fn get(&self, revision: &str) -> Option<Rc<Commit>> {
        self.0.borrow().commits.get(revision).cloned()
    }

    /// Returns a commit and all before it, newest first.
    pub fn line(&self, revision: &str) -> Vec<String> {
        let mut line = Vec::new();
        let mut at = self.get(revision);
        while let Some(commit) = at {
            line.push(commit.revision.clone());
            at = commit.parent.as_deref().and_then(|parent| self.get(parent));
        }
        line
    }

    /// Tells how `revision` lies to `other`.
    pub fn lies(&self, revision: &str, other: &str) -> Lies {
        if revision == other {
            Lies::Same
        } else if self.line(revision).iter().any(|older| older == other) {
            Lies::After
        } else if self.line(other).iter().any(|older| older == revision) {
            Lies::Before
        } else {
            Lies::Apart
        }
    }
}

/// What one treekeeper has fetched.
#[derive(Debug, Default)]
pub struct Mirror {
    known: BTreeSet<String>,
}

impl Mirror {
    /// Fetches the branch and returns its commit.
    pub fn fetch(&mut self, remote: &Repository) -> Rc<Commit> {
        let tip = remote.tip();
        self.known.extend(remote.line(&tip.revision));
        tip
    }

    /// Tells whether a commit was ever fetched.
    pub fn knows(&self, revision: &str) -> bool {
        self.known.contains(revision)
    }
}
