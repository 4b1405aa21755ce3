//! A model of treekeeper's lock, fencing and commit protocol, explored to its end by stateright.
//!
//! It models what RELIABILITY.md 5 says and `treekeeper-core/operation` does, and shares no code with it: a step
//! here is written from what the code does, and a bug of the code is not a bug of the model.
//! `tests/protocol.rs` plays it; what is left out is told beside each part.

mod canonical;
mod commitment;
mod configurations;
mod options;
mod others;
mod properties;
mod server;
mod syncer;
mod world;

use std::sync::Arc;

use stateright::{Model, Property};

pub use commitment::Reading;
pub use configurations::{gate, long, with_flaws};
pub use options::{Flaw, Options, RunOptions};
pub use others::{Deed, Legacy, Reader, Walk};
pub use properties::{FENCE, ONCE, READER, REPORT, STOP, TRUTH};
pub use server::{
    Candidate, ClusterVersion, Commit, DataVersion, HostsOp, Landed, Locker, Multi, NODES_MAX, RUNS_MAX,
    Refused, Server, StateNode, Versioned,
};
pub use syncer::{History, Phase, Report, Run, Source, Step};
pub use world::{Action, FIRST, Verdict, World};

/// A model that stateright can explore.
#[derive(Clone, Debug)]
pub struct Protocol(Arc<Options>);

impl Protocol {
    /// Returns the model of these options.
    pub fn new(options: Options) -> Protocol {
        Protocol(Arc::new(options))
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.0.clone())]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(world.actions());
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.happen(action);
        next.renumber();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Protocol>> {
        properties::properties(&self.0)
    }
}
