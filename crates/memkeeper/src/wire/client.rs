//! The client's side of the protocol: requests as bytes, replies and events as values.
//!
//! For tests, for comparing servers, and for clients that are simulated; it must never be what a server relies on.

use super::connect::PASSWORD_BYTES;
use super::jute::{Reader, Writer};
use super::{Malformed, Operation, Wants};
use crate::database::{
    Connect, Create, CreateMode, ErrorCode, EventKind, MultiResult, Reads, Reply, Request, Response,
    SessionId, Write,
};

/// What a server says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The session, 0 if the one asked for is gone.
    pub session: SessionId,
    /// To come back with.
    pub password: [u8; PASSWORD_BYTES],
    /// Granted, in milliseconds; 0 if the session is gone.
    pub timeout: i32,
}

/// Writes the first frame of a client.
pub fn encode_connect(out: &mut Vec<u8>, connect: &Connect, wants: Wants) {
    let mut writer = Writer::frame(out);
    writer.int(0);
    writer.long(connect.last_zxid_seen);
    writer.int(connect.timeout);
    writer.long(connect.session.0);
    writer.bytes(&connect.password);
    if wants == Wants::ReadOnlyByte {
        writer.bool(connect.read_only);
    }
    writer.finish();
}

/// Reads the first frame of a server.
pub fn decode_connected(message: &[u8]) -> Result<Greeting, Malformed> {
    let mut reader = Reader::new(message);
    let _protocol = reader.int()?;
    let timeout = reader.int()?;
    let session = SessionId(reader.long()?);
    let password = reader.bytes()?.ok_or(Malformed::Null)?;
    let password = password.try_into().map_err(|_| Malformed::Length)?;
    Ok(Greeting {
        session,
        password,
        timeout,
    })
}

/// Writes a request.
pub fn encode_request(out: &mut Vec<u8>, xid: i32, request: &Request) {
    let mut writer = Writer::frame(out);
    writer.int(xid);
    writer.int(match request {
        Request::Unknown(code) => *code,
        known => Operation::of(known).map_or(0, Operation::code),
    });
    write_body(&mut writer, request);
    writer.finish();
}

fn write_body(writer: &mut Writer<'_>, request: &Request) {
    match request {
        Request::Ping | Request::WhoAmI | Request::CloseSession | Request::Unknown(_) => {}
        Request::Create(create) => write_create(writer, create),
        Request::Delete(delete) => write_versioned(writer, &delete.path, delete.version),
        Request::SetData(set) => {
            writer.text(&set.path);
            writer.data(&set.data);
            writer.int(set.version);
        }
        Request::Exists { path, watch }
        | Request::GetData { path, watch }
        | Request::GetChildren { path, watch }
        | Request::GetChildren2 { path, watch } => {
            writer.text(path);
            writer.bool(*watch);
        }
        Request::GetAcl { path } | Request::GetAllChildrenNumber { path } | Request::Sync { path } => {
            writer.text(path);
        }
        Request::GetEphemerals { prefix } => writer.text(prefix),
        Request::SetAcl { path, acls, version } => {
            writer.text(path);
            writer.acls(acls);
            writer.int(*version);
        }
        Request::Check(check) => write_versioned(writer, &check.path, check.version),
        Request::Multi(writes) => write_multi(writer, writes),
        Request::MultiRead(reads) => write_multi_read(writer, reads),
        Request::AddWatch { path, mode } => write_versioned(writer, path, *mode as i32),
        Request::RemoveWatches { path, kind } | Request::CheckWatches { path, kind } => {
            write_versioned(writer, path, *kind as i32);
        }
        Request::Auth { scheme, credential } => {
            writer.int(0);
            writer.text(scheme);
            writer.bytes(credential);
        }
        Request::SetWatches { .. } => write_set_watches(writer, request),
        Request::Reconfig => {
            for _ in ["joining", "leaving", "members"] {
                writer.null();
            }
            writer.long(-1);
        }
    }
}

