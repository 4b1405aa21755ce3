//! What a client may ask.

use super::data::Data;
use super::{Acl, ErrorCode, SessionId};

/// One request on an open connection. Paths are as on the wire: absolute, not yet checked.
#[allow(
    missing_docs,
    reason = "the fields are what ZooKeeper's documentation calls them"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Proof of life.
    Ping,
    /// Creates a node.
    Create(Create),
    /// Deletes a node.
    Delete(Delete),
    /// Tells the stat of a node, or that there is none; a watch is left either way.
    Exists { path: String, watch: bool },
    /// Reads data and stat.
    GetData { path: String, watch: bool },
    /// Sets the data.
    SetData(SetData),
    /// Reads the ACL.
    GetAcl { path: String },
    /// Sets the ACL, if the node is at the ACL version (-1: any).
    SetAcl {
        path: String,
        acls: Vec<Acl>,
        version: i32,
    },
    /// Reads the names of the children.
    GetChildren { path: String, watch: bool },
    /// The same, and the stat.
    GetChildren2 { path: String, watch: bool },
    /// Counts all descendants.
    GetAllChildrenNumber { path: String },
    /// Lists the session's ephemeral nodes below a prefix.
    GetEphemerals { prefix: String },
    /// Waits for the leader: nothing to do here.
    Sync { path: String },
    /// Fails unless a node is at a version.
    Check(Check),
    /// Writes that are applied together or not at all.
    Multi(Vec<Write>),
    /// Reads in one round trip, each with its own outcome.
    MultiRead(Vec<Reads>),
    /// Adds an identity to the connection.
    Auth { scheme: String, credential: Vec<u8> },
    /// Leaves watches anew after a reconnect; what happened meanwhile fires at once.
    SetWatches {
        /// The last transaction that the client has seen.
        relative_zxid: i64,
        /// The watches to leave.
        watches: Watches,
    },
    /// Leaves a persistent watch.
    AddWatch { path: String, mode: AddWatchMode },
    /// Removes the connection's watches of a kind on a path.
    RemoveWatches { path: String, kind: WatchKind },
    /// Fails unless the connection has a watch of a kind on a path.
    CheckWatches { path: String, kind: WatchKind },
    /// Tells the connection's identities.
    WhoAmI,
    /// Ends the session.
    CloseSession,
    /// Changes the ensemble: always refused.
    Reconfig,
    /// An operation that is not known, by its number on the wire.
    Unknown(i32),
}

/// What a request would have been that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// A read: nothing happens.
    Read,
    /// A write, which takes a transaction even so.
    Write,
}

/// A node to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// Where; a sequence number is appended to it in the sequential modes.
    pub path: String,
    /// The first data.
    pub data: Data,
    /// The ACL; `auth` stands for the connection's identities.
    pub acls: Vec<Acl>,
    /// What kind of node.
    pub mode: CreateMode,
    /// What to reply.
    pub reply: CreateReply,
}

/// Kinds of nodes; those with a TTL have it in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateMode {
    /// Stays until it is deleted.
    Persistent,
    /// Goes with the session.
    Ephemeral,
    /// Stays, with a number.
    PersistentSequential,
    /// Goes with the session, with a number.
    EphemeralSequential,
    /// Goes some time after its last child.
    Container,
    /// The same, with a number.
    SequentialContainer,
    /// Goes when it had no children and was not set for so long.
    PersistentTtl(i64),
    /// The same, with a number.
    PersistentSequentialTtl(i64),
    /// No kind at all: flags that a frame may hold and that the server refuses once it has read the whole request.
    Refused(ErrorCode),
}

/// What a create replies: the old operation tells the path, the newer ones the stat too.
///
/// In a multi it doesn't matter: there the stat is told of containers and nodes with a TTL alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreateReply {
    /// The path.
    Path,
    /// The path and the stat.
    PathAndStat,
}

/// A node to delete, if it is at the data version (-1: any).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// Which.
    pub path: String,
    /// At which data version.
    pub version: i32,
}

/// Data to set, if the node is at the data version (-1: any).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetData {
    /// Of which node.
    pub path: String,
    /// The new data.
    pub data: Data,
    /// At which data version.
    pub version: i32,
}

/// A check of a node's data version (-1: any, so that it must only exist).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which node.
    pub path: String,
    /// At which data version.
    pub version: i32,
}

/// An operation of a multi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Creates.
    Create(Create),
    /// Deletes.
    Delete(Delete),
    /// Sets data.
    SetData(SetData),
    /// Checks.
    Check(Check),
}

/// An operation of a multi-read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Data and stat.
    Data(String),
    /// Names of children.
    Children(String),
    /// An operation that reads nothing: the server breaks off there.
    Misplaced,
}

/// How a persistent watch looks: at one node, or at everything below it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddWatchMode {
    /// The node and its children's coming and going.
    Persistent = 0,
    /// Every node at or below it.
    PersistentRecursive = 1,
}

/// Kinds of watches, as `removeWatches` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchKind {
    /// On children.
    Children = 1,
    /// On data or existence.
    Data = 2,
    /// All.
    Any = 3,
}

/// Watches by kind, each a list of paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watches {
    /// On data.
    pub data: Vec<String>,
    /// On existence of what did not exist.
    pub exist: Vec<String>,
    /// On children.
    pub child: Vec<String>,
    /// Persistent.
    pub persistent: Vec<String>,
    /// Persistent and recursive.
    pub persistent_recursive: Vec<String>,
}

impl Create {
    /// Returns a node that everybody may do everything with.
    pub fn open(path: impl Into<String>, data: &[u8], mode: CreateMode) -> Create {
        Create {
            path: path.into(),
            data: data.into(),
            acls: Acl::open(),
            mode,
            reply: CreateReply::PathAndStat,
        }
    }
}

impl CreateMode {
    /// Tells whether it came later than the others: containers and nodes with a TTL.
    pub fn is_extended(self) -> bool {
        matches!(
            self,
            CreateMode::Container
                | CreateMode::SequentialContainer
                | CreateMode::PersistentTtl(_)
                | CreateMode::PersistentSequentialTtl(_)
        )
    }
}

impl SessionId {
    /// What a client says that has no session yet.
    pub const NONE: SessionId = SessionId(0);
}
