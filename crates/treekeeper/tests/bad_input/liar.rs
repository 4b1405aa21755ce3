//! A server that lies: memkeeper behind a relay that spoils some of its replies.
//!
//! Requests go through as they are. Replies are counted by connection, without pings and events; 0 is the greeting.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Which replies are spoilt.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// The n-th of the first connection that comes so far, and never again.
    Once(usize),
    /// The n-th of every connection.
    Always(usize),
    /// The n-th of every connection and all after it.
    From(usize),
}

/// What comes in place of a reply.
#[derive(Clone, Copy, Debug)]
pub enum Lie {
    /// The connection is closed.
    Close,
    /// Half of the frame, and the connection is closed.
    Half,
    /// Nothing; the connection stays open.
    Silence,
    /// These bytes, and the connection is closed.
    Bytes(&'static [u8]),
    /// A frame of this length, however long the rest is, and the connection stays open.
    Length(i32),
    /// The frame with its first so many bytes of message only, and a length that fits.
    Cut(usize),
    /// The frame, and so many bytes more in it.
    Longer(usize),
    /// The frame with a number of four bytes written over this place of its message.
    Number(usize, i32),
    /// The frame twice.
    Twice,
    /// A header with this error and nothing after it.
    Error(i32),
    /// Random bytes in place of the message, after its header.
    Noise,
    /// An event that nobody asked for before it.
    Event,
}

/// Where in a message the number stands that tells its request apart.
pub const XID: usize = 0;
/// Where in a message the transaction id stands.
pub const ZXID: usize = 4;
/// Where in a message the error stands.
pub const ERROR: usize = 12;
/// Where in a message the body begins.
pub const BODY: usize = 16;

/// Starts a liar before a server and returns its port. It ends with the process.
pub fn start(server: SocketAddr, when: When, lie: Lie) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
    let port = listener.local_addr().expect("a bound address").port();
    let has_lied = Arc::new(AtomicBool::new(false));
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(server) else {
                return;
            };
            let has_lied = has_lied.clone();
            let (Ok(mut requests), Ok(mut sink)) = (client.try_clone(), server.try_clone()) else {
                return;
            };
            thread::spawn(move || {
                let _ = io::copy(&mut requests, &mut sink);
                let _ = sink.shutdown(Shutdown::Both);
            });
            thread::spawn(move || {
                let _ = relay(&server, &client, when, lie, &has_lied);
                let _ = (server.shutdown(Shutdown::Both), client.shutdown(Shutdown::Both));
            });
        }
    });
    port
}

fn relay(
    mut server: &TcpStream,
    mut client: &TcpStream,
    when: When,
    lie: Lie,
    has_lied: &AtomicBool,
) -> io::Result<()> {
    let mut count = 0;
    loop {
        let mut length = [0; 4];
        server.read_exact(&mut length)?;
        let mut message = vec![0; u32::from_be_bytes(length) as usize];
        server.read_exact(&mut message)?;
        // Pings are -2 and events -1; the greeting begins with the protocol's version, 0.
        let is_counted = count == 0 || message.first().is_some_and(|byte| *byte < 0x80);
        let is_lie = is_counted
            && match when {
                When::Once(at) => at == count && !has_lied.swap(true, Ordering::Relaxed),
                When::Always(at) => at == count,
                When::From(at) => at <= count,
            };
        count += usize::from(is_counted);
        if is_lie {
            tell(client, lie, message)?;
        } else {
            client.write_all(&frame(&message))?;
        }
    }
}

fn frame(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes()[..], message].concat()
}

fn tell(mut client: &TcpStream, lie: Lie, mut message: Vec<u8>) -> io::Result<()> {
    let closed = || Err(io::ErrorKind::ConnectionAborted.into());
    match lie {
        Lie::Close => return closed(),
        Lie::Half => {
            let bytes = frame(&message);
            client.write_all(&bytes[..bytes.len() / 2])?;
            return closed();
        }
        Lie::Silence => return Ok(()),
        Lie::Bytes(bytes) => {
            client.write_all(bytes)?;
            return closed();
        }
        Lie::Length(length) => return client.write_all(&[&length.to_be_bytes()[..], &message].concat()),
        Lie::Cut(bytes) => message.truncate(bytes),
        Lie::Longer(bytes) => message.extend(vec![7; bytes]),
        Lie::Number(at, number) => {
            message.resize(message.len().max(at + 4), 0);
            message[at..at + 4].copy_from_slice(&number.to_be_bytes());
        }
        Lie::Twice => client.write_all(&frame(&message))?,
        Lie::Error(code) => {
            message.truncate(ERROR);
            message.extend(code.to_be_bytes());
        }
        Lie::Noise => {
            let mut seed = 7_u32;
            for byte in message.iter_mut().skip(BODY) {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (seed >> 24) as u8;
            }
        }
        Lie::Event => {
            let event = [
                &[0xff; 12][..],
                &[0; 4],
                &[0, 0, 0, 3],
                &[0, 0, 0, 3],
                &[0, 0, 0, 2],
                b"/x",
            ]
            .concat();
            client.write_all(&frame(&event))?;
        }
    }
    client.write_all(&frame(&message))
}
