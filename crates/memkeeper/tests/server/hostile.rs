//! Clients that break the rules: nothing they send panics the server, costs it unbounded memory, or hurts others.

use std::time::Duration;

use memkeeper::database::{CreateMode, ErrorCode, Reads, Request};
use memkeeper::{Server, ServerOptions};

use crate::raw::{Raw, create, create_with, error, set, until, watch};
use crate::server;

fn start(options: ServerOptions) -> Server {
    Server::start(options).expect("a port is free")
}

/// Fails unless the server still serves.
fn assert_served(server: &Server) {
    let mut client = Raw::connect(server);
    assert_eq!(error(&client.call(&Request::WhoAmI)), None);
}

#[test]
fn bytes_that_are_no_connect_frame_are_hung_up_on() {
    let server = server();
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0, 0, 0, 0],
        &[0xff; 8],
        &[0x7f, 0xff, 0xff, 0xff, 0],
        // A connect frame that ends in the session id, and one whose password is said to be 2^31 - 1 bytes.
        &[&[0, 0, 0, 20][..], &[0; 20]].concat(),
        &[&[0, 0, 0, 28][..], &[0; 24], &[0x7f, 0xff, 0xff, 0xff]].concat(),
    ] {
        let mut client = Raw::unopened(&server);
        client.send_bytes(bytes);
        assert_eq!(client.rest(), b"", "{bytes:?}");
    }
    assert_served(&server);
}

#[test]
fn bodies_that_cannot_be_read_are_answered_and_the_connection_lives() {
    let server = server();
    let mut client = Raw::connect(&server);
    let huge = i32::MAX.to_be_bytes();
    for (code, body) in [
        (1, &b""[..]),
        (4, &huge),
        (7, &[&[0, 0, 0, 1, b'/'][..], &huge].concat()),
        (14, &[0, 0, 0, 77, 0, 0, 0, 0, 0]),
        (22, b"short"),
        (101, &[&[0; 8][..], &huge].concat()),
        (-10, b""),
    ] {
        client.send_body(code, body);
        let message = client.receive().expect("a reply");
        assert_eq!(
            message[12..],
            ErrorCode::MarshallingError.code().to_be_bytes(),
            "{code}"
        );
    }
    client.send(&create("/a"));
    let created = client.receive().expect("a reply");
    assert_eq!(created[12..16], [0; 4]);
}

#[test]
fn frames_without_a_header_or_with_a_wrong_length_end_the_connection() {
    let server = server();
    let too_long = 0x10_0000i32.to_be_bytes();
    for bytes in [
        &[0, 0, 0, 0][..],
        &[0, 0, 0, 3, 1, 2, 3],
        &[0xff, 0xff, 0xff, 0xfb],
        &too_long,
    ] {
        let mut client = Raw::connect(&server);
        client.send_bytes(bytes);
        assert_eq!(client.line(), "hung up", "{bytes:?}");
    }
    assert_served(&server);
}

#[test]
fn the_longest_frame_is_read_and_one_byte_more_is_not() {
    let server = server();
    let mut client = Raw::connect(&server);
    client.call(&create("/node"));
    // Header, path and its length, length of the data, version.
    let around = 8 + 4 + 5 + 4 + 4;
    let longest = vec![7; 0xf_ffff - around];
    assert_eq!(error(&client.call(&set("/node", &longest))), None);
    client.send(&set("/node", &[&longest[..], &[7]].concat()));
    assert_eq!(client.line(), "hung up");
}

#[test]
fn a_connection_that_never_says_what_it_wants_is_dropped() {
    let server = start(ServerOptions {
        greeting_max: Duration::from_millis(100),
        ..ServerOptions::default()
    });
    let mut silent = Raw::unopened(&server);
    let mut half = Raw::unopened(&server);
    half.send_bytes(&[0, 0, 0, 45, 0, 0]);
    assert_eq!((silent.rest(), half.rest()), (Vec::new(), Vec::new()));
    assert_served(&server);
}

#[test]
fn connections_are_bounded_and_room_comes_back() {
    let server = start(ServerOptions {
        connections_max: 3,
        ..ServerOptions::default()
    });
    let mut clients: Vec<Raw> = (0..3).map(|_| Raw::connect(&server)).collect();
    let mut further = Raw::unopened(&server);
    assert_eq!(further.rest(), b"");
    clients.remove(0);
    until("room for another", || {
        Raw::resume(&server, memkeeper::database::SessionId::NONE, &[0; 16]).is_some()
    });
}

