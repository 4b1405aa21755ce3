//! Requests as a server reads them.
//!
//! Bytes after the last field are ignored, as the real server does. Paths are taken as they are: the database
//! judges them.

use super::jute::Reader;
use super::{Malformed, Operation};
use crate::database::{
    AddWatchMode, Check, Create, CreateMode, CreateReply, Delete, ErrorCode, Reads, Request, SetData,
    WatchKind, Watches, Write,
};

/// What every request begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The client's number of the request, which the reply repeats.
    pub xid: i32,
    /// The number of the operation, known or not.
    pub code: i32,
}

/// Splits a request's frame into its header and its body.
pub fn decode_header(message: &[u8]) -> Result<(Header, &[u8]), Malformed> {
    let (header, body) = message.split_at_checked(8).ok_or(Malformed::Truncated)?;
    let mut reader = Reader::new(header);
    let header = Header {
        xid: reader.int()?,
        code: reader.int()?,
    };
    Ok((header, body))
}

/// Reads the body of the request with the operation number `code`.
///
/// A number that is no operation of a client gives [`Request::Unknown`].
pub fn decode_request(code: i32, body: &[u8]) -> Result<Request, Malformed> {
    let Some(operation) = Operation::from_code(code) else {
        return Ok(Request::Unknown(code));
    };
    let mut reader = Reader::new(body);
    match operation {
        Operation::Create | Operation::Create2 | Operation::CreateContainer | Operation::CreateTtl => {
            create(operation, &mut reader).map(Request::Create)
        }
        Operation::Delete => delete(&mut reader).map(Request::Delete),
        Operation::SetData => set_data(&mut reader).map(Request::SetData),
        Operation::SetAcl => set_acl(&mut reader),
        Operation::Check => check(&mut reader).map(Request::Check),
        Operation::Multi => multi(&mut reader),
        Operation::MultiRead => multi_read(&mut reader),
        Operation::Exists
        | Operation::GetData
        | Operation::GetChildren
        | Operation::GetChildren2
        | Operation::GetAcl
        | Operation::GetAllChildrenNumber
        | Operation::GetEphemerals => read(operation, &mut reader),
        Operation::SetWatches | Operation::SetWatches2 => set_watches(operation, &mut reader),
        Operation::AddWatch => add_watch(&mut reader),
        Operation::RemoveWatches | Operation::CheckWatches => watches_of_kind(operation, &mut reader),
        Operation::Auth => auth(&mut reader),
        Operation::Reconfig => reconfig(&mut reader),
        Operation::Sync => Ok(Request::Sync {
            path: reader.text_or_empty()?,
        }),
        Operation::Ping => Ok(Request::Ping),
        Operation::WhoAmI => Ok(Request::WhoAmI),
        Operation::CloseSession => Ok(Request::CloseSession),
        // Servers tell each other these two; from a client they are an error that keeps the connection.
        Operation::CreateSession => Err(Malformed::Number),
        Operation::DeleteContainer => Err(Malformed::CreateMode),
        Operation::Sasl => Ok(Request::Unknown(code)),
    }
}

/// Reads the token of a SASL step; null is an error that ends the connection.
pub fn decode_sasl(body: &[u8]) -> Result<&[u8], Malformed> {
    Reader::new(body).bytes()?.ok_or(Malformed::Null)
}

fn read(operation: Operation, reader: &mut Reader<'_>) -> Result<Request, Malformed> {
    if operation == Operation::GetEphemerals {
        let prefix = reader.text_or_empty()?;
        return Ok(Request::GetEphemerals { prefix });
    }
    let path = reader.text_not_null()?;
    Ok(match operation {
        Operation::GetAcl => Request::GetAcl { path },
        Operation::GetAllChildrenNumber => Request::GetAllChildrenNumber { path },
        Operation::Exists => Request::Exists {
            path,
            watch: reader.bool()?,
        },
        Operation::GetData => Request::GetData {
            path,
            watch: reader.bool()?,
        },
        Operation::GetChildren => Request::GetChildren {
            path,
            watch: reader.bool()?,
        },
        _ => Request::GetChildren2 {
            path,
            watch: reader.bool()?,
        },
    })
}

fn create(operation: Operation, reader: &mut Reader<'_>) -> Result<Create, Malformed> {
    let path = reader.text_not_null()?;
    let data = reader.data()?;
    let acls = reader.acls()?;
    let flags = reader.int()?;
    let ttl = match operation {
        Operation::CreateTtl => reader.long()?,
        _ => 0,
    };
    let reply = match operation {
        Operation::Create => CreateReply::Path,
        _ => CreateReply::PathAndStat,
    };
    Ok(Create {
        path,
        data,
        acls,
        mode: create_mode(operation, flags, ttl),
        reply,
    })
}

