//! The fuzz targets in the gate: the same functions over the seed corpus, damaged copies of it, and random bytes.
//!
//! `scripts/fuzz` runs them for as long as one likes. An input that it finds goes into `fuzz/corpus`, and is a test
//! from then on.

#[path = "../../../fuzz/src/listing.rs"]
mod listing;
#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 6] = [
    ("tree_file", targets::tree_file),
    ("expression", targets::expression),
    ("codec", targets::codec),
    ("listing", listing::listing),
    ("jute", targets::jute),
    ("plan", targets::plan),
];
/// Cases of each kind for each target.
const CASES: u32 = 1_000;

/// Returns the seed corpus of a target.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(name);
    let mut paths: Vec<_> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("a directory can be listed").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("a file can be read"))
        .collect()
}

fn play(cases: u32, input: impl Strategy<Value = Vec<u8>>, target: fn(&[u8])) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&input, |bytes| {
        target(&bytes);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Copies of inputs with some bytes written over, taken out or doubled.
fn damaged(inputs: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let damage = vec((any::<Index>(), any::<u8>(), 0..3_u8), 1..6);
    (proptest::sample::select(inputs), damage).prop_map(|(mut bytes, damage)| {
        for (at, byte, kind) in damage {
            let at = at.index(bytes.len() + 1);
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

#[test]
fn the_corpus_holds() {
    for (name, target) in TARGETS {
        let inputs = corpus(name);
        assert!(inputs.len() > 3, "{name}: a corpus that is empty proves nothing");
        inputs.iter().for_each(|input| target(input));
    }
}

#[test]
fn damaged_inputs_hold() {
    for (name, target) in TARGETS {
        play(CASES, damaged(corpus(name)), target);
    }
    println!(
        "fuzz targets played in the gate: {}, {} inputs each",
        TARGETS.len(),
        2 * CASES
    );
}

#[test]
fn random_bytes_hold() {
    for (_, target) in TARGETS {
        play(CASES, vec(any::<u8>(), 0..200), target);
    }
}
