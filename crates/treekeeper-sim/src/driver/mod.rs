//! Drives an operation over the world, as `treekeeper`'s engine and its adapters do over a real server.
//!
//! Each room mirrors one of `crates/treekeeper/src/zk`: the same requests in the same order, one at a time, with a
//! gap in each where everything can happen. A fault here would be a fault of the simulator, not of treekeeper.

mod cluster;
mod commit;
mod lock;
mod observe;
mod operator;
mod run;
mod session;

pub use operator::{Command, command};
pub use run::{Drive, Driven, run};
pub use session::{Access, Session, Trouble};
