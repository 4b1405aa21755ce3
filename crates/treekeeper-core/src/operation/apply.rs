//! What is done with a plan: shown, refused over the delete budget, sent, and sent again when others were faster.
//!
//! What its transactions hold is `transaction`'s; what to make of lost replies is `settle`'s.

use std::sync::Arc;

use super::transaction::hosts_path;
use super::{
    CommitAnswer, Event, Failure, Goal, Mode, OpFault, Operation, Outcome, REPLANS_MAX, Request, Stage,
    Timestamp,
};
use crate::gate::Blocker;
use crate::model::ZnodePath;
use crate::plan::saved::Basis;
use crate::plan::{self, Plan};

impl Operation {
    /// Takes the plan: shows it, finds it empty, or begins to apply it.
    pub(super) fn planned(&mut self, plan: Arc<Plan>, now: Timestamp) -> Request {
        self.plan = Some(plan.clone());
        if self.last_look {
            return self.looked_last();
        }
        if self.mode() == Mode::Apply && matches!(&self.goal, Goal::Sync(options) if options.rollback) {
            let batches = plan::batches(&plan, &self.context.batch_limits).unwrap_or_default();
            self.events.push(Event::Planned(plan.clone(), batches));
        }
        let mut deletions = protected(&plan);
        deletions.extend(self.over_budget(&plan));
        match &self.goal {
            Goal::Sync(options) if options.mode == Mode::Plan => {
                self.receipt.blockers.extend(deletions);
                return self.end_planned(now);
            }
            Goal::Sync(_) | Goal::Edit(_) if !deletions.is_empty() => return self.refuse(deletions),
            Goal::Sync(_) | Goal::Edit(_) => {}
        }
        let is_dry = match &self.goal {
            Goal::Sync(options) => options.mode != Mode::Apply,
            Goal::Edit(options) => options.dry_run,
        };
        if is_dry {
            return self.end_planned(now);
        }
        match self.assemble(&plan, now) {
            Err(failure) => self.fail(failure),
            Ok(commitment) if commitment.transactions.is_empty() => {
                // What an earlier plan would have sent is not to be told: somebody else has done it.
                self.receipt.transactions = 0;
                self.receipt.batches.clear();
                self.end(Outcome::Applied)
            }
            Ok(commitment) => {
                self.receipt.transactions = commitment.transactions.len();
                self.receipt.batches = plan::batches(&plan, &self.context.batch_limits).unwrap_or_default();
                // A denial in the middle of batches would leave a part; one transaction is refused whole.
                let several = commitment.transactions.len() > 1;
                self.commitment = Some(commitment);
                if several {
                    self.ask(Stage::CheckingAccess, Request::CheckAccess(plan))
                } else {
                    self.commit()
                }
            }
        }
    }

    /// Ends with the plan shown, how many transactions it would take counted.
    fn end_planned(&mut self, now: Timestamp) -> Request {
        let plan = self.plan.clone().unwrap_or_default();
        let limits = self.context.batch_limits.clone();
        match plan::batches(&self.unveiled(&plan), &limits) {
            Ok(batches) => {
                self.receipt.batches = batches;
                let repository = self.target.as_ref().map(|target| target.repository.clone());
                self.receipt.basis = repository.map(|repository| Basis::new(repository, self.cluster()));
                if self.is_rehearsed() {
                    return self.rehearse(&plan, now);
                }
                self.end(Outcome::Planned)
            }
            Err(too_large) => self.end(Outcome::Failed(super::transaction::too_large_failure(&too_large))),
        }
    }

    fn over_budget(&self, plan: &Plan) -> Option<Blocker> {
        let over = plan.over_budget(&self.context.delete_budget, self.context.allow_delete)?;
        Some(Blocker::TooManyDeletes {
            planned: over.planned,
            allowed: over.allowed,
            managed: plan.managed,
        })
    }

    pub(super) fn access_checked(&mut self, denied: Vec<String>) -> Request {
        if denied.is_empty() {
            self.commit()
        } else {
            self.refuse_denied(denied)
        }
    }

    pub(super) fn refuse_denied(&mut self, denied: Vec<String>) -> Request {
        let list = match denied.as_slice() {
            [] => match &self.denied {
                Some(place) => format!("writing {}", crate::model::printable(place.as_str())),
                None => "writing a znode of the plan".to_owned(),
            },
            several => several.join(", "),
        };
        self.fail(denied_failure(&list, self.progress.is_none()))
    }

    fn commit(&mut self) -> Request {
        let commitment = self
            .commitment
            .clone()
            .unwrap_or_else(|| unreachable!("assembled before it is sent"));
        self.ask(Stage::Committing, Request::Commit(commitment))
    }

    /// Takes what became of the transactions.
    pub(super) fn committed(&mut self, answer: CommitAnswer) -> Request {
        match answer {
            CommitAnswer::Applied { zxid } => {
                self.receipt.zxid = zxid;
                self.applied()
            }
            CommitAnswer::Unknown(_) => self.ask(Stage::Settling, Request::Settle),
            CommitAnswer::Rejected {
                transaction,
                operation,
                cause,
            } => self.rejected(transaction, operation, cause),
        }
    }

