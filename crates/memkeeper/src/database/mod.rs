//! The znodes, sessions and watches of one ZooKeeper, as a pure state machine.
//!
//! A connection calls, the database replies; `now` is an argument and nothing here reads a clock, draws a random
//! number or does input and output. The same calls give the same replies, so a simulator can replay a run.
//! Every reply, error code and index is that of Apache ZooKeeper 3.8; a differential test holds it.

mod access;
mod acl;
mod calls;
mod commit;
mod connections;
mod data;
mod error;
mod events;
mod nodes;
mod paths;
mod reads;
mod request;
mod response;
mod sessions;
mod stat;
mod watches;
mod writes;

use std::collections::BTreeSet;

pub use acl::{Acl, Identity, Permissions};
pub use data::Data;
pub use error::ErrorCode;
pub use request::{
    AddWatchMode, Check, Create, CreateMode, CreateReply, Delete, Reads, Request, SetData, Unread, WatchKind,
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
    /// The transaction before the first one.
    pub last_zxid: i64,
    /// Knows nodes with a TTL; the real server does so by `zookeeper.extendedTypesEnabled`, off by default there.
    pub extended_types: bool,
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
            last_zxid: 0,
            extended_types: true,
            record: false,
        }
    }
}

/// More transactions, and more sessions, than any server has in a millisecond: 2 to the power of these.
const ZXID_BITS: u32 = 20;
const SESSION_BITS: u32 = 16;

impl DatabaseOptions {
    /// Returns options for a server that begins at `now`, perhaps in place of one that has forgotten everything.
    ///
    /// Its transactions come after all that clients can have seen of the other one, and its sessions are none of
    /// theirs: so whoever comes back is told that the session is gone, and begins a new one. Otherwise the client
    /// would be turned away for ever, or be let into the session of somebody else.
    pub fn begun_at(now: Millis) -> DatabaseOptions {
        let default = DatabaseOptions::default();
        DatabaseOptions {
            last_zxid: (now & (i64::MAX >> ZXID_BITS)) << ZXID_BITS,
            // As in the real server: its number in the highest byte, below it the time.
            first_session: SessionId(1 << 56 | (now & 0xff_ffff_ffff) << SESSION_BITS),
            seed: now.cast_unsigned(),
            ..default
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
    Created(String, Data, i64),
    /// The data was set.
    Set(String, Data),
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

/// A node, as it is.
#[derive(Clone, Copy, Debug)]
pub struct NodeView<'a> {
    /// Its data.
    pub data: &'a Data,
    /// Its stat.
    pub stat: Stat,
}

/// Everything that a server holds.
#[derive(Debug)]
pub struct Database {
    options: DatabaseOptions,
    tree: writes::Tree,
    sessions: sessions::Sessions,
    watches: watches::WatchTables,
    /// The paths of containers and of nodes with a TTL.
    transient: BTreeSet<String>,
    last_zxid: i64,
    notifications: Vec<Notification>,
    transactions: Vec<Transaction>,
}

impl Database {
    /// Returns a database with nothing in it but what a new server has: `/zookeeper` and what is below it.
    pub fn new(options: DatabaseOptions) -> Database {
        Database {
            tree: writes::Tree::new(),
            sessions: sessions::Sessions::new(options.first_session, options.seed),
            watches: watches::WatchTables::default(),
            transient: BTreeSet::new(),
            last_zxid: options.last_zxid,
            notifications: Vec::new(),
            transactions: Vec::new(),
            options,
        }
    }

    /// Takes the watches that fired, in order: each is to be sent before the reply of the call that fired it.
    pub fn take_notifications(&mut self) -> Vec<Notification> {
        std::mem::take(&mut self.notifications)
    }

    /// Takes the transactions that were recorded with [`DatabaseOptions::record`].
    pub fn take_transactions(&mut self) -> Vec<Transaction> {
        std::mem::take(&mut self.transactions)
    }

    /// Returns a node, whoever may read it.
    pub fn node(&self, path: &str) -> Option<NodeView<'_>> {
        self.tree.nodes.at(path).map(|node| NodeView {
            data: &node.data,
            stat: node.stat(),
        })
    }

    /// Returns the names of a node's children, sorted, whoever may list them; none if there is no such node.
    pub fn children(&self, path: &str) -> Vec<String> {
        let children = self
            .tree
            .nodes
            .at(path)
            .into_iter()
            .flat_map(|node| node.children.keys());
        children.map(|name| String::from(&**name)).collect()
    }

    /// Returns the id of the last transaction.
    pub fn last_zxid(&self) -> i64 {
        self.last_zxid
    }

    /// Counts the nodes, the root among them.
    pub fn node_count(&self) -> usize {
        self.tree.nodes.count()
    }

    /// Counts the ephemeral nodes.
    pub fn ephemeral_count(&self) -> usize {
        self.sessions.ephemerals()
    }

    /// Adds up the bytes of all nodes' data; it looks at every node.
    pub fn data_bytes(&self) -> usize {
        self.tree.nodes.data_bytes()
    }

    /// Counts the watches.
    pub fn watch_count(&self) -> usize {
        self.watches.count()
    }
}
