//! The independent judge: looks at every recorded transaction, and holds I1 to I12 of RELIABILITY.md 3.
//!
//! It knows what a commit means from the model that it was printed from, and decodes node data by itself. It must
//! never use the code that it judges: nothing here names `treekeeper_core`.

mod history;
mod judge;
mod mirror;
mod told;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use memkeeper::database::{Request, Transaction};
use serde_json::Value;

use crate::Violation;
use crate::commit::Desired;
use crate::repository::Repository;
use crate::world::Micros;
use mirror::{Content, Mirror, path_of};

pub use told::{Ending, Told};

/// Where the version of all hosts is.
const HOSTS: &str = "/hosts";
/// Where treekeeper says what it is doing.
const STATE: &str = "/treekeeper/state";
/// Where treekeeper keeps the names of what it manages.
const ROOTS: &str = "/treekeeper/roots";
/// Where treekeeper keeps what was deployed when.
const HISTORY: &str = "/treekeeper/history";
/// Where candidates of the two locks are.
const QUEUES: [&str; 2] = ["/ZktoolsLocks/,hosts/", "/hosts-lock/"];

/// One run of treekeeper, in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation(pub usize);

/// Whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A sync or edit.
    Treekeeper(Operation),
    /// An operator who ends a stop.
    Resume,
    /// An operator who raises a stop, or pauses.
    Operator,
    /// A syncer of the ancestor.
    Legacy,
    /// A host.
    Agent,
    /// Anybody else.
    Foreign,
}

/// What an operation may do.
#[derive(Clone, Debug, Default)]
pub struct Permit {
    /// It changes a part of the tree by hand.
    pub is_edit: bool,
    /// It lifts ALL STOP and convergence.
    pub force: bool,
    /// It goes against history.
    pub any_history: bool,
    /// It goes back to a commit, whatever the cluster is pinned at.
    pub is_rollback: bool,
    /// A commit with the tree of the deployed one does not move the version.
    pub bumps_by_tree: bool,
    /// It deletes top-level nodes that are no longer defined.
    pub prune_roots: bool,
    /// How many locks it takes.
    pub locks: usize,
    /// Nothing may be written at all.
    pub is_dry: bool,
}

/// What is known of one operation.
#[derive(Debug, Default)]
struct Record {
    permit: Permit,
    begun: Micros,
    /// The data version of the None that was read first.
    stop_read: Option<i32>,
    has_read: bool,
    /// The last transactions when the tree was begun and ended to be read.
    observed: (i64, i64),
    candidates: Vec<String>,
    /// Whether one of them was deleted or revoked.
    is_fenced_off: bool,
    /// Hosts that were at another version while they were read.
    unconverged: BTreeSet<String>,
    is_reading: bool,
    /// Transactions that changed more than the lock.
    writes: usize,
    /// Transactions that ended a sync.
    ends: usize,
    /// The nodes that its transactions created, set and deleted.
    changed: [u64; 3],
    /// Which batch of how many was applied last.
    step: Option<(usize, usize)>,
    /// Whether another sync went on from what this one had left unfinished.
    is_superseded: bool,
    fingerprints: BTreeSet<String>,
    /// Transactions of others that can overtake a plan.
    overtaken: usize,
    is_done: bool,
}

/// What a treekeeper granted to a commit whose batches it began.
#[derive(Debug, Default)]
struct Granted {
    revision: String,
    any_history: bool,
    prune_roots: bool,
}

/// A commit, as nodes are stored.
#[derive(Debug)]
struct Meaning {
    desired: Desired,
    stored: BTreeMap<String, Content>,
    is_broken: bool,
}

