//! What was deployed when: the entries of the ring below `/treekeeper/history`, and how far back is which commit.
//!
//! An entry is written once, by the transaction that deploys, and never changed. Which are written and which fall out
//! is decided here; reading and writing them is the shell's work.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::printable;

/// Where the entries are, one a znode, named by its number.
pub const HISTORY_PATH: &str = "/treekeeper/history";
/// How many entries are kept.
pub const HISTORY_MAX: usize = 100;
/// The only schema of an entry that this release writes and reads.
pub const HISTORY_SCHEMA: u32 = 1;
/// How many entries one transaction takes out at most: a ring that grew too large shrinks over several syncs.
const FALL_OUT_MAX: usize = 8;
/// Digits of a number, with zeros before it, so that names sort as numbers do.
const DIGITS: usize = 10;
/// Digits of the largest number that is taken for one of ours.
const DIGITS_MAX: usize = 18;

/// What kind of sync deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A plain sync.
    Sync,
    /// `sync --repair` of the version that was deployed already.
    Repair,
    /// `sync --force`.
    Forced,
    /// `rollback`.
    Rollback,
}

impl Kind {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Sync => "sync",
            Kind::Repair => "repair",
            Kind::Forced => "forced",
            Kind::Rollback => "rollback",
        }
    }
}

/// One deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// [`HISTORY_SCHEMA`].
    pub schema: u32,
    /// The commit that was deployed.
    pub commit: String,
    /// What `/hosts` said before, as `status` shows versions.
    pub from: Option<String>,
    /// When, RFC 3339, by the clock of the machine that synced.
    pub at: String,
    /// Who.
    pub by: String,
    /// The sync.
    pub sync_id: String,
    /// What kind it was.
    pub kind: Kind,
    /// How many znodes it created, in all of its transactions.
    pub created: usize,
    /// How many it changed.
    pub changed: usize,
    /// How many it deleted.
    pub deleted: usize,
    /// The digest of the plan that would undo it (`plan::digest`); none if the plan was applied in parts.
    #[serde(default)]
    pub inverse: Option<String>,
    /// How long it took until it asked for the lock, in milliseconds.
    #[serde(default)]
    pub prepared_ms: i64,
    /// When it asked for the lock, in milliseconds since 1970 by the server's clock.
    #[serde(default)]
    pub locked_ms: i64,
}

impl Entry {
    /// Returns what the data of an entry's znode say.
    ///
    /// # Errors
    /// Why they are not an entry that this release reads; safe to print.
    pub fn read(data: &[u8]) -> Result<Entry, String> {
        let entry: Entry =
            serde_json::from_slice(data).map_err(|error| printable(&error.to_string()).into_owned())?;
        match entry.schema {
            HISTORY_SCHEMA => Ok(entry),
            other => Err(format!(
                "its schema is {other}, this release reads {HISTORY_SCHEMA}"
            )),
        }
    }

    /// Returns the znode's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| unreachable!("an entry is plain JSON"))
    }

    /// Returns how long the deployment took, in milliseconds: until the lock by the syncer's clock, and from there to
    /// the entry, which was created at `created_ms`, by the server's.
    pub fn duration_ms(&self, created_ms: i64) -> i64 {
        let in_lock = if self.locked_ms > 0 {
            created_ms.saturating_sub(self.locked_ms).max(0)
        } else {
            0
        };
        self.prepared_ms.max(0).saturating_add(in_lock)
    }
}

/// Returns the name of the entry with this number.
pub fn name(number: u64) -> String {
    format!("{number:0DIGITS$}")
}

/// Returns the number that a name means, if it is that of an entry.
pub fn number(name: &str) -> Option<u64> {
    let is_number = (DIGITS..=DIGITS_MAX).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_digit());
    let number = is_number.then(|| name.parse().ok()).flatten()?;
    (self::name(number) == name).then_some(number)
}

/// Returns the number of the entry that is written next.
pub fn next(numbers: &BTreeSet<u64>) -> u64 {
    numbers.last().map_or(1, |last| last + 1)
}

/// Returns the entries that fall out when one more is written, oldest first; those in `stuck` can't be deleted.
pub fn falling_out(numbers: &BTreeSet<u64>, stuck: &BTreeSet<u64>) -> Vec<u64> {
    let surplus = (numbers.len() + 1).saturating_sub(HISTORY_MAX);
    numbers
        .iter()
        .filter(|number| !stuck.contains(number))
        .take(surplus.min(FALL_OUT_MAX))
        .copied()
        .collect()
}

