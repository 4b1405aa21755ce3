//! Plays seeds: `treekeeper-sim [--seeds N] [--first SEED] [--seed S --trace]`.

use clap::Parser;
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
}

fn main() -> std::process::ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        is_printed: arguments.trace,
        ..Options::default()
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
