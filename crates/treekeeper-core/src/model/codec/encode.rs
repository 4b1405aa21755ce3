//! Properties to bytes, and values to canonical JSON.

use crate::model::python::write_repr_float;
use crate::model::text::first_code_point;
use crate::model::{Properties, Text, Value};

/// Why properties cannot be stored in a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A lone `string_value` that is not a byte string.
    #[error("a lone string_value must be a byte string")]
    StringValueNotBytes,
    /// A byte string that is not UTF-8 where JSON needs text.
    #[error("the byte string in {key:?} is not UTF-8")]
    NotUtf8 {
        /// The property that holds it.
        key: String,
    },
}

/// Returns the bytes to store for `properties`: canonical JSON (sorted keys, compact, ASCII), or the bytes of a lone
/// `string_value`.
pub fn encode(properties: &Properties) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(2 + 24 * properties.len());
    encode_entries(properties.iter().map(|(key, value)| (key, value)), &mut out)?;
    Ok(out)
}

/// Appends what [`encode`] returns for properties of these entries, which are in the order of their keys.
pub fn encode_entries<'a>(
    entries: impl ExactSizeIterator<Item = (&'a Text, &'a Value)>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let is_lone = entries.len() == 1;
    let mut entries = entries.peekable();
    if let Some((_, value)) = entries.next_if(|entry| is_lone && *entry.0 == "string_value") {
        return match value {
            Value::Bytes(bytes) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Value::Null => Ok(()),
            _ => Err(EncodeError::StringValueNotBytes),
        };
    }
    out.push(b'{');
    entries.try_fold(b"".as_slice(), |comma, (key, value)| {
        out.extend_from_slice(comma);
        write_text(key.as_bytes(), out);
        out.push(b':');
        if write_value(value, out) {
            Ok(b",".as_slice())
        } else {
            let key = key.to_str_lossy().into_owned();
            Err(EncodeError::NotUtf8 { key })
        }
    })?;
    out.push(b'}');
    Ok(())
}

/// Appends `value` as canonical JSON; what is not UTF-8 in a byte string becomes U+FFFD.
pub fn write_json(value: &Value, out: &mut Vec<u8>) {
    write_value(value, out);
}

/// Appends `value` and tells whether every byte string in it was UTF-8.
fn write_value(value: &Value, out: &mut Vec<u8>) -> bool {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(number) => write_int(*number, out),
        Value::BigInt(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Float(number) => write_float(*number, out),
        Value::String(text) => write_text(text.as_bytes(), out),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => write_text(text.as_bytes(), out),
            Err(_) => {
                write_text(String::from_utf8_lossy(bytes).as_bytes(), out);
                return false;
            }
        },
        Value::Array(items) => return write_array(items, out),
        Value::Object(entries) => return write_object(entries, out),
    }
    true
}

fn write_array(items: &[Value], out: &mut Vec<u8>) -> bool {
    let mut utf8 = true;
    out.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        utf8 &= write_value(item, out);
    }
    out.push(b']');
    utf8
}

fn write_object(entries: &[(Text, Value)], out: &mut Vec<u8>) -> bool {
    let mut utf8 = true;
    out.push(b'{');
    for (place, (key, value)) in entries.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(key.as_bytes(), out);
        out.push(b':');
        utf8 &= write_value(value, out);
    }
    out.push(b'}');
    utf8
}

fn write_int(number: i64, out: &mut Vec<u8>) {
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

fn write_float(number: f64, out: &mut Vec<u8>) {
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

/// Appends a JSON string of `text`, which is generalised UTF-8.
fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.iter().position(|byte| !PLAIN[*byte as usize]);
        let run = run.unwrap_or(rest.len());
        out.extend_from_slice(&rest[..run]);
        rest = &rest[run..];
        if let Some(first) = rest.first() {
            let length = write_escape(*first, rest, out);
            rest = &rest[length..];
        }
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
