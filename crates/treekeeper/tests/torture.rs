//! The short forms of `make torture`, with the binary of this build: broken connections, kills, an ensemble, rivals,
//! editors and agents on real Apache ZooKeeper.
//!
//! They start servers of their own and always Apache ZooKeeper: its processes and its transaction log are what they are
//! about.

use std::path::{Path, PathBuf};
use std::time::Duration;

use treekeeper_torture::bugs::{Binary, Bug};
use treekeeper_torture::{Summary, editors, ensemble, faults, kills, syncers};

/// Any seed will do; with a fixed one a failure can be played again.
const SEED: u64 = 1;

fn path() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_treekeeper"))
}

fn binary() -> Binary {
    Binary::new(path())
}

/// Fails on any violation, and on a run that tried less than it was to.
fn expect(summary: &Summary, cases: usize, faults: usize) {
    summary.details.iter().for_each(|line| println!("{line}"));
    println!("{}", summary.line);
    assert!(summary.violations.is_empty(), "{}", summary.violations.join("\n"));
    assert!(
        summary.cases >= cases && summary.faults >= faults,
        "too little was tried"
    );
}

fn faults(binary: &Binary, sample: usize, pairs: usize) -> Summary {
    let amount = faults::Amount {
        is_whole: false,
        sample,
        pairs,
        seed: SEED,
        threads: 4,
        only: None,
    };
    faults::run(binary, &amount)
}

#[test]
fn every_frame_of_a_sync_meets_faults() {
    // A sync of one transaction has at least ten frames, and each meets three.
    expect(&faults(&binary(), 90, 0), 120, 120);
}

#[test]
fn pairs_of_faults_are_survived() {
    // The second of a pair may come after the sync has ended.
    expect(&faults(&binary(), 0, 40), 40, 40);
}

#[test]
fn kills_and_pauses_leave_nothing_half_done() {
    let amount = kills::Amount {
        kills: 50,
        pauses: 8,
        seed: SEED,
        threads: 4,
    };
    expect(&kills::run(&binary(), &amount), 58, 58);
}

#[test]
fn servers_of_an_ensemble_come_and_go() {
    let amount = ensemble::Amount {
        cycles: 6,
        seed: SEED,
    };
    expect(&ensemble::run(&binary(), &amount), 18, 6);
}

#[test]
fn rivals_exclude_each_other_by_the_servers_own_log() {
    expect(&syncers::run(&binary(), &rivals()), 20, 1);
}

fn rivals() -> syncers::Amount {
    syncers::Amount {
        rounds: vec![3],
        commits: 20,
        seed: SEED,
        python: python(),
    }
}

#[test]
fn editors_and_agents_never_see_a_torn_tree() {
    let amount = editors::Amount {
        commits: 20,
        edit_pause: Duration::from_millis(300),
        stops: 2,
        seed: SEED,
    };
    expect(&editors::run(&binary(), &amount), 20, 20);
}

/// Fails unless a treekeeper with a bug on purpose is caught, by the law that it breaks.
fn expect_caught(bug: Bug, law: &str, play: impl Fn(&Binary) -> Summary) {
    let summary = play(&Binary::with(path(), bug));
    let named = format!(" {law}: ");
    let caught = summary.violations.iter().find(|line| line.contains(&named));
    match caught {
        Some(line) => println!("bug on purpose {bug:?}: {line}"),
        None => panic!("{bug:?} breaks {law}, which nobody saw: {}", summary.line),
    }
}

#[test]
fn a_treekeeper_without_a_fence_is_caught() {
    expect_caught(Bug::NoFence, "I3", |binary| syncers::run(binary, &rivals()));
}

#[test]
fn a_treekeeper_that_names_the_commit_too_early_is_caught() {
    expect_caught(Bug::VersionFirst, "I2", |binary| faults(binary, 80, 0));
}

#[test]
fn a_treekeeper_that_cannot_delete_is_caught() {
    expect_caught(Bug::DeletesFromTheRoot, "I1", |binary| faults(binary, 40, 0));
}

/// Returns a Python that has kazoo, as the tests of locks do.
fn python() -> PathBuf {
    match std::env::var_os("TREEKEEPER_TEST_PYTHON") {
        Some(python) => python.into(),
        None => PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../venv/bin/python"),
    }
}
