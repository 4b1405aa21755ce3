//! Transactions on the wire, as far as the bugs on purpose must understand them.

use crate::proxy::integer;

const MULTI: i32 = 14;
const CREATE: i32 = 1;
/// The opcode of a deletion.
pub const DELETE: i32 = 2;
/// The opcode of setting data.
pub const SET_DATA: i32 = 5;
/// The opcode of a check of a version.
pub const CHECK: i32 = 13;
/// What a result of an operation that was refused says instead of its opcode.
const ERROR: i32 = -1;
/// The bytes of a Stat.
const STAT_BYTES: usize = 68;
/// The length, the number of the request and its opcode.
const HEADER_BYTES: usize = 12;
/// An opcode, whether it is the last, and an error.
const PART_BYTES: usize = 9;

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its opcode.
    pub kind: i32,
    /// What it is about.
    pub path: String,
    /// What comes behind the path.
    rest: Vec<u8>,
}

impl Operation {
    /// Returns a check of a version.
    pub fn check(path: &str, version: i32) -> Operation {
        Operation {
            kind: CHECK,
            path: path.to_owned(),
            rest: version.to_be_bytes().to_vec(),
        }
    }

    /// Expects another version, where it expects one.
    pub fn set_version(&mut self, version: i32) {
        if let (true, Some(start)) = (self.kind != CREATE, self.rest.len().checked_sub(4)) {
            self.rest[start..].copy_from_slice(&version.to_be_bytes());
        }
    }

    /// Returns the data that it writes.
    pub fn data(&self) -> Option<&[u8]> {
        let length = usize::try_from(integer(&self.rest, 0)).ok()?;
        self.rest
            .get(4..4 + length)
            .filter(|_| [CREATE, SET_DATA].contains(&self.kind))
    }

    /// Writes other data.
    pub fn set_data(&mut self, data: &[u8]) {
        let end = 4 + self.data().map_or(0, <[u8]>::len);
        let mut rest = Vec::new();
        write_bytes(&mut rest, data);
        rest.extend_from_slice(&self.rest[end..]);
        self.rest = rest;
    }
}

/// Returns the operations of a frame, if it is a transaction of such as treekeeper sends.
pub fn parse(frame: &[u8]) -> Option<Vec<Operation>> {
    if integer(frame, 8) != MULTI {
        return None;
    }
    let mut operations = Vec::new();
    let mut at = HEADER_BYTES;
    while *frame.get(at + 4)? == 0 {
        let kind = integer(frame, at);
        at += PART_BYTES;
        let path = frame.get(at + 4..at + 4 + usize::try_from(integer(frame, at)).ok()?)?;
        at += 4 + path.len();
        let rest = frame.get(at..at + rest_bytes(kind, frame.get(at..)?)?)?;
        at += rest.len();
        operations.push(Operation {
            kind,
            path: String::from_utf8(path.to_vec()).ok()?,
            rest: rest.to_vec(),
        });
    }
    Some(operations)
}

/// Returns how many bytes come behind the path.
fn rest_bytes(kind: i32, rest: &[u8]) -> Option<usize> {
    let text = |at: usize| Some(4 + usize::try_from(integer(rest, at).max(0)).ok()?);
    match kind {
        CHECK | DELETE => Some(4),
        SET_DATA => Some(text(0)? + 4),
        CREATE => {
            let mut at = text(0)?;
            let acls = integer(rest, at);
            at += 4;
            for _ in 0..acls {
                at += 4;
                at += text(at)?;
                at += text(at)?;
            }
            Some(at + 4)
        }
        _ => None,
    }
}

/// Returns the frame of a transaction.
pub fn encode(number: i32, operations: &[Operation]) -> Vec<u8> {
    let mut frame = vec![0; 4];
    frame.extend_from_slice(&number.to_be_bytes());
    frame.extend_from_slice(&MULTI.to_be_bytes());
    for operation in operations {
        write_part(&mut frame, operation.kind, false);
        write_bytes(&mut frame, operation.path.as_bytes());
        frame.extend_from_slice(&operation.rest);
    }
    write_part(&mut frame, -1, true);
    let length = i32::try_from(frame.len() - 4).expect("a frame that was read before");
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// Lets the results of a reply be of these operations, where they have nothing to say but that they were done.
pub fn name_results(frame: &mut [u8], kinds: &[i32]) {
    let mut at = 20;
    for kind in kinds {
        let named = integer(frame, at);
        if [CHECK, DELETE].contains(&named) && frame.len() >= at + 4 {
            frame[at..at + 4].copy_from_slice(&kind.to_be_bytes());
        }
        at += PART_BYTES;
        at += match named {
            ERROR => 4,
            SET_DATA => STAT_BYTES,
            CREATE => 4 + usize::try_from(integer(frame, at)).unwrap_or(0),
            _ => 0,
        };
    }
}

fn write_part(frame: &mut Vec<u8>, kind: i32, is_last: bool) {
    frame.extend_from_slice(&kind.to_be_bytes());
    frame.push(u8::from(is_last));
    frame.extend_from_slice(&(-1_i32).to_be_bytes());
}

fn write_bytes(frame: &mut Vec<u8>, bytes: &[u8]) {
    let length = i32::try_from(bytes.len()).expect("what fits a frame");
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_parsed_is_encoded_the_same() {
        let mut set = Operation::check("/a", 7);
        (set.kind, set.rest) = (SET_DATA, [0, 0, 0, 1, b'x', 0, 0, 0, 2].to_vec());
        let operations = vec![Operation::check("/lock/b", 0), set.clone()];
        let frame = encode(5, &operations);
        assert_eq!(parse(&frame), Some(operations));
        assert_eq!(set.data(), Some(&b"x"[..]));
        set.set_data(b"long");
        set.set_version(-1);
        assert_eq!(set.data(), Some(&b"long"[..]));
        assert_eq!(set.rest, [0, 0, 0, 4, b'l', b'o', b'n', b'g', 255, 255, 255, 255]);
    }

    #[test]
    fn a_cut_frame_is_no_transaction() {
        let frame = encode(5, &[Operation::check("/a", 1)]);
        for length in 0..frame.len() - PART_BYTES + 4 {
            assert_eq!(parse(&frame[..length]), None, "{length} bytes");
        }
    }
}
