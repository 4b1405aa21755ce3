//! A run of treekeeper, step by step as `operation` goes: lock, read, plan, send, settle, report.
//!
//! Every step is one request or one decision, so that anything may come between two of them.
//! A crash needs no step of its own: it is a run that takes no more steps, and every such history is explored.

use super::commitment::{Draft, Reading};
use super::options::Flaw;
use super::server::{ClusterVersion, DataVersion, HostsOp, Landed, Locker, Multi, Refused};
use super::world::World;

/// What a run does next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has not begun.
    #[default]
    Idle,
    /// It is forced, and has looked at `/hosts`: the None that it may lift is known.
    Begun,
    /// Its candidate is in the queue.
    Queued,
    /// It was first in the queue.
    Holding,
    /// It has read `/hosts` and the state, and passed the gates.
    Read(Reading),
    /// Its transactions are on their way.
    Committing,
    /// The connection broke; a barrier comes next.
    Settling,
    /// The barrier was answered: whether the candidate was still there.
    Settled(bool),
    /// It gave its session up and waits on a new one until the candidate is gone.
    Inquiring,
    /// It gives the lock back, then reports.
    Releasing(Report),
    /// It is over.
    Done(Report),
}

/// How a run knows what it reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// By the replies, or because it sent nothing.
    Replies,
    /// By the state, after a barrier on the same session.
    Barrier,
    /// By the state, on a new session after the candidate was gone.
    Inquiry,
}

/// What a run tells at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Report {
    /// How much of its plan it says is in the tree.
    pub landed: Landed,
    /// Whether it says that the lock was taken away.
    pub lock_lost: bool,
    /// How it knows.
    pub source: Source,
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Run {
    /// What it does next.
    pub phase: Phase,
    /// How many plans were made in vain.
    pub replans: u8,
    /// How many batches it knows to have landed.
    pub progress: Option<u8>,
    /// The data version of the None that was there when it began.
    pub stop_seen: Option<DataVersion>,
    /// Its transactions on the way, in order.
    pub in_flight: Vec<Multi>,
    /// Its transactions that wait until the marker is known to be applied.
    pub unsent: Vec<Multi>,
    /// History, for the properties only.
    pub history: History,
}

/// What really happened to a run; no step looks at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct History {
    /// How much of its last commitment is in the tree.
    pub landed: Landed,
    /// Attempt and index of the last transaction that was applied.
    pub applied: Option<(u8, u8)>,
    /// Whether a foreigner wrote the tree since it observed it.
    pub is_disturbed: bool,
    /// Whether it began under the ALL STOP that holds now.
    pub began_stopped: bool,
}

/// A step of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looks at `/hosts` if it is forced; else creates its candidate at once, for the gates are asked again anyway.
    Begin,
    /// Creates its candidate, after it looked.
    Enqueue,
    /// Finds itself first in the queue.
    TakeLock,
    /// Reads `/hosts` and the state, and asks the gates.
    ReadCluster,
    /// Observes the tree, plans, and sends its transactions.
    Send,
    /// The connection breaks with transactions on their way.
    LoseConnection,
    /// Writes the barrier.
    Barrier,
    /// Reads the state behind the barrier.
    ReadSettled,
    /// Gives up the session: even the barrier got no answer.
    Abandon,
    /// Reads the state on a new session.
    Inquire,
    /// Gives the lock back.
    Release,
    /// Ends because its session did.
    Fail,
}

impl World {
    /// Returns the steps that the run can take now.
    pub(super) fn steps(&self, id: Locker) -> Vec<Step> {
        let run = &self.runs[id];
        if self.server.ended[id] {
            return self.steps_without_session(id).into_iter().collect();
        }
        let sent_anything = run.in_flight.iter().any(|multi| !multi.orphaned);
        match run.phase {
            Phase::Idle if self.may_begin(id) => vec![Step::Begin],
            Phase::Begun => vec![Step::Enqueue],
            Phase::Queued if self.is_turn(id) => vec![Step::TakeLock],
            Phase::Holding => vec![Step::ReadCluster],
            Phase::Read(_) => vec![Step::Send],
            Phase::Committing if self.options.breaks && sent_anything => vec![Step::LoseConnection],
            Phase::Settling if self.may_write_barrier(id) => vec![Step::Barrier, Step::Abandon],
            Phase::Settling => vec![Step::Abandon],
            Phase::Settled(_) => vec![Step::ReadSettled],
            Phase::Inquiring if self.may_inquire(id) => vec![Step::Inquire],
            Phase::Releasing(_) => vec![Step::Release],
            _ => Vec::new(),
        }
    }

