//! `diff`: how the live tree differs from the deployed commit.
//!
//! It is the plan of that commit once more, by the very function that `plan`, `status` and `sync` use.

use treekeeper_core::gate::Blocker;
use treekeeper_core::model::{ZnodePath, printable};
use treekeeper_core::operation::{Depth, Outcome};

use super::args::DiffArgs;
use super::data::znode_path;
use super::setup::Setup;
use super::show::{self, View};
use super::ui::{self, Exit, Problem};
use super::{status, sync};
use crate::zk;

/// Shows the drift and returns 0, or 2 with `--exit-code` if there is any.
pub fn run(setup: &Setup, options: &DiffArgs) -> Result<Exit, Problem> {
    let view = View::asked(setup, options.format, options.show_secrets)?;
    let path = znode_path(&options.path)?;
    let within = (!path.is_root()).then(|| path.clone());
    let cluster = setup.block_on(async {
        let session = setup.open().await?;
        let cluster = zk::read_cluster(&session, Depth::Versions).await;
        session.close().await;
        Ok(cluster?)
    })?;
    let deployed = status::deployed(&cluster).map_err(|reason| {
        Problem::error(format!(
            "there is no commit to hold the live tree against: {reason}"
        ))
        .with_code("TK1127")
        .with_hint("`treekeeper plan` shows what a sync would do")
    })?;
    let receipt = sync::drift(setup, &deployed, within.clone())?;
    if !matches!(receipt.outcome, Outcome::Planned) {
        if !view.is_text() {
            show::receipt(setup, &receipt, &view)?;
        }
        return Ok(ui::outcome(&receipt, &setup.config.secrets.names, Blocker::hint));
    }
    let plan = receipt.plan.clone().unwrap_or_default();
    if let Some(within) = within.filter(|_| plan.managed == 0 && plan.is_empty()) {
        return Err(unmanaged(&within, deployed.as_str()));
    }
    let view = View {
        is_drift: true,
        ..view
    };
    show::receipt(setup, &receipt, &view)?;
    if !plan.is_empty() && !setup.quiet {
        ui::hint(&format!(
            "this is what makes the live tree as {deployed:.12} has it; `treekeeper sync --repair --revision \
             {deployed:.12}` does it"
        ));
    }
    Ok(if options.exit_code && !plan.is_empty() {
        Exit::Differences
    } else {
        Exit::Done
    })
}

fn unmanaged(path: &ZnodePath, deployed: &str) -> Problem {
    Problem::error(format!(
        "{} is not managed: no file of {deployed:.12} defines it, and nothing would delete it",
        printable(path.as_str())
    ))
    .with_code("TK1127")
    .with_hint("`treekeeper diff` without a path shows the drift of all that is managed")
}
