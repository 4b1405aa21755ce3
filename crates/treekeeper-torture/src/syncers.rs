//! T5: treekeepers and old-style lockers on one cluster, some of them paused or robbed of their lock, and the server's
//! own transaction log as the judge.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::bugs::Binary;
use crate::client::Client;
use crate::journal;
use crate::look::LOCK;
use crate::program::{Ended, Program};
use crate::random::Random;
use crate::replay::{self, Rules};
use crate::repository::Repository;
use crate::servers::{SESSION, Servers};
use crate::shapes;
use crate::tally::{Summary, Tally};
use crate::tree::Tree;

const HASTE: &str = "session_timeout = \"2s\"\nrequest_timeout = \"5s\"\nconnect_timeout = \"5s\"\n";
/// Longer than such a session lives.
const PAUSE: Duration = Duration::from_millis(2_600);
/// How long a round may take for each of its commits.
const COMMIT_TIME_MAX: Duration = Duration::from_secs(30);
const LOCKER: &str = include_str!("locker.py");

/// How much is tried.
#[derive(Clone, Debug)]
pub struct Amount {
    /// How many treekeepers run at once, round by round.
    pub rounds: Vec<usize>,
    /// How many commits there are in each round.
    pub commits: usize,
    /// The seed of moments.
    pub seed: u64,
    /// A Python that has kazoo, for the old-style lockers.
    pub python: PathBuf,
}

/// What the treekeepers of one round told.
#[derive(Default)]
struct Told {
    /// How often each commit was said to be synced, by its first digits.
    synced: BTreeMap<String, usize>,
    /// How many ended without knowing.
    unknown: usize,
}

/// One round: a server, a cluster, and what all threads share.
struct Round<'a> {
    binary: &'a Binary,
    amount: &'a Amount,
    number: usize,
    connect: String,
    repository: Repository,
    commits: Mutex<Vec<(String, Tree)>>,
    told: Mutex<Told>,
    over: AtomicBool,
    tally: &'a Tally,
}

/// Plays the rounds, each on a server of its own.
pub fn run(binary: &Binary, amount: &Amount) -> Summary {
    let tally = Tally::new("syncers");
    for (number, syncers) in amount.rounds.iter().enumerate() {
        let servers = Servers::one();
        let round = Round {
            binary,
            amount,
            number,
            connect: servers.chroot("syncers"),
            repository: Repository::new(),
            commits: Mutex::default(),
            told: Mutex::default(),
            over: AtomicBool::new(false),
            tally: &tally,
        };
        round.play(*syncers);
        round.judge(&servers);
    }
    tally.summary(["syncs", "locks taken away and pauses"])
}

impl Round<'_> {
    fn play(&self, syncers: usize) {
        self.commit(1);
        let styles = ["zktools", "kazoo"];
        let mut lockers = styles.map(|style| start_locker(&self.amount.python, style, &self.connect));
        std::thread::scope(|scope| {
            for syncer in 0..syncers {
                scope.spawn(move || self.sync_on(syncer));
            }
            scope.spawn(|| {
                let _end = EndAll(&self.over);
                rob(&self.connect, &mut self.random(7_000), &self.over, self.tally);
            });
            let _end = EndAll(&self.over);
            self.commit_on();
        });
        lockers
            .iter_mut()
            .for_each(|locker| end_locker(locker, self.tally));
    }

    fn random(&self, stream: usize) -> Random {
        Random::new(self.amount.seed, (self.number * 100 + stream) as u64)
    }

    fn name(&self) -> String {
        format!("seed {} round {}", self.amount.seed, self.number)
    }

    fn commit(&self, number: usize) {
        let tree = if number.is_multiple_of(3) {
            shapes::groups(number)
        } else {
            shapes::small(number)
        };
        let mut commits = self.commits.lock().expect("no thread has failed");
        commits.push((self.repository.commit(&tree), tree));
    }

    /// Makes all commits; every other one comes while the one before is being synced.
    fn commit_on(&self) {
        let mut client = Client::connect(&self.connect, SESSION).expect("the server takes sessions");
        let mut random = self.random(8_000);
        for number in 2..=self.amount.commits {
            if random.below(2) == 0 {
                self.wait_newest(&mut client);
            } else {
                std::thread::sleep(Duration::from_millis(random.below(300) as u64));
            }
            self.commit(number);
        }
        self.wait_newest(&mut client);
    }

    fn sync_on(&self, syncer: usize) {
        let _end = EndAll(&self.over);
        let url = self.repository.path();
        let program = Program::new(self.binary, url, "lock = \"both\"", shapes::SMALL, HASTE);
        let mut random = self.random(syncer);
        while !self.over.load(Ordering::Relaxed) {
            let ended = sync(&program, &self.connect, &mut random, self.tally);
            listen(&ended, &self.told, self.tally, &self.name());
        }
    }

    fn wait_newest(&self, client: &mut Client) {
        let newest = {
            let commits = self.commits.lock().expect("no thread has failed");
            commits.last().map(|(id, _)| id.clone()).unwrap_or_default()
        };
        wait_version(client, &newest, &self.over);
    }

    /// Lets the server's log be the judge.
    fn judge(&self, servers: &Servers) {
        let rules = Rules {
            chroot: "/syncers".to_owned(),
            commits: self.commits.lock().expect("no thread has failed").clone(),
            locks: 2,
            are_others_free: false,
        };
        let verdict = replay::judge(&journal::read(&servers.all[0].transaction_logs()), &rules);
        let told = self.told.lock().expect("no thread has failed");
        let mut violations = verdict.violations.clone();
        violations.extend(judge_told(&told, &verdict.reached));
        let first = "times that somebody else came to be first in line";
        self.tally.notes("transactions judged", verdict.transactions);
        self.tally.notes(first, verdict.holders);
        let reached = verdict.reached.values().sum();
        self.tally.notes("commits that became the version", reached);
        self.tally
            .case(&format!("{} in the log", self.name()), 0, violations);
    }
}

