//! The world of one run: virtual time, one server, connections that break, and whoever acts in it.
//!
//! Everything happens on one thread, in the order of one queue, by one source of chance: a seed is a run.
//! Time is in microseconds since the run began; the server's clock is the same, the clock of operations jumps.

mod executor;
mod faults;
mod network;
mod serve;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use memkeeper::database::{Database, DatabaseOptions, Request};

pub use executor::{Crashable, Executor, TaskId};
pub use faults::pause;
pub use faults::{Fault, Rates};
pub use network::{Answering, ClientId, Lost, Outcome, Sent};
pub use serve::TICK;

use crate::checker::{Checker, Operation};
use crate::random::Random;
use crate::{Counts, Violation};
use network::{Client, Ticket};

/// A moment or a span in microseconds.
pub type Micros = u64;

/// One millisecond.
pub const MILLISECOND: Micros = 1_000;
/// One second.
pub const SECOND: Micros = 1_000_000;

/// What the server's clock says when a run begins, in milliseconds since 1970.
const EPOCH: i64 = 1_700_000_000_000;

/// Everything of one run; clones are handles to the same world.
#[derive(Clone)]
pub struct World(Rc<RefCell<Inner>>);

/// What happens when its time has come.
#[derive(Debug)]
enum Due {
    /// A task goes on.
    Wake(TaskId),
    /// The first message of a client's queue arrives, if the connection is still the same.
    Deliver(ClientId, u64),
    /// A message that was on the wire when its connection broke arrives all the same.
    Stray(ClientId, u64, Request, Option<Sent>),
    /// An answer arrives at the client, if the connection is still the same.
    Answer(Ticket, u64),
    /// A connection breaks, if it is still the same.
    Break(ClientId, u64),
    /// A client tries to connect again.
    Reconnect(ClientId),
    /// The server looks at its sessions, and living clients prove their life.
    Tick,
}

/// What a handle leads to.
pub struct Inner {
    random: Random,
    now: Micros,
    sequence: u64,
    queue: BTreeMap<(Micros, u64), Due>,
    database: Database,
    clients: Vec<Client>,
    tickets: BTreeMap<Ticket, network::Waiting>,
    tasks: Vec<executor::Life>,
    current: TaskId,
    spawned: Vec<executor::Task>,
    /// How often faults hit; none at first.
    pub rates: Rates,
    /// The bytes of the largest request that the server takes.
    pub request_bytes_max: usize,
    /// How far the clock of operations is off, in seconds.
    pub clock_offset: i64,
    /// No client connects before this moment.
    outage_until: Micros,
    /// What was counted.
    pub counts: Counts,
    /// Judges every transaction.
    pub checker: Checker,
    trace: Trace,
}

/// The last events, kept as text when somebody wants to read them.
#[derive(Debug, Default)]
struct Trace {
    is_kept: bool,
    lines: VecDeque<String>,
    is_printed: bool,
}

/// Lines of the trace that a violation tells.
const TRACE_LINES_MAX: usize = 30;

/// Whether the events of a run are kept as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tracing {
    /// They are not: the fast way.
    #[default]
    Off,
    /// The last ones are.
    Last,
    /// Each is printed at once.
    Print,
}

impl World {
    /// Returns a world with an empty server.
    pub fn new(random: Random, checker: Checker, tracing: Tracing) -> World {
        let options = DatabaseOptions {
            record: true,
            session_timeout_min: 100,
            ..DatabaseOptions::default()
        };
        let world = World(Rc::new(RefCell::new(Inner {
            random,
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            database: Database::new(options),
            clients: Vec::new(),
            tickets: BTreeMap::new(),
            tasks: Vec::new(),
            current: TaskId(0),
            spawned: Vec::new(),
            rates: Rates::default(),
            request_bytes_max: usize::MAX,
            clock_offset: 0,
            outage_until: 0,
            counts: Counts::default(),
            checker,
            trace: Trace {
                is_kept: tracing != Tracing::Off,
                is_printed: tracing == Tracing::Print,
                ..Trace::default()
            },
        })));
        world.with(|inner| inner.after(0, Due::Tick));
        world
    }

    /// Gives access to everything; must not be held across a gap.
    pub fn with<T>(&self, look: impl FnOnce(&mut Inner) -> T) -> T {
        look(&mut self.0.borrow_mut())
    }

    /// Returns the time since the run began.
    pub fn now(&self) -> Micros {
        self.0.borrow().now
    }

    /// Draws a number below `bound`.
    pub fn below(&self, bound: u64) -> u64 {
        self.with(|inner| inner.random.below(bound))
    }

    /// Draws a number from `low` to `high`.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        self.with(|inner| inner.random.between(low, high))
    }

    /// Tells yes so many times in a thousand.
    pub fn per_mille(&self, chance: u64) -> bool {
        self.with(|inner| inner.random.per_mille(chance))
    }

    /// Gives access to the source of chance.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        self.with(|inner| draw(&mut inner.random))
    }

    /// Counts one of these.
    pub fn count(&self, what: &'static str) {
        self.with(|inner| inner.counts.add(what, 1));
    }

    /// Notes an event for whoever reads the trace.
    pub fn trace(&self, line: impl FnOnce() -> String) {
        self.with(|inner| inner.trace(line));
    }

    /// Tells the checker something, and the trace what the checker thinks of it.
    pub fn tell<T>(&self, tell: impl FnOnce(&mut Checker) -> T) -> T {
        self.with(|inner| {
            inner.checker.at(inner.now);
            tell(&mut inner.checker)
        })
    }

    /// Returns what was found wrong, with the last events.
    pub fn violation(&self) -> Option<Violation> {
        self.with(|inner| {
            let mut violation = inner.checker.violation()?;
            violation.trace = inner.trace.lines.iter().cloned().collect();
            Some(violation)
        })
    }

    /// Waits.
    pub fn sleep(&self, span: Micros) -> executor::Sleep {
        executor::Sleep::new(self.clone(), self.now() + span)
    }

    /// Lets no client connect for a while, and breaks every connection.
    pub fn outage(&self, span: Micros) {
        self.with(|inner| inner.begin_outage(span));
    }

    /// Ends a session at once, as a server may.
    pub fn expire(&self, operation: Operation) {
        self.with(|inner| inner.expire_all(operation));
    }
}

impl Inner {
    fn after(&mut self, span: Micros, due: Due) {
        self.sequence += 1;
        self.queue.insert((self.now + span, self.sequence), due);
    }

    fn clock(&self) -> i64 {
        EPOCH + (self.now / MILLISECOND) as i64
    }

    /// Notes an event.
    pub fn trace(&mut self, line: impl FnOnce() -> String) {
        if !self.trace.is_kept {
            return;
        }
        let line = format!("{:>10.3} ms  {}", self.now as f64 / 1_000.0, line());
        if self.trace.is_printed {
            println!("{line}");
        }
        self.trace.lines.push_back(line);
        if self.trace.lines.len() > TRACE_LINES_MAX {
            self.trace.lines.pop_front();
        }
    }
}
