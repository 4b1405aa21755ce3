//! `plan`: shows what a sync would do, and what would refuse it.

use std::io::IsTerminal;

use treekeeper_core::operation::{Mode, Outcome, Receipt};
use treekeeper_core::plan::display::write_plan;
use treekeeper_core::plan::{DisplayOptions, Secrets, Style, json};

use super::args::{PlanArgs, SyncArgs};
use super::setup::Setup;
use super::sync;
use super::ui::{self, Exit, Problem};

/// Shows the plan and returns 0, or 2 with `--exit-code` if anything would change.
pub fn run(setup: &Setup, options: &PlanArgs) -> Result<Exit, Problem> {
    let flags = SyncArgs {
        revision: options.revision.clone(),
        prune_roots: options.prune_roots,
        ..SyncArgs::default()
    };
    let receipt = sync::receipt(setup, &flags, Mode::Plan)?;
    if !matches!(receipt.outcome, Outcome::Planned) {
        return Ok(ui::outcome(&receipt));
    }
    if setup.json {
        print_json(setup, &receipt, options.show_secrets)?;
    } else {
        print_plan(setup, &receipt, options.show_secrets)?;
    }
    if receipt.altered_by_hand {
        ui::warning("the version of /hosts has been altered by hand since the last sync");
    }
    if !receipt.blockers.is_empty() {
        ui::say("A sync would be refused now:");
        for blocker in &receipt.blockers {
            ui::say(&format!("  - {blocker}"));
        }
        ui::blockers_hints(&receipt.blockers);
    }
    let differs = receipt.plan.as_ref().is_some_and(|plan| !plan.is_empty());
    Ok(if options.exit_code && differs {
        Exit::Differences
    } else {
        Exit::Done
    })
}

fn secrets(setup: &Setup, show: bool) -> Secrets<'_> {
    if show && std::io::stdout().is_terminal() {
        Secrets::Shown
    } else {
        Secrets::Masked(&setup.config.secrets.names)
    }
}

/// Prints the plan for people.
pub fn print_plan(setup: &Setup, receipt: &Receipt, show_secrets: bool) -> Result<(), Problem> {
    let plan = receipt.plan.clone().unwrap_or_default();
    let options = DisplayOptions {
        // The stream strips colours where they are not wanted.
        style: Style::Ansi,
        secrets: secrets(setup, show_secrets),
        ..DisplayOptions::default()
    };
    ui::print_with(|mut out| write_plan(&mut out, &plan, &receipt.batches, &options))
}

/// Prints the plan, or how the operation ended without one, as JSON.
pub fn print_json(setup: &Setup, receipt: &Receipt, show_secrets: bool) -> Result<(), Problem> {
    let plan = receipt.plan.clone().unwrap_or_default();
    let secrets = secrets(setup, show_secrets);
    ui::print_with(|mut out| json::write_plan(&mut out, &plan, &receipt.batches, secrets))
}
