//! What an operation tells while it runs, and how it ended.
//!
//! The words of [`Event`] are a contract (DESIGN.md 1); colours and prefixes are the command line's business.

use std::fmt;
use std::sync::Arc;

use super::{Rehearsal, Request, Stale};
use crate::gate::Blocker;
use crate::model::{ClusterVersion, Revision, Zxid};
use crate::plan::saved::Basis;
use crate::plan::{Batch, Plan, Touch};
use crate::treefile::{Code, Diagnostic};

/// A line of the log, exactly as the original wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The commit to deploy.
    VcsVersion(Revision),
    /// What `/hosts` says.
    ZkVersion(ClusterVersion),
    /// The tree will be changed.
    Resyncing,
    /// A file's part of the plan stands.
    Importing {
        /// Its name, safe to print.
        file: String,
        /// Whether nothing will be done.
        dry_run: bool,
    },
    /// A host lags.
    NotConverged(Blocker),
    /// Somebody else holds the lock.
    LockHeld,
    /// ALL STOP.
    AllStop,
    /// The plan of a rollback, before it is applied or refused.
    Planned(Arc<Plan>, Vec<Batch>),
}

impl Event {
    /// Returns the line's level: `INFO`, `ERROR` or `CRITICAL`.
    pub fn level(&self) -> &'static str {
        match self {
            Event::VcsVersion(_)
            | Event::ZkVersion(_)
            | Event::Resyncing
            | Event::Importing { .. }
            | Event::Planned(..) => "INFO",
            Event::NotConverged(_) | Event::LockHeld => "ERROR",
            Event::AllStop => "CRITICAL",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::VcsVersion(revision) => write!(formatter, "VCS Version: {revision}"),
            Event::ZkVersion(version) => write!(formatter, "ZK Version: {version}"),
            Event::Resyncing => formatter.write_str("Version mismatch detected, resyncing"),
            Event::Importing { file, dry_run: false } => write!(formatter, "Importing {file}"),
            Event::Importing { file, dry_run: true } => {
                write!(formatter, "Importing {file} (dry run, no action taken)")
            }
            Event::NotConverged(blocker) => {
                write!(
                    formatter,
                    "Version mismatch detected, can't resync since {blocker}"
                )
            }
            Event::LockHeld => {
                formatter.write_str("Refused to update zookeeper tree, couldn't obtain cluster lock")
            }
            Event::AllStop => formatter.write_str("ALL STOP, cluster version is None"),
            Event::Planned(plan, batches) => {
                formatter.write_str(&crate::plan::display::summary(plan, batches))
            }
        }
    }
}

impl Request {
    /// Returns what is asked for in a few words, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Request::ReadCluster(_) => "read the cluster",
            Request::Fetch { .. } => "fetch",
            Request::Relate { .. } => "relate commits",
            Request::ReadFiles { .. } => "read files",
            Request::Prepare { .. } => "prepare nodes",
            Request::AcquireLock(_) => "take the lock",
            Request::Observe(_) => "observe",
            Request::Commit(_) => "commit",
            Request::Rehearse { .. } => "rehearse",
            Request::CheckAccess(_) => "check access",
            Request::Settle => "settle",
            Request::Inquire => "inquire",
            Request::ReadBack(_) => "read back",
            Request::Release => "release",
            Request::Done(_) => "done",
        }
    }
}

/// What kind of failure ended an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// An ordinary error: nothing of this operation is in the tree, or what is there is marked.
    Error,
    /// The session is gone, and with it the lock.
    SessionLost,
}

/// Why something could not be done; starts in lower case, no full stop, safe to print.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// What `explain` knows it by, if it does.
    pub code: Option<Code>,
    /// What was attempted on what, and why it failed.
    pub message: String,
    /// The next step, as an exact command where there is one.
    pub hint: Option<String>,
}

impl Failure {
    /// Returns an ordinary failure without a hint.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            kind: FailureKind::Error,
            code: None,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds the code that `explain` knows it by.
    pub fn with_code(mut self, code: &'static str) -> Failure {
        self.code = Some(Code(code));
        self
    }

    /// Adds a next step.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

/// How an operation ended.
#[derive(Clone, Debug, Default)]
pub enum Outcome {
    /// The version was equal; the tree was not looked at.
    #[default]
    InSync,
    /// A plan was made and nothing was written.
    Planned,
    /// The plan was applied.
    Applied,
    /// A policy refused; nothing was written.
    Refused(Vec<Blocker>),
    /// A saved plan was not applied, or not wholly, since what it rests on has moved.
    Stale(Stale),
    /// Somebody else holds the lock: who, and what to do.
    LockHeld(Failure),
    /// The tree files are wrong; nothing was written.
    Invalid(Vec<Diagnostic>),
    /// It failed.
    Failed(Failure),
    /// Nobody could find out whether it was applied.
    Unknown(Failure),
}

/// What is left to say when an operation is over.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// How it ended.
    pub outcome: Outcome,
    /// The commit, once it was resolved.
    pub revision: Option<Revision>,
    /// The deployed commit, if `/hosts` stays at it because the tree of the commit is the same.
    pub stays_at: Option<Revision>,
    /// What `/hosts` said before.
    pub from: Option<ClusterVersion>,
    /// The plan, once it was made.
    pub plan: Option<Arc<Plan>>,
    /// Who was last at each znode that the plan changes (`Mode::Plan` only).
    pub touches: Vec<Option<Touch>>,
    /// What would refuse a sync of the plan (`Mode::Plan` only).
    pub blockers: Vec<Blocker>,
    /// What the plan was made against besides the tree, if it was made to be shown.
    pub basis: Option<Basis>,
    /// What the server said of the plan, if it was asked.
    pub rehearsal: Option<Rehearsal>,
    /// How the plan is, or was, cut into transactions.
    pub batches: Vec<Batch>,
    /// How many transactions were sent, the marker's included.
    pub transactions: usize,
    /// The last transaction's id.
    pub zxid: Option<Zxid>,
    /// Whether `/hosts` was set to something else than the last sync left there.
    pub altered_by_hand: bool,
    /// What a person should know although it worked.
    pub warnings: Vec<String>,
}
