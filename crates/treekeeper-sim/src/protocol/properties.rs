//! The invariants of RELIABILITY.md 3 that a model holds, and what must be reachable for that to mean anything.

use std::collections::BTreeSet;

use stateright::Property;

use super::Protocol;
use super::options::Options;
use super::others::{Legacy, Reader};
use super::server::{ClusterVersion, LEGACY, Landed};
use super::syncer::{Phase, Report, Run, Source};
use super::world::{FIRST, World};

/// I2: where `/hosts` names a commit, the tree is that commit.
pub const TRUTH: &str = "I2 the tree is what /hosts says";
/// I2: a reader that finds `/hosts` as before has seen one commit.
pub const READER: &str = "I2 no reader believes a torn tree";
/// I3: nothing is applied without the lock.
pub const FENCE: &str = "I3 nothing is applied without the lock";
/// I4: nothing is applied under ALL STOP.
pub const STOP: &str = "I4 nothing is applied under ALL STOP";
/// I5: nothing is applied twice.
pub const ONCE: &str = "I5 nothing is applied twice";
/// I5: what a run reports is what happened.
pub const REPORT: &str = "I5 what is reported is what happened";

/// Returns the properties that hold always, and those that must be reachable in a model of these options.
pub fn properties(options: &Options) -> Vec<Property<Protocol>> {
    let mut properties = vec![
        Property::always(TRUTH, |_, world: &World| is_true(world)),
        Property::always(READER, |_, world: &World| is_reader_safe(world)),
        Property::always(FENCE, |_, world: &World| !world.verdict.fence_broken),
        Property::always(STOP, |_, world: &World| !world.verdict.stop_broken),
        Property::always(ONCE, |_, world: &World| !world.verdict.applied_twice),
        Property::always(REPORT, |_, world: &World| world.runs.iter().all(is_report_true)),
    ];
    properties.extend(reachable(options));
    properties
}

fn is_true(world: &World) -> bool {
    let ClusterVersion::Commit(commit) = world.server.hosts.value else {
        return true;
    };
    let nodes = &world.server.nodes[..world.options.nodes];
    !world.verdict.is_vouched || nodes.iter().all(|node| node.value == commit)
}

fn is_reader_safe(world: &World) -> bool {
    match world.reader {
        Reader::Done { walk, is_believed } => !is_believed || !walk.is_torn || walk.is_disturbed,
        Reader::Idle | Reader::Walking(_) => true,
    }
}

fn is_report_true(run: &Run) -> bool {
    report(run).is_none_or(|report| report.landed == run.history.landed)
}

fn report(run: &Run) -> Option<Report> {
    match run.phase {
        Phase::Done(report) => Some(report),
        _ => None,
    }
}

type Condition = fn(&Protocol, &World) -> bool;

fn reachable(options: &Options) -> Vec<Property<Protocol>> {
    let batched = options.is_batched();
    let targets: BTreeSet<_> = options.runs.iter().map(|run| run.target).collect();
    let competes = targets.len() > 1;
    let inquires = options.expiry && options.breaks;
    let stolen = options.steals > 0;
    let stopped = options.stops > 0;
    let forced = options.runs.iter().any(|run| run.force);
    let table: [(bool, &'static str, Condition); 16] = [
        (true, "a sync completes", |_, world| {
            any(world, |run| landed(run, Landed::Whole))
        }),
        (competes, "two syncs complete", |_, world| completed(world) > 1),
        (
            batched && competes && options.expiry,
            "a killed batched sync is repaired by the next",
            repaired,
        ),
        (
            options.breaks,
            "a lost reply is settled as applied",
            |_, world| settled(world, Landed::Whole, Source::Barrier),
        ),
        (
            options.breaks,
            "a lost request is sent anew and applied",
            |_, world| any(world, |run| run.replans > 0 && landed(run, Landed::Whole)),
        ),
        (inquires, "a lost session is settled as applied", |_, world| {
            settled(world, Landed::Whole, Source::Inquiry)
        }),
        (
            options.expiry,
            "a lost session is settled as not applied",
            |_, world| settled(world, Landed::Nothing, Source::Inquiry),
        ),
        (
            options.expiry && batched,
            "a lost session is settled as applied in part",
            |_, world| settled(world, Landed::Part(1), Source::Inquiry),
        ),
        (stolen, "a stolen lock stops a sync", |_, world| {
            any(world, lost_lock)
        }),
        (
            stolen && batched,
            "a stolen lock stops a sync between its batches",
            |_, world| {
                any(world, |run| {
                    lost_lock(run) && run.history.landed != Landed::Nothing
                })
            },
        ),
        (
            stopped && batched,
            "ALL STOP comes between batches",
            |_, world| {
                let is_stopped = world.server.hosts.value == ClusterVersion::Stop;
                is_stopped
                    && world
                        .server
                        .state
                        .value
                        .applying
                        .is_some_and(|(_, step)| step > 0)
            },
        ),
        (
            stopped && forced,
            "--force lifts the ALL STOP that it began under",
            |_, world| {
                any(world, |run| {
                    run.history.began_stopped && landed(run, Landed::Whole)
                })
            },
        ),
        (
            options.legacy.is_some() && options.expiry,
            "the legacy syncer takes over an expired lock",
            taken_over,
        ),
        (
            options.legacy.is_some(),
            "the legacy syncer writes without the lock",
            |_, world| matches!(world.legacy, Legacy::Writing(_)) && world.server.candidate(LEGACY).is_none(),
        ),
        (options.reader, "a reader sees the whole new tree", |_, world| {
            saw(world, true, false)
        }),
        (options.reader, "a reader throws a torn walk away", |_, world| {
            saw(world, false, true)
        }),
    ];
    let wanted = table.into_iter().filter(|(is_wanted, ..)| *is_wanted);
    wanted
        .map(|(_, name, condition)| Property::sometimes(name, condition))
        .collect()
}

fn any(world: &World, condition: impl Fn(&Run) -> bool) -> bool {
    world.runs.iter().any(condition)
}

fn landed(run: &Run, landed: Landed) -> bool {
    run.history.landed == landed
}

fn completed(world: &World) -> usize {
    world.runs.iter().filter(|run| landed(run, Landed::Whole)).count()
}

fn settled(world: &World, landed: Landed, source: Source) -> bool {
    any(world, |run| {
        report(run).is_some_and(|report| report.landed == landed && report.source == source)
    })
}

fn lost_lock(run: &Run) -> bool {
    report(run).is_some_and(|report| report.lock_lost)
}

fn is_killed_between_batches(world: &World, id: usize) -> bool {
    world.server.ended[id] && matches!(world.runs[id].history.landed, Landed::Part(step) if step > 0)
}

fn repaired(_: &Protocol, world: &World) -> bool {
    let is_clean = world.server.state.value.applying.is_none();
    is_clean && completed(world) > 0 && (0..world.runs.len()).any(|id| is_killed_between_batches(world, id))
}

fn taken_over(_: &Protocol, world: &World) -> bool {
    let holds = matches!(world.legacy, Legacy::Writing(_)) && world.server.holds(LEGACY);
    let is_killed = |id: usize| world.server.ended[id] && matches!(world.runs[id].phase, Phase::Committing);
    holds && (0..world.runs.len()).any(is_killed)
}

fn saw(world: &World, believed: bool, torn: bool) -> bool {
    match world.reader {
        Reader::Done { walk, is_believed } => {
            let is_kind = is_believed == believed && walk.is_torn == torn && !walk.is_disturbed;
            is_kind && (walk.commit > FIRST || torn)
        }
        Reader::Idle | Reader::Walking(_) => false,
    }
}
