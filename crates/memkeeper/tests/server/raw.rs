//! A client that does what it is told and nothing else: it never reconnects, pings or hides a frame.
//!
//! Every read is bounded: a server that says nothing fails the test instead of stopping it.

use std::io::{ErrorKind, Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use memkeeper::Server;
use memkeeper::database::{Connect, Create, CreateMode, ErrorCode, Reply, Request, SessionId, SetData};
use memkeeper::wire::{Frame, Operation, Wants, XID_EVENT, XID_PING, client, next_frame};

/// The longest wait for something that must come.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing has to come until it is taken for nothing.
const SILENCE: Duration = Duration::from_millis(100);
/// More than any frame of these tests.
const FRAME_BYTES_MAX: usize = 128 << 20;

/// One connection.
pub struct Raw {
    pub stream: TcpStream,
    pub greeting: client::Greeting,
    buffer: Vec<u8>,
    xid: i32,
    sent: Vec<(i32, Operation)>,
}

impl Raw {
    /// Opens a new session.
    pub fn connect(server: &Server) -> Raw {
        Raw::resume(server, SessionId::NONE, &[0; 16]).expect("a new session opens")
    }

    /// Opens a new session with a timeout in milliseconds.
    pub fn connect_for(server: &Server, timeout: i32) -> Raw {
        Raw::open(server, SessionId::NONE, &[0; 16], timeout).expect("a new session opens")
    }

    /// Comes back to a session; `None` if the server ends the connection without a greeting.
    pub fn resume(server: &Server, session: SessionId, password: &[u8]) -> Option<Raw> {
        Raw::open(server, session, password, 10_000)
    }

    fn open(server: &Server, session: SessionId, password: &[u8], timeout: i32) -> Option<Raw> {
        let mut raw = Raw::unopened(server);
        let connect = Connect {
            last_zxid_seen: 0,
            timeout,
            session,
            password: password.to_vec(),
            read_only: false,
        };
        let mut bytes = Vec::new();
        client::encode_connect(&mut bytes, &connect, Wants::ReadOnlyByte);
        raw.send_bytes(&bytes);
        raw.greeting = client::decode_connected(&raw.receive()?).expect("a greeting");
        Some(raw)
    }

    /// Connects and sends nothing.
    pub fn unopened(server: &Server) -> Raw {
        let stream = TcpStream::connect(server.address()).expect("the server accepts");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        let greeting = client::Greeting {
            session: SessionId::NONE,
            password: [0; 16],
            timeout: 0,
        };
        Raw {
            stream,
            greeting,
            buffer: Vec::new(),
            xid: 0,
            sent: Vec::new(),
        }
    }

    /// Sends bytes as they are. That the server has hung up is seen when reading.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Sends a frame with this operation number and body.
    pub fn send_body(&mut self, code: i32, body: &[u8]) {
        self.xid += 1;
        let length = i32::try_from(body.len() + 8).expect("short");
        let frame = [
            &length.to_be_bytes()[..],
            &self.xid.to_be_bytes(),
            &code.to_be_bytes(),
            body,
        ]
        .concat();
        self.sent
            .push((self.xid, Operation::from_code(code).unwrap_or(Operation::Ping)));
        self.send_bytes(&frame);
    }

    /// Sends a request.
    pub fn send(&mut self, request: &Request) {
        self.xid += 1;
        let xid = if *request == Request::Ping {
            XID_PING
        } else {
            self.xid
        };
        let mut bytes = Vec::new();
        client::encode_request(&mut bytes, xid, request);
        self.sent
            .push((xid, Operation::of(request).unwrap_or(Operation::Ping)));
        self.send_bytes(&bytes);
    }

    /// Sends a request and returns its reply; anything else that comes fails the test.
    pub fn call(&mut self, request: &Request) -> Reply {
        self.send(request);
        let message = self.receive().expect("a reply");
        let (xid, operation) = self.sent.remove(0);
        assert_eq!(client::xid(&message), Ok(xid), "the reply of another request");
        client::decode_reply(&message, operation).expect("a reply that can be read")
    }

    /// Returns the next frame; `None` if the server has hung up.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        loop {
            let frame = next_frame(&self.buffer, FRAME_BYTES_MAX).expect("a frame");
            if let Frame::Whole { message, used } = frame {
                let message = message.to_vec();
                self.buffer.drain(..used);
                return Some(message);
            }
            if !self.fill() {
                return None;
            }
        }
    }

    /// Returns the next frame as a line.
    pub fn line(&mut self) -> String {
        let Some(message) = self.receive() else {
            return match self.buffer.len() {
                0 => "hung up".to_owned(),
                _ => "hung up inside a frame".to_owned(),
            };
        };
        let xid = client::xid(&message).expect("a header");
        if xid == XID_EVENT {
            let (kind, path) = client::decode_event(&message).expect("an event");
            return format!("event {kind:?} {path}");
        }
        let index = self
            .sent
            .iter()
            .position(|(sent, _)| *sent == xid)
            .expect("a reply to a request");
        let (_, operation) = self.sent.remove(index);
        match client::decode_reply(&message, operation).expect("a reply").result {
            Ok(_) => format!("{operation:?} done"),
            Err(error) => format!("{operation:?} {error}"),
        }
    }

    /// Returns so many frames as lines.
    pub fn lines(&mut self, count: usize) -> String {
        (0..count).map(|_| self.line()).collect::<Vec<_>>().join("\n")
    }

    /// Tells whether nothing comes for a moment.
    pub fn is_silent(&mut self) -> bool {
        self.stream
            .set_read_timeout(Some(SILENCE))
            .expect("a timeout can be set");
        let mut byte = [0];
        let peeked = self.stream.peek(&mut byte);
        self.stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout can be set");
        matches!(peeked, Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    /// Tells whether the server has not hung up, as far as it can be seen now.
    pub fn is_open(&self) -> bool {
        self.stream.set_nonblocking(true).expect("a socket can be asked");
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("a socket can be asked");
        matches!(peeked, Ok(1..)) || matches!(peeked, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Reads until the server hangs up and returns what it said.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    fn fill(&mut self) -> bool {
        let mut bytes = [0; 64 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(read) => {
                self.buffer.extend_from_slice(&bytes[..read]);
                true
            }
            // A connection that is cut with unread bytes ends so.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("the server neither answers nor hangs up: {error}"),
        }
    }
}

/// Returns a request that creates a node.
pub fn create(path: &str) -> Request {
    create_with(path, b"", CreateMode::Persistent)
}

/// Returns a request that creates a node with data, of a kind.
pub fn create_with(path: &str, data: &[u8], mode: CreateMode) -> Request {
    Request::Create(Create::open(path, data, mode))
}

/// Returns a request that sets data at any version.
pub fn set(path: &str, data: &[u8]) -> Request {
    Request::SetData(SetData {
        path: path.to_owned(),
        data: data.into(),
        version: -1,
    })
}

/// Returns a request that reads and leaves a watch.
pub fn watch(path: &str) -> Request {
    Request::GetData {
        path: path.to_owned(),
        watch: true,
    }
}

/// Tells whether there is such a node, as a word.
pub fn fate(server: &Server, path: &str) -> &'static str {
    match server.with_database(|database| database.node(path).is_some()) {
        true => "applied",
        false => "not applied",
    }
}

/// Waits until something is so that must come to be so.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} didn't happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the error of a reply.
pub fn error(reply: &Reply) -> Option<ErrorCode> {
    reply.result.as_ref().err().copied()
}