fn write_set_watches(writer: &mut Writer<'_>, request: &Request) {
    let Request::SetWatches {
        relative_zxid,
        watches,
    } = request
    else {
        return;
    };
    writer.long(*relative_zxid);
    for paths in [&watches.data, &watches.exist, &watches.child] {
        writer.texts(paths);
    }
    if Operation::of(request) == Some(Operation::SetWatches2) {
        writer.texts(&watches.persistent);
        writer.texts(&watches.persistent_recursive);
    }
}

/// Several requests are a path and a number.
fn write_versioned(writer: &mut Writer<'_>, path: &str, number: i32) {
    writer.text(path);
    writer.int(number);
}

fn write_create(writer: &mut Writer<'_>, create: &Create) {
    writer.text(&create.path);
    writer.data(&create.data);
    writer.acls(&create.acls);
    let (flags, ttl) = match create.mode {
        CreateMode::Persistent => (0, None),
        CreateMode::Ephemeral => (1, None),
        CreateMode::PersistentSequential => (2, None),
        CreateMode::EphemeralSequential => (3, None),
        CreateMode::Container => (4, None),
        CreateMode::SequentialContainer => (2, None),
        CreateMode::PersistentTtl(ttl) => (5, Some(ttl)),
        CreateMode::PersistentSequentialTtl(ttl) => (6, Some(ttl)),
        CreateMode::Refused(_) => (-1, None),
    };
    writer.int(flags);
    if let Some(ttl) = ttl {
        writer.long(ttl);
    }
}

fn write_multi(writer: &mut Writer<'_>, writes: &[Write]) {
    for write in writes {
        write_multi_header(writer, Some(Operation::of_write(write)));
        match write {
            Write::Create(create) => write_create(writer, create),
            Write::Delete(delete) => write_versioned(writer, &delete.path, delete.version),
            Write::SetData(set) => {
                writer.text(&set.path);
                writer.data(&set.data);
                writer.int(set.version);
            }
            Write::Check(check) => write_versioned(writer, &check.path, check.version),
        }
    }
    write_multi_header(writer, None);
}

fn write_multi_read(writer: &mut Writer<'_>, reads: &[Reads]) {
    for read in reads {
        write_multi_header(writer, Some(Operation::of_read(read)));
        match read {
            Reads::Data(path) | Reads::Children(path) => {
                writer.text(path);
                writer.bool(false);
            }
            Reads::Misplaced => {
                writer.text("/");
                writer.int(-1);
            }
        }
    }
    write_multi_header(writer, None);
}

/// Writes the header of one operation of a multi; `None` is the end.
fn write_multi_header(writer: &mut Writer<'_>, operation: Option<Operation>) {
    writer.int(operation.map_or(-1, Operation::code));
    writer.bool(operation.is_none());
    writer.int(-1);
}

/// Returns the number of the request that a frame answers; [`super::XID_EVENT`] for an event.
pub fn xid(message: &[u8]) -> Result<i32, Malformed> {
    Reader::new(message).int()
}

/// Reads an event: what happened, and to which node.
pub fn decode_event(message: &[u8]) -> Result<(EventKind, String), Malformed> {
    let mut reader = Reader::new(message);
    if reader.int()? != super::XID_EVENT {
        return Err(Malformed::Number);
    }
    let _zxid = reader.long()?;
    let _error = reader.int()?;
    let kind = match reader.int()? {
        1 => EventKind::Created,
        2 => EventKind::Deleted,
        3 => EventKind::DataChanged,
        4 => EventKind::ChildrenChanged,
        _ => return Err(Malformed::Number),
    };
    let _state = reader.int()?;
    Ok((kind, reader.text_not_null()?))
}

