//! Makes text from others safe to print: terminals obey control characters, readers trust what they see.

use std::borrow::Cow;

/// Returns `text` with control, bidirectional and zero-width characters written as `\u{..}` (RELIABILITY.md M7).
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

/// Tells whether a character could move the cursor, reorder or hide text.
pub fn unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            u32::from(character),
            0x61C | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x2064 | 0x2066..=0x206F | 0xFEFF | 0xFFF9..=0xFFFB
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
