//! Bugs on purpose: does the harness bite?
//!
//! A saboteur stands between an operation and the adapters and spoils what one says to the other, as a fault in
//! either would. It lives here and not behind a switch in the product, so that no release can ever hold it.
//! Which bug is caught by what, and after how many seeds, is held by `tests/bugs.rs`.

use std::sync::Arc;

use treekeeper_core::gate::Relation;
use treekeeper_core::model::cluster::{ClusterReading, HOSTS_PATH, ROOTS_PATH, STATE_PATH};
use treekeeper_core::model::history::HISTORY_PATH;
use treekeeper_core::model::{ClusterVersion, DataVersion, LiveTree, SharedBytes};
use treekeeper_core::operation::{Answer, CommitAnswer, Commitment, LockAnswer, Op, Request, Transaction};
use treekeeper_core::plan::{Change, Plan};

/// One bug on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Bug {
    /// Transactions don't check the candidates of the lock.
    NoFence,
    /// Transactions don't check the data version of `/hosts`.
    NoHostsCheck,
    /// The version is written with the marker, before the batches.
    VersionFirst,
    /// Batches without a marker before them.
    NoMarker,
    /// Writes at any data version.
    AnyVersion,
    /// Parents are deleted before their children.
    DeletesFromTheRoot,
    /// The lock is not given back when a sync is refused.
    ReleaseSkipped,
    /// ALL STOP is looked at before the lock is taken, not inside it, and then written over.
    StopOverwritten,
    /// Hosts are asked for convergence before the lock is taken, not inside it.
    ConvergenceOutsideTheLock,
    /// History is compared before the lock is taken, not inside it.
    HistoryOutsideTheLock,
    /// A plan that was overtaken is made again from what was read before.
    ReplanWithoutReading,
    /// Ephemeral nodes are deleted like others.
    EphemeralsForgotten,
    /// A lost reply counts as success.
    LostReplyIsSuccess,
    /// A refused transaction counts as success (the original ignored NotEmpty).
    RejectionIgnored,
    /// Batches are not chained by the data version of the state.
    StateUnchained,
    /// Nodes are written that did not differ (the original rewrote every node).
    EverythingRewritten,
    /// Sizes of transactions are off by half, so that a server drops them.
    SizesHalved,
    /// A transaction whose reply was lost is sent again as it is (an adapter's fault).
    BlindRetry,
    /// Names of candidates are not unique, and one is known by its name alone, whoever owns it (an adapter's fault).
    OwnerIgnored,
    /// After the session is lost the sync takes its lock again with a new one and goes on (an adapter's fault).
    SecondSession,
    /// Deadlines are kept by the wall clock (an adapter's fault).
    WallClockDeadline,
}

impl Bug {
    /// Every bug; each must be found.
    pub const ALL: [Bug; 21] = [
        Bug::NoFence,
        Bug::NoHostsCheck,
        Bug::VersionFirst,
        Bug::NoMarker,
        Bug::AnyVersion,
        Bug::DeletesFromTheRoot,
        Bug::ReleaseSkipped,
        Bug::StopOverwritten,
        Bug::ConvergenceOutsideTheLock,
        Bug::HistoryOutsideTheLock,
        Bug::ReplanWithoutReading,
        Bug::EphemeralsForgotten,
        Bug::LostReplyIsSuccess,
        Bug::RejectionIgnored,
        Bug::StateUnchained,
        Bug::EverythingRewritten,
        Bug::SizesHalved,
        Bug::BlindRetry,
        Bug::OwnerIgnored,
        Bug::SecondSession,
        Bug::WallClockDeadline,
    ];
}

/// Spoils one conversation.
#[derive(Debug, Default)]
pub struct Saboteur {
    bug: Option<Bug>,
    /// Whether the lock was taken in this conversation.
    locked: bool,
    /// What was read first inside the lock.
    first_observed: Option<LiveTree>,
}

impl Saboteur {
    /// Returns a saboteur with this bug; with none it changes nothing.
    pub fn new(bug: Option<Bug>) -> Saboteur {
        Saboteur {
            bug,
            ..Saboteur::default()
        }
    }

    /// Tells whether this very bug is on.
    pub fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Returns what the adapters get to do, or, for a request that the bug forgets, its answer.
    pub fn request(&self, request: Request) -> Result<Request, Box<Answer>> {
        match (self.bug, request) {
            (Some(Bug::ReleaseSkipped), Request::Release) => Err(Box::new(Answer::Done)),
            (Some(bug), Request::Commit(commitment)) => Ok(Request::Commit(spoiled(bug, commitment))),
            (Some(Bug::HistoryOutsideTheLock), Request::Relate { .. }) if self.locked => {
                Err(Box::new(Answer::Relation(Relation::Forward)))
            }
            (_, request) => Ok(request),
        }
    }

    /// Returns what the operation gets to hear.
    pub fn answer(&mut self, answer: Answer) -> Answer {
        if let Answer::Lock(LockAnswer::Held { .. }) = &answer {
            self.locked = true;
        }
        let Some(bug) = self.bug else {
            return answer;
        };
        match answer {
            Answer::Cluster(mut cluster) => {
                if bug == Bug::ConvergenceOutsideTheLock && self.locked {
                    cluster.hosts.clear();
                }
                if bug == Bug::StopOverwritten && self.locked {
                    hide_stop(&mut cluster);
                }
                Answer::Cluster(cluster)
            }
            Answer::Observed(tree) => Answer::Observed(Box::new(self.observed(bug, *tree))),
            Answer::Commit(answer) => Answer::Commit(told(bug, answer)),
            other => other,
        }
    }

