//! Faults on purpose: what tests plan to happen to the k-th request from now.
//!
//! Here it is only counted and decided; the connections carry it out. Without a plan nothing happens.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;

use super::lock;
use crate::database::Request;

/// What happens to a request, or to its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is cut; the request is not applied.
    CutBefore,
    /// The request is applied; then the connection is cut without a reply.
    CutAfter,
    /// The request is applied and never answered; the connection lives.
    SwallowReply,
    /// The request is applied; half of the reply's frame is sent, then the connection is cut.
    HalfReply,
    /// The request is applied; the reply, and all that follows it, waits for [`Faults::release`].
    Stall,
    /// The request is applied; the reply, and all that follows it, waits so long.
    StallFor(Duration),
    /// The session ends, as if its timeout were over, before the request is applied.
    ExpireSession,
}

/// Which requests are counted; pings never are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// All requests but pings.
    Requests,
    /// `create` and its kin, `delete`, `setData`, `setACL` and multis of writes.
    Writes,
}

/// The faults that are planned, and how many fired.
///
/// Requests of all connections are counted together, in the order in which the server takes them.
#[derive(Debug)]
pub struct Faults {
    plan: Mutex<Plan>,
    releases: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Plan {
    planned: Vec<Planned>,
    delay: Duration,
    fired: usize,
}

#[derive(Debug)]
struct Planned {
    /// How many of the counted requests it takes; the fault hits the last of them.
    left: u64,
    counted: Counted,
    fault: Fault,
}

/// What is decided for one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) fault: Option<Fault>,
    pub(super) delay: Duration,
}

impl Faults {
    pub(super) fn new() -> Faults {
        Faults {
            plan: Mutex::default(),
            releases: watch::Sender::new(0),
        }
    }

    /// Plans a fault for the `k`-th counted request from now; 1 is the next one.
    ///
    /// Of two faults that are due at the same request, the one planned later takes the next counted request.
    pub fn plan(&self, k: u64, counted: Counted, fault: Fault) {
        lock(&self.plan).planned.push(Planned {
            left: k.max(1),
            counted,
            fault,
        });
    }

    /// Delays the reply to every request from now on, pings too, by so long; zero ends it.
    pub fn delay_every(&self, delay: Duration) {
        lock(&self.plan).delay = delay;
    }

    /// Lets go every reply that is [stalled](Fault::Stall) now.
    pub fn release(&self) {
        self.releases.send_modify(|releases| *releases += 1);
    }

    /// Forgets every fault that has not fired and the delay, and releases what is stalled.
    pub fn clear(&self) {
        let mut plan = lock(&self.plan);
        plan.planned.clear();
        plan.delay = Duration::ZERO;
        drop(plan);
        self.release();
    }

    /// Returns how many faults fired since the server started; delays are not counted.
    pub fn fired(&self) -> usize {
        lock(&self.plan).fired
    }

    /// Returns how many faults are planned and have not fired.
    pub fn planned(&self) -> usize {
        lock(&self.plan).planned.len()
    }

    /// Counts a request and decides what happens to it; `None` is a request that cannot be read.
    pub(super) fn verdict(&self, request: Option<&Request>) -> Verdict {
        let mut plan = lock(&self.plan);
        let delay = plan.delay;
        let fault = match request {
            Some(Request::Ping) => None,
            request => plan.count(request.is_some_and(is_write)),
        };
        plan.fired += usize::from(fault.is_some());
        Verdict { fault, delay }
    }

    /// Returns how often stalls were released.
    pub(super) fn released(&self) -> u64 {
        *self.releases.borrow()
    }

    /// Returns a receiver that learns of every release.
    pub(super) fn releases(&self) -> watch::Receiver<u64> {
        self.releases.subscribe()
    }
}

impl Plan {
    fn count(&mut self, is_write: bool) -> Option<Fault> {
        let mut due = None;
        for (index, planned) in self.planned.iter_mut().enumerate() {
            if planned.counted == Counted::Writes && !is_write {
                continue;
            }
            // A fault that finds another one due stays at 1: it is due at the next request.
            if planned.left > 1 {
                planned.left -= 1;
            } else if due.is_none() {
                due = Some(index);
            }
        }
        due.map(|index| self.planned.remove(index).fault)
    }
}

fn is_write(request: &Request) -> bool {
    matches!(
        request,
        Request::Create(_)
            | Request::Delete(_)
            | Request::SetData(_)
            | Request::SetAcl { .. }
            | Request::Multi(_)
    )
}
