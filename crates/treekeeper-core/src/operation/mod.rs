//! One sync, import or edit as a conversation: the operation asks, the shell answers, until there is a receipt.
//!
//! Nothing here waits, reads a clock or does input and output: [`Operation::next`] takes an answer and returns the
//! next request, so the same operation runs over a real server and in a simulator, and every point where a process
//! can die is a gap between two calls.
//! What a request means on the wire is the shell's business; whether it may be asked at all is decided here.

mod answer;
mod apply;
mod begin;
mod edit;
mod history;
mod known;
mod look;
mod outcome;
mod quiet;
mod rehearse;
mod saved;
mod settle;
mod sync;
#[cfg(test)]
mod tests;
mod transaction;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub use jiff::Timestamp;

use crate::gate::{Policy, Target};
use crate::layer::{Graft, LayerLimits, Rules};
use crate::model::cluster::{ClusterReading, Grants, LockStyle};
use crate::model::protect::Glob;
use crate::model::{Bump, DataVersion, DesiredTree, Overlay, Revision, Veil, ZnodePath};
use crate::plan::{BatchLimits, Counts, DeleteBudget, Plan, Trim};
use crate::treefile::ParseLimits;

pub use answer::{Answer, CommitAnswer, LockAnswer, OpFault, Verdict};
pub use known::KnownCommits;
pub use outcome::{Event, Failure, FailureKind, Outcome, Receipt};
pub use rehearse::{Refusal, Rehearsal};
pub use saved::Stale;
pub use sync::unusable;

/// What `sync`, `plan` and their flags ask for.
#[derive(Clone, Debug)]
pub struct SyncOptions {
    /// How far to go.
    pub mode: Mode,
    /// `--force`.
    pub force: bool,
    /// `--repair`: syncs an equal version too.
    pub repair: bool,
    /// `rollback`: goes to the commit whatever history says, and pins the cluster at it.
    pub rollback: bool,
    /// `--adopt`.
    pub adopt: bool,
    /// `--allow-rewind`, or `history = "any"`.
    pub any_history: bool,
    /// `--prune-roots`.
    pub prune_roots: bool,
    /// Which commits move the version of `/hosts`.
    pub bump: Bump,
    /// `diff PATH`: looks at this subtree only, which is never applied.
    pub within: Option<ZnodePath>,
    /// `--revision` names one commit: it is never fetched anew to look for a later one.
    pub fixed_revision: bool,
    /// Merge or replace.
    pub overlay: Overlay,
    /// Bounds of one file.
    pub parse_limits: ParseLimits,
    /// Bounds of the whole tree.
    pub layer_limits: LayerLimits,
}

/// How far a sync goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Applies the plan.
    Apply,
    /// Shows what a sync would do now, and stops where it would stop.
    DryRun,
    /// Shows the plan whatever would refuse it, and every reason that would.
    Plan,
}

/// What both kinds of operation need to know.
#[derive(Clone, Debug)]
pub struct Context {
    /// Unique: 32 hexadecimal digits.
    pub sync_id: String,
    /// Who runs this, such as `user@machine`.
    pub actor: String,
    /// The lock style to take.
    pub lock: LockStyle,
    /// How long to wait for the lock.
    pub lock_wait: Duration,
    /// How many deletions pass without a grant.
    pub delete_budget: DeleteBudget,
    /// `--allow-delete`.
    pub allow_delete: Option<usize>,
    /// Bounds of transactions, and what each operation costs on the wire.
    pub batch_limits: BatchLimits,
    /// Globs of znodes that the configuration protects from deletion.
    pub protect: Vec<Glob>,
    /// Names of properties that look secret, beside the built-in ones.
    pub secrets: Vec<String>,
}

/// What an `import`, `set` or `ln` wants the tree to be.
#[derive(Clone, Debug)]
pub struct EditOptions {
    /// Shows the plan only.
    pub dry_run: bool,
    /// Where the desired tree's root lies.
    pub base: ZnodePath,
    /// What to write there.
    pub edit: Edit,
}

/// The ways to change a part of the tree by hand.
#[derive(Clone, Debug)]
pub enum Edit {
    /// `import`: these nodes below the base, and with `Trim::ByRoot` nothing else below them.
    Tree(Graft, Trim),
    /// `set` and `ln`: these properties of the base node; the others stay.
    Properties(Vec<(crate::model::Text, crate::model::Value)>),
}

