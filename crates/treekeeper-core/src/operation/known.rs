//! What the cluster tells of the repository, so that git need not be asked.
//!
//! Facts only: that a fetch may be left out follows from them, and is the shell's business.

use super::{Mode, Operation, Request, Scope, Stage};
use crate::model::Revision;
use crate::model::cluster::{ClusterReading, Phase};

/// What the cluster tells of the repository before it is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownCommits {
    /// The deployed commit: what is fetched will most likely be compared with it.
    pub deployed: Option<Revision>,
    /// A commit that was deployed by treekeeper, and its repository's root commit.
    pub root: Option<(Revision, Revision)>,
}

impl KnownCommits {
    /// Returns what `cluster` tells.
    pub fn of(cluster: &ClusterReading) -> KnownCommits {
        // While batches are applied, the state names the commit before and the repository of the one that comes.
        let state = cluster.state.state().filter(|state| state.phase == Phase::Clean);
        let root = state.and_then(|state| {
            let commit = Revision::parse(state.commit.as_deref()?)?;
            Some((commit, Revision::parse(state.repository.as_deref()?)?))
        });
        KnownCommits {
            deployed: cluster.deployed(),
            root,
        }
    }

    /// Returns the root commit of the repository that `revision` is of, if that is known.
    pub fn root_of(&self, revision: &Revision) -> Option<&Revision> {
        let (commit, root) = self.root.as_ref()?;
        (commit == revision).then_some(root)
    }
}

impl Operation {
    /// Asks for the commit.
    pub(super) fn fetch(&mut self) -> Request {
        let known = KnownCommits::of(self.cluster());
        // A plan always looks at the tree; a dry run only where the versions differ.
        let early = match self.mode() {
            Mode::Plan => self.early_scope(),
            Mode::DryRun | Mode::Apply => Scope::default(),
        };
        self.ask(Stage::Fetching, Request::Fetch { known, early })
    }
}
