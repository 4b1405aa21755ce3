//! Clients and their connections: requests arrive in order, replies too, until the connection breaks.
//!
//! A client is what a client library is: it connects again to the same session, and tells of a request whose
//! connection broke only that it broke. What the server does with a request is `serve`'s business.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use memkeeper::database::{Connect, Connected, ConnectionId, ErrorCode, Request, Response, SessionId};

use super::{Due, Fault, Inner, MILLISECOND, Micros, TaskId, World};
use crate::checker::{Operation, Who};

/// A client: one session and the connections that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientId(pub(super) usize);

/// A request whose answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// Why there is no answer; the request may have been done all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The connection broke.
    Connection,
    /// The session has ended.
    Session,
    /// It took too long.
    Deadline,
}

/// What became of a request: only what the server said inside a reply is certain.
pub type Outcome = Result<Result<Response, ErrorCode>, Lost>;

/// What the checker must know of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A transaction of a commitment, by its place.
    Transaction(Operation, usize, usize),
    /// A reading of `/hosts` and the state.
    Reading(Operation),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Connected,
    Connecting,
    Ended,
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct Message {
    pub ticket: Ticket,
    pub request: Request,
    pub sent: Option<Sent>,
    pub fault: Option<Fault>,
}

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    pub owner: TaskId,
    pub who: Who,
    pub session: SessionId,
    pub password: [u8; 16],
    pub timeout: Micros,
    pub connection: ConnectionId,
    /// Counts the connections: what belongs to an earlier one is ignored.
    pub epoch: u64,
    pub state: State,
    pub outbox: VecDeque<Message>,
    pub unanswered: Vec<Ticket>,
    /// The server says nothing more on this connection.
    pub is_silent: bool,
    pub arrives: Micros,
    pub answers: Micros,
    pub broken_at: Micros,
}

/// An answer that somebody waits for.
#[derive(Debug)]
pub(super) struct Waiting {
    pub task: TaskId,
    pub client: ClientId,
    pub reply: Option<Result<Response, ErrorCode>>,
    pub outcome: Option<Outcome>,
}

impl World {
    /// Opens a session; `None` while no server can be reached.
    pub fn open(&self, who: Who, timeout: Micros) -> Option<ClientId> {
        self.with(|inner| inner.open(who, timeout))
    }

    /// Sends a request; the answer is for whoever polls what is returned.
    pub fn send(
        &self,
        client: ClientId,
        request: Request,
        sent: Option<Sent>,
        fault: Option<Fault>,
        deadline: Micros,
    ) -> Answering {
        let ticket = self.with(|inner| inner.send(client, request, sent, fault));
        Answering {
            world: self.clone(),
            ticket,
            deadline,
            is_queued: false,
        }
    }

    /// Sends a request without a fault and waits for the answer.
    pub async fn call(&self, client: ClientId, request: Request) -> Outcome {
        self.send(client, request, None, None, Micros::MAX).await
    }

    /// Tells whether the session is known to have ended.
    pub fn is_ended(&self, client: ClientId) -> bool {
        self.with(|inner| inner.clients[client.0].state == State::Ended)
    }

    /// Returns the session's id.
    pub fn session_id(&self, client: ClientId) -> i64 {
        self.with(|inner| inner.clients[client.0].session.0)
    }

    /// Lets the current process sleep: from now on nothing of it moves.
    pub fn pause(&self, span: Micros) {
        self.with(|inner| {
            let until = inner.now + span;
            let current = inner.current.0;
            inner.tasks[current].paused_until = until;
        });
    }

    /// Lets the current process die at its next gap; its connections break.
    pub fn crash(&self) {
        self.with(|inner| {
            let task = inner.current;
            inner.tasks[task.0].is_crashed = true;
            let name = inner.tasks[task.0].name.clone();
            inner.trace(|| format!("{name} crashes"));
            for client in (0..inner.clients.len()).map(ClientId) {
                if inner.clients[client.0].owner == task && inner.clients[client.0].state != State::Ended {
                    inner.break_connection(client);
                    inner.clients[client.0].state = State::Ended;
                    let (session, timeout) =
                        (inner.clients[client.0].session.0, inner.clients[client.0].timeout);
                    inner.checker.at(inner.now);
                    inner.checker.abandoned(session, timeout);
                }
            }
            inner.wake(task);
        });
    }
}

