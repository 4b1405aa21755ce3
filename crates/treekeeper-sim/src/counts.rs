//! What a run is told as: how often what happened, or what was wrong.

use std::collections::BTreeMap;
use std::fmt;

/// How often what happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    /// Counts so many more.
    pub fn add(&mut self, what: &'static str, count: u64) {
        *self.0.entry(what).or_default() += count;
    }

    /// Returns how often something happened.
    pub fn get(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// Adds what another run counted.
    pub fn merge(&mut self, other: &Counts) {
        other.0.iter().for_each(|(what, count)| self.add(what, *count));
    }

    /// Returns everything, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(what, count)| (*what, *count))
    }
}

/// What is wrong, where it was found, and what happened before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant of RELIABILITY.md 3.
    pub invariant: &'static str,
    /// What is wrong.
    pub what: String,
    /// The last transaction then.
    pub zxid: i64,
    /// The seed that shows it.
    pub seed: u64,
    /// The last events.
    pub trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation {
            invariant,
            what,
            zxid,
            seed,
            trace,
        } = self;
        for line in trace {
            writeln!(formatter, "{line}")?;
        }
        writeln!(formatter, "{invariant} is violated at zxid {zxid:x}: {what}")?;
        write!(
            formatter,
            "replay: cargo run -p treekeeper-sim -- --seed {seed} --trace"
        )
    }
}
