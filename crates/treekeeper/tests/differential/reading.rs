//! Every byte of what a server sends, as a line of text that is the same for two servers that behave the same.
//!
//! It is written from the protocol, not from memkeeper, so that two mistakes of one hand can't agree.
//! Transactions count from the start of the run, sessions in the order of their opening; of times only what they
//! say of each other is kept; names are sorted where the protocol gives them no order.

use super::sequence::ROOT;

const XID_EVENT: i32 = -1;
/// The password, which no two servers share, and two lengths.
const GREETING_BYTES: usize = 37;

/// What a run is made comparable by.
pub struct Names {
    /// The transaction that the run began with.
    pub start: i64,
    /// The sessions of the run.
    pub sessions: Vec<i64>,
    /// The run's root.
    pub root: String,
}

/// The frame ends inside a field.
struct Short;

type Read<T> = Result<T, Short>;

struct Reader<'a> {
    rest: &'a [u8],
    names: &'a Names,
}

impl Names {
    /// Returns the line of the first frame of a connection.
    pub fn greeting(&self, message: &[u8]) -> String {
        let mut reader = Reader {
            rest: message,
            names: self,
        };
        let text = (|| {
            let protocol = reader.int()?;
            let timeout = reader.int()?;
            let session = reader.session()?;
            let password = reader.bytes()?.ok_or(Short)?;
            let is_blank = password.iter().all(|byte| *byte == 0);
            let password = if is_blank { "blank" } else { "some" };
            Ok(format!(
                "greeting: protocol {protocol}, timeout {timeout}, {session}, password {password}"
            ))
        })();
        // The last byte says whether the server is read-only.
        let whole = if message.len() == GREETING_BYTES {
            ""
        } else {
            " ODD LENGTH"
        };
        reader.finish(text) + whole
    }

    /// Returns the line of a reply to a request with this operation, or of an event.
    pub fn message(&self, message: &[u8], operation: i32) -> String {
        let mut reader = Reader {
            rest: message,
            names: self,
        };
        let mut head = String::new();
        let text = (|| {
            let (xid, zxid, error) = (reader.int()?, reader.zxid()?, reader.int()?);
            head = format!("reply {xid} at {zxid}");
            match (xid, error) {
                (XID_EVENT, _) => {
                    head = format!("event at {zxid}, error {error}");
                    reader.event()
                }
                (_, 0) => reader.body(operation),
                _ => Ok(format!("error {error}")),
            }
        })();
        format!("{head}: {}", reader.finish(text))
    }
}

/// Tells whether a frame is an event.
pub fn is_event(message: &[u8]) -> bool {
    message.starts_with(&XID_EVENT.to_be_bytes())
}

/// Returns the transaction that a reply tells of.
pub fn zxid(message: &[u8]) -> i64 {
    let bytes = message.get(4..12).expect("a reply has a zxid");
    i64::from_be_bytes(bytes.try_into().expect("8 bytes"))
}

impl<'a> Reader<'a> {
    fn finish(&self, text: Read<String>) -> String {
        let text = text.unwrap_or_else(|Short| "ENDS INSIDE A FIELD".to_owned());
        let text = text.replace(&self.names.root, ROOT);
        match self.rest.len() {
            0 => text,
            more => format!("{text}, and {more} bytes"),
        }
    }

    fn event(&mut self) -> Read<String> {
        let (kind, state, path) = (self.int()?, self.int()?, self.text()?);
        Ok(format!("kind {kind}, state {state}, {path}"))
    }

    fn body(&mut self, operation: i32) -> Read<String> {
        match operation {
            1 | 9 => self.text(),
            15 | 19 | 21 => Ok(format!("{} {}", self.text()?, self.stat()?)),
            3 | 5 | 7 => self.stat(),
            4 => Ok(format!("{} {}", self.data()?, self.stat()?)),
            6 => Ok(format!("{} {}", self.acls()?, self.stat()?)),
            8 | 103 => self.list(),
            12 => Ok(format!("{} {}", self.list()?, self.stat()?)),
            14 | 22 => self.multi(),
            104 | 106 => Ok(self.int()?.to_string()),
            107 => self.identities(),
            102 => self.data(),
            _ => Ok("nothing".to_owned()),
        }
    }

