//! The operations by their numbers on the wire.
//!
//! Only numbers: the fields of each are in `request` and `reply`.

use crate::database::{Create, CreateMode, CreateReply, Reads, Request, Watches, Write};

/// An operation that is known, with its number.
#[allow(missing_docs, reason = "the names are those of ZooKeeper's documentation")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Operation {
    Create = 1,
    Delete = 2,
    Exists = 3,
    GetData = 4,
    SetData = 5,
    GetAcl = 6,
    SetAcl = 7,
    GetChildren = 8,
    Sync = 9,
    Ping = 11,
    GetChildren2 = 12,
    Check = 13,
    Multi = 14,
    Create2 = 15,
    Reconfig = 16,
    CheckWatches = 17,
    RemoveWatches = 18,
    CreateContainer = 19,
    DeleteContainer = 20,
    CreateTtl = 21,
    MultiRead = 22,
    Auth = 100,
    SetWatches = 101,
    Sasl = 102,
    GetEphemerals = 103,
    GetAllChildrenNumber = 104,
    SetWatches2 = 105,
    AddWatch = 106,
    WhoAmI = 107,
    CreateSession = -10,
    CloseSession = -11,
}

/// Every operation, for [`Operation::from_code`].
const ALL: [Operation; 31] = [
    Operation::Create,
    Operation::Delete,
    Operation::Exists,
    Operation::GetData,
    Operation::SetData,
    Operation::GetAcl,
    Operation::SetAcl,
    Operation::GetChildren,
    Operation::Sync,
    Operation::Ping,
    Operation::GetChildren2,
    Operation::Check,
    Operation::Multi,
    Operation::Create2,
    Operation::Reconfig,
    Operation::CheckWatches,
    Operation::RemoveWatches,
    Operation::CreateContainer,
    Operation::DeleteContainer,
    Operation::CreateTtl,
    Operation::MultiRead,
    Operation::Auth,
    Operation::SetWatches,
    Operation::Sasl,
    Operation::GetEphemerals,
    Operation::GetAllChildrenNumber,
    Operation::SetWatches2,
    Operation::AddWatch,
    Operation::WhoAmI,
    Operation::CreateSession,
    Operation::CloseSession,
];

impl Operation {
    /// Returns the operation of a number, if there is one.
    pub fn from_code(code: i32) -> Option<Operation> {
        ALL.into_iter().find(|operation| operation.code() == code)
    }

    /// Returns the number on the wire.
    pub fn code(self) -> i32 {
        self as i32
    }

    /// Tells whether a request of this kind takes a transaction even if its fields cannot be read.
    ///
    /// `reconfig` is none of them: the real server reads it first.
    pub fn is_write(self) -> bool {
        matches!(
            self,
            Operation::Create
                | Operation::Create2
                | Operation::CreateContainer
                | Operation::CreateTtl
                | Operation::Delete
                | Operation::DeleteContainer
                | Operation::SetData
                | Operation::SetAcl
                | Operation::Check
                | Operation::Multi
        )
    }

    /// Returns the operation that a request is sent by; an unknown request has none.
    pub fn of(request: &Request) -> Option<Operation> {
        Some(match request {
            Request::Ping => Operation::Ping,
            Request::Create(create) => Operation::of_create(create),
            Request::Delete(_) => Operation::Delete,
            Request::Exists { .. } => Operation::Exists,
            Request::GetData { .. } => Operation::GetData,
            Request::SetData(_) => Operation::SetData,
            Request::GetAcl { .. } => Operation::GetAcl,
            Request::SetAcl { .. } => Operation::SetAcl,
            Request::GetChildren { .. } => Operation::GetChildren,
            Request::GetChildren2 { .. } => Operation::GetChildren2,
            Request::GetAllChildrenNumber { .. } => Operation::GetAllChildrenNumber,
            Request::GetEphemerals { .. } => Operation::GetEphemerals,
            Request::Sync { .. } => Operation::Sync,
            Request::Check(_) => Operation::Check,
            Request::Multi(_) => Operation::Multi,
            Request::MultiRead(_) => Operation::MultiRead,
            Request::Auth { .. } => Operation::Auth,
            Request::SetWatches { watches, .. } if is_old(watches) => Operation::SetWatches,
            Request::SetWatches { .. } => Operation::SetWatches2,
            Request::AddWatch { .. } => Operation::AddWatch,
            Request::RemoveWatches { .. } => Operation::RemoveWatches,
            Request::CheckWatches { .. } => Operation::CheckWatches,
            Request::WhoAmI => Operation::WhoAmI,
            Request::CloseSession => Operation::CloseSession,
            Request::Reconfig => Operation::Reconfig,
            Request::Unknown(code) => return Operation::from_code(*code),
        })
    }

    /// Returns the operation of one write of a multi.
    pub(super) fn of_write(write: &Write) -> Operation {
        match write {
            Write::Create(create) => Operation::of_create(create),
            Write::Delete(_) => Operation::Delete,
            Write::SetData(_) => Operation::SetData,
            Write::Check(_) => Operation::Check,
        }
    }

    /// Returns the operation of one read of a multi-read.
    pub(super) fn of_read(read: &Reads) -> Operation {
        match read {
            Reads::Data(_) => Operation::GetData,
            Reads::Children(_) => Operation::GetChildren,
            Reads::Misplaced => Operation::Check,
        }
    }

    fn of_create(create: &Create) -> Operation {
        match (create.mode, create.reply) {
            (CreateMode::Container | CreateMode::SequentialContainer, _) => Operation::CreateContainer,
            (CreateMode::PersistentTtl(_) | CreateMode::PersistentSequentialTtl(_), _) => {
                Operation::CreateTtl
            }
            (_, CreateReply::Path) => Operation::Create,
            (_, CreateReply::PathAndStat) => Operation::Create2,
        }
    }
}

/// Tells whether the older operation can carry these watches.
fn is_old(watches: &Watches) -> bool {
    watches.persistent.is_empty() && watches.persistent_recursive.is_empty()
}
