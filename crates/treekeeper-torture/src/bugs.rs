//! Bugs on purpose: does the programme bite?
//!
//! A relay stands between the binary and the server and spoils transactions as a treekeeper with the bug would have
//! sent them, so that no build of treekeeper ever holds one. The simulator plays the same ones, and more
//! (docs/testing.md).

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::multi::{self, CHECK, DELETE, Operation, SET_DATA};
use crate::proxy::{hosts_of, integer, read_frame, through};

/// How long a slow treekeeper thinks before each transaction.
const SLOW: Duration = Duration::from_millis(200);

/// One bug on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Bug {
    /// Transactions don't check the candidates of the lock.
    NoFence,
    /// Transactions don't check the data version of `/hosts`, and are slow.
    NoHostsCheck,
    /// The version is written with the marker, before the batches.
    VersionFirst,
    /// Parents are deleted before their children.
    DeletesFromTheRoot,
}

/// The treekeeper that is put to the test, and the bug that it is to have.
#[derive(Clone, Debug)]
pub struct Binary {
    /// The program.
    pub path: PathBuf,
    /// The bug.
    pub bug: Option<Bug>,
}

impl Binary {
    /// Returns a binary as it is.
    pub fn new(path: &Path) -> Binary {
        Binary {
            path: path.to_owned(),
            bug: None,
        }
    }

    /// Returns the binary with a bug.
    pub fn with(path: &Path, bug: Bug) -> Binary {
        Binary {
            bug: Some(bug),
            ..Binary::new(path)
        }
    }
}

/// A running relay; dropping it ends it.
pub struct Relay {
    port: u16,
    is_over: Arc<AtomicBool>,
}

impl Relay {
    /// Starts a relay to the servers of a connect string, which are tried in turn.
    pub fn start(connect: &str, bug: Bug) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let port = listener.local_addr().expect("a bound address").port();
        let is_over = Arc::new(AtomicBool::new(false));
        let servers: Vec<String> = hosts_of(connect).split(',').map(str::to_owned).collect();
        let ending = is_over.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                let server = servers.iter().find_map(|server| TcpStream::connect(server).ok());
                if let (Ok(client), Some(server)) = (client, server) {
                    carry(client, server, bug);
                }
            }
        });
        Relay { port, is_over }
    }

    /// Returns the connect string that leads through the relay to the same chroot.
    pub fn connect(&self, connect: &str) -> String {
        through(self.port, connect)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The accepting thread looks up when somebody comes.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

/// What replies look like to the client: the operations that it believes to have sent, by the number of the request.
type Replaced = Arc<Mutex<BTreeMap<i32, Vec<i32>>>>;

fn carry(client: TcpStream, server: TcpStream, bug: Bug) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let replaced = Replaced::default();
    let known = replaced.clone();
    thread::spawn(move || {
        let mut is_first = true;
        while let Some(frame) = read_frame(&from_client) {
            let frame = match multi::parse(&frame).filter(|_| !is_first) {
                Some(operations) => {
                    let kinds = operations.iter().map(|operation| operation.kind).collect();
                    let number = integer(&frame, 4);
                    known.lock().expect("no thread has failed").insert(number, kinds);
                    multi::encode(number, &spoiled(bug, operations))
                }
                None => frame,
            };
            is_first = false;
            if (&server).write_all(&frame).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        while let Some(mut frame) = read_frame(&from_server) {
            let kinds = replaced
                .lock()
                .expect("no thread has failed")
                .remove(&integer(&frame, 4));
            if let Some(kinds) = kinds {
                multi::name_results(&mut frame, &kinds);
            }
            if (&client).write_all(&frame).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
    });
}

/// Returns the operations as a treekeeper with the bug would have them.
fn spoiled(bug: Bug, mut operations: Vec<Operation>) -> Vec<Operation> {
    match bug {
        Bug::NoFence => {
            for operation in &mut operations {
                let start = operation
                    .path
                    .find("/ZktoolsLocks/")
                    .or(operation.path.find("/hosts-lock/"));
                if let (Some(start), CHECK | DELETE) = (start, operation.kind) {
                    // Something that always holds, and has as little to say.
                    *operation = Operation::check(&operation.path[..start], -1);
                }
            }
        }
        Bug::NoHostsCheck => {
            // Long enough that somebody raises ALL STOP meanwhile.
            thread::sleep(SLOW);
            operations
                .iter_mut()
                .filter(|operation| operation.path.ends_with("/hosts"))
                .for_each(|operation| operation.set_version(-1));
        }
        Bug::VersionFirst => version_first(&mut operations),
        Bug::DeletesFromTheRoot => {
            // Those of the lock come last, after a blank of other operations, and stay there.
            let deletes = operations.split_mut(|operation| operation.kind != DELETE);
            deletes.for_each(|deletes| deletes.sort_by(|one, other| one.path.cmp(&other.path)));
        }
    }
    operations
}

/// Lets `/hosts` name the commit where batches begin.
fn version_first(operations: &mut [Operation]) {
    let commit = operations
        .iter()
        .filter(|operation| operation.path.ends_with("/treekeeper/state"))
        .find_map(|operation| {
            let state: serde_json::Value = serde_json::from_slice(operation.data()?).ok()?;
            let is_applying = state["phase"] == "applying" && state["step"] == 0;
            Some(state["to"].as_str().filter(|_| is_applying)?.to_owned())
        });
    let Some(commit) = commit else { return };
    for operation in operations {
        if operation.kind == SET_DATA && operation.path.ends_with("/hosts") {
            let text = String::from_utf8_lossy(operation.data().unwrap_or_default()).into_owned();
            let named = text.replace("\"version\":false", &format!("\"version\":\"{commit}\""));
            operation.set_data(named.as_bytes());
        }
    }
}
