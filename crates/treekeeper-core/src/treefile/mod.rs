//! The tree-file language: text to [`FileTree`] with diagnostics, and live trees back to text.
//!
//! Never fails: [`parse`] returns what it understood and every diagnostic. Floor 0: knows nothing of layers, plans
//! or ZooKeeper.

pub mod diagnostic;
mod tree;

pub use diagnostic::{Code, Diagnostic, Label};
pub use tree::{FileNode, FileProperty, FileTree, SourceFile};