    fn multi(&mut self) -> Read<String> {
        let mut results = Vec::new();
        loop {
            let (kind, done, error) = (self.int()?, self.array::<1>()?[0], self.int()?);
            if done != 0 {
                results.push(format!("end({kind} {done} {error})"));
                return Ok(results.join("; "));
            }
            let result = match kind {
                -1 => format!("error {}", self.int()?),
                2 | 13 => "nothing".to_owned(),
                kind => self.body(kind)?,
            };
            results.push(format!("{kind}({error}) {result}"));
        }
    }

    fn stat(&mut self) -> Read<String> {
        let (czxid, mzxid) = (self.long()?, self.long()?);
        let (ctime, mtime) = (self.long()?, self.long()?);
        let (version, cversion, aversion) = (self.int()?, self.int()?, self.int()?);
        let (owner, length, children) = (self.session()?, self.int()?, self.int()?);
        let pzxid = self.zxid()?;
        let times = match (ctime, mtime) {
            (0, 0) => "no times",
            _ if czxid == mzxid && ctime == mtime => "one time",
            _ if czxid != mzxid && ctime <= mtime => "two times",
            _ => "TIMES THAT CANNOT BE",
        };
        let (czxid, mzxid) = (self.relative(czxid), self.relative(mzxid));
        Ok(format!(
            "[c {czxid} m {mzxid} p {pzxid}, versions {version} {cversion} {aversion}, {owner}, {length} bytes, \
             {children} children, {times}]"
        ))
    }

    /// Entries that `auth` stood for come in no order: neighbors with the same permissions are sorted.
    fn acls(&mut self) -> Read<String> {
        let count = self.int()?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let permissions = self.int()?;
            entries.push((permissions, self.text()?, self.text()?));
        }
        entries
            .chunk_by_mut(|a, b| a.0 == b.0 && a.1 == "\"digest\"" && b.1 == a.1)
            .for_each(|chunk| chunk.sort());
        Ok(format!("{count} {entries:?}").replace('\\', ""))
    }

    fn identities(&mut self) -> Read<String> {
        let count = self.int()?;
        let mut identities = Vec::new();
        for _ in 0..count {
            identities.push(format!("{}:{}", self.text()?, self.text()?));
        }
        identities.sort();
        Ok(format!("{count} {}", identities.join(" ")))
    }

    fn list(&mut self) -> Read<String> {
        let count = self.int()?;
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.text()?);
        }
        names.sort();
        Ok(format!("{count} {}", names.join(" ")))
    }

    /// Text that is no UTF-8 is shown by its bytes.
    fn text(&mut self) -> Read<String> {
        let bytes = self.bytes()?;
        Ok(bytes.map_or_else(
            || "null".to_owned(),
            |bytes| match std::str::from_utf8(bytes) {
                Ok(text) => format!("{text:?}"),
                Err(_) => format!("b\"{}\"", bytes.escape_ascii()),
            },
        ))
    }

    fn data(&mut self) -> Read<String> {
        let bytes = self.bytes()?;
        Ok(bytes.map_or_else(
            || "null".to_owned(),
            |bytes| format!("b\"{}\"", bytes.escape_ascii()),
        ))
    }

    fn bytes(&mut self) -> Read<Option<&'a [u8]>> {
        let length = match self.int()? {
            -1 => return Ok(None),
            length => usize::try_from(length).map_err(|_| Short)?,
        };
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Short)?;
        self.rest = rest;
        Ok(Some(bytes))
    }

    /// A session of this run by its number; anything else (none, containers, TTLs) as it is.
    fn session(&mut self) -> Read<String> {
        let id = self.long()?;
        let known = self.names.sessions.iter().position(|session| *session == id);
        Ok(match known {
            Some(number) => format!("session {number}"),
            None => format!("owner {id:#x}"),
        })
    }

    fn zxid(&mut self) -> Read<String> {
        let zxid = self.long()?;
        Ok(self.relative(zxid))
    }

    /// 0 and below stand for something else than a transaction.
    fn relative(&self, zxid: i64) -> String {
        match zxid {
            ..=0 => format!("none({zxid})"),
            _ => format!("{:+}", zxid - self.names.start),
        }
    }

    fn int(&mut self) -> Read<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    fn long(&mut self) -> Read<i64> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    fn array<const LENGTH: usize>(&mut self) -> Read<[u8; LENGTH]> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Short)?;
        self.rest = rest;
        Ok(*array)
    }
}
