//! What a run sends: its plan as one transaction, or as marker, batches and end (`operation/transaction.rs`).

use super::options::{Flaw, Options};
use super::server::{
    ClusterVersion, Commit, DataVersion, HostsOp, Landed, Locker, Multi, NODES_MAX, StateNode, Versioned,
};

/// `/hosts` and the state, read in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reading {
    /// `/hosts`.
    pub hosts: Versioned<ClusterVersion>,
    /// `/treekeeper/state`.
    pub state: Versioned<StateNode>,
}

/// What a commitment is made of.
pub struct Draft<'a> {
    /// Whose it is.
    pub run: Locker,
    /// How many the run has made before.
    pub attempt: u8,
    /// The commit to deploy.
    pub target: Commit,
    /// The cluster as it was read inside the lock.
    pub reading: Reading,
    /// The tree as it was observed after that.
    pub nodes: &'a [Versioned<Commit>],
    /// The limits, and the bug on purpose.
    pub options: &'a Options,
}

type Planned = [Option<DataVersion>; NODES_MAX];

impl Draft<'_> {
    /// Returns the transactions, in order.
    pub fn transactions(&self) -> Vec<Multi> {
        let differing: Vec<usize> = (0..self.nodes.len())
            .filter(|node| self.nodes[*node].value != self.target)
            .collect();
        if differing.len() <= self.options.single_max {
            return vec![self.single(self.planned(&differing))];
        }
        let batches: Vec<Planned> = differing
            .chunks(self.options.batch_max)
            .map(|nodes| self.planned(nodes))
            .collect();
        self.marked(&batches)
    }

    fn planned(&self, nodes: &[usize]) -> Planned {
        let mut planned = [None; NODES_MAX];
        for node in nodes {
            planned[*node] = Some(self.nodes[*node].at);
        }
        planned
    }

    fn single(&self, planned: Planned) -> Multi {
        let read = self.reading.hosts;
        let hosts = if read.value == self.deployed() {
            HostsOp::Check(read.at)
        } else {
            HostsOp::Set(self.deployed(), Some(read.at))
        };
        self.last(0, hosts, planned)
    }

    /// Returns the marker, the batches behind it and the end, chained by the versions of `/hosts` and the state.
    fn marked(&self, batches: &[Planned]) -> Vec<Multi> {
        let at = self.reading.hosts.at;
        let marker = match self.options.flaw {
            Some(Flaw::NoMarker) => HostsOp::Check(at),
            Some(Flaw::VersionFirst) => HostsOp::Set(self.deployed(), Some(at)),
            _ => HostsOp::Set(ClusterVersion::Paused, Some(at)),
        };
        let behind = if self.options.flaw == Some(Flaw::NoMarker) {
            at
        } else {
            at + 1
        };
        let mut multis = vec![self.step(0, marker, [None; NODES_MAX])];
        for planned in batches {
            multis.push(self.step(multis.len(), HostsOp::Check(behind), *planned));
        }
        let end = HostsOp::Set(self.deployed(), Some(behind));
        multis.push(self.last(multis.len(), end, [None; NODES_MAX]));
        multis
    }

    fn deployed(&self) -> ClusterVersion {
        ClusterVersion::Commit(self.target)
    }

    /// The marker (step 0) or a batch.
    fn step(&self, index: usize, hosts: HostsOp, nodes: Planned) -> Multi {
        let step = index as u8;
        let mut state = self.remembering();
        state.applying = Some((self.run, step));
        self.multi(index, hosts, state, nodes, Landed::Part(step))
    }

    /// The end, or the only one: it gives the lock back.
    fn last(&self, index: usize, hosts: HostsOp, nodes: Planned) -> Multi {
        let mut state = self.remembering();
        state.commit = self.target;
        state.applying = None;
        state.outcomes[self.run] = Landed::Whole;
        self.multi(index, hosts, state, nodes, Landed::Whole)
    }

    /// The state as it was read, with the outcome of a run whose batches are taken over.
    fn remembering(&self) -> StateNode {
        let mut state = self.reading.state.value;
        if let Some((other, step)) = state.applying
            && other != self.run
            && self.options.flaw != Some(Flaw::ForgetsTakenOver)
        {
            state.outcomes[other] = Landed::Part(step);
        }
        state
    }

    fn multi(&self, index: usize, hosts: HostsOp, state: StateNode, nodes: Planned, landed: Landed) -> Multi {
        let at = self.reading.state.at + index as DataVersion;
        let is_chained = index == 0 || self.options.flaw != Some(Flaw::StateNotChained);
        Multi {
            attempt: self.attempt,
            index: index as u8,
            fenced: self.options.flaw != Some(Flaw::NoFence),
            hosts: self.flawed(hosts),
            state: (state, is_chained.then_some(at)),
            nodes,
            commit: self.target,
            is_last: landed == Landed::Whole,
            landed,
            orphaned: false,
        }
    }

    fn flawed(&self, hosts: HostsOp) -> HostsOp {
        match (self.options.flaw, hosts) {
            (Some(Flaw::NoHostsCheck), HostsOp::Check(_)) => HostsOp::Ignore,
            (Some(Flaw::NoHostsCheck), HostsOp::Set(version, _)) => HostsOp::Set(version, None),
            (_, hosts) => hosts,
        }
    }
}
