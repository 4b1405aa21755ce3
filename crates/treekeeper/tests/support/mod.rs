//! What integration tests share: servers, foreign clients, repositories, the binary under test.
//!
//! Each test binary includes this with `mod support;`.
//! Nothing here but `mirror` knows how treekeeper works inside: it only starts servers, talks to them and runs the
//! program.

// Every test binary compiles the whole kit and uses a part of it; a failed `unwrap` is a failed test.
#![allow(dead_code, clippy::unwrap_used)]

pub mod background;
pub mod cases;
pub mod foreign;
pub mod keys;
pub mod leaves;
pub mod locks;
pub mod mirror;
pub mod original;
pub mod proxy;
pub mod random;
pub mod repository;
pub mod scene;
pub mod server;
pub mod treekeeper;
pub mod zookeeper;
