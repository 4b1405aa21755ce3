//! Frames: four bytes of length, big-endian, and as many bytes of message.
//!
//! What is in a frame is not looked at here.

use super::Malformed;

/// The most bytes of a frame that a ZooKeeper reads by default (`jute.maxbuffer`).
pub const FRAME_BYTES_MAX: usize = 0xf_ffff;

/// Bytes of the length before a frame.
const LENGTH_BYTES: usize = 4;

/// How far a frame has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The message of a whole frame, without the length; `used` bytes of the input are read with it.
    Whole {
        /// The message.
        message: &'a [u8],
        /// Bytes of input to drop.
        used: usize,
    },
    /// This many bytes must have come in before there can be more to say.
    Needs(usize),
}

/// Returns the first frame of what came in, or how much of it must come.
///
/// # Errors
/// A frame that says to be longer than `bytes_max`, or a negative length.
pub fn next_frame(input: &[u8], bytes_max: usize) -> Result<Frame<'_>, Malformed> {
    let Some((length, rest)) = input.split_first_chunk::<LENGTH_BYTES>() else {
        return Ok(Frame::Needs(LENGTH_BYTES));
    };
    let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| Malformed::Length)?;
    if length > bytes_max {
        return Err(Malformed::Length);
    }
    let used = LENGTH_BYTES + length;
    Ok(match rest.get(..length) {
        Some(message) => Frame::Whole { message, used },
        None => Frame::Needs(used),
    })
}
