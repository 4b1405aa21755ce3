//! The server's own transaction log, as ZooKeeper's `TxnLogToolkit` reads it: what was applied, by whom, in which order.
//!
//! It is a witness that neither treekeeper's client nor ours can mislead.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::servers::class_path;

/// One applied transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the one order of all.
    pub zxid: u64,
    /// Whose it is.
    pub session: u64,
    /// What it did; nothing if it failed.
    pub deeds: Vec<Deed>,
}

/// One thing that a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A node was made.
    Create {
        path: String,
        data: Vec<u8>,
        ephemeral: bool,
    },
    /// A node was deleted.
    Delete { path: String },
    /// A node's data were replaced.
    Set { path: String, data: Vec<u8> },
    /// The session ended, and its ephemeral nodes with it.
    CloseSession,
}

/// Reads log files, oldest first.
pub fn read(logs: &[PathBuf]) -> Vec<Entry> {
    assert!(!logs.is_empty(), "the server has a transaction log");
    logs.iter().flat_map(|log| parse(&dump(log))).collect()
}

/// Each byte is a character of Latin 1. The toolkit takes data for UTF-8, so bytes from 128 on come out as `?`, but
/// none is lost: what tests write is ASCII, and of the log's own numbers only lengths are of interest.
fn dump(log: &PathBuf) -> Vec<u8> {
    let output = Command::new("java")
        .args([
            "-Dfile.encoding=ISO-8859-1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
        ])
        .args([
            "-cp",
            &class_path(),
            "org.apache.zookeeper.server.persistence.TxnLogToolkit",
            "--dump",
        ])
        .arg(log)
        .stdin(Stdio::null())
        .output()
        .expect("java can be started");
    assert!(
        output.status.success(),
        "TxnLogToolkit can't read the log: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Splits a dump into entries. Data may hold any byte, so only a line that begins as an entry does is one.
fn parse(dump: &[u8]) -> Vec<Entry> {
    let mut begins: Vec<usize> = Vec::new();
    for (at, byte) in dump.iter().enumerate() {
        if *byte == b'\n' && is_entry(&dump[at + 1..]) {
            begins.push(at + 1);
        }
    }
    let ends = begins.iter().skip(1).copied().chain([end_of(dump)]);
    let entries = begins.iter().zip(ends);
    entries
        .map(|(begin, end)| entry(&dump[*begin..end - 1]))
        .collect()
}

/// Tells whether an entry begins here. Data may end with a line break and a digit, right before the next entry.
fn is_entry(rest: &[u8]) -> bool {
    let head = &rest[..rest.len().min(60)];
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.first().is_some_and(u8::is_ascii_digit) && find(line, b" session 0x").is_some()
}

/// Where the last entry ends: the toolkit says a word at last.
fn end_of(dump: &[u8]) -> usize {
    let word = b"\nEOF reached after ";
    let last = dump.windows(word.len()).rposition(|window| window == word);
    last.expect("the dump is complete") + 1
}

fn entry(line: &[u8]) -> Entry {
    let rest = after(line, b" session 0x");
    let session = hexadecimal(rest);
    let rest = after(rest, b" zxid 0x");
    let zxid = hexadecimal(rest);
    let rest = after(rest, b" ");
    let (kind, body) = match find(rest, b" ") {
        Some(space) => (&rest[..space], &rest[space + 1..]),
        None => (rest, &rest[rest.len()..]),
    };
    let deeds = match kind {
        b"multi" => multi(body),
        b"closeSession" => vec![Deed::CloseSession],
        b"create" | b"create2" => vec![create(body)],
        b"setData" => {
            let end = rfind(body, b",").expect("a version is last");
            let (path, data) = split(&body[..end]);
            vec![Deed::Set { path, data }]
        }
        b"delete" => vec![Deed::Delete { path: unescape(body) }],
        b"createSession" | b"error" => Vec::new(),
        other => panic!("an entry of no known kind: {}", String::from_utf8_lossy(other)),
    };
    Entry { zxid, session, deeds }
}

/// `PATH,DATA,[ACL],EPHEMERAL,CVERSION`.
fn create(body: &[u8]) -> Deed {
    let acl = rfind(body, b",[").expect("an ACL comes after the data");
    let (path, data) = split(&body[..acl]);
    let ephemeral = find(&body[acl..], b"],true,").is_some();
    Deed::Create {
        path,
        data,
        ephemeral,
    }
}

/// Splits `PATH,DATA`. Both may hold commas: an object begins at its brace, all other data of tests hold none.
fn split(body: &[u8]) -> (String, Vec<u8>) {
    let comma = find(body, b",{")
        .or_else(|| rfind(body, b","))
        .expect("data come after the path");
    (text(&body[..comma]), body[comma + 1..].to_vec())
}

/// A multi's parts are records as they stand in the log: `KIND:RECORD;KIND:RECORD`.
fn multi(mut body: &[u8]) -> Vec<Deed> {
    let mut deeds = Vec::new();
    while !body.is_empty() {
        let colon = find(body, b":").expect("a kind comes before its record");
        let kind = body[..colon].to_vec();
        let mut record = Record(&body[colon + 1..]);
        match kind.as_slice() {
            b"create" | b"create2" => {
                let (path, data) = (record.text(), record.data());
                for _ in 0..record.int() {
                    record.int();
                    record.bytes();
                    record.bytes();
                }
                let ephemeral = record.take(1) == [1];
                record.skip_version();
                deeds.push(Deed::Create {
                    path,
                    data,
                    ephemeral,
                });
            }
            b"delete" => deeds.push(Deed::Delete { path: record.text() }),
            b"setData" => {
                let (path, data) = (record.text(), record.data());
                record.skip_version();
                deeds.push(Deed::Set { path, data });
            }
            b"check" => {
                record.text();
                record.skip_version();
            }
            // A failed transaction is nothing but errors.
            b"error" => return Vec::new(),
            other => panic!("a part of no known kind: {}", String::from_utf8_lossy(other)),
        }
        body = record.0.strip_prefix(b";").unwrap_or(record.0);
    }
    deeds
}

/// The rest of a record of the log.
struct Record<'a>(&'a [u8]);

impl<'a> Record<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let has = self.0.len() >= count;
        assert!(has, "a record ends too soon: {count} bytes of {:?}", text(self.0));
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn int(&mut self) -> i32 {
        self.take(4).try_into().map_or(0, i32::from_be_bytes)
    }

    /// Skips the number that ends a record; of a last one that ends in a new line, the toolkit prints no more than three
    /// bytes.
    fn skip_version(&mut self) {
        self.take(self.0.len().min(4));
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = self.int();
        self.take(usize::try_from(length).unwrap_or(0))
    }

    fn text(&mut self) -> String {
        text(self.bytes())
    }

    /// Reads data whose length may be spoiled: an object ends at its brace, other data of tests are short or nothing.
    fn data(&mut self) -> Vec<u8> {
        let length = usize::try_from(self.int()).unwrap_or(0);
        let length = match self.0.first() {
            Some(b'{') => object(self.0),
            _ if length > self.0.len() => 0,
            _ => length,
        };
        self.take(length).to_vec()
    }
}

