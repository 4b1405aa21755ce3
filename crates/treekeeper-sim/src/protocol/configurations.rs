//! The models that are explored: those of the gate, the long ones, and those with a bug on purpose.

use super::options::{Flaw, Options, RunOptions};
use super::properties::{FENCE, READER, REPORT, STOP, TRUTH};
use super::server::Commit;

/// Returns the models of the gate, each small enough to be explored to its end in seconds.
pub fn gate() -> Vec<Options> {
    let one = |name, targets: &[Commit]| faulty(name, 2, 2, targets);
    let one_batch = |name| faulty(name, 1, 0, &[2, 3]);
    let two_batches = |name, targets: &[Commit]| faulty(name, 2, 1, targets);
    vec![
        Options {
            stops: 1,
            steals: 1,
            ..one("one transaction, ALL STOP, stolen lock", &[2, 3])
        },
        Options {
            legacy: Some(2),
            stops: 1,
            ..one("one transaction, legacy syncer, ALL STOP", &[2, 3])
        },
        Options {
            reader: true,
            steals: 1,
            ..one("one transaction, reader, stolen lock", &[2, 3])
        },
        one("one transaction, three runs", &[2, 3, 3]),
        Options {
            stops: 1,
            steals: 1,
            ..one_batch("one batch, ALL STOP, stolen lock")
        },
        Options {
            stops: 1,
            ..two_batches("two batches, ALL STOP", &[2, 3])
        },
        Options {
            steals: 1,
            ..two_batches("two batches, stolen lock", &[2, 2])
        },
        Options {
            breaks: false,
            legacy: Some(2),
            ..two_batches("two batches, legacy syncer", &[2, 3])
        },
        Options {
            breaks: false,
            reader: true,
            steals: 1,
            ..two_batches("two batches, reader", &[2, 3])
        },
        Options {
            touches: 2,
            stops: 1,
            ..two_batches("two batches, writes to /hosts", &[2])
        },
        Options {
            stops: 2,
            ..forced(two_batches("two batches, --force under ALL STOP", &[2]))
        },
        faulty("three batches", 3, 1, &[2, 3]),
    ]
}

/// Returns the long models: more at once, more often, minutes each.
pub fn long() -> Vec<Options> {
    let two_batches = |name, targets: &[Commit]| faulty(name, 2, 1, targets);
    let legacy = Some(2);
    vec![
        Options {
            legacy,
            stops: 1,
            steals: 1,
            ..faulty("one transaction, everything", 2, 2, &[2, 3])
        },
        Options {
            legacy,
            stops: 1,
            ..faulty("one batch, legacy syncer, ALL STOP", 1, 0, &[2, 3])
        },
        Options {
            stops: 1,
            steals: 1,
            ..two_batches("two batches, ALL STOP, stolen lock", &[2, 3])
        },
        Options {
            legacy,
            ..two_batches("two batches, legacy syncer, lost replies", &[2, 3])
        },
        Options {
            reader: true,
            ..two_batches("two batches, reader, lost replies", &[2, 3])
        },
        Options {
            breaks: false,
            ..two_batches("two batches, three runs", &[2, 3, 3])
        },
        Options {
            stops: 2,
            ..forced(two_batches("two batches, --force and another", &[2, 3]))
        },
        Options {
            replans_max: 2,
            ..two_batches("two batches, two plans in vain", &[2, 3])
        },
        Options {
            steals: 1,
            ..faulty("three batches, stolen lock", 3, 1, &[2, 3])
        },
        Options {
            stops: 1,
            ..faulty("three batches, ALL STOP", 3, 1, &[2, 3])
        },
    ]
}

/// Returns every bug on purpose in a model that is large enough for it, and the property that it breaks.
pub fn with_flaws() -> Vec<(Options, &'static str)> {
    let one = |targets: &[Commit]| faulty("one transaction", 2, 2, targets);
    let batches = |targets: &[Commit]| faulty("two batches", 2, 1, targets);
    let stopped = |options: Options| Options { stops: 1, ..options };
    let stolen = |options: Options| Options { steals: 1, ..options };
    let table = [
        (Flaw::NoFence, stolen(one(&[2, 3])), FENCE),
        (Flaw::TakesNoTurns, one(&[2, 3]), FENCE),
        (Flaw::NoHostsCheck, stopped(one(&[2])), STOP),
        (Flaw::NoMarker, batches(&[2]), TRUTH),
        (Flaw::VersionFirst, batches(&[2]), TRUTH),
        (Flaw::MarkerNotAwaited, stopped(batches(&[2])), STOP),
        (Flaw::StateNotChained, batches(&[2]), TRUTH),
        (Flaw::BlindRetry, one(&[2]), REPORT),
        (Flaw::NoBarrier, one(&[2]), REPORT),
        (Flaw::InquiresEarly, one(&[2]), REPORT),
        (Flaw::SettlesByHosts, one(&[2, 2]), REPORT),
        (Flaw::ForgetsTakenOver, batches(&[2, 3]), REPORT),
        (Flaw::OverwritesNone, stopped(one(&[2])), STOP),
        (Flaw::ForcesAnyStop, stopped(forced(one(&[2]))), STOP),
        (Flaw::ResumesBlindly, stopped(batches(&[2])), TRUTH),
        (
            Flaw::LooksOnce,
            Options {
                reader: true,
                ..one(&[2])
            },
            READER,
        ),
    ];
    let with = |(flaw, options, property)| {
        (
            Options {
                flaw: Some(flaw),
                ..options
            },
            property,
        )
    };
    table.into_iter().map(with).collect()
}

/// Sessions expire and connections break.
fn faulty(name: &'static str, nodes: usize, single_max: usize, targets: &[Commit]) -> Options {
    Options {
        expiry: true,
        breaks: true,
        ..Options::calm(name, nodes, single_max, targets)
    }
}

/// The first run is forced.
fn forced(mut options: Options) -> Options {
    options.runs[0] = RunOptions {
        force: true,
        ..options.runs[0]
    };
    options
}
