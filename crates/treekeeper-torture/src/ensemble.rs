//! T4: three servers, of which some are killed, paused, cut off from their quorum or out of disk, while syncs run on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::bugs::Binary;
use crate::random::Random;
use crate::readers;
use crate::servers::Servers;
use crate::subject::{Kind, Subject};
use crate::tally::{Summary, Tally};

/// Sessions that outlive an election, and a client that gives up on a quorum that is gone.
const HASTE: &str = "session_timeout = \"4s\"\nrequest_timeout = \"6s\"\nconnect_timeout = \"6s\"\n";
/// How many clusters share the ensemble.
const SUBJECTS: usize = 3;
/// How long an election may take.
const ELECTION_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a server without room on its disk may go on.
const FULL_TIME_MAX: Duration = Duration::from_secs(15);
/// The pause between two looks at a condition.
const LOOK: Duration = Duration::from_millis(20);

/// What happens to servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// The leader is killed, and comes back after the others have elected another.
    LeaderKilled,
    /// The leader is paused for longer than its followers wait, and goes on.
    LeaderPaused,
    /// A follower is paused and goes on: it is behind the others for a while.
    FollowerPaused,
    /// Two of three are killed, and come back.
    QuorumLost,
    /// One after another is killed and comes back.
    RollingRestart,
    /// A server's disk is full: it can't write its log any more.
    DiskFull,
}

/// All of them.
const ALL: [Disturbance; 6] = [
    Disturbance::LeaderKilled,
    Disturbance::LeaderPaused,
    Disturbance::FollowerPaused,
    Disturbance::QuorumLost,
    Disturbance::RollingRestart,
    Disturbance::DiskFull,
];

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// How many disturbances: each kind in turn.
    pub cycles: usize,
    /// The seed of servers and moments.
    pub seed: u64,
}

/// Who waits for whom: disturbances and calm follow each other.
#[derive(Default)]
struct Course {
    cycle: AtomicUsize,
    disturbed: AtomicBool,
    calm: AtomicUsize,
    over: AtomicBool,
    failed: AtomicBool,
}

/// Disturbs the ensemble so often.
pub fn run(binary: &Binary, amount: &Amount) -> Summary {
    let mut servers = Servers::three();
    let tally = Tally::new("ensemble");
    let course = Course::default();
    let subjects: Vec<Subject> = (0..SUBJECTS)
        .map(|at| {
            let kind = if at % 2 == 0 { Kind::One } else { Kind::Batched };
            Subject::new(binary, &servers.chroot(&format!("e{at}")), kind, HASTE)
        })
        .collect();
    let addresses: Vec<String> = servers.all.iter().map(|server| server.address()).collect();
    std::thread::scope(|scope| {
        for (at, subject) in subjects.into_iter().enumerate() {
            let (course, tally, addresses) = (&course, &tally, &addresses);
            let chroot = subject.connect[subject.connect.find('/').unwrap_or(0)..].to_owned();
            let singles: Vec<String> = addresses.iter().map(|one| format!("{one}{chroot}")).collect();
            let (meanings, connects) = (subject.meanings.clone(), singles.clone());
            scope.spawn(move || readers::watch(&connects, &meanings, &course.over, tally));
            scope.spawn(move || {
                let _alarm = Alarm(course);
                work(subject, at, &singles, amount.seed, course, tally);
            });
        }
        let _alarm = Alarm(&course);
        let mut random = Random::new(amount.seed, 0);
        for cycle in 0..amount.cycles {
            let disturbance = ALL[cycle % ALL.len()];
            course.calm.store(0, Ordering::SeqCst);
            course.disturbed.store(true, Ordering::SeqCst);
            course.cycle.fetch_add(1, Ordering::SeqCst);
            disturb(&mut servers, disturbance, &mut random, &tally);
            course.disturbed.store(false, Ordering::SeqCst);
            course.wait(|| course.calm.load(Ordering::SeqCst) == SUBJECTS);
        }
        course.over.store(true, Ordering::SeqCst);
    });
    tally.summary(["syncs", "disturbances"])
}

/// Ends all other threads when one fails.
struct Alarm<'a>(&'a Course);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::SeqCst);
            self.0.over.store(true, Ordering::SeqCst);
        }
    }
}

