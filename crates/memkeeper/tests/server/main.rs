//! The server over real sockets, by a client that speaks bytes.
//!
//! What a request does to the tree is tested beside the database; here it is about connections, order and bounds.

mod faults;
mod foreign;
mod hostile;
mod raw;
mod sessions;
mod words;

use memkeeper::{Server, ServerOptions};

/// Returns a server with an empty database.
fn server() -> Server {
    Server::start(ServerOptions::default()).expect("a loopback port is free")
}
