//! Canonical JSON, as Python 2's `json.dumps` writes it with `sort_keys` and without blanks: ASCII only.
//!
//! Writes what it is given: which values there are, and in which order, is the callers' business.

use crate::model::python::write_repr_float;
use crate::model::text::first_code_point;

/// Appends `null`.
pub fn write_null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"null");
}

/// Appends `true` or `false`.
pub fn write_bool(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Appends an array whose items `write` writes.
pub fn write_array<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// Appends an object of these keys, which are generalised UTF-8, and of values that `write` writes.
pub fn write_object<'a, T>(
    entries: impl Iterator<Item = (&'a [u8], T)>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(b'{');
    for (place, (key, value)) in entries.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(key, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

/// Appends a whole number.
pub fn write_int(number: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends a number as Python 2's json module does, which knows NaN and infinities.
pub fn write_float(number: f64, out: &mut Vec<u8>) {
    if number.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else {
        let mut text = String::new();
        write_repr_float(number, &mut text);
        out.extend_from_slice(text.as_bytes());
    }
}

/// Whether JSON text may hold each byte as it is (Python's `ensure_ascii`; DEL is escaped).
static PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    plain
};

/// Tells whether JSON text may hold all of these bytes as they are.
pub fn is_plain(text: &[u8]) -> bool {
    plain_run(text) == text.len()
}

/// Returns how many of the first bytes JSON text may hold as they are.
fn plain_run(text: &[u8]) -> usize {
    let mut run = 0;
    while let Some(eight) = text[run..].first_chunk::<8>()
        && are_plain(u64::from_ne_bytes(*eight))
    {
        run += 8;
    }
    if let Some(last) = text.last_chunk::<8>()
        && run + 8 > text.len()
        && are_plain(u64::from_ne_bytes(*last))
    {
        return text.len();
    }
    let rest = text[run..].iter();
    run + rest.take_while(|byte| PLAIN[**byte as usize]).count()
}

/// Tells whether JSON text may hold each of eight bytes as it is.
fn are_plain(eight: u64) -> bool {
    const EACH: u64 = u64::MAX / 255;
    const HIGH: u64 = EACH * 0x80;
    // Zero bytes give a high bit here, and only those that have no high bit themselves are asked about.
    let is_zero = |bytes: u64| bytes.wrapping_sub(EACH) & !bytes;
    let below_blank = eight.wrapping_sub(EACH * u64::from(b' '));
    let above_tilde = eight.wrapping_add(EACH);
    let quotes = is_zero(eight ^ (EACH * u64::from(b'"')));
    let backslashes = is_zero(eight ^ (EACH * u64::from(b'\\')));
    (eight | below_blank | above_tilde | quotes | backslashes) & HIGH == 0
}

/// Appends a JSON string of `text`, which is generalised UTF-8.
pub fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text;
    loop {
        let (plain, others) = rest.split_at(plain_run(rest));
        out.extend_from_slice(plain);
        let Some(first) = others.first() else { break };
        let length = write_escape(*first, others, out);
        rest = &others[length..];
    }
    out.push(b'"');
}

/// Appends the escape of the character that `rest` begins with, and returns that character's length.
fn write_escape(first: u8, rest: &[u8], out: &mut Vec<u8>) -> usize {
    let short = match first {
        b'"' | b'\\' => first,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x0C => b'f',
        0x08 => b'b',
        _ => {
            let (code_point, length) = first_code_point(rest);
            match code_point {
                0x1_0000.. => {
                    write_unit(0xD800 + ((code_point - 0x1_0000) >> 10), out);
                    write_unit(0xDC00 + (code_point & 0x3FF), out);
                }
                _ => write_unit(code_point, out),
            }
            return length;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
    1
}

fn write_unit(unit: u32, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u32| DIGITS[(unit >> shift & 0xF) as usize];
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_plain_by_itself_and_among_eight() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut eight = *b"a ~!#[]z";
                eight[place] = byte;
                let is_plain = PLAIN[byte as usize];
                assert_eq!(are_plain(u64::from_ne_bytes(eight)), is_plain, "{byte} {place}");
                assert_eq!(plain_run(&eight) == 8, is_plain, "{byte} {place}");
            }
            assert_eq!(are_plain(u64::from_ne_bytes([byte; 8])), PLAIN[byte as usize]);
        }
    }
}
