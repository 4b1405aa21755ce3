//! `dev-server`: an in-memory ZooKeeper in the foreground, for development and CI.
//!
//! It forgets everything when it ends, and knows nothing of who may connect: so it stays on this machine unless told
//! otherwise.

use std::net::{SocketAddr, ToSocketAddrs};

use memkeeper::database::{
    Acl, Connect, Connected, Create, CreateMode, CreateReply, Database, Millis, Request, SessionId,
};
use memkeeper::{Server, ServerOptions};
use treekeeper_core::model::{DesiredTree, printable};

use super::args::{DevServerArgs, Global};
use super::interrupt::Interrupts;
use super::ui::{self, Exit, Problem};
use super::{config, offline};
use crate::git;

/// Serves until a signal comes.
pub fn run(global: &Global, options: &DevServerArgs) -> Result<Exit, Problem> {
    let listen = address(&options.listen)?;
    if !listen.ip().is_loopback() && !options.allow_remote {
        return Err(Problem::usage(format!(
            "{listen} can be reached from other machines, and this server lets everybody read and write everything"
        ))
        .with_hint("listen at 127.0.0.1, or say --allow-remote in a network that you trust"));
    }
    let mut seed = None;
    if let Some(directory) = &options.import {
        let config = config::read(global.config.as_deref())?;
        let files = git::read_directory(directory, &git::ReadLimits::default())?;
        let count = files.len();
        match offline::merged(files, global, &config) {
            Ok(tree) => seed = Some((tree, count)),
            Err(found) => {
                ui::diagnostics(&found, &config.secrets.names, "; the server was not started");
                return Ok(Exit::Error);
            }
        }
    }
    let interrupts = Interrupts::listen()?;
    serve(listen, seed, global.quiet, &interrupts)
}

fn serve(
    listen: SocketAddr,
    seed: Option<(DesiredTree, usize)>,
    quiet: bool,
    interrupts: &Interrupts,
) -> Result<Exit, Problem> {
    let options = ServerOptions { listen, ..ServerOptions::default() };
    let server = Server::start(options).map_err(|error| {
        Problem::error(format!("cannot listen at {listen}: {error}"))
            .with_hint("`--listen 127.0.0.1:0` takes a free port and prints it")
    })?;
    if let Some((tree, files)) = seed {
        server.with_database(|database| import(database, &tree, now()))?;
        if !quiet {
            let (files, znodes) = (ui::counted(files, "file"), ui::counted(tree.tree.len(), "znode"));
            ui::say(&format!("Imported {files}: {znodes}."));
        }
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

/// Resolves `HOST:PORT`.
fn address(text: &str) -> Result<SocketAddr, Problem> {
    let wrong = |why: String| {
        Problem::usage(format!("cannot listen at {:?}: {why}", printable(text)))
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
    let Connected::Open { connection, .. } = database.connect(&connect, std::net::Ipv4Addr::LOCALHOST.into(), now)
    else {
        unreachable!("a new session is neither expired nor ahead")
    };
    for node in tree.tree.walk() {
        let path = tree.tree.path(node).to_string();
        let create = Request::Create(Create {
            path: path.clone(),
            data: tree.tree.content(node).data.as_ref().into(),
            acls: vec![Acl::anyone()],
            mode: CreateMode::Persistent,
            reply: CreateReply::Path,
        });
        let reply = database.call(connection, create, now);
        reply.result.map_err(|code| {
            Problem::error(format!("cannot create {}: {code:?}", printable(&path)))
        })?;
    }
    database.call(connection, Request::CloseSession, now);
    Ok(())
}

fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}
