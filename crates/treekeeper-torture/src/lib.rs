//! Test only: the real treekeeper on real Apache ZooKeeper under broken connections, kills, dying servers, rivals,
//! editors and agents, judged by what an outsider can see.
//!
//! Nothing here uses treekeeper's code: it runs the binary, speaks to the server with a client of its own, and knows
//! what a commit means from the tree that it was made of.

pub mod bugs;
mod client;
pub mod editors;
pub mod ensemble;
pub mod faults;
mod journal;
pub mod kills;
mod look;
mod multi;
mod program;
mod proxy;
mod random;
mod readers;
mod replay;
mod repository;
mod servers;
mod shapes;
mod subject;
pub mod syncers;
mod tally;
mod tree;
mod work;

pub use tally::Summary;
