//! Short keyed hashes, by which values that must not be told can still be compared.
//!
//! HMAC-SHA256 (RFC 2104) under a random key, cut to 64 bits. A hash tells nothing without its key; with it, a weak
//! secret can be guessed, so a file that holds both is nobody else's business.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// A key, made at random for one run or one file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashKey([u8; 16]);

impl std::fmt::Debug for HashKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("HashKey(..)")
    }
}

impl HashKey {
    /// Returns the key of 128 random bits.
    pub fn new(random: [u8; 16]) -> HashKey {
        HashKey(random)
    }

    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<HashKey> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut key = [0; 16];
        for (place, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
        }
        Some(HashKey(key))
    }

    /// Returns the key as 32 hexadecimal digits.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// Returns the first 16 hexadecimal digits of the keyed hash of `bytes`.
    pub fn short(&self, bytes: &[u8]) -> String {
        hex(&self.hash(bytes)[..8])
    }

    fn hash(&self, bytes: &[u8]) -> [u8; 32] {
        hmac(&self.0, bytes)
    }
}

/// The bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// Returns the HMAC-SHA256 of `bytes` under a key that is no longer than a block.
fn hmac(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    let padded = |pad: u8| {
        let mut block = [pad; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(bytes);
    let outer = Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner.finalize());
    outer.finalize().into()
}

/// Returns bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_rfc_4231() {
        let told = |key: &[u8], text: &str| hex(&hmac(key, text.as_bytes()));
        assert_eq!(
            told(&[0x0b; 20], "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert_eq!(
            told(b"Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn keys_are_read_as_they_are_written() {
        let key = HashKey::new([7; 16]);
        assert_eq!(HashKey::parse(&key.hex()), Some(key));
        assert_eq!(key.short(b"x").len(), 16);
        assert_ne!(key.short(b"x"), HashKey::new([8; 16]).short(b"x"));
        for wrong in [
            "",
            "07",
            "zz070707070707070707070707070707",
            "é707070707070707070707070707070",
        ] {
            assert_eq!(HashKey::parse(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "HashKey(..)");
    }
}
