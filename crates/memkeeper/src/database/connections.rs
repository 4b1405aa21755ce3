//! How connections and sessions begin and end.

use std::net::IpAddr;

use super::access::address_identity;
use super::{Connect, Connected, ConnectionId, Database, Millis, SessionId};

impl Database {
    /// Begins a connection, on a new session or an old one.
    ///
    /// Coming back takes the session from the connection that it was on: that one is then no longer known.
    pub fn connect(&mut self, connect: &Connect, address: IpAddr, now: Millis) -> Connected {
        if connect.last_zxid_seen > self.last_zxid {
            return Connected::Ahead;
        }
        let options = &self.options;
        // Not `clamp`: it panics if the bounds are the wrong way round.
        let timeout = connect
            .timeout
            .max(options.session_timeout_min)
            .min(options.session_timeout_max);
        let session = match connect.session {
            SessionId::NONE => self.open_session(timeout, now),
            session => match self.resume_session(session, &connect.password, timeout, now) {
                true => session,
                false => return Connected::Expired,
            },
        };
        Connected::Open {
            connection: self.sessions.attach(session, address_identity(address)),
            session,
            password: self.sessions.password(session),
            timeout,
        }
    }

    /// Ends a connection: its watches and identities go, the session stays until it expires.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        self.sessions.detach(connection);
        self.watches.forget(connection);
    }

    /// Ends the sessions whose time is over and deletes the containers and TTL nodes that are due.
    ///
    /// Returns the ended sessions, the longest overdue first.
    pub fn tick(&mut self, now: Millis) -> Vec<SessionId> {
        let ended = self.sessions.due(now);
        for session in &ended {
            self.end_session(*session);
        }
        self.delete_transient(now);
        ended
    }

    /// Ends a session at once, as if its time were over; a fault for tests.
    pub fn expire(&mut self, session: SessionId, _now: Millis) {
        self.end_session(session);
    }

    /// Returns the session that a connection is on, if both are there.
    pub fn session_of(&self, connection: ConnectionId) -> Option<SessionId> {
        self.sessions
            .connections
            .get(&connection)
            .map(|connection| connection.session)
    }

    /// Tells whether a session has begun and not ended.
    pub fn is_alive(&self, session: SessionId) -> bool {
        self.sessions.get(session).is_some()
    }

    /// Counts the sessions that are alive.
    pub fn sessions(&self) -> usize {
        self.sessions.count()
    }

    fn open_session(&mut self, timeout: i32, now: Millis) -> SessionId {
        self.last_zxid += 1;
        let session = self.sessions.open(timeout, now);
        self.commit(session, Vec::new());
        session
    }

    /// The real server ends the old connection before it looks at the password, and so does this.
    fn resume_session(&mut self, session: SessionId, password: &[u8], timeout: i32, now: Millis) -> bool {
        let known = self.sessions.password(session) == password;
        let Some(resumed) = self.sessions.get_mut(session) else {
            return false;
        };
        let old = resumed.connection;
        if known {
            resumed.timeout = timeout;
        }
        if let Some(old) = old {
            self.disconnect(old);
        }
        known && self.sessions.touch(session, now)
    }
}
