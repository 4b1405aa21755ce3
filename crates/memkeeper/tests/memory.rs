//! Memory under clients that say that much will come, and clients that never say the rest.
//!
//! One test, so that nothing else takes memory meanwhile. What is measured is what the process has asked the system
//! for (`VmData`), whether it has been written to or not: a length must not even be reserved for.

use std::io::{Read, Write};
use std::net::TcpStream;

use memkeeper::database::{Connect, SessionId};
use memkeeper::wire::{FRAME_BYTES_MAX, Wants, client};
use memkeeper::{Server, ServerOptions};

/// As many as a process may have sockets for on both ends.
const CLIENTS: usize = 400;
/// What all connections together may hold in this test.
const BUFFERED_BYTES_MAX: usize = 64 << 20;
/// Beside buffers: tasks, sockets, the allocator's own.
const SLACK_BYTES: usize = 48 << 20;

#[test]
fn half_open_connections_and_huge_lengths_are_bounded() {
    let server = Server::start(ServerOptions {
        buffered_bytes_max: BUFFERED_BYTES_MAX,
        ..ServerOptions::default()
    })
    .expect("a free loopback port");
    assert_served(&server);
    let before = data_bytes();
    let grown = || data_bytes().saturating_sub(before);

    let mut silent = clients(&server, |_| {});
    assert_served(&server);
    assert!(
        grown() < SLACK_BYTES,
        "{CLIENTS} silent connections take {} bytes",
        grown()
    );

    // A length of almost a megabyte, of which one byte comes: 400 MB if it were believed.
    let length = (FRAME_BYTES_MAX as i32).to_be_bytes();
    for client in &mut silent {
        let _ = client.write_all(&[&length[..], &[0]].concat());
    }
    assert_served(&server);
    assert!(grown() < SLACK_BYTES, "{CLIENTS} lengths take {} bytes", grown());
    drop(silent);

    let mut greeted = clients(&server, greet);
    for client in &mut greeted {
        let _ = client.write_all(&[&length[..], &[0]].concat());
    }
    assert_served(&server);
    assert!(
        grown() < SLACK_BYTES,
        "{CLIENTS} lengths in sessions take {} bytes",
        grown()
    );

    // All but the end of these frames comes: who would exceed the bound of all together is cut.
    let most = vec![0; FRAME_BYTES_MAX - 10];
    for client in &mut greeted {
        let _ = client.write_all(&most);
    }
    // A frame's buffer grows by doubling, and the old one is given back only after the new one is there.
    let bound = 2 * BUFFERED_BYTES_MAX + SLACK_BYTES;
    assert!(
        grown() < bound,
        "{CLIENTS} frames that don't end take {} bytes",
        grown()
    );
    drop(greeted);
    assert_served(&server);
}

fn clients(server: &Server, begin: impl Fn(&mut TcpStream)) -> Vec<TcpStream> {
    let connect = |_| {
        let mut stream = TcpStream::connect(server.address()).expect("the server accepts");
        stream
            .set_write_timeout(Some(std::time::Duration::from_secs(20)))
            .expect("a timeout can be set");
        begin(&mut stream);
        stream
    };
    (0..CLIENTS).map(connect).collect()
}

/// Opens a session, and waits until it is open.
fn greet(stream: &mut TcpStream) {
    let connect = Connect {
        last_zxid_seen: 0,
        timeout: 60_000,
        session: SessionId::NONE,
        password: vec![0; 16],
        read_only: false,
    };
    let mut bytes = Vec::new();
    client::encode_connect(&mut bytes, &connect, Wants::ReadOnlyByte);
    stream.write_all(&bytes).expect("the server reads");
    let mut greeting = [0; 41];
    stream.read_exact(&mut greeting).expect("a greeting");
}

/// Fails unless a new client is served; everything that came before has been read by then.
fn assert_served(server: &Server) {
    greet(&mut TcpStream::connect(server.address()).expect("the server accepts"));
}

fn data_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("the system tells");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmData:"))
        .expect("the system tells");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes * 1024
}
