//! The shell of treekeeper as a library, so that its rooms can be tested and reused by the command.
//!
//! Adapters live here (git; ZooKeeper), and what drives them. Nothing here decides what a tree means: that is
//! `treekeeper-core`.

pub mod git;
