//! The error codes of the wire.

/// Why a request, or an operation of a multi, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum ErrorCode {
    /// Another operation of the multi failed.
    #[error("runtime inconsistency")]
    RuntimeInconsistency = -2,
    /// A frame that cannot be read.
    #[error("marshalling error")]
    MarshallingError = -5,
    /// The operation is not known, or not to this server.
    #[error("unimplemented")]
    Unimplemented = -6,
    /// A path or argument that no node can have.
    #[error("bad arguments")]
    BadArguments = -8,
    /// The node, or the parent to create in, does not exist.
    #[error("no node")]
    NoNode = -101,
    /// The ACL denies it.
    #[error("no auth")]
    NoAuth = -102,
    /// The node is at another version.
    #[error("bad version")]
    BadVersion = -103,
    /// Ephemeral nodes have no children.
    #[error("no children for ephemerals")]
    NoChildrenForEphemerals = -108,
    /// The node exists.
    #[error("node exists")]
    NodeExists = -110,
    /// The node has children.
    #[error("not empty")]
    NotEmpty = -111,
    /// The session is gone.
    #[error("session expired")]
    SessionExpired = -112,
    /// The ACL cannot be.
    #[error("invalid ACL")]
    InvalidAcl = -114,
    /// The identity was not accepted.
    #[error("auth failed")]
    AuthFailed = -115,
    /// No such watch.
    #[error("no watcher")]
    NoWatcher = -121,
    /// Reconfiguration is switched off.
    #[error("reconfig disabled")]
    ReconfigDisabled = -123,
}

impl ErrorCode {
    /// Returns the number on the wire.
    pub fn code(self) -> i32 {
        self as i32
    }
}
