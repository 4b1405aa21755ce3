//! A tree file in its canonical form: one way to indent and space what it says, for `fmt`.
//!
//! Only blanks change. Names, values, types, targets and comments keep the author's text, statements keep their order,
//! and the text is given out only once it has parsed back to the same tree.

mod changes;

use std::iter;
use std::sync::Arc;

use super::lines::{self, Line};
use super::{Diagnostic, FileNode, FileTree, ParseLimits, SourceFile, parse};

pub use changes::changes;

/// The blanks of one level of indent.
const LEVEL: &str = "  ";

/// Returns the canonical form of a tree file.
///
/// - Two blanks a level, one around `=`, `->`, `=>` and `:`, none at the end of a line, and no carriage returns there.
/// - Comments keep their text and get the indent of what they stand at.
/// - Blank lines stay where they separate something; those at the beginning and at the end of the file go.
///
/// # Errors
/// What is wrong with the file, or what would be wrong with its canonical form: a line can become longer than
/// `limits.line_bytes`.
pub fn canonical(source: &Arc<SourceFile>, limits: &ParseLimits) -> Result<String, Vec<Diagnostic>> {
    let (tree, diagnostics) = parse(Arc::clone(source), limits);
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let text = Formatter::default().file(&String::from_utf8_lossy(&source.bytes));
    let formatted = Arc::new(SourceFile {
        name: source.name.clone(),
        bytes: text.into_bytes(),
    });
    let (back, diagnostics) = parse(Arc::clone(&formatted), limits);
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    if !same_meaning(&tree, &back) {
        unreachable!("formatting moves blanks between the words of a line, and words alone have a meaning");
    }
    Ok(String::from_utf8_lossy(&formatted.bytes).into_owned())
}

/// Tells whether two files say the same in the same order; where they say it does not count.
fn same_meaning(one: &FileTree, other: &FileTree) -> bool {
    let same_node = |(one, other): (&FileNode, &FileNode)| {
        let said = |node: &FileNode| {
            let properties = node.properties.iter();
            properties
                .map(|property| (property.key.clone(), property.value.clone()))
                .collect::<Vec<_>>()
        };
        one.name == other.name && one.children == other.children && said(one) == said(other)
    };
    one.nodes.len() == other.nodes.len() && one.nodes.iter().zip(&other.nodes).all(same_node)
}

/// A line of the file, without the blanks at its ends.
#[derive(Clone, Copy)]
struct Content<'a> {
    text: &'a str,
    indent: usize,
}

impl<'a> Content<'a> {
    fn new(line: &'a str) -> Content<'a> {
        let blank = |character| u8::try_from(character).is_ok_and(lines::blank);
        let line = line.trim_end_matches(blank);
        let text = line.trim_start_matches(blank);
        Content {
            text,
            indent: line.len() - text.len(),
        }
    }

    /// Tells whether the line says nothing: it is blank or a comment.
    fn is_silent(&self) -> bool {
        self.text.is_empty() || self.text.starts_with('#')
    }
}

/// Places the lines of a file that has no errors.
#[derive(Default)]
struct Formatter {
    /// The indents in use, from the left.
    open: Vec<usize>,
    /// Whether nodes and properties can stand below the last statement: it is a node.
    holds: bool,
    out: String,
}

impl Formatter {
    fn file(mut self, text: &str) -> String {
        let all: Vec<Content<'_>> = text.split('\n').map(Content::new).collect();
        let is_blank = |content: &Content<'_>| content.text.is_empty();
        let start = all.iter().take_while(|content| is_blank(content)).count();
        let end = all.len() - all[start..].iter().rev().take_while(|it| is_blank(it)).count();
        let mut rest = &all[start..end];
        while let Some(silent) = rest.iter().position(|content| !content.is_silent()) {
            let statement = rest[silent];
            self.silent(&rest[..silent], Some(statement.indent));
            let depth = self.place(statement.indent);
            self.line(depth, &spaced(statement.text));
            self.holds = matches!(lines::read(statement.text), Line::Node { .. });
            rest = &rest[silent + 1..];
        }
        self.silent(rest, None);
        self.out
    }

    /// Makes `indent` the innermost in use, and returns its level.
    fn place(&mut self, indent: usize) -> usize {
        while self.open.last().is_some_and(|last| *last > indent) {
            self.open.pop();
        }
        if self.open.last() != Some(&indent) {
            self.open.push(indent);
        }
        self.open.len() - 1
    }

    /// Writes what stands between two statements; `next` is the indent of the second.
    fn silent(&mut self, silent: &[Content<'_>], next: Option<usize>) {
        for content in silent {
            if content.text.is_empty() {
                self.out.push('\n');
            } else {
                self.line(self.level(content.indent, next), content.text);
            }
        }
    }

    /// Returns the level of a comment.
    ///
    /// One that stands further right than the statement behind it ends what is above it, such as a property that was
    /// taken out; every other one belongs to that statement.
    fn level(&self, indent: usize, next: Option<usize>) -> usize {
        let within = |limit: usize| self.open.iter().filter(|open| **open <= limit).count();
        let deepest = self.open.len() - usize::from(!self.holds && !self.open.is_empty());
        let beyond = self.open.last().is_none_or(|last| indent > *last);
        let own = if beyond {
            deepest
        } else {
            within(indent).saturating_sub(1)
        };
        let opens = |next: usize| self.open.last().is_none_or(|last| next > *last);
        match next {
            // Nothing can end before a statement that opens a level: the comment belongs to that one.
            Some(next) if opens(next) => self.open.len(),
            Some(next) if indent <= next => within(next).saturating_sub(1),
            _ => own,
        }
    }

    fn line(&mut self, level: usize, text: &str) {
        self.out.extend(iter::repeat_n(LEVEL, level));
        self.out.push_str(text);
        self.out.push('\n');
    }
}

/// Returns a statement with one blank around its sign; what follows the sign stays as it is.
fn spaced(content: &str) -> String {
    let blank = |character| u8::try_from(character).is_ok_and(lines::blank);
    let after = |name: &str, sign: &str| {
        let rest = content[name.len()..].trim_start_matches(blank);
        let rest = rest.strip_prefix(sign).unwrap_or(rest).trim_start_matches(blank);
        format!("{name} {sign} {rest}")
    };
    match lines::read(content) {
        Line::Property { name, .. } => after(name, "="),
        Line::Symlink { name, .. } => after(name, "->"),
        Line::PropertyLink { name, .. } => after(name, "=>"),
        Line::Node {
            name,
            kind: Some(kind),
        } => format!("/{name} : {kind}"),
        Line::Node { kind: None, .. } | Line::BadLink | Line::Unrecognized => content.to_owned(),
    }
}

#[cfg(test)]
mod tests;
