//! T6: people who edit, agents who converge, lag, die and raise ALL STOP, an operator who resumes, and readers who check
//! that a version always means its whole tree.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::bugs::Binary;
use crate::client::{Answer, Client, Kind, Trouble};
use crate::journal;
use crate::look::{self, HOSTS, Look, Meanings, Version};
use crate::program::{Ended, Program};
use crate::random::Random;
use crate::readers;
use crate::replay::{self, Rules};
use crate::repository::Repository;
use crate::servers::{SESSION, Servers};
use crate::shapes;
use crate::subject::{Shared, known};
use crate::tally::{Summary, Tally};
use crate::tree::{Tree, decode};

/// What nobody edits.
const HELD: &str = "/app/held";
/// What everybody edits.
const OPEN: &str = "/app/open";
const EDITORS: usize = 4;
const AGENTS: usize = 10;
const SYNCERS: usize = 2;
const READERS: usize = 2;

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// How many commits are made, one at a time.
    pub commits: usize,
    /// The longest pause between two edits of one editor.
    pub edit_pause: Duration,
    /// So many in 400 times that an agent looks, it raises ALL STOP.
    pub stops: usize,
    /// The seed of edits and moments.
    pub seed: u64,
}

/// The cluster and what all threads share.
struct Stage<'a> {
    connect: String,
    program: Vec<Program>,
    operator: Program,
    repository: Repository,
    commits: Mutex<Vec<(String, Tree)>>,
    meanings: Shared,
    over: AtomicBool,
    resumed: AtomicUsize,
    amount: &'a Amount,
    tally: &'a Tally,
}

/// Plays until all commits are made, and judges the log.
pub fn run(binary: &Binary, amount: &Amount) -> Summary {
    let servers = Servers::one();
    let tally = Tally::new("editors");
    let repository = Repository::new();
    let program = || Program::new(binary, repository.path(), "", shapes::SMALL, "");
    let stage = Stage {
        connect: servers.chroot("editors"),
        program: (0..SYNCERS).map(|_| program()).collect(),
        operator: program(),
        commits: Mutex::default(),
        meanings: Shared::new(Mutex::new(Meanings::of(HELD))),
        over: AtomicBool::new(false),
        resumed: AtomicUsize::new(0),
        amount,
        tally: &tally,
        repository,
    };
    stage.commit(1);
    let ended = stage.operator.run(&stage.connect, &["sync"]);
    assert_eq!(
        ended.code,
        Some(0),
        "a cluster without faults fails: {}",
        ended.text
    );
    std::thread::scope(|scope| {
        let stage = &stage;
        for syncer in 0..SYNCERS {
            scope.spawn(move || stage.guarded(|| stage.sync(syncer)));
        }
        for editor in 0..EDITORS {
            scope.spawn(move || stage.guarded(|| stage.edit(editor)));
        }
        for _ in 0..READERS {
            scope.spawn(move || {
                readers::watch(
                    std::slice::from_ref(&stage.connect),
                    &stage.meanings,
                    &stage.over,
                    stage.tally,
                )
            });
        }
        scope.spawn(move || stage.guarded(|| stage.agents()));
        scope.spawn(move || stage.guarded(|| stage.operate()));
        stage.guarded(|| {
            for number in 2..=amount.commits {
                stage.wait_newest();
                stage.commit(number);
            }
            stage.wait_newest();
        });
        stage.over.store(true, Ordering::Relaxed);
    });
    let last = stage.finish();
    tally.case(&format!("seed {} at the end", amount.seed), 0, last);
    stage.judge_log(&servers);
    tally.summary(["syncs", "edits"])
}