/// Returns the commit that was deployed `steps` deployments before `deployed`, by the entries' kinds and commits, oldest
/// first; nothing if the history doesn't reach so far.
///
/// Repairs are no steps, and what a rollback undid is passed over: after a rollback, one step back leads further back
/// and not to what was undone.
pub fn back<'a>(
    entries: impl IntoIterator<Item = (Kind, &'a str)>,
    deployed: &'a str,
    steps: usize,
) -> Option<&'a str> {
    let mut line: Vec<&str> = Vec::new();
    for (kind, commit) in entries {
        let earlier = line.iter().rposition(|other| *other == commit);
        match (kind, earlier) {
            (Kind::Rollback, Some(place)) => line.truncate(place + 1),
            _ if line.last() == Some(&commit) => {}
            _ => line.push(commit),
        }
    }
    if line.last() != Some(&deployed) {
        line.push(deployed);
    }
    line.iter().rev().nth(steps).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_their_names() {
        assert_eq!(name(7), "0000000007");
        for wrong in [
            "7",
            "000000007",
            "00000000007",
            "0000000007 ",
            "+000000007",
            "",
            "x",
        ] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
        assert_eq!(number("0000000007"), Some(7));
        assert_eq!(number("12345678901"), Some(12_345_678_901));
        assert_eq!(number(&"9".repeat(19)), None);
    }

    #[test]
    fn the_ring_keeps_a_hundred() {
        let numbers = |range| BTreeSet::from_iter(range);
        let none = BTreeSet::new();
        assert_eq!((next(&none), next(&numbers(1..=4))), (1, 5));
        assert_eq!(falling_out(&numbers(1..=99), &none), Vec::<u64>::new());
        assert_eq!(falling_out(&numbers(1..=100), &none), [1]);
        assert_eq!(falling_out(&numbers(1..=100), &numbers(1..=1)), [2]);
        assert_eq!(falling_out(&numbers(5..=500), &none), [5, 6, 7, 8, 9, 10, 11, 12]);
    }

    #[test]
    fn steps_back_pass_over_repairs_and_what_was_undone() {
        use Kind::{Forced, Repair, Rollback, Sync};
        let line = [(Sync, "a"), (Repair, "a"), (Sync, "b"), (Forced, "c")];
        let back_from = |entries: &[(Kind, &'static str)], deployed: &'static str, steps| {
            back(entries.iter().copied(), deployed, steps)
        };
        assert_eq!(back_from(&line, "c", 1), Some("b"));
        assert_eq!(back_from(&line, "c", 2), Some("a"));
        assert_eq!(back_from(&line, "c", 3), None);
        // What others deployed since is where the steps begin.
        assert_eq!(back_from(&line, "x", 1), Some("c"));
        let undone = [line.as_slice(), &[(Rollback, "b")]].concat();
        assert_eq!(back_from(&undone, "b", 1), Some("a"));
        let on = [undone.as_slice(), &[(Sync, "d")]].concat();
        assert_eq!(back_from(&on, "d", 1), Some("b"));
        let elsewhere = [line.as_slice(), &[(Rollback, "z")]].concat();
        assert_eq!(back_from(&elsewhere, "z", 1), Some("c"));
    }

    #[test]
    fn durations_never_mix_two_clocks() {
        let mut entry = Entry {
            schema: HISTORY_SCHEMA,
            commit: "c".to_owned(),
            from: None,
            at: "then".to_owned(),
            by: "who".to_owned(),
            sync_id: "1".to_owned(),
            kind: Kind::Sync,
            created: 0,
            changed: 0,
            deleted: 0,
            inverse: None,
            prepared_ms: 40,
            locked_ms: 1_000,
        };
        assert_eq!(entry.duration_ms(1_002), 42);
        // A new leader's clock may be behind.
        assert_eq!(entry.duration_ms(900), 40);
        entry.locked_ms = 0;
        assert_eq!(entry.duration_ms(1_002), 40);
        assert_eq!(Entry::read(&entry.to_bytes()), Ok(entry));
        assert_eq!(
            Entry::read(br#"{"schema":2,"commit":"c","at":"","by":"","sync_id":"","kind":"sync","created":0,"changed":0,"deleted":0}"#).unwrap_err(),
            "its schema is 2, this release reads 1"
        );
    }
}
