//! The values that nearly all properties have, read without tokens and trees: literals, flat lists and dicts of them,
//! products of small integers.
//!
//! What is not plainly one of these is left to the evaluator; where both read a value, they read the same.

use super::lexer::decimal;
use super::limits::STRING_BYTES_MAX;
use crate::model::{Text, Value, json};

/// Elements of a list or dict that are read here.
const ELEMENTS_MAX: usize = 64;

/// A plain value, its texts as the expression writes them.
#[derive(Debug)]
pub(super) enum Plain<'a> {
    Scalar(Scalar<'a>),
    List(Vec<Scalar<'a>>),
    /// Keys are unique and sorted.
    Dict(Vec<(&'a str, Scalar<'a>)>),
}

/// What holds no other values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

/// Returns what `expression` is stored as, wherever it is not the value of a `string_value`.
pub(super) fn read(expression: &str) -> Option<Plain<'_>> {
    let mut cursor = Cursor {
        text: expression,
        at: 0,
    };
    let value = match expression.as_bytes().first()? {
        b'[' => cursor.list(),
        b'{' => cursor.dict(),
        b'0'..=b'9' => cursor.product().map(Plain::Scalar),
        _ => cursor.scalar().map(Plain::Scalar),
    }?;
    (cursor.at == expression.len()).then_some(value)
}

impl Plain<'_> {
    /// Returns the same as a value that owns its texts.
    pub(super) fn to_value(&self) -> Value {
        match self {
            Plain::Scalar(scalar) => scalar.to_value(),
            Plain::List(items) => Value::Array(items.iter().map(|item| item.to_value()).collect()),
            Plain::Dict(entries) => {
                let entry = |(key, value): &(&str, Scalar<'_>)| (Text::from(*key), value.to_value());
                Value::Object(entries.iter().map(entry).collect())
            }
        }
    }

    /// Appends the value as canonical JSON.
    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Plain::Scalar(scalar) => scalar.write_json(out),
            Plain::List(items) => json::write_array(items, out, |item, out| item.write_json(out)),
            Plain::Dict(entries) => json::write_object(
                entries.iter().map(|(key, value)| (key.as_bytes(), value)),
                out,
                |value, out| value.write_json(out),
            ),
        }
    }
}

impl Scalar<'_> {
    fn to_value(self) -> Value {
        match self {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Int(number) => Value::Int(number),
            Scalar::Float(number) => Value::Float(number),
            Scalar::Text(text) => Value::String(Text::from(text)),
        }
    }

    fn write_json(self, out: &mut Vec<u8>) {
        match self {
            Scalar::Null => json::write_null(out),
            Scalar::Bool(value) => json::write_bool(value, out),
            Scalar::Int(number) => json::write_int(number, out),
            Scalar::Float(number) => json::write_float(number, out),
            Scalar::Text(text) => json::write_text(text.as_bytes(), out),
        }
    }
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

    fn scalar(&mut self) -> Option<Scalar<'a>> {
        match self.peek()? {
            b'\'' | b'"' => self.string().map(Scalar::Text),
            b'u' => {
                self.at += 1;
                self.string().map(Scalar::Text)
            }
            b'-' => {
                self.at += 1;
                match self.number()? {
                    Scalar::Int(number) => Some(Scalar::Int(-number)),
                    Scalar::Float(number) => Some(Scalar::Float(-number)),
                    _ => None,
                }
            }
            b'0'..=b'9' => self.number(),
            b'T' => self.word("True", Scalar::Bool(true)),
            b'F' => self.word("False", Scalar::Bool(false)),
            b'N' => self.word("None", Scalar::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, value: Scalar<'a>) -> Option<Scalar<'a>> {
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
    fn number(&mut self) -> Option<Scalar<'a>> {
        let start = self.at;
        let whole = self.digits();
        if whole.is_empty() {
            return None;
        }
        if !self.take(b'.') {
            return decimal(whole.as_bytes()).map(Scalar::Int);
        }
        let fraction = self.digits();
        let number: f64 = self.text[start..self.at].parse().ok()?;
        (!fraction.is_empty() && number.is_finite()).then_some(Scalar::Float(number))
    }

    /// Takes a number, or the product of some integers that fits one.
    fn product(&mut self) -> Option<Scalar<'a>> {
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
                (Scalar::Int(left), Scalar::Int(right)) => Scalar::Int(left.checked_mul(right)?),
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

    fn list(&mut self) -> Option<Plain<'a>> {
        self.elements(b']', Cursor::scalar).map(Plain::List)
    }

    fn dict(&mut self) -> Option<Plain<'a>> {
        let mut entries = self.elements(b'}', |cursor| {
            cursor.take(b'u');
            let key = cursor.string()?;
            cursor.blanks();
            if !cursor.take(b':') {
                return None;
            }
            cursor.blanks();
            Some((key, cursor.scalar()?))
        })?;
        entries.sort_unstable_by_key(|(key, _)| *key);
        // Which of two equal keys counts depends on how they are written.
        let is_unique = entries.windows(2).all(|pair| pair[0].0 != pair[1].0);
        is_unique.then_some(Plain::Dict(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::super::evaluate;
    use super::*;
    use crate::model::write_json;

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
            "{'ab': 1, 'a': True, 'a b': -0.5, '\"': \"'\", '\u{e9}': '\u{1f600}'}",
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
            let read = read(expression).expect(expression);
            let (mut json, mut expected) = (Vec::new(), Vec::new());
            read.write_json(&mut json);
            write_json(&evaluated, &mut expected);
            assert_eq!(json, expected, "{expression}");
            assert_eq!(read.to_value(), evaluated, "{expression}");
        }
        for expression in odd {
            assert!(read(expression).is_none(), "{expression}");
        }
    }
}
