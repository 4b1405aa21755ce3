//! Applying a plan that was saved: exactly its operations, or none of them.
//!
//! The road is that of a sync, with the same gates and the same lock; the plan that is made inside it is only compared
//! with the saved one. What has moved is told whole, and nobody plans anew.

use std::sync::Arc;

use super::{Context, Failure, OpFault, Operation, Outcome, Request, SyncOptions};
use crate::model::cluster::ClusterReading;
use crate::model::{LiveTree, ZnodePath, printable};
use crate::plan::Plan;
use crate::plan::saved::{Moved, Remaining, SavedPlan};
use crate::treefile::Code;

/// Why a saved plan is not applied: what it rests on has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Everything that has moved.
    pub moved: Vec<Moved>,
    /// Whether the cluster is where the plan would bring it.
    pub is_done: bool,
    /// Whether batches of it are in the tree.
    pub is_begun: bool,
}

impl Stale {
    /// What `explain` knows it by.
    pub const CODE: Code = Code("TK1009");

    /// Returns what is wrong, as a sentence.
    pub fn message(&self) -> String {
        match (self.is_done, self.moved.len()) {
            (true, _) => {
                "the plan is applied already: /hosts is at its commit, and the tree is as it would make it"
            }
            (_, 1) => "the plan is stale: what it rests on has moved",
            _ => "the plan is stale: things that it rests on have moved",
        }
        .to_owned()
    }

    /// Returns the next step.
    pub fn hint(&self) -> &'static str {
        if self.is_done {
            "nothing is left to do; `treekeeper plan` tells what the newest commit would change"
        } else if self.is_begun {
            "the tree is between two commits: plan anew (`treekeeper plan --out FILE`) and apply that, or finish with \
             `treekeeper sync`"
        } else {
            "nothing was written, and nothing lifts this: look at what moved, then make a new plan: `treekeeper plan --out FILE`"
        }
    }
}

/// What became of the saved plan so far.
#[derive(Debug)]
pub(super) struct Applying {
    pub(super) saved: Arc<SavedPlan>,
    /// Where the server met somebody else's change, and what it said.
    conflict: Option<(ZnodePath, OpFault)>,
}

impl Operation {
    /// Returns the application of a saved plan that has not begun; what shaped the plan goes over `options`.
    pub fn apply(saved: Arc<SavedPlan>, options: SyncOptions, context: Context) -> Operation {
        let options = SyncOptions {
            // An equal version is planned too: the plan may be about drift.
            repair: true,
            fixed_revision: true,
            prune_roots: saved.options.prune_roots,
            overlay: saved.options.overlay,
            bump: saved.options.bump,
            ..options
        };
        let mut operation = Operation::sync(options, context);
        operation.applying = Some(Applying {
            saved,
            conflict: None,
        });
        operation
    }

    /// Ends it if the commit is another repository's.
    pub(super) fn refuse_other_repository(&mut self) -> Option<Request> {
        let saved = &self.applying.as_ref()?.saved;
        let ours = &self.target.as_ref()?.repository;
        if saved.repository == *ours {
            return None;
        }
        let message = format!(
            "the plan was made from another repository (root commit {:.12}, this one has {ours:.12})",
            saved.repository
        );
        let hint = "name the repository of the plan with `--url`, or make a plan from this one: \
                    `treekeeper plan --out FILE`";
        Some(self.fail(Failure::new(message).with_code("TK1004").with_hint(hint)))
    }

    /// Goes to look, without the lock, at what else has moved, if the cluster's own nodes have.
    pub(super) fn look_at_moved(&mut self) -> Option<Request> {
        let saved = &self.applying.as_ref()?.saved;
        if saved.moved_cluster(self.cluster()).is_empty() {
            return None;
        }
        // Nothing is resynced.
        self.told_resync = true;
        Some(self.observe())
    }

    /// Ends the operation if the plan that was made now is not the saved one.
    pub(super) fn refuse_when_moved(&mut self, plan: &Plan, live: &LiveTree) -> Option<Request> {
        let applying = self.applying.as_mut()?;
        let conflict = applying.conflict.take();
        let saved = applying.saved.clone();
        let is_begun = self.progress.is_some();
        let (remaining, mut moved) = match is_begun {
            true => (Remaining::Rest, Vec::new()),
            false => (Remaining::Whole, saved.moved_cluster(self.cluster())),
        };
        moved.extend(saved.moved_tree(plan, live, remaining));
        if let Some((place, cause)) = conflict
            && !moved.iter().any(|moved| moved.path == printable(place.as_str()))
        {
            moved.push(conflict_words(&place, &cause));
        }
        if moved.is_empty() {
            return None;
        }
        let is_done = plan.is_empty() && plan.obstacles.is_empty() && self.is_at_target(self.cluster());
        Some(self.end_stale(Stale {
            moved,
            is_done: is_done && !is_begun,
            is_begun,
        }))
    }

    fn is_at_target(&self, cluster: &ClusterReading) -> bool {
        let revision = self.target_revision();
        cluster.version().is_ok_and(|version| version.is(&revision)) && !cluster.state.is_applying()
    }

    /// The server met somebody else's change: a saved plan is not replaced by another one.
    pub(super) fn overtaken_saved(&mut self, place: ZnodePath, cause: OpFault) -> Option<Request> {
        let is_begun = self.progress.is_some();
        let applying = self.applying.as_mut()?;
        if is_begun {
            let moved = vec![conflict_words(&place, &cause)];
            return Some(self.end_stale(Stale {
                moved,
                is_done: false,
                is_begun,
            }));
        }
        applying.conflict = Some((place, cause));
        Some(self.read_in_lock())
    }

    fn end_stale(&mut self, stale: Stale) -> Request {
        let landed = self.landed_words();
        self.receipt.warnings.extend(landed);
        self.end(Outcome::Stale(stale))
    }
}

fn conflict_words(place: &ZnodePath, cause: &OpFault) -> Moved {
    Moved::new(
        place.as_str(),
        "that nobody else writes there while the plan is applied",
        format!("that somebody did: {cause}"),
    )
}
