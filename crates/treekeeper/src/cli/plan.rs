//! `plan`: shows what a sync would do, and what would refuse it.

use std::io::IsTerminal;
use std::path::Path;

use serde_json::json;
use treekeeper_core::gate::Blocker;
use treekeeper_core::operation::{Mode, Outcome, Receipt, Refusal, Rehearsal, Stale};
use treekeeper_core::plan::display::write_plan;
use treekeeper_core::plan::json as plan_json;
use treekeeper_core::plan::saved::Moved;
use treekeeper_core::plan::{Batch, DisplayOptions, Plan, Secrets, Style, Touch};
use treekeeper_core::treefile::Diagnostic;

use super::against::Against;
use super::args::{PlanArgs, PlanFormatArg, SyncArgs};
use super::markdown;
use super::plan_file::{self, run_key};
use super::setup::Setup;
use super::sync;
use super::ui::{self, Exit, Problem};

/// Shows the plan and returns 0, or 2 with `--exit-code` if anything would change.
///
/// With `--check` it returns what a sync would return.
pub fn run(setup: &Setup, options: &PlanArgs) -> Result<Exit, Problem> {
    let flags = SyncArgs {
        revision: options.revision.clone(),
        prune_roots: options.prune_roots,
        check: options.check,
        ..SyncArgs::default()
    };
    let receipt = sync::receipt(setup, &flags, Mode::Plan)?;
    let is_planned = matches!(receipt.outcome, Outcome::Planned);
    if let (Some(file), true) = (&options.out, is_planned) {
        let prune_roots = sync::prunes_roots(setup, options.prune_roots);
        plan_file::write(setup, &receipt, prune_roots, file)?;
    }
    tell(setup, options, &receipt, None)
}

/// Returns how the plan is to be shown: `--json` is `--format json`.
fn format(setup: &Setup, options: &PlanArgs) -> Result<PlanFormatArg, Problem> {
    match (options.format, setup.json) {
        (None, false) => Ok(PlanFormatArg::Text),
        (None | Some(PlanFormatArg::Json), true) => Ok(PlanFormatArg::Json),
        (Some(format), false) => Ok(format),
        (Some(_), true) => Err(Problem::usage("--json is --format json: give one of the two")),
    }
}

/// Shows a plan, live or over a snapshot, and returns the exit code.
pub fn tell(
    setup: &Setup,
    options: &PlanArgs,
    receipt: &Receipt,
    against: Option<&Against>,
) -> Result<Exit, Problem> {
    let format = format(setup, options)?;
    let names = &setup.config.secrets.names;
    match format {
        PlanFormatArg::Json => print_json_with(setup, receipt, &[], options.show_secrets, against)?,
        PlanFormatArg::Markdown => {
            ui::print_bytes(markdown::comment(receipt, names, against).as_bytes())?;
        }
        PlanFormatArg::Text => {}
    }
    if let (Some(against), false) = (against, setup.quiet) {
        ui::say(&format!("Planned over {}, by {}.", against.told(), against.by));
    }
    if !matches!(receipt.outcome, Outcome::Planned) {
        let exit = ui::outcome(receipt, names, Blocker::hint);
        if options.out.is_some() {
            ui::say("No plan was saved.");
        }
        return Ok(exit);
    }
    if format == PlanFormatArg::Text {
        print_plan(setup, receipt, options.show_secrets)?;
    }
    if let Some(text) = sync::quiet(receipt) {
        ui::say(&text);
    }
    if receipt.altered_by_hand {
        ui::warning("the version of /hosts has been altered by hand since the last sync");
    }
    let refused = ui::rehearsal(receipt, format != PlanFormatArg::Text)?;
    if !receipt.blockers.is_empty() {
        ui::say("A sync would be refused now:");
        for blocker in &receipt.blockers {
            ui::say(&format!("  - [{}] {blocker}", blocker.code().0));
            blocker
                .details()
                .iter()
                .for_each(|line| ui::say(&format!("    {line}")));
        }
        ui::blockers_hints(&receipt.blockers, Blocker::hint);
    }
    if let (Some(file), false) = (&options.out, setup.quiet) {
        told_file(file, receipt.blockers.is_empty());
    }
    let differs = receipt.plan.as_ref().is_some_and(|plan| !plan.is_empty());
    Ok(match refused {
        Some(refused) => refused,
        None if options.check && !receipt.blockers.is_empty() => ui::exit_of(&receipt.blockers),
        None if options.exit_code && differs => Exit::Differences,
        None => Exit::Done,
    })
}