    /// The plan is in the tree: looks at it once more.
    pub(super) fn applied(&mut self) -> Request {
        self.receipt.outcome = Outcome::Applied;
        self.candidates.clear();
        let plan = self.plan.clone().unwrap_or_default();
        if plan.changes.is_empty() {
            return self.finish();
        }
        self.ask(Stage::ReadingBack, Request::ReadBack(plan))
    }

    fn rejected(&mut self, transaction: usize, operation: Option<usize>, cause: OpFault) -> Request {
        self.note_landed(transaction);
        self.advance(transaction);
        let Some(operation) = operation else {
            let failure = Failure::new(format!("the server refused the plan: {cause}"));
            return self.fail(failure.with_code("TK1109").with_hint(cause.hint()));
        };
        let place = self.place(transaction, operation);
        if operation < self.candidates.len() && matches!(cause, OpFault::NoNode | OpFault::BadVersion) {
            return self.lock_lost();
        }
        if self.is_stuck(transaction, operation) {
            return match self.overtaken(place.as_str()) {
                Some(request) => request,
                None => self.read_in_lock(),
            };
        }
        if cause == OpFault::NoAuth {
            let plan = self.plan.clone().unwrap_or_default();
            self.receipt.warnings.clear();
            self.denied = Some(place.clone());
            // Batches were asked about before: what is denied now only the server can judge.
            let is_known = transaction > 0
                || place.is_within(&hosts_path())
                || place.names().next() == Some("treekeeper");
            return if is_known {
                let action = format!("writing {}", crate::model::printable(place.as_str()));
                self.fail(denied_failure(&action, self.progress.is_none()))
            } else {
                self.ask(Stage::ListingDenials, Request::CheckAccess(plan))
            };
        }
        if !cause.is_conflict() {
            let shown = crate::model::printable(place.as_str()).into_owned();
            let failure = Failure::new(format!("the server refused to write {shown}: {cause}"));
            return self.fail(failure.with_code("TK1109").with_hint(cause.hint()));
        }
        if let Some(request) = self.overtaken_saved(place.clone(), cause) {
            return request;
        }
        match self.overtaken(place.as_str()) {
            Some(request) => request,
            None => self.read_in_lock(),
        }
    }

    /// Notes that so many transactions of the commitment have landed; after none, what landed before still counts.
    fn advance(&mut self, transactions: usize) {
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
    pub(super) fn landed_words(&self) -> Option<String> {
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
        let failure = Failure::new("the cluster lock was taken away while the plan was applied");
        self.fail(failure.with_code("TK1111").with_hint(hint))
    }

    /// Returns the path that an operation of a transaction is about.
    fn place(&self, transaction: usize, operation: usize) -> ZnodePath {
        let find = || {
            let commitment = self.commitment.as_ref()?;
            let transaction = commitment.transactions.get(transaction)?;
            let after_head = operation.checked_sub(transaction.head.len());
            match after_head {
                None => Some(transaction.head[operation].path().clone()),
                Some(index) if index < transaction.changes.len() => Some(
                    commitment.plan.changes[transaction.changes.start + index]
                        .path()
                        .clone(),
                ),
                Some(index) => Some(
                    transaction
                        .tail
                        .get(index - transaction.changes.len())?
                        .path()
                        .clone(),
                ),
            }
        };
        find().unwrap_or_else(ZnodePath::root)
    }

    /// Counts one more plan overtaken by others; returns the end if there were too many.
    pub(super) fn overtaken(&mut self, place: &str) -> Option<Request> {
        self.replans += 1;
        if self.replans <= REPLANS_MAX {
            return None;
        }
        let shown = crate::model::printable(place).into_owned();
        Some(self.fail(
            Failure::new(format!(
                "others kept changing the tree: {REPLANS_MAX} plans were overtaken, the last one at {shown}"
            ))
            .with_code("TK1009")
            .with_hint("find out who writes there, then run the same command again"),
        ))
    }

    /// Counts one more plan whose fate had to be read; returns the end if there were too many.
    pub(super) fn interrupted(&mut self) -> Option<Request> {
        self.replans += 1;
        if self.replans <= REPLANS_MAX {
            return None;
        }
        Some(
            self.fail(
                Failure::new(format!(
                    "the plan was sent {} times, and the connection broke again",
                    self.replans
                ))
                .with_code("TK1116")
                .with_hint("find out what breaks connections to ZooKeeper, then run the same command again"),
            ),
        )
    }
}

/// Returns why the plan may not be applied although its deletions may be few: a reason for each glob that it offends.
fn protected(plan: &Plan) -> Vec<Blocker> {
    let mut blockers: Vec<Blocker> = Vec::new();
    for found in &plan.protected {
        let same = blockers.iter_mut().find_map(|blocker| match blocker {
            Blocker::Protected { more, protection, .. } if *protection == found.by => Some(more),
            _ => None,
        });
        match same {
            Some(more) => *more += 1,
            None => blockers.push(Blocker::Protected {
                path: found.path.as_str().to_owned(),
                more: 0,
                protection: found.by.clone(),
            }),
        }
    }
    blockers
}

fn denied_failure(list: &str, whole: bool) -> Failure {
    let nothing = if whole { "; nothing was written" } else { "" };
    Failure::new(format!("ZooKeeper denies {list}{nothing}"))
        .with_code("TK1104")
        .with_hint("give treekeeper's identity the permission, or configure the one that has it ([auth])")
}
