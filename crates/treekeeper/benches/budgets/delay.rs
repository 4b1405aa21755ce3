//! A way to the server that takes its time: every byte arrives so much later, and none is held up by another.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Chunks on their way in one direction.
const CHUNKS_MAX: usize = 4_096;

/// Starts a way to the server of `connect` that takes `one_way` in each direction, and returns the connect string that
/// leads along it; it is there as long as this process.
pub fn far(connect: &str, one_way: Duration) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
    let port = listener.local_addr().expect("a bound address").port();
    let (server, chroot) = connect.split_at(connect.find('/').unwrap_or(connect.len()));
    let far = format!("127.0.0.1:{port}{chroot}");
    let server = server.to_owned();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(&server) else {
                continue;
            };
            for stream in [&client, &server] {
                stream.set_nodelay(true).expect("a socket has options");
            }
            let copies = (client.try_clone(), server.try_clone());
            let (Ok(client_too), Ok(server_too)) = copies else {
                continue;
            };
            carry(client, server_too, one_way);
            carry(server, client_too, one_way);
        }
    });
    far
}

fn carry(mut from: TcpStream, mut to: TcpStream, one_way: Duration) {
    let (sender, chunks) = mpsc::sync_channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let due = Instant::now() + one_way;
            if sender.send((due, buffer[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in chunks {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
