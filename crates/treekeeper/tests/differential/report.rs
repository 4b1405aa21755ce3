//! A difference as a person reads it: the shortest sequence that shows it, and what each server said.

use std::fmt::Write;

use super::pair::{Difference, Pair};
use super::sequence::{Action, Sequence, Step};

/// How many smaller sequences are tried.
const TRIES_MAX: usize = 300;

/// Leaves out of a sequence what the difference does not need, and returns both as text.
pub fn report(pair: &mut Pair, sequence: Sequence, difference: Difference) -> String {
    let (sequence, difference) = shrunk(pair, sequence, difference);
    let mut text = String::new();
    for (who, timeout) in sequence.timeouts.iter().enumerate() {
        let _ = writeln!(text, "  connection {who} asks for a timeout of {timeout}");
    }
    for (index, step) in sequence.steps.iter().enumerate().take(difference.at) {
        let _ = writeln!(text, "  step {}: {}", index + 1, shown(step));
    }
    let place = match difference.at.checked_sub(sequence.steps.len() + 1) {
        None if difference.at == 0 => "opening".to_owned(),
        None => format!("step {}", difference.at),
        Some(0) => "telling everybody in the end".to_owned(),
        Some(1) => "the nodes in the end".to_owned(),
        Some(2) => "closing".to_owned(),
        Some(_) => "the nodes after closing".to_owned(),
    };
    let _ = writeln!(text, "  at {place}");
    for (name, lines) in [
        ("ZooKeeper", &difference.zookeeper),
        ("memkeeper", &difference.memkeeper),
    ] {
        for line in lines {
            let common = difference.zookeeper.contains(line) && difference.memkeeper.contains(line);
            let mark = if common { " " } else { "!" };
            let _ = writeln!(text, "  {mark} {name}: {line}");
        }
    }
    text
}

fn shown(step: &Step) -> String {
    match &step.action {
        Action::Call(request) => format!("{} calls {request:?}", step.who),
        Action::Bytes { operation, body } => {
            format!(
                "{} sends operation {operation} b\"{}\"",
                step.who,
                body.escape_ascii()
            )
        }
        Action::Return(leave, how) => format!("{} reconnects: {leave:?}, {how:?}", step.who),
    }
}

fn shrunk(pair: &mut Pair, mut sequence: Sequence, mut difference: Difference) -> (Sequence, Difference) {
    let mut tries = 0;
    'smaller: loop {
        for smaller in sequence.smaller() {
            tries += 1;
            if tries > TRIES_MAX {
                break 'smaller;
            }
            if let Err(found) = pair.compare(&smaller) {
                (sequence, difference) = (smaller, found);
                continue 'smaller;
            }
        }
        break;
    }
    (sequence, difference)
}
