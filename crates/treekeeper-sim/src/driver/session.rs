//! One session: how it is opened, and how every request on it gets a deadline and its share of faults.

use memkeeper::database::{ErrorCode, Request, Response};
use treekeeper_core::operation::{Failure, FailureKind};

use crate::checker::{Operation, Who};
use crate::sabotage::Bug;
use crate::world::{ClientId, Fault, Lost, MILLISECOND, Micros, SECOND, Sent, World};

/// How a process of treekeeper reaches the server.
#[derive(Clone)]
pub struct Access {
    /// Where.
    pub world: World,
    /// Who.
    pub who: Who,
    /// What is asked of the server.
    pub session_timeout: Micros,
    /// How long one request may take.
    pub request_timeout: Micros,
    /// Whether faults may hit.
    pub is_faulty: bool,
    /// A bug on purpose.
    pub bug: Option<Bug>,
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No server could be reached.
    Unreachable,
    /// The node is not there.
    NoNode(String),
    /// The session is gone.
    SessionLost(String),
    /// It took too long.
    Deadline(String),
    /// A write of an operator whose reply was lost with the session.
    Ambiguous,
    /// What the server said.
    Other(String),
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Failure {
        let kind = match trouble {
            Trouble::SessionLost(_) => FailureKind::SessionLost,
            _ => FailureKind::Error,
        };
        let message = match trouble {
            Trouble::Unreachable => "cannot reach ZooKeeper".to_owned(),
            Trouble::NoNode(path) => format!("there is no znode {path}"),
            Trouble::SessionLost(action) => format!("the ZooKeeper session was lost while {action}"),
            Trouble::Deadline(action) => format!("ZooKeeper did not answer within the limit while {action}"),
            Trouble::Ambiguous => "the connection broke: whether it was done is not known".to_owned(),
            Trouble::Other(text) => text,
        };
        Failure {
            kind,
            code: None,
            message,
            hint: None,
        }
    }
}

/// An open session.
pub struct Session {
    /// How it was opened.
    pub access: Access,
    /// The client beneath.
    pub client: ClientId,
}

/// How long to try to connect.
const CONNECT_MAX: Micros = 6 * SECOND;
/// The pause between two attempts to connect.
const CONNECT_PAUSE: Micros = 250 * MILLISECOND;

impl Session {
    /// Opens a session, trying again for a while.
    pub async fn open(access: &Access) -> Result<Session, Trouble> {
        let deadline = access.world.now() + CONNECT_MAX;
        loop {
            access.world.sleep(MILLISECOND).await;
            if let Some(client) = access.world.open(access.who, access.session_timeout) {
                return Ok(Session {
                    access: access.clone(),
                    client,
                });
            }
            if access.world.now() + CONNECT_PAUSE >= deadline {
                return Err(Trouble::Unreachable);
            }
            access.world.sleep(CONNECT_PAUSE).await;
        }
    }

    /// Returns the world.
    pub fn world(&self) -> &World {
        &self.access.world
    }

    /// Returns the operation whose session it is, if it is one's.
    pub fn operation(&self) -> Option<Operation> {
        match self.access.who {
            Who::Treekeeper(operation) => Some(operation),
            _ => None,
        }
    }

    /// Tells whether the session is known to be over.
    pub fn is_over(&self) -> bool {
        self.world().is_ended(self.client)
    }

    /// Returns the moment when a request that begins now has taken too long.
    pub fn deadline(&self) -> Micros {
        self.clock() + self.access.request_timeout
    }

    /// Returns the clock that deadlines are kept by.
    pub fn clock(&self) -> Micros {
        match self.access.bug {
            Some(Bug::WallClockDeadline) => self.world().wall_clock() as Micros * SECOND,
            _ => self.world().now(),
        }
    }

    /// Closes the session and waits a little for the server's word.
    pub async fn close(self) {
        let deadline = self.world().now() + 2 * SECOND;
        let _ = self
            .world()
            .send(self.client, Request::CloseSession, None, None, deadline)
            .await;
    }

    /// Lets go of the session: the server is asked to end it, and nobody waits.
    pub fn let_go(&self) {
        drop(
            self.world()
                .send(self.client, Request::CloseSession, None, None, 0),
        );
    }

    /// Waits for one request until the deadline, with whatever goes wrong at it.
    pub async fn once(
        &self,
        action: &str,
        request: Request,
        sent: Option<Sent>,
        deadline: Micros,
    ) -> Result<Result<Result<Response, ErrorCode>, Lost>, Trouble> {
        let fault = self
            .meet_fault(self.world().with(|inner| inner.rates.per_call))
            .await;
        let answering = self
            .world()
            .send(self.client, request, sent, fault, self.in_world_time(deadline));
        self.meet_fault_after(fault).await;
        match answering.await {
            Err(Lost::Deadline) => Err(Trouble::Deadline(action.to_owned())),
            outcome => Ok(outcome),
        }
    }

    /// Performs one request that may be repeated, again after each broken connection until the deadline.
    pub async fn repeat(&self, action: &str, path: &str, request: Request) -> Result<Response, Trouble> {
        self.repeat_as(action, path, request, None).await
    }

    /// The same for a request that the checker must know of.
    pub async fn repeat_as(
        &self,
        action: &str,
        path: &str,
        request: Request,
        sent: Option<Sent>,
    ) -> Result<Response, Trouble> {
        let action = format!("{action} {path}");
        let deadline = self.deadline();
        loop {
            match self.once(&action, request.clone(), sent, deadline).await? {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(ErrorCode::NoNode)) => return Err(Trouble::NoNode(path.to_owned())),
                Err(_) | Ok(Err(ErrorCode::SessionExpired)) if self.is_over() => {
                    return Err(Trouble::SessionLost(action));
                }
                Err(_) | Ok(Err(ErrorCode::SessionExpired)) => self.world().sleep(20 * MILLISECOND).await,
                Ok(Err(code)) => return Err(Trouble::Other(format!("{action} failed: {code}"))),
            }
        }
    }

    /// Returns a deadline of [`Session::clock`] by the world's time.
    pub fn in_world_time(&self, deadline: Micros) -> Micros {
        self.world().now() + deadline.saturating_sub(self.clock())
    }

    /// Draws a fault, and lets happen what happens before a request is sent.
    pub async fn meet_fault(&self, chance: u64) -> Option<Fault> {
        let fault = if self.access.is_faulty {
            self.world().fault(chance)
        } else {
            None
        };
        if let Some(fault) = fault {
            self.world().trace(|| format!("fault: {fault:?}"));
        }
        match fault {
            Some(Fault::PausedBefore) => self.pause().await,
            Some(Fault::CrashBefore) => self.crash().await,
            Some(Fault::ClockJump) => self.world().jump_clock(),
            _ => {}
        }
        fault
    }

    /// Lets happen what happens after a request was sent.
    pub async fn meet_fault_after(&self, fault: Option<Fault>) {
        match fault {
            Some(Fault::PausedAfter) => self.pause().await,
            Some(Fault::CrashAfter) => {
                self.world().sleep(self.world().between(0, 3 * MILLISECOND)).await;
                self.crash().await;
            }
            _ => {}
        }
    }

    async fn pause(&self) {
        let timeout = self.access.session_timeout;
        let span = self.world().draw(|random| crate::world::pause(random, timeout));
        self.world().pause(span);
        self.world().sleep(1).await;
    }

    async fn crash(&self) {
        self.world().crash();
        std::future::pending::<()>().await;
    }
}
