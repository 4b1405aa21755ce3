//! Measures every budget of speed and memory and prints a table of them: `make bench`.
//!
//! Each work is measured beside its baseline in one run on one machine, since only ratios can be trusted.
//! A real Apache ZooKeeper is started for it, with its disk writes on.
//!
//! `cargo bench -p treekeeper --bench budgets -- [ZNODES] [--runs N] [--strict]`

// A baseline that cannot be measured is a broken benchmark, and ends it.
#![allow(clippy::unwrap_used)]

mod language;
mod measure;
mod process;
mod program;
mod raw;
mod server;
#[path = "../../tests/support/mod.rs"]
mod support;
mod tree_text;

use std::process::ExitCode;

use measure::{Budget, Report};
use program::Program;
use support::zookeeper::ZooKeeper;

/// The same trees on every machine.
const SEED: u64 = 1;
const ZNODES: usize = 100_000;
const RUNS: usize = 5;

/// What to measure.
pub struct Options {
    znodes: usize,
    runs: usize,
    strict: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == program::CHILD) {
        println!("{}", program::child(&arguments[1..]));
        return ExitCode::SUCCESS;
    }
    let options = match options(arguments) {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("{reason}; usage: [ZNODES] [--runs N] [--strict]");
            return ExitCode::from(64);
        }
    };
    println!(
        "{} znodes, medians of {} runs (least-greatest)",
        options.znodes, options.runs
    );
    println!("{}", process::machine());
    let mut report = Report::default();
    measure_all(&options, &mut report);
    println!("\n{report}");
    println!("load after the run: {}", process::machine());
    match report.missed() {
        0 => println!("all budgets are met"),
        missed => println!("FAIL: {missed} budgets are missed"),
    }
    if options.strict && report.missed() > 0 {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn measure_all(options: &Options, report: &mut Report) {
    let step = |name: &str| eprintln!("measuring {name}");
    step("the language");
    language::measure(options, report);
    let desired = language::desired(&language::source(tree_text::tree_text(
        options.znodes,
        SEED,
        0,
        1,
    )));
    step("applying");
    let zookeeper = start_server();
    println!("{}", zookeeper.word("srvr").lines().next().unwrap_or_default());
    server::apply(options, &zookeeper, &desired, report);
    step("the first sync");
    let connect = zookeeper.chroot();
    let program = Program::new(options, &connect, report);
    step("reading");
    let read = server::read(options, &connect, &desired, report);
    step("plans");
    program.plan(options, read, report);
    step("syncs");
    let sync = program.sync(options, read, report);
    let sequential = server::sequential(&connect, &desired);
    report.add(
        "sync, 1 % changed, times faster than requests one by one",
        format!("{:.0} ms without its fetch", sync * 1e3),
        format!("{:.0} s", sequential),
        sequential / sync,
        Budget::AtLeast(200.0),
    );
    step("syncs of nothing");
    program.nothing(report);
    program.start_up(options, report);
    step("memory");
    program.memory(&zookeeper.chroot(), options, report);
}

/// Starts a server that compiles what runs often and waits for its disk, as servers in use do.
fn start_server() -> ZooKeeper {
    let properties = [
        "-Xmx2500m",
        "-XX:TieredStopAtLevel=4",
        "-Dzookeeper.forceSync=yes",
        "-Dzookeeper.preAllocSize=65536",
    ];
    ZooKeeper::start_with(&[], &properties.map(str::to_owned))
}

fn options(arguments: Vec<String>) -> Result<Options, String> {
    let mut options = Options {
        znodes: ZNODES,
        runs: RUNS,
        strict: false,
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let number = |text: Option<String>| {
            text.and_then(|text| text.parse::<usize>().ok())
                .filter(|number| *number > 0)
                .ok_or_else(|| format!("{argument} is not a number of anything"))
        };
        match argument.as_str() {
            // What cargo itself says to every benchmark.
            "--bench" => {}
            "--strict" => options.strict = true,
            "--runs" => options.runs = number(arguments.next())?,
            _ => options.znodes = number(Some(argument.clone()))?,
        }
    }
    Ok(options)
}
