//! A plan as a comment on a pull request: Markdown, bounded, and nothing in it that could command the code host.
//!
//! What came from outside stands in code spans and fences only: there no HTML, no mention and no link is understood.

use std::fmt::{self, Write};

use treekeeper_core::gate::Blocker;
use treekeeper_core::model::printable;
use treekeeper_core::operation::{Failure, Outcome, Receipt, Refusal};
use treekeeper_core::plan::display::{escaped, summary, write_plan};
use treekeeper_core::plan::{Change, DisplayOptions, Plan, Secrets};
use treekeeper_core::treefile::Diagnostic;

use super::against::Against;
use super::plan_file::run_key;
use super::show::View;
use super::ui::{accepted, counted};

/// What the fence may hold. Code hosts cut comments, or refuse them, at about 65,000 characters: with all else at its
/// bounds, a comment has at most 60,000 bytes.
const FENCE_BYTES_MAX: usize = 32_000;
/// Bytes of a line: a path or a key can be as long as a file.
const LINE_BYTES_MAX: usize = 300;
/// Deletes that are listed before the details.
const DELETES_MAX: usize = 30;
/// Reasons that are listed.
const REASONS_MAX: usize = 20;

/// Returns the comment.
pub fn comment(receipt: &Receipt, names: &[String], view: &View<'_>) -> String {
    let mut out = String::new();
    match &receipt.outcome {
        Outcome::Planned | Outcome::InSync | Outcome::Applied => {
            let plan = receipt.plan.clone().unwrap_or_default();
            out.push_str(&format!("**{}**\n", summary(&plan, &receipt.batches)));
            about(receipt, view, &mut out);
            // What a sync of the newest commit would meet says nothing of drift.
            if !view.is_drift {
                reasons("A sync would be refused now:", &receipt.blockers, &mut out);
            }
            warnings(receipt, &mut out);
            deletes(&plan, &mut out);
            details(receipt, &plan, names, view, &mut out);
        }
        Outcome::Refused(blockers) => {
            let plan = receipt.plan.as_deref();
            let sum = plan.map(|plan| format!(" {}", summary(plan, &receipt.batches)));
            out.push_str(&format!("**Refused.{}**\n", sum.unwrap_or_default()));
            about(receipt, view, &mut out);
            reasons("Why:", blockers, &mut out);
            warnings(receipt, &mut out);
            if let Some(plan) = plan {
                deletes(plan, &mut out);
                details(receipt, plan, names, view, &mut out);
            }
        }
        Outcome::Invalid(found) => invalid(receipt, found, names, view, &mut out),
        Outcome::LockHeld(failure) => failed("Refused.", failure, &mut out),
        Outcome::Stale(stale) => {
            let failure = Failure::new(stale.message()).with_hint(stale.hint());
            failed("Refused.", &failure, &mut out);
        }
        Outcome::Failed(failure) | Outcome::Unknown(failure) => {
            failed("There is no plan.", failure, &mut out)
        }
    }
    out
}

fn invalid(receipt: &Receipt, found: &[Diagnostic], names: &[String], view: &View<'_>, out: &mut String) {
    let what = format!("The tree files have {}.", counted(found.len(), "error"));
    out.push_str(&format!("**{what}**\n"));
    about(receipt, view, out);
    let mut fence = Bounded::default();
    for diagnostic in found {
        // Writing to a bounded text cannot fail.
        let _ = writeln!(fence, "{}\n", diagnostic.render_masked(names).trim_end());
    }
    out.push('\n');
    fence.end("text", "`treekeeper validate`", out);
}

/// Writes which commit was planned, against what, and what the server said of it if it was asked.
fn about(receipt: &Receipt, view: &View<'_>, out: &mut String) {
    let Some(revision) = &receipt.revision else {
        return;
    };
    let against = view
        .against
        .map_or_else(|| "the live tree".to_owned(), Against::told);
    out.push_str(&format!(
        "\nCommit {}, against {against}.\n",
        code(&format!("{revision:.12}"))
    ));
    let Some(rehearsal) = &receipt.rehearsal else {
        return;
    };
    match &rehearsal.refusal {
        None => out.push_str(&format!("\n{}\n", accepted(rehearsal))),
        Some(refusal) => {
            let failure = Failure::new(refusal.message())
                .with_code(Refusal::CODE.0)
                .with_hint(refusal.hint());
            failed("It cannot be applied.", &failure, out);
        }
    }
}