/// The judge of one run.
#[derive(Debug)]
pub struct Checker {
    repository: Repository,
    /// The top-level node that is never deleted, nor anything below it.
    protected: Option<String>,
    meanings: BTreeMap<String, Meaning>,
    mirror: Mirror,
    sessions: BTreeMap<i64, Who>,
    records: Vec<Record>,
    granted: Granted,
    /// The commit that a treekeeper last set the version to, as long as the state tells.
    deployed: Option<String>,
    /// The commit that `/hosts` named last before a marker, while no treekeeper has deployed one.
    named: Option<String>,
    /// Whether that syncer was treekeeper, and nobody set the version since.
    is_ours: bool,
    /// The last transaction before the tree of the deployed commit was read.
    observed: i64,
    /// Sessions whose processes died, and when the server last heard of them, and their timeouts.
    abandoned: BTreeMap<i64, (Micros, Micros)>,
    now: Micros,
    violation: Option<Violation>,
}

impl Checker {
    /// Returns a judge who knows the repository, and the root that every treekeeper of the run is told to protect.
    pub fn new(repository: Repository, protected: Option<String>) -> Checker {
        Checker {
            repository,
            protected,
            meanings: BTreeMap::new(),
            mirror: Mirror::default(),
            sessions: BTreeMap::new(),
            records: Vec::new(),
            granted: Granted::default(),
            deployed: None,
            named: None,
            is_ours: false,
            observed: 0,
            abandoned: BTreeMap::new(),
            now: 0,
            violation: None,
        }
    }

    /// Notes that nothing is protected any more.
    pub fn unprotected(&mut self) {
        self.protected = None;
    }

    /// Notes the time.
    pub fn at(&mut self, now: Micros) {
        self.now = now;
    }

    /// Notes that an operation begins.
    pub fn begin(&mut self, permit: Permit) -> Operation {
        self.records.push(Record {
            permit,
            begun: self.now,
            ..Record::default()
        });
        Operation(self.records.len() - 1)
    }

    /// Notes whose session it is.
    pub fn session(&mut self, session: i64, who: Who) {
        self.sessions.insert(session, who);
    }

    /// Notes that the process of a session is dead.
    pub fn abandoned(&mut self, session: i64, timeout: Micros) {
        self.abandoned.insert(session, (self.now, timeout));
    }

    /// Notes that the server heard of a session, in case its process is dead.
    pub fn heard(&mut self, session: i64) {
        if let Some((heard, _)) = self.abandoned.get_mut(&session) {
            *heard = self.now;
        }
    }

    /// Notes that an operation begins to read the tree.
    pub fn observe_begins(&mut self, operation: Operation) {
        self.records[operation.0].observed.0 = self.mirror.zxid;
    }

    /// Notes that an operation has read the tree.
    pub fn observe_ends(&mut self, operation: Operation) {
        self.records[operation.0].observed.1 = self.mirror.zxid;
    }

    /// Notes that an operation's reading of `/hosts` is answered now.
    pub fn read_cluster(&mut self, operation: Operation) {
        let stop = self.is_stopped().then(|| self.mirror.nodes[HOSTS].version);
        let unconverged = self.unconverged();
        let record = &mut self.records[operation.0];
        if !record.has_read {
            // Until a reading has arrived, the next one is its first: a reply may be lost on its way.
            record.stop_read = stop;
        }
        record.unconverged = unconverged;
        record.is_reading = true;
    }

    /// Notes that an operation has read the hosts.
    pub fn read_cluster_ends(&mut self, operation: Operation) {
        let record = &mut self.records[operation.0];
        record.has_read = true;
        record.is_reading = false;
    }

    /// Notes what became of a transaction of a commitment.
    pub fn decided(&mut self, operation: Operation, place: (usize, usize), request: &Request, applied: bool) {
        let is_edit = self.records[operation.0].permit.is_edit;
        if !applied || is_edit {
            return;
        }
        let fingerprint = format!("{request:?}");
        if !self.records[operation.0].fingerprints.insert(fingerprint) {
            self.blame(
                "I5",
                format!(
                    "transaction {place:?} of operation {} was applied twice",
                    operation.0
                ),
            );
        }
    }

