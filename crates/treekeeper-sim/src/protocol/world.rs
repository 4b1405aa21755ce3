//! Everything that there is, what can happen next, and what really happened.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::options::{Flaw, Options};
use super::others::{Deed, Legacy, Reader};
use super::server::{ClusterVersion, Commit, LEGACY, Locker, Multi, Server};
use super::syncer::{Phase, Run, Step};

/// The commit that the cluster runs when a model begins.
pub const FIRST: Commit = 1;

/// One state of a model.
#[derive(Clone, Debug)]
pub struct World {
    /// The model's options; they never change.
    pub options: Arc<Options>,
    /// ZooKeeper.
    pub server: Server,
    /// The runs of treekeeper.
    pub runs: Vec<Run>,
    /// The legacy syncer.
    pub legacy: Legacy,
    /// The reader.
    pub reader: Reader,
    /// How many times ALL STOP may still be raised.
    pub stops_left: u8,
    /// How many candidates may still be deleted or revoked.
    pub steals_left: u8,
    /// How many times `/hosts` may still be written for other properties.
    pub touches_left: u8,
    /// History, for the properties only.
    pub verdict: Verdict,
}

/// What went wrong so far; no step looks at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Verdict {
    /// Whether a treekeeper made the tree whole and no foreigner has written it since it was observed.
    pub is_vouched: bool,
    /// A transaction was applied although its run did not hold the lock.
    pub fence_broken: bool,
    /// A transaction was applied under an ALL STOP that its run may not lift.
    pub stop_broken: bool,
    /// A transaction was applied twice, or behind a later one.
    pub applied_twice: bool,
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A run takes a step.
    Run(Locker, Step),
    /// The first transaction that the run has on its way reaches the server.
    Deliver(Locker),
    /// The first transaction that the run has on its way is lost.
    Drop(Locker),
    /// A session ends: its candidate goes, and what it has on its way fails.
    Expire(Locker),
    /// Somebody deletes the candidate of a run (`lock break`).
    BreakLock(Locker),
    /// Somebody writes `unlock` to the candidate of a run.
    Revoke(Locker),
    /// Somebody else does something.
    Other(Deed),
}

impl PartialEq for World {
    fn eq(&self, other: &World) -> bool {
        self.parts() == other.parts()
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.parts().hash(hasher);
    }
}

type Parts<'a> = (&'a Server, &'a [Run], Legacy, Reader, [u8; 3], Verdict);

impl World {
    /// Returns the beginning of the model's histories: a tree that is whole, and nobody at work.
    pub fn new(options: Arc<Options>) -> World {
        World {
            server: Server::whole(FIRST),
            runs: vec![Run::default(); options.runs.len()],
            legacy: Legacy::Idle,
            reader: Reader::Idle,
            stops_left: options.stops,
            steals_left: options.steals,
            touches_left: options.touches,
            verdict: Verdict {
                is_vouched: true,
                ..Verdict::default()
            },
            options,
        }
    }

    /// What makes one state differ from another: all but the options.
    fn parts(&self) -> Parts<'_> {
        let left = [self.stops_left, self.steals_left, self.touches_left];
        (
            &self.server,
            &self.runs,
            self.legacy,
            self.reader,
            left,
            self.verdict,
        )
    }

    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.options.flaw == Some(flaw)
    }

    /// Returns everything that can happen next.
    pub fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for id in 0..self.runs.len() {
            actions.extend(self.steps(id).into_iter().map(|step| Action::Run(id, step)));
            actions.extend(self.network(id));
            actions.extend(self.theft(id));
        }
        let legacy_expires = self.options.expiry && self.server.candidate(LEGACY).is_some();
        actions.extend(legacy_expires.then_some(Action::Expire(LEGACY)));
        actions.extend(self.deeds().into_iter().map(Action::Other));
        actions
    }

    fn network(&self, id: Locker) -> Vec<Action> {
        let run = &self.runs[id];
        let mut actions = Vec::new();
        if let Some(first) = run.in_flight.first() {
            actions.push(Action::Deliver(id));
            actions.extend(first.orphaned.then_some(Action::Drop(id)));
        }
        // A run that is over closes its session.
        let may_end = self.options.expiry || matches!(run.phase, Phase::Done(_));
        let has_anything = self.server.candidate(id).is_some() || !run.in_flight.is_empty();
        let is_waiting = matches!(run.phase, Phase::Inquiring | Phase::Settling | Phase::Settled(_));
        if may_end && (has_anything || is_waiting) && !self.server.ended[id] {
            actions.push(Action::Expire(id));
        }
        actions
    }

    fn theft(&self, id: Locker) -> Vec<Action> {
        if self.steals_left == 0 || self.server.candidate(id).is_none() {
            return Vec::new();
        }
        let mut actions = vec![Action::BreakLock(id)];
        actions.extend(self.server.passes_fence(id).then_some(Action::Revoke(id)));
        actions
    }

    /// Lets one of the [`World::actions`] happen.
    pub fn happen(&mut self, action: Action) {
        match action {
            Action::Run(id, step) => self.step(id, step),
            Action::Deliver(id) => self.deliver(id),
            Action::Drop(id) => {
                self.runs[id].in_flight.remove(0);
            }
            Action::Expire(id) => self.expire(id),
            Action::BreakLock(id) => {
                self.steals_left -= 1;
                self.server.dequeue(id);
            }
            Action::Revoke(id) => {
                self.steals_left -= 1;
                self.server.revoke(id);
            }
            Action::Other(deed) => self.perform(deed),
        }
    }

    fn expire(&mut self, id: Locker) {
        self.server.ended[id] = true;
        self.server.dequeue(id);
        if let Some(run) = self.runs.get_mut(id) {
            run.in_flight.clear();
            run.unsent.clear();
        }
    }

    /// Writes the history of a transaction that was applied; `before` is the server as it was.
    pub(super) fn record(&mut self, id: Locker, multi: &Multi, before: &Server) {
        let history = &mut self.runs[id].history;
        let place = (multi.attempt, multi.index);
        let verdict = &mut self.verdict;
        verdict.fence_broken |= !before.holds(id);
        verdict.stop_broken |= before.hosts.value == ClusterVersion::Stop && !history.began_stopped;
        verdict.applied_twice |= history.applied.is_some_and(|last| last >= place);
        history.applied = Some(place);
        history.landed = multi.landed;
        if multi.is_last {
            verdict.is_vouched = !history.is_disturbed;
        }
    }
}
