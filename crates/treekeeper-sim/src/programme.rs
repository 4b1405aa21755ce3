//! Plays many seeds on all cores: the counts of all of them, or the lowest seed that shows something wrong.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::{Counts, Options, Violation, run};

/// What many seeds came to.
#[derive(Debug, Default)]
pub struct Programme {
    /// How many seeds were played to their end.
    pub seeds: u64,
    /// What happened in the seeds without a violation.
    pub counts: Counts,
    /// What was wrong, lowest seed first.
    pub violations: Vec<Violation>,
}

/// Plays `seeds`; unless `is_all`, those above the lowest one with a violation need not be played.
pub fn play(seeds: Range<u64>, options: &Options, is_all: bool) -> Programme {
    let next = AtomicU64::new(seeds.start);
    let end = AtomicU64::new(seeds.end);
    let whole = Mutex::new(Programme::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) {
                return;
            }
            let played = run(seed, options);
            if played.is_err() && !is_all {
                end.fetch_min(seed, Ordering::Relaxed);
            }
            let mut whole = whole.lock().unwrap_or_else(|_| unreachable!("no seed panics"));
            whole.seeds += 1;
            match played {
                Ok(counts) => whole.counts.merge(&counts),
                Err(violation) => whole.violations.push(*violation),
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut whole = whole
        .into_inner()
        .unwrap_or_else(|_| unreachable!("no seed panics"));
    whole.violations.sort_by_key(|violation| violation.seed);
    if !is_all {
        whole.violations.truncate(1);
    }
    whole
}
