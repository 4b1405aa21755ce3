//! Bugs on purpose (RELIABILITY.md T10): each must be found by the checker within a bounded number of seeds.
//!
//! A checker that finds none of them proves nothing by finding nothing in the product.

use treekeeper_sim::sabotage::Bug;
use treekeeper_sim::{Options, programme};

/// Seeds within which each bug must show.
const SEEDS_MAX: u64 = 3_000;

#[test]
fn every_bug_on_purpose_is_found() {
    let mut missed = Vec::new();
    println!("{:<28} {:<12} seeds needed", "bug", "found by");
    for bug in Bug::ALL {
        let options = Options {
            bug: Some(bug),
            ..Options::default()
        };
        let played = programme::play(0..SEEDS_MAX, &options, false);
        match played.violations.first() {
            Some(found) => println!(
                "{:<28} {:<12} {}",
                format!("{bug:?}"),
                found.invariant,
                found.seed + 1
            ),
            None => missed.push(bug),
        }
    }
    println!(
        "bugs caught: {} of {}",
        Bug::ALL.len() - missed.len(),
        Bug::ALL.len()
    );
    assert!(missed.is_empty(), "not found in {SEEDS_MAX} seeds: {missed:?}");
}