/// Reads the reply to a request that was sent as this operation.
pub fn decode_reply(message: &[u8], operation: Operation) -> Result<Reply, Malformed> {
    let mut reader = Reader::new(message);
    let _xid = reader.int()?;
    let zxid = reader.long()?;
    let result = match error_of(reader.int()?)? {
        Some(error) => Err(error),
        None => Ok(response(&mut reader, operation)?),
    };
    Ok(Reply { zxid, result })
}

fn response(reader: &mut Reader<'_>, operation: Operation) -> Result<Response, Malformed> {
    Ok(match operation {
        Operation::Create | Operation::Sync => Response::Path(reader.text_or_empty()?),
        Operation::Create2 | Operation::CreateContainer | Operation::CreateTtl => {
            Response::Created(reader.text_not_null()?, reader.stat()?)
        }
        Operation::Exists | Operation::SetData | Operation::SetAcl => Response::Stat(reader.stat()?),
        Operation::GetData => Response::Data(reader.data()?, reader.stat()?),
        Operation::GetAcl => Response::Acl(reader.acls()?, reader.stat()?),
        Operation::GetChildren => Response::Children(reader.texts()?),
        Operation::GetChildren2 => Response::ChildrenAndStat(reader.texts()?, reader.stat()?),
        Operation::GetAllChildrenNumber => Response::Count(reader.int()?),
        Operation::GetEphemerals => Response::Paths(reader.texts()?),
        Operation::Multi | Operation::MultiRead => Response::Multi(multi(reader)?),
        Operation::WhoAmI => {
            let count = reader.count(8)?.unwrap_or(0);
            let identities: Result<_, _> = (0..count).map(|_| reader.identity()).collect();
            Response::Identities(identities?)
        }
        _ => Response::Empty,
    })
}

fn multi(reader: &mut Reader<'_>) -> Result<Vec<MultiResult>, Malformed> {
    let mut results = Vec::new();
    loop {
        let kind = reader.int()?;
        let done = reader.bool()?;
        let _error = reader.int()?;
        if done {
            return Ok(results);
        }
        results.push(multi_result(reader, kind)?);
    }
}

fn multi_result(reader: &mut Reader<'_>, kind: i32) -> Result<MultiResult, Malformed> {
    if kind == -1 {
        return Ok(MultiResult::Error(error_of(reader.int()?)?));
    }
    Ok(match Operation::from_code(kind) {
        Some(Operation::Create) => MultiResult::Path(reader.text_not_null()?),
        Some(Operation::Create2) => MultiResult::Created(reader.text_not_null()?, reader.stat()?),
        Some(Operation::Delete) => MultiResult::Deleted,
        Some(Operation::SetData) => MultiResult::Set(reader.stat()?),
        Some(Operation::Check) => MultiResult::Checked,
        Some(Operation::GetData) => MultiResult::Data(reader.data()?, reader.stat()?),
        Some(Operation::GetChildren) => MultiResult::Children(reader.texts()?),
        _ => return Err(Malformed::Number),
    })
}

/// Returns the error of a number; 0 is none.
fn error_of(code: i32) -> Result<Option<ErrorCode>, Malformed> {
    const ALL: [ErrorCode; 15] = [
        ErrorCode::RuntimeInconsistency,
        ErrorCode::MarshallingError,
        ErrorCode::Unimplemented,
        ErrorCode::BadArguments,
        ErrorCode::NoNode,
        ErrorCode::NoAuth,
        ErrorCode::BadVersion,
        ErrorCode::NoChildrenForEphemerals,
        ErrorCode::NodeExists,
        ErrorCode::NotEmpty,
        ErrorCode::SessionExpired,
        ErrorCode::InvalidAcl,
        ErrorCode::AuthFailed,
        ErrorCode::NoWatcher,
        ErrorCode::ReconfigDisabled,
    ];
    if code == 0 {
        return Ok(None);
    }
    let known = ALL.into_iter().find(|error| error.code() == code);
    known.map(Some).ok_or(Malformed::Number)
}
