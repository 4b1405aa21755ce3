//! What a model is made of: who takes part, what may go wrong, and which bug was put in on purpose.

use super::server::Commit;

/// One run of treekeeper: a process with a session of its own; a restart is another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// The commit that it deploys.
    pub target: Commit,
    /// `--force`.
    pub force: bool,
}

/// A model.
#[derive(Clone, Debug)]
pub struct Options {
    /// How it is told apart in the output.
    pub name: &'static str,
    /// Nodes of the tree, at most `NODES_MAX`.
    pub nodes: usize,
    /// Nodes that the only transaction of a plan may set; more make marker, batches and end.
    pub single_max: usize,
    /// Nodes that one batch may set.
    pub batch_max: usize,
    /// The runs, at most `RUNS_MAX`; one that equals the one before starts after it.
    pub runs: Vec<RunOptions>,
    /// The commit that the legacy syncer deploys, if there is one.
    pub legacy: Option<Commit>,
    /// Whether there is a reader.
    pub reader: bool,
    /// Whether sessions expire.
    pub expiry: bool,
    /// Whether connections break while transactions are in flight.
    pub breaks: bool,
    /// How many times ALL STOP is raised.
    pub stops: u8,
    /// How many times somebody deletes or revokes the candidate of a run.
    pub steals: u8,
    /// How many times somebody writes other properties of `/hosts`.
    pub touches: u8,
    /// How often a plan is made again (five in the code).
    pub replans_max: u8,
    /// The bug on purpose, if any.
    pub flaw: Option<Flaw>,
}

impl Options {
    /// Returns the options of a model in which runs for `targets` meet, and nothing goes wrong.
    pub fn calm(name: &'static str, nodes: usize, single_max: usize, targets: &[Commit]) -> Options {
        let plain = |target: &Commit| RunOptions {
            target: *target,
            force: false,
        };
        Options {
            name,
            nodes,
            single_max,
            batch_max: 1,
            runs: targets.iter().map(plain).collect(),
            legacy: None,
            reader: false,
            expiry: false,
            breaks: false,
            stops: 0,
            steals: 0,
            touches: 0,
            replans_max: 1,
            flaw: None,
        }
    }

    /// Tells whether a plan may be more than one transaction.
    pub fn is_batched(&self) -> bool {
        self.nodes > self.single_max
    }
}

/// A bug on purpose: each must make a property fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Transactions don't check the candidate.
    NoFence,
    /// A run doesn't wait until it is first in the queue.
    TakesNoTurns,
    /// Transactions don't expect a data version of `/hosts`.
    NoHostsCheck,
    /// Batches leave the version of `/hosts` as it was.
    NoMarker,
    /// Batches begin with the new version instead of False.
    VersionFirst,
    /// Batches are sent before the marker is known to be applied.
    MarkerNotAwaited,
    /// Batches don't expect a data version of the state.
    StateNotChained,
    /// A lost reply is taken for "not applied", and the plan is made anew.
    BlindRetry,
    /// A lost reply is settled without a barrier behind what is in flight.
    NoBarrier,
    /// A lost session is inquired about while its candidate is still there.
    InquiresEarly,
    /// What was applied is judged by the version of `/hosts`.
    SettlesByHosts,
    /// A run that takes over batches doesn't note in the state how far they were.
    ForgetsTakenOver,
    /// ALL STOP is not looked for.
    OverwritesNone,
    /// `--force` lifts every ALL STOP, not only the one that was there when it began.
    ForcesAnyStop,
    /// `resume` puts the last whole commit back whatever is under way.
    ResumesBlindly,
    /// The reader doesn't look at `/hosts` again.
    LooksOnce,
}