/// Returns how long the JSON object is that bytes begin with.
fn object(bytes: &[u8]) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    bytes.len()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads `'/path` as the toolkit writes it, with `%2C` for a comma.
fn unescape(body: &[u8]) -> String {
    let body = body.strip_prefix(b"'").unwrap_or(body);
    let pairs = [("%2C", ","), ("%7D", "}"), ("%00", "\0"), ("%25", "%")];
    pairs
        .iter()
        .fold(text(body), |text, (escaped, plain)| text.replace(escaped, plain))
}

fn hexadecimal(bytes: &[u8]) -> u64 {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit());
    digits.fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16).unwrap_or(0);
        number << 4 | u64::from(digit)
    })
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

fn rfind(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).rposition(|window| window == needle)
}

fn after<'a>(bytes: &'a [u8], needle: &[u8]) -> &'a [u8] {
    let at = find(bytes, needle).unwrap_or_else(|| panic!("no entry: {}", String::from_utf8_lossy(bytes)));
    &bytes[at + needle.len()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_is_read_with_every_byte() {
        let mut dump = b"ZooKeeper Transactional Log File with dbid 0 txnlog format version 2\n".to_vec();
        dump.extend(b"1/2/26, 10:00:00 PM UTC session 0xa cxid 0x0 zxid 0x1 createSession 10000\n");
        dump.extend(b"1/2/26, 10:00:00 PM UTC session 0xa cxid 0x1 zxid 0x2 create2 ");
        dump.extend(b"/l/,hosts/c,{\"a\":1,\"b\":2},[31,s{'world,'anyone}\n],true,1\n");
        dump.extend(b"1/2/26, 10:00:00 PM UTC session 0xa cxid 0x2 zxid 0x3 multi setData:");
        // Ten bytes of data: the length is the byte of a new line.
        dump.extend(b"\0\0\0\x02/h\0\0\0\x0a1/2/26, 10\0\0\0\x0a;delete:\0\0\0\x03/;x");
        // A length that the toolkit has spoiled, and a version that ends as a line with a digit does.
        dump.extend(b";setData:\0\0\0\x02/j\0\0\x01?{\"a\":\"}\"}\0\0\n2\n");
        dump.extend(
            b"1/2/26, 10:00:00 PM UTC session 0xb cxid 0x2 zxid 0x4 multi delete:\0\0\0\x02/x;error:????\n",
        );
        dump.extend(b"1/2/26, 10:00:00 PM UTC session 0xb cxid 0x2 zxid 0x5 delete '/l/%2Chosts/c\n");
        dump.extend(b"EOF reached after 5 txns.\n");
        let told: Vec<String> = parse(&dump)
            .iter()
            .map(|entry| format!("{:x} {:x} {:?}", entry.session, entry.zxid, entry.deeds))
            .collect();
        let create = Deed::Create {
            path: "/l/,hosts/c".to_owned(),
            data: b"{\"a\":1,\"b\":2}".to_vec(),
            ephemeral: true,
        };
        let set = Deed::Set {
            path: "/h".to_owned(),
            data: b"1/2/26, 10".to_vec(),
        };
        let gone = Deed::Delete {
            path: "/;x".to_owned(),
        };
        let spoiled = Deed::Set {
            path: "/j".to_owned(),
            data: b"{\"a\":\"}\"}".to_vec(),
        };
        let last = Deed::Delete {
            path: "/l/,hosts/c".to_owned(),
        };
        let expected = [
            "a 1 []".to_owned(),
            format!("a 2 {:?}", [create]),
            format!("a 3 {:?}", [set, gone, spoiled]),
            "b 4 []".to_owned(),
            format!("b 5 {:?}", [last]),
        ];
        assert_eq!(told, expected);
    }
}