/// What the shell is to do next.
#[derive(Clone, Debug)]
pub enum Request {
    /// Read `/hosts` and the state, and the hosts if they are wanted, in as few round trips as possible.
    ReadCluster(Depth),
    /// Fetch the repository and resolve the revision once.
    Fetch {
        /// What need not be asked of git.
        known: KnownCommits,
        /// What is most likely to be observed later and may be read already meanwhile; nothing where it may come to that
        /// or not.
        early: Scope,
    },
    /// Tell how `target` lies to `deployed` in the repository.
    Relate {
        /// The deployed commit.
        deployed: Revision,
        /// The commit to deploy.
        target: Revision,
    },
    /// Read the tree files at the commit.
    ReadFiles {
        /// The commit.
        revision: Revision,
        /// How they become a tree, for a shell that does this as they come.
        rules: Arc<Rules>,
        /// What is most likely to be observed next and may be read already meanwhile: nothing, where a lock is to be
        /// taken first.
        early: Scope,
    },
    /// Create what is absent of the lock's nodes and, unless they are `None`, `/hosts` and the state node.
    Prepare {
        /// Data for an absent `/hosts`.
        hosts: Option<Vec<u8>>,
        /// Data for an absent state node.
        state: Option<Vec<u8>>,
    },
    /// Take the lock, waiting at most so long.
    AcquireLock(Duration),
    /// Read these subtrees whole; what does not exist is left out of the tree.
    Observe(Scope),
    /// Apply transactions, in order, each only if the one before was applied.
    Commit(Commitment),
    /// Send each transaction with a last operation that cannot hold, so that the server judges it and applies nothing;
    /// before the first, create what `Prepare` would, the lock's nodes apart.
    Rehearse {
        /// Data for an absent `/hosts`.
        hosts: Option<Vec<u8>>,
        /// Data for an absent state node.
        state: Option<Vec<u8>>,
        /// What to judge.
        commitment: Commitment,
    },
    /// List the changes of the plan that an ACL denies.
    CheckAccess(Arc<Plan>),
    /// Wait for what is in flight, write a barrier on the same session, and read the cluster.
    Settle,
    /// On a new session: wait until the lock's candidates are gone, and read the cluster.
    Inquire,
    /// Read what the plan changed and tell what differs from it.
    ReadBack(Arc<Plan>),
    /// Give the lock back if it is still held.
    Release,
    /// It is over.
    Done(Box<Receipt>),
}

/// How much of the cluster's own nodes to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// `/hosts` and the state: enough to see that there is nothing to do.
    Versions,
    /// The hosts below `/hosts`, and which entries the history has, too.
    Hosts,
}

/// Which part of the live tree to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Subtrees to read whole.
    pub subtrees: Vec<ZnodePath>,
    /// Nodes to read alone, without their children.
    pub nodes: Vec<ZnodePath>,
}

/// A write of one node, or a check, with the path spelled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Fails unless the node is at the data version.
    Check(ZnodePath, DataVersion),
    /// Creates a node that must not be there.
    Create(ZnodePath, Vec<u8>),
    /// Sets the data of a node that must be at the data version.
    Set(ZnodePath, Vec<u8>, DataVersion),
    /// Deletes a node that must be at the data version.
    Delete(ZnodePath, DataVersion),
}

/// One atomic multi: `head`, then changes of the plan, then `tail`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The fence, the cluster's own nodes.
    pub head: Vec<Op>,
    /// Indexes into the plan's changes.
    pub changes: Range<usize>,
    /// The history's entries, and deletion of the lock's candidates.
    pub tail: Vec<Op>,
}

/// Transactions that belong together.
#[derive(Clone, Debug)]
pub struct Commitment {
    /// The plan that the changes index.
    pub plan: Arc<Plan>,
    /// In order; each but the first fails unless the one before was applied.
    pub transactions: Vec<Transaction>,
    /// How many may be in flight at once, after the first: that one goes alone.
    ///
    /// The others expect versions that the first makes, and an operator who writes `/hosts` and the state in between
    /// makes the same ones: behind a marker that was refused, batches would run over an ALL STOP.
    pub in_flight_max: usize,
}

/// How often a plan is made again when the tree changes under it (RELIABILITY.md F15).
pub const REPLANS_MAX: usize = 5;

/// How many batches are in flight at once (docs/performance.md).
const BATCHES_IN_FLIGHT_MAX: usize = 4;

/// What the operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Starting,
    Reading,
    Fetching,
    Relating,
    ReadingFiles,
    ReadingHosts,
    Preparing,
    Locking,
    LockedReading,
    LockedRelating,
    Observing,
    CheckingAccess,
    ListingDenials,
    Rehearsing,
    RehearsingAccess,
    Committing,
    Settling,
    Inquiring,
    ReadingBack,
    Releasing,
    Finished,
}

/// What the operation is for.
#[derive(Debug)]
enum Goal {
    Sync(SyncOptions),
    Edit(EditOptions),
}