impl Course {
    fn wait(&self, done: impl Fn() -> bool) {
        while !done() && !self.over.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK);
        }
        assert!(!self.failed.load(Ordering::SeqCst), "another thread has failed");
    }
}

/// Syncs one commit after another while servers are disturbed, and then makes all whole.
fn work(mut subject: Subject, at: usize, singles: &[String], seed: u64, course: &Course, tally: &Tally) {
    let mut random = Random::new(seed, 100 + at as u64);
    for cycle in 1.. {
        course.wait(|| course.cycle.load(Ordering::SeqCst) >= cycle);
        if course.over.load(Ordering::SeqCst) {
            return;
        }
        let mut first = true;
        while first || course.disturbed.load(Ordering::SeqCst) {
            first = false;
            // Every other sync knows one server only, which may be the one that is gone or behind.
            let connect = match random.below(2) {
                0 => subject.connect.clone(),
                _ => singles[random.below(singles.len())].clone(),
            };
            let ended = subject.start(&connect).finish();
            let (judged, left) = subject.judge(&ended);
            tally.note(&format!("exit code {:?} and {left}", ended.code.unwrap_or(-1)));
            tally.case(&format!("seed {seed} cluster {at} cycle {cycle}"), 0, judged);
            // What is left half done meets the next commit, as it would in life.
            if course.disturbed.load(Ordering::SeqCst) {
                subject.commit();
            }
        }
        let faults = subject.settle();
        tally.case(
            &format!("seed {seed} cluster {at} after cycle {cycle}"),
            0,
            faults,
        );
        subject.commit();
        course.calm.fetch_add(1, Ordering::SeqCst);
    }
}

/// Does it, and lets all servers run and serve again.
fn disturb(servers: &mut Servers, disturbance: Disturbance, random: &mut Random, tally: &Tally) {
    let millis = |from: usize, to: usize, random: &mut Random| {
        Duration::from_millis((from + random.below(to - from)) as u64)
    };
    std::thread::sleep(millis(0, 400, random));
    let leader = wait_leader(servers);
    let follower = (leader + 1 + random.below(2)) % 3;
    match disturbance {
        Disturbance::LeaderKilled => {
            servers.all[leader].kill();
            wait_leader(servers);
            std::thread::sleep(millis(0, 1_000, random));
            servers.all[leader].start();
        }
        Disturbance::LeaderPaused => {
            servers.all[leader].pause();
            std::thread::sleep(millis(2_500, 4_500, random));
            servers.all[leader].resume();
        }
        Disturbance::FollowerPaused => {
            servers.all[follower].pause();
            std::thread::sleep(millis(300, 2_500, random));
            servers.all[follower].resume();
            std::thread::sleep(millis(0, 600, random));
        }
        Disturbance::QuorumLost => {
            servers.all[leader].kill();
            servers.all[follower].kill();
            std::thread::sleep(millis(1_000, 9_000, random));
            servers.all[leader].start();
            servers.all[follower].start();
        }
        Disturbance::RollingRestart => {
            for at in 0..servers.all.len() {
                servers.all[at].kill();
                servers.all[at].start();
                expect_serving(servers);
            }
        }
        Disturbance::DiskFull => {
            let full = random.pick(&[leader, follower]);
            servers.all[full].fill_disk();
            let begin = Instant::now();
            while servers.all[full].role().is_some() && begin.elapsed() < FULL_TIME_MAX {
                std::thread::sleep(LOOK);
            }
            let ended = if servers.all[full].role().is_some() {
                "went on"
            } else {
                "stopped to serve"
            };
            tally.note(&format!("servers with a full disk that {ended}"));
            // The others go on without it for a while.
            std::thread::sleep(millis(0, 2_000, random));
            servers.all[full].kill();
            servers.all[full].start();
        }
    }
    expect_serving(servers);
    wait_leader(servers);
    tally.note(&format!("{disturbance:?}"));
    tally.fault();
}

fn expect_serving(servers: &mut Servers) {
    servers.wait_serving().unwrap_or_else(|reason| panic!("{reason}"));
}

fn wait_leader(servers: &mut Servers) -> usize {
    let begin = Instant::now();
    loop {
        if let Some(leader) = servers.leader() {
            return leader;
        }
        assert!(begin.elapsed() < ELECTION_TIME_MAX, "no leader is elected");
        std::thread::sleep(LOOK);
    }
}
