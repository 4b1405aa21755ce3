//! What can go wrong at one call, and how often it does.

use super::{MILLISECOND, Micros, World};
use crate::random::Random;

/// One fault at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The connection breaks before the request arrives.
    RequestLost,
    /// The request is done, and the connection breaks before the reply arrives.
    ReplyLost,
    /// The request is done, no reply comes, and the client gives the connection up after a while.
    ReplySwallowed,
    /// The request arrives late.
    Late,
    /// The session ends before the request is looked at.
    ExpiredBefore,
    /// The session ends after the request was done, and the reply is lost.
    ExpiredAfter,
    /// The process sleeps before it sends.
    PausedBefore,
    /// The process sleeps after it has sent.
    PausedAfter,
    /// The process dies before it sends.
    CrashBefore,
    /// The process dies after it has sent.
    CrashAfter,
    /// The wall clock jumps by years.
    ClockJump,
}

impl Fault {
    /// Every kind, each as often as another.
    pub const ALL: [Fault; 11] = [
        Fault::RequestLost,
        Fault::ReplyLost,
        Fault::ReplySwallowed,
        Fault::Late,
        Fault::ExpiredBefore,
        Fault::ExpiredAfter,
        Fault::PausedBefore,
        Fault::PausedAfter,
        Fault::CrashBefore,
        Fault::CrashAfter,
        Fault::ClockJump,
    ];

    /// Returns what it is counted as.
    pub fn name(self) -> &'static str {
        match self {
            Fault::RequestLost => "fault: request lost",
            Fault::ReplyLost => "fault: reply lost",
            Fault::ReplySwallowed => "fault: reply swallowed",
            Fault::Late => "fault: late",
            Fault::ExpiredBefore => "fault: session expired before",
            Fault::ExpiredAfter => "fault: session expired after",
            Fault::PausedBefore => "fault: paused before",
            Fault::PausedAfter => "fault: paused after",
            Fault::CrashBefore => "fault: crash before",
            Fault::CrashAfter => "fault: crash after",
            Fault::ClockJump => "fault: clock jump",
        }
    }
}

/// How often what goes wrong, each in a thousand calls of a treekeeper.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// Any fault, at a call.
    pub per_call: u64,
    /// Any fault, at a transaction of a commitment: those are few, and matter most.
    pub per_commit: u64,
    /// A git command that fails.
    pub git: u64,
}

impl World {
    /// Draws what goes wrong at a call.
    pub fn fault(&self, chance: u64) -> Option<Fault> {
        self.with(|inner| {
            if !inner.random.per_mille(chance) {
                return None;
            }
            let fault = *inner.random.pick(&Fault::ALL);
            inner.counts.add(fault.name(), 1);
            inner.counts.add("faults", 1);
            Some(fault)
        })
    }

    /// Lets the clock that operations see jump by up to twenty years either way.
    pub fn jump_clock(&self) {
        const YEAR: u64 = 365 * 24 * 3_600;
        self.with(|inner| {
            inner.clock_offset = inner.random.below(40 * YEAR) as i64 - 20 * YEAR as i64;
        });
    }

    /// Returns the seconds since 1970 that an operation is told.
    pub fn wall_clock(&self) -> i64 {
        self.with(|inner| inner.clock() / 1_000 + inner.clock_offset)
    }
}

/// Draws for how long a process sleeps: half of the time longer than its session lives.
pub fn pause(random: &mut Random, session_timeout: Micros) -> Micros {
    random.between(10 * MILLISECOND, session_timeout * 2)
}
