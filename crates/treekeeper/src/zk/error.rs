//! What can go wrong between us and ZooKeeper, sorted by what a caller does about it.

use std::time::Duration;

use treekeeper_core::model::printable;
use treekeeper_core::operation::{Failure, FailureKind, OpFault};
use treekeeper_core::treefile::Code;
use zookeeper_client::Error;

/// An error of the adapter. `Display` says what was attempted on what.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ZkError {
    /// No server could be reached in time.
    #[error("cannot reach ZooKeeper at {}: {reason}", printable(servers))]
    Unreachable {
        /// The connection string without its chroot.
        servers: String,
        /// What the last attempt met.
        reason: String,
        /// Whether TLS was tried.
        tls: bool,
    },
    /// The configuration cannot be used as it is.
    #[error("{0}")]
    Configuration(String),
    /// The server refused the credentials.
    #[error("ZooKeeper refused the credentials")]
    AuthFailed,
    /// The ACL denies it.
    #[error("ZooKeeper denies {action} {}", printable(path))]
    Denied {
        /// What was attempted, such as `reading`.
        action: &'static str,
        /// The node.
        path: String,
    },
    /// The node is not there.
    #[error("there is no znode {}", printable(.0))]
    NoNode(String),
    /// The chroot of the connection string is not there.
    #[error("the chroot {} does not exist", printable(.0))]
    NoChroot(String),
    /// The session has expired or was closed; so has every ephemeral node of it.
    #[error("the ZooKeeper session was lost while {0}")]
    SessionLost(String),
    /// No answer came in time.
    #[error("ZooKeeper did not answer within {} s while {action}", limit.as_secs())]
    Deadline {
        /// What was attempted.
        action: String,
        /// The limit.
        limit: Duration,
    },
    /// The reply to a write was lost, and with it the session: nobody knows yet whether it was done.
    #[error("the connection broke while {0}: whether it was done is not known")]
    Ambiguous(String),
    /// Another error that the server or the client named.
    #[error("{action} failed: {reason}")]
    Other {
        /// What was attempted.
        action: String,
        /// The reason.
        reason: String,
    },
}

impl ZkError {
    /// Returns the error for `source`, met while `action` on `path`.
    pub fn of(action: &'static str, path: &str, source: &Error) -> ZkError {
        match source {
            Error::NoNode => ZkError::NoNode(path.to_owned()),
            Error::NoAuth => ZkError::Denied {
                action,
                path: path.to_owned(),
            },
            Error::AuthFailed => ZkError::AuthFailed,
            Error::SessionExpired | Error::ClientClosed => ZkError::SessionLost(about(action, path)),
            other => ZkError::Other {
                action: about(action, path),
                reason: other.to_string(),
            },
        }
    }

    /// Returns what `explain` knows it by.
    pub fn code(&self) -> Code {
        Code(match self {
            ZkError::Ambiguous(_) => "TK1101",
            ZkError::SessionLost(_) => "TK1102",
            ZkError::Unreachable { .. } => "TK1103",
            ZkError::Denied { .. } => "TK1104",
            ZkError::AuthFailed => "TK1105",
            ZkError::NoNode(_) => "TK1106",
            ZkError::NoChroot(_) => "TK1107",
            ZkError::Deadline { .. } => "TK1108",
            ZkError::Other { .. } => "TK1109",
            ZkError::Configuration(_) => "TK1110",
        })
    }

    /// Returns the next step, if there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            ZkError::Unreachable { tls: false, .. } => {
                "check --zookeeper (or TREEKEEPER_ZOOKEEPER), that a server listens there, and that it doesn't speak TLS \
                 ([auth.tls])"
            }
            ZkError::Unreachable { tls: true, .. } => {
                "check --zookeeper (or TREEKEEPER_ZOOKEEPER), that a server speaks TLS there, and that `ca` of [auth.tls] \
                 and the host's name fit its certificate"
            }
            ZkError::Denied { .. } => {
                "give treekeeper's identity the permission, or configure the one that has it ([auth])"
            }
            ZkError::AuthFailed => "check the credentials that [auth] names",
            ZkError::NoChroot(path) => {
                return Some(format!(
                    "create it: `zkCli.sh create {path}`, or correct the connection string"
                ));
            }
            ZkError::Ambiguous(_) => "`treekeeper status` tells, when ZooKeeper answers again",
            ZkError::SessionLost(_) | ZkError::Deadline { .. } => "run the same command again",
            ZkError::Configuration(_) | ZkError::NoNode(_) | ZkError::Other { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Returns `action path` for an error's sentence: safe to print, and cut if somebody made the path long.
pub fn about(action: &str, path: &str) -> String {
    const CHARACTERS_MAX: usize = 200;
    let shown: String = path.chars().take(CHARACTERS_MAX).collect();
    let rest = if shown.len() < path.len() { "..." } else { "" };
    format!("{action} {}{rest}", printable(&shown))
}

impl From<ZkError> for Failure {
    fn from(error: ZkError) -> Failure {
        let kind = match error {
            ZkError::SessionLost(_) => FailureKind::SessionLost,
            _ => FailureKind::Error,
        };
        Failure {
            kind,
            code: Some(error.code()),
            message: error.to_string(),
            hint: error.hint(),
        }
    }
}

/// Tells whether `error` is an error code inside a reply: a definite "not applied" (RELIABILITY.md, fact 1).
///
/// Everything else may or may not have been applied.
pub fn is_definite(error: &Error) -> bool {
    matches!(
        error,
        Error::NoNode
            | Error::NoAuth
            | Error::BadVersion
            | Error::NoChildrenForEphemerals
            | Error::NodeExists
            | Error::NotEmpty
            | Error::InvalidAcl
            | Error::NotReadOnly
            | Error::QuotaExceeded
            | Error::Throttled
            | Error::MarshallingError
            | Error::BadArguments(_)
            | Error::Unimplemented
    )
}

/// Tells whether the connection broke but the session may live: the client connects again by itself.
pub fn is_interrupted(error: &Error) -> bool {
    matches!(
        error,
        Error::ConnectionLoss | Error::Timeout | Error::Custom(_) | Error::SessionMoved
    )
}

/// Returns the planner's word for a server's refusal of one operation.
pub fn op_fault(error: &Error) -> OpFault {
    match error {
        Error::NoNode => OpFault::NoNode,
        Error::NodeExists => OpFault::NodeExists,
        Error::BadVersion => OpFault::BadVersion,
        Error::NotEmpty => OpFault::NotEmpty,
        Error::NoAuth => OpFault::NoAuth,
        Error::NoChildrenForEphemerals => OpFault::NoChildrenForEphemerals,
        Error::QuotaExceeded => OpFault::Quota,
        other => OpFault::Other(other.to_string()),
    }
}
