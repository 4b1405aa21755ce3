//! memkeeper against Apache ZooKeeper: the same random requests to both, and every byte of what they say compared.
//!
//! `TREEKEEPER_SEQUENCES=10000 cargo test -p treekeeper --test differential` is the long form;
//! `TREEKEEPER_SEED=17` plays one seed again, and with both set as many from that seed on.

#[path = "../support/mod.rs"]
mod support;

mod client;
mod generator;
mod pair;
mod play;
mod reading;
mod report;
mod sequence;

use std::time::Instant;

use pair::{Pair, Types};

/// How many sequences are played where nobody says a number.
const SEQUENCES: u64 = 500;
/// Differences that are shown of each pair of servers, before it is given up.
const REPORTS_MAX: usize = 3;

#[test]
fn random_sequences_get_the_same_replies() {
    let (first, count) = asked();
    let seeds = first..first + count;
    let begin = Instant::now();
    let played = std::thread::scope(|scope| {
        let play = |types| {
            let seeds: Vec<u64> = seeds.clone().filter(|seed| Types::of(*seed) == types).collect();
            scope.spawn(move || play_seeds(types, &seeds))
        };
        let threads = [play(Types::Extended), play(Types::Plain)];
        threads.map(|thread| thread.join().expect("playing doesn't panic"))
    });
    let requests: usize = played.iter().map(|played| played.requests).sum();
    let reports: Vec<String> = played.into_iter().flat_map(|played| played.reports).collect();
    println!(
        "differential sequences: {count} ({requests} requests), {} differences",
        reports.len()
    );
    println!("differential time: {} s", begin.elapsed().as_secs());
    assert!(reports.is_empty(), "{}", reports.join("\n"));
}

struct Played {
    requests: usize,
    reports: Vec<String>,
}

fn play_seeds(types: Types, seeds: &[u64]) -> Played {
    let mut played = Played {
        requests: 0,
        reports: Vec::new(),
    };
    for seed in seeds {
        let mut pair = Pair::lock(types);
        let sequence = generator::sequence(*seed);
        match pair.compare(&sequence) {
            Ok(requests) => played.requests += requests,
            Err(difference) => {
                let text = report::report(&mut pair, sequence, difference);
                played.reports.push(format!(
                    "TREEKEEPER_SEED={seed} shows a difference ({types:?} types):\n{text}"
                ));
                if played.reports.len() == REPORTS_MAX {
                    break;
                }
            }
        }
    }
    played
}

/// Returns the first seed and the number of sequences, as the environment says.
fn asked() -> (u64, u64) {
    let number = |name| {
        let text = std::env::var(name).ok()?;
        Some(
            text.parse()
                .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
        )
    };
    match (number("TREEKEEPER_SEED"), number("TREEKEEPER_SEQUENCES")) {
        (None, count) => (0, count.unwrap_or(SEQUENCES)),
        (Some(seed), count) => (seed, count.unwrap_or(1)),
    }
}
