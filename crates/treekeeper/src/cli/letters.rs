//! Which letters the terminal has: where the locale is not UTF-8, what people read is written in ASCII.
//!
//! Data (trees, JSON) are UTF-8 wherever they go, since programs read them.

use std::borrow::Cow;
use std::sync::OnceLock;

/// Returns `text` as it can be shown here.
pub fn fit(text: &str) -> Cow<'_, str> {
    static IS_UTF8: OnceLock<bool> = OnceLock::new();
    let variable = |name: &str| std::env::var(name).ok();
    if text.is_ascii() || *IS_UTF8.get_or_init(|| is_utf8(variable)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(in_ascii(text))
}

/// Tells whether the locale's letters are UTF-8, as the C library decides it.
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let locale = named.unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

fn in_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{2022}' => out.push('*'),
            '\u{2026}' => out.push_str("..."),
            '\u{2192}' => out.push_str("->"),
            other if other.is_ascii() => out.push(other),
            other => out.extend(other.escape_unicode()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_something_counts() {
        let locale = |pairs: &[(&str, &str)]| {
            is_utf8(|name| {
                let found = pairs.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(locale(&[("LANG", "de_DE.UTF-8")]));
        assert!(locale(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]));
        assert!(!locale(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(!locale(&[("LANG", "de_DE.ISO-8859-1")]));
        assert!(!locale(&[]));
    }

    #[test]
    fn signs_have_a_likeness_and_letters_a_number() {
        assert_eq!(
            in_ascii("\u{2022}\u{2022}\u{2022} a\u{2026} \u{2192} caf\u{e9}"),
            "*** a... -> caf\\u{e9}"
        );
    }
}
