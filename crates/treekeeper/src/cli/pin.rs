//! `rollback` and `unpin`: back to an earlier commit, the cluster held there, and forward again.

use treekeeper_core::gate::Blocker;
use treekeeper_core::model::cluster::{ClusterReading, Pin, StateReading};
use treekeeper_core::model::{ClusterVersion, history as ring, printable};
use treekeeper_core::operation::{Depth, Event, Mode, Outcome, Receipt};

use super::args::{RollbackArgs, SyncArgs};
use super::setup::{Setup, teller};
use super::show::{self, View};
use super::sync;
use super::ui::{self, Exit, Problem};
use crate::zk::{self, VersionChange};

/// More than these digits are no number of steps: they begin a commit id.
const STEP_DIGITS_MAX: usize = 2;

/// Goes back to a commit, and pins the cluster at it.
pub fn rollback(setup: &Setup, options: &RollbackArgs) -> Result<Exit, Problem> {
    let revision = match steps(&options.target) {
        Some(steps) => deployed_before(setup, steps)?,
        None => options.target.clone(),
    };
    let flags = SyncArgs {
        force: options.force,
        revision: Some(revision),
        lock_wait: options.lock_wait,
        allow_delete: options.allow_delete,
        prune_roots: options.prune_roots,
        ..SyncArgs::default()
    };
    let mode = if options.dry_run {
        Mode::DryRun
    } else {
        Mode::Apply
    };
    let mut tell = teller(setup.quiet);
    let mut trouble = None;
    let mut tell_plan = |event: &Event| match event {
        Event::Planned(plan, batches) if !setup.json => {
            trouble = show::changes(setup, plan, batches).err().or(trouble.take());
        }
        Event::Planned(..) => {}
        event => tell(event),
    };
    let receipt = sync::rollback(setup, &flags, mode, &mut tell_plan)?;
    if setup.json || (options.dry_run && receipt.plan.is_some()) {
        show::receipt(setup, &receipt, &View::plain(setup))?;
    }
    let exit = ui::outcome(&receipt, &setup.config.secrets.names, Blocker::rollback_hint);
    if !setup.quiet {
        sync::summary(&receipt, "Rolled back");
        tell_pin(&receipt);
    }
    match trouble {
        // What was done is done, and told: that its plan could not be printed is an error all the same.
        Some(problem) if exit == Exit::Done => Err(problem),
        _ => Ok(exit),
    }
}

fn steps(target: &str) -> Option<usize> {
    let is_number = target.len() <= STEP_DIGITS_MAX && target.bytes().all(|byte| byte.is_ascii_digit());
    target.parse().ok().filter(|steps| is_number && *steps > 0)
}

/// Returns the commit so many deployments back.
fn deployed_before(setup: &Setup, steps: usize) -> Result<String, Problem> {
    let (cluster, recorded) = setup.block_on(async {
        let session = setup.open().await?;
        let cluster = zk::read_cluster(&session, Depth::Versions).await;
        let recorded = zk::read_history(&session).await;
        session.close().await;
        Ok((cluster?, recorded?))
    })?;
    let Some(deployed) = cluster.deployed() else {
        return Err(Problem::error("nothing was deployed yet, so there is no way back").with_code("TK1120"));
    };
    let entries: Vec<_> = recorded
        .iter()
        .filter_map(|recorded| recorded.entry.as_ref().ok())
        .map(|entry| (entry.kind, entry.commit.as_str()))
        .collect();
    let found = |steps| ring::back(entries.iter().copied(), deployed.as_str(), steps);
    found(steps).map(str::to_owned).ok_or_else(|| {
        let reach = (0..steps)
            .rev()
            .find(|fewer| found(*fewer).is_some())
            .unwrap_or(0);
        let deployments = ui::counted(reach, "deployment");
        Problem::error(format!(
            "the history reaches back {deployments} before {deployed:.12}, not {steps}"
        ))
        .with_code("TK1120")
        .with_hint("`treekeeper history` shows them; an older commit can be named: `treekeeper rollback REV`")
    })
}

fn tell_pin(receipt: &Receipt) {
    if let (Outcome::Applied | Outcome::InSync, Some(revision)) = (&receipt.outcome, &receipt.revision) {
        ui::say(&format!(
            "The cluster is pinned at {revision:.12}: a plain sync is refused."
        ));
        ui::hint("`treekeeper unpin` lets the next sync go on to the newest commit");
    }
}

/// Lets syncs go on to the newest commit again.
pub fn unpin(setup: &Setup) -> Result<Exit, Problem> {
    let mut lifted: Option<Pin> = None;
    let mut after = None;
    let decide = |cluster: &ClusterReading| {
        after = Some(next_step(cluster));
        let StateReading::Present(state, _) = &cluster.state else {
            return Ok(VersionChange::Nothing);
        };
        let Some(pin) = &state.pinned else {
            return Ok(VersionChange::Nothing);
        };
        lifted = Some(pin.clone());
        let mut state = state.clone();
        state.pinned = None;
        Ok(VersionChange::Note(state))
    };
    setup.block_on(async {
        let session = setup.open().await?;
        let changed: Result<(), Problem> = zk::change_version(&session, decide).await;
        session.close().await;
        match changed {
            Err(problem) if problem.exit == Exit::Unknown => {
                // The session is gone; a new one can tell whether the write was done.
                let session = setup.open().await.map_err(|_| problem)?;
                let cluster = zk::read_cluster(&session, Depth::Versions).await;
                session.close().await;
                match cluster?.pin() {
                    None => Ok(()),
                    Some(_) => Err(Problem::error(
                        "the connection broke while the pin was lifted, and it is still there",
                    )
                    .with_code("TK1101")
                    .with_exit(Exit::Unknown)
                    .with_hint("run the same command again")),
                }
            }
            changed => changed,
        }
    })?;
    if !setup.quiet {
        ui::say(&match &lifted {
            Some(pin) => format!("Unpinned: it was pinned {}.", pin.told()),
            None => "The cluster is not pinned.".to_owned(),
        });
        if let (Some(_), Some(after)) = (&lifted, &after) {
            ui::say(after);
        }
    }
    Ok(Exit::Done)
}

/// Returns what happens next, once the pin is gone.
fn next_step(cluster: &ClusterReading) -> String {
    if cluster.hosts_node.is_some() && cluster.version() == Ok(ClusterVersion::Stop) {
        return "The cluster is still stopped; after `treekeeper resume` the next sync goes on to the newest commit."
            .to_owned();
    }
    match cluster.state.state().filter(|_| cluster.state.is_applying()) {
        Some(state) => format!(
            "The rollback to {:.12} is not finished: the next sync goes on to the newest commit from where it stands.",
            printable(state.to.as_deref().unwrap_or("a commit"))
        ),
        None => "The next sync goes on to the newest commit.".to_owned(),
    }
}
