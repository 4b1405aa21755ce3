//! What all connections share: one database behind one lock, and who is connected.
//!
//! Every change of the database goes through here, so that its watches are queued before anything else is: an event
//! is always behind the reply that left its watch and before the reply of the write that fired it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::faults::{Fault, Faults, Verdict};
use super::outbox::{Budget, Hold, Item, Outbox};
use super::{ServerOptions, lock};
use crate::database::{
    Connect, Connected, ConnectionId, Database, ErrorCode, Millis, Reply, Request, SessionId, Unread,
};
use crate::wire::{self, Header, Malformed, Operation, Wants};

/// The zxid of a reply to an operation that is not known.
const ZXID_UNKNOWN: i64 = -1;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    clock: Clock,
    pub(super) faults: Faults,
    pub(super) options: ServerOptions,
    pub(super) budget: Arc<Budget>,
    pub(super) traffic: Traffic,
}

/// Frames that came and went, for `srvr` and `mntr`.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
}

/// What the lock guards.
#[derive(Debug)]
pub(super) struct State {
    pub(super) database: Database,
    connections: BTreeMap<ConnectionId, Client>,
}

/// Who is connected.
#[derive(Debug)]
struct Client {
    session: SessionId,
    address: SocketAddr,
    outbox: Arc<Outbox>,
}

/// A wall clock that never goes back: milliseconds since 1970 as they were at the start, plus the time since then.
#[derive(Debug)]
struct Clock {
    started: Instant,
    started_at: Millis,
}

/// A connection that was accepted.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: ConnectionId,
    pub(super) outbox: Arc<Outbox>,
}

/// How a connection request ended.
#[derive(Debug)]
pub(super) enum Opening {
    Open(Opened),
    /// The reply says that the session is gone.
    Refused,
    /// There is no reply.
    Dropped,
}

impl Shared {
    pub(super) fn new(database: Database, options: ServerOptions) -> Shared {
        Shared {
            state: Mutex::new(State {
                database,
                connections: BTreeMap::new(),
            }),
            clock: Clock::new(),
            faults: Faults::new(),
            budget: Budget::new(options.buffered_bytes_max),
            options,
            traffic: Traffic::default(),
        }
    }

    /// Opens or reopens a session. Its greeting is the first item of the connection's outbox.
    pub(super) fn open(&self, connect: &Connect, wants: Wants, address: SocketAddr) -> Opening {
        let mut state = lock(&self.state);
        if connect.session != SessionId::NONE {
            // The real server cuts the older connection even if the newcomer turns out to have a wrong password.
            state.cut_session(connect.session);
        }
        match state.database.connect(connect, address.ip(), self.clock.now()) {
            Connected::Ahead => Opening::Dropped,
            Connected::Expired => Opening::Refused,
            Connected::Open {
                connection,
                session,
                password,
                timeout,
            } => {
                let mut greeting = Vec::new();
                wire::encode_connected(&mut greeting, session, &password, timeout, wants);
                let outbox = Outbox::new(self.budget.share(), self.options.unread_bytes_max);
                outbox.push(Item::Bytes(greeting), Hold::No);
                let outbox = Arc::new(outbox);
                let client = Client {
                    session,
                    address,
                    outbox: Arc::clone(&outbox),
                };
                state.connections.insert(connection, client);
                state.deliver();
                Opening::Open(Opened { connection, outbox })
            }
        }
    }

    /// Forgets a connection; its session lives on until it expires.
    pub(super) fn close(&self, connection: ConnectionId) {
        lock(&self.state).disconnect(connection);
    }

    /// Takes one request of a connection: applies it and queues its reply.
    ///
    /// A connection that must end is sent what is queued for it, then nothing more.
    pub(super) fn take(&self, opened: &Opened, message: &[u8]) {
        self.traffic.received.fetch_add(1, Ordering::Relaxed);
        let Ok((header, body)) = wire::decode_header(message) else {
            return opened.outbox.push(Item::End, Hold::No);
        };
        if header.code == Operation::Sasl.code() {
            let refusal = wire::decode_sasl(body).map_or(Item::End, |_| Item::SaslRefusal(header));
            return opened.outbox.push(refusal, Hold::No);
        }
        let request = wire::decode_request(header.code, body);
        if request.is_err() && header.code == Operation::Auth.code() {
            // The real server reads this one where nothing can be replied any more.
            return opened.outbox.push(Item::End, Hold::No);
        }
        let verdict = self.faults.verdict(request.as_ref().ok());
        if verdict.fault == Some(Fault::CutBefore) {
            return opened.outbox.push(Item::End, Hold::No);
        }
        let mut state = lock(&self.state);
        let now = self.clock.now();
        if verdict.fault == Some(Fault::ExpireSession) {
            opened.outbox.push(Item::End, Hold::No);
            return state.expire(opened.connection, now);
        }
        let ends = Ends::of(&request);
        let reply = state.reply(opened.connection, header.code, request, now);
        state.deliver();
        let ends = ends.after(&reply);
        // Still under the lock: the reply goes before any event of a later request.
        self.queue(opened, header, reply, &verdict);
        if ends {
            opened.outbox.push(Item::End, Hold::No);
        }
    }

