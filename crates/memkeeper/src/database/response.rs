//! What a server answers.

use super::data::Data;
use super::{Acl, ErrorCode, Identity, Stat};

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The last transaction that the answer knows of; for a write, its own.
    pub zxid: i64,
    /// What was found or done, or why not.
    pub result: Result<Response, ErrorCode>,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Nothing to say.
    Empty,
    /// A path: of `create`, and what `sync` repeats.
    Path(String),
    /// A path and its stat: of `create2` and its kin.
    Created(String, Stat),
    /// A stat: of `exists`, `setData` and `setACL`.
    Stat(Stat),
    /// Data and stat.
    Data(Data, Stat),
    /// An ACL and the node's stat.
    Acl(Vec<Acl>, Stat),
    /// Names, in no order that a client may rely on.
    Children(Vec<String>),
    /// Names, and the stat of the parent.
    ChildrenAndStat(Vec<String>, Stat),
    /// How many.
    Count(i32),
    /// Paths.
    Paths(Vec<String>),
    /// One result for each operation of a multi or multi-read.
    Multi(Vec<MultiResult>),
    /// What a multi-read has read before an operation that reads nothing; sent with [`ErrorCode::MarshallingError`].
    BrokenMulti(Vec<MultiResult>),
    /// The connection's identities.
    Identities(Vec<Identity>),
}

/// The result of one operation of a multi or multi-read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MultiResult {
    /// Created.
    Path(String),
    /// Created, a container or a node with a TTL.
    Created(String, Stat),
    /// Deleted.
    Deleted,
    /// Set.
    Set(Stat),
    /// Checked.
    Checked,
    /// Read.
    Data(Data, Stat),
    /// Listed.
    Children(Vec<String>),
    /// Refused: in a multi of writes every operation has an error then, 0 (`None`) before the one that failed.
    Error(Option<ErrorCode>),
}
