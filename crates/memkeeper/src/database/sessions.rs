//! Sessions and the connections that they are on: who is there, since when and until when.

use std::collections::{BTreeMap, BTreeSet};

use super::{ConnectionId, Identity, Millis, SessionId};

/// One client's claim to be alive.
#[derive(Debug)]
pub(super) struct Session {
    pub timeout: i32,
    /// The connection that it is on now.
    pub connection: Option<ConnectionId>,
    /// The paths of its ephemeral nodes.
    pub ephemerals: BTreeSet<String>,
    ends: Millis,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub session: SessionId,
    /// What the address makes of it.
    pub address: Identity,
    /// The address, then what was proven.
    pub identities: Vec<Identity>,
}

/// Every session and connection.
#[derive(Debug)]
pub(super) struct Sessions {
    pub connections: BTreeMap<ConnectionId, Connection>,
    alive: BTreeMap<SessionId, Session>,
    by_end: BTreeSet<(Millis, SessionId)>,
    next: i64,
    connected: u64,
    seed: u64,
}

impl Sessions {
    /// Returns nobody.
    pub fn new(first: SessionId, seed: u64) -> Sessions {
        Sessions {
            connections: BTreeMap::new(),
            alive: BTreeMap::new(),
            by_end: BTreeSet::new(),
            next: first.0,
            connected: 0,
            seed,
        }
    }

    /// Begins a session.
    pub fn open(&mut self, timeout: i32, now: Millis) -> SessionId {
        let id = SessionId(self.next);
        self.next = self.next.wrapping_add(1);
        let session = Session {
            timeout,
            connection: None,
            ephemerals: BTreeSet::new(),
            ends: now,
        };
        self.alive.insert(id, session);
        self.by_end.insert((now, id));
        self.touch(id, now);
        id
    }

    /// Puts a session onto a new connection.
    pub fn attach(&mut self, session: SessionId, address: Identity) -> ConnectionId {
        self.connected += 1;
        let connection = ConnectionId(self.connected);
        let identities = vec![address.clone()];
        let begun = Connection {
            session,
            address,
            identities,
        };
        self.connections.insert(connection, begun);
        if let Some(session) = self.alive.get_mut(&session) {
            session.connection = Some(connection);
        }
        connection
    }

    /// Ends a connection; its session stays.
    pub fn detach(&mut self, connection: ConnectionId) {
        let Some(Connection { session, .. }) = self.connections.remove(&connection) else {
            return;
        };
        if let Some(session) = self
            .alive
            .get_mut(&session)
            .filter(|it| it.connection == Some(connection))
        {
            session.connection = None;
        }
    }

    /// Returns who a connection is.
    pub fn identities(&self, connection: ConnectionId) -> &[Identity] {
        self.connections
            .get(&connection)
            .map_or(&[], |connection| &connection.identities)
    }

    /// Begins the session's time anew; returns false for one that is gone.
    pub fn touch(&mut self, id: SessionId, now: Millis) -> bool {
        let Some(session) = self.alive.get_mut(&id) else {
            return false;
        };
        let ends = now.saturating_add(Millis::from(session.timeout));
        if ends != session.ends {
            self.by_end.remove(&(session.ends, id));
            self.by_end.insert((ends, id));
            session.ends = ends;
        }
        true
    }

    /// Ends a session and returns what it was.
    pub fn close(&mut self, id: SessionId) -> Option<Session> {
        let session = self.alive.remove(&id)?;
        self.by_end.remove(&(session.ends, id));
        Some(session)
    }

    /// Returns a session that is alive.
    pub fn get(&self, id: SessionId) -> Option<&Session> {
        self.alive.get(&id)
    }

    /// Returns a session that is alive.
    pub fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.alive.get_mut(&id)
    }

    /// Returns the sessions whose time is over, the longest overdue first.
    pub fn due(&self, now: Millis) -> Vec<SessionId> {
        self.by_end
            .iter()
            .take_while(|(ends, _)| *ends <= now)
            .map(|(_, id)| *id)
            .collect()
    }

    /// Counts the ephemeral nodes of all sessions.
    pub fn ephemerals(&self) -> usize {
        self.alive.values().map(|session| session.ephemerals.len()).sum()
    }

    /// Counts the sessions that are alive.
    pub fn count(&self) -> usize {
        self.alive.len()
    }

    /// Returns the proof that a session is the client's.
    pub fn password(&self, id: SessionId) -> [u8; 16] {
        let first = scramble(self.seed ^ scramble(id.0.cast_unsigned()));
        let mut password = [0; 16];
        password[..8].copy_from_slice(&first.to_be_bytes());
        password[8..].copy_from_slice(&scramble(first).to_be_bytes());
        password
    }
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014): neighbors look nothing alike; it keeps no secret.
fn scramble(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