/// Says where the plan is, and what it is good for.
fn told_file(file: &Path, may_be_applied: bool) {
    let shown = file.display().to_string();
    let shown = treekeeper_core::model::printable(&shown);
    ui::say(&match may_be_applied {
        true => {
            format!("Saved: `treekeeper apply {shown}` applies exactly this, if nothing moves until then.")
        }
        false => format!("Saved to {shown}: `treekeeper apply {shown}` would be refused now, as the sync."),
    });
}

fn secrets(setup: &Setup, show: bool) -> Secrets<'_> {
    if show && std::io::stdout().is_terminal() {
        Secrets::Shown
    } else {
        Secrets::Hashed(&setup.config.secrets.names, run_key())
    }
}

/// Prints the plan for people.
pub fn print_plan(setup: &Setup, receipt: &Receipt, show_secrets: bool) -> Result<(), Problem> {
    let plan = receipt.plan.clone().unwrap_or_default();
    print_changes(setup, &plan, &receipt.batches, show_secrets)
}

/// Prints how the live tree has drifted, for people: the plan that mends it, and who was last at what it changes.
pub fn print_drift(setup: &Setup, receipt: &Receipt, show_secrets: bool) -> Result<(), Problem> {
    let plan = receipt.plan.clone().unwrap_or_default();
    let options = DisplayOptions {
        touches: &receipt.touches,
        ..display_options(setup, show_secrets)
    };
    ui::print_with(|mut out| write_plan(&mut out, &plan, &receipt.batches, &options))
}

fn display_options(setup: &Setup, show_secrets: bool) -> DisplayOptions<'_> {
    DisplayOptions {
        // The stream strips colours where they are not wanted.
        style: Style::Ansi,
        secrets: secrets(setup, show_secrets),
        ..DisplayOptions::default()
    }
}

/// Prints a plan, to be applied as `batches`, for people.
pub fn print_changes(
    setup: &Setup,
    plan: &Plan,
    batches: &[Batch],
    show_secrets: bool,
) -> Result<(), Problem> {
    let options = display_options(setup, show_secrets);
    ui::print_with(|mut out| write_plan(&mut out, plan, batches, &options))
}

/// Prints how an operation ended, why, and the plan if one was made, as JSON.
pub fn print_json(setup: &Setup, receipt: &Receipt, show_secrets: bool) -> Result<(), Problem> {
    print_json_with(setup, receipt, &[], show_secrets, None)
}

/// Prints the same, each change with the last write of its znode.
pub fn print_drift_json(setup: &Setup, receipt: &Receipt, show_secrets: bool) -> Result<(), Problem> {
    print_json_with(setup, receipt, &receipt.touches, show_secrets, None)
}

fn print_json_with(
    setup: &Setup,
    receipt: &Receipt,
    touches: &[Option<Touch>],
    show_secrets: bool,
    against: Option<&Against>,
) -> Result<(), Problem> {
    let secrets = secrets(setup, show_secrets);
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
    if let Some(against) = against {
        head["snapshot"] = json!({
            "taken": against.taken,
            "by": against.by,
            "age_seconds": against.age_seconds,
        });
    }
    ui::print_data_with(|mut out| {
        let head = head.to_string();
        write!(out, "{},\n\"plan\":", head.trim_end_matches('}'))?;
        match &receipt.plan {
            Some(plan) => {
                plan_json::write_drift(&mut out, plan, &receipt.batches, touches, secrets)?;
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
