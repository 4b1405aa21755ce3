//! How far a long work has come, for whoever wants to show it.
//!
//! Numbers only: nothing here prints, waits or decides.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is being done, told by those who do it and looked at from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    work: Mutex<Work>,
    done: AtomicUsize,
}

/// How much there is of a work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Amount {
    /// Nothing is counted: it is waited for.
    #[default]
    Uncounted,
    /// What is done is counted; how much there is nobody knows.
    Unknown,
    /// So much.
    Known(usize),
}

/// A piece of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// What is done, such as `reading znodes`; empty if nothing is.
    pub name: &'static str,
    /// How much there is to do.
    pub amount: Amount,
    /// Counts the works, so that two of one name are told apart.
    pub number: usize,
}

impl Progress {
    /// Begins another work.
    pub fn begin(&self, name: &'static str, amount: Amount) {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        *work = Work {
            name,
            amount,
            number: work.number + 1,
        };
        self.done.store(0, Ordering::Relaxed);
    }

    /// Tells that so much more of the work is done.
    pub fn advance(&self, count: usize) {
        self.done.fetch_add(count, Ordering::Relaxed);
    }

    /// Returns the present work, and how much of it is done.
    pub fn now(&self) -> (Work, usize) {
        let work = *self.work.lock().unwrap_or_else(PoisonError::into_inner);
        (work, self.done.load(Ordering::Relaxed))
    }
}
