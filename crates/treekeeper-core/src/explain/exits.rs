//! What the exit codes mean, and which codes end with them: the one table of all commands (DESIGN.md 3).

use super::{Entry, entries};

/// One exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitMeaning {
    /// The number.
    pub number: u8,
    /// What it means, in a few words.
    pub meaning: &'static str,
}

/// All of them, in order.
pub const EXITS: [ExitMeaning; 10] = [
    of(0, "done, or in sync"),
    of(1, "error"),
    of(2, "differences, where they are asked for"),
    of(3, "refused by policy"),
    of(4, "hosts have not converged"),
    of(5, "stopped: the version of `/hosts` is None"),
    of(6, "the cluster lock is held by another"),
    of(7, "the plan is stale"),
    of(8, "the outcome is unknown"),
    of(64, "wrong usage"),
];

const fn of(number: u8, meaning: &'static str) -> ExitMeaning {
    ExitMeaning { number, meaning }
}

/// Returns the exit code that is asked for by `3`, `exit 3` or `exit code 3`.
pub fn exit(wanted: &str) -> Option<ExitMeaning> {
    let mut words: Vec<&str> = wanted.split_whitespace().collect();
    let number: u8 = words.pop()?.parse().ok()?;
    let is_asked = matches!(words.as_slice(), [] | ["exit"] | ["exit", "code"]);
    EXITS.into_iter().find(|exit| is_asked && exit.number == number)
}

impl ExitMeaning {
    /// Returns the codes of refusals and failures that end with this exit code and no other.
    pub fn entries(self) -> Vec<Entry> {
        let words = format!("(exit code {})", self.number);
        let mut all = entries();
        all.retain(|entry| entry.title.ends_with(&words));
        all
    }
}
