//! Measures every budget of speed and memory and prints a table of them: `make bench`.
//!
//! Each work is measured beside its baseline in one run on one machine, since only ratios can be trusted.
//! A real Apache ZooKeeper is started for it, with its disk writes on.
//!
//! `cargo bench -p treekeeper --bench budgets -- [ZNODES] [--runs N] [--part NAME]... [--json FILE] [--svg FILE] [--strict]`

// A baseline that cannot be measured is a broken benchmark, and ends it.
#![allow(clippy::unwrap_used)]

mod crowd;
mod delay;
mod far;
mod growth;
mod language;
mod live_tree;
mod measure;
mod plans;
mod plot;
mod process;
mod program;
mod raw;
mod server;
#[path = "../../tests/support/mod.rs"]
mod support;
mod tree_text;

use std::process::ExitCode;

use measure::{Budget, Report};
use plot::Series;
use program::Program;
use server::Asks;
use support::zookeeper::ZooKeeper;
use treekeeper_core::model::DesiredTree;

/// The same trees on every machine.
const SEED: u64 = 1;
const ZNODES: usize = 100_000;
const RUNS: usize = 5;

/// What can be measured by itself, in the order in which it is.
const PARTS: [&str; 8] = [
    "language", "apply", "read", "sync", "kinds", "growth", "ensemble", "latency",
];

/// How many times as often short works run whose ratio has a budget: what else the machine does shows in them.
const MORE_RUNS: usize = 3;

/// What to measure.
#[derive(Clone)]
pub struct Options {
    znodes: usize,
    runs: usize,
    strict: bool,
    /// All of [`PARTS`], if none is named.
    parts: Vec<String>,
    /// Where to write what.
    json: Option<String>,
    svg: Option<String>,
}

impl Options {
    /// Returns the same with more runs, for works whose ratio has a budget.
    fn often(&self) -> Options {
        Options {
            runs: self.runs * MORE_RUNS,
            ..self.clone()
        }
    }
}

