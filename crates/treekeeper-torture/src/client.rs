//! A plain ZooKeeper client over a blocking socket: one request, one reply.
//!
//! It shares nothing with treekeeper's client, so that what a test sees doesn't hang on what it tests.
//! It sends no pings: whoever holds a session longer than its timeout without a request loses it.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// No reply that a test reads is longer.
const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long one reply may take.
const REPLY_TIME_MAX: Duration = Duration::from_secs(20);

/// The error codes that are answers here.
const NO_NODE: i32 = -101;
const NODE_EXISTS: i32 = -110;

/// Why a request didn't succeed.
#[derive(Debug)]
pub enum Trouble {
    /// The connection or the session is gone; nobody knows whether it was done.
    Lost(Error),
    /// The server says no, with this code.
    Code(i32),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Lost(error)
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Lost(error) => write!(f, "the connection is lost: {error}"),
            Trouble::Code(code) => write!(f, "the server answers with the error {code}"),
        }
    }
}

/// What a request returns.
pub type Answer<T> = Result<T, Trouble>;

/// A node's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    pub czxid: i64,
    pub mzxid: i64,
    pub version: i32,
    pub owner: i64,
    pub children: i32,
}

/// How a node is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Persistent = 0,
    Ephemeral = 1,
}

/// A session on one connection; it ends with either.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    chroot: String,
    next_id: i32,
}

impl Client {
    /// Opens a session on the first server of a connect string that takes it.
    pub fn connect(connect: &str, timeout: Duration) -> Answer<Client> {
        let (servers, chroot) = match connect.find('/') {
            Some(start) => connect.split_at(start),
            None => (connect, ""),
        };
        let mut trouble = Error::new(ErrorKind::InvalidInput, "no server is named");
        for server in servers.split(',') {
            match Client::open(server, chroot, timeout) {
                Ok(client) => return Ok(client),
                Err(error) => trouble = error,
            }
        }
        Err(trouble.into())
    }

    fn open(server: &str, chroot: &str, timeout: Duration) -> Result<Client, Error> {
        let address = server
            .parse()
            .map_err(|_| Error::new(ErrorKind::InvalidInput, server.to_owned()))?;
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut client = Client {
            stream,
            chroot: chroot.to_owned(),
            next_id: 1,
        };
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let mut hello = Vec::new();
        put_int(&mut hello, 0);
        put_long(&mut hello, 0);
        put_int(&mut hello, millis);
        put_long(&mut hello, 0);
        put_bytes(&mut hello, &[0; 16]);
        client.send(&hello)?;
        let reply = client.receive()?;
        let mut fields = Fields(&reply);
        let _protocol = fields.int()?;
        let granted = fields.int()?;
        if granted <= 0 {
            return Err(Error::new(ErrorKind::ConnectionRefused, "no session is granted"));
        }
        client.stream.set_read_timeout(Some(REPLY_TIME_MAX))?;
        Ok(client)
    }

    /// Creates a node with the open ACL and returns its path.
    pub fn create(&mut self, path: &str, data: &[u8], kind: Kind) -> Answer<String> {
        let mut body = Vec::new();
        self.put_create(&mut body, path, data, kind);
        let reply = self.ask(1, &body)?;
        let whole = Fields(&reply).text()?;
        Ok(whole[self.chroot.len()..].to_owned())
    }