    fn steps_without_session(&self, id: Locker) -> Option<Step> {
        match self.runs[id].phase {
            Phase::Idle | Phase::Begun | Phase::Done(_) => None,
            Phase::Queued | Phase::Holding | Phase::Read(_) | Phase::Releasing(_) => Some(Step::Fail),
            Phase::Committing | Phase::Settling | Phase::Settled(_) | Phase::Inquiring => Some(Step::Inquire),
        }
    }

    /// Equal runs begin in order: which of them is first makes no difference.
    fn may_begin(&self, id: Locker) -> bool {
        let Some(before) = id.checked_sub(1) else {
            return true;
        };
        self.options.runs[before] != self.options.runs[id] || self.runs[before].phase != Phase::Idle
    }

    fn is_turn(&self, id: Locker) -> bool {
        self.server.is_first(id) || self.has(Flaw::TakesNoTurns) && self.server.candidate(id).is_some()
    }

    /// The barrier is behind everything that the session sent: it is answered when all that is decided.
    fn may_write_barrier(&self, id: Locker) -> bool {
        self.runs[id].in_flight.is_empty() || self.has(Flaw::NoBarrier)
    }

    fn may_inquire(&self, id: Locker) -> bool {
        self.server.candidate(id).is_none() || self.has(Flaw::InquiresEarly)
    }

    /// Takes one step of the run.
    pub(super) fn step(&mut self, id: Locker, step: Step) {
        match step {
            Step::Begin => self.begin(id),
            Step::Enqueue => self.enqueue(id),
            Step::TakeLock => self.runs[id].phase = Phase::Holding,
            Step::ReadCluster => self.judge(id),
            Step::Send => self.send(id),
            Step::LoseConnection => self.lose_connection(id),
            Step::Barrier => self.runs[id].phase = Phase::Settled(self.server.passes_fence(id)),
            Step::ReadSettled => self.settle(id),
            Step::Abandon => self.runs[id].phase = Phase::Inquiring,
            Step::Inquire => {
                let landed = self.fate(id);
                self.finish(id, landed, false, Source::Inquiry);
            }
            Step::Release => {
                self.server.dequeue(id);
                self.report_released(id);
            }
            Step::Fail => self.report_released(id),
        }
    }

    fn begin(&mut self, id: Locker) {
        let hosts = self.server.hosts;
        if !self.options.runs[id].force {
            return self.enqueue(id);
        }
        let run = &mut self.runs[id];
        run.phase = Phase::Begun;
        if hosts.value == ClusterVersion::Stop {
            run.stop_seen = Some(hosts.at);
            run.history.began_stopped = true;
        }
    }

    fn enqueue(&mut self, id: Locker) {
        self.server.enqueue(id);
        self.runs[id].phase = Phase::Queued;
    }

    /// Asks every gate inside the lock (`sync.rs`, `read_locked`).
    fn judge(&mut self, id: Locker) {
        let reading = Reading {
            hosts: self.server.hosts,
            state: self.server.state,
        };
        let target = self.options.runs[id].target;
        let state = reading.state.value;
        let is_deployed = reading.hosts.value == ClusterVersion::Commit(target) && state.applying.is_none();
        let marker_stands =
            reading.hosts.value == ClusterVersion::Paused && state.applying.is_some_and(|(run, _)| run == id);
        let is_stopped =
            reading.hosts.value == ClusterVersion::Stop && !self.lifts_stop(id, reading.hosts.at);
        let is_disowned = self.runs[id].progress.is_some() && !marker_stands;
        if is_stopped || is_disowned || is_deployed || state.commit > target {
            self.end(id);
        } else {
            self.runs[id].phase = Phase::Read(reading);
        }
    }

    fn lifts_stop(&self, id: Locker, at: DataVersion) -> bool {
        let forced = self.options.runs[id].force;
        let seen = self.runs[id].stop_seen == Some(at) || self.has(Flaw::ForcesAnyStop);
        forced && seen || self.has(Flaw::OverwritesNone)
    }

    fn send(&mut self, id: Locker) {
        let Phase::Read(reading) = self.runs[id].phase else {
            unreachable!("only a run that has read sends")
        };
        let draft = Draft {
            run: id,
            attempt: self.runs[id].replans,
            target: self.options.runs[id].target,
            reading,
            nodes: &self.server.nodes[..self.options.nodes],
            options: &self.options,
        };
        let mut multis = draft.transactions();
        let sent_at_once = if self.has(Flaw::MarkerNotAwaited) {
            multis.len()
        } else {
            1
        };
        let run = &mut self.runs[id];
        run.unsent = multis.split_off(sent_at_once);
        run.in_flight.append(&mut multis);
        run.history.is_disturbed = false;
        run.phase = Phase::Committing;
    }

