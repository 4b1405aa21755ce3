//! The baseline: a socket, frames of ZooKeeper's protocol that were encoded beforehand, a window, and nothing else.
//!
//! It never looks into a reply further than to know that nothing failed.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use treekeeper_core::plan::Change;

/// The opcodes used here.
pub const EXISTS: i32 = 3;
pub const GET_DATA: i32 = 4;
pub const SET_DATA: i32 = 5;
pub const GET_CHILDREN: i32 = 8;
const CREATE: i32 = 1;
const DELETE: i32 = 2;
const CHECK: i32 = 13;
const MULTI: i32 = 14;
const MULTI_READ: i32 = 22;
/// The type of a result that is an error, and of the header that ends operations.
const ERROR: i32 = -1;

const SESSION_TIMEOUT_MS: i32 = 30_000;

/// A connected session.
pub struct Raw {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
    reply: Vec<u8>,
}

impl Raw {
    /// Opens a session on `HOST:PORT`.
    pub fn connect(address: &str) -> Raw {
        let writer = TcpStream::connect(address).expect("the server is there");
        writer.set_nodelay(true).expect("a socket has options");
        let reader = BufReader::with_capacity(1 << 18, writer.try_clone().expect("a socket can be cloned"));
        let mut raw = Raw {
            writer,
            reader,
            reply: Vec::new(),
        };
        let mut frame = Frame::bare();
        frame.int(0);
        frame.long(0);
        frame.int(SESSION_TIMEOUT_MS);
        frame.long(0);
        frame.bytes(&[0; 16]);
        frame.0.push(0);
        raw.writer.write_all(&frame.finish()).expect("the server listens");
        raw.receive();
        raw
    }

    /// Sends all frames, at most `window` unanswered at once, and waits for all replies.
    pub fn exchange(&mut self, frames: &[Vec<u8>], window: usize) {
        for (sent, frame) in frames.iter().enumerate() {
            if sent >= window {
                self.check_reply();
            }
            self.writer.write_all(frame).expect("the server listens");
        }
        for _ in 0..frames.len().min(window) {
            self.check_reply();
        }
    }

    fn check_reply(&mut self) {
        self.receive();
        let int = |at: usize| i32::from_be_bytes(self.reply[at..at + 4].try_into().expect("four bytes"));
        let error = int(12);
        assert_eq!(error, 0, "the server refused a request");
        // The first result of a multi that failed is an error; no other reply here can begin like that.
        let failed = self.reply.len() > 25 && int(16) == ERROR && self.reply[20] == 0;
        assert!(
            !failed,
            "the server refused a transaction: {:?}",
            &self.reply[16..]
        );
    }

    fn receive(&mut self) {
        let mut length = [0; 4];
        self.reader.read_exact(&mut length).expect("the server answers");
        self.reply.resize(u32::from_be_bytes(length) as usize, 0);
        self.reader
            .read_exact(&mut self.reply)
            .expect("the server answers");
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let mut frame = Frame::bare();
        frame.int(0);
        frame.int(-11);
        let _ = self.writer.write_all(&frame.finish());
    }
}

/// A request that is being encoded.
pub struct Frame(Vec<u8>);

impl Frame {
    fn bare() -> Frame {
        Frame(vec![0; 4])
    }

    fn new(opcode: i32) -> Frame {
        let mut frame = Frame::bare();
        frame.int(1);
        frame.int(opcode);
        frame
    }

    fn finish(mut self) -> Vec<u8> {
        let length = (self.0.len() - 4) as u32;
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }

    fn int(&mut self, value: i32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn long(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.int(bytes.len() as i32);
        self.0.extend_from_slice(bytes);
    }

    fn path(&mut self, chroot: &str, path: &str) {
        self.int((chroot.len() + path.len()) as i32);
        self.0.extend_from_slice(chroot.as_bytes());
        self.0.extend_from_slice(path.as_bytes());
    }

    fn operation(&mut self, kind: i32) {
        self.int(kind);
        self.0.push(0);
        self.int(ERROR);
    }

    fn finish_operations(mut self) -> Vec<u8> {
        self.int(ERROR);
        self.0.push(1);
        self.int(ERROR);
        self.finish()
    }
}

/// Encodes one request for a path: one that only reads, or a set of data at any version.
pub fn single(opcode: i32, chroot: &str, path: &str, data: &[u8]) -> Vec<u8> {
    let mut frame = Frame::new(opcode);
    frame.path(chroot, path);
    if opcode == SET_DATA {
        frame.bytes(data);
        frame.int(-1);
    } else {
        frame.0.push(0);
    }
    frame.finish()
}

/// Encodes a multi-read of (opcode, path).
pub fn multi_read(chroot: &str, operations: &[(i32, &str)]) -> Vec<u8> {
    let mut frame = Frame::new(MULTI_READ);
    for (opcode, path) in operations {
        frame.operation(*opcode);
        frame.path(chroot, path);
        frame.0.push(0);
    }
    frame.finish_operations()
}

/// The fence of a transaction: `lock` must be at version 0, `state` goes from `version` to the next.
pub struct Fence<'a> {
    pub lock: &'a str,
    pub state: &'a str,
    pub version: i32,
}

/// Encodes a transaction of changes, fenced or not.
pub fn multi(chroot: &str, fence: Option<&Fence<'_>>, changes: &[Change]) -> Vec<u8> {
    let mut frame = Frame::new(MULTI);
    if let Some(fence) = fence {
        frame.operation(CHECK);
        frame.path(chroot, fence.lock);
        frame.int(0);
        frame.operation(SET_DATA);
        frame.path(chroot, fence.state);
        frame.bytes(b"{}");
        frame.int(fence.version);
    }
    for change in changes {
        write_change(&mut frame, chroot, change);
    }
    frame.finish_operations()
}

fn write_change(frame: &mut Frame, chroot: &str, change: &Change) {
    match change {
        Change::Create { path, data } => {
            frame.operation(CREATE);
            frame.path(chroot, path.as_str());
            frame.bytes(data);
            frame.int(1);
            frame.int(31);
            frame.bytes(b"world");
            frame.bytes(b"anyone");
            frame.int(0);
        }
        Change::Set {
            path, data, version, ..
        } => {
            frame.operation(SET_DATA);
            frame.path(chroot, path.as_str());
            frame.bytes(data);
            frame.int(version.0);
        }
        Change::Delete { path, version, .. } => {
            frame.operation(DELETE);
            frame.path(chroot, path.as_str());
            frame.int(version.0);
        }
    }
}
