//! `sync`: makes the live tree what the newest commit says.

use treekeeper_core::gate::Blocker;
use treekeeper_core::model::Revision;
use treekeeper_core::operation::{Event, Mode, Operation, Outcome, Receipt, SyncOptions};
use treekeeper_core::plan::{Counts, Plan};

use super::args::SyncArgs;
use super::plan::{print_json, print_plan};
use super::progress;
use super::setup::{Setup, teller, tree_limits};
use super::ui::{self, Exit, Problem};
use crate::engine::RepositorySource;

/// Runs a sync to its end and returns its exit code.
pub fn run(setup: &Setup, options: &SyncArgs) -> Result<Exit, Problem> {
    let mode = if options.dry_run {
        Mode::DryRun
    } else {
        Mode::Apply
    };
    let receipt = receipt(setup, options, mode)?;
    if setup.json {
        print_json(setup, &receipt, options.show_secrets)?;
    } else if options.dry_run && receipt.plan.is_some() {
        print_plan(setup, &receipt, options.show_secrets)?;
    }
    let exit = ui::outcome(&receipt, &setup.config.secrets.names, Blocker::hint);
    if !setup.quiet {
        summary(&receipt, "Synced");
    }
    Ok(exit)
}

/// Runs a sync, dry run or plan.
pub fn receipt(setup: &Setup, options: &SyncArgs, mode: Mode) -> Result<Receipt, Problem> {
    let repository = setup.repository(options.revision.as_deref())?;
    operate(
        setup,
        options,
        (mode, Aim::Newest),
        repository,
        &mut teller(setup.quiet),
    )
}

/// Runs a rollback to the commit that `options` name, telling each event by `tell`.
pub fn rollback(
    setup: &Setup,
    options: &SyncArgs,
    mode: Mode,
    tell: &mut dyn FnMut(&Event),
) -> Result<Receipt, Problem> {
    let repository = setup.repository(options.revision.as_deref())?;
    operate(setup, options, (mode, Aim::Back), repository, tell)
}

/// Where a sync goes.
#[derive(Clone, Copy)]
enum Aim {
    /// To the newest commit, or one that is named.
    Newest,
    /// Back to a commit, to stay there.
    Back,
}

/// Plans the deployed commit once more, for `status`.
pub fn drift(setup: &Setup, deployed: &Revision) -> Result<Receipt, Problem> {
    let options = SyncArgs {
        revision: Some(deployed.as_str().to_owned()),
        ..SyncArgs::default()
    };
    let repository = setup.repository(options.revision.as_deref())?.for_a_look();
    let tell = &mut teller(setup.quiet);
    operate(setup, &options, (Mode::Plan, Aim::Newest), repository, tell)
}

fn operate(
    setup: &Setup,
    options: &SyncArgs,
    (mode, aim): (Mode, Aim),
    repository: RepositorySource,
    tell: &mut dyn FnMut(&Event),
) -> Result<Receipt, Problem> {
    let operation = operation(setup, options, mode, aim)?;
    let world = setup.world(Some(repository));
    progress::run(setup, operation, world, tell)
}

/// Returns a plan of the newest commit, or of the one that `options` name, that has not begun.
pub fn planning(setup: &Setup, options: &SyncArgs) -> Result<Operation, Problem> {
    operation(setup, options, Mode::Plan, Aim::Newest)
}

fn operation(setup: &Setup, options: &SyncArgs, mode: Mode, aim: Aim) -> Result<Operation, Problem> {
    let (parse_limits, layer_limits) = tree_limits(&setup.config);
    let sync = SyncOptions {
        mode,
        force: options.force,
        repair: options.repair,
        rollback: matches!(aim, Aim::Back),
        adopt: options.adopt,
        any_history: options.allow_rewind || setup.any_history(),
        prune_roots: options.prune_roots || setup.config.delete.prune_roots,
        fixed_revision: options.revision.is_some(),
        overlay: setup.overlay,
        parse_limits,
        layer_limits,
    };
    let context = setup.context(options.lock_wait, options.allow_delete)?;
    Ok(Operation::sync(sync, context))
}

/// Says what was done, which is nothing the log's lines tell; `verb` begins the sentence.
pub fn summary(receipt: &Receipt, verb: &str) {
    if receipt.altered_by_hand && !matches!(receipt.outcome, Outcome::InSync) {
        ui::warning("the version of /hosts had been altered by hand since the last sync");
    }
    let (Outcome::Applied, Some(plan)) = (&receipt.outcome, &receipt.plan) else {
        return;
    };
    for spared in &plan.spared {
        ui::say(&format!(
            "note: {}",
            treekeeper_core::plan::display::spared_text(spared)
        ));
    }
    for orphan in &plan.orphans {
        ui::say(&format!(
            "note: {} is no longer in the files and stays; `treekeeper sync --repair --prune-roots` deletes it",
            treekeeper_core::model::printable(orphan.path.as_str())
        ));
    }
    ui::say(&applied(receipt, plan, verb));
}

/// Returns `Synced to 0defaced: 2 created, 1 changed, 0 deleted in 1 transaction.`
pub fn applied(receipt: &Receipt, plan: &Plan, verb: &str) -> String {
    let Counts { create, set, delete } = plan.counts();
    let revision = receipt
        .revision
        .as_ref()
        .map(|revision| format!(" to {revision:.12}"))
        .unwrap_or_default();
    let transactions = match receipt.transactions {
        0 => String::new(),
        1 => " in 1 transaction".to_owned(),
        several => format!(" in {several} transactions"),
    };
    format!("{verb}{revision}: {create} created, {set} changed, {delete} deleted{transactions}.")
}