    fn lose_connection(&mut self, id: Locker) {
        for multi in &mut self.runs[id].in_flight {
            multi.orphaned = true;
        }
        self.runs[id].unsent.clear();
        self.runs[id].phase = Phase::Settling;
        if self.has(Flaw::BlindRetry) {
            self.plan_again(id);
        }
    }

    /// The first transaction on the way reaches the server.
    pub(super) fn deliver(&mut self, id: Locker) {
        let multi = self.runs[id].in_flight.remove(0);
        let before = self.server.clone();
        let answer = self.server.apply(id, &multi);
        if answer.is_ok() {
            self.record(id, &multi, &before);
        }
        let run = &self.runs[id];
        let is_awaited = run.phase == Phase::Committing && multi.attempt == run.replans && !multi.orphaned;
        match answer {
            _ if !is_awaited => {}
            Ok(()) if multi.is_last => self.finish(id, Landed::Whole, false, Source::Replies),
            Ok(()) => self.send_rest(id),
            Err(refused) => self.refused(id, &multi, refused),
        }
    }

    fn send_rest(&mut self, id: Locker) {
        let run = &mut self.runs[id];
        run.in_flight.append(&mut run.unsent);
    }

    /// The server refused a transaction: all before it were applied, none behind it can be.
    fn refused(&mut self, id: Locker, multi: &Multi, refused: Refused) {
        if let Some(step) = multi.index.checked_sub(1) {
            self.runs[id].progress = Some(step);
        }
        match refused {
            Refused::Fence => self.finish(id, self.known(id), true, Source::Replies),
            Refused::Conflict => self.plan_again(id),
        }
    }

    fn plan_again(&mut self, id: Locker) {
        let run = &mut self.runs[id];
        if run.replans == self.options.replans_max {
            return self.end(id);
        }
        run.unsent.clear();
        run.replans += 1;
        run.phase = Phase::Holding;
    }

    fn settle(&mut self, id: Locker) {
        let Phase::Settled(held) = self.runs[id].phase else {
            unreachable!("the barrier comes before")
        };
        let fate = self.fate(id);
        match fate {
            Landed::Whole => return self.finish(id, fate, false, Source::Barrier),
            Landed::Part(step) => self.runs[id].progress = Some(step),
            Landed::Nothing => {}
        }
        if held {
            self.plan_again(id);
        } else {
            self.finish(id, self.known(id), true, Source::Barrier);
        }
    }

    /// What the state says of the run's transactions (`settle.rs`).
    fn fate(&self, id: Locker) -> Landed {
        let target = ClusterVersion::Commit(self.options.runs[id].target);
        if self.has(Flaw::SettlesByHosts) && self.server.hosts.value == target {
            return Landed::Whole;
        }
        let state = self.server.state.value;
        match state.applying {
            Some((run, step)) if run == id => Landed::Part(step),
            _ => state.outcomes[id],
        }
    }

    /// What the run knows by its replies.
    fn known(&self, id: Locker) -> Landed {
        self.runs[id].progress.map_or(Landed::Nothing, Landed::Part)
    }

    /// Ends a run that may still hold the lock.
    fn end(&mut self, id: Locker) {
        self.runs[id].unsent.clear();
        self.runs[id].phase = Phase::Releasing(Report {
            landed: self.known(id),
            lock_lost: false,
            source: Source::Replies,
        });
    }

    fn report_released(&mut self, id: Locker) {
        match self.runs[id].phase {
            Phase::Releasing(report) => self.finish(id, report.landed, false, report.source),
            _ => self.finish(id, self.known(id), false, Source::Replies),
        }
    }

    fn finish(&mut self, id: Locker, landed: Landed, lock_lost: bool, source: Source) {
        let run = &mut self.runs[id];
        run.unsent.clear();
        run.stop_seen = None;
        run.progress = None;
        run.phase = Phase::Done(Report {
            landed,
            lock_lost,
            source,
        });
    }
}

impl Multi {
    /// Returns the data versions that it expects, to be renumbered.
    pub(super) fn hosts_expected(&mut self) -> Option<&mut DataVersion> {
        match &mut self.hosts {
            HostsOp::Check(at) | HostsOp::Set(_, Some(at)) => Some(at),
            HostsOp::Ignore | HostsOp::Set(_, None) => None,
        }
    }
}
