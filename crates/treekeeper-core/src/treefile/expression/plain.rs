//! The values that nearly all properties have, read without tokens and trees: literals, flat lists and dicts of them,
//! products of small integers.
//!
//! What is not plainly one of these is left to the evaluator; where both read a value, they read the same.

use super::lexer::decimal;
use super::limits::STRING_BYTES_MAX;
use crate::model::{Properties, Text, Value};

/// Elements of a list or dict that are read here.
const ELEMENTS_MAX: usize = 64;

/// Returns what `expression` is stored as, wherever it is not the value of a `string_value`.
pub(super) fn value(expression: &str) -> Option<Value> {
    let mut cursor = Cursor {
        text: expression,
        at: 0,
    };
    let value = match expression.as_bytes().first()? {
        b'[' => cursor.list(),
        b'{' => cursor.dict(),
        b'0'..=b'9' => cursor.product(),
        _ => cursor.scalar(),
    }?;
    (cursor.at == expression.len()).then_some(value)
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn blanks(&mut self) {
        while self.take(b' ') {}
    }

    fn scalar(&mut self) -> Option<Value> {
        match self.peek()? {
            b'\'' | b'"' => self.string().map(|text| Value::String(Text::from(text))),
            b'u' => {
                self.at += 1;
                self.string().map(|text| Value::String(Text::from(text)))
            }
            b'-' => {
                self.at += 1;
                match self.number()? {
                    Value::Int(number) => Some(Value::Int(-number)),
                    Value::Float(number) => Some(Value::Float(-number)),
                    _ => None,
                }
            }
            b'0'..=b'9' => self.number(),
            b'T' => self.word("True", Value::Bool(true)),
            b'F' => self.word("False", Value::Bool(false)),
            b'N' => self.word("None", Value::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.text[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            value
        })
    }

    /// Takes what stands between two quotes of one kind, if nothing in it needs a second look.
    fn string(&mut self) -> Option<&'a str> {
        let quote = self.peek().filter(|quote| matches!(quote, b'\'' | b'"'))?;
        let inner = &self.text.as_bytes()[self.at + 1..];
        let length = inner
            .iter()
            .position(|byte| *byte == quote || matches!(byte, b'\\' | b'\r'))?;
        // Two quotes may be the beginning of three.
        let is_odd = inner[length] != quote || (length == 0 && inner.get(1) == Some(&quote));
        if is_odd || length > STRING_BYTES_MAX {
            return None;
        }
        let start = self.at + 1;
        self.at = start + length + 1;
        Some(&self.text[start..start + length])
    }

    fn digits(&mut self) -> &'a str {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    /// Takes a decimal number; what follows it must be looked at by those who ask.
    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        let whole = self.digits();
        if whole.is_empty() {
            return None;
        }
        if !self.take(b'.') {
            return decimal(whole.as_bytes()).map(Value::Int);
        }
        let fraction = self.digits();
        let number: f64 = self.text[start..self.at].parse().ok()?;
        (!fraction.is_empty() && number.is_finite()).then_some(Value::Float(number))
    }

    /// Takes a number, or the product of some integers that fits one.
    fn product(&mut self) -> Option<Value> {
        let mut product = self.number()?;
        loop {
            let end = self.at;
            self.blanks();
            if !self.take(b'*') {
                self.at = end;
                return Some(product);
            }
            self.blanks();
            product = match (product, self.number()?) {
                (Value::Int(left), Value::Int(right)) => Value::Int(left.checked_mul(right)?),
                _ => return None,
            };
        }
    }

    /// Takes the rest of a list or dict up to `close`, its elements by `element`.
    fn elements<T>(&mut self, close: u8, element: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.at += 1;
        let mut elements = Vec::new();
        loop {
            self.blanks();
            if self.take(close) {
                return Some(elements);
            }
            elements.push(element(self)?);
            self.blanks();
            if !self.take(b',') {
                return self.take(close).then_some(elements);
            }
            if elements.len() == ELEMENTS_MAX {
                return None;
            }
        }
    }

    fn list(&mut self) -> Option<Value> {
        self.elements(b']', Cursor::scalar).map(Value::Array)
    }

    fn dict(&mut self) -> Option<Value> {
        let entries = self.elements(b'}', |cursor| {
            cursor.take(b'u');
            let key = Text::from(cursor.string()?);
            cursor.blanks();
            if !cursor.take(b':') {
                return None;
            }
            cursor.blanks();
            Some((key, cursor.scalar()?))
        })?;
        let count = entries.len();
        let properties = Properties::from_entries(entries);
        // Which of two equal keys counts depends on how they are written.
        (properties.len() == count).then(|| Value::Object(properties.into_entries()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::evaluate;
    use super::*;

    #[test]
    fn plain_values_are_those_of_the_evaluator() {
        let plain = [
            "0",
            "7",
            "-7",
            "-0",
            "1.5",
            "-1.5",
            "0.0",
            "-0.0",
            "00.5",
            "100000000000000000",
            "True",
            "False",
            "None",
            "''",
            "\"\"",
            "'a b'",
            "u'caf\u{e9}'",
            "\"it's\"",
            "[]",
            "[ ]",
            "[1]",
            "[1, 'a',]",
            "[None , True,-2.5]",
            "{}",
            "{'a': 1}",
            "{'b': 'x', u'a': None, }",
            "60 * 5",
            "2*3 * 4",
            "0 * 9",
        ];
        let odd = [
            "",
            "u",
            "-",
            "- 7",
            "07",
            "1.",
            ".5",
            "1e3",
            "5L",
            "0x1f",
            "1j",
            "True1",
            "'a' 'b'",
            "'''a'''",
            "''''''",
            "'a\\n'",
            "r'a'",
            "b'a'",
            "[1 2]",
            "[[1]]",
            "[,]",
            "{'a'}",
            "{1: 2}",
            "{'a': 1, u'a': 2}",
            "(1)",
            "1,",
            "5 5",
            "60 * -5",
            "60 * 1.5",
            "999999999999999999 * 999999999999999999",
            "2 ** 3",
            "2 *",
            "'a",
            "[1",
            "{'a': 1",
            "'a' * 3",
            "1 # x",
            "'a' # x",
            "[1]x",
            "'a'[0]",
            "5 / 2",
            "truex",
        ];
        for expression in plain {
            let evaluated = evaluate(expression).unwrap().to_value().unwrap();
            assert_eq!(value(expression), Some(evaluated), "{expression}");
        }
        for expression in odd {
            assert_eq!(value(expression), None, "{expression}");
        }
    }
}
