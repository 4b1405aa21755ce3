//! Judges what an operation tells at its end against what the log of transactions holds: I5, I7, I9, I11, I12.

use super::{Checker, Operation};
use crate::generate::CANARY;
use crate::world::{Micros, SECOND};

/// How an operation says that it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Nothing to do.
    InSync,
    /// A plan was shown.
    Planned,
    /// The plan was applied.
    Applied,
    /// A policy refused.
    Refused,
    /// Somebody else has the lock.
    LockHeld,
    /// The files are wrong.
    Invalid,
    /// It failed.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// What an operation tells at its end.
#[derive(Clone, Debug)]
pub struct Told {
    /// How it ended.
    pub ending: Ending,
    /// Whether transactions were sent.
    pub has_sent: bool,
    /// Whether an answer to it was lost, or its session.
    pub is_ambiguous: bool,
    /// Whether anything at all went wrong around it.
    pub has_faults: bool,
    /// How long it was told to wait for the lock.
    pub lock_wait: Micros,
    /// How long it was told to wait for an answer.
    pub request_timeout: Micros,
    /// Every word for people.
    pub text: String,
}

/// How long a sync may take when nothing goes wrong, waiting for the lock apart.
const SYNC_MAX: Micros = 5 * SECOND;
/// How long it may take whatever goes wrong.
const FAULTY_SYNC_MAX: Micros = 900 * SECOND;

impl Checker {
    /// Judges the end of an operation that did not crash.
    pub fn told(&mut self, operation: Operation, told: &Told) {
        let record = &mut self.records[operation.0];
        record.is_done = true;
        let (number, ends, writes, step) = (operation.0, record.ends, record.writes, record.step);
        let (is_edit, spent) = (record.permit.is_edit, self.now - record.begun);
        let overtaken = record.overtaken;
        let is_fenced_off = record.is_fenced_off;
        let left = record
            .candidates
            .iter()
            .any(|candidate| self.mirror.nodes.contains_key(candidate));
        let text = &told.text;
        if text.contains(CANARY) {
            self.blame("I11", format!("operation {number} told a secret: {text}"));
        }
        let is_applied = told.ending == Ending::Applied;
        if !is_edit && ends > 0 && !is_applied && told.ending != Ending::Unknown {
            self.blame(
                "I5",
                format!("sync {number} was applied and says {:?}: {text}", told.ending),
            );
        }
        if !is_edit && is_applied && told.has_sent && ends == 0 {
            self.blame(
                "I5",
                format!("sync {number} was not applied and says that it was: {text}"),
            );
        }
        if told.ending == Ending::Unknown && !told.is_ambiguous {
            self.blame(
                "I5",
                format!("operation {number} says that it does not know, and it could: {text}"),
            );
        }
        if matches!(
            told.ending,
            Ending::InSync | Ending::Planned | Ending::LockHeld | Ending::Invalid
        ) && writes > 0
        {
            self.blame(
                "I9",
                format!("operation {number} wrote and says {:?}: {text}", told.ending),
            );
        }
        if !is_edit && matches!(told.ending, Ending::Failed | Ending::Refused) {
            self.judge_landed(operation, step, writes, text);
        }
        if text.contains("plans were overtaken") && overtaken < 5 && !told.has_faults {
            self.blame(
                "I12",
                format!("sync {number} says that others kept changing the tree: {overtaken} times"),
            );
        }
        if !told.has_faults && left && !is_fenced_off {
            self.blame(
                "I12",
                format!("operation {number} ended and kept its lock: {text}"),
            );
        }
        if text.contains("did not answer within the limit") && spent < told.request_timeout {
            self.blame(
                "I12",
                format!("operation {number} gave up after {} ms", spent / 1_000),
            );
        }
        let limit = if told.has_faults {
            FAULTY_SYNC_MAX
        } else {
            SYNC_MAX + told.lock_wait
        };
        if spent > limit {
            self.blame("I12", format!("operation {number} took {} ms", spent / 1_000));
        }
    }

    /// I5: what has landed of a sync that did not end is told, and nothing else is.
    fn judge_landed(
        &mut self,
        operation: Operation,
        step: Option<(usize, usize)>,
        writes: usize,
        text: &str,
    ) {
        let words = step.map(|(step, steps)| format!("{step} of {steps} batches are in the tree"));
        let is_told = match &words {
            Some(words) => text.contains(words),
            // Who went on from there may have done so unseen.
            None => self.records[operation.0].is_superseded || !text.contains("batches are in the tree"),
        };
        let claims_nothing =
            text.contains("nothing was written") || text.contains("before anything was written");
        if !is_told || (claims_nothing && writes > 0) {
            let what = format!(
                "sync {} left {words:?} in {writes} transactions and says: {text}",
                operation.0
            );
            self.blame("I5", what);
        }
    }

    /// I7: an operation wrote nothing.
    pub fn judge_idle(&mut self, operation: Operation) {
        let writes = self.records[operation.0].writes;
        if writes > 0 {
            self.blame("I7", format!("a second sync wrote {writes} times"));
        }
    }

    /// I1, I12: without faults an operation must have ended in one of these ways.
    pub fn judge_success(&mut self, operation: Operation, ending: Ending, allowed: &[Ending], text: &str) {
        if !allowed.contains(&ending) {
            self.blame(
                "I1",
                format!("sync {} without faults ends {ending:?}: {text}", operation.0),
            );
        }
    }

    /// Notes that an operation crashed.
    pub fn crashed(&mut self, operation: Operation) {
        self.records[operation.0].is_done = true;
    }
}
