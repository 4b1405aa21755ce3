//! Bytes that many owners share: the data of a whole tree lie in a few big pieces, and plans refer to them.
//!
//! What the bytes mean is `codec`'s business.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A part of a piece of memory that is shared with others; a clone copies no bytes.
///
/// A million little allocations would cost more time and memory than the bytes in them. The whole piece stays as long
/// as anything refers to it.
#[derive(Clone, Default)]
pub struct SharedBytes {
    piece: Option<Arc<Vec<u8>>>,
    start: u32,
    end: u32,
}

impl SharedBytes {
    /// Returns the bytes.
    pub fn as_slice(&self) -> &[u8] {
        match &self.piece {
            Some(piece) => &piece[self.start as usize..self.end as usize],
            None => &[],
        }
    }
}

impl Deref for SharedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl From<Vec<u8>> for SharedBytes {
    fn from(bytes: Vec<u8>) -> SharedBytes {
        let end = small(bytes.len());
        PieceBuilder { bytes }.finish().part((0, end))
    }
}

impl From<&[u8]> for SharedBytes {
    fn from(bytes: &[u8]) -> SharedBytes {
        bytes.to_vec().into()
    }
}

impl From<Box<[u8]>> for SharedBytes {
    fn from(bytes: Box<[u8]>) -> SharedBytes {
        bytes.into_vec().into()
    }
}

impl PartialEq for SharedBytes {
    fn eq(&self, other: &SharedBytes) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for SharedBytes {}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_slice(), formatter)
    }
}

/// Where some bytes lie in a piece: the first, and the one behind the last.
pub type Span = (u32, u32);

/// A piece that is being filled.
#[derive(Debug, Default)]
pub struct PieceBuilder {
    bytes: Vec<u8>,
}

impl PieceBuilder {
    /// Returns an empty piece with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> PieceBuilder {
        PieceBuilder {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// Appends what `write` appends to the end of the piece, and returns its place.
    pub fn add<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<Span, E> {
        let start = small(self.bytes.len());
        write(&mut self.bytes)?;
        Ok((start, small(self.bytes.len())))
    }

    /// Appends these bytes and returns their place.
    pub fn push(&mut self, bytes: &[u8]) -> Span {
        let start = small(self.bytes.len());
        self.bytes.extend_from_slice(bytes);
        (start, small(self.bytes.len()))
    }

    /// Returns the piece, to be parted.
    pub fn finish(self) -> Piece {
        Piece(Arc::new(self.bytes))
    }
}

/// A piece that is whole.
#[derive(Clone, Debug)]
pub struct Piece(Arc<Vec<u8>>);

impl Piece {
    /// Returns the bytes at a place that the builder told.
    pub fn part(&self, (start, end): Span) -> SharedBytes {
        SharedBytes {
            piece: (start < end).then(|| Arc::clone(&self.0)),
            start,
            end,
        }
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or_else(|_| unreachable!("a piece has fewer than 2^32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_piece_are_what_was_put_there() {
        let mut builder = PieceBuilder::with_capacity(8);
        let places = [builder.push(b"one"), builder.push(b""), builder.push(b"two")];
        let piece = builder.finish();
        let parts = places.map(|place| piece.part(place));
        assert_eq!(parts, [b"one".as_slice(), b"", b"two"].map(SharedBytes::from));
        assert_eq!(size_of::<SharedBytes>(), 16);
    }
}