/// Returns what an operation's flags mean, as measured on the real server.
fn create_mode(operation: Operation, flags: i32, ttl: i64) -> CreateMode {
    match (operation, flags) {
        (Operation::CreateTtl, 5) => CreateMode::PersistentTtl(ttl),
        (Operation::CreateTtl, 6) => CreateMode::PersistentSequentialTtl(ttl),
        (Operation::CreateTtl, _) if ttl >= 0 => CreateMode::Refused(ErrorCode::BadArguments),
        // A TTL that this operation has no place for.
        (_, 5 | 6) => CreateMode::PersistentTtl(-1),
        // This operation makes a container whatever the flags say.
        (Operation::CreateContainer, 0 | 1 | 4) => CreateMode::Container,
        (Operation::CreateContainer, 2 | 3) => CreateMode::SequentialContainer,
        // And the others never do.
        (_, 0 | 4) => CreateMode::Persistent,
        (_, 1) => CreateMode::Ephemeral,
        (_, 2) => CreateMode::PersistentSequential,
        (_, 3) => CreateMode::EphemeralSequential,
        (_, _) => CreateMode::Refused(ErrorCode::BadArguments),
    }
}

fn delete(reader: &mut Reader<'_>) -> Result<Delete, Malformed> {
    let path = reader.text_not_null()?;
    let version = reader.int()?;
    Ok(Delete { path, version })
}

fn set_data(reader: &mut Reader<'_>) -> Result<SetData, Malformed> {
    // The real server calls a null path a bad argument here, as it does an empty one.
    let path = reader.text_or_empty()?;
    let data = reader.data()?;
    let version = reader.int()?;
    Ok(SetData { path, data, version })
}

fn check(reader: &mut Reader<'_>) -> Result<Check, Malformed> {
    let path = reader.text_or_empty()?;
    let version = reader.int()?;
    Ok(Check { path, version })
}

fn set_acl(reader: &mut Reader<'_>) -> Result<Request, Malformed> {
    let path = reader.text_or_empty()?;
    let acls = reader.acls()?;
    let version = reader.int()?;
    Ok(Request::SetAcl { path, acls, version })
}

/// Reads the header of the next operation of a multi; `None` is the end.
fn next_of_multi(reader: &mut Reader<'_>) -> Result<Option<Operation>, Malformed> {
    let code = reader.int()?;
    let done = reader.bool()?;
    let _error = reader.int()?;
    if done {
        return Ok(None);
    }
    Operation::from_code(code).map(Some).ok_or(Malformed::Number)
}

fn multi(reader: &mut Reader<'_>) -> Result<Request, Malformed> {
    let mut writes = Vec::new();
    while let Some(operation) = next_of_multi(reader)? {
        writes.push(write(operation, reader)?);
    }
    Ok(Request::Multi(writes))
}

fn write(operation: Operation, reader: &mut Reader<'_>) -> Result<Write, Malformed> {
    Ok(match operation {
        Operation::Create | Operation::Create2 | Operation::CreateContainer | Operation::CreateTtl => {
            Write::Create(create(operation, reader)?)
        }
        Operation::Delete => Write::Delete(delete(reader)?),
        Operation::SetData => Write::SetData(set_data(reader)?),
        Operation::Check => Write::Check(check(reader)?),
        _ => return Err(Malformed::Number),
    })
}

fn multi_read(reader: &mut Reader<'_>) -> Result<Request, Malformed> {
    let mut reads = Vec::new();
    while let Some(operation) = next_of_multi(reader)? {
        let make = match operation {
            Operation::GetData => Reads::Data,
            Operation::GetChildren => Reads::Children,
            _ => {
                write(operation, reader)?;
                reads.push(Reads::Misplaced);
                continue;
            }
        };
        reads.push(make(reader.text_not_null()?));
        // The real server leaves no watch for a multi-read, whatever this says.
        let _watch = reader.bool()?;
    }
    Ok(Request::MultiRead(reads))
}

fn set_watches(operation: Operation, reader: &mut Reader<'_>) -> Result<Request, Malformed> {
    let relative_zxid = reader.long()?;
    let mut watches = Watches {
        data: reader.texts()?,
        exist: reader.texts()?,
        child: reader.texts()?,
        ..Watches::default()
    };
    if operation == Operation::SetWatches2 {
        watches.persistent = reader.texts()?;
        watches.persistent_recursive = reader.texts()?;
    }
    Ok(Request::SetWatches {
        relative_zxid,
        watches,
    })
}

fn add_watch(reader: &mut Reader<'_>) -> Result<Request, Malformed> {
    let path = reader.text_not_null()?;
    let mode = match reader.int()? {
        0 => AddWatchMode::Persistent,
        1 => AddWatchMode::PersistentRecursive,
        _ => return Err(Malformed::Number),
    };
    Ok(Request::AddWatch { path, mode })
}

fn watches_of_kind(operation: Operation, reader: &mut Reader<'_>) -> Result<Request, Malformed> {
    let path = reader.text_not_null()?;
    let kind = match reader.int()? {
        1 => WatchKind::Children,
        2 => WatchKind::Data,
        3 => WatchKind::Any,
        _ => return Err(Malformed::Number),
    };
    Ok(match operation {
        Operation::RemoveWatches => Request::RemoveWatches { path, kind },
        _ => Request::CheckWatches { path, kind },
    })
}

fn auth(reader: &mut Reader<'_>) -> Result<Request, Malformed> {
    let _kind = reader.int()?;
    let scheme = reader.text_or_empty()?;
    let credential = reader.bytes()?.unwrap_or_default().to_vec();
    Ok(Request::Auth { scheme, credential })
}

fn reconfig(reader: &mut Reader<'_>) -> Result<Request, Malformed> {
    for _ in ["joining", "leaving", "members"] {
        reader.bytes()?;
    }
    let _configuration = reader.long()?;
    Ok(Request::Reconfig)
}
