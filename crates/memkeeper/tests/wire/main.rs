//! Laws of the protocol over random messages, and bytes as Apache ZooKeeper 3.8.0 sent them.
//!
//! No server here: only bytes and values.

mod messages;

use memkeeper::database::{Connect, ErrorCode, EventKind, MultiResult, Reply, Request, Response, SessionId};
use memkeeper::wire::{self, Frame, Header, Malformed, Operation, Wants, client};
use messages::{code, connect, event_kind, reply, request, text};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #[test]
    fn requests_come_back(xid: i32, request in request()) {
        let mut bytes = Vec::new();
        client::encode_request(&mut bytes, xid, &request);
        let (header, body) = wire::decode_header(message(&bytes)).unwrap();
        prop_assert_eq!(header.xid, xid);
        prop_assert_eq!(wire::decode_request(header.code, body), Ok(request));
    }

    #[test]
    fn replies_come_back((operation, reply) in reply(), xid in 1..i32::MAX) {
        let mut bytes = Vec::new();
        wire::encode_reply(&mut bytes, Header { xid, code: operation.code() }, &reply);
        prop_assert!(bytes.len() <= wire::encoded_reply_bytes(&reply));
        prop_assert!(bytes.len() + 16 > wire::encoded_reply_bytes(&reply));
        prop_assert_eq!(client::xid(message(&bytes)), Ok(xid));
        prop_assert_eq!(client::decode_reply(message(&bytes), operation), Ok(reply));
    }

    #[test]
    fn connects_come_back(connect in connect(), short: bool) {
        let wants = if short { Wants::ShortReply } else { Wants::ReadOnlyByte };
        let connect = Connect { read_only: connect.read_only && !short, ..connect };
        let mut bytes = Vec::new();
        client::encode_connect(&mut bytes, &connect, wants);
        prop_assert_eq!(wire::decode_connect(message(&bytes)), Ok((connect, wants)));
    }

    #[test]
    fn events_come_back(path in text(), kind in event_kind()) {
        let mut bytes = Vec::new();
        wire::encode_event(&mut bytes, kind, &path);
        prop_assert_eq!(client::decode_event(message(&bytes)), Ok((kind, path)));
    }

    #[test]
    fn no_bytes_panic(code in code(), bytes in vec(any::<u8>(), 0..200)) {
        decode_as_everything(code, &bytes);
    }

    #[test]
    fn no_damaged_request_panics(request in request(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut bytes = Vec::new();
        client::encode_request(&mut bytes, 1, &request);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len() + 1));
        let code = Operation::of(&request).map_or(0, Operation::code);
        decode_as_everything(code, bytes.get(12..).unwrap_or_default());
    }

    #[test]
    fn frames_are_found_wherever_the_bytes_end(messages in vec(vec(any::<u8>(), 0..50), 0..5), cut: prop::sample::Index) {
        let mut bytes = Vec::new();
        for message in &messages {
            bytes.extend_from_slice(&i32::try_from(message.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(message);
        }
        let (mut rest, mut found) = (&bytes[..cut.index(bytes.len() + 1)], Vec::new());
        let needs = loop {
            match wire::next_frame(rest, 50).unwrap() {
                Frame::Whole { message, used } => {
                    found.push(message.to_vec());
                    rest = &rest[used..];
                }
                Frame::Needs(needs) => break needs,
            }
        };
        prop_assert!(needs > rest.len());
        prop_assert_eq!(&found[..], &messages[..found.len()]);
    }
}

#[test]
fn a_count_that_the_frame_cannot_hold_is_refused_before_anything_is_read() {
    // 2^31 - 1 entries of an ACL, texts of a list, bytes of data: each in a frame of some bytes.
    let huge = i32::MAX.to_be_bytes();
    let create = [&[0, 0, 0, 1, b'/'][..], &[0; 4], &huge].concat();
    let watches = [&[0; 8][..], &huge, &[0; 8]].concat();
    let set = [&[0, 0, 0, 1, b'/'][..], &huge, b"data"].concat();
    for (operation, body) in [
        (Operation::Create, create),
        (Operation::SetWatches, watches),
        (Operation::SetData, set),
    ] {
        assert_eq!(
            wire::decode_request(operation.code(), &body),
            Err(Malformed::Length)
        );
    }
    assert_eq!(wire::next_frame(&huge, 1000), Err(Malformed::Length));
    assert_eq!(wire::next_frame(&[0xff; 4], 1000), Err(Malformed::Length));
}

#[test]
fn events_are_as_the_real_server_sends_them() {
    let mut bytes = Vec::new();
    wire::encode_event(&mut bytes, EventKind::Created, "/w");
    insta::assert_snapshot!(
        hex(&bytes),
        @"0000001e ffffffff ffffffff ffffffff 00000000 00000001 00000003 00000002 2f77"
    );
}

#[test]
fn multis_are_as_the_real_server_sends_them() {
    let failed = [
        None,
        Some(ErrorCode::NoNode),
        Some(ErrorCode::RuntimeInconsistency),
    ];
    let results = failed.map(MultiResult::Error).to_vec();
    insta::assert_snapshot!(
        body(Operation::Multi, Response::Multi(results)),
        @"ffffffff 00000000 00000000 00ffffff ff00ffff ff9bffff ff9bffff ffff00ff fffffeff fffffeff ffffff01 ffffffff"
    );
    let done = vec![
        MultiResult::Checked,
        MultiResult::Path("/m".to_owned()),
        MultiResult::Deleted,
    ];
    insta::assert_snapshot!(
        body(Operation::Multi, Response::Multi(done)),
        @"0000000d 00000000 00000000 01000000 00000000 00022f6d 00000002 00000000 00ffffff ff01ffff ffff"
    );
}

#[test]
fn empty_replies_are_as_the_real_server_sends_them() {
    insta::assert_snapshot!(body(Operation::AddWatch, Response::Empty), @"00000000");
    insta::assert_snapshot!(body(Operation::RemoveWatches, Response::Empty), @"");
    insta::assert_snapshot!(body(Operation::Multi, Response::Multi(Vec::new())), @"ffffffff 01ffffff ff");
}

#[test]
fn greetings_are_as_the_real_server_sends_them() {
    let mut bytes = Vec::new();
    wire::encode_connected(&mut bytes, SessionId(0x10), &[7; 16], 6000, Wants::ReadOnlyByte);
    insta::assert_snapshot!(
        hex(&bytes),
        @"00000025 00000000 00001770 00000000 00000010 00000010 07070707 07070707 07070707 07070707 00"
    );
    bytes.clear();
    wire::encode_refused(&mut bytes, Wants::ShortReply);
    insta::assert_snapshot!(
        hex(&bytes),
        @"00000024 00000000 00000000 00000000 00000000 00000010 00000000 00000000 00000000 00000000"
    );
}

#[test]
fn flags_of_creates_mean_what_they_mean_to_the_real_server() {
    let modes = |operation: Operation| {
        let of = |flags: i32| {
            let mut body = [&[0, 0, 0, 1, b'/'][..], &[0; 8], &flags.to_be_bytes()].concat();
            body.extend_from_slice(&1000i64.to_be_bytes());
            match wire::decode_request(operation.code(), &body) {
                Ok(Request::Create(create)) => format!("{:?}", create.mode),
                Ok(other) => format!("{other:?}"),
                Err(malformed) => format!("{:?}", malformed.code()),
            }
        };
        (0..=7).map(of).collect::<Vec<_>>().join(" ")
    };
    insta::assert_snapshot!(
        modes(Operation::Create),
        @"Persistent Ephemeral PersistentSequential EphemeralSequential Persistent PersistentTtl(-1) PersistentTtl(-1) Refused(BadArguments)"
    );
    insta::assert_snapshot!(
        modes(Operation::CreateContainer),
        @"Container Container SequentialContainer SequentialContainer Container PersistentTtl(-1) PersistentTtl(-1) Refused(BadArguments)"
    );
    insta::assert_snapshot!(
        modes(Operation::CreateTtl),
        @"Refused(BadArguments) Refused(BadArguments) Refused(BadArguments) Refused(BadArguments) Refused(BadArguments) PersistentTtl(1000) PersistentSequentialTtl(1000) Refused(BadArguments)"
    );
}

/// Reads bytes as every kind of message; what comes out does not matter, only that something does.
fn decode_as_everything(code: i32, bytes: &[u8]) {
    let _ = wire::next_frame(bytes, 100);
    let _ = wire::decode_connect(bytes);
    let _ = wire::decode_header(bytes);
    let _ = wire::decode_sasl(bytes);
    let _ = wire::decode_request(code, bytes);
    let _ = client::decode_connected(bytes);
    let _ = client::decode_event(bytes);
    if let Some(operation) = Operation::from_code(code) {
        let _ = client::decode_reply(bytes, operation);
    }
}

fn message(frame: &[u8]) -> &[u8] {
    match wire::next_frame(frame, wire::FRAME_BYTES_MAX).expect("a length that may be") {
        Frame::Whole { message, used } if used == frame.len() => message,
        other => panic!("not one whole frame: {other:?}"),
    }
}

fn body(operation: Operation, response: Response) -> String {
    let mut bytes = Vec::new();
    let header = Header {
        xid: 1,
        code: operation.code(),
    };
    let reply = Reply {
        zxid: 1,
        result: Ok(response),
    };
    wire::encode_reply(&mut bytes, header, &reply);
    hex(&bytes[20..])
}

fn hex(bytes: &[u8]) -> String {
    let words = bytes
        .chunks(4)
        .map(|word| word.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    words.collect::<Vec<_>>().join(" ")
}