    /// Judges what was applied.
    pub fn transaction(&mut self, transaction: &Transaction) {
        match self.sessions.get(&transaction.session.0).copied() {
            Some(Who::Treekeeper(operation)) => {
                let is_real = self.judge(operation, transaction);
                // A commit is noted at a version that stays: whatever others did to the tree meanwhile stays too.
                let is_note = self.is_note(transaction);
                self.apply(transaction);
                if is_real && self.records[operation.0].permit.is_edit {
                    self.mirror.touch(transaction);
                } else if is_real && !is_note {
                    self.judge_whole(operation);
                }
            }
            _ => {
                self.judge_foreign(transaction);
                self.mirror.touch(transaction);
                self.apply(transaction);
                self.note_version(transaction);
            }
        }
        self.judge_abandoned();
    }

    /// Blames a run that never ends.
    pub fn endless(&mut self) {
        self.blame("I10", "the run does not end".to_owned());
    }

    /// Returns what was found wrong first.
    pub fn violation(&self) -> Option<Violation> {
        self.violation.clone()
    }

    /// Tells whether something was found wrong.
    pub fn is_violated(&self) -> bool {
        self.violation.is_some()
    }

    /// Notes that something is wrong.
    pub fn blame(&mut self, invariant: &'static str, what: String) {
        if self.violation.is_none() {
            let zxid = self.mirror.zxid;
            self.violation = Some(Violation {
                invariant,
                what,
                zxid,
                seed: 0,
                trace: Vec::new(),
            });
        }
    }

    fn apply(&mut self, transaction: &Transaction) {
        self.mirror.apply(transaction);
        let lost: Vec<&str> = transaction
            .changes
            .iter()
            .map(path_of)
            .filter(|path| is_candidate(path))
            .collect();
        for record in self.records.iter_mut().filter(|record| !record.is_fenced_off) {
            let is_gone = |candidate: &String| {
                lost.contains(&candidate.as_str())
                    && self
                        .mirror
                        .nodes
                        .get(candidate)
                        .is_none_or(|node| node.version > 0)
            };
            record.is_fenced_off = record.candidates.iter().any(is_gone);
        }
        if transaction
            .changes
            .iter()
            .any(|change| path_of(change).starts_with(HOSTS))
        {
            self.note_convergence();
        }
    }

    /// Hosts converge and go while somebody reads them: each counts as it was at its best.
    fn note_convergence(&mut self) {
        let unconverged = self.unconverged();
        for record in self.records.iter_mut().filter(|record| record.is_reading) {
            record.unconverged.retain(|host| unconverged.contains(host));
        }
    }

    fn unconverged(&self) -> BTreeSet<String> {
        let expected = self.mirror.property(HOSTS, "version");
        if matches!(expected, None | Some(Value::Null | Value::Bool(false))) {
            return BTreeSet::new();
        }
        let version = |name: &str| self.mirror.property(&format!("{HOSTS}/{name}"), "version");
        let hosts = self.mirror.children(HOSTS).map(|(name, _)| name);
        hosts
            .filter(|name| version(name) != expected)
            .map(str::to_owned)
            .collect()
    }

    fn is_stopped(&self) -> bool {
        self.mirror.property(HOSTS, "version") == Some(&Value::Null)
    }

    /// Returns what a commit means.
    fn meaning(&mut self, revision: &str) -> Option<&Meaning> {
        if !self.meanings.contains_key(revision) {
            let commit = self.repository.get(revision)?;
            let stored = |(path, properties): (&String, _)| (path.clone(), Content::stored(properties));
            let meaning = Meaning {
                stored: commit.desired.nodes.iter().map(stored).collect(),
                desired: commit.desired.clone(),
                is_broken: commit.broken.is_some(),
            };
            self.meanings.insert(revision.to_owned(), meaning);
        }
        self.meanings.get(revision)
    }
}

/// Tells whether a path is that of a lock's candidate.
fn is_candidate(path: &str) -> bool {
    QUEUES.iter().any(|queue| path.starts_with(queue))
}
