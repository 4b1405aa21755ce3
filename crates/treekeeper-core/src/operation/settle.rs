//! Lost replies: what was applied is read, never guessed (RELIABILITY.md 5, step 8).

use super::{Failure, FailureKind, Goal, Operation, Outcome, Request, Scope, Stage, Timestamp};
use crate::model::ZnodePath;
use crate::model::cluster::{ClusterReading, OUTCOMES_MAX, Phase};

/// What the state says of this operation's transactions.
enum Fate {
    /// All of them were applied.
    Whole,
    /// So many of so many batches were.
    Part(usize, usize),
    /// None was.
    Nothing,
    /// Another sync has written since: ours did not end, and how far it came is not told any more.
    Superseded,
    /// The state is gone, or was made anew, or too many others have written since: nothing tells.
    Untold,
}

impl Operation {
    fn fate(&self, cluster: &ClusterReading) -> Fate {
        let Some(state) = cluster.state.state() else {
            return Fate::Untold;
        };
        let ours = |id: &str| id == self.context.sync_id;
        if state.outcomes.iter().any(|outcome| ours(&outcome.sync_id)) {
            return Fate::Whole;
        }
        if ours(&state.sync_id) && state.phase == Phase::Applying {
            return Fate::Part(state.step, state.steps);
        }
        let Some(read) = self.cluster().state.state() else {
            return Fate::Nothing;
        };
        if (state.created, state.generation, &state.sync_id) == (read.created, read.generation, &read.sync_id)
        {
            return Fate::Nothing;
        }
        let is_anew = state.created != read.created || state.generation <= read.generation;
        // Another sync has written, and the outcomes of so many are kept that ours would be among them.
        let is_kept = state.generation.saturating_sub(read.generation) <= OUTCOMES_MAX as u64;
        // One transaction after batches of an earlier plan is not all that was sent.
        let sent = self.commitment.as_ref().map_or(0, |sent| sent.transactions.len());
        match sent > 1 || self.progress.is_some() {
            _ if is_anew => Fate::Untold,
            true => Fate::Superseded,
            false if is_kept => Fate::Nothing,
            false => Fate::Untold,
        }
    }

    /// After the barrier on the same session: nothing of ours is in flight any more.
    pub(super) fn settled(&mut self, held: bool, cluster: ClusterReading, now: Timestamp) -> Request {
        if !held {
            self.candidates.clear();
        }
        if matches!(self.goal, Goal::Edit(_)) {
            return if held {
                self.settled_short(held, cluster, now)
            } else {
                self.look_last(cluster)
            };
        }
        match self.fate(&cluster) {
            Fate::Whole => {
                self.cluster = Some(cluster);
                self.applied()
            }
            Fate::Part(step, steps) => {
                self.note_landed(self.landed_since(&cluster, step));
                self.progress = Some((step, steps));
                self.settled_short(held, cluster, now)
            }
            // A lock that still stood at the barrier was taken away before the state was read.
            Fate::Superseded => self.superseded("the cluster lock was taken away"),
            Fate::Untold if held => self.untold("a reply was lost"),
            Fate::Untold => self.untold("the cluster lock was taken away"),
            Fate::Nothing => self.settled_short(held, cluster, now),
        }
    }

    /// Returns how many transactions of the commitment at hand landed, if the state says that `step` batches of ours did.
    fn landed_since(&self, cluster: &ClusterReading, step: usize) -> usize {
        let generation = |reading: &ClusterReading| reading.state.state().map(|state| state.generation);
        // Each marker counts up: without one, what the state says is of an earlier commitment.
        match generation(cluster) == generation(self.cluster()) {
            true => 0,
            false => step + 1,
        }
    }

    /// Ends a sync of which others have made something else meanwhile.
    fn superseded(&mut self, why: &str) -> Request {
        self.progress = None;
        self.fail(
            Failure::new(format!(
                "{why} while the plan was applied, and another sync has written since"
            ))
            .with_code("TK1102")
            .with_hint("run the same command again"),
        )
    }

