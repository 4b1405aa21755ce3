//! The pure heart of treekeeper: what tree files mean, what a commit desires, what must change, and whether
//! it may change now.
//!
//! Nothing in this crate reads a clock, a file, an environment variable or a socket; `now` and everything
//! observed are arguments. The shell (crate `treekeeper`) does all input and output.

pub mod explain;
pub mod gate;
pub mod layer;
pub mod model;
pub mod operation;
pub mod plan;
pub mod snapshot;
pub mod treefile;
