//! The server that a run of the suites is on: Apache ZooKeeper or memkeeper, by `TREEKEEPER_TEST_SERVER`.
//!
//! A test doesn't know which one it is; one that can't be without Apache ZooKeeper stands in [`ONLY_ON_ZOOKEEPER`].
//! Nothing is left out in silence: on memkeeper each such test prints its name and the reason.

use std::sync::OnceLock;

use memkeeper::database::SessionId;

use super::foreign::chroot_on;
use super::zookeeper::ZooKeeper;

/// The variable that chooses the server.
pub const VARIABLE: &str = "TREEKEEPER_TEST_SERVER";

const TLS: &str = "memkeeper speaks no TLS";
const SASL: &str = "memkeeper knows no SASL";

/// The tests that run on Apache ZooKeeper alone, and why.
///
/// A test of the kit holds that each of them asks [`left_to_zookeeper`] first, and nobody else does.
pub const ONLY_ON_ZOOKEEPER: [(&str, &str); 11] = [
    ("a_client_certificate", TLS),
    ("a_denial_that_no_one_foresaw_leaves_a_marked_tree", SASL),
    ("a_dropped_server_is_gone", "memkeeper is no process of its own"),
    (
        "a_quota_that_the_server_enforces",
        "memkeeper keeps quotas and does not count",
    ),
    ("a_sasl_server_knows_its_user", SASL),
    ("a_sasl_server_refuses_a_wrong_password", SASL),
    ("a_server_with_another_name_is_refused", TLS),
    ("a_sync_over_tls", TLS),
    ("a_tls_server_asks_for_a_certificate_when_told_to", TLS),
    ("a_tls_server_takes_a_client_that_trusts_its_ca", TLS),
    ("sasl", SASL),
];

/// What a run of the suites is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Debian's package, in a process of its own.
    ZooKeeper,
    /// Our own, in this process.
    Memkeeper,
}

impl Kind {
    /// Returns the kind that the environment chooses; without a word it is Apache ZooKeeper.
    pub fn chosen() -> Kind {
        match std::env::var_os(VARIABLE) {
            None => Kind::ZooKeeper,
            Some(word) => Kind::parse(&word.to_string_lossy()),
        }
    }

    /// Returns the kind that a word stands for; any other word is a panic, or a run would be on the wrong server.
    pub fn parse(word: &str) -> Kind {
        match word {
            "zookeeper" => Kind::ZooKeeper,
            "memkeeper" => Kind::Memkeeper,
            other => panic!("{VARIABLE} is {other:?}: it takes zookeeper or memkeeper"),
        }
    }

    /// Returns how a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ZooKeeper => "Apache ZooKeeper",
            Kind::Memkeeper => "memkeeper",
        }
    }
}

/// Tells whether this run leaves a test to Apache ZooKeeper, and prints so; the test then ends at once.
///
/// If not, the test starts Apache ZooKeeper as it needs it.
pub fn left_to_zookeeper(test: &str) -> bool {
    let (_, reason) = ONLY_ON_ZOOKEEPER
        .iter()
        .find(|(name, _)| *name == test)
        .unwrap_or_else(|| panic!("{test} is not listed in ONLY_ON_ZOOKEEPER"));
    let left = Kind::chosen() != Kind::ZooKeeper;
    if left {
        println!("left to Apache ZooKeeper: {test}: {reason}");
    } else {
        tell(Kind::ZooKeeper);
    }
    left
}

/// Prints what a test runs on: `scripts/test` counts the tests that say so, not those that ran.
fn tell(kind: Kind) {
    println!("this test runs on {}", kind.name());
}

/// The one server that all tests of a test binary share.
pub enum Server {
    /// Debian's package.
    ZooKeeper(&'static ZooKeeper),
    /// Ours; it ends with this process.
    Memkeeper(memkeeper::Server),
}

impl Server {
    /// Returns the server of this run, which the first caller starts.
    pub fn shared() -> &'static Server {
        static SHARED: OnceLock<Server> = OnceLock::new();
        let kind = Kind::chosen();
        tell(kind);
        SHARED.get_or_init(|| match kind {
            Kind::ZooKeeper => Server::ZooKeeper(ZooKeeper::shared()),
            Kind::Memkeeper => {
                let options = memkeeper::ServerOptions::default();
                Server::Memkeeper(memkeeper::Server::start(options).expect("memkeeper can be started"))
            }
        })
    }

    /// Returns its address, as `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        match self {
            Server::ZooKeeper(zookeeper) => zookeeper.address(),
            Server::Memkeeper(memkeeper) => memkeeper.connect_string(),
        }
    }

    /// Creates a node of its own for one test and returns the connect string that ends in it.
    pub fn chroot(&self) -> String {
        chroot_on(&self.address())
    }

    /// Tells whether the session that an `ephemeralOwner` names is open, on a connection or without one.
    pub fn is_alive(&self, session: i64) -> bool {
        match self {
            Server::ZooKeeper(zookeeper) => zookeeper.word("dump").contains(&format!("0x{session:x}")),
            Server::Memkeeper(memkeeper) => {
                memkeeper.with_database(|database| database.is_alive(SessionId(session)))
            }
        }
    }
}
