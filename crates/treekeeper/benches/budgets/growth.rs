//! How cost grows with the tree: every work at four sizes, each ten times the one before.

use crate::measure::{Budget, Report, Samples, timed};
use crate::plot::Series;
use crate::program::{CHANGED_PERCENT, Program};
use crate::support::zookeeper::ZooKeeper;
use crate::tree_text::tree_text;
use crate::{MORE_RUNS, Options, SEED, language, process, server};

/// How much more a sync of ten times the tree may take.
const TENFOLD_MAX: f64 = 12.0;
/// The bytes that a sync of a million znodes may take.
const MILLION_BYTES_MAX: f64 = (1 << 30) as f64;
/// Below this many znodes the fixed costs rule.
const BUDGET_FROM: usize = 10_000;

/// Measures all works at all sizes, and returns their curves.
pub fn measure(options: &Options, zookeeper: &ZooKeeper, report: &mut Report) -> Vec<Series> {
    let works = ["parse and merge", "read", "plan, unchanged", "sync, 1 % changed"];
    let mut series = works.map(|name| Series {
        name: name.to_owned(),
        points: Vec::new(),
    });
    for znodes in [
        options.znodes / 100,
        options.znodes / 10,
        options.znodes,
        options.znodes * 10,
    ] {
        eprintln!("measuring growth: {znodes} znodes");
        let seconds = at_size(&options_at(options, znodes), zookeeper, znodes, report);
        for (series, seconds) in series.iter_mut().zip(seconds) {
            series.points.push((znodes, seconds));
        }
    }
    for series in &series {
        add_growth(series, report);
    }
    let [.., (_, before), (_, after)] = series[3].points[..] else {
        unreachable!("four sizes")
    };
    report.add(
        "sync, 1 % changed, of ten times the tree",
        format!("{:.0} ms", after * 1e3),
        format!("{:.0} ms", before * 1e3),
        after / before,
        Budget::AtMost(TENFOLD_MAX),
    );
    series.into()
}

/// Returns the options at a size: what is over soon is run more often, as other things of the machine weigh more in it.
fn options_at(options: &Options, znodes: usize) -> Options {
    let times = if znodes <= options.znodes { MORE_RUNS } else { 1 };
    Options {
        runs: options.runs * times,
        ..options.clone()
    }
}

/// Returns the median seconds of each work at one size.
fn at_size(options: &Options, zookeeper: &ZooKeeper, znodes: usize, report: &mut Report) -> [f64; 4] {
    let source = language::source(tree_text(znodes, SEED, 0, CHANGED_PERCENT));
    let parse = Samples::new(
        (0..options.runs)
            .map(|_| timed(|| language::desired(&source)).0)
            .collect(),
    );
    let desired = language::desired(&source);
    let text_bytes = source.bytes.len();
    drop(source);
    let connect = zookeeper.chroot();
    let program = Program::new(znodes, &connect);
    let is_greatest = znodes > options.znodes;
    if is_greatest {
        program.plan_of_all(znodes, report);
    }
    let first = process::peak_memory(&mut program.command(&["sync"]));
    let (read, _) = server::read_times(options.runs, &connect, &desired);
    drop(desired);
    let (plan, fetch) = program.beside(options, "look", || process::run(&mut program.command(&["plan"])));
    let (sync, sync_fetch) =
        program.alternately(options, |program| process::run(&mut program.command(&["sync"])));
    if is_greatest {
        program.commit_other();
        let changed = process::peak_memory(&mut program.command(&["sync"]));
        let bound = (2 * text_bytes + 600 * znodes) as f64;
        for (work, peak) in [("first", first), ("1 % changed", changed)] {
            let work = format!("peak memory of a sync of {znodes} znodes, {work}");
            let ours = format!("{:.0} MB", peak as f64 / 1e6);
            let baseline = format!("2 x text + 600 bytes a znode: {:.0} MB", bound / 1e6);
            report.add(
                &work,
                ours.clone(),
                baseline,
                peak as f64 / bound,
                Budget::AtMost(1.0),
            );
            report.add(
                &work,
                ours,
                "1 GiB".to_owned(),
                peak as f64 / MILLION_BYTES_MAX,
                Budget::AtMost(1.0),
            );
        }
    }
    program.empty_again(znodes);
    let net = |works: &Samples, fetches: &Samples| works.median() - fetches.median();
    [
        parse.median(),
        read.median(),
        net(&plan, &fetch),
        net(&sync, &sync_fetch),
    ]
}

fn add_growth(series: &Series, report: &mut Report) {
    for pair in series.points.windows(2) {
        let [(fewer, before), (more, after)] = [pair[0], pair[1]];
        let doublings = (more as f64 / fewer as f64).log2();
        let budget = if fewer >= BUDGET_FROM {
            Budget::AtMost(2.2)
        } else {
            Budget::None
        };
        report.add(
            &format!("{}, {fewer} to {more} znodes, time per doubling", series.name),
            format!("{:.1} ms", after * 1e3),
            format!("{:.1} ms", before * 1e3),
            (after / before).powf(1.0 / doublings),
            budget,
        );
    }
}
