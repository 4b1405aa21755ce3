//! A ZooKeeper client that is not treekeeper: it prepares trees, edits them, holds locks and looks at the result.
//!
//! It is a plain use of the crate zookeeper-client, in blocking form; every failure is a panic.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;
use zookeeper_client::{Acls, Client, CreateMode, Error, Stat};

/// Long enough for a machine that six builds share: a foreign session must not expire by accident.
const SESSION_TIMEOUT: Duration = Duration::from_secs(20);

/// A live session of somebody else.
pub struct Foreign {
    client: Client,
}

/// One znode as a dump shows it.
#[derive(Clone, Debug)]
pub struct DumpedNode {
    /// The whole path, from the chroot.
    pub path: String,
    /// The data as stored.
    pub data: Vec<u8>,
    /// The server's counters.
    pub stat: Stat,
}

impl Foreign {
    /// Opens a session on `HOST:PORT[/chroot]`.
    pub fn connect(connect: &str) -> Foreign {
        let client = wait(
            Client::connector()
                .with_session_timeout(SESSION_TIMEOUT)
                .connect(connect),
        );
        Foreign {
            client: client.unwrap_or_else(|error| panic!("can't connect to {connect}: {error}")),
        }
    }

    /// Takes a client that was connected in a special way (TLS, SASL).
    pub fn from_client(client: Client) -> Foreign {
        Foreign { client }
    }

    /// Returns the client, for requests that have no method here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the id of this session as it stands in `ephemeralOwner`.
    pub fn session_id(&self) -> i64 {
        self.client.session_id().0
    }

    /// Creates a persistent node with the open ACL.
    pub fn create(&self, path: &str, data: &[u8]) {
        self.create_as(path, data, CreateMode::Persistent);
    }

    /// Creates a persistent node unless it is there.
    pub fn create_if_absent(&self, path: &str, data: &[u8]) {
        match self.try_create(path, data, CreateMode::Persistent) {
            Ok(_) | Err(Error::NodeExists) => {}
            Err(error) => panic!("can't create {path}: {error}"),
        }
    }

    /// Creates a node that lives as long as this session.
    pub fn create_ephemeral(&self, path: &str, data: &[u8]) {
        self.create_as(path, data, CreateMode::Ephemeral);
    }

    /// Creates an ephemeral sequential node and returns its whole path.
    pub fn create_candidate(&self, prefix: &str, data: &[u8]) -> String {
        self.create_as(prefix, data, CreateMode::EphemeralSequential)
    }

    /// Replaces a node's data, whatever its version.
    pub fn set(&self, path: &str, data: &[u8]) -> Stat {
        wait(self.client.set_data(path, data, None))
            .unwrap_or_else(|error| panic!("can't set {path}: {error}"))
    }

    /// Deletes a node without children, whatever its version.
    pub fn delete(&self, path: &str) {
        wait(self.client.delete(path, None)).unwrap_or_else(|error| panic!("can't delete {path}: {error}"));
    }

    /// Deletes a node and everything below it, but the root only empties.
    pub fn delete_tree(&self, path: &str) {
        for child in self.children(path) {
            self.delete_tree(&join(path, &child));
        }
        if path != "/" {
            self.delete(path);
        }
    }

    /// Returns a node's data.
    pub fn get(&self, path: &str) -> Vec<u8> {
        self.try_get(path).unwrap_or_else(|| panic!("{path} is absent")).0
    }

    /// Returns a node's data as text.
    pub fn text(&self, path: &str) -> String {
        String::from_utf8(self.get(path)).unwrap_or_else(|error| panic!("{path} holds no text: {error}"))
    }

    /// Returns a node's data as JSON.
    pub fn json(&self, path: &str) -> serde_json::Value {
        let text = self.text(path);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path} holds no JSON: {error}: {text}"))
    }

    /// Returns a node's data and counters, or None if there is no such node.
    pub fn try_get(&self, path: &str) -> Option<(Vec<u8>, Stat)> {
        match wait(self.client.get_data(path)) {
            Ok(found) => Some(found),
            Err(Error::NoNode) => None,
            Err(error) => panic!("can't read {path}: {error}"),
        }
    }

    /// Tells whether a node is there.
    pub fn exists(&self, path: &str) -> bool {
        self.try_get(path).is_some()
    }

    /// Returns the names of a node's children, sorted.
    pub fn children(&self, path: &str) -> Vec<String> {
        let mut names = wait(self.client.list_children(path))
            .unwrap_or_else(|error| panic!("can't list {path}: {error}"));
        names.sort();
        names
    }

    /// Reads a subtree, parents first and children by name; `/zookeeper` is left out.
    pub fn dump(&self, path: &str) -> Vec<DumpedNode> {
        let mut nodes = Vec::new();
        self.dump_into(path, &mut nodes);
        nodes
    }

    /// Returns when each node of a subtree was last written to.
    pub fn mzxids(&self, path: &str) -> BTreeMap<String, i64> {
        self.dump(path)
            .into_iter()
            .map(|node| (node.path, node.stat.mzxid))
            .collect()
    }

    fn dump_into(&self, path: &str, nodes: &mut Vec<DumpedNode>) {
        // A node that goes away between its parent's list and our look at it isn't part of the dump.
        let Some((data, stat)) = self.try_get(path) else {
            return;
        };
        nodes.push(DumpedNode {
            path: path.to_owned(),
            data,
            stat,
        });
        if stat.num_children == 0 {
            return;
        }
        for child in self.children(path) {
            let child = join(path, &child);
            if child != "/zookeeper" {
                self.dump_into(&child, nodes);
            }
        }
    }

    fn create_as(&self, path: &str, data: &[u8], mode: CreateMode) -> String {
        self.try_create(path, data, mode)
            .unwrap_or_else(|error| panic!("can't create {path}: {error}"))
    }

    fn try_create(&self, path: &str, data: &[u8], mode: CreateMode) -> Result<String, Error> {
        let sequential = matches!(
            mode,
            CreateMode::EphemeralSequential | CreateMode::PersistentSequential
        );
        let (_, sequence) = wait(
            self.client
                .create(path, data, &mode.with_acls(Acls::anyone_all())),
        )?;
        Ok(if sequential {
            format!("{path}{sequence}")
        } else {
            path.to_owned()
        })
    }
}

/// Returns the path of a child.
pub fn join(parent: &str, child: &str) -> String {
    format!("{}/{child}", parent.trim_end_matches('/'))
}

/// Creates a node of its own for one test and returns the connect string that ends in it.
pub fn chroot_on(address: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let path = format!("/t{}", COUNT.fetch_add(1, Ordering::Relaxed));
    Foreign::connect(address).create(&path, b"");
    format!("{address}{path}")
}

/// Drives a client's future to its end from a test, which is no async function.
pub fn wait<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        // Two threads: one to answer pings while the other is busy.
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be built")
    });
    runtime.block_on(future)
}
