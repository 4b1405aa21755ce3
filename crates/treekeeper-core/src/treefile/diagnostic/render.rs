//! Diagnostics as text in the manner of rustc: code, place, the line, carets and a help line.
//!
//! What a file says never reaches the terminal raw: control and bidirectional characters are escaped, the values of
//! secrets are masked, and long lines are cut (RELIABILITY.md M7).

use std::borrow::Cow;
use std::ops::Range;

use super::{Diagnostic, Label};
use crate::model::secret::{MASK, looks_secret};
use crate::model::unprintable;
use crate::treefile::lines::{self, Line};

/// How many characters of a line are shown.
const SHOWN_MAX: usize = 120;

/// How many characters are shown left of the place in a line that is cut.
const BEFORE: usize = 40;

impl Label {
    /// Returns line and column of the place, both from 1; columns count characters.
    pub fn place(&self) -> (usize, usize) {
        let shown = ShownLine::new(self);
        (shown.number, shown.characters_before(self.span.start) + 1)
    }
}

/// A place in one line, as editors and SARIF count: lines and columns from 1, columns in UTF-16 code units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The line.
    pub line: usize,
    /// The first column, and the one behind the last; `None` where they would tell how long a secret is.
    pub columns: Option<Range<usize>>,
}

impl Label {
    /// Returns the place without what could tell the value of a property that looks secret, also by the names in
    /// `secrets`. What goes beyond the end of the line is left out.
    pub fn region(&self, secrets: &[String]) -> Region {
        let shown = ShownLine::new(self);
        // A byte order mark is no character of the text.
        let mark = if shown.number == 1 { "\u{feff}" } else { "" };
        let column = |place: usize| {
            let before = shown.text_before(place);
            1 + before.trim_start_matches(mark).encode_utf16().count()
        };
        let (from, to) = (self.span.start, self.span.end.max(self.span.start));
        let is_secret = shown
            .secret(secrets)
            .is_some_and(|secret| shown.byte(to) > secret.start && shown.byte(from) < secret.end);
        Region {
            line: shown.number,
            columns: (!is_secret).then(|| column(from)..column(to)),
        }
    }
}

impl Diagnostic {
    /// Returns line and column of the first place, both from 1; columns count characters.
    pub fn place(&self) -> (usize, usize) {
        self.primary.place()
    }

    /// Renders the diagnostic for a terminal; the last line has no end.
    pub fn render(&self) -> String {
        self.render_masked(&[])
    }

    /// Renders the diagnostic and masks the values of properties that look secret by the names in `secrets`, too.
    pub fn render_masked(&self, secrets: &[String]) -> String {
        let primary = ShownLine::new(&self.primary);
        let secondary = self
            .secondary
            .as_ref()
            .map(|label| (label, ShownLine::new(label)));
        let last = secondary
            .as_ref()
            .map_or(0, |(_, line)| line.number)
            .max(primary.number);
        let margin = " ".repeat(last.to_string().len());
        let mut out = format!("error[{}]: {}\n", self.code.0, escape(&self.said(secrets)));
        primary.render("-->", '^', &self.primary, secrets, &margin, &mut out);
        if let Some((label, line)) = &secondary {
            line.render(":::", '-', label, secrets, &margin, &mut out);
        }
        match self.helped(secrets) {
            Some(help) => {
                out.push_str(&format!("{margin} = help: {}", escape(help)));
            }
            _ => drop(out.pop()),
        }
        out
    }

    /// Returns the message, or what can be said instead of it if it is about the value of a secret.
    pub fn said(&self, secrets: &[String]) -> Cow<'_, str> {
        match self.tells_value(secrets) {
            Some(key) => {
                format!("the value of {key} cannot be read; what is wrong with it may be secret").into()
            }
            None => Cow::Borrowed(&self.message),
        }
    }

    /// Returns the help, unless it may quote the value of a secret.
    pub fn helped(&self, secrets: &[String]) -> Option<&str> {
        self.help
            .as_deref()
            .filter(|_| self.tells_value(secrets).is_none())
    }

    /// Returns the property whose value the message or the help may quote and whose name looks secret.
    fn tells_value(&self, secrets: &[String]) -> Option<String> {
        let about_expression = self.code.0.starts_with("TK02");
        let line = ShownLine::new(&self.primary);
        let secret = about_expression.then(|| line.secret(secrets)).flatten()?;
        Some(
            line.text[..secret.start]
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned(),
        )
    }
}

