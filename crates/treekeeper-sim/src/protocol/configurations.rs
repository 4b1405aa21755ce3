//! The models that are explored: those of the gate, the long ones, and those with a bug on purpose.

use super::options::{Flaw, Options, RunOptions};
use super::properties::{FENCE, READER, REPORT, STOP, TRUTH};

/// Returns the models of the gate, each explored to its end.
pub fn gate() -> Vec<Options> {
    vec![
        everything("single", 2, 2, &[2, 3]),
        Options { legacy: None, ..everything("one batch", 1, 0, &[2, 3]) },
    ]
}

fn everything(name: &'static str, nodes: usize, single_max: usize, targets: &[u8]) -> Options {
    Options {
        legacy: Some(2),
        expiry: true,
        breaks: true,
        stops: 1,
        steals: 1,
        ..Options::calm(name, nodes, single_max, targets)
    }
}

/// Returns the long models.
pub fn long() -> Vec<Options> {
    Vec::new()
}

/// Returns the model in which a bug must be found, and the property that it breaks.
pub fn flawed(_flaw: Flaw) -> (Options, &'static str) {
    let _ = (FENCE, READER, REPORT, STOP, RunOptions { target: 2, force: false });
    (gate().remove(0), TRUTH)
}
