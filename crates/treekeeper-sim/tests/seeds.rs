//! Ten thousand seeds of the simulator, none of which may show a violation of I1 to I12.
//!
//! `cargo run --profile sim -p treekeeper-sim -- --first 10000 --seeds 1000000` is the long form.

use treekeeper_sim::{Options, programme};

const SEEDS: u64 = 10_000;

/// What must happen at least so often in every thousand seeds, or the seeds prove little.
const FLOORS: [(&str, u64); 22] = [
    ("applied in batches", 500),
    ("outcome: applied", 5_000),
    ("outcome: refused", 1_000),
    ("outcome: in sync", 1_000),
    ("outcome: lock held", 500),
    ("outcome: invalid", 500),
    ("legacy syncs", 500),
    ("crashes", 300),
    ("fault: reply lost", 100),
    ("fault: request lost", 100),
    ("fault: session expired before", 100),
    ("fault: paused after", 100),
    ("fault: clock jump", 100),
    ("all stop by a host", 100),
    ("operator: stop", 200),
    ("edits", 1_000),
    ("rollbacks", 500),
    ("pushed: quiet", 500),
    ("protection remembered", 50),
    ("operator: unpin", 50),
    ("history: entry removed", 100),
    ("pushed: rewritten", 50),
];

#[test]
fn ten_thousand_seeds_hold_every_invariant() {
    let played = programme::play(0..SEEDS, &Options::default(), false);
    if let Some(violation) = played.violations.first() {
        panic!("{violation}");
    }
    let counts = &played.counts;
    for (what, floor) in FLOORS {
        let least = floor * SEEDS / 1_000;
        assert!(
            counts.get(what) >= least,
            "{what}: {} times only, {least} at least",
            counts.get(what)
        );
    }
    println!(
        "simulator seeds: {}, syncs: {}, faults: {}, violations: {}",
        played.seeds,
        counts.get("syncs"),
        counts.get("faults"),
        played.violations.len()
    );
}

/// Seeds that once showed a violation, and what was wrong.
const FOUND: [(u64, &str); 5] = [
    (
        106_124,
        "a commit that a legacy syncer deployed between batches and a repair was forgotten by the repair's marker (I6)",
    ),
    (
        2_004_078,
        "what was granted to the commit of a cut sync counted for the one that the next sync turned to (I8)",
    ),
    (
        2_015_604,
        "a rollback that was cut off ended at the commit before it, which had the same tree",
    ),
    (
        2_030_636,
        "a version that an old syncer had set before batches was moved back to an older commit with the same tree",
    ),
    (
        2_011_256,
        "what `/hosts` named before batches came before what it names now (I6)",
    ),
];

#[test]
fn seeds_that_once_showed_a_violation_hold() {
    for (seed, what) in FOUND {
        let played = treekeeper_sim::run(seed, &Options::default());
        assert!(played.is_ok(), "seed {seed} again: {what}");
    }
}

#[test]
fn a_seed_is_always_the_same_run() {
    let options = Options::default();
    for seed in 0..20 {
        let once = treekeeper_sim::run(seed, &options).map_err(|violation| violation.to_string());
        let again = treekeeper_sim::run(seed, &options).map_err(|violation| violation.to_string());
        assert_eq!(once, again, "seed {seed}");
    }
}
