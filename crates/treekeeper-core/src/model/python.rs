//! Values as Python 2's `repr` spells them, which is what exports are made of (TREE_FORMAT.md 3).
//!
//! Only spelling: reading Python's literals is `treefile::expression`'s business.

use std::fmt::Write;

use super::printable::unprintable;
use super::{Text, Value};

/// Whether Unicode text is spelled with Python 2's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// `u'...'`, as the original writes it.
    Unicode,
    /// `'...'`, for readers who don't care.
    Plain,
}

/// Returns `repr` of a Python 2 float: the shortest digits that read back, `1e+16`, `1e-05`, `1.0`, `inf`, `nan`.
pub fn repr_float(number: f64) -> String {
    let mut out = String::new();
    write_repr_float(number, &mut out);
    out
}

/// Returns `repr` of a Python 2 unicode string, prefix included.
pub fn repr_text(text: &Text) -> String {
    let mut out = String::new();
    write_repr_text(text, Prefix::Unicode, &mut out);
    out
}

/// Returns `repr` of a Python 2 byte string.
pub fn repr_bytes(bytes: &[u8]) -> String {
    let mut out = String::new();
    write_repr_bytes(bytes, &mut out);
    out
}

/// Appends `repr` of `value` as Python 2 would have it after reading it from JSON.
pub fn write_repr(value: &Value, prefix: Prefix, out: &mut String) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::BigInt(digits) => {
            out.push_str(digits);
            out.push('L');
        }
        Value::Float(number) => write_repr_float(*number, out),
        Value::String(text) => write_repr_text(text, prefix, out),
        Value::Bytes(bytes) => write_repr_bytes(bytes, out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                write_repr(item, prefix, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (place, (key, item)) in entries.iter().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                write_repr_text(key, prefix, out);
                out.push_str(": ");
                write_repr(item, prefix, out);
            }
            out.push('}');
        }
    }
}

/// Appends `repr` of a Python 2 float.
pub fn write_repr_float(number: f64, out: &mut String) {
    if number.is_nan() {
        return out.push_str("nan");
    }
    if number.is_infinite() {
        return out.push_str(if number > 0.0 { "inf" } else { "-inf" });
    }
    // Rust's own shortest digits are those of Python 2.7; only their arrangement differs.
    if number == 0.0 || (1e-4..1e16).contains(&number.abs()) {
        let start = out.len();
        // Writing to a String cannot fail.
        let _ = write!(out, "{number}");
        if !out[start..].contains('.') {
            out.push_str(".0");
        }
        return;
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    out.push_str(&format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs()));
}

/// Appends `repr` of a Python 2 unicode string.
///
/// With [`Prefix::Plain`] visible characters stand for themselves, so that the text reads back without the prefix;
/// text with any other character outside of ASCII keeps prefix and escapes.
pub fn write_repr_text(text: &Text, prefix: Prefix, out: &mut String) {
    if prefix == Prefix::Plain
        && let Some(text) = text
            .as_str()
            .filter(|text| text.chars().all(|it| it.is_ascii() || visible(it)))
    {
        let quote = quote(text.as_bytes());
        out.push(quote);
        for character in text.chars() {
            match u8::try_from(character).ok().filter(u8::is_ascii) {
                Some(byte) => write_ascii(byte, quote, out),
                None => out.push(character),
            }
        }
        return out.push(quote);
    }
    let quote = quote(text.as_bytes());
    out.push('u');
    out.push(quote);
    for code_point in text.code_points() {
        match code_point {
            0..=0x7E => write_ascii(code_point as u8, quote, out),
            0x7F..=0xFF => out.push_str(&format!("\\x{code_point:02x}")),
            0x100..=0xFFFF => out.push_str(&format!("\\u{code_point:04x}")),
            _ => out.push_str(&format!("\\U{code_point:08x}")),
        }
    }
    out.push(quote);
}

/// Appends `repr` of a Python 2 byte string.
pub fn write_repr_bytes(bytes: &[u8], out: &mut String) {
    let quote = quote(bytes);
    out.push(quote);
    for byte in bytes {
        write_ascii(*byte, quote, out);
    }
    out.push(quote);
}

/// Tells whether a character outside of ASCII can be read for what it is.
fn visible(character: char) -> bool {
    !character.is_whitespace() && !unprintable(character)
}

fn quote(bytes: &[u8]) -> char {
    if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    }
}

fn write_ascii(byte: u8, quote: char, out: &mut String) {
    let character = char::from(byte);
    match byte {
        b'\\' => out.push_str("\\\\"),
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        b' '..=b'~' if character == quote => out.extend(['\\', quote]),
        b' '..=b'~' => out.push(character),
        _ => out.push_str(&format!("\\x{byte:02x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelled_as_python_2_spells_them() {
        for (number, text) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.2345678901234567e19, "1.2345678901234567e+19"),
            (123_456_789.123_456_79, "123456789.12345679"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (5e-324, "5e-324"),
            (1e300, "1e+300"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(repr_float(number), text);
        }
    }

    #[test]
    fn text_and_bytes_are_quoted_as_python_2_quotes_them() {
        assert_eq!(repr_text(&Text::from("it's")), "u\"it's\"");
        assert_eq!(repr_text(&Text::from("both ' and \"")), "u'both \\' and \"'");
        assert_eq!(
            repr_text(&Text::from("\u{0}\u{7f}\u{e9}\u{20ac}\u{1F600}\t")),
            "u'\\x00\\x7f\\xe9\\u20ac\\U0001f600\\t'"
        );
        assert_eq!(repr_bytes(b"caf\xc3\xa9\\"), "'caf\\xc3\\xa9\\\\'");
        let plain = |text: &str| {
            let mut out = String::new();
            write_repr_text(&Text::from(text), Prefix::Plain, &mut out);
            out
        };
        assert_eq!(plain("caf\u{e9}"), "'caf\u{e9}'");
        assert_eq!(plain("\u{202e}"), "u'\\u202e'");
    }
}
