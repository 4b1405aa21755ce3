//! Computes git's object ids, so that a damaged mirror is noticed and never read as truth.
//!
//! SHA-1 and SHA-256 as FIPS 180-4 defines them, by hand: git's readers don't check the hash of what they read, and a
//! page of code is less than two crates. Nothing here guards a secret.

const SHA1_START: [u32; 5] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
const SHA256_START: [u32; 8] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];
const SHA256_ROUNDS: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// Returns whether a blob of these bytes has the object id `id` (40 digits: SHA-1, 64: SHA-256).
pub(crate) fn is_blob_id(id: &str, bytes: &[u8]) -> bool {
    let header = format!("blob {}\0", bytes.len());
    let digest = match id.len() {
        64 => digest(SHA256_START, sha256_block, header.as_bytes(), bytes),
        _ => digest(SHA1_START, sha1_block, header.as_bytes(), bytes),
    };
    digest == id
}

/// Runs `block` over `header`, `bytes` and the padding, and returns the state in hexadecimal.
fn digest<const N: usize>(
    start: [u32; N],
    block: fn(&mut [u32; N], &[u8; 64]),
    header: &[u8],
    bytes: &[u8],
) -> String {
    let length = header.len() + bytes.len();
    // The header is short; joining it with the first bytes keeps the rest of the blob uncopied.
    let first = bytes.len().min((64 - header.len() % 64) % 64);
    let mut state = start;
    let mut head = [header, &bytes[..first]].concat();
    let (whole, rest) = bytes[first..].as_chunks::<64>();
    let mut tail = if whole.is_empty() {
        head.extend_from_slice(rest);
        head
    } else {
        feed(&mut state, block, &head);
        for chunk in whole {
            block(&mut state, chunk);
        }
        rest.to_vec()
    };
    tail.push(0x80);
    while tail.len() % 64 != 56 {
        tail.push(0);
    }
    tail.extend_from_slice(&(length as u64 * 8).to_be_bytes());
    feed(&mut state, block, &tail);
    state.iter().map(|word| format!("{word:08x}")).collect()
}

fn feed<const N: usize>(state: &mut [u32; N], block: fn(&mut [u32; N], &[u8; 64]), bytes: &[u8]) {
    for chunk in bytes.as_chunks::<64>().0 {
        block(state, chunk);
    }
}

fn schedule<const N: usize>(chunk: &[u8; 64]) -> [u32; N] {
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(chunk.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

fn sha1_block(state: &mut [u32; 5], chunk: &[u8; 64]) {
    let mut words: [u32; 80] = schedule(chunk);
    for i in 16..80 {
        words[i] = (words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16]).rotate_left(1);
    }
    let mut mixed = *state;
    sha1_rounds(&mut mixed, &words[..20], 0x5a827999, |b, c, d| b & c | !b & d);
    sha1_rounds(&mut mixed, &words[20..40], 0x6ed9eba1, |b, c, d| b ^ c ^ d);
    sha1_rounds(&mut mixed, &words[40..60], 0x8f1bbcdc, |b, c, d| {
        b & c | b & d | c & d
    });
    sha1_rounds(&mut mixed, &words[60..], 0xca62c1d6, |b, c, d| b ^ c ^ d);
    for (word, value) in state.iter_mut().zip(mixed) {
        *word = word.wrapping_add(value);
    }
}

/// Twenty rounds with one function: to choose it in each round took 1.4 times as long.
fn sha1_rounds(state: &mut [u32; 5], words: &[u32], constant: u32, choose: impl Fn(u32, u32, u32) -> u32) {
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for word in words {
        let next = a
            .rotate_left(5)
            .wrapping_add(choose(b, c, d))
            .wrapping_add(e)
            .wrapping_add(constant)
            .wrapping_add(*word);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    *state = [a, b, c, d, e];
}

fn sha256_block(state: &mut [u32; 8], chunk: &[u8; 64]) {
    let mut words: [u32; 64] = schedule(chunk);
    for i in 16..64 {
        let (x, y) = (words[i - 15], words[i - 2]);
        let low = x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3);
        let high = y.rotate_right(17) ^ y.rotate_right(19) ^ (y >> 10);
        words[i] = words[i - 16]
            .wrapping_add(low)
            .wrapping_add(words[i - 7])
            .wrapping_add(high);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for (word, constant) in words.into_iter().zip(SHA256_ROUNDS) {
        let choice = e & f ^ !e & g;
        let high = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let first = h
            .wrapping_add(high)
            .wrapping_add(choice)
            .wrapping_add(constant)
            .wrapping_add(word);
        let low = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let second = low.wrapping_add(a & b ^ a & c ^ b & c);
        (h, g, f, e, d, c, b, a) = (
            g,
            f,
            e,
            d.wrapping_add(first),
            c,
            b,
            a,
            first.wrapping_add(second),
        );
    }
    for (word, value) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_git_computes() {
        // From `git hash-object --stdin` in repositories of both formats.
        assert!(is_blob_id("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", b""));
        assert!(is_blob_id(
            "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
            b""
        ));
        assert!(is_blob_id("ce013625030ba8dba906f756967f9e9ca394464a", b"hello\n"));
        assert!(!is_blob_id(
            "ce013625030ba8dba906f756967f9e9ca394464a",
            b"hellp\n"
        ));
    }

    #[test]
    fn padding_is_right_around_the_block_size() {
        let whole = digest(SHA1_START, sha1_block, b"", b"abc");
        assert_eq!(whole, "a9993e364706816aba3e25717850c26c9cd0d89d");
        let whole = digest(SHA256_START, sha256_block, b"ab", b"c");
        assert_eq!(
            whole,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        for length in 0..260 {
            let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let (front, back) = bytes.split_at(bytes.len() / 3);
            assert_eq!(
                digest(SHA1_START, sha1_block, front, back),
                digest(SHA1_START, sha1_block, b"", &bytes),
                "{length}"
            );
        }
    }
}
