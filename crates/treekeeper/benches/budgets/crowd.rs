//! Many hosts and a full history: what they add to a sync.

use crate::Options;
use crate::measure::{Budget, Report, Samples};
use crate::process;
use crate::program::Program;
use crate::support::foreign::Foreign;
use crate::support::zookeeper::ZooKeeper;

const HOSTS: usize = 10;
/// How many times as many hosts, and at least as many times the entries of the history, must not show.
const CROWD: usize = 100;
/// How much longer a sync may take, since no two runs take the same.
const SHOWS: f64 = 1.15;
const HOSTS_PATH: &str = "/hosts";
const HISTORY: &str = "/treekeeper/history";

/// Measures syncs of a part changed with few hosts and with many, turn by turn on trees that are otherwise the same.
pub fn measure(options: &Options, zookeeper: &ZooKeeper, report: &mut Report) {
    let [few, many] = [HOSTS, HOSTS * CROWD].map(|hosts| Place::new(options.znodes, hosts, zookeeper));
    fill_history(&many.foreign);
    let turns = (0..options.runs).map(|_| {
        keep_one_entry(&few.foreign);
        (few.sync(), many.sync())
    });
    let (of_few, of_many) = turns.unzip();
    let (of_few, of_many) = (Samples::new(of_few), Samples::new(of_many));
    report.add(
        &format!(
            "sync, 1 % changed, with {} hosts and {CROWD} deployments",
            HOSTS * CROWD
        ),
        of_many.ms(),
        format!("with {HOSTS} hosts and one: {}", of_few.ms()),
        of_many.median() / of_few.median(),
        Budget::AtMost(SHOWS),
    );
    for place in [few, many] {
        place.empty_again(options.znodes);
    }
}

/// A synced tree with some hosts.
struct Place {
    foreign: Foreign,
    program: Program,
}

impl Place {
    fn new(znodes: usize, hosts: usize, zookeeper: &ZooKeeper) -> Place {
        let connect = zookeeper.chroot();
        let program = Program::new(znodes, &connect);
        process::run(&mut program.command(&["sync"]));
        let foreign = Foreign::connect(&connect);
        for number in 0..hosts {
            foreign.create(&format!("{HOSTS_PATH}/web-{number}"), br#"{"version":"initial"}"#);
        }
        Place { foreign, program }
    }

    /// Changes a part and returns the seconds of the sync.
    fn sync(&self) -> f64 {
        self.program.commit_other();
        // Hosts that have not converged are read like others, and passed over.
        process::run(&mut self.program.command(&["sync", "--force"]))
    }

    fn empty_again(self, znodes: usize) {
        for host in self.foreign.children(HOSTS_PATH) {
            self.foreign.delete(&format!("{HOSTS_PATH}/{host}"));
        }
        self.program.empty_again(znodes);
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
