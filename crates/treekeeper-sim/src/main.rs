//! Plays seeds: `treekeeper-sim [--seeds N] [--first SEED] [--seed S --trace] [--bug BUG]`.

use clap::Parser;
use treekeeper_sim::sabotage::Bug;
use treekeeper_sim::{Options, programme};

/// Plays seeds of the simulator until one shows something wrong.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to play.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Plays this seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints every event.
    #[arg(long)]
    trace: bool,
    /// Goes on after a violation.
    #[arg(long)]
    all: bool,
    /// Plays with this bug on purpose, which must show.
    #[arg(long, value_enum)]
    bug: Option<Bug>,
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        bug: arguments.bug,
        is_printed: arguments.trace,
    };
    let (first, seeds) = match arguments.seed {
        Some(seed) => (seed, 1),
        None => (arguments.first, arguments.seeds),
    };
    let played = programme::play(first..first + seeds, &options, arguments.all);
    played
        .violations
        .iter()
        .for_each(|violation| println!("{violation}"));
    played
        .counts
        .iter()
        .for_each(|(what, count)| println!("{count:>10} {what}"));
    println!("{} seeds, {} violations", played.seeds, played.violations.len());
    std::process::ExitCode::from(u8::from(!played.violations.is_empty()))
}
