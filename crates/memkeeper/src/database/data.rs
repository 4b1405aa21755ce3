//! The data of a znode: bytes, or null, which clients tell apart.

use std::ops::Deref;
use std::sync::Arc;

/// What a znode holds, shared and never copied; null reads as no bytes.
///
/// The real server keeps what a client wrote: the length -1 stays -1, and 0 stays 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Data(Option<Arc<[u8]>>);

impl Data {
    /// No data at all, as a create without data writes it.
    pub const NULL: Data = Data(None);

    /// Tells whether it is null, and not merely empty.
    pub fn is_null(&self) -> bool {
        self.0.is_none()
    }
}

impl Deref for Data {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<&[u8]> for Data {
    fn from(bytes: &[u8]) -> Data {
        Data(Some(bytes.into()))
    }
}

impl<const N: usize> From<[u8; N]> for Data {
    fn from(bytes: [u8; N]) -> Data {
        Data(Some(bytes.into()))
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Data {
        Data(Some(bytes.into()))
    }
}

impl From<Option<&[u8]>> for Data {
    fn from(bytes: Option<&[u8]>) -> Data {
        Data(bytes.map(Into::into))
    }
}