impl Stage<'_> {
    /// Does something, and lets all others end if it fails.
    fn guarded(&self, work: impl FnOnce()) {
        struct Guard<'a>(&'a AtomicBool);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.store(true, Ordering::Relaxed);
                }
            }
        }
        let _guard = Guard(&self.over);
        work();
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn open(&self) -> Client {
        Client::connect(&self.connect, SESSION).expect("the server takes sessions")
    }

    fn random(&self, stream: usize) -> Random {
        Random::new(self.amount.seed, stream as u64)
    }

    /// Makes the next commit: a part that nobody edits and one that everybody does.
    fn commit(&self, number: usize) {
        let mut tree = Tree::default();
        let moved = |to: &str, tree: &mut Tree, from: &Tree| {
            for (path, properties) in &from.nodes {
                *tree.touch(&format!("{to}{}", path.trim_start_matches("/app"))) = properties.clone();
            }
        };
        moved(HELD, &mut tree, &shapes::small(number));
        moved(OPEN, &mut tree, &shapes::small(number + 1));
        let mut held = tree.clone();
        held.nodes.retain(|path, _| path.starts_with(HELD));
        let id = self.repository.commit(&tree);
        known(&self.meanings).commits.insert(id.clone(), held);
        self.commits
            .lock()
            .expect("no thread has failed")
            .push((id, tree));
    }

    fn newest(&self) -> String {
        let commits = self.commits.lock().expect("no thread has failed");
        commits.last().map(|(id, _)| id.clone()).unwrap_or_default()
    }

    fn wait_newest(&self) {
        let (newest, begin) = (self.newest(), Instant::now());
        let mut client = self.open();
        while !self.is_over() && version(&mut client) != Some(Value::from(newest.clone())) {
            assert!(
                begin.elapsed() < Duration::from_secs(180),
                "no sync makes {newest} the version"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn sync(&self, syncer: usize) {
        let mut random = self.random(1_000 + syncer);
        while !self.is_over() {
            let wait = ["0", "3"][random.below(2)];
            let ended = self.program[syncer].run(&self.connect, &["sync", "--lock-wait", wait]);
            let mut faults = ended.faults.clone();
            if !matches!(ended.code, Some(0 | 1 | 4 | 5 | 6)) {
                faults.push(format!("I12: a sync ended with {:?}: {}", ended.code, ended.text));
            }
            self.tally.note(&format!(
                "syncs that ended with exit code {}",
                ended.code.unwrap_or(-1)
            ));
            self.tally.case(&format!("seed {}", self.amount.seed), 0, faults);
            std::thread::sleep(Duration::from_millis(random.below(100) as u64));
        }
    }

    /// Changes, makes and deletes nodes, and holds ephemeral ones; what fails was in somebody's way.
    fn edit(&self, editor: usize) {
        let mut random = self.random(2_000 + editor);
        let mut client = self.open();
        let pause = usize::try_from(self.amount.edit_pause.as_millis()).unwrap_or(1_000);
        while !self.is_over() {
            std::thread::sleep(Duration::from_millis(random.below(pause.max(1)) as u64));
            let name = [
                "set-0", "set-3", "odd-1", "even-1", "odd-4", "even-4", "same-0", "extra",
            ][random.below(8)];
            let path = format!("{OPEN}/{name}");
            let data = format!("{{\"edited\": {}}}", random.below(1_000));
            let done: Answer<()> = match random.below(6) {
                0 | 1 => client.set(&path, data.as_bytes(), -1).map(drop),
                2 => client.delete(&path, -1),
                3 => client.create(&path, data.as_bytes(), Kind::Persistent).map(drop),
                4 => client
                    .create(&format!("{path}/agent-{editor}"), b"{}", Kind::Ephemeral)
                    .map(drop),
                _ => client.delete(&format!("{path}/agent-{editor}"), -1),
            };
            match done {
                Ok(()) => self.tally.fault(),
                Err(Trouble::Code(_)) => {}
                Err(trouble) => panic!("an editor: {trouble}"),
            }
            if random.below(60) == 0 {
                let _ = client.close();
                client = self.open();
            }
        }
        let _ = client.close();
    }

    /// Agents converge after a while, die and come back, and now and then one stops everything.
    fn agents(&self) {
        let mut random = self.random(3_000);
        let mut agents: BTreeMap<usize, Client> = BTreeMap::new();
        while !self.is_over() {
            std::thread::sleep(Duration::from_millis(10));
            let at = random.below(AGENTS);
            let path = format!("{HOSTS}/agent-{at}");
            let mut agent = agents.remove(&at).unwrap_or_else(|| self.open());
            let wanted = version(&mut agent);
            let data = format!("{{\"version\": {}}}", wanted.clone().unwrap_or(Value::Null));
            match random.below(400) {
                chance if chance < self.amount.stops && wanted.as_ref().is_some_and(Value::is_string) => {
                    let _ = agent.set(HOSTS, b"{\"version\": null}", -1);
                    self.tally.note("times that an agent raised ALL STOP");
                }
                390.. => {
                    let _ = agent.close();
                    continue;
                }
                _ if wanted.as_ref().is_some_and(Value::is_string) => {
                    let set = agent.set(&path, data.as_bytes(), -1).map(drop);
                    // Who isn't there yet makes itself known.
                    let _ = set.or_else(|_| agent.create(&path, data.as_bytes(), Kind::Ephemeral).map(drop));
                }
                _ => {}
            }
            agents.insert(at, agent);
        }
        for (_, agent) in agents {
            let _ = agent.close();
        }
    }

    /// Ends each ALL STOP after a while.
    fn operate(&self) {
        let mut random = self.random(4_000);
        let mut client = self.open();
        while !self.is_over() {
            std::thread::sleep(Duration::from_millis(20));
            if version(&mut client) == Some(Value::Null) {
                std::thread::sleep(Duration::from_millis(random.below(1_200) as u64));
                self.resume();
            }
        }
    }

    fn resume(&self) {
        let ended = self.operator.run(&self.connect, &["resume"]);
        if ended.code == Some(0) {
            self.resumed.fetch_add(1, Ordering::Relaxed);
        }
        self.tally.case("resume", 0, ended.faults);
    }

    /// When everybody has gone home, one sync makes all whole.
    fn finish(&self) -> Vec<String> {
        let mut client = self.open();
        if version(&mut client) == Some(Value::Null) {
            self.resume();
        }
        let command = ["sync", "--force", "--repair", "--lock-wait", "60"];
        let ended: Ended = self.operator.run(&self.connect, &command);
        let look = Look::take(&mut client).expect("the server answers");
        let mut all = Meanings::of(look::ROOT);
        all.commits = self
            .commits
            .lock()
            .expect("no thread has failed")
            .iter()
            .cloned()
            .collect();
        let mut faults = look::judge_clean(&ended, &look, &self.newest(), &all);
        if look.version() != Version::Is(self.newest()) {
            faults.push("I1: the last sync did not reach the newest commit".to_owned());
        }
        faults
    }

    fn judge_log(&self, servers: &Servers) {
        let rules = Rules {
            chroot: "/editors".to_owned(),
            commits: self.commits.lock().expect("no thread has failed").clone(),
            locks: 1,
            are_others_free: true,
        };
        let verdict = replay::judge(&journal::read(&servers.all[0].transaction_logs()), &rules);
        let mut violations = verdict.violations.clone();
        let resumed = self.resumed.load(Ordering::Relaxed);
        if verdict.resumed > resumed {
            violations.push(format!(
                "I4: ALL STOP was overwritten {} times, and resumed {resumed} times",
                verdict.resumed
            ));
        }
        self.tally.notes("transactions judged", verdict.transactions);
        self.tally.notes("edits in the managed tree", verdict.edits);
        self.tally
            .notes("commits that became the version", verdict.reached.values().sum());
        self.tally
            .notes("times that ALL STOP was resumed", verdict.resumed);
        self.tally
            .case(&format!("seed {} in the log", self.amount.seed), 0, violations);
    }
}

fn version(client: &mut Client) -> Option<Value> {
    let hosts = client.get(HOSTS).expect("the server answers");
    hosts.and_then(|(data, _)| decode(&data)?.remove("version"))
}
