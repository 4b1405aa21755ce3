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
        let written = state_of(transaction);
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

    /// Tells whether a transaction only notes a commit in the state.
    pub(super) fn is_note(&self, transaction: &Transaction) -> bool {
        let told = |state: &Value| (state["seen"].clone(), state["protected"].clone());
        let before = self.mirror.properties(STATE).cloned().map(Value::Object);
        let is_other = |change: &Applied| {
            let path = path_of(change);
            !super::is_candidate(path) && path != STATE
        };
        let after = state_of(transaction);
        let (Some(before), Some(after)) = (before, after) else {
            return false;
        };
        let is_same = before["commit"] == after["commit"] && before["phase"] == after["phase"];
        is_same && told(&before) != told(&after) && !transaction.changes.iter().any(is_other)
    }

    /// A commit that is noted has the very tree of the deployed one, and is noted once.
    pub(super) fn judge_note(&mut self, operation: Operation, transaction: &Transaction, revision: &str) {
        let seen = state_of(transaction).and_then(|state| state["seen"].as_str().map(str::to_owned));
        let seen = seen.unwrap_or_default();
        let is_allowed = self.records[operation.0].permit.bumps_by_tree;
        if !is_allowed || !self.have_one_tree(&seen, revision) {
            self.blame(
                "bump",
                format!("sync {} notes {seen} beside {revision}", operation.0),
            );
        }
        let record = &mut self.records[operation.0];
        record.ends += 1;
        if record.ends > 1 {
            self.blame("I5", format!("sync {} ended twice", operation.0));
        }
    }

    /// Where only trees move the version, one commit doesn't take the place of another with the same tree.
    pub(super) fn judge_bump(&mut self, operation: Operation, revision: &str) {
        let permit = &self.records[operation.0].permit;
        if !permit.bumps_by_tree || permit.is_rollback {
            return;
        }
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let version = text(self.mirror.property(super::HOSTS, "version"));
        let state = |key| self.mirror.property(STATE, key);
        if text(state("pinned").and_then(|pin| pin.get("commit"))).as_deref() == Some(revision) {
            return;
        }
        let deployed = text(state("commit"));
        let (Some(deployed), true) = (deployed.clone(), version == deployed) else {
            return;
        };
        let is_told = state("tree_sha256").is_some();
        if is_told && deployed != revision && self.have_one_tree(&deployed, revision) {
            self.blame(
                "bump",
                format!(
                    "sync {} moves the version from {deployed} to {revision}, which has the same tree",
                    operation.0
                ),
            );
        }
    }

    /// Tells whether two commits mean the same tree.
    pub(super) fn have_one_tree(&mut self, one: &str, other: &str) -> bool {
        let mut tree = |revision: &str| {
            let meaning = self.meaning(revision)?;
            let roots: std::collections::BTreeSet<String> =
                meaning.desired.trimmed.iter().map(ToString::to_string).collect();
            Some((meaning.stored.clone(), roots))
        };
        matches!((tree(one), tree(other)), (Some(one), Some(other)) if one == other)
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

/// Returns the state that a transaction writes.
fn state_of(transaction: &Transaction) -> Option<Value> {
    transaction.changes.iter().find_map(|change| match change {
        Applied::Set(path, data) if path == STATE => serde_json::from_slice(data).ok(),
        _ => None,
    })
}

fn is_entry(change: &&Applied) -> bool {
    path_of(change)
        .strip_prefix(HISTORY)
        .is_some_and(|rest| rest.len() > 1)
}

fn number(path: &str) -> Option<u64> {
    path.rsplit('/').next()?.parse().ok()
}
