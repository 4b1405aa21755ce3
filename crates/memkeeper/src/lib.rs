//! An in-memory ZooKeeper, for development, demos and tests; never for production: it forgets everything.
//!
//! Two layers: [`database`] is a pure state machine (no clock, no input and output: `now` is an argument), and
//! [`wire`] and `server` speak ZooKeeper's protocol around it, so that any client works.
//!
//! A test needs three lines, and no runtime of its own:
//!
//! ```
//! let server = memkeeper::Server::start(memkeeper::ServerOptions::default())?;
//! let address = server.connect_string(); // for any client: "127.0.0.1:40123"
//! let nodes = server.with_database(|database| database.children("/"));
//! # assert!(address.starts_with("127.0.0.1:"));
//! # assert_eq!(nodes, ["zookeeper"]);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The server is gone when `server` is dropped. [`Server::faults`] plans faults, to see what a client does then.

pub mod database;
mod server;
pub mod wire;

pub use server::{Counted, Exposure, Fault, Faults, Server, ServerOptions, serve};
