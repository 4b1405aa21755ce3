//! Values that JSON writes as a tree file does: whole numbers, short decimals, texts without escapes.
//!
//! Nearly half of all values are that, and are copied without being read. Where it is told that a value is one of
//! these, the evaluator would say the same; what is not told is left to it.

use super::limits::STRING_BYTES_MAX;
use crate::model::json;

/// Digits that an integer surely has room for.
const INTEGER_DIGITS_MAX: usize = 18;
/// Digits that a float surely keeps: no shorter number is the same float.
const FLOAT_DIGITS_MAX: usize = 15;

/// Appends what `expression` is stored as, wherever it is not the value of a `string_value`, and tells whether it did.
pub(super) fn copy(expression: &str, out: &mut Vec<u8>) -> bool {
    let bytes = expression.as_bytes();
    match bytes {
        [b'0'..=b'9', ..] if is_number(bytes) => {
            out.extend_from_slice(bytes);
            true
        }
        [b'\'' | b'"', ..] => copy_text(bytes, out),
        [b'u', text @ ..] => copy_text(text, out),
        _ => false,
    }
}

/// Tells whether these bytes, the first of which is a digit, are a number as JSON writes it.
fn is_number(bytes: &[u8]) -> bool {
    let whole = digits(bytes);
    if bytes[0] == b'0' && whole > 1 {
        return false;
    }
    let [b'.', fraction @ ..] = &bytes[whole..] else {
        return whole == bytes.len() && whole <= INTEGER_DIGITS_MAX;
    };
    // What begins with a zero may be so small that it is written with an exponent.
    bytes[0] != b'0'
        && digits(fraction) == fraction.len()
        && whole + fraction.len() <= FLOAT_DIGITS_MAX
        && (fraction == b"0" || fraction.last().is_some_and(|last| *last != b'0'))
}

/// Returns how many of the first bytes are decimal digits.
fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Appends a text that begins with its quote, if it has no escapes and needs none.
fn copy_text(text: &[u8], out: &mut Vec<u8>) -> bool {
    let [first @ (b'\'' | b'"'), inner @ .., last] = text else {
        return false;
    };
    let is_plain = first == last
        && !inner.is_empty()
        && inner.len() <= STRING_BYTES_MAX
        && json::is_plain(inner)
        && memchr::memchr(*first, inner).is_none();
    if is_plain {
        out.reserve(inner.len() + 2);
        out.push(b'"');
        out.extend_from_slice(inner);
        out.push(b'"');
    }
    is_plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::write_json;
    use crate::treefile::expression::evaluate;

    fn copied(expression: &str) -> Option<String> {
        let mut out = b"before".to_vec();
        let is_copied = copy(expression, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(is_copied || text == "before", "{expression}");
        is_copied.then(|| text["before".len()..].to_owned())
    }

    fn evaluated(expression: &str) -> Option<String> {
        let value = evaluate(expression).ok()?.to_value().ok()?;
        let mut out = Vec::new();
        write_json(&value, &mut out);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_json_writes_alike_is_copied() {
        for expression in [
            "0",
            "7",
            "10",
            "123456789012345678",
            "1.0",
            "1.5",
            "98.001",
            "12345678901234.5",
        ] {
            assert_eq!(copied(expression), Some(expression.to_owned()));
            assert_eq!(evaluated(expression), copied(expression));
        }
        for expression in ["'a'", "\"a b\"", "u'a'", "\"it's\"", "u\"x\"", "'~ #[]{}'"] {
            assert!(copied(expression).is_some(), "{expression}");
            assert_eq!(evaluated(expression), copied(expression));
        }
    }

    #[test]
    fn all_else_is_left_to_others() {
        let odd = [
            "",
            "u",
            "'",
            "u'",
            "''",
            "'a",
            "a'",
            "'a\"",
            "'a' 'b'",
            "'a' * 3'",
            "'''a'''",
            "'a\"b'",
            "'\\n'",
            "'\u{e9}'",
            "'\u{7f}'",
            "'a\tb'",
            "ur'a'",
            "uu'a'",
            "b'a'",
            "00",
            "07",
            "00.5",
            "0.5",
            "0.00001",
            "1.",
            "1.50",
            "1.00",
            "1e3",
            "1.5e3",
            "1.5.5",
            "5L",
            "0x1f",
            "1j",
            "1.5j",
            "1 ",
            "-1",
            "60 * 5",
            "1234567890123456789",
            "1234567890.123456",
            "True",
            "[1]",
        ];
        for expression in odd {
            assert_eq!(copied(expression), None, "{expression}");
        }
    }

    proptest! {
        #[test]
        fn what_is_copied_is_what_the_evaluator_says(
            expression in prop_oneof!["[0-9]{1,17}\\.?[0-9]{0,17}", "u?['\"][ -~]{0,9}['\"]", "[0-9u'\".eL a]{1,6}"],
        ) {
            if let Some(copied) = copied(&expression) {
                prop_assert_eq!(evaluated(&expression), Some(copied));
            }
        }
    }
}
