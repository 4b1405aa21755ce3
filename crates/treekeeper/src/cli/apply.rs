//! `apply`: carries out a plan that `plan --out` saved, exactly it or nothing.

use std::sync::Arc;

use treekeeper_core::gate::Blocker;
use treekeeper_core::operation::{Mode, Operation};

use super::args::{ApplyArgs, SyncArgs};
use super::plan_file;
use super::setup::{Setup, teller};
use super::show::{self, View};
use super::sync;
use super::ui::{self, Exit, Problem};

/// Applies the plan and returns the exit code: 7 if anything has moved.
pub fn run(setup: &Setup, options: &ApplyArgs) -> Result<Exit, Problem> {
    let saved = Arc::new(plan_file::read(&options.file)?);
    let flags = SyncArgs {
        force: options.force,
        lock_wait: options.lock_wait,
        allow_delete: options.allow_delete,
        allow_rewind: options.allow_rewind,
        adopt: options.adopt,
        ..SyncArgs::default()
    };
    let repository = setup
        .repository_at(Some(saved.revision.as_str()), Some(&saved.options.path))?
        .mirror_first();
    let context = setup.context(flags.lock_wait, flags.allow_delete)?;
    let operation = Operation::apply(saved, sync::options(setup, &flags, Mode::Apply), context);
    let receipt = sync::operate(setup, operation, repository, &mut teller(setup.quiet))?;
    if setup.json {
        show::receipt(setup, &receipt, &View::plain(setup))?;
    }
    let exit = ui::outcome(&receipt, &setup.config.secrets.names, Blocker::apply_hint);
    if !setup.quiet {
        sync::summary(&receipt, "Synced");
    }
    Ok(exit)
}