    /// Queues a reply as the plan of faults wants it.
    fn queue(&self, opened: &Opened, header: Header, reply: Reply, verdict: &Verdict) {
        let now = tokio::time::Instant::now();
        let delayed = match verdict.delay.is_zero() {
            true => Hold::No,
            false => Hold::Until(now + verdict.delay),
        };
        let (item, hold) = match verdict.fault {
            None => (Item::Reply(header, reply), delayed),
            Some(Fault::SwallowReply) => return,
            Some(Fault::HalfReply) => (Item::HalfReply(header, reply), delayed),
            Some(Fault::Stall) => (Item::Reply(header, reply), Hold::Released(self.faults.released())),
            Some(Fault::StallFor(time)) => (Item::Reply(header, reply), Hold::Until(now + time)),
            Some(Fault::CutBefore | Fault::CutAfter | Fault::ExpireSession) => (Item::End, delayed),
        };
        opened.outbox.push(item, hold);
    }

    /// Lets time pass: sessions end, nodes that are due go.
    pub(super) fn tick(&self) {
        let mut state = lock(&self.state);
        let ended = state.database.tick(self.clock.now());
        state.deliver();
        if !ended.is_empty() {
            state.cut_ended();
        }
    }

    /// Runs `look` with the database, then delivers what it set off.
    pub(super) fn with_database<T>(&self, look: impl FnOnce(&mut Database) -> T) -> T {
        let mut state = lock(&self.state);
        let found = look(&mut state.database);
        state.deliver();
        state.cut_ended();
        found
    }

    /// Returns the number of open connections beside what `look` sees in the database.
    pub(super) fn observe<T>(&self, look: impl FnOnce(&Database, usize) -> T) -> T {
        let state = lock(&self.state);
        look(&state.database, state.connections.len())
    }

    /// Returns who is connected: each client's address and session.
    pub(super) fn clients(&self) -> Vec<(SocketAddr, SessionId)> {
        let state = lock(&self.state);
        let clients = state.connections.values();
        clients.map(|client| (client.address, client.session)).collect()
    }
}

impl Traffic {
    pub(super) fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }
}

impl State {
    fn reply(
        &mut self,
        connection: ConnectionId,
        code: i32,
        request: Result<Request, Malformed>,
        now: Millis,
    ) -> Reply {
        match request {
            Ok(Request::Unknown(_)) => {
                self.database.call(connection, Request::Ping, now);
                Reply {
                    zxid: ZXID_UNKNOWN,
                    result: Err(ErrorCode::Unimplemented),
                }
            }
            Ok(request) => self.database.call(connection, request, now),
            Err(malformed) => {
                let taken = match Operation::from_code(code).is_some_and(Operation::is_write) {
                    true => Unread::Write,
                    false => Unread::Read,
                };
                self.database.refuse(connection, taken, malformed.code(), now)
            }
        }
    }

    fn expire(&mut self, connection: ConnectionId, now: Millis) {
        if let Some(session) = self.connections.get(&connection).map(|client| client.session) {
            self.database.expire(session, now);
        }
        self.deliver();
        self.cut_ended();
    }

    /// Queues the watches that fired at the connections that left them.
    fn deliver(&mut self) {
        for notification in self.database.take_notifications() {
            if let Some(client) = self.connections.get(&notification.connection) {
                let event = Item::Event(notification.kind, notification.path);
                client.outbox.push(event, Hold::No);
            }
        }
    }

    fn disconnect(&mut self, connection: ConnectionId) {
        if self.connections.remove(&connection).is_some() {
            self.database.disconnect(connection);
        }
    }

    fn cut_session(&mut self, session: SessionId) {
        self.cut_where(|_, client| client.session == session);
    }

    /// Cuts the connections of sessions that are no more, unless they are about to end by themselves.
    fn cut_ended(&mut self) {
        self.cut_where(|database, client| !client.outbox.is_ending() && !database.is_alive(client.session));
    }

    fn cut_where(&mut self, is_cut: impl Fn(&Database, &Client) -> bool) {
        let database = &self.database;
        let cut: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, client)| is_cut(database, client))
            .map(|(connection, _)| *connection)
            .collect();
        for connection in cut {
            if let Some(client) = self.connections.get(&connection) {
                client.outbox.cut();
            }
            self.disconnect(connection);
        }
    }
}

/// Whether a request ends its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Always,
    IfRefused,
    IfExpired,
}

impl Ends {
    fn of(request: &Result<Request, Malformed>) -> Ends {
        match request {
            Ok(Request::CloseSession | Request::Unknown(_)) => Ends::Always,
            Ok(Request::Auth { .. }) => Ends::IfRefused,
            _ => Ends::IfExpired,
        }
    }

    fn after(self, reply: &Reply) -> bool {
        match self {
            Ends::Always => true,
            Ends::IfRefused => reply.result.is_err(),
            Ends::IfExpired => reply.result == Err(ErrorCode::SessionExpired),
        }
    }
}

impl Clock {
    fn new() -> Clock {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock {
            started: Instant::now(),
            started_at: millis(since_1970),
        }
    }

    fn now(&self) -> Millis {
        self.started_at.saturating_add(millis(self.started.elapsed()))
    }
}

fn millis(time: std::time::Duration) -> Millis {
    Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX)
}
