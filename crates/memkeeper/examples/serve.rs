//! Serves an empty database until it is killed: `cargo run -p memkeeper --example serve -- 127.0.0.1:2181`.
//!
//! Only the library's own defaults; for more there is `treekeeper dev-server`.

use memkeeper::{Server, ServerOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = ServerOptions::default();
    if let Some(listen) = std::env::args().nth(1) {
        options.listen = listen.parse()?;
    }
    let server = Server::start(options)?;
    println!("{}", server.connect_string());
    loop {
        std::thread::park();
    }
}
