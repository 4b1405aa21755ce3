//! Unicode text as ZooKeeper's JSON holds it: UTF-8, and lone surrogates where a foreign writer left them.
//!
//! Encoding and decoding of JSON live in `codec`; this type only stores.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Text in generalised UTF-8 (WTF-8): like `str`, but a lone surrogate code point is representable.
///
/// Files never hold lone surrogates; live data may, and keep them (TREE_FORMAT.md 4).
/// The order is that of code points.
#[derive(Clone)]
pub struct Text(Stored);

/// The bytes of a text: short ones in place, since nearly all keys and most values are, and a tree of a million znodes
/// holds several of both for each.
#[derive(Clone)]
enum Stored {
    Short { length: u8, bytes: [u8; SHORT_MAX] },
    Long(Box<[u8]>),
}

/// As many bytes as make a text no bigger than a vector.
const SHORT_MAX: usize = 22;

impl Stored {
    fn short(text: &[u8]) -> Option<Stored> {
        let mut bytes = [0; SHORT_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        let length = text.len() as u8;
        Some(Stored::Short { length, bytes })
    }

    /// Returns the first bytes as a number, zeros where there are none: no text is less by it than one that it follows.
    fn start(&self) -> u64 {
        let bytes = match self {
            Stored::Short { bytes, .. } => bytes.as_slice(),
            Stored::Long(bytes) => bytes,
        };
        bytes.first_chunk().map_or(0, |start| u64::from_be_bytes(*start))
    }
}

impl From<&[u8]> for Stored {
    fn from(text: &[u8]) -> Stored {
        Stored::short(text).unwrap_or_else(|| Stored::Long(text.into()))
    }
}

impl From<Vec<u8>> for Stored {
    fn from(text: Vec<u8>) -> Stored {
        Stored::short(&text).unwrap_or_else(|| Stored::Long(text.into_boxed_slice()))
    }
}

impl Text {
    /// Returns the text that consists of `code_points`, each a Unicode scalar value or a surrogate.
    ///
    /// A high surrogate followed by a low one is joined, as Python's json module does.
    /// Code points above U+10FFFF become U+FFFD.
    pub fn from_code_points(code_points: impl IntoIterator<Item = u32>) -> Text {
        let mut bytes = Vec::new();
        let mut high: Option<u32> = None;
        for code_point in code_points {
            match (high.take(), code_point) {
                (Some(first), 0xDC00..=0xDFFF) => {
                    push(
                        &mut bytes,
                        0x10000 + ((first - 0xD800) << 10) + (code_point - 0xDC00),
                    );
                }
                (first, _) => {
                    if let Some(first) = first {
                        push(&mut bytes, first);
                    }
                    match code_point {
                        0xD800..=0xDBFF => high = Some(code_point),
                        _ => push(&mut bytes, code_point),
                    }
                }
            }
        }
        if let Some(first) = high {
            push(&mut bytes, first);
        }
        Text(bytes.into())
    }

    /// Returns the code points in order, surrogates included.
    pub fn code_points(&self) -> impl Iterator<Item = u32> + '_ {
        let mut rest = self.as_bytes();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (value, length) = first_code_point(rest);
            rest = &rest[length..];
            Some(value)
        })
    }

    /// Returns the text as a string, or `None` if it holds a lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// Returns the generalised UTF-8 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Stored::Short { length, bytes } => &bytes[..usize::from(*length)],
            Stored::Long(bytes) => bytes,
        }
    }

    /// Returns the text with each lone surrogate replaced by U+FFFD.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        match std::str::from_utf8(self.as_bytes()) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(
                self.code_points()
                    .map(|code| char::from_u32(code).unwrap_or('\u{FFFD}'))
                    .collect(),
            ),
        }
    }

    /// Tells whether there are no characters.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

/// Returns the first code point of `bytes`, which are generalised UTF-8 and not empty, and its length.
pub(super) fn first_code_point(bytes: &[u8]) -> (u32, usize) {
    let first = bytes[0];
    let (length, initial) = match first {
        0x00..=0x7F => (1, u32::from(first)),
        0xC0..=0xDF => (2, u32::from(first & 0x1F)),
        0xE0..=0xEF => (3, u32::from(first & 0x0F)),
        _ => (4, u32::from(first & 0x07)),
    };
    (
        bytes[1..length]
            .iter()
            .fold(initial, |value, byte| value << 6 | u32::from(byte & 0x3F)),
        length,
    )
}

