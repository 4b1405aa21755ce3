//! Makes text from others safe to print: terminals obey control characters, readers trust what they see.

use std::borrow::Cow;

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

/// Returns `text` in quotes, safe to print.
///
/// Not by `{:?}`, which leaves some characters that are not seen, and would escape a second time what is safe already.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", printable(text).replace('"', "\\\""))
}

/// Returns JSON that means the same, what is not to be printed as it is in JSON's own escapes; line ends stay.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let bad = |character: char| character != '\n' && unprintable(character);
    if !json.chars().any(bad) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if !bad(character) {
            shown.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            shown.push_str(&format!("\\u{unit:04x}"));
        }
    }
    Cow::Owned(shown)
}

/// Tells whether a character is not to be printed as it is: it moves the cursor, reorders or annotates text, or is there
/// without being seen.
///
/// The one list of them: no name and no target of a link may hold one, and every output escapes them. They are the
/// control characters, the line and paragraph separators, the bidirectional controls, the interlinear annotations, and
/// what Unicode calls Default_Ignorable_Code_Point (DerivedCoreProperties.txt of Unicode 16), which nearly all fonts
/// draw as nothing.
pub fn unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            u32::from(character),
            0xAD | 0x34F
                | 0x61C
                | 0x115F..=0x1160
                | 0x17B4..=0x17B5
                | 0x180B..=0x180F
                | 0x200B..=0x200F
                | 0x2028..=0x202E
                | 0x2060..=0x206F
                | 0x3164
                | 0xFE00..=0xFE0F
                | 0xFEFF
                | 0xFFA0
                | 0xFFF0..=0xFFFB
                | 0x1BCA0..=0x1BCA3
                | 0x1D173..=0x1D17A
                | 0xE0000..=0xE0FFF
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

    #[test]
    fn quotes_are_not_left_and_nothing_is_escaped_twice() {
        assert_eq!(quoted("a\u{3164}\"b"), r#""a\u{3164}\"b""#);
        assert_eq!(quoted(r"a\u{3164}b"), r#""a\u{3164}b""#);
    }

    #[test]
    fn json_means_the_same() {
        let json = serde_json::json!({ "a\u{202e}": "b\u{e0001}\u{ad}\u{9b}\n\u{e9}" });
        let text = format!("{json:#}\n");
        let shown = printable_json(&text);
        assert!(
            shown.contains("a\\u202e") && shown.contains("b\\udb40\\udc01\\u00ad\\u009b\\n\u{e9}"),
            "{shown}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).ok(), Some(json));
    }

    #[test]
    fn what_is_not_seen_is_written_out() {
        let unseen = "\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{180b}\u{180e}\u{200b}\u{2028}\u{2060}\u{2065}\
                      \u{3164}\u{fe00}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{1bca0}\u{1d173}\u{e0001}\u{e0100}";
        for character in unseen.chars() {
            let name = format!("a{character}b");
            let written = format!("a\\u{{{:x}}}b", u32::from(character));
            assert_eq!(printable(&name), written);
            assert!(
                crate::model::ZnodePath::parse(&format!("/{name}")).is_err(),
                "{written}"
            );
        }
        assert_eq!(printable("naïve 日本 ᄀ \u{a0}"), "naïve 日本 ᄀ \u{a0}");
    }
}
