//! A cluster of one syncer: commits follow each other, each sync meets what a part does to it, and all is judged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::bugs::Binary;
use crate::client::{Answer, Client};
use crate::look::{self, Look, Meanings, Version};
use crate::program::{Ended, Program, Running};
use crate::repository::Repository;
use crate::servers::SESSION;
use crate::shapes;
use crate::tree::Tree;

/// How long servers may be without a quorum that is to come back.
const BACK_TIME_MAX: Duration = Duration::from_secs(120);
/// A sync without faults waits so long for the lock of one that is gone.
const CLEAN: [&str; 3] = ["sync", "--lock-wait", "60"];
/// Written before each look, so that it isn't taken from before what it is to judge.
const BARRIER: &str = "/barrier";

/// What the commits of a subject are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each fits one transaction.
    One,
    /// Each is a marker and several batches.
    Batched,
}

/// What commits mean, shared with readers.
pub type Shared = Arc<Mutex<Meanings>>;

/// A cluster, its repository, its treekeeper and its judge.
pub struct Subject {
    /// The servers and the chroot.
    pub connect: String,
    /// What its commits mean.
    pub meanings: Shared,
    program: Program,
    repository: Repository,
    kind: Kind,
    round: usize,
    target: String,
    before: Version,
    /// Whether every commit was made whole before the next one.
    is_steady: bool,
    is_settled: bool,
    client: Option<Client>,
}

impl Subject {
    /// Returns a subject with one commit deployed; `haste` are the limits of syncs that meet faults.
    pub fn new(binary: &Binary, connect: &str, kind: Kind, haste: &str) -> Subject {
        let repository = Repository::new();
        let limits = if kind == Kind::Batched { shapes::SMALL } else { "" };
        let mut subject = Subject {
            connect: connect.to_owned(),
            meanings: Shared::default(),
            program: Program::new(binary, repository.path(), "", limits, haste),
            repository,
            kind,
            round: 0,
            target: String::new(),
            before: Version::Initial,
            is_steady: true,
            is_settled: true,
            client: None,
        };
        subject.patiently(|client| client.ensure(BARRIER, b""));
        subject.commit();
        let faults = subject.settle();
        assert!(faults.is_empty(), "a cluster without faults fails: {faults:?}");
        subject
    }

    /// Makes the next commit.
    pub fn commit(&mut self) {
        self.round += 1;
        self.is_steady &= self.is_settled;
        self.is_settled = false;
        let tree: Tree = match self.kind {
            Kind::One => shapes::small(self.round),
            Kind::Batched => shapes::groups(self.round),
        };
        self.target = self.repository.commit(&tree);
        self.before = self.look().version();
        let mut meanings = known(&self.meanings);
        meanings.commits.insert(self.target.clone(), tree);
    }

    /// Starts the sync of the newest commit, by these servers.
    pub fn start(&self, connect: &str) -> Running {
        self.program.start(connect, &["sync"])
    }

    /// Returns what a look sees now.
    pub fn look(&mut self) -> Look {
        self.patiently(|client| {
            client.set(BARRIER, b"", -1)?;
            Look::take(client)
        })
    }

    /// Waits until somebody stands in line for the lock, or the sync has ended.
    pub fn wait_candidate(&mut self, running: &Running) {
        while running.runs() && self.patiently(|client| client.children(look::LOCK)).is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Judges what a sync told, and what it left.
    pub fn judge(&mut self, ended: &Ended) -> (Vec<String>, &'static str) {
        let look = self.look();
        let mut faults = ended.faults.clone();
        faults.extend(look::judge(&look, &known(&self.meanings)));
        if ended.code.is_some() {
            faults = look::judge_told(ended, &look, &self.before, &self.target);
            faults.extend(look::judge(&look, &known(&self.meanings)));
        }
        let left = match look.version() {
            Version::Marker => "left a marker",
            Version::Is(commit) if commit == self.target => "left the new tree",
            _ => "left the old tree",
        };
        // What comes next begins from here.
        self.before = look.version();
        (faults, left)
    }

    /// Makes all whole without faults, and judges that.
    pub fn settle(&mut self) -> Vec<String> {
        let ended = self.program.run(&self.connect, &CLEAN);
        self.is_settled = true;
        let whole = self.look();
        let meanings = known(&self.meanings).clone();
        let mut faults = look::judge_clean(&ended, &whole, &self.target, &meanings);
        faults.extend(self.judge_once(&whole));
        let ended = self.program.run(&self.connect, &CLEAN);
        let mut idle = self.look();
        // Our own barrier is no write of a sync.
        if let (Some(before), Some(after)) = (whole.nodes.get(BARRIER), idle.nodes.get_mut(BARRIER)) {
            *after = before.clone();
        }
        faults.extend(look::judge_idle(&ended, &whole, &idle));
        faults
    }

    /// I5: every round writes the nodes that it changes exactly once, so their data versions count the rounds; those of
    /// rounds that another commit overtook at most once.
    fn judge_once(&self, look: &Look) -> Vec<String> {
        let changed: BTreeMap<&String, i32> = look
            .nodes
            .iter()
            .filter(|(path, _)| path.contains("/set-"))
            .map(|(path, (_, stat))| (path, stat.version))
            .collect();
        let expected = i32::try_from(self.round).unwrap_or(i32::MAX) - 1;
        let wrong = changed
            .iter()
            .filter(|(_, version)| **version > expected || (self.is_steady && **version < expected));
        wrong
            .map(|(path, version)| format!("I5: {path} was written {version} times, not {expected}"))
            .collect()
    }

    /// Asks until servers answer; they are to come back in time.
    fn patiently<T>(&mut self, ask: impl Fn(&mut Client) -> Answer<T>) -> T {
        let begin = Instant::now();
        loop {
            let answer = match &mut self.client {
                Some(client) => ask(client),
                None => match Client::connect(&self.connect, SESSION) {
                    Ok(client) => {
                        self.client = Some(client);
                        continue;
                    }
                    Err(trouble) => Err(trouble),
                },
            };
            match answer {
                Ok(answer) => return answer,
                Err(trouble) => {
                    let late = begin.elapsed() > BACK_TIME_MAX;
                    assert!(!late, "the servers don't come back: {trouble}");
                    self.client = None;
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        }
    }
}

/// Returns what is known of commits.
pub fn known(meanings: &Shared) -> MutexGuard<'_, Meanings> {
    meanings.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
