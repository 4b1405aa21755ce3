//! What is wrong with tree files, and where: rendered in the manner of rustc.

mod render;

use std::ops::Range;
use std::sync::Arc;

use super::SourceFile;

pub use render::{escape, shown_line};

/// The stable code of a kind of diagnostic, such as `TK0104`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

/// Every code and what it means, in one line; `explain` prints them.
pub const CODES: &[(Code, &str)] = &[
    (
        Code("TK0101"),
        "a line that is neither a node, a property, a link nor a comment",
    ),
    (
        Code("TK0102"),
        "a line with an arrow that is no link: no name, no target, or too many words",
    ),
    (Code("TK0103"), "an indent that fits none of the lines above"),
    (Code("TK0104"), "a line that is indented below a property"),
    (Code("TK0105"), "a node that is there already"),
    (Code("TK0106"), "a property that is there already"),
    (Code("TK0107"), "a property that belongs to no node"),
    (
        Code("TK0108"),
        "a name that a server refuses, or that deceives readers",
    ),
    (Code("TK0109"), "a node called . or .."),
    (Code("TK0110"), "a file that is not UTF-8"),
    (Code("TK0111"), "a file that begins with a byte order mark"),
    (Code("TK0112"), "a NUL byte"),
    (
        Code("TK0115"),
        "the target of a link that holds a character that moves, hides or reorders text",
    ),
    (Code("TK0113"), "a lone string_value that is not a byte string"),
    (
        Code("TK0114"),
        "a byte string that is not UTF-8 beside other properties",
    ),
    (Code("TK0401"), "a file longer than limits.file_bytes"),
    (Code("TK0402"), "a line longer than limits.line_bytes"),
    (Code("TK0403"), "a node deeper than limits.depth"),
    (Code("TK0404"), "a path longer than limits.path_bytes"),
    (Code("TK0405"), "more nodes than limits.znodes"),
    (
        Code("TK0406"),
        "data of a node longer than limits.node_data_bytes",
    ),
    (
        Code("TK0407"),
        "names of one node's children longer than limits.child_names_bytes",
    ),
    (Code("TK0408"), "more errors than limits.diagnostics"),
];

/// A place in a file, with what is to be said about it.
#[derive(Clone, Debug)]
pub struct Label {
    /// The file.
    pub source: Arc<SourceFile>,
    /// The bytes that it is about; empty means a point.
    pub span: Range<usize>,
    /// What stands beside the carets; may be empty.
    pub text: String,
}

/// One thing that is wrong in one or two places.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// What is wrong: lower-case start, no full stop.
    pub message: String,
    /// Where.
    pub primary: Label,
    /// The other place, for example that of the first definition.
    pub secondary: Option<Label>,
    /// What to write instead.
    pub help: Option<String>,
}
