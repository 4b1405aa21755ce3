//! An in-memory ZooKeeper, for development, demos and tests; never for production: it forgets everything.
//!
//! Two layers: [`database`] is a pure state machine (no clock, no input and output: `now` is an argument), and
//! `wire` and `server` speak ZooKeeper's protocol around it, so that any client works.

pub mod database;
pub mod wire;
