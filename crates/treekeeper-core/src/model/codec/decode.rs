//! Bytes to properties, and JSON as Python 2's `json.loads` reads it.

use crate::model::text::TextBuffer;
use crate::model::{NodeData, Properties, Text, Value};

/// How deep arrays and objects may lie in one another; what is deeper is not taken for JSON.
///
/// Python 2 gives up at about the same depth, and reading recurses.
pub const JSON_DEPTH_MAX: usize = 1_000;

/// Returns what `data` mean.
pub fn decode(data: &[u8]) -> NodeData {
    let stripped = strip(data);
    if stripped.is_empty() {
        return NodeData::Properties(Properties::default());
    }
    if stripped.starts_with(b"{") && stripped.ends_with(b"}") {
        let mut reader = Reader {
            text: stripped,
            at: 0,
        };
        if let Some(properties) = reader.object(1)
            && reader.at == stripped.len()
        {
            return NodeData::Properties(properties);
        }
    }
    NodeData::Raw(data.into())
}

/// Parses one JSON text as Python 2's `json.loads` does.
pub fn json_value(text: &[u8]) -> Option<Value> {
    let mut reader = Reader { text, at: 0 };
    reader.blanks();
    let value = reader.value(0)?;
    reader.blanks();
    (reader.at == text.len()).then_some(value)
}

/// Returns `data` without the white space around them, which for Python's byte strings includes VT and FF.
fn strip(data: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b'\t'..=b'\r' | b' ');
    let Some(start) = data.iter().position(|byte| !blank(byte)) else {
        return &[];
    };
    let end = data
        .iter()
        .rposition(|byte| !blank(byte))
        .map_or(start, |last| last + 1);
    &data[start..end]
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, expected: u8) -> Option<()> {
        (self.peek()? == expected).then(|| self.at += 1)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Option<Value> {
        self.text[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            value
        })
    }

    /// Reads a value that lies in `depth` arrays and objects.
    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.peek()? {
            b'"' => self.string().map(Value::String),
            b'{' => self
                .object(depth + 1)
                .map(|properties| Value::Object(properties.into_entries())),
            b'[' => self.array(depth + 1).map(Value::Array),
            b'n' => self.word(b"null", Value::Null),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            b'N' => self.word(b"NaN", Value::Float(f64::NAN)),
            b'I' => self.word(b"Infinity", Value::Float(f64::INFINITY)),
            b'-' if self.text.get(self.at + 1) == Some(&b'I') => {
                self.word(b"-Infinity", Value::Float(f64::NEG_INFINITY))
            }
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    /// Reads an array, which is the `depth`-th container.
    fn array(&mut self, depth: usize) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        self.at += 1;
        self.blanks();
        if depth > JSON_DEPTH_MAX || self.take(b']').is_some() {
            return (depth <= JSON_DEPTH_MAX).then_some(items);
        }
        loop {
            items.push(self.value(depth)?);
            self.blanks();
            if self.take(b']').is_some() {
                return Some(items);
            }
            self.take(b',')?;
            self.blanks();
        }
    }

    /// Reads an object, which is the `depth`-th container.
    fn object(&mut self, depth: usize) -> Option<Properties> {
        let mut entries = Vec::new();
        self.at += 1;
        self.blanks();
        if depth > JSON_DEPTH_MAX || self.take(b'}').is_some() {
            return (depth <= JSON_DEPTH_MAX).then(Properties::default);
        }
        loop {
            let key = self.string()?;
            self.blanks();
            self.take(b':')?;
            self.blanks();
            entries.push((key, self.value(depth)?));
            self.blanks();
            if self.take(b'}').is_some() {
                return Some(Properties::from_entries(entries));
            }
            self.take(b',')?;
            self.blanks();
        }
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
        let _ = self.take(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let digits = self.digits();
        if digits == 0 || (leading_zero && digits > 1) {
            return None;
        }
        let mut float = false;
        if self.take(b'.').is_some() {
            float = true;
            if self.digits() == 0 {
                return None;
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            float = true;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return None;
            }
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).ok()?;
        if float {
            return text.parse().ok().map(Value::Float);
        }
        Some(
            text.parse()
                .map_or_else(|_| Value::BigInt(text.into()), Value::Int),
        )
    }

    fn string(&mut self) -> Option<Text> {
        self.take(b'"')?;
        let run = self.run()?;
        if self.peek() == Some(b'"')
            && let Ok(text) = std::str::from_utf8(run)
        {
            self.at += 1;
            return Some(Text::from(text));
        }
        self.string_with_escapes(run)
    }

    /// Takes the bytes up to the next quote or backslash; `None` at a control character or the end.
    fn run(&mut self) -> Option<&'a [u8]> {
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .position(|byte| matches!(byte, 0..=0x1F | b'"' | b'\\'))?;
        if rest[length] < 0x20 {
            return None;
        }
        self.at += length;
        Some(&rest[..length])
    }

    fn string_with_escapes(&mut self, first_run: &[u8]) -> Option<Text> {
        let mut text = TextBuffer::default();
        text.push_utf8(first_run)?;
        loop {
            if self.take(b'"').is_some() {
                return Some(text.finish());
            }
            self.take(b'\\')?;
            text.push(self.escape()?);
            let run = self.run()?;
            text.push_utf8(run)?;
        }
    }

    fn escape(&mut self) -> Option<u32> {
        let letter = self.peek()?;
        self.at += 1;
        Some(match letter {
            b'"' | b'\\' | b'/' => u32::from(letter),
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => 0x0A,
            b'r' => 0x0D,
            b't' => 0x09,
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().try_fold(0, |unit, digit| {
                    Some(unit << 4 | char::from(*digit).to_digit(16)?)
                })?
            }
            _ => return None,
        })
    }
}