/// Runs one sync, which waits for the lock or doesn't; some are paused for longer than their sessions live.
fn sync(program: &Program, connect: &str, random: &mut Random, tally: &Tally) -> Ended {
    let wait = ["0", "0", "2", "5"][random.below(4)];
    let running = program.start(connect, &["sync", "--lock-wait", wait]);
    if random.below(8) == 0 {
        std::thread::sleep(Duration::from_millis(random.below(600) as u64));
        if running.process().signal("STOP") {
            std::thread::sleep(PAUSE);
            running.process().signal("CONT");
            tally.note("pauses longer than the session");
            tally.fault();
        }
    }
    running.finish()
}

/// Counts what a sync told, and blames what it must not.
fn listen(ended: &Ended, told: &Mutex<Told>, tally: &Tally, name: &str) {
    let mut violations = ended.faults.clone();
    let mut told = told.lock().expect("no thread has failed");
    match ended.code {
        Some(0) => {
            let synced = ended
                .text
                .lines()
                .find_map(|line| line.strip_prefix("Synced to "));
            if let Some(commit) = synced.and_then(|rest| rest.split(':').next()) {
                *told.synced.entry(commit.to_owned()).or_default() += 1;
            }
        }
        // Failed, refused since another is further, the lock is held.
        Some(1 | 3 | 6) => {}
        Some(8) => told.unknown += 1,
        code => violations.push(format!("I12: a sync ended with {code:?}: {}", ended.text)),
    }
    tally.note(&format!("exit code {}", ended.code.unwrap_or(-1)));
    tally.case(name, 0, violations);
}

/// I5: as many syncs told success as made their commit the version.
fn judge_told(told: &Told, reached: &BTreeMap<String, usize>) -> Vec<String> {
    let mut violations = Vec::new();
    let mut silent = 0;
    for (commit, times) in reached {
        let said = told.synced.get(&commit[..12]).copied().unwrap_or(0);
        if said > *times {
            violations.push(format!(
                "I5: {said} syncs told that they synced {commit}, which happened {times} times"
            ));
        }
        silent += times.saturating_sub(said);
    }
    let is_known = |commit: &&String| reached.keys().any(|known| known.starts_with(commit.as_str()));
    for commit in told.synced.keys().filter(|commit| !is_known(commit)) {
        violations.push(format!(
            "I5: a sync told that it synced {commit}, which never happened"
        ));
    }
    if silent > told.unknown {
        violations.push(format!(
            "I5: {silent} commits became the version without a word, and only {} syncs did not know",
            told.unknown
        ));
    }
    violations
}

/// Takes locks away from treekeepers, by force and politely.
fn rob(connect: &str, random: &mut Random, over: &AtomicBool, tally: &Tally) {
    let mut client = Client::connect(connect, SESSION).expect("the server takes sessions");
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(5));
        let candidates = client.children(LOCK).expect("the server answers");
        if candidates.is_empty() || random.below(40) > 0 {
            continue;
        }
        let path = format!("{LOCK}/{}", candidates[0]);
        let Ok(Some((data, _))) = client.get(&path) else {
            continue;
        };
        // An old-style holder can't be stopped: it checks nothing when it writes.
        if !data.starts_with(b"{") {
            continue;
        }
        let done = match random.below(2) {
            0 => client.delete(&path, -1),
            _ => client.set(&path, b"unlock", -1).map(drop),
        };
        if done.is_ok() {
            tally.note("locks taken away");
            tally.fault();
        }
    }
}

fn wait_version(client: &mut Client, commit: &str, over: &AtomicBool) {
    let begin = Instant::now();
    while !over.load(Ordering::Relaxed) {
        let hosts = client.get(crate::look::HOSTS).expect("the server answers");
        let is_there = hosts.is_some_and(|(data, _)| String::from_utf8_lossy(&data).contains(commit));
        if is_there {
            return;
        }
        assert!(
            begin.elapsed() < COMMIT_TIME_MAX * 4,
            "no sync makes {commit} the version"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn start_locker(python: &Path, style: &str, connect: &str) -> Child {
    Command::new(python)
        .args(["-c", LOCKER, style, connect])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!(
                "{} can't be started: {error}; scripts/test-python makes it",
                python.display()
            )
        })
}

fn end_locker(locker: &mut Child, tally: &Tally) {
    drop(locker.stdin.take());
    let mut held = String::new();
    if let Some(output) = &mut locker.stdout {
        let _ = std::io::Read::read_to_string(output, &mut held);
    }
    let status = locker.wait().expect("a child can be waited for");
    assert!(status.success(), "an old-style locker failed");
    tally.notes(
        "locks held by old-style lockers",
        held.trim().parse().unwrap_or(0),
    );
}

/// Lets all threads end when one fails, and at the end.
struct EndAll<'a>(&'a AtomicBool);

impl Drop for EndAll<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