    /// Creates a persistent node unless it is there.
    pub fn ensure(&mut self, path: &str, data: &[u8]) -> Answer<()> {
        match self.create(path, data, Kind::Persistent) {
            Ok(_) | Err(Trouble::Code(NODE_EXISTS)) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    /// Deletes a node at a data version, or at any for -1.
    pub fn delete(&mut self, path: &str, version: i32) -> Answer<()> {
        let mut body = Vec::new();
        put_bytes(&mut body, self.whole(path).as_bytes());
        put_int(&mut body, version);
        self.ask(2, &body).map(drop)
    }

    /// Replaces a node's data at a data version, or at any for -1.
    pub fn set(&mut self, path: &str, data: &[u8], version: i32) -> Answer<Stat> {
        let mut body = Vec::new();
        put_bytes(&mut body, self.whole(path).as_bytes());
        put_bytes(&mut body, data);
        put_int(&mut body, version);
        let reply = self.ask(5, &body)?;
        Ok(Fields(&reply).stat()?)
    }

    /// Returns a node's data and counters; None if it is absent.
    pub fn get(&mut self, path: &str) -> Answer<Option<(Vec<u8>, Stat)>> {
        let mut body = Vec::new();
        put_bytes(&mut body, self.whole(path).as_bytes());
        body.push(0);
        match self.ask(4, &body) {
            Ok(reply) => {
                let mut fields = Fields(&reply);
                let data = fields.bytes()?.to_vec();
                Ok(Some((data, fields.stat()?)))
            }
            Err(Trouble::Code(NO_NODE)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Returns the sorted names of a node's children; none if it is absent.
    pub fn children(&mut self, path: &str) -> Answer<Vec<String>> {
        let mut body = Vec::new();
        put_bytes(&mut body, self.whole(path).as_bytes());
        body.push(0);
        match self.ask(8, &body) {
            Ok(reply) => {
                let mut fields = Fields(&reply);
                let count = fields.int()?;
                let mut names = (0..count).map(|_| fields.text()).collect::<Result<Vec<_>, _>>()?;
                names.sort();
                Ok(names)
            }
            Err(Trouble::Code(NO_NODE)) => Ok(Vec::new()),
            Err(trouble) => Err(trouble),
        }
    }

    /// Creates persistent nodes, parents first, in one transaction.
    pub fn create_all(&mut self, nodes: &[(String, Vec<u8>)]) -> Answer<()> {
        let mut body = Vec::new();
        for (path, data) in nodes {
            put_int(&mut body, 1);
            body.push(0);
            put_int(&mut body, -1);
            self.put_create(&mut body, path, data, Kind::Persistent);
        }
        put_int(&mut body, -1);
        body.push(1);
        put_int(&mut body, -1);
        self.ask(14, &body).map(drop)
    }

    /// Ends the session; its ephemeral nodes go at once.
    pub fn close(mut self) -> Answer<()> {
        self.ask(-11, &[]).map(drop)
    }

    fn whole(&self, path: &str) -> String {
        match (self.chroot.as_str(), path) {
            ("", path) => path.to_owned(),
            (chroot, "/") => chroot.to_owned(),
            (chroot, path) => format!("{chroot}{path}"),
        }
    }

    fn put_create(&self, body: &mut Vec<u8>, path: &str, data: &[u8], kind: Kind) {
        put_bytes(body, self.whole(path).as_bytes());
        put_bytes(body, data);
        put_int(body, 1);
        put_int(body, 31);
        put_bytes(body, b"world");
        put_bytes(body, b"anyone");
        put_int(body, kind as i32);
    }

    fn ask(&mut self, opcode: i32, body: &[u8]) -> Answer<Vec<u8>> {
        let id = self.next_id;
        self.next_id += 1;
        let mut frame = Vec::with_capacity(8 + body.len());
        put_int(&mut frame, id);
        put_int(&mut frame, opcode);
        frame.extend_from_slice(body);
        self.send(&frame)?;
        let reply = self.receive()?;
        let mut fields = Fields(&reply);
        if fields.int()? != id {
            return Err(Error::new(ErrorKind::InvalidData, "a reply to another request").into());
        }
        let _zxid = fields.long()?;
        match fields.int()? {
            0 => Ok(fields.0.to_vec()),
            code => Err(Trouble::Code(code)),
        }
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(4 + frame.len());
        put_int(&mut bytes, i32::try_from(frame.len()).unwrap_or(i32::MAX));
        bytes.extend_from_slice(frame);
        self.stream.write_all(&bytes)
    }

    fn receive(&mut self) -> Result<Vec<u8>, Error> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = usize::try_from(i32::from_be_bytes(length))
            .ok()
            .filter(|length| *length <= FRAME_BYTES_MAX)
            .ok_or_else(|| Error::new(ErrorKind::InvalidData, "a frame of no sensible length"))?;
        let mut frame = vec![0; length];
        self.stream.read_exact(&mut frame)?;
        Ok(frame)
    }
}

fn put_int(to: &mut Vec<u8>, value: i32) {
    to.extend_from_slice(&value.to_be_bytes());
}

fn put_long(to: &mut Vec<u8>, value: i64) {
    to.extend_from_slice(&value.to_be_bytes());
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_int(to, i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    to.extend_from_slice(bytes);
}

/// The rest of a record that is being read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        if self.0.len() < count {
            return Err(Error::new(ErrorKind::InvalidData, "a reply that is too short"));
        }
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        Ok(taken)
    }

    fn int(&mut self) -> Result<i32, Error> {
        let bytes = self.take(4)?;
        Ok(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn long(&mut self) -> Result<i64, Error> {
        let (high, low) = (self.int()?, self.int()?);
        Ok((i64::from(high) << 32) | (i64::from(low) & 0xffff_ffff))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let length = self.int()?;
        self.take(usize::try_from(length).unwrap_or(0))
    }

    fn text(&mut self) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    fn stat(&mut self) -> Result<Stat, Error> {
        let (czxid, mzxid) = (self.long()?, self.long()?);
        let (_ctime, _mtime) = (self.long()?, self.long()?);
        let (version, _cversion, _aversion) = (self.int()?, self.int()?, self.int()?);
        let owner = self.long()?;
        let (_length, children) = (self.int()?, self.int()?);
        Ok(Stat {
            czxid,
            mzxid,
            version,
            owner,
            children,
        })
    }
}
