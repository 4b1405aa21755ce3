//! A server-side dry run: the plan's very transactions, sent so that they cannot be applied.
//!
//! The shell ends each with a check that cannot hold, so the server judges every operation and applies none.
//! What is asked and what the answers mean is decided here; the lock takes no part in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{
    Commitment, Failure, Goal, Op, OpFault, Operation, Outcome, Request, Stage, Timestamp, Transaction,
    Verdict,
};
use crate::model::cluster::{ClusterReading, HostsNode, LockStyle, StateReading};
use crate::model::lock_queue::Queue;
use crate::model::{DataVersion, ZnodePath, Zxid, printable};
use crate::plan::{self, Change, Plan};
use crate::treefile::Code;

/// What the server said of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// Transactions that the server was asked about.
    pub transactions: usize,
    /// Operations in them.
    pub operations: usize,
    /// Changes that rest on those of earlier batches: of them only the ACLs were read.
    pub unasked: usize,
    /// Why it would not accept the plan.
    pub refusal: Option<Refusal>,
}

/// What the server would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was to be done: `creating`, `setting`, `deleting` or `checking`.
    pub action: &'static str,
    /// Where; the root if the request was refused as a whole.
    pub path: ZnodePath,
    /// Why.
    pub cause: OpFault,
    /// Everything that ACLs are known to deny, if it is about them.
    pub denied: Vec<String>,
}

impl Refusal {
    /// What `explain` knows it by.
    pub const CODE: Code = Code("TK1122");

    /// Returns what would be refused and why, without an end.
    pub fn message(&self) -> String {
        let path = printable(self.path.as_str());
        let Refusal { action, cause, .. } = self;
        if !self.denied.is_empty() {
            return format!(
                "the server would refuse it: ZooKeeper denies {}",
                self.denied.join(", ")
            );
        }
        format!("the server would refuse it: {action} {path}: {cause}")
    }

    /// Returns the next step.
    pub fn hint(&self) -> &'static str {
        self.cause.hint()
    }
}

/// A rehearsal on its way.
#[derive(Debug, Default)]
pub(super) struct Rehearsing {
    commitment: Option<Commitment>,
    result: Rehearsal,
}

impl Operation {
    /// Returns the same operation, which asks the server about its plan if it would end by showing it.
    pub fn with_rehearsal(mut self) -> Operation {
        self.rehearsing = Some(Rehearsing::default());
        self
    }

    /// Asks the server whether it would accept the plan.
    pub(super) fn rehearse(&mut self, plan: &Arc<Plan>, now: Timestamp) -> Request {
        let (hosts, state) = self.absent_nodes(now);
        let whole = match self.assemble_as_prepared(plan, hosts.as_deref(), state.as_deref(), now) {
            Ok(whole) => whole,
            Err(failure) => return self.end(Outcome::Failed(failure)),
        };
        if whole.transactions.is_empty() {
            self.receipt.rehearsal = Some(Rehearsal::default());
            return self.end(Outcome::Planned);
        }
        let several = whole.transactions.len() > 1;
        let asked = if several { independent(&whole) } else { whole };
        let operations = |transaction: &Transaction| {
            transaction.head.len() + transaction.changes.len() + transaction.tail.len()
        };
        let result = Rehearsal {
            transactions: asked.transactions.len(),
            operations: asked.transactions.iter().map(operations).sum(),
            unasked: plan.changes.len() - asked.plan.changes.len(),
            refusal: None,
        };
        self.rehearsing = Some(Rehearsing {
            commitment: Some(asked.clone()),
            result,
        });
        self.ask(
            Stage::Rehearsing,
            Request::Rehearse {
                hosts,
                state,
                commitment: asked,
            },
        )
    }

