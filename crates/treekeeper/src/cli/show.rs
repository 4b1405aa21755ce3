//! A plan on standard output: as text, as JSON or as Markdown, for every command that has one to show.
//!
//! `plan`, `diff`, dry runs, `apply`, `rollback` and `import` all print by [`receipt`].

use std::io::IsTerminal;

use serde_json::json;
use treekeeper_core::gate::Blocker;
use treekeeper_core::model::printable_json;
use treekeeper_core::operation::{Outcome, Receipt, Refusal, Rehearsal, Stale};
use treekeeper_core::plan::display::write_plan;
use treekeeper_core::plan::json as plan_json;
use treekeeper_core::plan::saved::Moved;
use treekeeper_core::plan::{Batch, DisplayOptions, Plan, Secrets, Style, Touch};
use treekeeper_core::treefile::Diagnostic;

use super::against::Against;
use super::args::PlanFormatArg;
use super::markdown;
use super::plan_file::run_key;
use super::setup::Setup;
use super::ui::{self, Problem};

/// How a receipt is shown.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Text, JSON or Markdown.
    pub format: PlanFormatArg,
    /// Whether secrets are shown where that is allowed: as text or JSON, on a terminal.
    pub show_secrets: bool,
    /// Whether the plan tells how the live tree has drifted: then also who was last at what it changes.
    pub is_drift: bool,
    /// The snapshot that was planned over, if it was not the live tree.
    pub against: Option<&'a Against>,
}

impl View<'_> {
    /// Returns how it is shown if nothing is asked for but `--json` or not.
    pub fn plain(setup: &Setup) -> View<'static> {
        View {
            format: match setup.json {
                true => PlanFormatArg::Json,
                false => PlanFormatArg::Text,
            },
            show_secrets: false,
            is_drift: false,
            against: None,
        }
    }

    /// Returns the view that `--format`, `--json` and `--show-secrets` ask for.
    ///
    /// # Errors
    /// `--json` beside `--format`: they may contradict.
    pub fn asked(
        setup: &Setup,
        format: Option<PlanFormatArg>,
        show_secrets: bool,
    ) -> Result<View<'static>, Problem> {
        let plain = View::plain(setup);
        let format = match (format, setup.json) {
            (Some(format), true) if format != PlanFormatArg::Json => {
                return Err(Problem::usage("--json is --format json: give one of the two"));
            }
            (format, _) => format.unwrap_or(plain.format),
        };
        Ok(View {
            format,
            show_secrets,
            ..plain
        })
    }

    /// Returns who was last at each znode that the plan changes, if that is to be shown.
    pub fn touches<'r>(&self, receipt: &'r Receipt) -> &'r [Option<Touch>] {
        match self.is_drift {
            true => &receipt.touches,
            false => &[],
        }
    }

    /// Tells whether standard output is for people, who may read a sentence more.
    pub fn is_text(&self) -> bool {
        self.format == PlanFormatArg::Text
    }
}

/// Prints what an operation planned; as JSON and Markdown also how it ended, and why.
pub fn receipt(setup: &Setup, receipt: &Receipt, view: &View<'_>) -> Result<(), Problem> {
    match view.format {
        PlanFormatArg::Json => as_json(setup, receipt, view),
        PlanFormatArg::Markdown => {
            let names = &setup.config.secrets.names;
            ui::print_bytes(markdown::comment(receipt, names, view).as_bytes())
        }
        PlanFormatArg::Text => {
            let plan = receipt.plan.clone().unwrap_or_default();
            text(
                setup,
                &plan,
                &receipt.batches,
                view.touches(receipt),
                view.show_secrets,
            )
        }
    }
}

/// Prints a plan, to be applied as `batches`, for people.
pub fn changes(setup: &Setup, plan: &Plan, batches: &[Batch]) -> Result<(), Problem> {
    text(setup, plan, batches, &[], false)
}

fn text(
    setup: &Setup,
    plan: &Plan,
    batches: &[Batch],
    touches: &[Option<Touch>],
    show_secrets: bool,
) -> Result<(), Problem> {
    let options = DisplayOptions {
        // The stream strips colours where they are not wanted.
        style: Style::Ansi,
        secrets: secrets(setup, show_secrets),
        touches,
        ..DisplayOptions::default()
    };
    ui::print_with(|mut out| write_plan(&mut out, plan, batches, &options))
}

fn secrets(setup: &Setup, show: bool) -> Secrets<'_> {
    if show && std::io::stdout().is_terminal() {
        Secrets::Shown
    } else {
        Secrets::Hashed(&setup.config.secrets.names, run_key())
    }
}

