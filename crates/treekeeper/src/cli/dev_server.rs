//! `dev-server`: an in-memory ZooKeeper in the foreground, for development and CI.
//!
//! It forgets everything when it ends, and knows nothing of who may connect: so it stays on this machine unless told
//! otherwise.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

use memkeeper::database::{
    Acl, Connect, Connected, Create, CreateMode, CreateReply, Database, DatabaseOptions, Millis, Request,
    SessionId,
};
use memkeeper::{Exposure, Server, ServerOptions};
use treekeeper_core::model::{DesiredTree, printable, quoted};

use super::args::{DevServerArgs, Global};
use super::interrupt::Interrupts;
use super::ui::{self, Exit, Problem};
use super::{config, offline};
use crate::git;

/// What a server starts with.
struct Seed {
    database: Database,
    /// What was imported, in words.
    said: Option<String>,
}

/// Serves until a signal comes.
pub fn run(global: &Global, options: &DevServerArgs) -> Result<Exit, Problem> {
    let listen = address(&options.listen)?;
    if !listen.ip().is_loopback() && !options.allow_remote {
        return Err(Problem::usage(format!(
            "other machines can reach {listen}, and this server lets everybody read and write everything"
        ))
        .with_hint("listen at 127.0.0.1, or add --allow-remote in a network that you trust"));
    }
    let seed = match &options.import {
        Some(directory) => match read(global, directory)? {
            Some(seed) => seed,
            None => return Ok(Exit::Error),
        },
        None => Seed {
            database: Database::new(DatabaseOptions::begun_at(now())),
            said: None,
        },
    };
    serve(listen, seed, global.quiet)
}

/// Reads the tree files of a directory into a database; says what is wrong with them and returns None otherwise.
fn read(global: &Global, directory: &Path) -> Result<Option<Seed>, Problem> {
    let config = config::read(global.config.as_deref())?;
    let files = git::read_directory(directory, &git::ReadLimits::default())?;
    let count = files.len();
    if count == 0 {
        let shown = directory.to_string_lossy();
        return Err(
            Problem::error(format!("there are no tree files in {}", printable(&shown)))
                .with_hint("only files called *.zk and *.zkx directly in it are read"),
        );
    }
    let tree = match offline::merged(files, global, &config) {
        Ok(tree) => tree,
        Err(found) => {
            ui::diagnostics(&found, &config.secrets.names, "; no server was started");
            return Ok(None);
        }
    };
    let now = now();
    let mut database = Database::new(DatabaseOptions::begun_at(now));
    import(&mut database, &tree, now)?;
    let (files, znodes) = (ui::counted(count, "file"), ui::counted(tree.tree.len(), "znode"));
    Ok(Some(Seed {
        database,
        said: Some(format!("Imported {files}, {znodes}.")),
    }))
}

fn serve(listen: SocketAddr, seed: Seed, quiet: bool) -> Result<Exit, Problem> {
    // Who waits for the line below may send a signal at once.
    let interrupts = Interrupts::listen()?;
    let options = ServerOptions {
        listen,
        // Whoever may not have it was refused above.
        exposure: Exposure::Everybody,
        ..ServerOptions::default()
    };
    let mut server = Server::start_with(seed.database, options).map_err(|error| {
        Problem::error(format!("cannot listen at {listen}: {error}"))
            .with_hint("`--listen 127.0.0.1:0` takes a free port and prints it")
    })?;
    if let Some(said) = seed.said.filter(|_| !quiet) {
        ui::say(&said);
    }
    ui::print_bytes(
        format!(
            "memkeeper serves at {} (development and tests only: everything is in memory)\n",
            server.address()
        )
        .as_bytes(),
    )?;
    interrupts.wait();
    server.stop();
    Ok(Exit::Done)
}

fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// Resolves `HOST:PORT`.
fn address(text: &str) -> Result<SocketAddr, Problem> {
    let wrong = |why: String| {
        Problem::usage(format!("cannot listen at {}: {why}", quoted(text)))
            .with_hint("give an address and a port, such as 127.0.0.1:2181 or [::1]:0")
    };
    let mut found = text.to_socket_addrs().map_err(|error| wrong(error.to_string()))?;
    found.next().ok_or_else(|| wrong("it has no address".to_owned()))
}

/// Puts a tree into an empty database, past the wire: no client ever sees a half of it, and no lock is left in it.
fn import(database: &mut Database, tree: &DesiredTree, now: Millis) -> Result<(), Problem> {
    let connect = Connect {
        last_zxid_seen: 0,
        timeout: 0,
        session: SessionId(0),
        password: vec![0; 16],
        read_only: false,
    };
    let Connected::Open { connection, .. } =
        database.connect(&connect, std::net::Ipv4Addr::LOCALHOST.into(), now)
    else {
        unreachable!("a new session is neither expired nor ahead")
    };
    for node in tree.tree.walk() {
        let path = tree.tree.path(node).to_string();
        let create = Request::Create(Create {
            path: path.clone(),
            data: tree.tree.content(node).data.as_ref().into(),
            acls: Acl::open(),
            mode: CreateMode::Persistent,
            reply: CreateReply::Path,
        });
        let reply = database.call(connection, create, now);
        reply
            .result
            .map_err(|code| Problem::error(format!("cannot create {}: {code:?}", printable(&path))))?;
    }
    database.call(connection, Request::CloseSession, now);
    Ok(())
}