impl Inner {
    fn open(&mut self, who: Who, timeout: Micros) -> Option<ClientId> {
        if self.now < self.outage_until {
            return None;
        }
        let connect = Connect {
            last_zxid_seen: 0,
            timeout: (timeout / MILLISECOND) as i32,
            session: SessionId::NONE,
            password: vec![0; 16],
            read_only: false,
        };
        let now = self.clock();
        let Connected::Open {
            connection,
            session,
            password,
            timeout,
        } = self.database.connect(&connect, [127, 0, 0, 1].into(), now)
        else {
            unreachable!("a new session opens");
        };
        let owner = self.current;
        let name = self.tasks[owner.0].name.clone();
        self.trace(|| format!("{name} opens session {:x}", session.0));
        self.checker.session(session.0, who);
        self.judge_transactions();
        self.clients.push(Client {
            owner,
            who,
            session,
            password,
            timeout: timeout as Micros * MILLISECOND,
            connection,
            epoch: 0,
            state: State::Connected,
            outbox: VecDeque::new(),
            unanswered: Vec::new(),
            is_silent: false,
            arrives: 0,
            answers: 0,
            broken_at: 0,
        });
        Some(ClientId(self.clients.len() - 1))
    }

    fn send(
        &mut self,
        client: ClientId,
        request: Request,
        sent: Option<Sent>,
        fault: Option<Fault>,
    ) -> Ticket {
        self.sequence += 1;
        let ticket = Ticket(self.sequence);
        let is_ended = self.clients[client.0].state == State::Ended;
        let outcome = is_ended.then_some(Err(Lost::Session));
        self.tickets.insert(
            ticket,
            Waiting {
                task: self.current,
                client,
                reply: None,
                outcome,
            },
        );
        if !is_ended {
            self.clients[client.0].outbox.push_back(Message {
                ticket,
                request,
                sent,
                fault,
            });
            let late = if fault == Some(Fault::Late) {
                self.clients[client.0].timeout
            } else {
                0
            };
            self.queue_delivery(client, late);
        }
        ticket
    }

    /// Lets one message more arrive, after those before it.
    fn queue_delivery(&mut self, client: ClientId, late: Micros) {
        let latency = self.random.between(200, 2_000) + self.random.below(late.max(1));
        let at = &mut self.clients[client.0];
        if at.state != State::Connected {
            return;
        }
        at.arrives = at.arrives.max(self.now + latency);
        let (span, epoch) = (at.arrives - self.now, at.epoch);
        self.after(span, Due::Deliver(client, epoch));
    }

    /// Gives an answer to whoever waits for it.
    pub(super) fn resolve(&mut self, ticket: Ticket, outcome: Outcome) {
        let Some(waiting) = self.tickets.get_mut(&ticket) else {
            return;
        };
        waiting.outcome = Some(outcome);
        let task = waiting.task;
        self.wake(task);
    }

    /// Breaks a client's connection: part of what it sent is still on the wire, part is lost, part was never sent.
    pub(super) fn break_connection(&mut self, client: ClientId) {
        let again = self.reconnects_after(client);
        let now = self.now;
        let at = &mut self.clients[client.0];
        if at.state != State::Connected {
            return;
        }
        at.epoch += 1;
        at.state = State::Connecting;
        at.is_silent = false;
        at.broken_at = now;
        let epoch = at.epoch;
        let unanswered = std::mem::take(&mut at.unanswered);
        let outbox = std::mem::take(&mut at.outbox);
        let (session, all) = (at.session.0, outbox.len() as u64);
        let stray = self.random.between(0, all);
        let lost = self.random.between(stray, all);
        self.trace(|| {
            format!("connection of session {session:x} breaks: {stray} of {all} arrive, {lost} are gone")
        });
        for ticket in unanswered {
            self.resolve(ticket, Err(Lost::Connection));
        }
        let mut arrives = 0;
        for (index, message) in (0..).zip(outbox) {
            if index < stray {
                arrives += self.random.below(again / (all + 1)).max(1);
                self.after(
                    arrives,
                    Due::Stray(client, epoch, message.request.clone(), message.sent),
                );
            }
            if index < lost {
                self.resolve(message.ticket, Err(Lost::Connection));
            } else {
                self.clients[client.0].outbox.push_back(Message {
                    fault: None,
                    ..message
                });
            }
        }
        self.after(again, Due::Reconnect(client));
    }