#[test]
fn a_client_that_reads_no_replies_is_not_read_from_and_others_are_served() {
    let server = server();
    let mut deaf = Raw::connect(&server);
    deaf.call(&create_with("/big", &vec![7; 1 << 19], CreateMode::Persistent));
    let read = Request::GetData {
        path: "/big".to_owned(),
        watch: false,
    };
    // A thousand half megabytes: far more than is ever held for one connection.
    for _ in 0..1000 {
        deaf.send(&read);
    }
    assert_served(&server);
    // Nothing was lost: they all come once they are read.
    for _ in 0..1000 {
        assert_eq!(deaf.line(), "GetData done");
    }
}

#[test]
fn a_client_that_reads_no_events_is_cut_and_others_are_served() {
    let server = start(ServerOptions {
        unread_bytes_max: 4 << 20,
        ..ServerOptions::default()
    });
    let (mut deaf, mut writer) = (Raw::connect(&server), Raw::connect(&server));
    let session = deaf.greeting.session;
    let path = format!("/{}", "x".repeat(60_000));
    writer.call(&create(&path));
    deaf.call(&Request::AddWatch {
        path: path.clone(),
        mode: memkeeper::database::AddWatchMode::Persistent,
    });
    let mut writes = 0;
    while server.with_database(|database| database.watch_count()) > 0 {
        writes += 1;
        assert!(writes < 10_000, "a client that reads nothing is cut");
        assert_eq!(error(&writer.call(&set(&path, b""))), None);
    }
    assert!(
        server.with_database(|database| database.is_alive(session)),
        "only the connection is cut"
    );
}

#[test]
fn a_reply_that_is_too_large_cuts_who_asked_for_it() {
    let server = start(ServerOptions {
        unread_bytes_max: 4 << 20,
        ..ServerOptions::default()
    });
    let mut client = Raw::connect(&server);
    client.call(&create_with("/big", &vec![7; 1 << 19], CreateMode::Persistent));
    client.send(&Request::MultiRead(vec![Reads::Data("/big".to_owned()); 10_000]));
    assert_eq!(client.line(), "hung up");
    assert_served(&server);
}

#[test]
fn half_frames_of_many_connections_share_one_bound() {
    let server = start(ServerOptions {
        buffered_bytes_max: 4 << 20,
        ..ServerOptions::default()
    });
    let half = [&0xf_ffffi32.to_be_bytes()[..], &vec![0; 0xf_0000]].concat();
    let mut slow: Vec<Raw> = (0..20).map(|_| Raw::connect(&server)).collect();
    for client in &mut slow {
        client.send_bytes(&half);
    }
    until("the cut of all but the four that fit", || {
        slow.iter().filter(|client| client.is_open()).count() <= 4
    });
    drop(slow);
    until("room for others", || {
        Raw::resume(&server, memkeeper::database::SessionId::NONE, &[0; 16]).is_some()
    });
}

#[test]
fn a_request_that_comes_byte_by_byte_is_answered() {
    let server = server();
    let mut client = Raw::connect(&server);
    let mut bytes = Vec::new();
    memkeeper::wire::client::encode_request(&mut bytes, 1, &create("/a"));
    for byte in &bytes {
        client.send_bytes(&[*byte]);
    }
    let message = client.receive().expect("a reply");
    assert_eq!(message[12..16], [0; 4]);
}

#[test]
fn a_flood_of_connections_and_garbage_leaves_the_server_serving() {
    let server = server();
    let mut seed = 7u32;
    for _ in 0..300 {
        let mut client = Raw::unopened(&server);
        let bytes: Vec<u8> = (0..64)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect();
        client.send_bytes(&bytes);
    }
    for code in -20..200 {
        let mut client = Raw::connect(&server);
        client.send_body(code, &[0, 0, 0, 2, b'/', b'a', 0, 0, 0, 9, 1]);
    }
    assert_served(&server);
    let mut client = Raw::connect(&server);
    client.call(&create("/a"));
    client.call(&watch("/a"));
}
