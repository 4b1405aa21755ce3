//! Renumbers data versions, so that worlds that nobody can tell apart are one state.
//!
//! Data versions only count up and are only compared with versions that somebody has read.
//! So it is enough to know, of each remembered version, whether it is past, current, or so many writes ahead.

use super::others::Reader;
use super::server::{DataVersion, NODES_MAX};
use super::syncer::{Phase, Run};
use super::world::World;

/// A node whose data version somebody remembers.
#[derive(Clone, Copy)]
enum Place {
    Hosts,
    State,
    Node(usize),
}

/// What is past for a transaction or a look, which expect one version.
const PAST: DataVersion = -1;
/// What is past for a reading: the transactions that are made from it count up from its versions.
const LONG_PAST: DataVersion = -8;

impl World {
    /// Makes every current data version 0, leaves the distance of those ahead, and takes those past for one.
    pub fn renumber(&mut self) {
        let nodes = (0..NODES_MAX).map(Place::Node);
        for place in [Place::Hosts, Place::State].into_iter().chain(nodes) {
            let current = std::mem::take(self.current(place));
            let renumber = |remembered: &mut DataVersion, floor: DataVersion| {
                *remembered = (*remembered - current).max(floor);
            };
            for run in &mut self.runs {
                for_each_remembered(run, place, renumber);
            }
            if let (Reader::Walking(walk), Place::Hosts) = (&mut self.reader, place) {
                renumber(&mut walk.at, PAST);
            }
        }
    }

    fn current(&mut self, place: Place) -> &mut DataVersion {
        match place {
            Place::Hosts => &mut self.server.hosts.at,
            Place::State => &mut self.server.state.at,
            Place::Node(node) => &mut self.server.nodes[node].at,
        }
    }
}

fn for_each_remembered(run: &mut Run, place: Place, renumber: impl Fn(&mut DataVersion, DataVersion)) {
    match (&mut run.phase, place) {
        (Phase::Read(reading), Place::Hosts) => renumber(&mut reading.hosts.at, LONG_PAST),
        (Phase::Read(reading), Place::State) => renumber(&mut reading.state.at, LONG_PAST),
        _ => {}
    }
    if let (Some(seen), Place::Hosts) = (&mut run.stop_seen, place) {
        renumber(seen, PAST);
    }
    for multi in run.in_flight.iter_mut().chain(&mut run.unsent) {
        let expected = match place {
            Place::Hosts => multi.hosts_expected(),
            Place::State => multi.state.1.as_mut(),
            Place::Node(node) => multi.nodes[node].as_mut(),
        };
        if let Some(expected) = expected {
            renumber(expected, PAST);
        }
    }
}
