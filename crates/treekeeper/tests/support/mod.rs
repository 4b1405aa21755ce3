//! What the tests of the shell share.
//!
//! Each test file uses a part of it, so unused code is no warning here.
#![allow(dead_code)]

pub mod repository;
