//! What is in the tree although an operation ends before it is whole: counted here, and told however it ends.

use super::{Failure, Goal, Operation, Outcome, Request};
use crate::gate::Blocker;

impl Operation {
    /// Notes that so many transactions of the commitment have landed; after none, what landed before still counts.
    pub(super) fn advance(&mut self, transactions: usize) {
        let Some(commitment) = self.commitment.as_ref().filter(|_| transactions > 0) else {
            return;
        };
        let all = commitment.transactions.len();
        self.progress = Some(match self.goal {
            // The marker and the end are no batches.
            Goal::Sync(_) => (transactions - 1, all.saturating_sub(2)),
            Goal::Edit(_) => (transactions, all),
        });
    }

    /// Tells what is in the tree although the operation ends before it is whole.
    fn landed_words(&self) -> Option<String> {
        let (step, steps) = self.progress?;
        let marked = match self.goal {
            Goal::Sync(_) => ", which is marked as incomplete",
            Goal::Edit(_) => "",
        };
        Some(format!("{step} of {steps} batches are in the tree{marked}"))
    }

    /// Ends because policies, or ALL STOP, forbid to go on; what has landed is told all the same.
    pub(super) fn refuse(&mut self, blockers: Vec<Blocker>) -> Request {
        self.receipt.warnings.extend(self.landed_words());
        self.end(Outcome::Refused(blockers))
    }

    /// Ends with a failure, telling what has landed all the same.
    pub(super) fn fail(&mut self, failure: Failure) -> Request {
        let Some(landed) = self.landed_words() else {
            return self.end(Outcome::Failed(failure));
        };
        let repair = match self.goal {
            Goal::Sync(_) => "the next sync repairs it: `treekeeper sync`",
            Goal::Edit(_) => "run the same command again: it writes only what is missing",
        };
        let message = format!("{failure}; {landed}");
        let hint = match &failure.hint {
            Some(hint) => format!("{hint}; {repair}"),
            None => repair.to_owned(),
        };
        self.end(Outcome::Failed(Failure {
            message,
            hint: Some(hint),
            ..failure
        }))
    }

    /// Ends because somebody took the lock away.
    pub(super) fn lock_lost(&mut self) -> Request {
        self.candidates.clear();
        let mut hint = "`treekeeper lock show` tells who holds it".to_owned();
        if self.progress.is_none() {
            hint = format!("nothing was written; {hint}, then run the same command again");
        }
        self.fail(Failure::new("the cluster lock was taken away while the plan was applied").with_hint(hint))
    }
}