fn reasons(title: &str, blockers: &[Blocker], out: &mut String) {
    if blockers.is_empty() {
        return;
    }
    out.push_str(&format!("\n**{title}**\n\n"));
    for blocker in blockers.iter().take(REASONS_MAX) {
        let reason = span(&blocker.to_string());
        out.push_str(&format!("- {} {reason}\n", code(blocker.code().0)));
    }
    left_out(blockers.len(), REASONS_MAX, "reason", out);
    let mut hints: Vec<String> = Vec::new();
    for blocker in blockers {
        let hint = blocker.hint();
        if !hints.contains(&hint) {
            out.push_str(&format!("\nHint: {}\n", span(&hint)));
            hints.push(hint);
        }
    }
}

fn warnings(receipt: &Receipt, out: &mut String) {
    for warning in receipt.warnings.iter().take(REASONS_MAX) {
        out.push_str(&format!("\nWarning: {}\n", span(warning)));
    }
    if receipt.altered_by_hand {
        out.push_str("\nWarning: the version of `/hosts` has been altered by hand since the last sync.\n");
    }
}

/// Writes what a reviewer must not overlook.
fn deletes(plan: &Plan, out: &mut String) {
    let (_, _, deletes) = plan.parts();
    if deletes.is_empty() {
        return;
    }
    out.push_str(&format!("\n**Deletes {}:**\n\n", counted(deletes.len(), "znode")));
    for change in deletes.iter().rev().map(Change::path).take(DELETES_MAX) {
        out.push_str(&format!("- {}\n", code(change.as_str())));
    }
    left_out(deletes.len(), DELETES_MAX, "delete", out);
}

fn left_out(all: usize, shown: usize, noun: &str, out: &mut String) {
    if all > shown {
        out.push_str(&format!("- {} left out\n", counted(all - shown, noun)));
    }
}

fn details(receipt: &Receipt, plan: &Plan, names: &[String], view: &View<'_>, out: &mut String) {
    let is_told_already = plan.is_empty() && plan.spared.is_empty() && plan.orphans.is_empty();
    if is_told_already {
        return;
    }
    let options = DisplayOptions {
        secrets: Secrets::Hashed(names, run_key()),
        touches: view.touches(receipt),
        ..DisplayOptions::default()
    };
    let mut fence = Bounded::default();
    // Writing to a bounded text cannot fail.
    let _ = write_plan(&mut fence, plan, &receipt.batches, &options);
    // The comment begins with the sum.
    fence.unwrite(&summary(plan, &receipt.batches));
    out.push_str("\n<details>\n<summary>The whole plan</summary>\n\n");
    fence.marked = true;
    fence.end("diff", "`treekeeper plan`", out);
    out.push_str("\n</details>\n");
}

fn failed(title: &str, failure: &Failure, out: &mut String) {
    let code_of = failure.code.map(|code| format!("{} ", self::code(code.0)));
    let apart = if out.is_empty() { "" } else { "\n" };
    out.push_str(&format!(
        "{apart}**{title}**\n\n{}{}\n",
        code_of.unwrap_or_default(),
        span(&failure.message)
    ));
    if let Some(hint) = &failure.hint {
        out.push_str(&format!("\nHint: {}\n", span(hint)));
    }
}

/// Returns a code span that holds a name, whatever is in it.
fn code(text: &str) -> String {
    span(&escaped(text))
}

/// Returns a code span that holds a sentence, in which names are escaped already.
fn span(text: &str) -> String {
    let text = cut(&printable(text));
    let ticks = "`".repeat(longest_run(&text) + 1);
    let blank = if text.starts_with('`') || text.ends_with('`') || text.trim().is_empty() {
        " "
    } else {
        ""
    };
    format!("{ticks}{blank}{text}{blank}{ticks}")
}

fn cut(text: &str) -> String {
    if text.len() <= LINE_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(LINE_BYTES_MAX)])
}

