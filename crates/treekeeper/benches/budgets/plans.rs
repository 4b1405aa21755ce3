//! How long it takes to see what differs and to write it down, without a server and on one core.

use std::fmt;

use treekeeper_core::model::{LiveNode, Tree};
use treekeeper_core::plan::{self, BatchLimits, DiffOptions, DisplayOptions, Plan, Secrets};

use crate::live_tree::live_tree;
use crate::measure::{Report, Samples, timed};
use crate::tree_text::tree_text;
use crate::{Options, SEED, language};

/// Measures the plans of some kinds of change: the difference, its text and its JSON.
pub fn measure(options: &Options, report: &mut Report) {
    let znodes = options.znodes;
    let source = language::source(tree_text(znodes, SEED, 0, 1));
    let desired = language::desired(&source);
    // Read once more: two equal trees, and neither one's bytes are the other's.
    let deployed = language::desired(&source);
    let kinds = [
        ("nothing changed", live_tree(&deployed, usize::MAX)),
        ("1 % changed", live_tree(&deployed, 100)),
        ("all changed", live_tree(&deployed, 1)),
        ("all new", Tree::new(LiveNode::unread())),
    ];
    for (kind, live) in &kinds {
        let plan = || plan::diff(&desired, live, &DiffOptions::default());
        let diffs = (0..options.runs).map(|_| timed(plan).0).collect();
        report.tell(
            &format!("diff of {znodes} znodes, {kind}"),
            Samples::new(diffs).ms(),
        );
        let plan = plan();
        if !plan.changes.is_empty() {
            tell_texts(options, kind, &plan, report);
        }
    }
}

fn tell_texts(options: &Options, kind: &str, plan: &Plan, report: &mut Report) {
    let batches = plan::batches(plan, &BatchLimits::default()).expect("no node is too large");
    let display = DisplayOptions::default();
    let mut tell = |form: &str, write: &dyn Fn(&mut String) -> fmt::Result| {
        let seconds = (0..options.runs)
            .map(|_| timed(|| write(&mut String::new()).expect("a string takes all")).0)
            .collect();
        report.tell(
            &format!("{} changes as {form}, {kind}", plan.changes.len()),
            Samples::new(seconds).ms(),
        );
    };
    tell("text", &|out| {
        plan::display::write_plan(out, plan, &batches, &display)
    });
    tell("JSON", &|out| {
        plan::json::write_plan(out, plan, &batches, Secrets::Masked(&[]))
    });
}
