//! The short way for what nearly every value is: a plain literal, read straight into the value that is stored.
//!
//! It must agree with `expression` on all that it reads, and leaves the rest to it: operators, prefixes other than
//! `u`, rare escapes, tuples, whatever could be an error.

use crate::model::{Properties, Text, Value};

/// How long an expression may be to be read here: whatever comes near a limit of `expression` is left to it.
const BYTES_MAX: usize = 4_096;

/// How deep lists and dicts may lie in one another.
const DEPTH_MAX: usize = 16;

/// How many digits an integer may have.
const DIGITS_MAX: usize = 100;

/// Returns the value that `expression` stores under `key`, if it is a plain literal.
pub(super) fn read(expression: &str, key: &str) -> Option<Value> {
    if expression.len() > BYTES_MAX {
        return None;
    }
    let mut reader = Reader {
        text: expression.as_bytes(),
        at: 0,
    };
    let value = match reader.peek()? {
        b'\'' | b'"' if key == "string_value" => Value::Bytes(reader.bytes()?.into_boxed_slice()),
        _ => reader.value(0)?,
    };
    (reader.at == expression.len()).then_some(value)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, expected: u8) -> bool {
        let taken = self.peek() == Some(expected);
        self.at += usize::from(taken);
        taken
    }

    fn blanks(&mut self) {
        while self.take(b' ') {}
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.peek()? {
            b'\'' | b'"' => String::from_utf8(self.bytes()?)
                .ok()
                .map(|text| Value::String(Text::from(text))),
            b'u' => self.unicode().map(|text| Value::String(Text::from(text))),
            b'-' | b'0'..=b'9' => self.number(),
            b'[' => self.list(depth + 1),
            b'{' => self.dict(depth + 1),
            b'T' => self.word(b"True", Value::Bool(true)),
            b'F' => self.word(b"False", Value::Bool(false)),
            b'N' => self.word(b"None", Value::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Option<Value> {
        self.text[self.at..]
            .starts_with(word)
            .then(|| self.at += word.len())?;
        self.ends().then_some(value)
    }

    /// Tells whether a number or a name ends here.
    fn ends(&self) -> bool {
        matches!(self.peek(), None | Some(b' ' | b',' | b']' | b'}' | b':'))
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        self.opens(depth)?;
        while !self.take(b']') {
            items.push(self.value(depth)?);
            self.separates(b']')?;
        }
        Some(Value::Array(items))
    }

    fn dict(&mut self, depth: usize) -> Option<Value> {
        let mut entries = Vec::new();
        self.opens(depth)?;
        while !self.take(b'}') {
            let Value::String(key) = self.value(depth)? else {
                return None;
            };
            self.blanks();
            self.take(b':').then(|| self.blanks())?;
            entries.push((key, self.value(depth)?));
            self.separates(b'}')?;
        }
        let count = entries.len();
        let entries = Properties::from_entries(entries).into_entries();
        // Which of two equal keys counts is for `expression` to say: 'é' and u'é' are two keys to Python.
        (entries.len() == count).then_some(Value::Object(entries))
    }

    fn opens(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        self.blanks();
        (depth <= DEPTH_MAX).then_some(())
    }

    /// Takes the comma behind an item, which the last may lack.
    fn separates(&mut self, end: u8) -> Option<()> {
        self.blanks();
        let comma = self.take(b',');
        self.blanks();
        (comma || self.peek() == Some(end)).then_some(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        self.take(b'-');
        let zero = self.peek() == Some(b'0');
        let digits = self.digits();
        if digits == 0 || digits > DIGITS_MAX || (zero && digits > 1) {
            return None;
        }
        let fraction = self.take(b'.');
        if fraction {
            self.digits();
        }
        let exponent = self.take(b'e') || self.take(b'E');
        if exponent {
            let _ = self.take(b'-') || self.take(b'+');
            if self.digits() == 0 {
                return None;
            }
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).ok()?;
        let value = if fraction || exponent {
            Value::Float(text.parse().ok().filter(|number: &f64| number.is_finite())?)
        } else {
            self.take(b'L');
            text.parse()
                .map_or_else(|_| Value::BigInt(text.into()), Value::Int)
        };
        self.ends().then_some(value)
    }

    /// Takes the opening quote; a third one would begin a long string.
    fn quote(&mut self) -> Option<u8> {
        let quote = self.peek()?;
        let long = self.text[self.at..].starts_with(&[quote; 3]);
        (matches!(quote, b'\'' | b'"') && !long).then(|| {
            self.at += 1;
            quote
        })
    }

    /// Takes the bytes up to the quote or the next backslash.
    fn run(&mut self, quote: u8) -> Option<&'a [u8]> {
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .position(|byte| *byte == quote || *byte == b'\\' || *byte < b' ')?;
        (rest[length] >= b' ').then(|| {
            self.at += length;
            &rest[..length]
        })
    }

    /// Reads a byte string and what follows it up to where it must end.
    fn bytes(&mut self) -> Option<Vec<u8>> {
        let quote = self.quote()?;
        let mut bytes = self.run(quote)?.to_vec();
        while !self.take(quote) {
            self.at += 1;
            match self.escape()? {
                Escape::Character(character) => bytes.push(character),
                Escape::Hexadecimal => bytes.push(u8::try_from(self.hexadecimal(2)?).ok()?),
                Escape::Unicode(_) => return None,
            }
            bytes.extend_from_slice(self.run(quote)?);
        }
        Some(bytes)
    }

    fn unicode(&mut self) -> Option<String> {
        self.at += 1;
        let quote = self.quote()?;
        let mut text = std::str::from_utf8(self.run(quote)?).ok()?.to_owned();
        while !self.take(quote) {
            self.at += 1;
            let code_point = match self.escape()? {
                Escape::Character(character) => u32::from(character),
                Escape::Hexadecimal => self.hexadecimal(2)?,
                Escape::Unicode(digits) => self.hexadecimal(digits)?,
            };
            text.push(char::from_u32(code_point)?);
            text.push_str(std::str::from_utf8(self.run(quote)?).ok()?);
        }
        Some(text)
    }

    /// Takes the letter behind a backslash.
    fn escape(&mut self) -> Option<Escape> {
        let letter = self.peek()?;
        self.at += 1;
        Some(match letter {
            b'\\' | b'\'' | b'"' => Escape::Character(letter),
            b'n' => Escape::Character(b'\n'),
            b'r' => Escape::Character(b'\r'),
            b't' => Escape::Character(b'\t'),
            b'x' => Escape::Hexadecimal,
            b'u' => Escape::Unicode(4),
            b'U' => Escape::Unicode(8),
            _ => return None,
        })
    }

    fn hexadecimal(&mut self, digits: usize) -> Option<u32> {
        let text = self.text.get(self.at..self.at + digits)?;
        self.at += digits;
        text.iter().try_fold(0, |value: u32, digit| {
            Some(value << 4 | char::from(*digit).to_digit(16)?)
        })
    }
}

enum Escape {
    Character(u8),
    Hexadecimal,
    /// So many hexadecimal digits follow, if the string is a unicode one.
    Unicode(usize),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::write_json;

    fn stored(expression: &str) -> String {
        let Some(value) = read(expression, "k") else {
            return "left".to_owned();
        };
        let mut out = Vec::new();
        write_json(&value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn plain_literals_are_read() {
        for (expression, json) in [
            ("1", "1"),
            ("-0", "0"),
            ("10L", "10"),
            ("123456789012345678901L", "123456789012345678901"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1.5", "1.5"),
            ("1.", "1.0"),
            ("-1e3", "-1000.0"),
            ("1e-07", "1e-07"),
            ("1E+22", "1e+22"),
            ("'it\\'s \\x41\\n'", "\"it's A\\n\""),
            ("'\\xc3\\xa9'", "\"\\u00e9\""),
            (
                "u'\\xe9\\u20ac\\U0001f600\u{e9}'",
                "\"\\u00e9\\u20ac\\ud83d\\ude00\\u00e9\"",
            ),
            ("''", "\"\""),
            ("[1, u'a', [None, 2.5], ]", "[1,\"a\",[null,2.5]]"),
            ("{'b': True, u'a': False}", "{\"a\":false,\"b\":true}"),
            ("[]", "[]"),
            ("{ }", "{}"),
        ] {
            assert_eq!(stored(expression), json, "{expression}");
        }
    }

    #[test]
    fn what_is_not_plain_is_left() {
        for expression in [
            "",
            "-",
            "01",
            "1_0",
            "1e",
            "1e400",
            "1.5L",
            "1 + 1",
            "1 # c",
            "1,",
            "(1,)",
            "0x1",
            ".5",
            "1.2.3",
            "True1",
            "foo",
            "'a' 'b'",
            "'a",
            "'''a'''",
            "r'a'",
            "b'a'",
            "'\\u20ac'",
            "'\\xff'",
            "u'\\ud800'",
            "'\\a'",
            "'\\x4'",
            "[1",
            "[,]",
            "[1 2]",
            "{1: 2}",
            "{'a'}",
            "{'a': 1, u'a': 2}",
            "[1]]",
            "'a'[0]",
            "'\u{1}'",
            "u'\\U00110000'",
            "--1",
            "1 ",
        ] {
            assert_eq!(stored(expression), "left", "{expression}");
        }
        assert_eq!(stored(&("[".repeat(17) + &"]".repeat(17))), "left");
        assert_eq!(stored(&"1".repeat(101)), "left");
    }

    #[test]
    fn a_string_value_stays_bytes() {
        assert_eq!(
            read("'\\xff'", "string_value"),
            Some(Value::Bytes((*b"\xff").into()))
        );
        assert_eq!(read("u'a'", "string_value"), Some(Value::String(Text::from("a"))));
    }
}
