//! explore
use stateright::{Checker, Model};
use treekeeper_sim::protocol::*;

#[test]
fn explore() {
    let get = |k: &str, d: u8| std::env::var(k).ok().and_then(|v| v.parse().ok()).unwrap_or(d);
    let targets: Vec<u8> = std::env::var("T").unwrap_or("2,3".into()).split(',').map(|x| x.parse().unwrap()).collect();
    let mut options = Options::calm("adhoc", get("N", 2) as usize, get("S", 2) as usize, &targets);
    options.legacy = (get("L", 0) > 0).then_some(get("L", 0));
    options.reader = get("R", 0) > 0;
    options.expiry = get("E", 1) > 0;
    options.breaks = get("B", 1) > 0;
    options.stops = get("STOP", 0);
    options.steals = get("STEAL", 0);
    options.touches = get("TOUCH", 0);
    options.replans_max = get("RE", 1);
    if get("F", 0) > 0 { options.runs[0].force = true; }
    let start = std::time::Instant::now();
    let finish = if get("FIRST", 0) > 0 { stateright::HasDiscoveries::AnyFailures } else { stateright::HasDiscoveries::All };
    let checker = Protocol::new(options).checker().finish_when(finish).spawn_bfs().join();
    println!("{} unique states, depth {}, done {} {:?}", checker.unique_state_count(), checker.max_depth(), checker.is_done(), start.elapsed());
    for p in checker.model().properties() {
        let d = checker.discovery(p.name);
        let bad = p.expectation.discovery_is_failure() == d.is_some();
        println!("{} {:?} {}", if bad { "BAD" } else { "ok " }, p.expectation, p.name);
        if bad && let Some(path) = d {
            for run in &path.last_state().runs { println!("  {:?} {:?}", run.phase, run.history); }
            println!("{:?}", path.last_state().server);
            for action in path.into_actions() { println!("    {action:?}"); }
        }
    }
}
