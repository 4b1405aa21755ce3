//! What the program says: log lines, errors with hints, refusals, and the exit codes.
//!
//! Data go to standard output, talk to standard error. Only the log lines of DESIGN.md 1 begin with a LEVEL word.

use std::borrow::Cow;
use std::io::Write;
use std::process::ExitCode;

use anstream::adapter::StripStr;
use anstyle::{AnsiColor, Style};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use treekeeper_core::gate::Blocker;
use treekeeper_core::model::printable_json;
use treekeeper_core::operation::{Event, Failure, Outcome, Receipt, Refusal, Rehearsal, Stale};
use treekeeper_core::treefile::{Code, Diagnostic};

use super::args::ColorArg;
use super::{fold, letters};
use crate::git::GitError;
use crate::zk::ZkError;

/// The exit codes, one table for all commands (DESIGN.md 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or in sync.
    Done = 0,
    /// An error.
    Error = 1,
    /// Differences, where they were asked for.
    Differences = 2,
    /// Refused by policy.
    Refused = 3,
    /// Hosts have not converged.
    NotConverged = 4,
    /// ALL STOP.
    Stopped = 5,
    /// Somebody else holds the lock.
    LockHeld = 6,
    /// A saved plan is stale.
    Stale = 7,
    /// Nobody knows whether it was done.
    Unknown = 8,
    /// Wrong usage.
    Usage = 64,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed: printed once, at the edge.
#[derive(Debug)]
pub struct Problem {
    /// The exit code.
    pub exit: Exit,
    code: Option<Code>,
    message: String,
    hint: Option<String>,
}

impl Problem {
    /// Returns an ordinary error.
    pub fn error(message: impl Into<String>) -> Problem {
        Problem {
            exit: Exit::Error,
            code: None,
            message: message.into(),
            hint: None,
        }
    }

    /// Returns a wrong use of the command line.
    pub fn usage(message: impl Into<String>) -> Problem {
        Problem {
            exit: Exit::Usage,
            code: None,
            message: message.into(),
            hint: None,
        }
    }

    /// Returns the sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns a configuration that cannot be used as it is.
    pub fn configuration(message: impl Into<String>) -> Problem {
        Problem::error(message).with_code("TK1110")
    }

    /// Adds the code that `explain` knows it by.
    pub fn with_code(mut self, code: &'static str) -> Problem {
        self.code = Some(Code(code));
        self
    }

    /// Returns the next step, if there is one.
    pub fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Adds a next step.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// Changes the exit code.
    pub fn with_exit(mut self, exit: Exit) -> Problem {
        self.exit = exit;
        self
    }

    fn word(&self) -> &'static str {
        match self.exit {
            Exit::Refused | Exit::NotConverged | Exit::Stopped | Exit::LockHeld | Exit::Stale => "refused",
            Exit::Done | Exit::Error | Exit::Differences | Exit::Unknown | Exit::Usage => "error",
        }
    }

    /// Prints it.
    pub fn tell(&self) {
        told(self.word(), self.code, &self.message, self.hint.as_deref());
    }
}

impl From<ZkError> for Problem {
    fn from(error: ZkError) -> Problem {
        Problem {
            exit: if matches!(error, ZkError::Ambiguous(_)) {
                Exit::Unknown
            } else {
                Exit::Error
            },
            code: Some(error.code()),
            message: error.to_string(),
            hint: error.hint(),
        }
    }
}

