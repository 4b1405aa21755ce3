//! ZooKeeper as the protocol needs it: four kinds of nodes, one lock queue, and a multi that is one atomic step.
//!
//! Nothing here knows what a syncer wants; a multi's checks are evaluated at its place in the total order, as the
//! leader does.

/// Nodes of the tree that a model may have.
pub const NODES_MAX: usize = 3;
/// Runs of treekeeper that a model may have.
pub const RUNS_MAX: usize = 3;

/// A commit of the repository; later ones are greater.
pub type Commit = u8;
/// Counts the writes of a node, from the present one, which is 0; see `canonical`.
pub type DataVersion = i8;
/// A run of treekeeper, or the legacy syncer (`LEGACY`); each has one session.
pub type Locker = usize;

/// The legacy syncer's place among the lockers.
pub const LEGACY: Locker = RUNS_MAX;

/// A node's content and its data version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Versioned<T> {
    /// What it holds.
    pub value: T,
    /// Its data version.
    pub at: DataVersion,
}

impl<T> Versioned<T> {
    /// Returns a node that nobody has written since it was created.
    pub fn new(value: T) -> Versioned<T> {
        Versioned { value, at: 0 }
    }

    /// Writes the node.
    pub fn set(&mut self, value: T) {
        self.value = value;
        self.at += 1;
    }
}

/// The version of `/hosts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClusterVersion {
    /// Hosts should run this commit.
    Commit(Commit),
    /// False: the marker of a tree that is not whole.
    Paused,
    /// None: ALL STOP.
    Stop,
}

/// How much of a run's last commitment is in the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Landed {
    /// Nothing.
    #[default]
    Nothing,
    /// The marker and so many batches.
    Part(u8),
    /// Everything.
    Whole,
}

/// The node `/treekeeper/state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateNode {
    /// The commit that was last applied whole.
    pub commit: Commit,
    /// Whose batches are under way, and how many have landed; `None` when clean.
    pub applying: Option<(Locker, u8)>,
    /// How the runs ended that are no longer under way.
    pub outcomes: [Landed; RUNS_MAX],
}

/// A node in the lock's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Whose it is.
    pub owner: Locker,
    /// Whether somebody wrote `unlock` to it: its data version is no longer 0.
    pub revoked: bool,
}

/// What a multi does with `/hosts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostsOp {
    /// Nothing: only a flawed syncer leaves it out.
    Ignore,
    /// Checks the data version.
    Check(DataVersion),
    /// Sets the version, at the data version if there is one.
    Set(ClusterVersion, Option<DataVersion>),
}

/// One atomic transaction of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Multi {
    /// Which of the run's commitments it belongs to.
    pub attempt: u8,
    /// Its place in the commitment.
    pub index: u8,
    /// Whether it begins with the check of the candidate.
    pub fenced: bool,
    /// What it does with `/hosts`.
    pub hosts: HostsOp,
    /// What it sets the state to, at the data version if there is one.
    pub state: (StateNode, Option<DataVersion>),
    /// The nodes that it sets, each at the data version that was planned.
    pub nodes: [Option<DataVersion>; NODES_MAX],
    /// What it sets them to.
    pub commit: Commit,
    /// Whether it is the last one, which deletes the candidate.
    pub is_last: bool,
    /// What is true of the run when it has been applied.
    pub landed: Landed,
    /// Whether the connection broke on which it was sent: nobody gets its reply, and it may never arrive.
    pub orphaned: bool,
}

/// The operation of a multi that the server refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The check of the candidate.
    Fence,
    /// Any other: a data version.
    Conflict,
}

/// The whole server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// `/hosts`.
    pub hosts: Versioned<ClusterVersion>,
    /// `/treekeeper/state`.
    pub state: Versioned<StateNode>,
    /// The managed tree; those beyond the model's number stay as they are.
    pub nodes: [Versioned<Commit>; NODES_MAX],
    /// The lock's candidates, the holder first.
    pub queue: Vec<Candidate>,
    /// Which lockers' sessions have ended.
    pub ended: [bool; RUNS_MAX + 1],
}

impl Server {
    /// Returns a server whose tree is whole at `commit`.
    pub fn whole(commit: Commit) -> Server {
        Server {
            hosts: Versioned::new(ClusterVersion::Commit(commit)),
            state: Versioned::new(StateNode {
                commit,
                applying: None,
                outcomes: [Landed::Nothing; RUNS_MAX],
            }),
            nodes: [Versioned::new(commit); NODES_MAX],
            queue: Vec::new(),
            ended: [false; RUNS_MAX + 1],
        }
    }

    /// Returns the locker's candidate, if it is there.
    pub fn candidate(&self, owner: Locker) -> Option<Candidate> {
        self.queue
            .iter()
            .copied()
            .find(|candidate| candidate.owner == owner)
    }

    /// Tells whether the locker is first in the queue.
    pub fn is_first(&self, owner: Locker) -> bool {
        self.queue
            .first()
            .is_some_and(|candidate| candidate.owner == owner)
    }

    /// Tells whether the locker holds the lock and nobody has asked for it back.
    pub fn holds(&self, owner: Locker) -> bool {
        self.is_first(owner) && self.passes_fence(owner)
    }

    /// Tells what `check(candidate, 0)` tells: the candidate is there and was never written.
    pub fn passes_fence(&self, owner: Locker) -> bool {
        self.candidate(owner).is_some_and(|candidate| !candidate.revoked)
    }

    /// Puts a candidate at the end of the queue.
    pub fn enqueue(&mut self, owner: Locker) {
        self.queue.push(Candidate {
            owner,
            revoked: false,
        });
    }

    /// Deletes the locker's candidate, if it is there.
    pub fn dequeue(&mut self, owner: Locker) {
        self.queue.retain(|candidate| candidate.owner != owner);
    }

    /// Writes `unlock` to the locker's candidate.
    pub fn revoke(&mut self, owner: Locker) {
        for candidate in &mut self.queue {
            candidate.revoked |= candidate.owner == owner;
        }
    }

    /// Applies a run's transaction whole, or nothing of it.
    ///
    /// # Errors
    /// The first check that fails, in the transaction's order.
    pub fn apply(&mut self, run: Locker, multi: &Multi) -> Result<(), Refused> {
        self.check(run, multi)?;
        if let HostsOp::Set(version, _) = multi.hosts {
            self.hosts.set(version);
        }
        self.state.set(multi.state.0);
        for (node, planned) in self.nodes.iter_mut().zip(multi.nodes) {
            if planned.is_some() {
                node.set(multi.commit);
            }
        }
        if multi.is_last {
            self.dequeue(run);
        }
        Ok(())
    }

    fn check(&self, run: Locker, multi: &Multi) -> Result<(), Refused> {
        if multi.fenced && !self.passes_fence(run) {
            return Err(Refused::Fence);
        }
        let hosts = match multi.hosts {
            HostsOp::Ignore => None,
            HostsOp::Check(at) => Some(at),
            HostsOp::Set(_, at) => at,
        };
        let is_at = |expected: Option<DataVersion>, at| expected.is_none_or(|expected| expected == at);
        let agrees = is_at(hosts, self.hosts.at)
            && is_at(multi.state.1, self.state.at)
            && (0..NODES_MAX).all(|node| is_at(multi.nodes[node], self.nodes[node].at));
        if agrees { Ok(()) } else { Err(Refused::Conflict) }
    }
}