/// Returns the length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    let runs = text.split(|character| character != '`');
    runs.map(str::len).max().unwrap_or(0)
}

/// Lines up to a number of bytes; the others are only counted.
#[derive(Default)]
struct Bounded {
    lines: Vec<String>,
    bytes: usize,
    line: String,
    left_out: usize,
    /// Whether the signs of a plan go to the first column, where a diff has them.
    marked: bool,
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive('\n') {
            self.line.push_str(piece.trim_end_matches('\n'));
            if piece.ends_with('\n') {
                let line = std::mem::take(&mut self.line);
                self.push(&line);
            }
        }
        Ok(())
    }
}

impl Bounded {
    fn push(&mut self, line: &str) {
        let line = cut(line);
        self.bytes += line.len() + 1;
        if self.bytes <= FENCE_BYTES_MAX && self.left_out == 0 {
            self.lines.push(line);
        } else {
            self.left_out += 1;
        }
    }

    /// Takes the last line back, which is this one.
    fn unwrite(&mut self, line: &str) {
        if self.left_out > 0 {
            self.left_out -= 1;
        } else if self.lines.last().is_some_and(|last| last == line) {
            self.lines.pop();
        }
    }

    /// Writes the fence, and how much of it is missing; `whole` shows all.
    fn end(self, language: &str, whole: &str, out: &mut String) {
        let longest = self.lines.iter().map(|line| longest_run(line)).max();
        let ticks = "`".repeat(longest.unwrap_or(0).max(2) + 1);
        out.push_str(&format!("{ticks}{language}\n"));
        for line in &self.lines {
            let line = if self.marked { marked(line) } else { line.clone() };
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push_str(&format!("{ticks}\n"));
        if self.left_out > 0 {
            out.push_str(&format!(
                "\n{} left out; {whole} shows all.\n",
                counted(self.left_out, "line")
            ));
        }
    }
}

/// Moves the sign of a plan's line to the first column, as a diff has it; `!` is what code hosts colour like a change.
fn marked(line: &str) -> String {
    let text = line.trim_start_matches(' ');
    let indent = &line[..line.len() - text.len()];
    match text.split_at_checked(1) {
        Some((sign @ ("+" | "-" | "!"), rest)) => format!("{sign}{indent}{rest}"),
        Some(("~", rest)) => format!("!{indent}{rest}"),
        _ => format!(" {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_span_cannot_be_left() {
        assert_eq!(code("/cms"), "`/cms`");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(" "), "`   `");
        assert_eq!(code("a\nb\u{202e}"), "`a\\nb\\u202e`");
        assert_eq!(code(&"x".repeat(400)).chars().count(), LINE_BYTES_MAX + 3);
    }

    #[test]
    fn a_fence_is_longer_than_what_is_in_it_and_bounded() {
        let mut fence = Bounded::default();
        writeln!(fence, "+ /a````b").unwrap();
        let mut out = String::new();
        fence.end("diff", "x", &mut out);
        assert!(
            out.starts_with("`````diff\n") && out.ends_with("\n`````\n"),
            "{out}"
        );
        let mut fence = Bounded::default();
        for number in 0..10_000 {
            writeln!(fence, "+ /a/{number}").unwrap();
        }
        let kept = fence.lines.len();
        let mut out = String::new();
        fence.end("diff", "`treekeeper plan`", &mut out);
        assert!(out.len() < FENCE_BYTES_MAX + 200, "{}", out.len());
        let told = format!("{} lines left out; `treekeeper plan` shows all.\n", 10_000 - kept);
        assert!(out.ends_with(&told), "{}", &out[out.len() - 100..]);
    }

    #[test]
    fn signs_stand_where_a_diff_has_them() {
        let lines = [
            "+ /a",
            "    + n = 1",
            "~ /b",
            "    ~ n = 1 -> 2",
            "- /c",
            "= /d stays",
            "! /e",
        ];
        assert_eq!(
            lines.map(marked),
            [
                "+ /a",
                "+     n = 1",
                "! /b",
                "!     n = 1 -> 2",
                "- /c",
                " = /d stays",
                "! /e"
            ]
        );
    }
}
