//! How the story looks: paced and coloured on a terminal, plain and at once in a pipe.
//!
//! A closed pipe is nothing to report: whoever reads has seen enough.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::story::Show;
use crate::cli::fold::fold;
use crate::cli::interrupt::{Interrupted, Interrupts};

/// How wide a line may be; what a command prints is folded, and nothing of it left out.
const COLUMNS_MAX: usize = 100;
/// What stands before a line that belongs to a command.
const INDENT: &str = "   ";
/// What stands before the rest of a line that was folded.
const FOLD_INDENT: usize = 4;
/// To read a sentence. The pauses of the whole story are about 14 seconds.
const AFTER_WORDS: Duration = Duration::from_millis(650);
/// To read a command.
const AFTER_COMMAND: Duration = Duration::from_millis(120);
/// To read a line that a command printed.
const AFTER_LINE: Duration = Duration::from_millis(90);

const TITLE: Style = AnsiColor::Cyan.on_default().bold();
const COMMAND: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The reader's end.
pub struct Screen<'a> {
    is_paced: bool,
    interrupts: &'a Interrupts,
}

impl Screen<'_> {
    /// Returns the screen; who reads on a terminal gets time to do so, unless told to be fast.
    pub fn new(interrupts: &Interrupts, fast: bool) -> Screen<'_> {
        Screen {
            is_paced: !fast && std::io::stdout().is_terminal(),
            interrupts,
        }
    }

    /// Returns what `--color` is for a command whose output is shown here.
    pub fn color(&self) -> &'static str {
        match anstream::AutoStream::choice(&std::io::stdout()) {
            anstream::ColorChoice::Never => "never",
            _ => "always",
        }
    }

    /// Shows a sentence.
    pub fn sentence(&self, text: &str) {
        line(text);
    }

    /// Shows the head of a chapter.
    pub fn chapter(&self, number: usize, title: &str, why: &str) -> Result<(), Interrupted> {
        line(&format!("\n{TITLE}{number}. {title}{TITLE:#}\n{INDENT}{why}"));
        self.pause(AFTER_WORDS)
    }

    /// Shows a command that is about to be run.
    pub fn command(&self, command: &str) {
        line(&format!("{INDENT}{DIM}${DIM:#} {COMMAND}{command}{COMMAND:#}"));
    }

    /// Shows what a command printed.
    pub fn output(&self, text: &str, show: Show, exit_code: i32) -> Result<(), Interrupted> {
        let lines: Vec<&str> = text.lines().collect();
        let shown = match show {
            Show::All => 0..lines.len(),
            Show::First(count) => 0..count.min(lines.len()),
            Show::Last(count) => lines.len().saturating_sub(count)..lines.len(),
        };
        let gap = |is_there: bool| {
            if is_there {
                line(&format!("{INDENT}{DIM}...{DIM:#}"));
            }
        };
        gap(shown.start > 0);
        for printed in &lines[shown.clone()] {
            for folded in fold(printed, COLUMNS_MAX - INDENT.len(), FOLD_INDENT) {
                line(&format!("{INDENT}{folded}"));
            }
        }
        gap(shown.end < lines.len());
        if exit_code != 0 {
            self.remark(&format!("exit code {exit_code}"));
        }
        self.pause(AFTER_COMMAND + AFTER_LINE.saturating_mul(shown.len() as u32))
    }

    /// Shows what happens elsewhere.
    pub fn remark(&self, text: &str) {
        line(&format!("{INDENT}{DIM}# {text}{DIM:#}"));
    }

    fn pause(&self, time: Duration) -> Result<(), Interrupted> {
        self.interrupts
            .pause(if self.is_paced { time } else { Duration::ZERO })
    }
}

fn line(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
