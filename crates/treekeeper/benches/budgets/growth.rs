//! How cost grows with the tree: every work at four sizes, each ten times the one before.

use std::sync::Arc;

use treekeeper_core::treefile::SourceFile;

use crate::measure::{Budget, Report, Samples, timed};
use crate::plot::Series;
use crate::program::{CHANGED_PERCENT, Program};
use crate::server::Readers;
use crate::support::zookeeper::ZooKeeper;
use crate::tree_text::tree_text;
use crate::{Options, SEED, language, process, server};

/// How much more a sync of ten times the tree may take.
const TENFOLD_MAX: f64 = 12.0;
/// The bytes that a sync of a million znodes may take.
const MILLION_BYTES_MAX: f64 = (1 << 30) as f64;
/// Below this many znodes the fixed costs rule.
const BUDGET_FROM: usize = 10_000;

/// The works whose curves are drawn.
const WORKS: [&str; 4] = ["parse and merge", "read", "plan, unchanged", "sync, 1 % changed"];

/// A tree of some size, and what was measured of it.
struct Size {
    znodes: usize,
    source: Arc<SourceFile>,
    program: Program,
    readers: Readers,
    /// The most memory that its first sync took.
    first_peak: usize,
    /// The seconds of each work, and of reading without us.
    works: [Vec<f64>; 4],
    raw: Vec<f64>,
}

impl Size {
    /// Commits and syncs a tree.
    fn new(znodes: usize, is_greatest: bool, zookeeper: &ZooKeeper, report: &mut Report) -> Size {
        let source = language::source(tree_text(znodes, SEED, 0, CHANGED_PERCENT));
        let connect = zookeeper.chroot();
        let program = Program::new(znodes, &connect);
        if is_greatest {
            program.plan_of_all(znodes, report);
        }
        let first_peak = process::peak_memory(&mut program.command(&["sync"]));
        let readers = Readers::new(&connect, &language::desired(&source));
        Size {
            znodes,
            source,
            program,
            readers,
            first_peak,
            works: Default::default(),
            raw: Vec::new(),
        }
    }

    /// Does each work once, and returns the seconds: those of reading without us are the last.
    fn turn(&self) -> ([f64; 4], f64) {
        let (parse, _) = timed(|| language::desired(&self.source));
        let (read, raw) = self.readers.turn();
        let once = |remote: &str, arguments: &[&str]| {
            let whole = process::run(&mut self.program.command(arguments));
            whole - self.program.remote(remote)
        };
        let plan = once("look", &["plan"]);
        self.program.commit_other();
        ([parse, read, plan, once("fetch", &["sync"])], raw)
    }

    fn add(&mut self, (works, raw): ([f64; 4], f64)) {
        for (all, seconds) in self.works.iter_mut().zip(works) {
            all.push(seconds);
        }
        self.raw.push(raw);
    }

    /// Reports how fast it was read, and how much memory its syncs took.
    fn report(&self, report: &mut Report) {
        let (ours, raw) = (
            Samples::new(self.works[1].clone()),
            Samples::new(self.raw.clone()),
        );
        server::add_read("", self.znodes, &ours, &raw, report);
        self.program.commit_other();
        let changed = process::peak_memory(&mut self.program.command(&["sync"]));
        let bound = (2 * self.source.bytes.len() + 600 * self.znodes) as f64;
        let in_all = format!("2 x text + 600 bytes a znode: {:.0} MB", bound / 1e6);
        for (work, peak) in [("first", self.first_peak), ("1 % changed", changed)] {
            for (baseline, bound) in [(in_all.as_str(), bound), ("1 GiB", MILLION_BYTES_MAX)] {
                report.add(
                    &format!("peak memory of a sync of {} znodes, {work}", self.znodes),
                    format!("{:.0} MB", peak as f64 / 1e6),
                    baseline.to_owned(),
                    peak as f64 / bound,
                    Budget::AtMost(1.0),
                );
            }
        }
    }
}

/// Measures all works at all sizes, turn by turn, and returns their curves.
pub fn measure(options: &Options, zookeeper: &ZooKeeper, report: &mut Report) -> Vec<Series> {
    let sizes = [
        options.znodes / 100,
        options.znodes / 10,
        options.znodes,
        options.znodes * 10,
    ];
    let mut sizes = sizes.map(|znodes| {
        eprintln!("measuring growth: preparing {znodes} znodes");
        Size::new(znodes, znodes > options.znodes, zookeeper, report)
    });
    // The first turn is for the server, which compiles what runs often, and collects what the syncs left.
    for turn in 0..=options.runs {
        eprintln!("measuring growth: turn {turn} of {}", options.runs);
        for size in &mut sizes {
            let seconds = size.turn();
            if turn > 0 {
                size.add(seconds);
            }
        }
    }
    let [.., greatest] = &sizes;
    greatest.report(report);
    let curves = curves(&sizes);
    for size in sizes {
        size.readers.close();
        size.program.empty_again(size.znodes);
    }
    for series in &curves {
        add_growth(series, report);
    }
    let [.., (_, before), (_, after)] = curves[3].points[..] else {
        unreachable!("four sizes")
    };
    report.add(
        "sync, 1 % changed, of ten times the tree",
        format!("{:.0} ms", after * 1e3),
        format!("{:.0} ms", before * 1e3),
        after / before,
        Budget::AtMost(TENFOLD_MAX),
    );
    curves
}

fn curves(sizes: &[Size]) -> Vec<Series> {
    let curve = |(work, name): (usize, &&str)| Series {
        name: (*name).to_owned(),
        points: sizes
            .iter()
            .map(|size| (size.znodes, Samples::new(size.works[work].clone()).median()))
            .collect(),
    };
    WORKS.iter().enumerate().map(curve).collect()
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
