//! Tree files to [`FileTree`]: places each line by its indent and says everything that is wrong (TREE_FORMAT.md 1, 9).
//!
//! After an error it goes on as if the line had said the most likely thing, and is silent about what hangs on a line
//! that it could not understand. What a line says is `lines`' business, what a value means `expression`'s, and what is
//! made of both a sink's.

mod indents;

use std::sync::Arc;

use self::indents::{Indents, Item, Misplaced};
use super::expression::{self, ExpressionError};
use super::lines::{self, Line};
use super::report::{self, Report};
use super::siblings::Siblings;
use super::sink::{FileNodes, Key, Kind, Sink};
use super::tree::levels;
use super::{Diagnostic, FileTree, ParseLimits, SourceFile, stored};
use crate::model::check_name;

/// Returns what `source` says and everything that is wrong with it, in the order of its lines.
///
/// Without diagnostics the tree can be stored; with them it holds what could be understood.
pub fn parse(source: Arc<SourceFile>, limits: &ParseLimits) -> (FileTree, Vec<Diagnostic>) {
    let steps = file_steps(source.bytes.len());
    let (FileNodes(nodes), mut report, _) = read(&source, &source.bytes, limits, steps, FileNodes::new());
    stored::check(&nodes, limits, &mut report);
    let diagnostics = report.finish();
    (FileTree { source, nodes }, diagnostics)
}

/// Returns how many steps the expressions of a file of so many bytes may take.
pub fn file_steps(bytes: usize) -> usize {
    expression::limits::FILE_STEPS_MAX.saturating_add(bytes)
}

/// Reads `bytes`, which are the source's or a piece of them, into `sink`; returns it, what is wrong, and the steps that
/// are left.
pub(super) fn read<'a, S: Sink<'a>>(
    source: &'a Arc<SourceFile>,
    bytes: &'a [u8],
    limits: &'a ParseLimits,
    steps_left: usize,
    sink: S,
) -> (S, Report<'a>, usize) {
    let mut parser = Parser {
        bytes,
        text: std::str::from_utf8(bytes).ok(),
        steps_left,
        limits,
        nodes: 0,
        indents: Indents::new(),
        unclosed: None,
        report: Report::new(source, limits),
        sink,
    };
    parser.file();
    (parser.sink, parser.report, parser.steps_left)
}

/// Whether there may be more lines.
#[derive(PartialEq, Eq)]
enum Flow {
    GoOn,
    Stop,
}

/// A line's content and where it stands.
#[derive(Clone, Copy)]
struct Content<'a> {
    text: &'a str,
    indent: usize,
    at: usize,
}

impl Content<'_> {
    fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

struct Parser<'a, S> {
    bytes: &'a [u8],
    /// The same, if all of it is UTF-8.
    text: Option<&'a str>,
    limits: &'a ParseLimits,
    steps_left: usize,
    /// How many nodes the sink was given.
    nodes: u32,
    indents: Indents<'a>,
    /// The indent of a value whose brackets stay open: what is indented below is most likely its rest.
    unclosed: Option<usize>,
    report: Report<'a>,
    sink: S,
}

