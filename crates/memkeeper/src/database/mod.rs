//! The znodes, sessions and watches of one ZooKeeper, as a pure state machine.
//!
//! A connection calls, the database replies; `now` is an argument and nothing here reads a clock, draws a random
//! number or does input and output. The same calls give the same replies, so a simulator can replay a run.
//! Every reply, error code and index is that of Apache ZooKeeper 3.8; a differential test holds it.

mod acl;
mod error;
mod request;
mod response;
mod stat;

pub use acl::{Acl, Identity, Permissions};
pub use error::ErrorCode;
pub use request::{
    AddWatchMode, Check, Create, CreateMode, CreateReply, Delete, Reads, Request, SetData, WatchKind,
    Watches, Write,
};
pub use response::{MultiResult, Reply, Response};
pub use stat::Stat;

/// Milliseconds since 1970, as far as the caller says.
pub type Millis = i64;

/// A session: 64 bits that the server chose, printed as `0x...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub i64);

/// One connection of a client; a session may come back on another one.
///
/// Watches and identities belong to a connection and go with it, as in the real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What to start with.
#[derive(Clone, Debug)]
pub struct DatabaseOptions {
    /// The shortest session timeout that is granted, in milliseconds.
    pub session_timeout_min: i32,
    /// The longest session timeout that is granted, in milliseconds.
    pub session_timeout_max: i32,
    /// The first session's id; later ones count up.
    pub first_session: SessionId,
    /// What passwords of sessions are derived from.
    pub seed: u64,
    /// Keeps a record of every transaction, for a checker to take.
    pub record: bool,
}

impl Default for DatabaseOptions {
    fn default() -> DatabaseOptions {
        DatabaseOptions {
            session_timeout_min: 400,
            session_timeout_max: 60_000,
            first_session: SessionId(0x1000_0000_0000_0001),
            seed: 0,
            record: false,
        }
    }
}

/// The first frame of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The last transaction that the client has seen; a server that is behind it refuses.
    pub last_zxid_seen: i64,
    /// What the client asks for, in milliseconds.
    pub timeout: i32,
    /// The session to come back to; 0 for a new one.
    pub session: SessionId,
    /// Proof that the session is the client's; 16 bytes.
    pub password: Vec<u8>,
    /// Whether a read-only server would do.
    pub read_only: bool,
}

/// How a connection began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connected {
    /// Open, on a new session or an old one.
    Open {
        /// For the calls that follow.
        connection: ConnectionId,
        /// The session.
        session: SessionId,
        /// To come back with.
        password: [u8; 16],
        /// Granted, in milliseconds.
        timeout: i32,
    },
    /// The session is gone, or the password is wrong: the reply says session 0 and the connection ends.
    Expired,
    /// The client has seen later transactions than this server: the connection ends without a reply.
    Ahead,
}

/// What happened to a watched node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// The node was created.
    Created = 1,
    /// The node was deleted.
    Deleted = 2,
    /// The data was set.
    DataChanged = 3,
    /// A child was created or deleted.
    ChildrenChanged = 4,
}

/// A watch that fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Whose watch it was.
    pub connection: ConnectionId,
    /// What happened.
    pub kind: EventKind,
    /// To which node.
    pub path: String,
}

/// One change of the tree, as it was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// A node was created, with this data and owner (0: not ephemeral).
    Created(String, std::sync::Arc<[u8]>, i64),
    /// The data was set.
    Set(String, std::sync::Arc<[u8]>),
    /// The ACL was set.
    AclSet(String),
    /// A node was deleted.
    Deleted(String),
}

/// One transaction, as recorded with [`DatabaseOptions::record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Its id, higher than that of every earlier one.
    pub zxid: i64,
    /// Who made it; for the end of a session and its ephemerals, that session.
    pub session: SessionId,
    /// Empty for sessions that open and for multis of checks.
    pub changes: Vec<Applied>,
}

/// Everything that a server holds.
#[derive(Debug)]
pub struct Database {
    options: DatabaseOptions,
}

impl Database {
    /// Returns a database with nothing in it but what a new server has: `/zookeeper` and what is below it.
    pub fn new(options: DatabaseOptions) -> Database {
        Database { options }
    }
}
