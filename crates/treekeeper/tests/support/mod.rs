//! What the tests of the shell share.
//!
//! Each test file uses a part of it, so unused code is no fault here; a failed `unwrap` is a failed test.
#![allow(dead_code, clippy::unwrap_used)]

pub mod mirror;
pub mod repository;