    /// Puts the plan into its transactions as if `/hosts`, the state and the lock were ready, and leaves the lock out.
    fn assemble_as_prepared(
        &mut self,
        plan: &Arc<Plan>,
        hosts: Option<&[u8]>,
        state: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Commitment, Failure> {
        let read = self.cluster.clone();
        // The lock's candidates take room, and so decide how a plan is cut.
        self.candidates = candidates_like(self.context.lock);
        self.cluster = read.clone().map(|read| prepared(read, hosts, state));
        let assembled = self.assemble(plan, now);
        let guards = self.candidates.len();
        self.candidates.clear();
        self.cluster = read;
        assembled.map(|mut commitment| {
            for transaction in &mut commitment.transactions {
                transaction.head.drain(..guards);
                // The lock's candidates, and old entries of the history, which a sync leaves where it may not delete.
                transaction.tail.retain(|op| !matches!(op, Op::Delete(..)));
            }
            commitment
        })
    }

    /// Takes what the server said.
    pub(super) fn rehearsed(&mut self, verdict: Verdict) -> Request {
        let several = self.rehearsing().result.transactions > 1;
        let refusal = match verdict {
            Verdict::Accepted => None,
            Verdict::Unprepared(path, cause) => Some(("creating", path, cause)),
            Verdict::Rejected {
                transaction,
                operation,
                cause,
            } => {
                let (action, path) = self.place_of(transaction, operation);
                Some((action, path, cause))
            }
        };
        let asks_acls = several
            || refusal
                .as_ref()
                .is_some_and(|(.., cause)| *cause == OpFault::NoAuth);
        self.rehearsing().result.refusal = refusal.map(|(action, path, cause)| Refusal {
            action,
            path,
            cause,
            denied: Vec::new(),
        });
        match &self.plan {
            Some(plan) if asks_acls => {
                let plan = plan.clone();
                self.ask(Stage::RehearsingAccess, Request::CheckAccess(plan))
            }
            _ => self.end_rehearsed(),
        }
    }

    /// Takes what ACLs deny: of what the server was not asked, and all of it where it named one.
    pub(super) fn rehearsed_access(&mut self, denied: Vec<String>) -> Request {
        let result = &mut self.rehearsing().result;
        match &mut result.refusal {
            Some(refusal) if refusal.cause == OpFault::NoAuth => refusal.denied = denied,
            Some(_) => {}
            None if denied.is_empty() => {}
            None => {
                result.refusal = Some(Refusal {
                    action: "writing",
                    path: ZnodePath::root(),
                    cause: OpFault::NoAuth,
                    denied,
                });
            }
        }
        self.end_rehearsed()
    }

    fn end_rehearsed(&mut self) -> Request {
        self.receipt.rehearsal = Some(std::mem::take(&mut self.rehearsing().result));
        self.end(Outcome::Planned)
    }

    fn rehearsing(&mut self) -> &mut Rehearsing {
        self.rehearsing
            .as_mut()
            .unwrap_or_else(|| unreachable!("only a rehearsal comes here"))
    }

    fn place_of(&mut self, transaction: usize, operation: Option<usize>) -> (&'static str, ZnodePath) {
        let find = |commitment: &Commitment| {
            let transaction = commitment.transactions.get(transaction)?;
            let operation = operation?;
            let behind = operation.checked_sub(transaction.head.len() + transaction.changes.len());
            let tail = behind.and_then(|place| transaction.tail.get(place));
            if let Some(op) = transaction.head.get(operation).or(tail) {
                let action = match op {
                    Op::Create(..) => "creating",
                    Op::Check(..) => "checking",
                    Op::Set(..) => "setting",
                    Op::Delete(..) => "deleting",
                };
                return Some((action, op.path().clone()));
            }
            let change = transaction.changes.start + operation - transaction.head.len();
            let change = commitment.plan.changes.get(change)?;
            let action = match change {
                Change::Create { .. } => "creating",
                Change::Set { .. } => "setting",
                Change::Delete { .. } => "deleting",
            };
            Some((action, change.path().clone()))
        };
        let commitment = self.rehearsing().commitment.as_ref();
        commitment
            .and_then(find)
            .unwrap_or(("applying the plan below", ZnodePath::root()))
    }

    /// Tells whether the plan is to be shown to the server before it is shown to people.
    pub(super) fn is_rehearsed(&self) -> bool {
        self.rehearsing.is_some() && matches!(self.goal, Goal::Sync(_))
    }
}

/// Returns names as long as those that the lock's candidates will have.
fn candidates_like(lock: LockStyle) -> Vec<ZnodePath> {
    let id = "0".repeat(32);
    let path = |queue: &Queue| {
        let text = format!("{}/{}0000000000", queue.directory(), queue.prefix(&id));
        ZnodePath::parse(&text).unwrap_or_else(|_| unreachable!("a candidate's path"))
    };
    Queue::of(lock).iter().map(path).collect()
}

/// Returns the cluster as it is once what is absent was made.
fn prepared(read: ClusterReading, hosts: Option<&[u8]>, state: Option<&[u8]>) -> ClusterReading {
    let new = DataVersion(0);
    let empty_roots = |reading: StateReading| match reading.state() {
        Some(state) if state.roots_version.is_some() => reading,
        _ => reading.with_roots(Some((b"{}", new))),
    };
    ClusterReading {
        hosts_node: hosts.map(|data| HostsNode::new(data, new)).or(read.hosts_node),
        hosts: read.hosts,
        history: read.history.or_else(|| Some(BTreeSet::new())),
        state: match (read.state, state) {
            (StateReading::Absent, Some(data)) => empty_roots(StateReading::new(data, new, Zxid(0))),
            (other, _) => empty_roots(other),
        },
    }
}

/// Returns what the marker writes, and the last transaction besides: the same nodes, and perhaps the roots'.
fn own_writes(whole: &Commitment) -> Vec<Op> {
    let mut head: Vec<Op> = Vec::new();
    let ends = [whole.transactions.first(), whole.transactions.last()];
    for op in ends.into_iter().flatten().flat_map(|end| &end.head) {
        if !head.iter().any(|known| known.path() == op.path()) {
            head.push(op.clone());
        }
    }
    head
}

/// Returns the marker, and of every batch what doesn't rest on other batches.
fn independent(whole: &Commitment) -> Commitment {
    let ranges = whole
        .transactions
        .iter()
        .map(|transaction| transaction.changes.clone());
    let alone = plan::independent(&whole.plan.changes, ranges);
    let mut asked = Plan::default();
    let mut transactions = Vec::new();
    for places in alone {
        let begin = asked.changes.len();
        let changes = places.iter().map(|place| whole.plan.changes[*place].clone());
        asked.changes.extend(changes);
        let is_marker = transactions.is_empty();
        if is_marker || asked.changes.len() > begin {
            transactions.push(Transaction {
                head: if is_marker { own_writes(whole) } else { Vec::new() },
                changes: begin..asked.changes.len(),
                tail: match (is_marker, whole.transactions.last()) {
                    (true, Some(last)) => last.tail.clone(),
                    _ => Vec::new(),
                },
            });
        }
    }
    Commitment {
        plan: Arc::new(asked),
        transactions,
        in_flight_max: 1,
    }
}
