//! Values, keys and paths as people may see them: in the notation of tree files, secrets masked, nothing that could
//! deceive a reader or command a terminal.
//!
//! Every text of a plan that came from outside passes here.

use std::fmt::Write;

use crate::model::python::{Prefix, write_repr, write_repr_text};
use crate::model::secret::{MASK, looks_secret};
use crate::model::{HashKey, Text, Value, unprintable, write_json};

/// Whether the values of properties whose names look secret are shown.
#[derive(Clone, Copy, Debug)]
pub enum Secrets<'a> {
    /// They are not; these names look secret besides the built-in ones.
    Masked(&'a [String]),
    /// They are not either, but where one changes, hashes under this key tell old and new apart.
    Hashed(&'a [String], &'a HashKey),
    /// They are, because a person at a terminal asked for them.
    Shown,
}

impl Secrets<'_> {
    /// Tells whether the value of the property called `key` is to be masked; the target of a link never is.
    pub(super) fn mask(&self, key: &Text) -> bool {
        match self {
            Secrets::Shown => false,
            Secrets::Masked(extra) | Secrets::Hashed(extra, _) => {
                link(key).is_none() && looks_secret(&key.to_str_lossy(), extra)
            }
        }
    }

    /// Returns what stands in place of a secret that is nested in a value.
    pub(super) fn masked(&self, value: &Value) -> String {
        format!("{MASK}{}", self.hash(value).unwrap_or_default())
    }

    /// Returns a secret's short keyed hash, if there is a key.
    pub(super) fn hash(&self, value: &Value) -> Option<String> {
        const DIGITS: usize = 8;
        match self {
            Secrets::Masked(_) | Secrets::Shown => None,
            Secrets::Hashed(_, key) => Some(key.short(&value_bytes(value))[..DIGITS].to_owned()),
        }
    }

    /// Returns the same without hashes: for a value that has nothing to be compared with.
    pub(super) fn without_hashes(self) -> Self {
        match self {
            Secrets::Hashed(extra, _) => Secrets::Masked(extra),
            other => other,
        }
    }
}

/// Returns the bytes that stand for a value where it is hashed.
pub(super) fn value_bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_json(value, &mut bytes);
    bytes
}

/// Returns a link's name and its arrow, if the key is that of a link.
pub(super) fn link(key: &Text) -> Option<(&[u8], &'static str)> {
    let bytes = key.as_bytes();
    let arrow = |arrow: &'static str| Some((bytes.strip_suffix(arrow.as_bytes())?, arrow));
    arrow(" ->").or_else(|| arrow(" =>"))
}

/// Returns `text` with every character escaped that is not plainly visible.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let code = u32::from(character);
        // Writing to a String cannot fail.
        let _ = match character {
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            _ if !hidden(character) => out.write_char(character),
            _ if code <= 0xFF => write!(out, "\\x{code:02x}"),
            _ if code <= 0xFFFF => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        };
    }
    out
}

/// Returns a value as a tree file writes it, secrets masked where they are nested in it.
pub(super) fn value_text(key: &Text, value: &Value, secrets: Secrets<'_>) -> String {
    let mut out = String::new();
    match value {
        // The one key where text and byte string mean different data: `u` tells them apart.
        Value::String(text) if *key == *"string_value" => write_repr_text(text, Prefix::Unicode, &mut out),
        Value::Bytes(bytes) => write_bytes(bytes, &mut out),
        _ => write_value(value, secrets, &mut out),
    }
    out
}

fn write_value(value: &Value, secrets: Secrets<'_>, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                write_value(item, secrets, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (place, (key, item)) in entries.iter().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                write_text(key, out);
                out.push_str(": ");
                match secrets.mask(key) {
                    true => out.push_str(&secrets.masked(item)),
                    false => write_value(item, secrets, out),
                }
            }
            out.push('}');
        }
        Value::String(text) => write_text(text, out),
        Value::Bytes(bytes) => write_bytes(bytes, out),
        // The `L` of Python 2 says nothing to a reader of files, where any integer is one.
        Value::BigInt(digits) => out.push_str(digits),
        _ => write_repr(value, Prefix::Plain, out),
    }
}

