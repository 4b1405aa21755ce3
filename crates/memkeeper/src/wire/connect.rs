//! The first frame of each side of a connection.
//!
//! The frames have no header; a client that knows read-only servers sends one byte more and is sent one byte more.

use super::Malformed;
use super::jute::{Reader, Writer};
use crate::database::{Connect, SessionId};

/// Bytes of a session's password.
pub(super) const PASSWORD_BYTES: usize = 16;

/// Whether the client knows of read-only servers, so that the reply has a byte for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// A byte that says whether the server is read-only.
    ReadOnlyByte,
    /// The older, shorter reply.
    ShortReply,
}

/// Reads the first frame of a client.
///
/// A null password is an empty one.
pub fn decode_connect(message: &[u8]) -> Result<(Connect, Wants), Malformed> {
    let mut reader = Reader::new(message);
    let _protocol = reader.int()?;
    let last_zxid_seen = reader.long()?;
    let timeout = reader.int()?;
    let session = SessionId(reader.long()?);
    let password = reader.bytes()?.unwrap_or_default().to_vec();
    let (read_only, wants) = match reader.is_empty() {
        true => (false, Wants::ShortReply),
        false => (reader.bool()?, Wants::ReadOnlyByte),
    };
    let connect = Connect {
        last_zxid_seen,
        timeout,
        session,
        password,
        read_only,
    };
    Ok((connect, wants))
}

/// Writes the server's first frame of an open connection; `timeout` is in milliseconds.
pub fn encode_connected(
    out: &mut Vec<u8>,
    session: SessionId,
    password: &[u8; PASSWORD_BYTES],
    timeout: i32,
    wants: Wants,
) {
    let mut writer = Writer::frame(out);
    writer.int(0);
    writer.int(timeout);
    writer.long(session.0);
    writer.bytes(password);
    if wants == Wants::ReadOnlyByte {
        writer.bool(false);
    }
    writer.finish();
}

/// Writes the server's first frame to a client whose session is gone: session 0, timeout 0.
pub fn encode_refused(out: &mut Vec<u8>, wants: Wants) {
    encode_connected(out, SessionId::NONE, &[0; PASSWORD_BYTES], 0, wants);
}
