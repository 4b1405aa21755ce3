//! Many hosts and a full history: what they add to a sync.

use crate::Options;
use crate::measure::{Budget, Report};
use crate::process;
use crate::program::Program;
use crate::support::foreign::Foreign;

const HOSTS: usize = 10;
/// How many times as many hosts, and at least as many times the entries of the history, must not show.
const CROWD: usize = 100;
/// How much longer a sync may take, since no two runs take the same.
const SHOWS: f64 = 1.15;
const HISTORY: &str = "/treekeeper/history";

/// Measures a sync of a part changed at `connect` with few hosts, and with many.
pub fn measure(options: &Options, program: &Program, connect: &str, report: &mut Report) {
    let foreign = Foreign::connect(connect);
    // Hosts that have not converged are read like others, and passed over.
    let sync = || {
        program.alternately(options, |program| {
            process::run(&mut program.command(&["sync", "--force"]))
        })
    };
    add_hosts(&foreign, 0..HOSTS);
    keep_one_entry(&foreign);
    let few = sync().0;
    add_hosts(&foreign, HOSTS..HOSTS * CROWD);
    fill_history(&foreign);
    let many = sync().0;
    report.add(
        &format!(
            "sync, 1 % changed, with {} hosts and {CROWD} deployments",
            HOSTS * CROWD
        ),
        many.ms(),
        format!("with {HOSTS} hosts and a few: {}", few.ms()),
        many.median() / few.median(),
        Budget::AtMost(SHOWS),
    );
    for host in foreign.children("/hosts") {
        foreign.delete(&format!("/hosts/{host}"));
    }
}

fn add_hosts(foreign: &Foreign, numbers: std::ops::Range<usize>) {
    for number in numbers {
        foreign.create(&format!("/hosts/web-{number}"), br#"{"version":"initial"}"#);
    }
}

fn keep_one_entry(foreign: &Foreign) {
    let mut entries = foreign.children(HISTORY);
    entries.sort();
    for entry in entries.iter().rev().skip(1) {
        foreign.delete(&format!("{HISTORY}/{entry}"));
    }
}

/// Makes as many entries as the history keeps, older ones than those that are there.
fn fill_history(foreign: &Foreign) {
    let entries = foreign.children(HISTORY);
    let data = foreign.get(&format!("{HISTORY}/{}", entries[0]));
    for number in 0..CROWD - entries.len() {
        let path = format!("{HISTORY}/{number:010}");
        if !foreign.exists(&path) {
            foreign.create(&path, &data);
        }
    }
}
