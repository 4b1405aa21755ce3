//! String literals: prefixes, quotes and escapes.

use super::error::{Evaluated, ExpressionError, LIMIT, STRING, UNSUPPORTED};
use super::limits::STRING_BYTES_MAX;
use super::value::PyValue;
use crate::model::Text;

/// Returns the string literal at the start of `text` and its length in bytes, or `None` if none begins there.
///
/// # Errors
/// A missing end quote and broken escapes; places count from `at`.
pub fn literal(text: &str, at: usize) -> Evaluated<Option<(PyValue, usize)>> {
    let bytes = text.as_bytes();
    let letters = bytes
        .iter()
        .take(3)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let (is_unicode, is_raw) = match text[..letters].to_ascii_lowercase().as_str() {
        "" | "b" => (false, false),
        "r" | "br" => (false, true),
        "u" => (true, false),
        "ur" => (true, true),
        _ => return Ok(None),
    };
    let quote = match bytes.get(letters) {
        Some(quote @ (b'\'' | b'"')) => *quote,
        _ => return Ok(None),
    };
    let is_triple = bytes.get(letters + 1) == Some(&quote) && bytes.get(letters + 2) == Some(&quote);
    let quotes = if is_triple { 3 } else { 1 };
    let start = letters + quotes;
    let Some(length) = body_length(&bytes[start..], quote, quotes) else {
        return Err(ExpressionError::new(STRING, "the string has no end quote")
            .with_help(format!(
                "add {} at its end",
                char::from(quote).to_string().repeat(quotes)
            ))
            .at(at..at + text.len()));
    };
    let body = &text[start..start + length];
    if !is_triple && body.contains('\r') {
        return Err(
            ExpressionError::new(STRING, "a carriage return ends the line within the string")
                .with_help("write \\r")
                .at(at..at + start + length),
        );
    }
    let end = start + length + quotes;
    let value = match (is_unicode, is_raw) {
        (false, true) => Ok(PyValue::Bytes(body.as_bytes().to_vec())),
        (false, false) => byte_string(body).map(PyValue::Bytes),
        (true, true) => raw_unicode(body).map(PyValue::Text),
        (true, false) => unicode(body).map(PyValue::Text),
    };
    let value = value.map_err(|error| error.at(at..at + end))?;
    let too_long = match &value {
        PyValue::Bytes(bytes) => bytes.len() > STRING_BYTES_MAX,
        PyValue::Text(text) => text.as_bytes().len() > STRING_BYTES_MAX,
        _ => false,
    };
    if too_long {
        return Err(ExpressionError::new(
            LIMIT,
            format!("the string has more than {STRING_BYTES_MAX} bytes"),
        )
        .at(at..at + end));
    }
    Ok(Some((value, end)))
}

/// Returns the bytes before the end quote; a backslash takes the next byte with it.
fn body_length(bytes: &[u8], quote: u8, quotes: usize) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote
                && bytes[at..]
                    .iter()
                    .take(quotes)
                    .filter(|byte| **byte == quote)
                    .count()
                    == quotes =>
            {
                return Some(at);
            }
            _ => at += 1,
        }
    }
    None
}

fn bad_escape(escape: &str, digits: usize) -> ExpressionError {
    ExpressionError::new(
        STRING,
        format!("\\{escape} needs {digits} hexadecimal digits after it"),
    )
    .with_help("for a backslash itself write \\\\")
}

fn hex(text: &str, escape: &str, digits: usize) -> Evaluated<u32> {
    let found = text
        .get(..digits)
        .filter(|found| found.bytes().all(|byte| byte.is_ascii_hexdigit()));
    found
        .and_then(|found| u32::from_str_radix(found, 16).ok())
        .ok_or_else(|| bad_escape(escape, digits))
}

/// Returns the value of up to three octal digits and how many there are.
fn octal(text: &str) -> (u32, usize) {
    let count = text
        .bytes()
        .take(3)
        .take_while(|byte| matches!(byte, b'0'..=b'7'))
        .count();
    (
        text[..count]
            .bytes()
            .fold(0, |value, byte| value * 8 + u32::from(byte - b'0')),
        count,
    )
}

