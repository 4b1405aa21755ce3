//! ZooKeeper's protocol: frames, requests, replies and events as bytes (jute), byte for byte as Apache ZooKeeper 3.8.
//!
//! Pure: bytes in, values out. Nothing here panics on any input or allocates by a length that it only read: every
//! decoder returns [`Malformed`] instead. What a request does is the database's matter, when bytes move the server's.
//! Fields that are null on the wire (length -1) are read as empty ones where the real server accepts null.

pub mod client;
mod connect;
mod frame;
mod jute;
mod operation;
mod reply;
mod request;

pub use connect::{Wants, decode_connect, encode_connected, encode_refused};
pub use frame::{FRAME_BYTES_MAX, Frame, next_frame};
pub use operation::Operation;
pub use reply::{
    XID_EVENT, XID_PING, encode_error, encode_event, encode_reply, encode_sasl_refusal, encoded_reply_bytes,
};
pub use request::{Header, decode_header, decode_request, decode_sasl};

use crate::database::ErrorCode;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The frame ends inside a field.
    #[error("the frame ends inside a field")]
    Truncated,
    /// A length is negative, or larger than what is left of the frame, or than the frame limit.
    #[error("a length cannot be")]
    Length,
    /// A field is null that must not be.
    #[error("a field is null that must not be")]
    Null,
    /// A number stands for nothing.
    #[error("a number stands for nothing here")]
    Number,
    /// A kind of node that does not exist, or not in this operation.
    #[error("no such kind of node")]
    CreateMode,
}

impl Malformed {
    /// Returns the error that the real server replies to such a request.
    pub fn code(self) -> ErrorCode {
        match self {
            Malformed::CreateMode => ErrorCode::BadArguments,
            Malformed::Truncated | Malformed::Length | Malformed::Null | Malformed::Number => {
                ErrorCode::MarshallingError
            }
        }
    }
}
