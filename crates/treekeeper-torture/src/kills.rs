//! T3: processes that are killed or paused at random instants of real syncs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::bugs::Binary;
use crate::random::Random;
use crate::servers::Servers;
use crate::subject::{Kind, Subject};
use crate::tally::{Summary, Tally, grouped};
use crate::work::side_by_side;

const HASTE: &str = "session_timeout = \"2s\"\nrequest_timeout = \"5s\"\nconnect_timeout = \"5s\"\n";
/// The longest pause: three times the session.
const PAUSE_MAX: Duration = Duration::from_secs(6);
/// How often the duration of a whole sync is measured anew.
const MEASURE_EVERY: usize = 25;

/// How long a sync takes that nothing happens to.
#[derive(Clone, Copy, Default)]
struct Course {
    whole: Duration,
    /// The part with the lock.
    locked: Duration,
}

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Kills that hit a running sync.
    pub kills: usize,
    /// Pauses that hit a running sync.
    pub pauses: usize,
    /// The seed of the instants.
    pub seed: u64,
    /// How many clusters are played at once.
    pub threads: usize,
}

/// Kills and pauses until so many have hit.
pub fn run(binary: &Binary, amount: &Amount) -> Summary {
    let servers = Servers::one();
    let tally = Tally::new("kills");
    let [kills, pauses] = [AtomicUsize::new(0), AtomicUsize::new(0)];
    side_by_side(0..amount.threads, |worker| {
        let connect = servers.chroot(&format!("k{worker}"));
        let kind = if worker % 2 == 0 { Kind::One } else { Kind::Batched };
        let mut subject = Subject::new(binary, &connect, kind, HASTE);
        let mut random = Random::new(amount.seed, worker as u64);
        let mut course = Course::default();
        for round in 0.. {
            let kills_left = kills.load(Ordering::Relaxed) < amount.kills;
            let pauses_left = pauses.load(Ordering::Relaxed) < amount.pauses;
            if !kills_left && !pauses_left {
                return;
            }
            if round % MEASURE_EVERY == 0 {
                course = measure(&mut subject, &tally);
            }
            let pause = pauses_left && (!kills_left || random.below(4) == 0);
            let hits = if pause { &pauses } else { &kills };
            let name = format!("seed {} cluster {worker} round {round} ({kind:?})", amount.seed);
            if strike(&mut subject, &mut random, course, pause, &name, &tally) {
                hits.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let mut summary = tally.summary(["syncs", "kills and pauses"]);
    let kills = tally.noted("kills that hit");
    if kills > 0 && summary.violations.is_empty() {
        summary.details.push(format!(
            "{} kills without a violation: below {:.3} % a kill with 95 % confidence (3/n)",
            grouped(kills),
            300.0 / kills as f64
        ));
    }
    summary
}

/// Runs a sync that nothing happens to, and returns how long it took.
fn measure(subject: &mut Subject, tally: &Tally) -> Course {
    subject.commit();
    let begin = Instant::now();
    let running = subject.start(&subject.connect);
    subject.wait_candidate(&running);
    let unlocked = begin.elapsed();
    let ended = running.finish();
    let whole = begin.elapsed();
    let (mut faults, _) = subject.judge(&ended);
    faults.extend(subject.settle());
    tally.case("a sync that nothing happens to", 0, faults);
    Course {
        whole,
        locked: whole.saturating_sub(unlocked),
    }
}

/// Lets a sync be killed or paused at a random instant; tells whether it was still running.
fn strike(
    subject: &mut Subject,
    random: &mut Random,
    course: Course,
    pause: bool,
    name: &str,
    tally: &Tally,
) -> bool {
    subject.commit();
    let part = random.below(1_150) as f64 / 1_000.0;
    let running = subject.start(&subject.connect);
    // Most of a sync is git: every other instant is one with the lock.
    if random.below(2) == 0 {
        std::thread::sleep(course.whole.mul_f64(part));
    } else {
        subject.wait_candidate(&running);
        std::thread::sleep(course.locked.mul_f64(part));
    }
    let hit = if pause {
        let hit = running.process().signal("STOP");
        if hit {
            std::thread::sleep(PAUSE_MAX.mul_f64(random.below(1_000) as f64 / 1_000.0));
            running.process().signal("CONT");
        }
        hit
    } else {
        running.process().kill()
    };
    let ended = running.finish();
    let (mut faults, left) = subject.judge(&ended);
    faults.extend(subject.settle());
    let what = match (hit, pause) {
        (false, _) => "syncs that had ended before",
        (true, true) => "pauses that hit",
        (true, false) => "kills that hit",
    };
    tally.note(what);
    if hit {
        tally.note(&format!("{what} and {left}"));
    }
    tally.case(name, usize::from(hit), faults);
    hit
}
