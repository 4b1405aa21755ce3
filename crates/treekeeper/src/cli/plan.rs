//! `plan`: shows what a sync would do, and what would refuse it.

use std::path::Path;

use treekeeper_core::gate::Blocker;
use treekeeper_core::operation::{Mode, Outcome, Receipt};

use super::against::Against;
use super::args::{PlanArgs, SyncArgs};
use super::setup::Setup;
use super::show::{self, View};
use super::ui::{self, Exit, Problem};
use super::{plan_file, sync};

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

/// Shows a plan, live or over a snapshot, and returns the exit code.
pub fn tell(
    setup: &Setup,
    options: &PlanArgs,
    receipt: &Receipt,
    against: Option<&Against>,
) -> Result<Exit, Problem> {
    let view = View {
        against,
        ..View::asked(setup, options.format, options.show_secrets)?
    };
    let names = &setup.config.secrets.names;
    if !view.is_text() {
        show::receipt(setup, receipt, &view)?;
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
    if view.is_text() {
        show::receipt(setup, receipt, &view)?;
    }
    if let Some(text) = sync::quiet(receipt) {
        ui::say(&text);
    }
    if receipt.altered_by_hand {
        ui::warning("the version of /hosts has been altered by hand since the last sync");
    }
    let refused = ui::rehearsal(receipt, !view.is_text())?;
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