impl From<GitError> for Problem {
    fn from(error: GitError) -> Problem {
        crate::engine::failure(error).into()
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        Problem {
            exit: Exit::Error,
            code: failure.code,
            message: failure.message,
            hint: failure.hint,
        }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Problem {
        Problem::error(format!("cannot print: {error}"))
    }
}

/// What is wrong.
pub const RED: Style = AnsiColor::Red.on_default().bold();
/// What is to be looked at.
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
/// What is well.
pub const GREEN: Style = AnsiColor::Green.on_default();
const DIM: Style = Style::new().dimmed();

/// Applies `--color`; `auto` honours NO_COLOR and looks whether there is a terminal.
pub fn set_color(choice: ColorArg) {
    match choice {
        ColorArg::Auto => anstream::ColorChoice::Auto,
        ColorArg::Always => anstream::ColorChoice::Always,
        ColorArg::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Turns on the log of `-v`, and listens to what the ZooKeeper client tells of its troubles.
pub fn set_log(verbose: bool) {
    let log = verbose.then(|| {
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .without_time();
        lines.with_filter(tracing_subscriber::filter::LevelFilter::DEBUG)
    });
    tracing_subscriber::registry()
        .with(crate::zk::trouble_listener())
        .with(log)
        .init();
}

/// Writes a line to standard error; a closed pipe is nothing to report.
pub fn say(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", letters::fit(line));
}

/// Writes a sentence to standard error, folded where a person's terminal ends.
fn say_folded(line: &str, indent: usize) {
    match fold::columns_of(&std::io::stderr()) {
        Some(columns) => fold::fold(line, columns, indent)
            .iter()
            .for_each(|line| say(line)),
        None => say(line),
    }
}

/// Prints data on standard output.
pub fn print_bytes(bytes: &[u8]) -> Result<(), Problem> {
    let mut out = std::io::stdout().lock();
    ignore_closed_pipe(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Prints text for people on standard output.
pub fn print_text(text: &str) -> Result<(), Problem> {
    print_with(|out| out.write_str(text))
}

/// Prints JSON on standard output, over several lines.
///
/// Characters that move the cursor, reorder or hide text are written as JSON's own escapes: a terminal is safe, and a
/// program reads the same text.
pub fn print_json(value: &serde_json::Value) -> Result<(), Problem> {
    let text = format!("{value:#}\n");
    print_bytes(printable_json(&text).as_bytes())
}

/// Streams text for people to standard output, with colours only where they are wanted.
pub fn print_with(write: impl FnOnce(&mut dyn std::fmt::Write) -> std::fmt::Result) -> Result<(), Problem> {
    stream(letters::fit, write)
}

/// Streams data to standard output.
pub fn print_data_with(
    write: impl FnOnce(&mut dyn std::fmt::Write) -> std::fmt::Result,
) -> Result<(), Problem> {
    stream(|text| Cow::Borrowed(text), write)
}

fn stream(
    fit: fn(&str) -> Cow<'_, str>,
    write: impl FnOnce(&mut dyn std::fmt::Write) -> std::fmt::Result,
) -> Result<(), Problem> {
    let stdout = std::io::stdout().lock();
    let is_plain = anstream::AutoStream::choice(&stdout) == anstream::ColorChoice::Never;
    let mut adapter = Adapter {
        // Behind the colours' removal, which hands on text in small pieces.
        out: std::io::BufWriter::with_capacity(64 << 10, stdout),
        strip: is_plain.then(StripStr::new),
        fit,
        error: None,
    };
    let written = write(&mut adapter);
    let flushed = match adapter.error.take() {
        Some(error) => Err(error),
        None => adapter.out.flush(),
    };
    ignore_closed_pipe(flushed)?;
    match written {
        Ok(()) | Err(std::fmt::Error) => Ok(()),
    }
}

fn ignore_closed_pipe(result: std::io::Result<()>) -> Result<(), Problem> {
    match result {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Lets text that is made for `fmt::Write` flow into a stream.
struct Adapter<W> {
    out: W,
    /// Takes the colours out, if they are not wanted.
    strip: Option<StripStr>,
    fit: fn(&str) -> Cow<'_, str>,
    error: Option<std::io::Error>,
}

impl<W: Write> std::fmt::Write for Adapter<W> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let text = (self.fit)(text);
        let out = &mut self.out;
        let written = match &mut self.strip {
            None => out.write_all(text.as_bytes()),
            Some(strip) => strip
                .strip_next(&text)
                .try_for_each(|piece| out.write_all(piece.as_bytes())),
        };
        written.map_err(|error| {
            self.error = Some(error);
            std::fmt::Error
        })
    }
}

/// Writes a line of the log.
pub fn event(event: &Event) {
    let level = event.level();
    let style = match level {
        "INFO" => Style::new(),
        _ => RED,
    };
    say(&format!("{style}{level}{style:#} {event}"));
}

/// Writes an error and its next step.
pub fn error(message: &str, hint: Option<&str>) {
    told("error", None, message, hint);
}

/// Writes `error[TK1102]: message`, or `refused[TK1001]: message`, and the next step.
///
/// The code is what `treekeeper explain` takes.
fn told(word: &str, code: Option<Code>, message: &str, hint: Option<&str>) {
    let code = code.map(|code| format!("[{}]", code.0)).unwrap_or_default();
    say_folded(&format!("{RED}{word}{code}{RED:#}: {message}"), 2);
    if let Some(hint) = hint {
        self::hint(hint);
    }
}

fn told_failure(word: &str, failure: &Failure) {
    told(word, failure.code, &failure.message, failure.hint.as_deref());
}

/// Writes a warning.
pub fn warning(message: &str) {
    say_folded(&format!("{YELLOW}warning{YELLOW:#}: {message}"), 2);
}

/// Writes a next step.
pub fn hint(hint: &str) {
    say_folded(&format!("{DIM}hint:{DIM:#} {hint}"), "hint: ".len());
}

/// Writes every diagnostic, and how many there are; `then` ends the last line.
///
/// Values of properties that look secret, also by the names in `secrets`, are masked.
pub fn diagnostics(found: &[Diagnostic], secrets: &[String], then: &str) {
    for diagnostic in found {
        // Several places in a row read better apart.
        say(&format!("{}\n", diagnostic.render_masked(secrets).trim_end()));
    }
    error(
        &format!("the tree files have {}{then}", counted(found.len(), "error")),
        None,
    );
}

/// Returns `1 file`, `2 files`.
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The end of the sentence about wrong files, where something would have been written.
pub const NOTHING_WRITTEN: &str = "; nothing was written";

/// Writes what refuses a sync, and returns its exit code: the first of 5, 4, 6, 3.
fn blockers(found: &[Blocker], next_step: fn(&Blocker) -> String) -> Exit {
    // Lagging hosts have lines of their own in the log, and there may be hundreds.
    let lagging = |blocker: &&Blocker| matches!(blocker, Blocker::NotConverged { .. });
    if let Some(first) = found.iter().find(lagging) {
        let message = match found.iter().filter(lagging).count() {
            1 => "1 host has not converged".to_owned(),
            several => format!("{several} hosts have not converged"),
        };
        told("refused", Some(first.code()), &message, None);
    }
    for blocker in found.iter().filter(|blocker| !lagging(blocker)) {
        told("refused", Some(blocker.code()), &blocker.to_string(), None);
        for line in blocker.details() {
            say(&format!("  {line}"));
        }
    }
    blockers_hints(found, next_step);
    exit_of(found)
}

/// Writes the next step of each blocker, each text once.
pub fn blockers_hints(found: &[Blocker], next_step: fn(&Blocker) -> String) {
    let mut told: Vec<String> = Vec::new();
    for blocker in found {
        let text = next_step(blocker);
        if !told.contains(&text) {
            hint(&text);
            told.push(text);
        }
    }
}

/// Returns the exit code of a refusal: the first of 5, 4, 3 that applies.
pub fn exit_of(found: &[Blocker]) -> Exit {
    if found
        .iter()
        .any(|blocker| matches!(blocker, Blocker::Stopped { .. }))
    {
        Exit::Stopped
    } else if found
        .iter()
        .any(|blocker| matches!(blocker, Blocker::NotConverged { .. }))
    {
        Exit::NotConverged
    } else {
        Exit::Refused
    }
}

/// Writes what an operation's end has to say besides its data, and returns the exit code.
///
/// `next_step` tells who can lift a refusal, and how.
pub fn outcome(receipt: &Receipt, secrets: &[String], next_step: fn(&Blocker) -> String) -> Exit {
    receipt.warnings.iter().for_each(|text| warning(text));
    match &receipt.outcome {
        Outcome::InSync | Outcome::Planned | Outcome::Applied => Exit::Done,
        Outcome::Refused(found) => blockers(found, next_step),
        Outcome::Stale(found) => stale(found),
        Outcome::LockHeld(holder) => {
            told_failure("refused", holder);
            Exit::LockHeld
        }
        Outcome::Invalid(found) => {
            diagnostics(found, secrets, NOTHING_WRITTEN);
            Exit::Error
        }
        Outcome::Failed(failure) => {
            told_failure("error", failure);
            Exit::Error
        }
        Outcome::Unknown(failure) => {
            told_failure("error", failure);
            Exit::Unknown
        }
    }
}

/// Moved things that are told; more would hide the first.
const MOVED_MAX: usize = 100;

/// Writes everything that has moved under a saved plan.
fn stale(found: &Stale) -> Exit {
    told("refused", Some(Stale::CODE), &found.message(), None);
    if !found.is_done {
        for moved in found.moved.iter().take(MOVED_MAX) {
            say(&format!("  - {moved}"));
        }
        if let Some(more) = found.moved.len().checked_sub(MOVED_MAX).filter(|more| *more > 0) {
            say(&format!("  - and {more} more; `--json` lists them all"));
        }
    }
    hint(found.hint());
    Exit::Stale
}

/// Says what the server said of a plan, if it was asked; returns an exit code if it would refuse it.
pub fn rehearsal(receipt: &Receipt, is_json: bool) -> Result<Option<Exit>, Problem> {
    let Some(found) = &receipt.rehearsal else {
        return Ok(None);
    };
    if let Some(refusal) = &found.refusal {
        told(
            "error",
            Some(Refusal::CODE),
            &refusal.message(),
            Some(refusal.hint()),
        );
        return Ok(Some(Exit::Error));
    }
    if !is_json {
        print_bytes(format!("{}\n", accepted(found)).as_bytes())?;
    }
    Ok(None)
}

/// Returns `The server would accept it: 1 transaction, 12 operations.`
pub fn accepted(found: &Rehearsal) -> String {
    if found.transactions == 0 {
        return "There is nothing to ask the server: a sync would write nothing.".to_owned();
    }
    let asked = format!(
        "The server would accept it: {}, {}",
        counted(found.transactions, "transaction"),
        counted(found.operations, "operation")
    );
    match found.unasked {
        0 => format!("{asked}."),
        1 => format!("{asked}; of 1 more, which rests on an earlier transaction, only the ACLs were read."),
        more => {
            format!("{asked}; of {more} more, which rest on earlier transactions, only the ACLs were read.")
        }
    }
}
