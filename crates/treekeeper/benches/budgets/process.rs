//! What programs cost: their time, their processor time, their memory. Linux only, by `/proc`.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What `/proc` counts processor time in; fixed by Linux's interface to programs.
const TICKS_A_SECOND: f64 = 100.0;

/// Runs a program to its end, which must be a success, and returns the seconds.
pub fn run(command: &mut Command) -> f64 {
    let begin = Instant::now();
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .expect("the program can be started");
    let seconds = begin.elapsed().as_secs_f64();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{stderr}",
        output.status
    );
    seconds
}

/// Runs a program that prints a number, and returns it.
pub fn answer(command: &mut Command) -> f64 {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("the program can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .unwrap_or_else(|_| panic!("{command:?} printed no number: {text}"))
}

/// Runs a program to its end and returns the most memory that it ever used at once, in bytes.
///
/// The last look is at most a few milliseconds before the end, and the mark never falls.
pub fn peak_memory(command: &mut Command) -> usize {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Some(exit) = child.try_wait().expect("a child can be waited for") {
            assert!(exit.success(), "{command:?} ended with {exit}");
            return peak;
        }
        peak = peak.max(high_water(&fs::read_to_string(&status).unwrap_or_default()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn high_water(status: &str) -> Option<usize> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: usize = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}

/// Whose processor time is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Whose {
    /// All threads of this process.
    Ours,
    /// All processes that this one waited for, with theirs.
    Childrens,
}

/// Returns user and system time in seconds so far; exact to a hundredth, so it takes many runs to tell of one.
pub fn processor_seconds(whose: Whose) -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("/proc is there");
    // The second field is the name in brackets, which may hold anything.
    let (_, rest) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks = |field: usize| {
        let text = rest.split_whitespace().nth(field - 3).expect("enough fields");
        text.parse::<f64>().expect("a number")
    };
    let ticks = match whose {
        Whose::Ours => ticks(14) + ticks(15),
        Whose::Childrens => ticks(16) + ticks(17),
    };
    ticks / TICKS_A_SECOND
}

/// Returns what this machine is, in one line.
pub fn machine() -> String {
    let line = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let found = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("");
        found.trim_start_matches([' ', '\t', ':']).trim().to_owned()
    };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{} x {}, {} of memory, load {}",
        std::thread::available_parallelism().map_or(0, |count| count.get()),
        line("/proc/cpuinfo", "model name"),
        line("/proc/meminfo", "MemTotal:"),
        load.split(' ').next().unwrap_or("unknown"),
    )
}