    /// Ends a sync of which nothing tells what it wrote.
    fn untold(&mut self, why: &str) -> Request {
        self.end(Outcome::Unknown(
            Failure::new(format!(
                "{why}, and /treekeeper/state doesn't tell any more what was written"
            ))
            .with_code("TK1101")
            .with_hint("`treekeeper plan` shows what differs; a sync repairs it"),
        ))
    }

    /// Not everything was applied: goes on from what the tree holds now, if the lock is still ours.
    fn settled_short(&mut self, held: bool, cluster: ClusterReading, now: Timestamp) -> Request {
        if !held {
            return self.lock_lost();
        }
        match self.interrupted() {
            Some(request) => request,
            None => self.read_locked(cluster, now),
        }
    }

    /// The session is gone, and a new one has seen the candidates go: whatever was in flight is decided.
    pub(super) fn inquired(&mut self, cluster: ClusterReading) -> Request {
        self.candidates.clear();
        if matches!(self.goal, Goal::Edit(_)) {
            return self.look_last(cluster);
        }
        match self.fate(&cluster) {
            Fate::Whole => {
                self.cluster = Some(cluster);
                self.receipt
                    .warnings
                    .push("the session was lost after everything had been applied".to_owned());
                self.applied()
            }
            Fate::Part(step, steps) => {
                self.progress = Some((step, steps));
                self.fail(Failure::new("the session was lost while the plan was applied").with_code("TK1102"))
            }
            Fate::Superseded => self.superseded("the session was lost"),
            Fate::Untold => self.untold("the session was lost"),
            Fate::Nothing => self.end(Outcome::Failed(
                Failure::new("the session was lost before anything was written")
                    .with_code("TK1102")
                    .with_hint("run the same command again"),
            )),
        }
    }

    /// An edit leaves no state: only the tree can tell whether it was applied.
    fn look_last(&mut self, cluster: ClusterReading) -> Request {
        self.last_look = true;
        self.candidates.clear();
        self.cluster = Some(cluster);
        self.observe()
    }

    pub(super) fn looked_last(&mut self) -> Request {
        let applied = self.plan.as_ref().is_some_and(|plan| plan.changes.is_empty());
        if applied {
            return self.end(Outcome::Applied);
        }
        self.end(Outcome::Failed(
            Failure::new("the lock or the session was lost, and the edit is not, or not wholly, in the tree")
                .with_code("TK1102")
                .with_hint("run the same command again: it writes only what is missing"),
        ))
    }

    /// Takes a failure of the shell: what it means depends on what was under way.
    pub(super) fn failed(&mut self, failure: Failure) -> Request {
        match self.stage {
            Stage::Settling | Stage::Committing => self.ask(Stage::Inquiring, Request::Inquire),
            Stage::Inquiring => {
                self.candidates.clear();
                self.end(Outcome::Unknown(
                    Failure::new(format!("whether the plan was applied is not known: {failure}"))
                        .with_code("TK1101")
                        .with_hint("when ZooKeeper answers again, `treekeeper status` tells; a sync repairs what is missing"),
                ))
            }
            Stage::ReadingBack => {
                self.receipt.warnings.push(format!(
                    "the plan was applied, but could not be read back: {failure}"
                ));
                self.finish()
            }
            Stage::Releasing => self.finish(),
            _ => {
                if failure.kind == FailureKind::SessionLost {
                    self.candidates.clear();
                }
                if self.last_look {
                    return self.end(Outcome::Unknown(failure));
                }
                self.fail(failure)
            }
        }
    }

    /// Takes what the tree holds after the plan: a difference is somebody else's edit.
    pub(super) fn read_back(&mut self, differing: Vec<ZnodePath>) -> Request {
        if let Some(first) = differing.first() {
            self.receipt.warnings.push(format!(
                "{} znodes were changed by others since they were written, the first is {}",
                differing.len(),
                crate::model::printable(first.as_str())
            ));
        }
        self.finish()
    }
}

/// An empty scope reads nothing.
impl Scope {
    /// Tells whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.subtrees.is_empty() && self.nodes.is_empty()
    }
}