    /// Draws how long a client takes to connect again: now and then longer than its session lives.
    fn reconnects_after(&mut self, client: ClientId) -> Micros {
        let timeout = self.clients[client.0].timeout;
        match self.random.below(8) {
            0 => self.random.between(timeout / 2, timeout * 2),
            _ => self.random.between(5 * MILLISECOND, timeout / 4),
        }
    }

    /// Connects to the same session again, or learns that it has ended.
    pub(super) fn reconnect(&mut self, client: ClientId) {
        let at = &self.clients[client.0];
        let not_before = self.outage_until.max(self.tasks[at.owner.0].paused_until);
        if at.state != State::Connecting {
            return;
        }
        if not_before > self.now {
            let span = not_before - self.now + self.random.between(1, 50) * MILLISECOND;
            return self.after(span, Due::Reconnect(client));
        }
        // A client that was away for longer than its session lives gives up by itself.
        let gives_up = self.now - at.broken_at > at.timeout;
        let connect = Connect {
            last_zxid_seen: 0,
            timeout: (at.timeout / MILLISECOND) as i32,
            session: at.session,
            password: at.password.to_vec(),
            read_only: false,
        };
        let (old, session) = (at.connection, at.session.0);
        self.database.disconnect(old);
        let now = self.clock();
        if gives_up && self.random.below(2) == 0 {
            return self.end_client(client);
        }
        match self.database.connect(&connect, [127, 0, 0, 1].into(), now) {
            Connected::Open { connection, .. } => {
                self.trace(|| format!("session {session:x} is connected again"));
                let at = &mut self.clients[client.0];
                at.connection = connection;
                at.state = State::Connected;
                for _ in 0..at.outbox.len() {
                    self.queue_delivery(client, 0);
                }
            }
            Connected::Expired | Connected::Ahead => self.end_client(client),
        }
    }

    /// The client knows now that its session is over.
    pub(super) fn end_client(&mut self, client: ClientId) {
        let at = &mut self.clients[client.0];
        at.state = State::Ended;
        at.epoch += 1;
        let session = at.session.0;
        let waiting = at
            .unanswered
            .drain(..)
            .chain(at.outbox.drain(..).map(|message| message.ticket));
        let waiting: Vec<Ticket> = waiting.collect();
        self.trace(|| format!("the client of session {session:x} knows that it is over"));
        for ticket in waiting {
            self.resolve(ticket, Err(Lost::Session));
        }
    }

    pub(super) fn begin_outage(&mut self, span: Micros) {
        self.outage_until = self.now + span;
        self.trace(|| format!("no server for {} ms", span / MILLISECOND));
        for client in (0..self.clients.len()).map(ClientId) {
            self.break_connection(client);
        }
    }
}

/// Waits for an answer.
pub struct Answering {
    world: World,
    ticket: Ticket,
    deadline: Micros,
    is_queued: bool,
}

impl Future for Answering {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Outcome> {
        let (ticket, deadline) = (self.ticket, self.deadline);
        let queues = !self.is_queued && deadline != Micros::MAX;
        let polled = self.world.with(|inner| {
            let waiting = inner.tickets.get_mut(&ticket)?;
            waiting.task = inner.current;
            if let Some(outcome) = waiting.outcome.take() {
                inner.tickets.remove(&ticket);
                return Some(outcome);
            }
            if inner.now >= deadline {
                inner.tickets.remove(&ticket);
                return Some(Err(Lost::Deadline));
            }
            if queues {
                let (span, task) = (deadline - inner.now, inner.current);
                inner.after(span, Due::Wake(task));
            }
            None
        });
        self.is_queued = true;
        polled.map_or(Poll::Pending, Poll::Ready)
    }
}
