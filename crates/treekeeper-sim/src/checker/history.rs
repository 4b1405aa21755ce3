//! Judges what a sync writes of itself: its entry in the history, and the pin of a rollback.

use memkeeper::database::{Applied, Transaction};
use serde_json::Value;

use super::mirror::path_of;
use super::{Checker, HISTORY, Operation, STATE};

/// How many entries are kept.
const ENTRIES_MAX: usize = 100;

impl Checker {
    /// A sync of another commit than the pinned one is a rollback; a rollback pins its commit, and nobody else pins.
    pub(super) fn judge_pin(&mut self, operation: Operation, transaction: &Transaction, revision: &str) {
        let pinned = |state: &Value| state.get("pinned")?.get("commit")?.as_str().map(str::to_owned);
        let before = self.mirror.properties(STATE).cloned().map(Value::Object);
        let before = before.as_ref().and_then(pinned);
        let written = transaction.changes.iter().find_map(|change| match change {
            Applied::Set(path, data) if path == STATE => serde_json::from_slice::<Value>(data).ok(),
            _ => None,
        });
        let after = written.as_ref().and_then(pinned);
        let is_rollback = self.records[operation.0].permit.is_rollback;
        if !is_rollback && before.as_ref().is_some_and(|commit| commit != revision) {
            let what = format!("sync {} deploys {revision}, pinned at {before:?}", operation.0);
            self.blame("pin", what);
        }
        let expected = if is_rollback {
            Some(revision.to_owned())
        } else {
            before
        };
        if after != expected {
            let what = format!(
                "sync {} leaves the pin at {after:?} instead of {expected:?}",
                operation.0
            );
            self.blame("pin", what);
        }
    }

    /// The end of a sync, and nothing else, has an entry, that tells what all of its transactions did; the ring keeps
    /// the newest hundred.
    pub(super) fn judge_history(
        &mut self,
        operation: Operation,
        transaction: &Transaction,
        revision: &str,
        is_end: bool,
    ) {
        let of_the_tree = |change: &&Applied| self.is_of_the_tree(change);
        let mut changed = self.records[operation.0].changed;
        for change in transaction.changes.iter().filter(of_the_tree) {
            match change {
                Applied::Created(..) => changed[0] += 1,
                Applied::Set(..) => changed[1] += 1,
                Applied::Deleted(_) => changed[2] += 1,
                Applied::AclSet(_) => {}
            }
        }
        self.records[operation.0].changed = changed;
        let numbers: Vec<u64> = self
            .mirror
            .children(HISTORY)
            .filter_map(|(name, _)| name.parse().ok())
            .collect();
        let mut entries = Vec::new();
        let mut gone = Vec::new();
        for change in transaction.changes.iter().filter(is_entry) {
            match change {
                Applied::Created(path, data, 0) => entries.push((number(path), Some(data))),
                Applied::Deleted(path) => gone.push(number(path)),
                _ => entries.push((None, None)),
            }
        }
        let mut faults = Vec::new();
        if entries.len() != usize::from(is_end) {
            faults.push(format!("writes {} entries", entries.len()));
        }
        for (number, data) in &entries {
            if *number != Some(numbers.iter().max().unwrap_or(&0) + 1) {
                faults.push(format!("writes the entry {number:?} after {:?}", numbers.last()));
            }
            let entry: Value = data
                .and_then(|data| serde_json::from_slice(data).ok())
                .unwrap_or_default();
            let told = ["created", "changed", "deleted"].map(|key| entry[key].as_u64().unwrap_or(u64::MAX));
            if told != changed || entry["commit"] != *revision {
                faults.push(format!("did {changed:?} of {revision} and notes {entry}"));
            }
        }
        let surplus = (numbers.len() + entries.len()).saturating_sub(ENTRIES_MAX);
        let are_old = gone.iter().all(|number| {
            number.is_some_and(|number| numbers.iter().filter(|n| **n < number).count() < surplus)
        });
        // A few go at once, so that a ring that somebody filled shrinks again.
        if gone.len() > surplus || !are_old || (surplus > 0 && gone.is_empty() && is_end) {
            faults.push(format!("takes {gone:?} out of {numbers:?}"));
        }
        for fault in faults {
            self.blame("history", format!("sync {} {fault}", operation.0));
        }
    }
}

fn is_entry(change: &&Applied) -> bool {
    path_of(change)
        .strip_prefix(HISTORY)
        .is_some_and(|rest| rest.len() > 1)
}

fn number(path: &str) -> Option<u64> {
    path.rsplit('/').next()?.parse().ok()
}
