//! A connection in blocking form: frames out, frames in.
//!
//! It knows how a session is opened and nothing of what requests mean.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use memkeeper::database::{Connect, SessionId};
use memkeeper::wire::Wants;
use memkeeper::wire::client::{decode_connected, encode_connect};

/// A server that says nothing for so long is stuck.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const PASSWORD_BYTES: usize = 16;

/// One connection and the session that it is on.
pub struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
    /// The session, also when the connection is gone; 0 if there is none.
    pub session: i64,
    password: Vec<u8>,
    timeout: i32,
    xid: i32,
}

/// What a server sends.
pub enum Heard {
    /// A frame without its length.
    Message(Vec<u8>),
    /// The connection is over.
    End,
    /// Nothing, for a long time.
    Silence,
}

/// What a client says of itself when it connects.
pub struct Hello {
    /// The session; 0 for a new one.
    pub session: i64,
    /// The session's password.
    pub password: Vec<u8>,
    /// The last transaction that it has seen.
    pub zxid: i64,
}

impl Client {
    /// Returns a client without a connection.
    pub fn new(address: SocketAddr, timeout: i32) -> Client {
        Client {
            address,
            stream: None,
            session: 0,
            password: vec![0; PASSWORD_BYTES],
            timeout,
            xid: 0,
        }
    }

    /// Tells whether there is a connection.
    pub fn is_connected(&self) -> bool {
        self.stream.is_some()
    }

    /// Returns what proves that the session is this client's.
    pub fn password(&self) -> Vec<u8> {
        self.password.clone()
    }

    /// Connects and returns what the server said; on success the session is the one that it granted.
    pub fn connect(&mut self, hello: Hello) -> Heard {
        let mut stream = TcpStream::connect(self.address).expect("a server listens");
        stream
            .set_nodelay(true)
            .expect("an open connection takes options");
        stream
            .set_read_timeout(Some(SILENCE_MAX))
            .expect("an open connection takes options");
        let connect = Connect {
            last_zxid_seen: hello.zxid,
            timeout: self.timeout,
            session: SessionId(hello.session),
            password: hello.password,
            read_only: false,
        };
        let mut frame = Vec::new();
        encode_connect(&mut frame, &connect, Wants::ReadOnlyByte);
        stream.write_all(&frame).expect("a new connection takes a frame");
        self.stream = Some(stream);
        let heard = self.hear();
        if let Heard::Message(message) = &heard
            && let Ok(greeting) = decode_connected(message)
            && greeting.session != SessionId::NONE
        {
            self.session = greeting.session.0;
            self.password = greeting.password.to_vec();
        }
        heard
    }

    /// Returns the number of the next request.
    pub fn next_xid(&mut self) -> i32 {
        self.xid += 1;
        self.xid
    }

    /// Sends a frame; that the connection is over shows when the answer is read.
    pub fn say(&mut self, frame: &[u8]) {
        if let Some(stream) = &mut self.stream {
            let _ = stream.write_all(frame);
        }
    }

    /// Waits for the next frame.
    pub fn hear(&mut self) -> Heard {
        let Some(stream) = &mut self.stream else {
            return Heard::End;
        };
        match read_frame(stream) {
            Ok(message) => Heard::Message(message),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Heard::Silence
            }
            Err(_) => {
                self.stream = None;
                Heard::End
            }
        }
    }

    /// Says that nothing more comes: a server closes the connection then.
    pub fn finish(&mut self) {
        if let Some(stream) = &mut self.stream {
            // An error means that it is over already.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// Returns a client with this one's connection; this one keeps the session.
    pub fn leave_behind(&mut self) -> Client {
        Client {
            address: self.address,
            stream: self.stream.take(),
            session: self.session,
            password: self.password.clone(),
            timeout: self.timeout,
            xid: self.xid,
        }
    }
}

fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).expect("a server sends no negative length");
    let mut message = vec![0; length];
    stream.read_exact(&mut message)?;
    Ok(message)
}
