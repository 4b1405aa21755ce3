//! The words of everything that can be wrong with a file, gathered in the order of its lines.
//!
//! No message holds a value's text: values may be secret. Where things are wrong is for the callers to find out.

use std::ops::Range;
use std::sync::Arc;

use super::{Code, Diagnostic, Label, ParseLimits, SourceFile};
use crate::model::{EncodeError, PathError};

/// The diagnostics of one file, at most as many as the limit says.
pub(super) struct Report<'a> {
    source: &'a Arc<SourceFile>,
    limit: usize,
    /// Where the line begins that is being read; diagnostics are sorted by it.
    pub(super) line: usize,
    found: Vec<(usize, Diagnostic)>,
    left_out: usize,
}

impl<'a> Report<'a> {
    /// Returns a report on `source` without anything.
    pub(super) fn new(source: &'a Arc<SourceFile>, limits: &ParseLimits) -> Report<'a> {
        Report {
            source,
            limit: limits.diagnostics,
            line: 0,
            found: Vec::new(),
            left_out: 0,
        }
    }

    /// Tells whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.left_out == 0
    }

    /// Returns what was found, in the order of the lines.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|(line, _)| *line);
        if self.left_out > 0 {
            let message = format!(
                "{} more errors are left out: `limits.diagnostics` is {}",
                self.left_out, self.limit
            );
            let end = self.source.bytes.len();
            let primary = Label {
                source: Arc::clone(self.source),
                span: end..end,
                text: String::new(),
            };
            let last = Diagnostic {
                code: Code("TK0408"),
                message,
                primary,
                secondary: None,
                help: None,
            };
            self.found.push((end, last));
        }
        self.found.into_iter().map(|(_, diagnostic)| diagnostic).collect()
    }

    /// Tells whether the file is an overlay, by its name.
    pub(super) fn is_overlay(&self) -> bool {
        self.source.name.ends_with(".zkx")
    }

    fn add(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Option<&mut Diagnostic> {
        if self.found.len() >= self.limit {
            self.left_out += 1;
            return None;
        }
        let primary = Label {
            source: Arc::clone(self.source),
            span,
            text: String::new(),
        };
        let diagnostic = Diagnostic {
            code: Code(code),
            message: message.into(),
            primary,
            secondary: None,
            help: None,
        };
        self.found.push((self.line, diagnostic));
        self.found.last_mut().map(|(_, diagnostic)| diagnostic)
    }

    fn helped(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        if let Some(diagnostic) = self.add(code, span, message) {
            diagnostic.help = Some(help.into());
        }
    }

    fn again(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: String,
        first: Range<usize>,
        help: &str,
    ) {
        let source = Arc::clone(self.source);
        if let Some(diagnostic) = self.add(code, span, message) {
            diagnostic.primary.text = "again here".to_owned();
            diagnostic.secondary = Some(Label {
                source,
                span: first,
                text: "first here".to_owned(),
            });
            diagnostic.help = Some(help.to_owned());
        }
    }

    pub(super) fn unrecognized(&mut self, span: Range<usize>, content: &str) {
        let help = if content.starts_with("/") && content.contains('#') {
            "a comment stands on a line of its own, which begins with `#`"
        } else if content == "/" || content.starts_with("/ ") {
            "write the node's name right behind the slash: `/name`"
        } else if content.ends_with(':') {
            "write a type behind the colon, or leave out both: `/name : type`"
        } else if content.starts_with('/') {
            "a node's name holds no spaces; write its type behind a colon: `/name : type`"
        } else if content.ends_with('=') {
            "write a value behind `=`: `name = 'text'`"
        } else {
            "write `/name`, `name = value`, `name -> /target` or `name => /target property`"
        };
        self.helped(
            "TK0101",
            span,
            "this is neither a node nor a property nor a link",
            help,
        );
    }

    pub(super) fn bad_link(&mut self, span: Range<usize>) {
        let help = "write `name -> /target`: one name, one target without spaces, and nothing behind it";
        self.helped(
            "TK0102",
            span,
            "this link lacks a name or a target, or has too many words",
            help,
        );
    }

    pub(super) fn between_indents(&mut self, span: Range<usize>, indents: Vec<usize>) {
        let indents: Vec<String> = indents.iter().map(usize::to_string).collect();
        let help = match &indents[..] {
            [] => "nothing may stand further left than the first line".to_owned(),
            [one] => {
                format!("the lines above allow an indent of {one}, or a deeper one than the last line's")
            }
            _ => format!(
                "the lines above allow an indent of {}, or a deeper one than the last line's",
                indents.join(" or ")
            ),
        };
        self.helped("TK0103", span, "this indent fits no line above", help);
    }

    pub(super) fn under_property(&mut self, span: Range<usize>) {
        let help = "give it the indent of the property above, or put it below a node";
        self.helped(
            "TK0104",
            span,
            "this is indented below a property, where nothing may stand",
            help,
        );
    }

    pub(super) fn duplicate_node(&mut self, span: Range<usize>, name: &str, first: usize) {
        let first = first..first + span.len();
        let help = "put everything of the node below one line";
        self.again(
            "TK0105",
            span,
            format!("the node /{name} is there already"),
            first,
            help,
        );
    }

    pub(super) fn duplicate_property(&mut self, span: Range<usize>, name: &str, first: usize) {
        // A piece of a file has no source: what is wrong with it is told when the whole file is read.
        let rest = self.source.bytes.get(first..).unwrap_or_default();
        // The type behind a node's name is a property that does not stand at the beginning of its line.
        let first_length = if rest.starts_with(name.as_bytes()) {
            name.len()
        } else {
            rest.iter()
                .position(|byte| matches!(byte, b'\r' | b'\n'))
                .unwrap_or(rest.len())
        };
        let message = format!("the property {name} is there already");
        self.again(
            "TK0106",
            span,
            message,
            first..first + first_length,
            "keep one of the two lines",
        );
    }

    pub(super) fn root_property(&mut self, span: Range<usize>) {
        let help = "indent it below the node that it belongs to; the root can have no properties";
        self.helped("TK0107", span, "this property belongs to no node", help);
    }

    /// A link that leads to a path that nobody could read.
    pub(super) fn bad_target(&mut self, span: Range<usize>, character: char) {
        let message = format!("U+{:04X} cannot be in the target of a link", u32::from(character));
        self.helped(
            "TK0115",
            span,
            message,
            "it moves, hides or reorders text: leave it out",
        );
    }

    pub(super) fn bad_name(&mut self, at: usize, part: &str, error: &PathError) {
        match error {
            PathError::RelativeName(_) => {
                let message = format!("a node cannot be called {part:?}");
                self.helped(
                    "TK0109",
                    at..at + part.len(),
                    message,
                    "only the targets of links may hold . and ..",
                );
            }
            PathError::Character(code_point) => {
                let found = part
                    .char_indices()
                    .find(|(_, character)| u32::from(*character) == *code_point);
                let (place, length) =
                    found.map_or((0, 0), |(place, character)| (place, character.len_utf8()));
                let span = at + place..at + place + length;
                let message = format!("a node's name cannot hold the character U+{code_point:04X}");
                let help = "ZooKeeper refuses control characters and all above U+D7FF but U+F900 to U+FFEF; \
                            treekeeper also those that hide or reorder text";
                self.helped("TK0108", span, message, help);
            }
            PathError::EmptyName | PathError::NotAbsolute => self.no_name(at..at + part.len()),
        }
    }

    pub(super) fn no_name(&mut self, span: Range<usize>) {
        self.helped(
            "TK0108",
            span,
            "this node has no name",
            "write a name behind the slash: `/name`",
        );
    }

    pub(super) fn not_utf8(&mut self, at: usize, length: usize) {
        let message = format!("the file is not UTF-8: byte {at} begins no character");
        self.helped("TK0110", at..at + length, message, "save the file as UTF-8");
    }

    pub(super) fn byte_order_mark(&mut self) {
        let message = "the file begins with a byte order mark";
        self.helped(
            "TK0111",
            0..3,
            message,
            "save the file as UTF-8 without a byte order mark",
        );
    }

    pub(super) fn nul(&mut self, at: usize) {
        let help = "remove it; in text write '\\x00', and save the file as UTF-8, not UTF-16";
        self.helped("TK0112", at..at + 1, "the line holds a NUL byte", help);
    }

    pub(super) fn not_storable(&mut self, span: Range<usize>, error: &EncodeError) {
        self.line = self.source.bytes[..span.start]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        match error {
            EncodeError::StringValueNotBytes => {
                let help = "write a byte string without u, or a second property beside it";
                self.helped(
                    "TK0113",
                    span,
                    "a string_value without other properties must be a byte string",
                    help,
                );
            }
            EncodeError::NotUtf8 { key } => {
                let message = format!("the byte string in {key} is not UTF-8, so it can only stand alone");
                let help = "remove the other properties, or write text";
                self.helped("TK0114", span, message, help);
            }
        }
    }

    pub(super) fn expression(
        &mut self,
        code: Code,
        span: Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        if let Some(diagnostic) = self.add(code.0, span, message) {
            diagnostic.help = help;
        }
    }

    pub(super) fn file_too_long(&mut self, limit: usize) {
        let message = format!(
            "the file has {} bytes, {limit} are allowed",
            self.source.bytes.len()
        );
        self.helped(
            "TK0401",
            0..0,
            message,
            "split the file, or raise `limits.file_bytes`",
        );
    }

    pub(super) fn line_too_long(&mut self, at: usize, length: usize, limit: usize) {
        let message = format!("the line has {length} bytes, {limit} are allowed");
        self.helped(
            "TK0402",
            at..at,
            message,
            "split the value over several properties, or raise `limits.line_bytes`",
        );
    }

    pub(super) fn too_deep(&mut self, span: Range<usize>, limit: usize) {
        let message = format!("the node lies more than {limit} levels deep");
        self.helped(
            "TK0403",
            span,
            message,
            "make the tree flatter, or raise `limits.depth`",
        );
    }

    pub(super) fn path_too_long(&mut self, span: Range<usize>, length: usize, limit: usize) {
        let message = format!("the node's path has {length} bytes, {limit} are allowed");
        self.helped(
            "TK0404",
            span,
            message,
            "shorten the names, or raise `limits.path_bytes`",
        );
    }

    pub(super) fn too_many_nodes(&mut self, span: Range<usize>, limit: usize) {
        let message = format!("the file has more than {limit} nodes; what follows was not read");
        self.helped(
            "TK0405",
            span,
            message,
            "split the tree, or raise `limits.znodes`",
        );
    }

    pub(super) fn data_too_long(&mut self, span: Range<usize>, length: usize, limit: usize) {
        self.line = self.source.bytes[..span.start]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let message = format!("the node's data have {length} bytes, {limit} are allowed");
        self.helped(
            "TK0406",
            span,
            message,
            "spread the properties over several nodes, or raise `limits.node_data_bytes`",
        );
    }

    pub(super) fn child_names_too_long(&mut self, span: Range<usize>, limit: usize) {
        let message = format!("from here on the names of this node's siblings have more than {limit} bytes");
        self.helped(
            "TK0407",
            span,
            message,
            "spread the children over several nodes, or raise `limits.child_names_bytes`",
        );
    }
}

/// Returns what to say about an expression that failed because of how its line was split, or goes on below it.
pub(super) fn expression_help(name: &str, expression: &str) -> Option<String> {
    if name.contains(['\'', '"', '=']) {
        return Some(format!(
            "the name is {name}: without a space before it, `=` divides where it stands last; write `name = value`"
        ));
    }
    if expression.starts_with('>') {
        return Some("a property link is `name => /path` or `name => /path property`".to_owned());
    }
    leaves_open(expression)
        .then(|| "a value ends on the line where it begins: close its brackets there".to_owned())
}

/// Tells whether the expression opens brackets or a long string that it doesn't close.
pub(super) fn leaves_open(expression: &str) -> bool {
    let count = |signs: &[char]| expression.matches(signs).count();
    count(&['(', '[', '{']) > count(&[')', ']', '}'])
        || ["'''", "\"\"\""]
            .iter()
            .any(|quotes| expression.matches(quotes).count() % 2 == 1)
}
