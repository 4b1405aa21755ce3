//! From a plan to transactions: the fence, the marker, the state, and the delete budget.
//!
//! The protocol is that of RELIABILITY.md 5. One rule holds everywhere: every transaction begins with a check of
//! every candidate of the lock, and carries the data version of `/hosts` that the plan was made against.

use std::sync::Arc;

use super::{
    BATCHES_IN_FLIGHT_MAX, CommitAnswer, Commitment, Failure, Goal, Mode, Op, OpFault, Operation, Outcome,
    REPLANS_MAX, Request, Stage, Timestamp, Transaction,
};
use crate::gate::Blocker;
use crate::model::cluster::{ClusterState, Grants, HOSTS_PATH, HostsNode, Phase, STATE_PATH, StateReading};
use crate::model::{DataVersion, Text, Value, ZnodePath};
use crate::plan::{self, Plan};

impl Operation {
    /// Takes the plan: shows it, finds it empty, or begins to apply it.
    pub(super) fn planned(&mut self, plan: Arc<Plan>, now: Timestamp) -> Request {
        self.plan = Some(plan.clone());
        if self.last_look {
            return self.looked_last();
        }
        let over_budget = self.over_budget(&plan);
        match &self.goal {
            Goal::Sync(options) if options.mode == Mode::Plan => {
                self.receipt.blockers.extend(over_budget);
                return self.end_planned();
            }
            Goal::Sync(_) | Goal::Edit(_) => {
                if let Some(blocker) = over_budget {
                    return self.refuse(vec![blocker]);
                }
            }
        }
        let is_dry = match &self.goal {
            Goal::Sync(options) => options.mode != Mode::Apply,
            Goal::Edit(options) => options.dry_run,
        };
        if is_dry {
            return self.end_planned();
        }
        match self.assemble(&plan, now) {
            Err(failure) => self.fail(failure),
            Ok(commitment) if commitment.transactions.is_empty() => self.end(Outcome::Applied),
            Ok(commitment) => {
                self.receipt.transactions = commitment.transactions.len();
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
    fn end_planned(&mut self) -> Request {
        let plan = self.plan.clone().unwrap_or_default();
        let limits = self.context.batch_limits.clone();
        match plan::batches(&plan, &limits) {
            Ok(batches) => {
                self.receipt.batches = batches;
                self.end(Outcome::Planned)
            }
            Err(too_large) => self.end(Outcome::Failed(Failure::new(too_large.to_string()))),
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
            [] => "a znode of the plan".to_owned(),
            several => several.join("; "),
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

    /// Puts the plan into transactions.
    fn assemble(&self, plan: &Arc<Plan>, now: Timestamp) -> Result<Commitment, Failure> {
        match &self.goal {
            Goal::Sync(_) => self.assemble_sync(plan, now),
            Goal::Edit(_) => self.assemble_edit(plan),
        }
    }

    fn guard(&self) -> Vec<Op> {
        self.candidates
            .iter()
            .map(|path| Op::Check(path.clone(), DataVersion(0)))
            .collect()
    }

    /// Deletes the candidates in reverse order, so that the lock is free when the last transaction is applied.
    fn give_back(&self) -> Vec<Op> {
        self.candidates
            .iter()
            .rev()
            .map(|path| Op::Delete(path.clone(), DataVersion(0)))
            .collect()
    }

    fn assemble_edit(&self, plan: &Arc<Plan>) -> Result<Commitment, Failure> {
        let mut head = self.guard();
        if let Some(node) = &self.cluster().hosts_node {
            head.push(Op::Check(hosts_path(), node.data_version));
        }
        let batches = self.batches(plan, &head)?;
        let last = batches.len();
        let transactions = batches
            .into_iter()
            .enumerate()
            .map(|(index, changes)| Transaction {
                head: head.clone(),
                changes,
                tail: if index + 1 == last {
                    self.give_back()
                } else {
                    Vec::new()
                },
            })
            .collect();
        // Without a state node to chain them, batches go one by one.
        Ok(Commitment {
            plan: plan.clone(),
            transactions,
            in_flight_max: 1,
        })
    }

    fn assemble_sync(&self, plan: &Arc<Plan>, now: Timestamp) -> Result<Commitment, Failure> {
        let cluster = self.cluster();
        let Some(hosts) = &cluster.hosts_node else {
            unreachable!("/hosts is prepared before the plan")
        };
        let StateReading::Present(state, state_version) = &cluster.state else {
            unreachable!("the state is prepared before the plan")
        };
        let revision = self.target_revision();
        let finished = self.finished_state(state, plan, now);
        let mut single_head = self.guard();
        single_head.push(set_hosts(
            hosts,
            Value::String(Text::from(revision.as_str())),
            hosts.data_version,
        ));
        single_head.push(Op::Set(state_path(), finished.to_bytes(), *state_version));
        let batches = self.batches(plan, &single_head)?;
        if batches.len() <= 1 {
            let nothing = plan.changes.is_empty()
                && cluster.version().is_ok_and(|version| version.is(&revision))
                && !cluster.state.is_applying();
            let transaction = Transaction {
                head: single_head,
                changes: 0..plan.changes.len(),
                tail: self.give_back(),
            };
            let transactions = if nothing { Vec::new() } else { vec![transaction] };
            return Ok(Commitment {
                plan: plan.clone(),
                transactions,
                in_flight_max: 1,
            });
        }
        let mut transactions = Vec::with_capacity(batches.len() + 2);
        let marked = DataVersion(hosts.data_version.0.wrapping_add(1));
        let state_at = |step: usize| DataVersion(state_version.0.wrapping_add(step as i32));
        let steps = batches.len();
        let mut applying = self.applying_state(state, hosts, steps, now);
        let mut head = self.guard();
        head.push(set_hosts(hosts, Value::Bool(false), hosts.data_version));
        head.push(Op::Set(state_path(), applying.to_bytes(), state_at(0)));
        transactions.push(Transaction {
            head,
            changes: 0..0,
            tail: Vec::new(),
        });
        for (index, changes) in batches.into_iter().enumerate() {
            applying.step = index + 1;
            let mut head = self.guard();
            head.push(Op::Check(hosts_path(), marked));
            head.push(Op::Set(state_path(), applying.to_bytes(), state_at(index + 1)));
            transactions.push(Transaction {
                head,
                changes,
                tail: Vec::new(),
            });
        }
        let mut head = self.guard();
        head.push(set_hosts(
            hosts,
            Value::String(Text::from(revision.as_str())),
            marked,
        ));
        head.push(Op::Set(state_path(), finished.to_bytes(), state_at(steps + 1)));
        transactions.push(Transaction {
            head,
            changes: 0..0,
            tail: self.give_back(),
        });
        Ok(Commitment {
            plan: plan.clone(),
            transactions,
            in_flight_max: BATCHES_IN_FLIGHT_MAX,
        })
    }

    fn batches(&self, plan: &Plan, head: &[Op]) -> Result<Vec<std::ops::Range<usize>>, Failure> {
        let mut limits = self.context.batch_limits.clone();
        let around = head.iter().chain(&self.give_back()).map(op_bytes).sum::<usize>();
        let prefixes = (head.len() + self.candidates.len()) * limits.wire.chroot_bytes;
        limits.guard_bytes = around + prefixes;
        limits.guard_operations = head.len() + self.candidates.len();
        let batches = plan::batches(plan, &limits)
            .map_err(|too_large| Failure::new(too_large.to_string()).with_hint("make the value smaller"))?;
        Ok(batches.into_iter().map(|batch| batch.range).collect())
    }

    pub(super) fn target_revision(&self) -> crate::model::Revision {
        match &self.target {
            Some(target) => target.revision.clone(),
            None => unreachable!("a sync has a commit"),
        }
    }

    fn finished_state(&self, read: &ClusterState, plan: &Plan, now: Timestamp) -> ClusterState {
        let revision = self.target_revision();
        let mut state = read.clone();
        // A pruned root whose ephemeral nodes keep it alive is an orphan still.
        let spared = plan.spared.iter().filter_map(|spared| spared.path.names().next());
        let pruned = self.possible_orphans();
        let spared = spared.filter(|root| pruned.contains(*root)).map(str::to_owned);
        let kept = plan.orphans.iter().map(|orphan| orphan.path.name().to_owned());
        state.orphans = kept.chain(spared).collect();
        state.roots = self.managed_roots();
        state.repository = self
            .target
            .as_ref()
            .map(|target| target.repository.as_str().to_owned());
        state.generation += 1;
        state.phase = Phase::Clean;
        state.commit = Some(revision.as_str().to_owned());
        state.from = None;
        state.to = None;
        state.step = 0;
        state.steps = 0;
        state.stop = None;
        state.lock = self.context.lock;
        state.grants = Grants::default();
        self.sign(&mut state, now);
        state.remember(&self.context.sync_id, 0, revision.as_str());
        state
    }

    fn applying_state(
        &self,
        read: &ClusterState,
        hosts: &HostsNode,
        steps: usize,
        now: Timestamp,
    ) -> ClusterState {
        let revision = self.target_revision();
        let mut state = read.clone();
        state.generation += 1;
        if state.phase == Phase::Clean {
            state.from = hosts.properties.get("version").map(|version| {
                let mut json = Vec::new();
                crate::model::write_json(version, &mut json);
                String::from_utf8_lossy(&json).into_owned()
            });
        }
        state.phase = Phase::Applying;
        state.to = Some(revision.as_str().to_owned());
        state.step = 0;
        state.steps = steps;
        state.stop = None;
        state.lock = self.context.lock;
        state.repository = self
            .target
            .as_ref()
            .map(|target| target.repository.as_str().to_owned());
        // Roots of the commit on its way are managed from now on: a later commit must know them as orphans.
        let newer = self.managed_roots();
        let older = state.roots.difference(&newer).cloned().collect::<Vec<_>>();
        state.orphans.extend(older);
        state.roots = newer;
        let prune_roots = matches!(&self.goal, Goal::Sync(options) if options.prune_roots);
        state.grants = Grants {
            commit: revision.as_str().to_owned(),
            allow_delete: self.context.allow_delete,
            allow_rewind: self.policy.any_history,
            adopt: self.policy.adopt,
            prune_roots,
        };
        self.sign(&mut state, now);
        state
    }

    fn sign(&self, state: &mut ClusterState, now: Timestamp) {
        state.sync_id = self.context.sync_id.clone();
        state.by = self.context.actor.clone();
        state.at = now.to_string();
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
        self.advance(transaction);
        let Some(operation) = operation else {
            return self.fail(Failure::new(format!("the server refused the plan: {cause}")));
        };
        let place = self.place(transaction, operation);
        if operation < self.candidates.len() {
            return self.lock_lost();
        }
        if cause == OpFault::NoAuth {
            let plan = self.plan.clone().unwrap_or_default();
            self.receipt.warnings.clear();
            return if place.is_within(&hosts_path()) || place.is_within(&state_path()) {
                self.fail(denied_failure(place.as_str(), self.progress.is_none()))
            } else {
                self.ask(Stage::ListingDenials, Request::CheckAccess(plan))
            };
        }
        if !cause.is_conflict() {
            let shown = crate::model::printable(place.as_str()).into_owned();
            return self.fail(Failure::new(format!(
                "the server refused to write {shown}: {cause}"
            )));
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
            .with_hint("find out who writes there, then run the same command again"),
        ))
    }

    /// Counts one more plan whose fate had to be read; returns the end if there were too many.
    pub(super) fn interrupted(&mut self) -> Option<Request> {
        self.replans += 1;
        if self.replans <= REPLANS_MAX {
            return None;
        }
        Some(self.fail(
            Failure::new(format!("the plan was sent {} times, and the connection broke again", self.replans))
                .with_hint("find out what breaks connections to ZooKeeper, then run the same command again"),
        ))
    }
}

impl Op {
    /// Returns the node that it is about.
    pub fn path(&self) -> &ZnodePath {
        match self {
            Op::Check(path, _) | Op::Set(path, _, _) | Op::Delete(path, _) => path,
        }
    }
}

/// Returns an operation's bytes in a multi: header 9, length-prefixed path, version 4, and data if there are any.
fn op_bytes(op: &Op) -> usize {
    const HEADER_AND_VERSION: usize = 9 + 4;
    let path = 4 + op.path().as_str().len();
    match op {
        Op::Check(..) | Op::Delete(..) => HEADER_AND_VERSION + path,
        Op::Set(_, data, _) => HEADER_AND_VERSION + path + 4 + data.len(),
    }
}

fn set_hosts(hosts: &HostsNode, version: Value, expected: DataVersion) -> Op {
    Op::Set(hosts_path(), hosts.data_with_version(version), expected)
}

fn hosts_path() -> ZnodePath {
    fixed(HOSTS_PATH)
}

fn state_path() -> ZnodePath {
    fixed(STATE_PATH)
}

fn fixed(path: &str) -> ZnodePath {
    ZnodePath::parse(path).unwrap_or_else(|_| unreachable!("a constant path"))
}

fn denied_failure(list: &str, whole: bool) -> Failure {
    let nothing = if whole { ", nothing was written" } else { "" };
    Failure::new(format!("ZooKeeper denies the plan{nothing}: {list}"))
        .with_hint("give treekeeper's identity the permission, or configure the one that has it ([auth])")
}
