//! Replies and events as a server writes them.
//!
//! An error has no body; in a multi each operation has its own, as an error or a result.

use super::jute::{STAT_BYTES, Writer, server_text_bytes};
use super::{Header, Operation};
use crate::database::{ErrorCode, EventKind, MultiResult, Reply, Response};

/// The number of a frame that tells of a watch.
pub const XID_EVENT: i32 = -1;
/// The number of every reply to a ping, whatever the ping's was.
pub const XID_PING: i32 = -2;

/// What an event says of the connection: it is fine.
const STATE_CONNECTED: i32 = 3;
/// The type of an error in a multi, and of the mark at its end.
const MULTI_ERROR: i32 = -1;
/// Bytes of a frame's length and a reply's header.
const HEADER_BYTES: usize = 20;
/// Bytes of the header of one operation of a multi, and of the mark at the end.
const MULTI_HEADER_BYTES: usize = 9;

/// Writes the reply to the request with this header.
pub fn encode_reply(out: &mut Vec<u8>, header: Header, reply: &Reply) {
    let xid = match header.code == Operation::Ping.code() {
        true => XID_PING,
        false => header.xid,
    };
    let code = match &reply.result {
        Ok(Response::BrokenMulti(_)) => ErrorCode::MarshallingError.code(),
        Ok(_) => 0,
        Err(error) => error.code(),
    };
    let mut writer = reply_frame(out, xid, reply.zxid, code);
    if let Ok(response) = &reply.result {
        write_response(&mut writer, header.code, response);
    }
    writer.finish();
}

/// Writes a reply that is only an error.
pub fn encode_error(out: &mut Vec<u8>, xid: i32, zxid: i64, error: ErrorCode) {
    reply_frame(out, xid, zxid, error.code()).finish();
}

/// Writes what a server without SASL replies to a step of it: no token.
pub fn encode_sasl_refusal(out: &mut Vec<u8>, xid: i32) {
    let mut writer = reply_frame(out, xid, 0, 0);
    writer.null();
    writer.finish();
}

/// Writes the event of a watch that fired.
pub fn encode_event(out: &mut Vec<u8>, kind: EventKind, path: &str) {
    let mut writer = reply_frame(out, XID_EVENT, -1, 0);
    writer.int(kind as i32);
    writer.int(STATE_CONNECTED);
    writer.text(path);
    writer.finish();
}

/// Returns how many bytes a reply is on the wire, or a little more, without encoding it.
pub fn encoded_reply_bytes(reply: &Reply) -> usize {
    HEADER_BYTES + reply.result.as_ref().map_or(0, response_bytes)
}

fn reply_frame(out: &mut Vec<u8>, xid: i32, zxid: i64, error: i32) -> Writer<'_> {
    let mut writer = Writer::server_frame(out);
    writer.int(xid);
    writer.long(zxid);
    writer.int(error);
    writer
}

fn write_response(writer: &mut Writer<'_>, operation: i32, response: &Response) {
    match response {
        // Of the operations without a result, this one alone has an error code as its body.
        Response::Empty if operation == Operation::AddWatch.code() => writer.int(0),
        Response::Empty => {}
        Response::Path(path) => writer.text(path),
        Response::Created(path, stat) => {
            writer.text(path);
            writer.stat(stat);
        }
        Response::Stat(stat) => writer.stat(stat),
        Response::Data(data, stat) => {
            writer.data(data);
            writer.stat(stat);
        }
        Response::Acl(acls, stat) => {
            writer.acls(acls);
            writer.stat(stat);
        }
        Response::Children(names) | Response::Paths(names) => writer.texts(names),
        Response::ChildrenAndStat(names, stat) => {
            writer.texts(names);
            writer.stat(stat);
        }
        Response::Count(count) => writer.int(*count),
        Response::Multi(results) | Response::BrokenMulti(results) => write_multi(writer, results),
        Response::Identities(identities) => {
            writer.int(super::jute::length_of(identities.len()));
            for identity in identities {
                writer.identity(identity);
            }
        }
    }
}

fn write_multi(writer: &mut Writer<'_>, results: &[MultiResult]) {
    for result in results {
        let error = match result {
            MultiResult::Error(error) => error.map_or(0, ErrorCode::code),
            _ => 0,
        };
        write_multi_header(writer, multi_type(result), false, error);
        match result {
            MultiResult::Path(path) => writer.text(path),
            MultiResult::Created(path, stat) => {
                writer.text(path);
                writer.stat(stat);
            }
            MultiResult::Deleted | MultiResult::Checked => {}
            MultiResult::Set(stat) => writer.stat(stat),
            MultiResult::Data(data, stat) => {
                writer.data(data);
                writer.stat(stat);
            }
            MultiResult::Children(names) => writer.texts(names),
            MultiResult::Error(_) => writer.int(error),
        }
    }
    write_multi_header(writer, MULTI_ERROR, true, -1);
}

fn write_multi_header(writer: &mut Writer<'_>, kind: i32, done: bool, error: i32) {
    writer.int(kind);
    writer.bool(done);
    writer.int(error);
}

fn multi_type(result: &MultiResult) -> i32 {
    match result {
        MultiResult::Path(_) => Operation::Create.code(),
        MultiResult::Created(..) => Operation::Create2.code(),
        MultiResult::Deleted => Operation::Delete.code(),
        MultiResult::Set(_) => Operation::SetData.code(),
        MultiResult::Checked => Operation::Check.code(),
        MultiResult::Data(..) => Operation::GetData.code(),
        MultiResult::Children(_) => Operation::GetChildren.code(),
        MultiResult::Error(_) => MULTI_ERROR,
    }
}

fn response_bytes(response: &Response) -> usize {
    match response {
        Response::Empty | Response::Count(_) => 4,
        Response::Path(path) => text_bytes(path),
        Response::Created(path, _) => text_bytes(path) + STAT_BYTES,
        Response::Stat(_) => STAT_BYTES,
        Response::Data(data, _) => 4 + data.len() + STAT_BYTES,
        Response::Acl(acls, _) => {
            let entries = acls.iter().map(|acl| &acl.identity);
            entries
                .map(|id| 4 + text_bytes(&id.scheme) + text_bytes(&id.id))
                .sum::<usize>()
                + 4
                + STAT_BYTES
        }
        Response::Children(names) | Response::Paths(names) => texts_bytes(names),
        Response::ChildrenAndStat(names, _) => texts_bytes(names) + STAT_BYTES,
        Response::Multi(results) | Response::BrokenMulti(results) => {
            results.iter().map(result_bytes).sum::<usize>() + MULTI_HEADER_BYTES
        }
        Response::Identities(identities) => {
            let bytes = identities
                .iter()
                .map(|id| text_bytes(&id.scheme) + text_bytes(&id.id));
            bytes.sum::<usize>() + 4
        }
    }
}

fn result_bytes(result: &MultiResult) -> usize {
    let body = match result {
        MultiResult::Path(path) => text_bytes(path),
        MultiResult::Created(path, _) => text_bytes(path) + STAT_BYTES,
        MultiResult::Deleted | MultiResult::Checked => 0,
        MultiResult::Set(_) => STAT_BYTES,
        MultiResult::Data(data, _) => 4 + data.len() + STAT_BYTES,
        MultiResult::Children(names) => texts_bytes(names),
        MultiResult::Error(_) => 4,
    };
    MULTI_HEADER_BYTES + body
}

fn text_bytes(text: &str) -> usize {
    4 + server_text_bytes(text)
}

fn texts_bytes(texts: &[String]) -> usize {
    4 + texts.iter().map(|text| text_bytes(text)).sum::<usize>()
}
