//! Splits an expression into tokens, numbers and strings already as values.

use std::ops::Range;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::error::{Evaluated, ExpressionError, NUMBER, SYNTAX, UNSUPPORTED, limit};
use super::limits::INTEGER_BITS_MAX;
use super::strings;
use super::value::PyValue;

/// A token.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its bytes in the expression.
    pub span: Range<usize>,
}

/// What a token is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A number.
    Number(PyValue),
    /// One string literal.
    String(PyValue),
    /// A name or keyword.
    Name(String),
    /// An operator or bracket.
    Operator(&'static str),
    /// The end of the expression.
    End,
}

/// Longest first, so that the first match is the right one.
const OPERATORS: [&str; 34] = [
    "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "<>", "+", "-", "*", "/", "%", "&", "|", "^", "~", "<",
    ">", "(", ")", "[", "]", "{", "}", ",", ":", ".", "`", "=", ";", "@", "\\",
];

/// Returns the tokens of `text`, the last of them `Kind::End`.
///
/// # Errors
/// Characters that begin no token, malformed numbers and strings.
pub fn tokens(text: &str) -> Evaluated<Vec<Token>> {
    let bytes = text.as_bytes();
    // Most values that get here are a short list or a product: one allocation does for them.
    let mut tokens = Vec::with_capacity(bytes.len().min(7) + 1);
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b' ' | b'\t' | b'\x0c' => at += 1,
            b'#' => break,
            _ => {
                let token = token(text, at)?;
                at = token.span.end;
                tokens.push(token);
            }
        }
    }
    tokens.push(Token {
        kind: Kind::End,
        span: text.len()..text.len(),
    });
    Ok(tokens)
}

fn token(text: &str, at: usize) -> Evaluated<Token> {
    let rest = &text[at..];
    if let Some((value, length)) = strings::literal(rest, at)? {
        return Ok(Token {
            kind: Kind::String(value),
            span: at..at + length,
        });
    }
    let first = rest.as_bytes()[0];
    let second_is_digit = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    if first.is_ascii_digit() || (first == b'.' && second_is_digit) {
        let length = number_length(rest.as_bytes());
        let value = number(&rest[..length]).map_err(|error| error.at(at..at + length))?;
        return Ok(Token {
            kind: Kind::Number(value),
            span: at..at + length,
        });
    }
    if first.is_ascii_alphabetic() || first == b'_' {
        let length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            .count();
        return Ok(Token {
            kind: Kind::Name(rest[..length].to_owned()),
            span: at..at + length,
        });
    }
    match OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
        Some(operator) => Ok(Token {
            kind: Kind::Operator(operator),
            span: at..at + operator.len(),
        }),
        None => {
            let character = rest.chars().next().unwrap_or(' ');
            let shown = crate::model::quoted(&character.to_string());
            Err(
                ExpressionError::new(SYNTAX, format!("{shown} is no part of an expression"))
                    .at(at..at + character.len_utf8()),
            )
        }
    }
}

fn digits(bytes: &[u8], from: usize) -> usize {
    bytes[from..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count()
}

/// Returns the bytes of the number at the start of `bytes`, as Python 2's tokenizer cuts it.
fn number_length(bytes: &[u8]) -> usize {
    let suffix = |end: usize| end + usize::from(matches!(bytes.get(end), Some(b'l' | b'L')));
    if bytes[0] == b'0' && matches!(bytes.get(1), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B')) {
        let body = bytes[2..]
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        return suffix(2 + body);
    }
    let mut end = digits(bytes, 0);
    let mut is_float = false;
    if bytes.get(end) == Some(&b'.') {
        is_float = true;
        end += 1;
        end += digits(bytes, end);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = bytes.get(signed..).map_or(0, |rest| digits(rest, 0));
        if exponent > 0 {
            is_float = true;
            end = signed + exponent;
        }
    }
    if matches!(bytes.get(end), Some(b'j' | b'J')) {
        return end + 1;
    }
    if is_float { end } else { suffix(end) }
}

/// Returns the value of decimal digits that surely fit an int and don't begin with the 0 of an octal number.
pub fn decimal(digits: &[u8]) -> Option<i64> {
    // 18 digits always fit 64 bits.
    if digits.is_empty() || digits.len() > 18 || (digits.len() > 1 && digits[0] == b'0') {
        return None;
    }
    digits.iter().try_fold(0_i64, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

fn number(text: &str) -> Evaluated<PyValue> {
    if let Some(small) = decimal(text.as_bytes()) {
        return Ok(PyValue::Int(small));
    }
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("0x") || lower.starts_with("0o") || lower.starts_with("0b") {
        let radix = match lower.as_bytes()[1] {
            b'x' => 16,
            b'o' => 8,
            _ => 2,
        };
        return integer(text, &lower[2..], radix);
    }
    if lower.ends_with('j') {
        return Err(ExpressionError::new(
            UNSUPPORTED,
            "complex numbers are not values of properties",
        ));
    }
    if lower.contains(['.', 'e']) {
        return lower.parse().map(PyValue::Float).map_err(|_| malformed(text));
    }
    let is_octal = lower.len() > 1 && lower.starts_with('0') && lower.as_bytes()[1].is_ascii_digit();
    if is_octal {
        integer(text, &lower[1..], 8)
    } else {
        integer(text, &lower, 10)
    }
}

fn integer(text: &str, digits: &str, radix: u32) -> Evaluated<PyValue> {
    let is_long = digits.ends_with('l');
    let digits = digits.trim_end_matches('l');
    // A digit is more than 3 bits only in hexadecimal; this bounds the work before it is done.
    if digits.len() as u64 > INTEGER_BITS_MAX {
        return Err(limit(format!(
            "the integer has more than {INTEGER_BITS_MAX} bits"
        )));
    }
    let value = BigInt::parse_bytes(digits.as_bytes(), radix).ok_or_else(|| malformed(text))?;
    if value.bits() > INTEGER_BITS_MAX {
        return Err(limit(format!(
            "the integer has more than {INTEGER_BITS_MAX} bits"
        )));
    }
    Ok(match value.to_i64() {
        Some(small) if !is_long => PyValue::Int(small),
        _ => PyValue::Long(value),
    })
}

fn malformed(text: &str) -> ExpressionError {
    let error = ExpressionError::new(NUMBER, format!("{text} is not a number"));
    let is_octal = text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_octal {
        let decimal = text.trim_start_matches('0');
        return error.with_help(format!(
            "a leading 0 makes it octal: write {decimal}, or '{text}' for text"
        ));
    }
    error
}