fn write_text(text: &Text, out: &mut String) {
    let clear = text
        .as_str()
        .is_some_and(|text| !text.chars().any(|it| !it.is_ascii() && hidden(it)));
    write_repr_text(text, if clear { Prefix::Plain } else { Prefix::Unicode }, out);
}

/// Appends a byte string: characters where it is readable text, escaped bytes otherwise.
fn write_bytes(bytes: &[u8], out: &mut String) {
    let readable = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.chars().any(|it| !it.is_ascii() && hidden(it)));
    match readable {
        Some(text) => write_repr_text(&Text::from(text), Prefix::Plain, out),
        None => write_repr(&Value::Bytes(bytes.into()), Prefix::Plain, out),
    }
}

/// Returns `text` with its middle replaced by `…` if it has more than `width` characters.
pub(super) fn cut(text: String, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| text.len() > *width) else {
        return text;
    };
    let count = text.chars().count();
    if count <= width {
        return text;
    }
    // The beginning tells more than the end.
    let tail = width.saturating_sub(1) / 3;
    let head = width.saturating_sub(1) - tail;
    let mut cut: String = text.chars().take(head).collect();
    cut.push('…');
    cut.extend(text.chars().skip(count - tail));
    cut
}

/// Tells whether a character is invisible, reorders what stands beside it, or is none at all.
fn hidden(character: char) -> bool {
    if matches!(character, ' '..='~') {
        return false;
    }
    let code = u32::from(character);
    unprintable(character)
        || (character.is_whitespace() && character != ' ')
        || matches!(code, 0xE000..=0xF8FF | 0xFFFC | 0xFFFE | 0xFFFF | 0xE1000..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: Value) -> String {
        value_text(&Text::from("x"), &value, Secrets::Masked(&[]))
    }

    #[test]
    fn values_are_spelled_as_a_file_would_write_them() {
        let string = |text: &str| Value::String(Text::from(text));
        assert_eq!(text(string("caf\u{e9}")), "'caf\u{e9}'");
        assert_eq!(text(string("it's")), "\"it's\"");
        assert_eq!(
            text(Value::BigInt("9223372036854775808".into())),
            "9223372036854775808"
        );
        assert_eq!(text(Value::Bytes(Box::from(&b"caf\xc3\xa9"[..]))), "'caf\u{e9}'");
        assert_eq!(text(Value::Bytes(Box::from(&b"\xff"[..]))), "'\\xff'");
        assert_eq!(
            value_text(&Text::from("string_value"), &string("x"), Secrets::Shown),
            "u'x'"
        );
    }

    #[test]
    fn nothing_hidden_is_ever_written() {
        for character in (0..=0x10FFFF).filter_map(char::from_u32).filter(|it| hidden(*it)) {
            let inside = format!("a{character}b");
            let texts = [
                escaped(&inside),
                text(Value::String(Text::from(&*inside))),
                text(Value::Bytes(inside.as_bytes().into())),
                text(Value::Object(vec![(Text::from(&*inside), Value::Null)])),
            ];
            for text in texts {
                assert!(
                    !text.chars().any(hidden),
                    "U+{:04X} in {text:?}",
                    u32::from(character)
                );
            }
        }
    }

    #[test]
    fn values_are_cut_in_the_middle() {
        assert_eq!(cut("abcdefghij".into(), Some(7)), "abcd…ij");
        assert_eq!(cut("abcdefg".into(), Some(7)), "abcdefg");
        assert_eq!(cut("abcdefghij".into(), None), "abcdefghij");
        assert_eq!(cut("ééé".into(), Some(1)), "…");
    }

    #[test]
    fn secrets_are_found_by_a_part_of_their_name_but_links_are_shown() {
        let secrets = Secrets::Masked(&[]);
        assert!(secrets.mask(&Text::from("DB_Password")));
        assert!(!secrets.mask(&Text::from("password =>")));
        assert!(!secrets.mask(&Text::from("pass")));
        assert!(Secrets::Masked(&["Pass".to_owned()]).mask(&Text::from("pass")));
        assert!(!Secrets::Shown.mask(&Text::from("password")));
    }
}
