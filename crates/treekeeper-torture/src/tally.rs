//! Counts what was tried and what went wrong, and says so in one line.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How many violations are printed in full.
const SHOWN_MAX: usize = 20;

/// The counts of one part, shared by its threads.
pub struct Tally {
    part: &'static str,
    begun: Instant,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    cases: usize,
    faults: usize,
    violations: Vec<String>,
    details: BTreeMap<String, usize>,
}

/// What a part came to.
#[derive(Clone, Debug)]
pub struct Summary {
    /// `faults: 4,213 cases, 4,213 faults, 0 violations (12 min)`.
    pub line: String,
    /// Counts of single things, as lines.
    pub details: Vec<String>,
    /// What was wrong, in full.
    pub violations: Vec<String>,
    /// How many cases there were.
    pub cases: usize,
    /// How many faults were met.
    pub faults: usize,
}

impl Tally {
    /// Begins to count.
    pub fn new(part: &'static str) -> Tally {
        Tally {
            part,
            begun: Instant::now(),
            counts: Mutex::default(),
        }
    }

    /// Counts one case; `name` is what replays it.
    pub fn case(&self, name: &str, faults: usize, violations: Vec<String>) {
        let mut counts = self.lock();
        counts.cases += 1;
        counts.faults += faults;
        drop(counts);
        for violation in violations {
            self.violation(&format!("{name}: {violation}"));
        }
    }

    /// Counts one fault more.
    pub fn fault(&self) {
        self.lock().faults += 1;
    }

    /// Counts a violation that belongs to no case.
    pub fn violation(&self, text: &str) {
        let text = format!("{}: {text}", self.part);
        eprintln!("VIOLATION {text}");
        self.lock().violations.push(text);
    }

    /// Counts one more of something.
    pub fn note(&self, what: &str) {
        self.notes(what, 1);
    }

    /// Counts so many more of something.
    pub fn notes(&self, what: &str, count: usize) {
        *self.lock().details.entry(what.to_owned()).or_default() += count;
    }

    /// Returns how many of something were counted.
    pub fn noted(&self, what: &str) -> usize {
        self.lock().details.get(what).copied().unwrap_or(0)
    }

    /// Ends the count; `units` are the words for cases and faults.
    pub fn summary(&self, units: [&str; 2]) -> Summary {
        let counts = self.lock();
        let line = format!(
            "{}: {} {}, {} {}, {} violations ({})",
            self.part,
            grouped(counts.cases),
            units[0],
            grouped(counts.faults),
            units[1],
            grouped(counts.violations.len()),
            duration(self.begun.elapsed())
        );
        let details = counts.details.iter();
        Summary {
            line,
            details: details
                .map(|(what, count)| format!("{:>10} {what}", grouped(*count)))
                .collect(),
            violations: counts.violations.iter().take(SHOWN_MAX).cloned().collect(),
            cases: counts.cases,
            faults: counts.faults,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Returns `12,345`.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn duration(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_one_line() {
        let tally = Tally::new("faults");
        (0..1234).for_each(|_| tally.case("x", 1, Vec::new()));
        tally.case("y", 2, vec!["torn".to_owned()]);
        let summary = tally.summary(["cases", "faults"]);
        assert_eq!(
            summary.line,
            "faults: 1,235 cases, 1,236 faults, 1 violations (0 s)"
        );
        assert_eq!(summary.violations, ["faults: y: torn"]);
        assert_eq!([grouped(7), grouped(1000000)], ["7", "1,000,000"]);
    }
}
