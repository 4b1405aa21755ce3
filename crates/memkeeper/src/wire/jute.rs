//! The primitives of jute: numbers big-endian, strings and vectors behind a length, null as the length -1.
//!
//! Which fields a message has is not known here.

use super::Malformed;
use crate::database::{Acl, Data, Identity, Permissions, Stat};

/// The fewest bytes of a string in a vector: its length.
const STRING_BYTES_MIN: usize = 4;
/// The fewest bytes of an ACL entry: permissions and two lengths.
const ACL_BYTES_MIN: usize = 12;
/// Bytes of a stat.
pub(super) const STAT_BYTES: usize = 68;

/// What is left of a message to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Reader<'a> {
        Reader { rest: message }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn int(&mut self) -> Result<i32, Malformed> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub(super) fn long(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// Everything but 0 is true, as in the real server.
    pub(super) fn bool(&mut self) -> Result<bool, Malformed> {
        Ok(self.array::<1>()? != [0])
    }

    /// Reads bytes; `None` is null.
    pub(super) fn bytes(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let length = match self.int()? {
            -1 => return Ok(None),
            length => usize::try_from(length).map_err(|_| Malformed::Length)?,
        };
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Length)?;
        self.rest = rest;
        Ok(Some(bytes))
    }

    /// Reads text; what is no UTF-8 is replaced, as the real server does.
    pub(super) fn text(&mut self) -> Result<Option<String>, Malformed> {
        let bytes = self.bytes()?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    }

    pub(super) fn data(&mut self) -> Result<Data, Malformed> {
        Ok(self.bytes()?.into())
    }

    pub(super) fn text_or_empty(&mut self) -> Result<String, Malformed> {
        Ok(self.text()?.unwrap_or_default())
    }

    pub(super) fn text_not_null(&mut self) -> Result<String, Malformed> {
        self.text()?.ok_or(Malformed::Null)
    }

    /// Reads texts, none of which may be null, nor the vector.
    pub(super) fn texts(&mut self) -> Result<Vec<String>, Malformed> {
        let count = self.count(STRING_BYTES_MIN)?.ok_or(Malformed::Null)?;
        (0..count).map(|_| self.text_not_null()).collect()
    }

    /// Reads an ACL; nulls are empty, which no database accepts.
    pub(super) fn acls(&mut self) -> Result<Vec<Acl>, Malformed> {
        let count = self.count(ACL_BYTES_MIN)?.unwrap_or(0);
        (0..count).map(|_| self.acl()).collect()
    }

    fn acl(&mut self) -> Result<Acl, Malformed> {
        let permissions = Permissions(self.int()?);
        let identity = self.identity()?;
        Ok(Acl {
            permissions,
            identity,
        })
    }

    pub(super) fn identity(&mut self) -> Result<Identity, Malformed> {
        let scheme = self.text_or_empty()?;
        let id = self.text_or_empty()?;
        Ok(Identity { scheme, id })
    }

    pub(super) fn stat(&mut self) -> Result<Stat, Malformed> {
        Ok(Stat {
            czxid: self.long()?,
            mzxid: self.long()?,
            ctime: self.long()?,
            mtime: self.long()?,
            version: self.int()?,
            cversion: self.int()?,
            aversion: self.int()?,
            ephemeral_owner: self.long()?,
            data_length: self.int()?,
            num_children: self.int()?,
            pzxid: self.long()?,
        })
    }

    /// Reads how many items follow; more than the rest of the message can hold are refused before any is read.
    pub(super) fn count(&mut self, item_bytes_min: usize) -> Result<Option<usize>, Malformed> {
        let count = match self.int()? {
            -1 => return Ok(None),
            // Other negative counts are as good as 0 to the real server.
            count => usize::try_from(count).unwrap_or(0),
        };
        if count > self.rest.len() / item_bytes_min {
            return Err(Malformed::Length);
        }
        Ok(Some(count))
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }
}

