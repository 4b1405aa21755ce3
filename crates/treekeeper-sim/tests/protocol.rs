//! Explores the protocol model to its end, and proves that its properties find bugs.
//!
//! `TREEKEEPER_PROTOCOL=long` explores the long models too.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use stateright::{Checker, HasDiscoveries, Model};
use treekeeper_sim::protocol::{Options, Protocol, World, gate, long, with_flaws};

/// What came of a model.
struct Explored {
    states: usize,
    depth: usize,
}

/// Explores a model to its end and asserts that everything holds and everything is reachable.
fn explore(options: &Options) -> Explored {
    let checker = Protocol::new(options.clone()).checker().spawn_bfs().join();
    assert!(checker.is_done(), "{}: not explored to its end", options.name);
    for property in checker.model().properties() {
        let discovery = checker.discovery(property.name);
        if property.expectation.discovery_is_failure() {
            let actions = discovery.map(stateright::Path::into_actions);
            assert_eq!(actions, None, "{}: {} does not hold", options.name, property.name);
        } else {
            assert!(
                discovery.is_some(),
                "{}: never seen: {}",
                options.name,
                property.name
            );
        }
    }
    Explored {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
    }
}

/// Explores every model, two at a time: each is explored by one thread, so that its depth is exact.
fn explore_all(models: &[Options]) -> Vec<Explored> {
    let next = AtomicUsize::new(0);
    let explored: Mutex<Vec<(usize, Explored)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let index = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(options) = models.get(index)
                {
                    let result = explore(options);
                    explored
                        .lock()
                        .expect("no explorer panicked")
                        .push((index, result));
                }
            });
        }
    });
    let mut explored = explored.into_inner().expect("no explorer panicked");
    explored.sort_by_key(|(index, _)| *index);
    explored.into_iter().map(|(_, explored)| explored).collect()
}

#[test]
fn every_model_holds_in_every_state() {
    let mut models = gate();
    if std::env::var("TREEKEEPER_PROTOCOL").is_ok_and(|form| form == "long") {
        models.extend(long());
    }
    let explored = explore_all(&models);
    for (options, Explored { states, depth }) in models.iter().zip(&explored) {
        let name = options.name;
        println!("protocol model: {name}: {states} unique states, depth {depth}, all properties hold");
    }
    let states: usize = explored.iter().map(|explored| explored.states).sum();
    println!("protocol model states: {states}");
}

#[test]
fn every_flaw_breaks_the_property_that_it_should() {
    let models = with_flaws();
    for (options, property) in &models {
        let expected = HasDiscoveries::AnyOf(BTreeSet::from([*property]));
        let checker = Protocol::new(options.clone())
            .checker()
            .finish_when(expected)
            .spawn_bfs()
            .join();
        let flaw = options.flaw.unwrap();
        let counterexample = checker.discovery(property);
        assert!(counterexample.is_some(), "{flaw:?} does not break: {property}");
    }
    println!("protocol model flaws found: {} of {}", models.len(), models.len());
}

/// A generator that needs no more than to be the same everywhere.
fn draw(seed: &mut u64, below: usize) -> usize {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) as usize % below
}

#[test]
fn renumbered_worlds_go_on_as_the_worlds_that_they_stand_for() {
    const WALKS: u64 = 200;
    const STEPS_MAX: usize = 60;
    for (index, options) in gate().into_iter().enumerate() {
        let options = Arc::new(options);
        for walk in 0..WALKS {
            let mut seed = walk + WALKS * index as u64;
            let mut exact = World::new(options.clone());
            let mut renumbered = exact.clone();
            for _ in 0..STEPS_MAX {
                let actions = exact.actions();
                assert_eq!(actions, renumbered.actions(), "{}: walk {walk}", options.name);
                if actions.is_empty() {
                    break;
                }
                let action = actions[draw(&mut seed, actions.len())];
                exact.happen(action);
                renumbered.happen(action);
                renumbered.renumber();
                let mut same = exact.clone();
                same.renumber();
                assert_eq!(same, renumbered, "{}: walk {walk}, {action:?}", options.name);
            }
        }
    }
}