impl<'a, S: Sink<'a>> Parser<'a, S> {
    fn file(&mut self) {
        if self.bytes.len() > self.limits.file_bytes.min(u32::MAX as usize) {
            return self.report.file_too_long(self.limits.file_bytes);
        }
        let mut start = 0;
        if self.bytes.starts_with(b"\xef\xbb\xbf") {
            self.report.byte_order_mark();
            start = 3;
        }
        let nul = memchr::memchr(0, self.bytes).is_some();
        while start < self.bytes.len() {
            let rest = &self.bytes[start..];
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.report.line = start;
            if self.line(start, &rest[..length], nul) == Flow::Stop {
                return;
            }
            start += length + 1;
        }
    }

    fn line(&mut self, start: usize, line: &'a [u8], nul: bool) -> Flow {
        let Some(indent) = line.iter().position(|byte| !lines::blank(*byte)) else {
            return Flow::GoOn;
        };
        let end = line
            .iter()
            .rposition(|byte| !lines::blank(*byte))
            .map_or(indent, |last| last + 1);
        let (at, bytes) = (start + indent, &line[indent..end]);
        if line.len() > self.limits.line_bytes {
            self.report.line_too_long(at, line.len(), self.limits.line_bytes);
            return self.lost(indent);
        }
        let text = match self
            .text
            .map_or_else(|| std::str::from_utf8(bytes), |text| Ok(&text[at..start + end]))
        {
            Ok(text) => text,
            Err(error) => {
                let length = error.error_len().unwrap_or(bytes.len() - error.valid_up_to());
                self.report.not_utf8(at + error.valid_up_to(), length);
                return self.lost(indent);
            }
        };
        if nul && let Some(place) = text.find('\0') {
            self.report.nul(at + place);
            return self.lost(indent);
        }
        if bytes[0] == b'#' || self.is_rest_of_value(indent, text) {
            return Flow::GoOn;
        }
        let content = Content { text, indent, at };
        match lines::read(text) {
            Line::Node { name, kind } => return self.node(content, name, kind),
            Line::PropertyLink { name, target } => self.link(content, name, Kind::PropertyLink, target),
            Line::Symlink { name, target } => self.link(content, name, Kind::Symlink, target),
            Line::Property { name, expression } => self.property(content, name, expression),
            Line::BadLink => {
                self.report.bad_link(content.at..content.end());
                return self.lost(indent);
            }
            Line::Unrecognized => {
                self.report.unrecognized(content.at..content.end(), text);
                return self.lost(indent);
            }
        }
        Flow::GoOn
    }

    /// Tells whether the line most likely belongs to a value that was begun on a line before, which is an error that
    /// has been told.
    fn is_rest_of_value(&mut self, indent: usize, text: &str) -> bool {
        let Some(unclosed) = self.unclosed else {
            return false;
        };
        if indent > unclosed {
            return true;
        }
        self.unclosed = None;
        indent == unclosed
            && text
                .bytes()
                .all(|byte| matches!(byte, b')' | b']' | b'}' | b',') || lines::blank(byte))
    }

    fn lost(&mut self, indent: usize) -> Flow {
        // The error has been told: a wrong indent of the same line would be noise.
        let _ = self.indents.place(indent);
        self.indents.here().item = Item::Lost;
        Flow::GoOn
    }

    /// Places the line and returns what it belongs to: a node, or `Lost` where an error has been told already.
    fn parent(&mut self, content: Content<'a>) -> Item {
        match self.indents.place(content.indent) {
            Ok(()) => {}
            Err(Misplaced::UnderProperty) => self.report.under_property(content.at..content.end()),
            Err(Misplaced::BetweenIndents) => {
                let margin = content.at - content.indent..content.at;
                self.report.between_indents(margin, self.indents.outer());
            }
        }
        match self.indents.parent().item {
            parent @ Item::Node { .. } => parent,
            Item::Property | Item::Lost | Item::Fresh => Item::Lost,
        }
    }

    fn node(&mut self, content: Content<'a>, name: &'a str, kind: Option<&'a str>) -> Flow {
        let parent = self.parent(content);
        self.indents.here().reset(Item::Lost);
        let span = content.at..content.at + 1 + name.len();
        if !self.check_parts(content.at + 1, name) {
            return Flow::GoOn;
        }
        let Item::Node {
            index: parent,
            depth,
            path_bytes,
        } = parent
        else {
            return Flow::GoOn;
        };
        let siblings = self.indents.parent();
        let key = Key::new(name, Kind::Value);
        if let Err(first) = Self::add(&mut siblings.children, key, content.at) {
            self.report.duplicate_node(span, name, first as usize);
            return Flow::GoOn;
        }
        siblings.child_names_bytes += name.len();
        let names_bytes = siblings.child_names_bytes;
        if names_bytes > self.limits.child_names_bytes
            && names_bytes - name.len() <= self.limits.child_names_bytes
        {
            self.report
                .child_names_too_long(span.clone(), self.limits.child_names_bytes);
        }
        let (parts, part_bytes) = levels(name);
        let (depth, path_bytes) = (depth + parts, path_bytes + part_bytes);
        if depth > self.limits.depth {
            self.report.too_deep(span, self.limits.depth);
            return Flow::GoOn;
        }
        if path_bytes > self.limits.path_bytes {
            self.report
                .path_too_long(span, path_bytes, self.limits.path_bytes);
            return Flow::GoOn;
        }
        if self.nodes as usize >= self.limits.znodes {
            self.report.too_many_nodes(span, self.limits.znodes);
            return Flow::Stop;
        }
        let at = content.at as u32;
        if !self.sink.node(parent, name, at) {
            return Flow::Stop;
        }
        self.nodes += 1;
        let index = self.nodes;
        self.indents.here().item = Item::Node {
            index,
            depth,
            path_bytes,
        };
        if let Some(kind) = kind {
            let key = Key::new("type", Kind::Value);
            let _ = Self::add(&mut self.indents.here().properties, key, content.at);
            let value = self.sink.text(key, kind);
            self.sink.property(index, key, value, at);
        }
        Flow::GoOn
    }

    /// Adds a name, which stands at `at`, to those of a node, as [`Siblings::add`] does, unless the sink sees repeats.
    fn add(names: &mut Siblings<Key<'a>>, name: Key<'a>, at: usize) -> Result<(), u32> {
        if S::SEES_REPEATS {
            return Ok(());
        }
        names.add(name, at as u32)
    }

    /// Tells whether a server takes every part of `name`, which stands at `at`.
    fn check_parts(&mut self, at: usize, name: &str) -> bool {
        if !name.is_empty() && memchr::memchr(b'/', name.as_bytes()).is_none() {
            return match check_name(name) {
                Ok(()) => true,
                Err(error) => {
                    self.report.bad_name(at, name, &error);
                    false
                }
            };
        }
        let (mut place, mut parts, mut good) = (at, 0, true);
        for part in name.split('/') {
            if !part.is_empty() {
                parts += 1;
                if let Err(error) = check_name(part) {
                    self.report.bad_name(place, part, &error);
                    good = false;
                }
            }
            place += part.len() + 1;
        }
        if parts == 0 {
            self.report.no_name(at - 1..at + name.len());
        }
        good && parts > 0
    }

    fn link(&mut self, content: Content<'a>, name: &'a str, kind: Kind, target: &'a str) {
        let is_plain = target.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let mut characters = target.chars().filter(|_| !is_plain);
        if let Some(character) = characters.find(|character| crate::model::unprintable(*character)) {
            let at = content.end() - target.len();
            self.report.bad_target(at..content.end(), character);
        }
        let key = Key::new(name, kind);
        if let Some(node) = self.owner(content, key) {
            let value = self.sink.text(key, target);
            self.sink.property(node, key, value, content.at as u32);
        }
    }

    fn property(&mut self, content: Content<'a>, name: &'a str, expression: &'a str) {
        let value = self.sink.evaluate(name, expression, &mut self.steps_left);
        let value = value.map_err(|error| self.bad_expression(content, name, expression, error));
        let key = Key::new(name, Kind::Value);
        let owner = self.owner(content, key);
        match value {
            Ok(value) => {
                if let Some(node) = owner {
                    self.sink.property(node, key, value, content.at as u32);
                }
            }
            Err(()) => {
                if report::leaves_open(expression) {
                    self.unclosed = Some(content.indent);
                }
            }
        }
    }

    fn bad_expression(&mut self, content: Content<'a>, name: &str, expression: &str, error: ExpressionError) {
        let start = content.end() - expression.len();
        let (from, to) = (
            error.span.start.min(expression.len()),
            error.span.end.min(expression.len()),
        );
        let help = report::expression_help(name, expression).or(error.help);
        self.report.expression(
            error.code,
            start + from..start + to.max(from),
            error.message,
            help,
        );
    }

    /// Places a property and returns the node that it belongs to, if it has one and has not such a property yet.
    fn owner(&mut self, content: Content<'a>, key: Key<'a>) -> Option<u32> {
        let parent = self.parent(content);
        let fresh = matches!(self.indents.here().item, Item::Fresh);
        let span = content.at..content.at + key.name.len();
        match parent {
            Item::Node { index: 0, .. } => self.report.root_property(content.at..content.end()),
            Item::Node { index, .. } => {
                if fresh {
                    self.indents.here().item = Item::Property;
                }
                let added = Self::add(&mut self.indents.parent().properties, key, content.at);
                let Err(first) = added else { return Some(index) };
                self.report.duplicate_property(span, key.name, first as usize);
                return None;
            }
            Item::Property | Item::Lost | Item::Fresh => {}
        }
        if fresh {
            self.indents.here().item = Item::Lost;
        }
        None
    }
}

#[cfg(test)]
mod tests;
