//! treekeeper's shell: adapters to git and ZooKeeper, the engine that drives an operation, and the command line.
//!
//! What is decided is decided in `treekeeper-core`; here are input and output.
//! This library exists for the program and its tests; its interface may change with every release.

pub mod cli;
pub mod engine;
pub mod git;
pub mod zk;