/// One sync, import or edit.
#[derive(Debug)]
pub struct Operation {
    goal: Goal,
    context: Context,
    stage: Stage,
    /// When the last answer came, when the first request was made, and when the lock was asked for.
    clock: Timestamp,
    started: Timestamp,
    asked_for_lock: Timestamp,
    /// When the lock was asked for, by the server's clock.
    locked_ms: i64,
    events: Vec<Event>,
    receipt: Receipt,
    policy: Policy,
    /// What this very run was granted, whatever commit it turns to; the policy and the options may hold more, which
    /// an earlier run left in the cluster for one commit.
    asked: Grants,
    /// The data version of the None that `--force` has seen before it began.
    stop_seen: Option<DataVersion>,
    cluster: Option<ClusterReading>,
    target: Option<Target>,
    fetched_again: bool,
    fetched_in_lock: bool,
    desired: Option<Arc<DesiredTree>>,
    /// The digest of the desired tree.
    tree_sha256: Option<String>,
    file_names: Vec<String>,
    has_no_files: bool,
    /// What the repository protects at the commit.
    repository_globs: Vec<Glob>,
    candidates: Vec<ZnodePath>,
    plan: Option<Arc<Plan>>,
    commitment: Option<Commitment>,
    /// How many plans were overtaken by other writers, and where the last one was.
    replans: usize,
    /// How many of how many batches have landed, once one transaction has and until the last has.
    progress: Option<(usize, usize)>,
    /// Whether the lines that are told once were told.
    told_stop: bool,
    told_resync: bool,
    told_files: bool,
    /// The node at which the server denied a transaction.
    denied: Option<ZnodePath>,
    /// What the changes come to that landed with commitments before the one at hand.
    landed: Counts,
    /// The digest of the plan that would undo the one at hand.
    inverse: Option<String>,
    /// Entries of the history that could not be deleted.
    stuck: BTreeSet<u64>,
    /// Set when only a look at the tree can tell whether an edit was applied.
    last_look: bool,
    veil: Option<Veil>,
    /// Set when a saved plan is to be applied.
    applying: Option<saved::Applying>,
    /// Set when the server is to be asked about the plan.
    rehearsing: Option<rehearse::Rehearsing>,
}

impl Operation {
    /// Returns what is to be told to the user before the next request is performed, in order.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Takes the answer to the last request (`Answer::Done` to start) and returns the next request.
    ///
    /// After `Request::Done` it must not be called again.
    pub fn next(&mut self, answer: Answer, now: Timestamp) -> Request {
        self.clock = now;
        match (self.stage, answer) {
            (_, Answer::Failed(failure)) => self.failed(failure),
            (Stage::Starting, _) => {
                self.started = now;
                self.ask(Stage::Reading, Request::ReadCluster(Depth::Versions))
            }
            (Stage::Reading, Answer::Cluster(cluster)) => self.begin(cluster, now),
            (Stage::Fetching, Answer::Fetched { revision, repository }) => self.fetched(revision, repository),
            (Stage::Relating, Answer::Relation(relation)) => self.related(relation),
            (Stage::ReadingFiles, Answer::Files { files, protect }) => {
                self.repository_globs = protect;
                self.read_files(files)
            }
            (
                Stage::ReadingFiles,
                Answer::Desired {
                    names,
                    desired,
                    protect,
                },
            ) => {
                self.repository_globs = protect;
                self.files_read(names, *desired)
            }
            (Stage::ReadingHosts, Answer::Cluster(cluster)) => self.read_hosts(cluster, now),
            (Stage::Preparing, Answer::Done) => self.prepared(),
            (Stage::Locking, Answer::Lock(LockAnswer::Busy(holder))) => self.lock_busy(holder),
            (Stage::Locking, Answer::Lock(LockAnswer::Held { candidates, since_ms })) => {
                self.candidates = candidates;
                self.locked_ms = since_ms;
                self.read_in_lock()
            }
            (Stage::LockedReading, Answer::Cluster(cluster)) => self.read_locked(cluster, now),
            (Stage::LockedRelating, Answer::Relation(relation)) => self.related_locked(relation),
            (Stage::Observing, Answer::Observed(observed)) => self.observed(&observed, now),
            (Stage::CheckingAccess, Answer::Denied(denied)) => self.access_checked(denied),
            (Stage::ListingDenials, Answer::Denied(denied)) => self.refuse_denied(denied),
            (Stage::Rehearsing, Answer::Rehearsed(verdict)) => self.rehearsed(verdict),
            (Stage::RehearsingAccess, Answer::Denied(denied)) => self.rehearsed_access(denied),
            (Stage::Committing, Answer::Commit(answer)) => self.committed(answer),
            (Stage::Settling, Answer::Settled { held, cluster }) => self.settled(held, cluster, now),
            (Stage::Inquiring, Answer::Cluster(cluster)) => self.inquired(cluster),
            (Stage::ReadingBack, Answer::Differing(paths)) => self.read_back(paths),
            (Stage::Releasing, Answer::Done) => self.finish(),
            (stage, answer) => unreachable!("the shell answered {stage:?} with {answer:?}"),
        }
    }

    fn ask(&mut self, stage: Stage, request: Request) -> Request {
        self.stage = stage;
        request
    }

    /// Ends with `outcome`, giving the lock back first if it is held.
    fn end(&mut self, outcome: Outcome) -> Request {
        self.receipt.outcome = outcome;
        if self.candidates.is_empty() {
            self.finish()
        } else {
            self.ask(Stage::Releasing, Request::Release)
        }
    }

    fn finish(&mut self) -> Request {
        self.receipt.plan = self.plan.take();
        let receipt = std::mem::take(&mut self.receipt);
        self.ask(Stage::Finished, Request::Done(Box::new(receipt)))
    }

    fn cluster(&self) -> &ClusterReading {
        self.cluster
            .as_ref()
            .unwrap_or_else(|| unreachable!("the cluster is read before anything else"))
    }
}
