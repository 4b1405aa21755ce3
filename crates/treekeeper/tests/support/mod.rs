//! What integration tests share: a real ZooKeeper, foreign clients, the binary under test.
//!
//! Each test binary includes this with `mod support;`.
//! Nothing here knows how treekeeper works inside: it only starts servers, talks to them and runs the program.

// Every test binary compiles the whole kit and uses a part of it.
#![allow(dead_code)]

pub mod background;
pub mod cases;
pub mod foreign;
pub mod keys;
pub mod leaves;
pub mod locks;
pub mod original;
pub mod proxy;
pub mod repository;
pub mod scene;
pub mod treekeeper;
pub mod zookeeper;
