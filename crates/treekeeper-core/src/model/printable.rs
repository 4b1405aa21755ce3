//! Makes text from others safe to print: terminals obey control characters, readers trust what they see.

use std::borrow::Cow;

use super::path::deceives;

/// Returns `text` with control, bidirectional and invisible characters written as `\u{..}` (RELIABILITY.md M7).
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(unprintable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            other if unprintable(other) => shown.extend(other.escape_unicode()),
            other => shown.push(other),
        }
    }
    Cow::Owned(shown)
}

/// Tells whether a character could move the cursor, reorder, hide or annotate text.
pub fn misleads(character: char) -> bool {
    character.is_control() || deceives(character) || matches!(character, '\u{fff9}'..='\u{fffb}')
}

/// Tells whether a character is not to be printed as it is: it misleads, or it is there without being seen.
pub fn unprintable(character: char) -> bool {
    misleads(character)
        || matches!(
            character,
            '\u{ad}' | '\u{180e}' | '\u{2065}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_bidi_never_reach_a_terminal() {
        assert_eq!(printable("a\x1b[31m\u{202E}b\n"), "a\\u{1b}[31m\\u{202e}b\\n");
        assert!(matches!(printable("plain é"), Cow::Borrowed(_)));
    }
}
