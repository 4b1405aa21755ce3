//! What is wrong with tree files, and where: rendered in the manner of rustc.

mod render;

use std::ops::Range;
use std::sync::Arc;

use super::SourceFile;

pub use render::{Region, escape, shown_line};

/// The stable code of a kind of diagnostic, such as `TK0104`; the catalogue of them all is `explain`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub &'static str);

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