/// A text that is being put together; surrogates that become neighbours are joined.
#[derive(Default)]
pub(super) struct TextBuffer(Vec<u8>);

impl TextBuffer {
    /// Appends one code point.
    pub(super) fn push(&mut self, code_point: u32) {
        if (0xDC00..=0xDFFF).contains(&code_point)
            && let [.., 0xED, second @ 0xA0..=0xAF, third] = self.0[..]
        {
            let high = u32::from(second & 0x0F) << 6 | u32::from(third & 0x3F);
            self.0.truncate(self.0.len() - 3);
            push(&mut self.0, 0x1_0000 + (high << 10) + (code_point - 0xDC00));
        } else {
            push(&mut self.0, code_point);
        }
    }

    /// Appends `bytes`, if they are what Python 2 takes for UTF-8: surrogates are allowed.
    pub(super) fn push_utf8(&mut self, mut bytes: &[u8]) -> Option<()> {
        loop {
            let valid = match std::str::from_utf8(bytes) {
                Ok(_) => {
                    self.0.extend_from_slice(bytes);
                    return Some(());
                }
                Err(error) => error.valid_up_to(),
            };
            self.0.extend_from_slice(&bytes[..valid]);
            let surrogate = bytes.get(valid..valid + 3)?;
            let [0xED, 0xA0..=0xBF, 0x80..=0xBF] = surrogate else {
                return None;
            };
            self.push(first_code_point(surrogate).0);
            bytes = &bytes[valid + 3..];
        }
    }

    /// Returns the text.
    pub(super) fn finish(self) -> Text {
        Text(self.0.into())
    }
}

/// Appends `code_point` in generalised UTF-8.
fn push(bytes: &mut Vec<u8>, code_point: u32) {
    match char::from_u32(code_point) {
        Some(character) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        None if (0xD800..=0xDFFF).contains(&code_point) => {
            bytes.extend_from_slice(&[
                0xE0 | (code_point >> 12) as u8,
                0x80 | (code_point >> 6 & 0x3F) as u8,
                0x80 | (code_point & 0x3F) as u8,
            ]);
        }
        None => push(bytes, 0xFFFD),
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl Ord for Text {
    fn cmp(&self, other: &Text) -> Ordering {
        // Most texts differ in their first bytes, and numbers are compared faster than bytes.
        let by_start = self.0.start().cmp(&other.0.start());
        by_start.then_with(|| self.as_bytes().cmp(other.as_bytes()))
    }
}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Text) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(text.as_bytes().into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Text {
        Text(text.into_bytes().into())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str_lossy(), formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_ordered_by_their_bytes() {
        let long = "a".repeat(SHORT_MAX + 1);
        let texts = [
            "",
            "\0",
            "a",
            "a\0",
            "a\0b",
            "aaaaaaa\0",
            "aaaaaaaa",
            "aaaaaaaab",
            "b",
            "é",
            &long,
        ];
        for left in texts {
            for right in texts {
                let by_bytes = left.as_bytes().cmp(right.as_bytes());
                assert_eq!(
                    Text::from(left).cmp(&Text::from(right)),
                    by_bytes,
                    "{left:?} {right:?}"
                );
            }
        }
    }

    #[test]
    fn surrogate_pairs_join_and_lone_ones_stay() {
        let text = Text::from_code_points([0x61, 0xD83D, 0xDE00, 0xD800]);
        assert_eq!(text.code_points().collect::<Vec<_>>(), [0x61, 0x1F600, 0xD800]);
        assert_eq!(text.as_str(), None);
        assert_eq!(text.to_str_lossy(), "a\u{1F600}\u{FFFD}");
    }

    #[test]
    fn long_and_short_texts_are_the_same_to_everybody_else() {
        for length in [0, 1, SHORT_MAX - 1, SHORT_MAX, SHORT_MAX + 1, 1_000] {
            let (text, longer) = ("x".repeat(length), "x".repeat(length + 1));
            let (one, two) = (Text::from(text.as_str()), Text::from(longer.as_str()));
            assert_eq!(one.as_str(), Some(text.as_str()));
            assert_eq!(one, Text::from(text.clone()));
            assert_eq!(one, Text::from_code_points(text.chars().map(u32::from)));
            assert!(one < two);
        }
        assert_eq!(size_of::<Text>(), size_of::<Vec<u8>>());
    }
}
