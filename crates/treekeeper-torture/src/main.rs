//! Plays one part of the torture programme and prints one line: `torture PART [OPTIONS]`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use treekeeper_torture::bugs::{Binary, Bug};
use treekeeper_torture::{Summary, editors, ensemble, faults, kills, syncers};

/// Breaks connections, processes and servers under the real treekeeper, and judges what is left.
#[derive(Parser)]
struct Arguments {
    /// The treekeeper to put to the test.
    #[arg(long, global = true, default_value = "target/release/treekeeper")]
    binary: PathBuf,
    /// Gives the treekeeper this bug, which must show.
    #[arg(long, global = true, value_enum)]
    bug: Option<Bug>,
    /// The seed of everything random.
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
    /// How much is played at once.
    #[arg(long, global = true, default_value_t = 8)]
    threads: usize,
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Every frame of every shape of plan meets every fault, with the client surviving and dying.
    Faults(FaultsArgs),
    /// Random pairs of such faults.
    Pairs(PairsArgs),
    /// Syncs that are killed and paused at random instants.
    Kills(KillsArgs),
    /// Three servers that are killed, paused, restarted and out of disk, while syncs run on.
    Ensemble(EnsembleArgs),
    /// Many treekeepers and old-style lockers on one cluster; the server's transaction log is the judge.
    Syncers(SyncersArgs),
    /// Editors, agents, ALL STOP and readers around two treekeepers.
    Editors(EditorsArgs),
}

#[derive(Args)]
struct FaultsArgs {
    /// Plays every frame of one transaction in three ways, and so many of all others.
    #[arg(long)]
    sample: Option<usize>,
    /// Plays this case alone, as a violation names it: `SHAPE/FRAME:MODE[,FRAME:MODE]/survives|dies`.
    #[arg(long)]
    only: Option<String>,
}

#[derive(Args)]
struct PairsArgs {
    /// How many.
    #[arg(long, default_value_t = 2_000)]
    pairs: usize,
}

#[derive(Args)]
struct KillsArgs {
    /// How many kills hit a running sync.
    #[arg(long, default_value_t = 2_000)]
    kills: usize,
    /// How many pauses hit a running sync.
    #[arg(long, default_value_t = 300)]
    pauses: usize,
}

#[derive(Args)]
struct EnsembleArgs {
    /// How many disturbances; there are six kinds, which take turns.
    #[arg(long, default_value_t = 120)]
    cycles: usize,
}

#[derive(Args)]
struct SyncersArgs {
    /// How many treekeepers run at once, round by round.
    #[arg(long, value_delimiter = ',', default_value = "2,4,8")]
    rounds: Vec<usize>,
    /// How many commits each round has.
    #[arg(long, default_value_t = 200)]
    commits: usize,
    /// A Python that has kazoo; scripts/test-python makes this one.
    #[arg(long, default_value = "target/venv/bin/python")]
    python: PathBuf,
}

#[derive(Args)]
struct EditorsArgs {
    /// How many commits are made, one after the other.
    #[arg(long, default_value_t = 300)]
    commits: usize,
    /// The longest pause between two edits of one of four editors, in milliseconds.
    #[arg(long, default_value_t = 300)]
    edit_pause_ms: u64,
    /// So many in 400 times that an agent looks, it raises ALL STOP.
    #[arg(long, default_value_t = 2)]
    stops: usize,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    // Runs have directories of their own.
    match arguments.binary.canonicalize() {
        Ok(binary) => arguments.binary = binary,
        Err(error) => {
            eprintln!(
                "error: {}: {error}\nhint: `cargo build --release` makes it, --binary names another",
                arguments.binary.display()
            );
            return ExitCode::FAILURE;
        }
    }
    let summary = play(&arguments);
    summary.details.iter().for_each(|line| println!("{line}"));
    summary.violations.iter().for_each(|line| println!("{line}"));
    println!("{}", summary.line);
    ExitCode::from(u8::from(!summary.violations.is_empty()))
}

fn play(arguments: &Arguments) -> Summary {
    let (seed, threads) = (arguments.seed, arguments.threads);
    let binary = &Binary {
        path: arguments.binary.clone(),
        bug: arguments.bug,
    };
    let amount = faults::Amount {
        is_whole: true,
        sample: 0,
        pairs: 0,
        seed,
        threads,
        only: None,
    };
    match &arguments.part {
        Part::Faults(part) => faults::run(
            binary,
            &faults::Amount {
                is_whole: part.sample.is_none(),
                sample: part.sample.unwrap_or(0),
                only: part.only.clone(),
                ..amount
            },
        ),
        Part::Kills(part) => kills::run(
            binary,
            &kills::Amount {
                kills: part.kills,
                pauses: part.pauses,
                seed,
                threads,
            },
        ),
        Part::Ensemble(part) => ensemble::run(
            binary,
            &ensemble::Amount {
                cycles: part.cycles,
                seed,
            },
        ),
        Part::Syncers(part) => syncers::run(
            binary,
            &syncers::Amount {
                rounds: part.rounds.clone(),
                commits: part.commits,
                seed,
                python: part.python.clone(),
            },
        ),
        Part::Editors(part) => editors::run(
            binary,
            &editors::Amount {
                commits: part.commits,
                edit_pause: Duration::from_millis(part.edit_pause_ms),
                stops: part.stops,
                seed,
            },
        ),
        Part::Pairs(part) => faults::run(
            binary,
            &faults::Amount {
                pairs: part.pairs,
                ..amount
            },
        ),
    }
}
