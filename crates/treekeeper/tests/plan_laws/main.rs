//! Laws of plans over random trees, ACLs, ephemeral znodes, hosts and limits, in this process and on a real server.
//!
//! `plan --check` says ok if and only if `apply` of the saved plan succeeds when nothing moves; the check changes
//! nothing; plan, dry run and status have one plan; a plan is empty if and only if the tree is as the files say, which an
//! oracle tells that knows nothing of the planner.
//! `TREEKEEPER_PLAN_SEED` plays one seed alone, `TREEKEEPER_PLAN_CASES` as many as it says.

// A broken law must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod world;

use std::sync::Arc;

use support::random::Random;
use support::repository::Repository;
use support::server::Server;
use treekeeper_core::model::{Bump, HashKey};
use treekeeper_core::operation::{Mode, Outcome, Receipt};
use treekeeper_core::plan::display::write_plan;
use treekeeper_core::plan::saved::{SavedPlan, Saving};
use treekeeper_core::plan::{DisplayOptions, Plan};
use world::{Case, Cluster};

/// Cases of a run of the gate.
const CASES: u64 = 60;

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    match number("TREEKEEPER_PLAN_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("TREEKEEPER_PLAN_CASES").unwrap_or(CASES)).collect(),
    }
}

/// Returns the plan of a receipt as a file would bring it back.
fn saved(receipt: &Receipt, case: &Case) -> SavedPlan {
    let mut text = String::new();
    let saving = Saving {
        treekeeper: "0",
        at: "then",
        by: "a test",
        zookeeper: "",
        revision: receipt.revision.as_ref().unwrap(),
        basis: receipt.basis.as_ref().unwrap(),
        path: ".",
        overlay: case.overlay,
        prune_roots: case.prune_roots,
        bump: Bump::Commit,
        refused_by: &[],
        key: HashKey::new([3; 16]),
        secret_names: &[],
    };
    treekeeper_core::plan::saved::write(&mut text, receipt.plan.as_ref().unwrap(), &saving).unwrap();
    SavedPlan::read(&text).unwrap()
}

/// Tells whether a plan was made, nothing refuses it, and the server would accept it.
fn says_ok(receipt: &Receipt) -> bool {
    let is_planned = matches!(receipt.outcome, Outcome::Planned);
    let accepted = |receipt: &Receipt| {
        receipt
            .rehearsal
            .as_ref()
            .is_some_and(|found| found.refusal.is_none())
    };
    is_planned && receipt.blockers.is_empty() && accepted(receipt)
}

fn told(receipt: &Receipt) -> String {
    let mut text = format!(
        "{:?}\nblockers {:?}\nrehearsal {:?}\nwarnings {:?}\n",
        receipt.outcome, receipt.blockers, receipt.rehearsal, receipt.warnings
    );
    if let Some(plan) = &receipt.plan {
        write_plan(&mut text, plan, &receipt.batches, &DisplayOptions::default()).unwrap();
    }
    text
}

fn plan_of(receipt: &Receipt) -> Plan {
    receipt.plan.as_deref().cloned().unwrap_or_default()
}

/// How many cases came to what, so that a run that meets one kind only is seen.
#[derive(Debug, Default)]
struct Met {
    applied: usize,
    in_batches: usize,
    refused_by_gates: usize,
    refused_by_the_server: usize,
    unplanned: usize,
    empty: usize,
}

fn play(seed: u64, repository: &Repository, met: &mut Met) {
    let mut random = Random::new(seed);
    let case = Case::generate(&mut random);
    let cluster = Cluster::build(&case, repository, &mut random);
    let context = || format!("seed {seed}: TREEKEEPER_PLAN_SEED={seed} plays it alone\n{case:#?}");

    let before = cluster.freeze();
    let planned = cluster.plan(&case, Mode::Plan);
    assert_eq!(
        cluster.freeze(),
        before,
        "a check changes something; {}",
        context()
    );
    let is_ok = says_ok(&planned);

    if let (Outcome::Planned, Some(is_as_desired)) = (&planned.outcome, cluster.is_as_desired(&case)) {
        let is_empty = plan_of(&planned).is_empty();
        assert_eq!(is_empty, is_as_desired, "{}{}", told(&planned), context());
        met.empty += usize::from(is_empty);
    }
    let dry = cluster.plan(&case, Mode::DryRun);
    if matches!(dry.outcome, Outcome::Planned) {
        assert_eq!(
            plan_of(&dry),
            plan_of(&planned),
            "a dry run plans otherwise; {}",
            context()
        );
        assert_eq!(dry.rehearsal, planned.rehearsal, "{}", context());
    } else {
        assert!(!is_ok, "{}{}{}", told(&dry), told(&planned), context());
    }
    assert_eq!(
        cluster.freeze(),
        before,
        "a dry run changes something; {}",
        context()
    );

    if !matches!(planned.outcome, Outcome::Planned) {
        met.unplanned += 1;
        return;
    }
    let applied = cluster.apply(&case, Arc::new(saved(&planned, &case)));
    let has_succeeded = matches!(applied.outcome, Outcome::Applied);
    assert_eq!(
        is_ok,
        has_succeeded,
        "plan:\n{}apply:\n{}{}",
        told(&planned),
        told(&applied),
        context()
    );
    if !has_succeeded {
        assert_eq!(cluster.freeze_tree(), world::tree_of(&before), "{}", context());
        match planned.blockers.is_empty() {
            true => met.refused_by_the_server += 1,
            false => met.refused_by_gates += 1,
        }
        return;
    }
    met.applied += 1;
    met.in_batches += usize::from(applied.transactions > 1);
    assert!(applied.warnings.is_empty(), "{}{}", told(&applied), context());
    assert_ne!(cluster.is_as_desired(&case), Some(false), "{}", context());
    // `status` and the drift check plan the deployed commit once more.
    let drift = cluster.plan(&case, Mode::Plan);
    assert!(plan_of(&drift).is_empty(), "{}{}", told(&drift), context());
    let again = cluster.apply(&case, Arc::new(saved(&planned, &case)));
    let is_again = matches!(&again.outcome, Outcome::Stale(stale) if stale.is_done);
    let wrote_nothing = applied.transactions == 0 && matches!(again.outcome, Outcome::Applied);
    assert!(is_again || wrote_nothing, "{}{}", told(&again), context());
}

#[test]
fn a_plan_says_ok_if_and_only_if_its_application_succeeds() {
    let _ = Server::shared();
    let repository = Repository::new();
    let seeds = seeds();
    let mut met = Met::default();
    for seed in &seeds {
        play(*seed, &repository, &mut met);
    }
    println!("plan laws: {} cases, {met:?}", seeds.len());
    if seeds.len() >= CASES as usize {
        let all = [
            met.applied,
            met.in_batches,
            met.refused_by_gates,
            met.refused_by_the_server,
            met.unplanned,
            met.empty,
        ];
        assert!(
            all.iter().all(|count| *count > 0),
            "not every kind was met: {met:?}"
        );
    }
}
