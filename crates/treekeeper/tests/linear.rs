//! Counts instructions: four times the tree must not cost much more than four times the work.
//!
//! Counted by valgrind, so that nothing depends on the machine or on what else it does: a quadratic slip fails here
//! without a clock.
//! This binary runs itself under valgrind, once for each work and size.

#[path = "../benches/budgets/live_tree.rs"]
mod live_tree;
#[path = "../benches/budgets/tree_text.rs"]
mod tree_text;

use std::fmt::Write;
use std::process::Command;
use std::sync::Arc;

use treekeeper_core::layer::{self, Rules};
use treekeeper_core::model::{DesiredTree, LiveNode, LiveTree, Tree};
use treekeeper_core::plan::{self, BatchLimits, DiffOptions, DisplayOptions, Plan, Secrets};
use treekeeper_core::treefile::{self, SourceFile};

/// Tells the test that is run under valgrind what to do: `WORK SIZE`.
const VARIABLE: &str = "TREEKEEPER_COUNTED_WORK";
/// The nodes of the smaller tree; the greater has four times as many.
const NODES: usize = 500;
/// The most that four times the tree may cost. Sorting alone makes it a little more than 4.
const RATIO_MAX: f64 = 4.7;
const WORKS: [&str; 8] = [
    "nothing",
    "read",
    "read flat",
    "overlay",
    "errors",
    "diff",
    "create",
    "format",
];

fn files(text: String, name: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile {
        name: name.to_owned(),
        bytes: text.into_bytes(),
    })
}

fn desired(sources: &[Arc<SourceFile>]) -> DesiredTree {
    let (desired, diagnostics) = layer::read(sources, &Rules::default());
    assert!(diagnostics.is_empty(), "{:?}", diagnostics[0].message);
    desired.expect("the tree is good")
}

/// Returns nodes that are all at the top, in no order.
fn flat(nodes: usize) -> String {
    let node = |number: usize| format!("/n{}\n  x = {number}\n", number * 7_919 % 1_000_003);
    (0..nodes).map(node).collect()
}

fn plan(desired: &DesiredTree, live: &LiveTree) -> Plan {
    plan::diff(desired, live, &DiffOptions::default())
}

/// Writes a plan in both forms and cuts it into transactions, and returns the bytes of all that.
fn told(plan: &Plan) -> usize {
    let batches = plan::batches(plan, &BatchLimits::default()).expect("no node is too large");
    let mut text = String::new();
    plan::display::write_plan(&mut text, plan, &batches, &DisplayOptions::default())
        .expect("a string takes all");
    plan::json::write_plan(&mut text, plan, &batches, Secrets::Masked(&[])).expect("a string takes all");
    text.len()
}

/// Does one work on a tree of so many nodes, and returns something that depends on all of it.
fn perform(work: &str, nodes: usize) -> usize {
    let text = || tree_text::tree_text(nodes, 1, 0, 1);
    match work {
        "nothing" => 0,
        "read" => desired(&[files(text(), "a.zk")]).tree.len(),
        "read flat" => desired(&[files(flat(nodes), "a.zk")]).tree.len(),
        "overlay" => {
            let overlay = flat(nodes).replace("  x =", "  y =");
            desired(&[files(flat(nodes), "a.zk"), files(overlay, "b.zkx")])
                .tree
                .len()
        }
        "errors" => {
            let wrong = (0..nodes).fold(String::new(), |mut text, number| {
                let _ = write!(text, "/n{number}\n   a = foo\n  b = [1,\n");
                text
            });
            let (_, diagnostics) = layer::read(&[files(wrong, "a.zk")], &Rules::default());
            diagnostics.len()
        }
        "diff" => {
            let desired = desired(&[files(text(), "a.zk")]);
            let plan = plan(&desired, &live_tree::live_tree(&desired, 10));
            told(&plan) + plan.unchanged
        }
        "create" => {
            let desired = desired(&[files(text(), "a.zk")]);
            let plan = plan(&desired, &Tree::new(LiveNode::unread()));
            told(&plan)
        }
        "format" => {
            let canonical = treefile::canonical(&files(text(), "a.zk"), &Rules::default().parse_limits);
            canonical.expect("the tree is good").len()
        }
        _ => panic!("unknown work {work}"),
    }
}

#[test]
fn every_work_is_done() {
    let given = std::env::var(VARIABLE).unwrap_or_default();
    if let Some((work, nodes)) = given.rsplit_once(' ') {
        perform(work, nodes.parse().expect("a number"));
        return;
    }
    for work in WORKS.iter().skip(1) {
        assert!(perform(work, 20) > 0, "{work}");
    }
}

/// Returns the instructions of one run of this binary.
fn instructions(work: &str, nodes: usize) -> f64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("this program has a file"))
        .args(["--exact", "every_work_is_done", "--test-threads=1"])
        .env(VARIABLE, format!("{work} {nodes}"))
        .output()
        .expect(
            "these tests need valgrind: install it, on Debian and Ubuntu with `apt-get install valgrind`",
        );
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{work}: {told}");
    let line = told.lines().find_map(|line| line.split_once("Collected : "));
    line.and_then(|(_, count)| count.trim().parse().ok())
        .unwrap_or_else(|| panic!("valgrind counted nothing:\n{told}"))
}

#[test]
fn four_times_the_tree_costs_four_times_the_instructions() {
    let nothing = instructions("nothing", 0);
    let mut grown = Vec::new();
    for work in WORKS.iter().skip(1) {
        let [less, more] = [NODES, 4 * NODES].map(|nodes| instructions(work, nodes) - nothing);
        let ratio = more / less;
        println!(
            "instructions {work}: {less:.2e} for {NODES} nodes, {ratio:.2} times as many for four times the nodes"
        );
        if ratio > RATIO_MAX {
            grown.push(format!("{work}: {ratio:.2}"));
        }
    }
    assert!(
        grown.is_empty(),
        "more than {RATIO_MAX} times the instructions: {grown:?}"
    );
}
