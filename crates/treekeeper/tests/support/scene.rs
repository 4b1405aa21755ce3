//! A cluster, a repository, and a treekeeper whose connections go through a proxy that can break them.

use std::time::{Duration, Instant};

use serde_json::Value;
use zookeeper_client::Stat;

use super::background::Background;
use super::foreign::{Foreign, join};
use super::proxy::Proxy;
use super::repository::Repository;
use super::server::Server;
use super::treekeeper::{Output, Treekeeper};

/// Where the zktools candidates stand.
pub const LOCK: &str = "/ZktoolsLocks/,hosts";
/// Where the kazoo candidates stand.
pub const KAZOO_LOCK: &str = "/hosts-lock";

/// So long that a connection that is held by a test on a busy machine stays alive.
const PATIENT: &str = "[limits]\nsession_timeout = \"60s\"\n";

/// How long a condition is waited for.
const WAIT_MAX: Duration = Duration::from_secs(90);

/// Everything that a test of faults needs.
pub struct Scene {
    /// The way around the proxy.
    pub connect: String,
    /// Somebody else.
    pub session: Foreign,
    /// The repository.
    pub repository: Repository,
    /// The proxy.
    pub proxy: Proxy,
    /// The treekeeper that is put to the test.
    pub treekeeper: Treekeeper,
    /// Another one, which meets no faults.
    pub direct: Treekeeper,
}

impl Scene {
    /// Returns an empty cluster and an empty repository.
    pub fn new() -> Scene {
        Scene::with_config(PATIENT)
    }

    /// The same, with a configuration file for the treekeeper that is put to the test.
    pub fn with_config(config: &str) -> Scene {
        let connect = Server::shared().chroot();
        let repository = Repository::new();
        let proxy = Proxy::start(&connect);
        let treekeeper = Treekeeper::new(&proxy.connect(&connect), repository.path());
        let file = treekeeper.file("treekeeper.toml", config).display().to_string();
        Scene {
            session: Foreign::connect(&connect),
            treekeeper: treekeeper.with(&["--config", &file]),
            direct: Treekeeper::new(&connect, repository.path()),
            connect,
            repository,
            proxy,
        }
    }

    /// Commits one file.
    pub fn commit(&self, text: &str) -> String {
        self.repository.commit(&[("app.zk", text)])
    }

    /// Commits one file and syncs it without faults.
    pub fn deploy(&self, text: &str) -> String {
        let commit = self.commit(text);
        self.direct.run(&["sync"]).expect(0);
        commit
    }

    /// Starts a sync through the proxy.
    pub fn start(&self, arguments: &[&str]) -> Background {
        Background::start(&self.treekeeper, &[&["sync"], arguments].concat())
    }

    /// Runs a sync through the proxy.
    pub fn sync(&self, arguments: &[&str]) -> Output {
        self.start(arguments).finish()
    }

    /// Runs a sync through the proxy whose k-th multi waits until `work` is done.
    pub fn sync_with(&self, arguments: &[&str], multi: usize, work: impl FnOnce()) -> Output {
        self.proxy.hold(multi);
        let running = self.start(arguments);
        self.proxy.at(multi, work);
        running.finish()
    }

    /// Returns a node's counters.
    pub fn stat(&self, path: &str) -> Stat {
        self.session
            .try_get(path)
            .unwrap_or_else(|| panic!("{path} is absent"))
            .1
    }

    /// Returns the version of `/hosts`.
    pub fn version(&self) -> Value {
        self.session.json("/hosts")["version"].clone()
    }

    /// Writes a node as somebody else.
    pub fn write(&self, path: &str, data: &str) {
        self.session.set(path, data.as_bytes());
    }

    /// Sets the version of `/hosts` as an agent does: everything else is lost.
    pub fn set_version(&self, version: &str) {
        self.session
            .set("/hosts", format!("{{\"version\": {version}}}").as_bytes());
    }

    /// Returns treekeeper's state.
    pub fn state(&self) -> Value {
        self.session.json("/treekeeper/state")
    }

    /// Returns `phase step/steps` of the state.
    pub fn phase(&self) -> String {
        let state = self.state();
        format!(
            "{} {}/{}",
            state["phase"].as_str().unwrap_or("?"),
            state["step"],
            state["steps"]
        )
    }

    /// Returns the paths of the candidates of the zktools lock.
    pub fn candidates(&self) -> Vec<String> {
        self.session
            .children(LOCK)
            .iter()
            .map(|name| join(LOCK, name))
            .collect()
    }

    /// Returns the one candidate that is there.
    pub fn candidate(&self) -> String {
        let candidates = self.candidates();
        assert_eq!(candidates.len(), 1, "{candidates:?}");
        candidates[0].clone()
    }

    /// Waits until no candidate of anybody is left.
    pub fn wait_unlocked(&self) {
        wait("the lock to be free", || self.candidates().is_empty());
    }

    /// Returns a subtree as `path data` lines.
    pub fn tree(&self, path: &str) -> String {
        let nodes = self.session.dump(path);
        let line = |path: &str, data: &[u8]| format!("{path} {}\n", String::from_utf8_lossy(data));
        nodes.iter().map(|node| line(&node.path, &node.data)).collect()
    }

    /// Fails unless the cluster is at a commit, whole, with nobody in line for the lock.
    pub fn expect_clean(&self, commit: &str) {
        assert_eq!(self.version(), commit);
        assert_eq!(self.phase(), "clean 0/0");
        assert_eq!(self.state()["commit"], commit);
        assert_eq!(self.candidates(), Vec::<String>::new());
    }
}

/// Waits until `done`; a condition that doesn't come true fails the test.
pub fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(
            begin.elapsed() < WAIT_MAX,
            "waited {} s for {what} in vain",
            WAIT_MAX.as_secs()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Plays each item on a thread of its own, since most of such a test is waiting for a session to end.
pub fn side_by_side<T: Send>(items: impl IntoIterator<Item = T>, play: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for item in items {
            let play = &play;
            scope.spawn(move || play(item));
        }
    });
}

/// Returns what was said besides the log, with commits and candidates as one word.
pub fn talk(output: &Output) -> String {
    let log = output.log();
    let lines = output
        .stderr
        .lines()
        .filter(|line| !log.iter().any(|known| known == line));
    lines.map(|line| format!("{}\n", without_ids(line))).collect()
}

/// Replaces each run of twelve or more hexadecimal digits, and a sequence after it.
fn without_ids(line: &str) -> String {
    let mut text = String::new();
    let mut run = String::new();
    for character in line.chars().chain([' ']) {
        if character.is_ascii_hexdigit() {
            run.push(character);
            continue;
        }
        text.push_str(if run.len() >= 12 { "ID" } else { &run });
        run.clear();
        text.push(character);
    }
    text.pop();
    text
}
