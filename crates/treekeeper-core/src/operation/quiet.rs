//! Quiet commits: those that leave the tree as the deployed one has it, so that `/hosts` need not move (`bump = "tree"`).
//!
//! What is deployed stays what `/hosts` names; the state only notes the commit that was seen.

use std::sync::Arc;

use super::transaction::is_pinned_at;
use super::{Commitment, Goal, Mode, Op, Operation, Transaction};
use crate::model::cluster::{ClusterState, HostsNode};
use crate::model::{Bump, ClusterVersion, DataVersion, Revision};
use crate::plan::Plan;

/// Tells whether `/hosts`, which names no commit now, named no other than the deployed one before batches were begun.
fn was_there(state: &ClusterState, deployed: &Revision) -> bool {
    match state.version_before() {
        None | Some(ClusterVersion::Stop | ClusterVersion::Paused) => true,
        Some(version) => version.is(deployed),
    }
}

impl Operation {
    /// Returns the deployed commit if the commit that is to be synced has its tree, and so `/hosts` stays at it.
    pub(super) fn stays_at(&self) -> Option<Revision> {
        let Goal::Sync(options) = &self.goal else {
            return None;
        };
        let target = &self.target.as_ref()?.revision;
        let state = self.cluster().state.state()?;
        let deployed = state.revision()?;
        let is_seen = state.seen.as_deref() == Some(target.as_str());
        // The files may not have been read yet; what was seen once need not be looked at again.
        let is_same_tree = match &self.tree_sha256 {
            Some(digest) => state.tree_sha256.as_ref() == Some(digest),
            None => is_seen,
        };
        // A version that somebody else has set is not left there, nor moved back.
        let is_there = match self.cluster().version() {
            Ok(ClusterVersion::Paused | ClusterVersion::Stop) => was_there(state, &deployed),
            Ok(version) => version.is(&deployed),
            Err(_) => false,
        };
        // What a rollback that was cut off leads to is named, whatever its tree is: the cluster is pinned at it.
        let goes_back = options.rollback || is_pinned_at(state, target.as_str());
        let is_quiet = options.bump == Bump::Tree && !goes_back && *target != deployed;
        (is_quiet && is_same_tree && is_there).then_some(deployed)
    }

    /// Returns the commit that `/hosts` names when the sync is done.
    pub(super) fn deployed_revision(&self) -> Revision {
        self.stays_at().unwrap_or_else(|| self.target_revision())
    }

    /// Tells whether the version of `/hosts` is already what this sync would set it to, and nothing is unfinished.
    pub(super) fn is_finished(&self) -> bool {
        let cluster = self.cluster();
        let wanted = self.deployed_revision();
        cluster.version().is_ok_and(|version| version.is(&wanted)) && !cluster.state.is_applying()
    }

    /// Tells whether all that is left to do is to note the commit, without a look at the tree.
    pub(super) fn only_notes(&self) -> bool {
        self.mode() != Mode::Plan && self.stays_at().is_some() && self.is_finished() && !self.looks_anyway()
    }

    /// Tells whether the commit was noted already.
    pub(super) fn is_noted(&self) -> bool {
        let state = self.cluster().state.state();
        let seen = state.and_then(|state| state.seen.as_deref());
        seen == Some(self.target_revision().as_str())
    }

    /// Tells whether one state says more than the other: of the tree itself only where that counts.
    pub(super) fn has_news(&self, before: &ClusterState, after: &ClusterState) -> bool {
        let is_told = (&before.tree_sha256, &before.seen) == (&after.tree_sha256, &after.seen);
        !after.says_as(before) || (self.sync_options().bump == Bump::Tree && !is_told)
    }

    /// Returns the transaction that notes the commit; the deployment stays that of whoever deployed.
    pub(super) fn note(&self, hosts: &HostsNode, read: &ClusterState, version: DataVersion) -> Commitment {
        let mut state = read.clone();
        state.seen = Some(self.target_revision().as_str().to_owned());
        state.protected = self.protected_from_now_on();
        let mut transactions = Vec::new();
        if self.has_news(read, &state) {
            state.generation += 1;
            state.sync_id = self.context.sync_id.clone();
            state.remember(&self.context.sync_id, 0, self.deployed_revision().as_str());
            let mut head = self.guard();
            head.push(Op::Check(super::transaction::hosts_path(), hosts.data_version));
            head.push(Op::Set(
                super::transaction::state_path(),
                state.to_bytes(),
                version,
            ));
            transactions.push(Transaction {
                head,
                changes: 0..0,
                tail: self.give_back(),
            });
        }
        Commitment {
            plan: Arc::new(Plan::default()),
            transactions,
            in_flight_max: 1,
        }
    }
}
