//! What the shell answers to an operation's requests.
//!
//! Data only: what follows from an answer is decided by the operation.

use super::Failure;
use crate::gate::Relation;
use crate::model::cluster::ClusterReading;
use crate::model::protect::Glob;
use crate::model::{DesiredTree, LiveTree, Revision, ZnodePath};
use crate::treefile::SourceFile;

/// What the shell found.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To start, and where there is nothing to say.
    Done,
    /// To `ReadCluster` and `Inquire`.
    Cluster(ClusterReading),
    /// To `Fetch`.
    Fetched {
        /// The commit.
        revision: Revision,
        /// The repository's root commit.
        repository: Revision,
    },
    /// To `Relate`.
    Relation(Relation),
    /// To `ReadFiles`.
    Files {
        /// The tree files.
        files: Vec<SourceFile>,
        /// What the repository's own settings file beside them protects from deletion.
        protect: Vec<Glob>,
    },
    /// To `ReadFiles`, if nothing is wrong with them.
    Desired {
        /// Their names.
        names: Vec<String>,
        /// What they desire together.
        desired: Box<DesiredTree>,
        /// What the repository's own settings file beside them protects from deletion.
        protect: Vec<Glob>,
    },
    /// To `AcquireLock`.
    Lock(LockAnswer),
    /// To `Observe`: ancestors of what was asked for are there without their data or other children.
    Observed(Box<LiveTree>),
    /// To `Commit`.
    Commit(CommitAnswer),
    /// To `Rehearse`.
    Rehearsed(Verdict),
    /// To `CheckAccess`: each line says what is denied and where.
    Denied(Vec<String>),
    /// To `Settle`.
    Settled {
        /// Whether the candidates are still there.
        held: bool,
        /// The cluster after the barrier.
        cluster: ClusterReading,
    },
    /// To `ReadBack`: what is not as written.
    Differing(Vec<ZnodePath>),
    /// To any: it could not be done, and nothing was written by trying.
    Failed(Failure),
}

/// How taking the lock ended.
#[derive(Clone, Debug)]
pub enum LockAnswer {
    /// Held.
    Held {
        /// The candidates, each to be checked at version 0 in every transaction.
        candidates: Vec<ZnodePath>,
        /// When the first of them was created, in milliseconds since 1970 by the server's clock.
        since_ms: i64,
    },
    /// Somebody else holds it: who, and what to do.
    Busy(Failure),
}

/// How a commitment ended.
#[derive(Clone, Debug)]
pub enum CommitAnswer {
    /// All transactions were applied.
    Applied {
        /// The last one's transaction id, if the server told.
        zxid: Option<crate::model::Zxid>,
    },
    /// The server refused one: it and all later ones were not applied, all earlier ones were.
    Rejected {
        /// Index of the transaction.
        transaction: usize,
        /// Index of the operation in it; `None` if the request was refused as a whole.
        operation: Option<usize>,
        /// Why.
        cause: OpFault,
    },
    /// Nobody can tell by the replies how many were applied.
    Unknown(String),
}

/// What the server said of transactions that could not be applied.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// All would be applied.
    Accepted,
    /// A node that a first sync makes could not be created.
    Unprepared(ZnodePath, OpFault),
    /// One would be refused.
    Rejected {
        /// Index of the transaction.
        transaction: usize,
        /// Index of the operation in it; `None` if the request was refused as a whole.
        operation: Option<usize>,
        /// Why.
        cause: OpFault,
    },
}

/// A server's reason to refuse an operation of a multi.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpFault {
    /// The node, or a parent to create in, is not there.
    #[error("the node is gone")]
    NoNode,
    /// The node is already there.
    #[error("the node exists already")]
    NodeExists,
    /// The node was changed.
    #[error("the node was changed meanwhile")]
    BadVersion,
    /// The node to delete has children.
    #[error("the node has children")]
    NotEmpty,
    /// The ACL denies it.
    #[error("the ACL denies it")]
    NoAuth,
    /// The parent is ephemeral.
    #[error("ephemeral nodes have no children")]
    NoChildrenForEphemerals,
    /// A quota of the node or of one above it would be exceeded.
    #[error("a quota would be exceeded")]
    Quota,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl OpFault {
    /// Returns the word for it in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            OpFault::NoNode => "no-node",
            OpFault::NodeExists => "node-exists",
            OpFault::BadVersion => "bad-version",
            OpFault::NotEmpty => "not-empty",
            OpFault::NoAuth => "no-auth",
            OpFault::NoChildrenForEphemerals => "ephemeral-parent",
            OpFault::Quota => "quota",
            OpFault::Other(_) => "other",
        }
    }

    /// Returns who can do what about it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            OpFault::NoAuth => {
                "give treekeeper's identity the permission, or configure the one that has it ([auth])"
            }
            OpFault::Quota => {
                "somebody who may raises the quota: `zkCli.sh listquota PATH` tells it, `zkCli.sh setquota` sets it"
            }
            cause if cause.is_conflict() => {
                "somebody wrote there after the tree was read: run the same command again"
            }
            _ => "`treekeeper doctor` tells more of the server",
        }
    }

    /// Tells whether reading again and planning anew can help.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(
            self,
            OpFault::NoNode
                | OpFault::NodeExists
                | OpFault::BadVersion
                | OpFault::NotEmpty
                | OpFault::NoChildrenForEphemerals
        )
    }
}
