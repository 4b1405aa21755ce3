//! The history's entry of a sync: what it says, and which older ones fall out with it.
//!
//! It is part of the transaction that deploys, so that there is one for each deployment and none for anything else.

use super::{Goal, Op, Operation, Timestamp};
use crate::model::cluster::ClusterState;
use crate::model::history::{self, Entry, HISTORY_PATH, HISTORY_SCHEMA, Kind};
use crate::model::{DataVersion, ZnodePath};
use crate::plan::{Counts, Plan};

/// How many entries that can't be deleted are passed over before none is tried any more.
const STUCK_MAX: usize = 2;

impl Operation {
    /// Returns the writes of the history that belong to the transaction that deploys the plan.
    pub(super) fn history_ops(&self, read: &ClusterState, plan: &Plan, now: Timestamp) -> Vec<Op> {
        let Some(numbers) = &self.cluster().history else {
            unreachable!("the history is prepared before the plan")
        };
        let entry = self.entry(read, plan, now);
        let mut ops = vec![Op::Create(place(history::next(numbers)), entry.to_bytes())];
        if self.stuck.len() <= STUCK_MAX {
            let falling = history::falling_out(numbers, &self.stuck);
            // Nobody changes an entry, so its version tells nothing.
            ops.extend(
                falling
                    .into_iter()
                    .map(|number| Op::Delete(place(number), DataVersion(-1))),
            );
        }
        ops
    }

    fn entry(&self, read: &ClusterState, plan: &Plan, now: Timestamp) -> Entry {
        let (here, before) = (plan.counts(), self.landed);
        let from = match self.cluster().state.is_applying() {
            true => read.version_before(),
            false => self.cluster().version().ok(),
        };
        // What was applied in parts, also by a sync before this one, no single plan undoes.
        let is_whole = before == Counts::default() && !self.cluster().state.is_applying();
        let asked = self.asked_for_lock.as_millisecond() - self.started.as_millisecond();
        Entry {
            schema: HISTORY_SCHEMA,
            commit: self.deployed_revision().as_str().to_owned(),
            from: from.map(|version| version.to_string()),
            at: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            by: self.context.actor.clone(),
            sync_id: self.context.sync_id.clone(),
            kind: self.kind(),
            created: here.create + before.create,
            changed: here.set + before.set,
            deleted: here.delete + before.delete,
            inverse: self.inverse.clone().filter(|_| is_whole),
            prepared_ms: asked,
            locked_ms: self.locked_ms,
        }
    }

    fn kind(&self) -> Kind {
        let Goal::Sync(options) = &self.goal else {
            unreachable!("an edit has no entry")
        };
        let revision = self.deployed_revision();
        let is_same = self
            .cluster()
            .version()
            .is_ok_and(|version| version.is(&revision));
        match () {
            () if options.rollback => Kind::Rollback,
            () if options.force => Kind::Forced,
            () if options.repair && is_same => Kind::Repair,
            () => Kind::Sync,
        }
    }

    /// Tells whether the write that was refused only takes an entry out of the history, and remembers to leave it.
    pub(super) fn is_stuck(&mut self, transaction: usize, operation: usize) -> bool {
        let Some(Op::Delete(path, _)) = self.tail_op(transaction, operation) else {
            return false;
        };
        let Some(number) = history::number(path.name()).filter(|_| path.is_within(&ring())) else {
            return false;
        };
        self.stuck.insert(number);
        true
    }

    /// Returns the operation of a transaction's tail that stands at this place of the transaction.
    fn tail_op(&self, transaction: usize, operation: usize) -> Option<&Op> {
        let transaction = self.commitment.as_ref()?.transactions.get(transaction)?;
        let before = transaction.head.len() + transaction.changes.len();
        transaction.tail.get(operation.checked_sub(before)?)
    }

    /// Notes what has landed of a commitment that did not land whole: its first `transactions`.
    pub(super) fn note_landed(&mut self, transactions: usize) {
        let Some(commitment) = &self.commitment else {
            return;
        };
        let landed = commitment.transactions.iter().take(transactions);
        let end = landed
            .map(|transaction| transaction.changes.end)
            .max()
            .unwrap_or(0);
        let counts = commitment.plan.counts();
        let create = end.min(counts.create);
        let set = (end - create).min(counts.set);
        self.landed.create += create;
        self.landed.set += set;
        self.landed.delete += end - create - set;
    }
}

fn ring() -> ZnodePath {
    ZnodePath::parse(HISTORY_PATH).unwrap_or_else(|_| unreachable!("a constant path"))
}

fn place(number: u64) -> ZnodePath {
    ring().join(&history::name(number))
}
