//! The database alone, without sockets or a clock: scripts in, everything that it says out.
//!
//! `script` says what a script may hold.
//! Apache ZooKeeper says the same: the differential test and the foreign clients hold that, these show the laws.

// A broken script must end the test.
#![allow(clippy::unwrap_used)]

mod access;
mod multi;
mod nodes;
mod script;
mod sessions;
mod told;
mod transient;
mod watches;
