//! How fast tree files become the desired tree, on one core.

use std::sync::Arc;

use treekeeper_core::layer::{self, Rules};
use treekeeper_core::model::DesiredTree;
use treekeeper_core::treefile::SourceFile;

use crate::measure::{Budget, Report, Samples, timed};
use crate::tree_text::tree_text;
use crate::{Options, SEED};

/// Returns the text as a tree file.
pub fn source(text: String) -> Arc<SourceFile> {
    Arc::new(SourceFile {
        name: "tree.zk".to_owned(),
        bytes: text.into_bytes(),
    })
}

/// Parses, evaluates and merges one file.
pub fn desired(source: &Arc<SourceFile>) -> DesiredTree {
    let (desired, diagnostics) = layer::read(std::slice::from_ref(source), &Rules::default());
    assert!(
        diagnostics.is_empty(),
        "the generated file is good: {:?}",
        diagnostics[0]
    );
    desired.expect("the generated tree is good")
}

/// Measures the rate at the size of the run, and how time grows around it.
pub fn measure(options: &Options, report: &mut Report) {
    let sizes = [options.znodes / 10, options.znodes, options.znodes * 10];
    let sources = sizes.map(|znodes| source(tree_text(znodes, SEED, 0, 1)));
    let mut seconds = [const { Vec::new() }; 3];
    // Turn by turn, so that what else the machine does falls on all sizes.
    for _ in 0..options.often().runs {
        for (source, seconds) in sources.iter().zip(&mut seconds) {
            seconds.push(timed(|| desired(source)).0);
        }
    }
    let of_size = |((znodes, source), seconds): ((usize, &Arc<SourceFile>), Vec<f64>)| {
        (znodes, source.bytes.len() as f64 / 1e6, Samples::new(seconds))
    };
    let times: Vec<_> = sizes
        .into_iter()
        .zip(&sources)
        .zip(seconds)
        .map(of_size)
        .collect();
    let (_, megabytes, seconds) = &times[1];
    let rate = megabytes / seconds.median();
    report.add(
        &format!("parse, evaluate and merge {megabytes:.1} MB"),
        seconds.ms(),
        "100 MB/s".to_owned(),
        rate / 100.0,
        Budget::AtLeast(1.0),
    );
    for pair in times.windows(2) {
        let ((fewer, _, before), (more, _, after)) = (&pair[0], &pair[1]);
        let doublings = (*more as f64 / *fewer as f64).log2();
        report.add(
            &format!("the same, {fewer} to {more} znodes, time per doubling"),
            after.ms(),
            before.ms(),
            (after.median() / before.median()).powf(1.0 / doublings),
            Budget::AtMost(2.2),
        );
    }
}