fn as_json(setup: &Setup, receipt: &Receipt, view: &View<'_>) -> Result<(), Problem> {
    let secrets = secrets(setup, view.show_secrets);
    let (outcome, reasons) = ending(receipt, &setup.config.secrets.names);
    let mut head = json!({
        "schema": 1,
        "outcome": outcome,
        "reasons": reasons,
        "codes": codes(receipt),
        "warnings": receipt.warnings,
        "revision": receipt.revision.as_ref().map(ToString::to_string),
    });
    if let Some(deployed) = &receipt.stays_at {
        head["stays_at"] = deployed.to_string().into();
    }
    if let Some(rehearsal) = &receipt.rehearsal {
        head["check"] = check_as_json(rehearsal);
    }
    if let Outcome::Stale(stale) = &receipt.outcome {
        let moved =
            |moved: &Moved| json!({ "path": moved.path, "expected": moved.expected, "found": moved.found });
        head["moved"] = stale.moved.iter().map(moved).collect();
    }
    if let Some(against) = view.against {
        head["snapshot"] = json!({
            "taken": against.taken,
            "by": against.by,
            "age_seconds": against.age_seconds,
        });
    }
    ui::print_data_with(|mut out| {
        let head = head.to_string();
        let head = printable_json(head.trim_end_matches('}'));
        write!(out, "{head},\n\"plan\":")?;
        match &receipt.plan {
            Some(plan) => {
                plan_json::write_drift(&mut out, plan, &receipt.batches, view.touches(receipt), secrets)?;
            }
            None => out.write_str("null")?,
        }
        out.write_str("}\n")
    })
}

fn check_as_json(rehearsal: &Rehearsal) -> serde_json::Value {
    json!({
        "accepted": rehearsal.refusal.is_none(),
        "transactions": rehearsal.transactions,
        "operations": rehearsal.operations,
        "unasked": rehearsal.unasked,
        "refusal": rehearsal.refusal.as_ref().map(|refusal| json!({
            "action": refusal.action,
            "path": refusal.path.as_str(),
            "cause": refusal.cause.code(),
            "denied": refusal.denied,
            "message": refusal.message(),
        })),
    })
}

/// Returns the word for how an operation ended, and why; for a plan, what would refuse it.
fn ending(receipt: &Receipt, names: &[String]) -> (&'static str, Vec<String>) {
    let told = |blockers: &[Blocker]| {
        let told = |blocker: &Blocker| [vec![blocker.to_string()], blocker.details()].concat();
        blockers.iter().flat_map(told).collect()
    };
    match &receipt.outcome {
        Outcome::InSync => ("in-sync", Vec::new()),
        Outcome::Planned => ("planned", told(&receipt.blockers)),
        Outcome::Applied => ("applied", Vec::new()),
        Outcome::Refused(blockers) => ("refused", told(blockers)),
        Outcome::Stale(stale) => ("stale", vec![stale.message()]),
        Outcome::LockHeld(failure) => ("lock-held", vec![failure.message.clone()]),
        Outcome::Invalid(found) => (
            "invalid",
            found.iter().map(|found| diagnostic(found, names)).collect(),
        ),
        Outcome::Failed(failure) => ("failed", vec![failure.message.clone()]),
        Outcome::Unknown(failure) => ("unknown", vec![failure.message.clone()]),
    }
}

/// Returns what `explain` knows the reasons by, each once.
fn codes(receipt: &Receipt) -> Vec<&'static str> {
    let mut codes: Vec<_> = match &receipt.outcome {
        Outcome::InSync | Outcome::Applied => Vec::new(),
        Outcome::Planned => {
            let refusal = receipt
                .rehearsal
                .as_ref()
                .and_then(|found| found.refusal.as_ref());
            let refused = refusal.map(|_| Refusal::CODE);
            receipt
                .blockers
                .iter()
                .map(Blocker::code)
                .chain(refused)
                .collect()
        }
        Outcome::Stale(_) => vec![Stale::CODE],
        Outcome::Refused(blockers) => blockers.iter().map(Blocker::code).collect(),
        Outcome::Invalid(found) => found.iter().map(|found| found.code).collect(),
        Outcome::LockHeld(failure) | Outcome::Failed(failure) | Outcome::Unknown(failure) => {
            failure.code.into_iter().collect()
        }
    };
    codes.sort();
    codes.dedup();
    codes.into_iter().map(|code| code.0).collect()
}

fn diagnostic(found: &Diagnostic, names: &[String]) -> String {
    let (line, column) = found.place();
    format!(
        "{}:{line}:{column}: {}",
        found.primary.source.name,
        found.said(names)
    )
}