/// A frame that is written to the end of a buffer; [`Writer::finish`] sets its length.
pub(super) struct Writer<'a> {
    buffer: &'a mut Vec<u8>,
    start: usize,
    encoding: Encoding,
}

/// How text becomes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    /// As the real server does: what is beyond the basic plane becomes two surrogates of three bytes each.
    Surrogates,
}

impl<'a> Writer<'a> {
    /// Begins a frame of a client, whose text is UTF-8.
    pub(super) fn frame(buffer: &'a mut Vec<u8>) -> Writer<'a> {
        Writer::begin(buffer, Encoding::Utf8)
    }

    /// Begins a frame of a server, whose text is almost UTF-8.
    pub(super) fn server_frame(buffer: &'a mut Vec<u8>) -> Writer<'a> {
        Writer::begin(buffer, Encoding::Surrogates)
    }

    fn begin(buffer: &'a mut Vec<u8>, encoding: Encoding) -> Writer<'a> {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; 4]);
        Writer {
            buffer,
            start,
            encoding,
        }
    }

    pub(super) fn finish(self) {
        let message = self.start + 4;
        let length = length_of(self.buffer.len() - message);
        self.buffer[self.start..message].copy_from_slice(&length.to_be_bytes());
    }

    pub(super) fn int(&mut self, value: i32) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn long(&mut self, value: i64) {
        self.buffer.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.buffer.push(u8::from(value));
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.int(length_of(value.len()));
        self.buffer.extend_from_slice(value);
    }

    pub(super) fn data(&mut self, value: &Data) {
        match value.is_null() {
            true => self.null(),
            false => self.bytes(value),
        }
    }

    pub(super) fn text(&mut self, value: &str) {
        match self.encoding == Encoding::Surrogates && wide_characters(value) > 0 {
            true => self.bytes(&with_surrogates(value)),
            false => self.bytes(value.as_bytes()),
        }
    }

    pub(super) fn null(&mut self) {
        self.int(-1);
    }

    pub(super) fn texts(&mut self, values: &[String]) {
        self.int(length_of(values.len()));
        for value in values {
            self.text(value);
        }
    }

    pub(super) fn acls(&mut self, acls: &[Acl]) {
        self.int(length_of(acls.len()));
        for acl in acls {
            self.int(acl.permissions.0);
            self.identity(&acl.identity);
        }
    }

    pub(super) fn identity(&mut self, identity: &Identity) {
        self.text(&identity.scheme);
        self.text(&identity.id);
    }

    pub(super) fn stat(&mut self, stat: &Stat) {
        for value in [stat.czxid, stat.mzxid, stat.ctime, stat.mtime] {
            self.long(value);
        }
        for value in [stat.version, stat.cversion, stat.aversion] {
            self.int(value);
        }
        self.long(stat.ephemeral_owner);
        self.int(stat.data_length);
        self.int(stat.num_children);
        self.long(stat.pzxid);
    }
}

/// Returns how many bytes a text is in a frame of a server.
pub(super) fn server_text_bytes(text: &str) -> usize {
    // Six bytes instead of four.
    text.len() + 2 * wide_characters(text)
}

/// Counts the characters beyond the basic plane: those that begin with such a byte.
fn wide_characters(text: &str) -> usize {
    text.bytes().filter(|byte| *byte >= 0xf0).count()
}

fn with_surrogates(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(server_text_bytes(text));
    let mut units = [0; 2];
    for character in text.chars() {
        match character.encode_utf16(&mut units) {
            [_] => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            pair => bytes.extend(pair.iter().flat_map(|unit| three_bytes(*unit))),
        }
    }
    bytes
}

/// Encodes a surrogate as UTF-8 would if it were a character.
fn three_bytes(unit: u16) -> [u8; 3] {
    let six_bits = |shift: u32| 0x80 | ((unit >> shift) & 0x3f) as u8;
    [0xe0 | (unit >> 12) as u8, six_bits(6), six_bits(0)]
}

/// Returns a length as it is on the wire; the server refuses to encode what comes near to 2^31 bytes.
pub(super) fn length_of(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
