//! Servers as they stand in real life: three of them, and one that is far away.

use std::time::Duration;

use crate::measure::{Budget, Report};
use crate::program::Program;
use crate::support::zookeeper::ZooKeeper;
use crate::{Options, delay, language, process, server};

/// Half of the round trip that is added: 20 ms in all.
const ONE_WAY: Duration = Duration::from_millis(10);

/// Measures reading, applying and syncing on an ensemble of three servers.
pub fn ensemble(options: &Options, properties: &[String], report: &mut Report) {
    let members = ZooKeeper::ensemble(3, properties);
    works(options, &members[0], "three servers", report);
}

/// Measures a sync over a line of 20 ms, beside the same without it.
pub fn latency(options: &Options, zookeeper: &ZooKeeper, report: &mut Report) {
    let connect = zookeeper.chroot();
    let program = Program::new(options.znodes, &connect);
    process::run(&mut program.command(&["sync"]));
    let far = delay::far(&connect, ONE_WAY);
    for (work, arguments) in [
        ("sync, nothing to do", ["sync"]),
        ("plan, nothing changed", ["plan"]),
    ] {
        let (near, _) = program.beside(options, "look", || process::run(&mut program.command(&arguments)));
        let (distant, _) = program.beside(options, "look", || {
            process::run(&mut program.command_at(&far, &arguments))
        });
        add(report, work, &near, &distant);
    }
    let (near, _) = program.alternately(options, |program| process::run(&mut program.command(&["sync"])));
    let (distant, _) = program.alternately(options, |program| {
        process::run(&mut program.command_at(&far, &["sync"]))
    });
    add(report, "sync, 1 % changed", &near, &distant);
    program.empty_again(options.znodes);
}

fn add(report: &mut Report, work: &str, near: &crate::measure::Samples, distant: &crate::measure::Samples) {
    report.add(
        &format!("20 ms of round trip added: {work}"),
        distant.ms(),
        format!("without: {}", near.ms()),
        distant.median() / near.median(),
        Budget::None,
    );
}

/// Measures reading and applying beside raw clients, and syncs, on one server of some kind.
fn works(options: &Options, zookeeper: &ZooKeeper, kind: &str, report: &mut Report) {
    let text = crate::tree_text::tree_text(options.znodes, crate::SEED, 0, 1);
    let desired = language::desired(&language::source(text));
    let often = options.often();
    server::apply(&often, zookeeper, &desired, &format!("{kind}: "), report);
    let connect = zookeeper.chroot();
    let program = Program::new(options.znodes, &connect);
    let first = process::run(&mut program.command(&["sync"]));
    report.tell(&format!("{kind}: sync, first"), format!("{:.0} ms", first * 1e3));
    server::read(&often, &connect, &desired, &format!("{kind}: "), report);
    let (syncs, _) = program.alternately(options, |program| process::run(&mut program.command(&["sync"])));
    report.tell(&format!("{kind}: sync, 1 % changed"), syncs.ms());
}