    fn observed(&mut self, bug: Bug, mut tree: LiveTree) -> LiveTree {
        for node in tree.walk().collect::<Vec<_>>() {
            match bug {
                Bug::EphemeralsForgotten => tree.content_mut(node).ephemeral_owner = None,
                Bug::EverythingRewritten => tree.content_mut(node).data = SharedBytes::default(),
                _ => break,
            }
        }
        if bug == Bug::ReplanWithoutReading && self.locked {
            return self.first_observed.get_or_insert(tree).clone();
        }
        tree
    }
}

/// Says that the cluster is paused where it is stopped.
fn hide_stop(cluster: &mut ClusterReading) {
    if let Some(node) = &mut cluster.hosts_node
        && node.version == Ok(ClusterVersion::Stop)
    {
        node.version = Ok(ClusterVersion::Paused);
    }
}

/// Returns how a commitment ended, as the bug would have it.
fn told(bug: Bug, answer: CommitAnswer) -> CommitAnswer {
    match (bug, answer) {
        (Bug::LostReplyIsSuccess, CommitAnswer::Unknown(_))
        | (Bug::RejectionIgnored, CommitAnswer::Rejected { .. }) => CommitAnswer::Applied { zxid: None },
        (_, answer) => answer,
    }
}

fn spoiled(bug: Bug, mut commitment: Commitment) -> Commitment {
    match bug {
        Bug::NoFence => keep(&mut commitment, |op| !is_candidate_check(op)),
        Bug::NoHostsCheck | Bug::StopOverwritten => at_any_version(&mut commitment, HOSTS_PATH),
        Bug::StateUnchained => at_any_version(&mut commitment, STATE_PATH),
        Bug::VersionFirst => version_first(&mut commitment.transactions),
        Bug::NoMarker => without_marker(&mut commitment.transactions),
        Bug::AnyVersion => commitment.plan = replanned(&commitment.plan, any_version),
        Bug::DeletesFromTheRoot => commitment.plan = deletes_from_the_root(&commitment.plan),
        _ => {}
    }
    commitment
}

fn is_candidate_check(op: &Op) -> bool {
    matches!(op, Op::Check(path, _) if ![HOSTS_PATH, STATE_PATH, ROOTS_PATH].contains(&path.as_str()))
}

fn keep(commitment: &mut Commitment, wanted: fn(&Op) -> bool) {
    for transaction in &mut commitment.transactions {
        transaction.head.retain(wanted);
        // Without a fence nobody would notice that the candidates are gone already.
        transaction
            .tail
            .retain(|op| op.path().as_str().starts_with(HISTORY_PATH));
    }
}

fn at_any_version(commitment: &mut Commitment, place: &str) {
    let ops = commitment
        .transactions
        .iter_mut()
        .flat_map(|transaction| &mut transaction.head);
    for op in ops.filter(|op| op.path().as_str() == place) {
        match op {
            Op::Check(_, version) | Op::Set(_, _, version) | Op::Delete(_, version) => {
                *version = DataVersion(-1)
            }
            Op::Create(..) => {}
        }
    }
}

/// Gives the marker the data of `/hosts` that the end has.
fn version_first(transactions: &mut [Transaction]) {
    let data_of = |transaction: &Transaction| {
        transaction.head.iter().find_map(|op| match op {
            Op::Set(path, data, _) if path.as_str() == HOSTS_PATH => Some(data.clone()),
            _ => None,
        })
    };
    let Some(last) = transactions
        .last()
        .and_then(data_of)
        .filter(|_| transactions.len() > 1)
    else {
        return;
    };
    for op in &mut transactions[0].head {
        match op {
            Op::Set(path, data, _) if path.as_str() == HOSTS_PATH => data.clone_from(&last),
            _ => {}
        }
    }
}

/// Leaves the marker out, and lets everything after it expect the versions that were read.
fn without_marker(transactions: &mut Vec<Transaction>) {
    if transactions.len() < 2 {
        return;
    }
    let marker = transactions.remove(0);
    let written = |op: &Op| {
        let same = |other: &Op| other.path() == op.path();
        marker
            .head
            .iter()
            .filter(|op| matches!(op, Op::Set(..)))
            .any(same)
    };
    let ops = transactions
        .iter_mut()
        .flat_map(|transaction| &mut transaction.head);
    for op in ops.filter(|op| written(op)) {
        match op {
            Op::Check(_, version) | Op::Set(_, _, version) | Op::Delete(_, version) => version.0 -= 1,
            Op::Create(..) => {}
        }
    }
}

fn replanned(plan: &Arc<Plan>, spoil: fn(&mut Change)) -> Arc<Plan> {
    let mut plan = Plan::clone(plan);
    plan.changes.iter_mut().for_each(spoil);
    Arc::new(plan)
}

fn any_version(change: &mut Change) {
    match change {
        Change::Set { version, .. } | Change::Delete { version, .. } => *version = DataVersion(-1),
        Change::Create { .. } => {}
    }
}

fn deletes_from_the_root(plan: &Arc<Plan>) -> Arc<Plan> {
    let counts = plan.counts();
    let mut plan = Plan::clone(plan);
    plan.changes[counts.create + counts.set..].reverse();
    Arc::new(plan)
}
