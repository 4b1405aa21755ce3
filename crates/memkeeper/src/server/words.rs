//! The four-letter words: what operators, probes and clients ask a server without a session.
//!
//! The words only read. Keys and lines are those of Apache ZooKeeper 3.8, as far as memkeeper has anything to tell.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::state::Shared;
use crate::database::{Database, SessionId};

/// What memkeeper says its version is: the release of Apache ZooKeeper that it does as, then itself.
const VERSION: &str = concat!(
    "3.8.0-memkeeper-",
    env!("CARGO_PKG_VERSION"),
    ", built on 2026-01-01 00:00 UTC"
);

/// A word that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Ruok,
    Srvr,
    Stat,
    Mntr,
    Conf,
    Cons,
    Envi,
    Isro,
}

impl Word {
    /// Returns the word that the first bytes of a connection are, if they are one and not a frame's length.
    pub(super) fn of(bytes: &[u8; 4]) -> Option<Word> {
        Some(match bytes {
            b"ruok" => Word::Ruok,
            b"srvr" => Word::Srvr,
            b"stat" => Word::Stat,
            b"mntr" => Word::Mntr,
            b"conf" => Word::Conf,
            b"cons" => Word::Cons,
            b"envi" => Word::Envi,
            b"isro" => Word::Isro,
            _ => return None,
        })
    }

    /// Returns the answer to the word.
    pub(super) fn answer(self, shared: &Shared) -> String {
        match self {
            Word::Ruok => "imok".to_owned(),
            Word::Isro => "rw".to_owned(),
            Word::Conf => configuration(shared),
            Word::Cons => connections(shared),
            Word::Envi => format!("Environment:\nzookeeper.version={VERSION}\n"),
            Word::Srvr | Word::Stat | Word::Mntr => {
                let traffic = Traffic::of(shared);
                shared.observe(|database, connections| match self {
                    Word::Mntr => monitor(database, connections, traffic),
                    Word::Stat => status(database, connections, traffic, "Clients:\n\n"),
                    _ => status(database, connections, traffic, ""),
                })
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Traffic {
    received: u64,
    sent: u64,
}

impl Traffic {
    fn of(shared: &Shared) -> Traffic {
        Traffic {
            received: shared.traffic.received.load(Ordering::Relaxed),
            sent: shared.traffic.sent.load(Ordering::Relaxed),
        }
    }
}

fn status(database: &Database, connections: usize, traffic: Traffic, clients: &str) -> String {
    let Traffic { received, sent } = traffic;
    let zxid = database.last_zxid();
    let nodes = database.node_count();
    format!(
        "Zookeeper version: {VERSION}\n{clients}Latency min/avg/max: 0/0.0/0\nReceived: {received}\nSent: {sent}\n\
         Connections: {connections}\nOutstanding: 0\nZxid: 0x{zxid:x}\nMode: standalone\nNode count: {nodes}\n"
    )
}

fn monitor(database: &Database, connections: usize, traffic: Traffic) -> String {
    let facts: [(&str, String); 14] = [
        ("zk_version", VERSION.to_owned()),
        ("zk_server_state", "standalone".to_owned()),
        ("zk_avg_latency", "0.0".to_owned()),
        ("zk_min_latency", "0".to_owned()),
        ("zk_max_latency", "0".to_owned()),
        ("zk_packets_received", traffic.received.to_string()),
        ("zk_packets_sent", traffic.sent.to_string()),
        ("zk_num_alive_connections", connections.to_string()),
        ("zk_outstanding_requests", "0".to_owned()),
        ("zk_global_sessions", database.sessions().to_string()),
        ("zk_znode_count", database.node_count().to_string()),
        ("zk_watch_count", database.watch_count().to_string()),
        ("zk_ephemerals_count", database.ephemeral_count().to_string()),
        ("zk_approximate_data_size", database.data_bytes().to_string()),
    ];
    let mut text = String::new();
    for (key, value) in facts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key}\t{value}");
    }
    text
}

/// Returns a line for each connection, with nothing of what the real server counts of it.
fn connections(shared: &Shared) -> String {
    let line = |(address, session): (_, SessionId)| format!(" /{address}[1](sid=0x{:x})\n", session.0);
    shared.clients().into_iter().map(line).collect()
}

fn configuration(shared: &Shared) -> String {
    let options = &shared.options;
    format!(
        "clientPort={}\ntickTime={}\nmaxClientCnxns={}\nminSessionTimeout={}\nmaxSessionTimeout={}\nserverId=0\n",
        options.listen.port(),
        options.tick.as_millis(),
        options.connections_max,
        options.database.session_timeout_min,
        options.database.session_timeout_max,
    )
}
