//! `sync`: makes the live tree what the newest commit says.

use treekeeper_core::gate::Blocker;
use treekeeper_core::model::{Bump, Revision, ZnodePath};
use treekeeper_core::operation::{Event, Mode, Operation, Outcome, Receipt, SyncOptions};
use treekeeper_core::plan::{Counts, Plan};

use super::args::SyncArgs;
use super::progress;
use super::setup::{Setup, teller, tree_limits};
use super::show::{self, View};
use super::ui::{self, Exit, Problem};
use crate::engine::RepositorySource;

/// Runs a sync to its end and returns its exit code.
pub fn run(setup: &Setup, options: &SyncArgs) -> Result<Exit, Problem> {
    let mode = if options.dry_run {
        Mode::DryRun
    } else {
        Mode::Apply
    };
    let view = View::asked(setup, options.format, options.show_secrets)?;
    let receipt = receipt(setup, options, mode)?;
    if !view.is_text() || (options.dry_run && receipt.plan.is_some()) {
        show::receipt(setup, &receipt, &view)?;
    }
    let exit = ui::outcome(&receipt, &setup.config.secrets.names, Blocker::hint);
    if !setup.quiet {
        summary(&receipt, "Synced");
        if options.prune_roots && !options.repair && matches!(receipt.outcome, Outcome::InSync) {
            ui::hint("an equal version is not synced again, so nothing was pruned: add `--repair`");
        }
    }
    Ok(match ui::rehearsal(&receipt, !view.is_text())? {
        Some(refused) if exit == Exit::Done => refused,
        _ => exit,
    })
}

/// Runs a sync, dry run or plan.
pub fn receipt(setup: &Setup, flags: &SyncArgs, mode: Mode) -> Result<Receipt, Problem> {
    let repository = setup.repository(flags.revision.as_deref())?;
    let operation = operation(setup, flags, mode)?;
    let operation = if flags.check {
        operation.with_rehearsal()
    } else {
        operation
    };
    operate(setup, operation, repository, &mut teller(setup.quiet))
}

/// Runs a rollback to the commit that `flags` name, telling each event by `tell`.
pub fn rollback(
    setup: &Setup,
    flags: &SyncArgs,
    mode: Mode,
    tell: &mut dyn FnMut(&Event),
) -> Result<Receipt, Problem> {
    let repository = setup.repository(flags.revision.as_deref())?;
    let options = SyncOptions {
        rollback: true,
        ..options(setup, flags, mode)
    };
    let context = setup.context(flags.lock_wait, flags.allow_delete)?;
    operate(setup, Operation::sync(options, context), repository, tell)
}

/// Plans the deployed commit once more, for `diff` and `status`; of one subtree only, if `within` names it.
pub fn drift(setup: &Setup, deployed: &Revision, within: Option<ZnodePath>) -> Result<Receipt, Problem> {
    let flags = SyncArgs {
        revision: Some(deployed.as_str().to_owned()),
        ..SyncArgs::default()
    };
    let repository = setup.repository(flags.revision.as_deref())?.for_a_look();
    let options = SyncOptions {
        within,
        ..options(setup, &flags, Mode::Plan)
    };
    let context = setup.context(flags.lock_wait, flags.allow_delete)?;
    let operation = Operation::sync(options, context);
    operate(setup, operation, repository, &mut teller(setup.quiet))
}

/// Returns a plan of the newest commit, or of the one that `flags` name, that has not begun.
pub fn planning(setup: &Setup, flags: &SyncArgs) -> Result<Operation, Problem> {
    operation(setup, flags, Mode::Plan)
}

fn operation(setup: &Setup, flags: &SyncArgs, mode: Mode) -> Result<Operation, Problem> {
    let context = setup.context(flags.lock_wait, flags.allow_delete)?;
    Ok(Operation::sync(options(setup, flags, mode), context))
}

/// Returns what flags and configuration ask for.
pub fn options(setup: &Setup, flags: &SyncArgs, mode: Mode) -> SyncOptions {
    let (parse_limits, layer_limits) = tree_limits(&setup.config);
    SyncOptions {
        mode,
        force: flags.force,
        repair: flags.repair,
        rollback: false,
        bump: bump(setup),
        within: None,
        adopt: flags.adopt,
        any_history: flags.allow_rewind || setup.any_history(),
        prune_roots: prunes_roots(setup, flags.prune_roots),
        fixed_revision: flags.revision.is_some(),
        overlay: setup.overlay,
        parse_limits,
        layer_limits,
    }
}

/// Returns which commits move the version of `/hosts`, as the configuration says.
pub fn bump(setup: &Setup) -> Bump {
    setup.config.bump.unwrap_or_default()
}

/// Tells whether roots are pruned: by the flag or by the configuration.
pub fn prunes_roots(setup: &Setup, flag: bool) -> bool {
    flag || setup.config.delete.prune_roots
}

/// Runs an operation to its end, telling each event by `tell`.
pub fn operate(
    setup: &Setup,
    operation: Operation,
    repository: RepositorySource,
    tell: &mut dyn FnMut(&Event),
) -> Result<Receipt, Problem> {
    let world = setup.world(Some(repository));
    progress::run(setup, operation, world, tell)
}

/// Says what was done, which is nothing the log's lines tell; `verb` begins the sentence.
pub fn summary(receipt: &Receipt, verb: &str) {
    if receipt.altered_by_hand && !matches!(receipt.outcome, Outcome::InSync) {
        ui::warning("the version of /hosts had been altered by hand since the last sync");
    }
    if let Some(text) = quiet(receipt) {
        ui::say(&text);
    }
    let (Outcome::Applied, Some(plan)) = (&receipt.outcome, &receipt.plan) else {
        return;
    };
    if receipt.stays_at.is_some() && plan.is_empty() {
        return;
    }
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

/// Says that a commit leaves the tree as the deployed one has it, if it does.
pub fn quiet(receipt: &Receipt) -> Option<String> {
    let (deployed, revision) = (receipt.stays_at.as_ref()?, receipt.revision.as_ref()?);
    let is_told = matches!(
        receipt.outcome,
        Outcome::InSync | Outcome::Planned | Outcome::Applied
    );
    is_told.then(|| {
        format!(
            "The tree of {revision:.12} is that of {deployed:.12}, which is deployed: /hosts stays there (bump = \"tree\")."
        )
    })
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