/// Returns what a one-letter escape stands for.
fn simple(letter: u8) -> Option<u8> {
    Some(match letter {
        b'\\' | b'\'' | b'"' => letter,
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0B,
        _ => return None,
    })
}

fn byte_string(body: &str) -> Evaluated<Vec<u8>> {
    if !body.contains('\\') {
        return Ok(body.as_bytes().to_vec());
    }
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(place) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..place]);
        rest = &rest[place + 1..];
        let letter = rest.bytes().next().unwrap_or(b'\\');
        if let Some(byte) = simple(letter) {
            out.push(byte);
            rest = &rest[1..];
        } else if letter == b'x' {
            out.push(hex(&rest[1..], "x", 2)? as u8);
            rest = &rest[3..];
        } else if matches!(letter, b'0'..=b'7') {
            let (value, count) = octal(rest);
            out.push((value & 0xFF) as u8);
            rest = &rest[count..];
        } else {
            out.push(b'\\');
        }
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

fn unicode(body: &str) -> Evaluated<Text> {
    if !body.contains('\\') {
        return Ok(Text::from(body));
    }
    let mut out: Vec<u32> = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(place) = rest.find('\\') {
        out.extend(rest[..place].chars().map(u32::from));
        rest = &rest[place + 1..];
        let letter = rest.bytes().next().unwrap_or(b'\\');
        if let Some(byte) = simple(letter) {
            out.push(u32::from(byte));
            rest = &rest[1..];
            continue;
        }
        match letter {
            b'x' | b'u' | b'U' => {
                let (code_point, used) = hexadecimal(rest, letter)?;
                out.push(code_point);
                rest = &rest[used..];
            }
            b'0'..=b'7' => {
                let (value, count) = octal(rest);
                out.push(value);
                rest = &rest[count..];
            }
            b'N' => {
                return Err(ExpressionError::new(
                    UNSUPPORTED,
                    "\\N{...} names of characters are not known here",
                )
                .with_help("write the character itself, or its \\u escape"));
            }
            _ => out.push(u32::from(b'\\')),
        }
    }
    out.extend(rest.chars().map(u32::from));
    Ok(Text::from_code_points(out))
}

/// Reads `xhh`, `uhhhh` or `Uhhhhhhhh` and returns the code point and the bytes used.
fn hexadecimal(rest: &str, letter: u8) -> Evaluated<(u32, usize)> {
    let (escape, digits) = match letter {
        b'x' => ("x", 2),
        b'u' => ("u", 4),
        _ => ("U", 8),
    };
    let code_point = hex(&rest[1..], escape, digits)?;
    if code_point > 0x10_FFFF {
        return Err(ExpressionError::new(STRING, "\\U goes up to \\U0010ffff"));
    }
    Ok((code_point, 1 + digits))
}

/// In raw Unicode strings only `\u` and `\U` are escapes, and only after an odd number of backslashes.
fn raw_unicode(body: &str) -> Evaluated<Text> {
    let mut out: Vec<u32> = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(place) = rest.find('\\') {
        out.extend(rest[..place].chars().map(u32::from));
        rest = &rest[place..];
        let run = rest.bytes().take_while(|byte| *byte == b'\\').count();
        let letter = rest.as_bytes().get(run).copied();
        match letter {
            Some(letter @ (b'u' | b'U')) if run % 2 == 1 => {
                out.extend(std::iter::repeat_n(u32::from(b'\\'), run - 1));
                let (code_point, used) = hexadecimal(&rest[run..], letter)?;
                out.push(code_point);
                rest = &rest[run + used..];
            }
            _ => {
                out.extend(std::iter::repeat_n(u32::from(b'\\'), run));
                rest = &rest[run..];
            }
        }
    }
    out.extend(rest.chars().map(u32::from));
    Ok(Text::from_code_points(out))
}
