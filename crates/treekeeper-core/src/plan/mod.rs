//! What must change: the difference between desired and live, in the order in which it is to be applied.
//!
//! Making a plan is total and cannot fail; what forbids to apply it is data in it, for the gates to judge.
//! Nothing here writes, waits or looks anything up.

mod batch;
mod diff;
mod digest;
pub mod display;
pub mod json;
mod property;
mod protect;
pub mod saved;
mod spelling;
#[cfg(test)]
mod tests;
mod touch;

pub use batch::{Batch, BatchLimits, TooLarge, Wire, batches, independent};
pub use diff::{DiffOptions, Trim, diff};
pub use digest::{digest, inverse_digest, tree_digest};
pub use display::{DisplayOptions, Style};
pub use property::{PropertyChange, PropertyChanges, property_changes};
pub use protect::{Protected, protected};
pub use spelling::Secrets;
pub use touch::{Touch, touches};

use crate::model::{DataVersion, SharedBytes, ZnodePath, Zxid};

/// All changes that make the live tree the desired one, and what was left out of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Creates from the root down, then sets, then deletes from the leaves up.
    pub changes: Vec<Change>,
    /// What the files don't define and yet stays, in the order of a walk.
    pub spared: Vec<Spared>,
    /// Why the plan cannot be applied; a plan with any must be refused.
    pub obstacles: Vec<Obstacle>,
    /// Live top-level nodes that the files no longer define, and that stay.
    pub orphans: Vec<Orphan>,
    /// What it deletes although it is protected; a plan with any must be refused.
    pub protected: Vec<Protected>,
    /// Live znodes in which the plan creates others, and the transactions that created them; the root is not told.
    pub parents: Vec<(ZnodePath, Zxid)>,
    /// The number of live znodes that are as the files say.
    pub unchanged: usize,
    /// The number of live znodes that the files define or that the plan deletes: what the delete budget is a part of.
    pub managed: usize,
}

/// One write, with what it was planned against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A znode that is not there.
    Create {
        /// Where.
        path: ZnodePath,
        /// The encoded data.
        data: SharedBytes,
    },
    /// A znode whose data mean something else.
    Set {
        /// Where.
        path: ZnodePath,
        /// The encoded data to write.
        data: SharedBytes,
        /// The raw data that were read.
        old: SharedBytes,
        /// The data version that was read.
        version: DataVersion,
        /// The transaction that created the znode that was read.
        czxid: Zxid,
    },
    /// A znode that the files don't define.
    Delete {
        /// Where.
        path: ZnodePath,
        /// The data version that was read.
        version: DataVersion,
        /// The transaction that created the znode that was read.
        czxid: Zxid,
    },
}

impl Change {
    /// Returns where the change happens.
    pub fn path(&self) -> &ZnodePath {
        match self {
            Change::Create { path, .. } | Change::Set { path, .. } | Change::Delete { path, .. } => path,
        }
    }

    /// Returns the word for what it does: `create`, `change` or `delete`.
    pub fn action(&self) -> &'static str {
        match self {
            Change::Create { .. } => "create",
            Change::Set { .. } => "change",
            Change::Delete { .. } => "delete",
        }
    }

    /// Returns the encoded data that the change leaves; none if it deletes.
    pub fn data(&self) -> Option<&[u8]> {
        match self {
            Change::Create { data, .. } | Change::Set { data, .. } => Some(data),
            Change::Delete { .. } => None,
        }
    }
}

/// A live znode that the files don't define and that is not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spared {
    /// Where.
    pub path: ZnodePath,
    /// Why.
    pub reason: SpareReason,
}

/// Why a znode is not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpareReason {
    /// It belongs to a session, and goes with it.
    Ephemeral {
        /// The session's id.
        owner: i64,
    },
    /// It is the topmost ancestor that stays only because of the ephemeral znodes below it, each told by itself.
    HoldsEphemeral,
    /// It is a role's lock, and agents stand in line below it.
    HoldsRoleLocks,
}

/// Why a plan cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// A znode would have to be created below an ephemeral one, which can't have children.
    #[error("{path} cannot be created: {ephemeral} is ephemeral and cannot have children")]
    BelowEphemeral {
        /// The topmost znode that cannot be created.
        path: ZnodePath,
        /// The ephemeral parent.
        ephemeral: ZnodePath,
    },
    /// A znode that the files presuppose is not there.
    #[error("{path} does not exist, and no file defines it")]
    ParentMissing {
        /// The znode that is absent.
        path: ZnodePath,
    },
}

/// A live top-level node that the deployed commit defined and the new one doesn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// Where.
    pub path: ZnodePath,
    /// The number of live znodes, itself included.
    pub znodes: usize,
}

/// How many changes of each kind a plan has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Creates.
    pub create: usize,
    /// Sets.
    pub set: usize,
    /// Deletes.
    pub delete: usize,
}

impl Plan {
    /// Returns how many changes of each kind there are.
    pub fn counts(&self) -> Counts {
        let create = self
            .changes
            .partition_point(|change| matches!(change, Change::Create { .. }));
        let kept = self
            .changes
            .partition_point(|change| !matches!(change, Change::Delete { .. }));
        Counts {
            create,
            set: kept - create,
            delete: self.changes.len() - kept,
        }
    }

    /// Returns the creates, the sets and the deletes.
    pub fn parts(&self) -> (&[Change], &[Change], &[Change]) {
        let counts = self.counts();
        let (creates, rest) = self.changes.split_at(counts.create);
        let (sets, deletes) = rest.split_at(counts.set);
        (creates, sets, deletes)
    }

    /// Tells whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns by how much the plan exceeds the delete budget; `granted` deletions are allowed in any case.
    pub fn over_budget(&self, budget: &DeleteBudget, granted: Option<usize>) -> Option<OverBudget> {
        let planned = self.counts().delete;
        let allowed = budget.allowed(self.managed).max(granted.unwrap_or(0));
        (planned > allowed).then_some(OverBudget { planned, allowed })
    }
}

/// How many deletions pass without a grant: the greater of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeleteBudget {
    /// A number of znodes.
    pub znodes_max: usize,
    /// A part of the managed znodes, rounded down.
    pub percent_max: usize,
}

impl Default for DeleteBudget {
    fn default() -> DeleteBudget {
        DeleteBudget {
            znodes_max: 20,
            percent_max: 30,
        }
    }
}

impl DeleteBudget {
    /// Returns how many of `managed` znodes may be deleted.
    pub fn allowed(&self, managed: usize) -> usize {
        self.znodes_max
            .max(managed.saturating_mul(self.percent_max) / 100)
    }
}

/// More deletions than are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plan deletes {planned} znodes, {allowed} are allowed")]
pub struct OverBudget {
    /// What the plan deletes.
    pub planned: usize,
    /// What is allowed.
    pub allowed: usize,
}
