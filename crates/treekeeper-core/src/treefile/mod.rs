//! The tree-file language: text to [`FileTree`] with diagnostics, files in canonical form, live trees back to text.
//!
//! Never fails: [`parse`] returns what it understood and every diagnostic. Floor 0: knows nothing of layers, plans
//! or ZooKeeper.

mod canonical;
pub mod diagnostic;
mod encoder;
pub mod expression;
mod json;
mod limits;
mod lines;
mod live;
mod parser;
mod pieces;
mod printer;
mod report;
mod siblings;
mod sink;
mod stored;
mod tree;

pub use canonical::{canonical, changes};
pub use diagnostic::{Code, Diagnostic, Label};
pub use encoder::encode_piece;
pub use json::to_json;
pub use limits::ParseLimits;
pub use live::live_to_json;
pub use parser::{file_steps, parse};
pub use pieces::{Cutter, PIECE_BYTES, parse_piece, pieces};
pub use printer::{PrintError, PrintOptions, print};
pub use tree::{FileNode, FileProperty, FileTree, SourceFile};