/// Returns `text` with control and deceiving characters escaped.
pub fn escape(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| !unprintable(character)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    text.chars().for_each(|character| push(character, &mut out));
    Cow::Owned(out)
}

/// Returns a line as a terminal may show it: escaped, cut, and the value of a property that looks secret masked, also by
/// the names in `secrets`.
pub fn shown_line(line: &str, secrets: &[String]) -> String {
    let shown = ShownLine {
        number: 1,
        start: 0,
        bytes: line.as_bytes(),
        text: Cow::Borrowed(line),
    };
    let masked = match shown.secret(secrets) {
        Some(secret) => format!("{}{MASK}{}", &line[..secret.start], &line[secret.end..]),
        None => line.to_owned(),
    };
    let mut out: String = escape(&masked).chars().take(SHOWN_MAX).collect();
    if out.len() < escape(&masked).len() {
        out.push_str("...");
    }
    out
}

fn push(character: char, out: &mut String) {
    if unprintable(character) {
        out.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
    } else {
        out.push(character);
    }
}

/// The line of a label, without its end.
struct ShownLine<'a> {
    number: usize,
    start: usize,
    bytes: &'a [u8],
    /// The same, with U+FFFD where it is not UTF-8.
    text: Cow<'a, str>,
}

impl<'a> ShownLine<'a> {
    fn new(label: &'a Label) -> ShownLine<'a> {
        let bytes = &label.source.bytes;
        let at = label.span.start.min(bytes.len());
        let start = bytes[..at]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let length = bytes[start..]
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(bytes.len() - start);
        let line = &bytes[start..start + length];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let number = 1 + bytes[..start].iter().filter(|byte| **byte == b'\n').count();
        ShownLine {
            number,
            start,
            bytes: line,
            text: String::from_utf8_lossy(line),
        }
    }

    /// Returns the number of characters of the line before `place` in the file.
    fn characters_before(&self, place: usize) -> usize {
        self.text_before(place).chars().count()
    }

    fn text_before(&self, place: usize) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes[..self.byte(place).min(self.bytes.len())])
    }

    /// Returns where in the line's text a secret stands.
    fn secret(&self, secrets: &[String]) -> Option<Range<usize>> {
        let content = self
            .text
            .trim_matches(|character| u8::try_from(character).is_ok_and(lines::blank));
        if content.is_empty() {
            return None;
        }
        let indent = self.text.len()
            - self
                .text
                .trim_start_matches(|it| u8::try_from(it).is_ok_and(lines::blank))
                .len();
        let end = indent + content.len();
        let word = content.find(|character| u8::try_from(character).is_ok_and(lines::blank));
        let (name, start) = match lines::read(content) {
            Line::Property { name, expression } => (name, end - expression.len()),
            Line::Symlink { name, target } => (name, end - target.len()),
            Line::PropertyLink { name, .. } => (name, indent + name.len()),
            // A line that could not be read may be a property that lacks its sign.
            Line::BadLink | Line::Unrecognized => {
                (content, indent + word.map_or(content.len(), |end| end + 1))
            }
            Line::Node { .. } => return None,
        };
        (looks_secret(name, secrets) && start < end).then_some(start..end)
    }

    /// Returns the line as it is shown and the columns from 0 that the label's span takes there.
    fn shown(&self, span: &Range<usize>, secrets: &[String]) -> (String, Range<usize>) {
        let from = self.characters_before(span.start);
        let to = self.characters_before(span.end.max(span.start)).max(from);
        let secret = self.secret(secrets).unwrap_or(0..0);
        let (mut out, mut columns, mut width) = (String::new(), [None, None], 0);
        let skipped = if self.text.chars().count() > SHOWN_MAX {
            from.saturating_sub(BEFORE)
        } else {
            0
        };
        if skipped > 0 {
            out.push_str("...");
            width = 3;
        }
        let mut piece = String::new();
        let mut cut = false;
        for (place, (offset, character)) in self.text.char_indices().enumerate() {
            if place < skipped {
                continue;
            }
            if width >= SHOWN_MAX {
                cut = true;
                break;
            }
            for (column, edge) in columns.iter_mut().zip([from, to]) {
                if place == edge {
                    *column = Some(width);
                }
            }
            piece.clear();
            match character {
                _ if offset == secret.start && !secret.is_empty() => piece.push_str(MASK),
                _ if secret.contains(&offset) => {}
                '\t' => piece.push(' '),
                _ => push(character, &mut piece),
            }
            width += piece.chars().count();
            out.push_str(&piece);
        }
        if cut {
            out.push_str("...");
        }
        let start = columns[0].unwrap_or(width);
        let end = columns[1].unwrap_or(width).max(start);
        // A place inside of a mask is the whole mask: how long the secret is stays secret, too.
        let masked = !secret.is_empty() && self.byte(span.end) > secret.start;
        if masked && let Some(mask) = out.find(MASK).map(|offset| out[..offset].chars().count()) {
            return (out, start.min(mask)..mask + MASK.chars().count());
        }
        (out, start..end)
    }

    fn byte(&self, place: usize) -> usize {
        place.saturating_sub(self.start)
    }

    fn render(
        &self,
        arrow: &str,
        mark: char,
        label: &Label,
        secrets: &[String],
        margin: &str,
        out: &mut String,
    ) {
        let (text, columns) = self.shown(&label.span, secrets);
        let column = self.characters_before(label.span.start) + 1;
        let (name, number) = (escape(&label.source.name), self.number);
        let marks = String::from(mark).repeat(columns.len().max(1));
        let gap = " ".repeat(columns.start);
        let number_gap = " ".repeat(margin.len() - number.to_string().len());
        out.push_str(&format!("{margin}{arrow} {name}:{number}:{column}\n{margin} |\n"));
        out.push_str(format!("{number_gap}{number} | {text}").trim_end());
        out.push_str(format!("\n{margin} | {gap}{marks} {}", escape(&label.text)).trim_end());
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::treefile::{ParseLimits, SourceFile, parse};

    /// Returns the regions of what is wrong with a file, as `line:first-behind`.
    fn regions(bytes: &[u8]) -> String {
        let source = SourceFile {
            name: "t.zk".to_owned(),
            bytes: bytes.to_vec(),
        };
        let (_, found) = parse(Arc::new(source), &ParseLimits::default());
        let regions = found
            .iter()
            .map(|found| found.primary.region(&["pin".to_owned()]));
        regions
            .map(|region| match region.columns {
                Some(columns) => format!("{}:{}-{} ", region.line, columns.start, columns.end),
                None => format!("{} ", region.line),
            })
            .collect()
    }

    #[test]
    fn columns_count_utf16_code_units() {
        assert_eq!(regions("/a\n  s = 'é\u{1f600}' + f()\r\n".as_bytes()), "2:15-18 ");
        assert_eq!(regions("/a\u{1f600}b\n".as_bytes()), "1:3-5 ");
        assert_eq!(regions(b"/a\n  s = 'caf\xe9'\n"), "2:11-12 ");
    }

    #[test]
    fn a_byte_order_mark_is_no_column() {
        assert_eq!(regions("\u{feff}/a\n  what\n".as_bytes()), "1:1-1 2:3-7 ");
        assert_eq!(regions("\u{feff}what\n".as_bytes()), "1:1-1 1:1-5 ");
    }

    #[test]
    fn the_length_of_a_secret_is_not_told() {
        assert_eq!(regions(b"/a\n  pin = f(123)\n  n = f(123)\n"), "2 3:7-13 ");
        assert_eq!(regions(b"/a\n  password = 1\n  password = 2\n"), "3:3-11 ");
    }
}