const USAGE: &str = "[ZNODES] [--runs N] [--part NAME]... [--json FILE] [--svg FILE] [--strict]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == program::CHILD) {
        println!("{}", program::child(&arguments[1..]));
        return ExitCode::SUCCESS;
    }
    let options = match options(arguments) {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("{reason}; usage: {USAGE}\nparts: {}", PARTS.join(", "));
            return ExitCode::from(64);
        }
    };
    let before = process::machine();
    println!(
        "{} znodes, medians of {} runs (least-greatest)\n{before}",
        options.znodes, options.runs
    );
    let mut report = Report::default();
    let series = measure_all(&options, &mut report);
    println!("\n{report}");
    let after = process::machine();
    println!("after the run: {after}");
    if let Some(file) = &options.json {
        let about = serde_json::json!({
            "znodes": options.znodes, "runs": options.runs, "before": before, "after": after,
        });
        write(file, &format!("{:#}\n", report.json(about)));
    }
    if let Some(file) = options.svg.as_ref().filter(|_| !series.is_empty()) {
        write(
            file,
            &plot::svg("Time by the size of the tree (medians)", &series),
        );
    }
    match report.missed() {
        0 => println!("all budgets are met"),
        missed => println!("FAIL: {missed} budgets are missed"),
    }
    if options.strict && report.missed() > 0 {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Writes a file whose name is told from the root of the project.
fn write(file: &str, text: &str) {
    let file = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(file);
    std::fs::write(&file, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
}

/// Measures all parts that are wanted, and returns the curves of growth.
fn measure_all(options: &Options, report: &mut Report) -> Vec<Series> {
    let is_wanted = |part: &str| {
        let wanted = options.parts.is_empty() || options.parts.iter().any(|name| name == part);
        if wanted {
            eprintln!("measuring {part}");
        }
        wanted
    };
    if is_wanted("language") {
        language::measure(options, report);
        plans::measure(options, report);
    }
    let zookeeper = start_server();
    println!("{}", zookeeper.word("srvr").lines().next().unwrap_or_default());
    let text = tree_text::tree_text(options.znodes, SEED, 0, 1);
    let desired = language::desired(&language::source(text));
    if is_wanted("apply") {
        server::apply(&options.often(), &zookeeper, &desired, "", report);
    }
    let (read, sync) = (is_wanted("read"), is_wanted("sync"));
    if read || sync {
        measure_program(options, &zookeeper, &desired, sync, report);
    }
    drop(desired);
    if is_wanted("kinds") {
        let program = Program::new(options.znodes, &zookeeper.chroot());
        program.kinds(&zookeeper, options, report);
    }
    let mut series = Vec::new();
    if is_wanted("growth") {
        series = growth::measure(options, &zookeeper, report);
    }
    if is_wanted("latency") {
        far::latency(options, &zookeeper, report);
    }
    drop(zookeeper);
    if is_wanted("ensemble") {
        far::ensemble(options, &server_properties(), report);
    }
    series
}

/// Measures reading, and beside it whole runs of the program.
fn measure_program(
    options: &Options,
    zookeeper: &ZooKeeper,
    desired: &DesiredTree,
    sync: bool,
    report: &mut Report,
) {
    let connect = zookeeper.chroot();
    let program = Program::new(options.znodes, &connect);
    process::run(&mut program.command(&["sync"]));
    let often = options.often();
    let read = server::read(&often, &connect, desired, "", report);
    let kazoo = server::by_kazoo(&connect, desired, Asks::Read);
    report.add(
        &format!(
            "read {} znodes, times faster than the original's requests that read",
            desired.tree.len()
        ),
        format!("{:.0} ms", read * 1e3),
        format!("{kazoo:.0} s"),
        kazoo / read,
        Budget::None,
    );
    if sync {
        program.plan(&often, report);
        let sync = program.sync(&often, report);
        let kazoo = server::by_kazoo(&connect, desired, Asks::ReadAndWrite);
        let frames = server::by_frames(&connect, desired);
        for (how, seconds, budget) in [
            ("the original's requests", kazoo, Budget::AtLeast(200.0)),
            ("the same as ready-made frames", frames, Budget::None),
        ] {
            report.add(
                &format!("sync, 1 % changed, times faster than {how}"),
                format!("{:.0} ms without its fetch", sync * 1e3),
                format!("{seconds:.0} s"),
                seconds / sync,
                budget,
            );
        }
        program.nothing(report);
        program.start_up(options, report);
        crowd::measure(&often, zookeeper, report);
    }
    program.empty_again(options.znodes);
}

fn server_properties() -> [String; 4] {
    [
        "-Xmx5000m",
        "-XX:TieredStopAtLevel=4",
        "-Dzookeeper.forceSync=yes",
        "-Dzookeeper.preAllocSize=65536",
    ]
    .map(str::to_owned)
}

/// Starts a server that compiles what runs often and waits for its disk, as servers in use do.
fn start_server() -> ZooKeeper {
    ZooKeeper::start_with(&[], &server_properties())
}

fn options(arguments: Vec<String>) -> Result<Options, String> {
    let mut options = Options {
        znodes: ZNODES,
        runs: RUNS,
        strict: false,
        parts: Vec::new(),
        json: None,
        svg: None,
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
            "--part" => {
                let part = arguments.next().filter(|part| PARTS.contains(&part.as_str()));
                options.parts.push(part.ok_or("--part wants the name of a part")?);
            }
            "--json" => options.json = Some(arguments.next().ok_or("--json wants a file")?),
            "--svg" => options.svg = Some(arguments.next().ok_or("--svg wants a file")?),
            "--runs" => options.runs = number(arguments.next())?,
            _ => options.znodes = number(Some(argument.clone()))?,
        }
    }
    Ok(options)
}
