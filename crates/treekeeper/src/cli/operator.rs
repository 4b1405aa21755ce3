//! `stop`, `resume` and `pause`: the version of `/hosts` by hand.
//!
//! They take no lock and need no git: an operator at 3 a.m. must not wait for either.

use treekeeper_core::model::cluster::{ClusterReading, ClusterState, Host, Phase, StateReading, StopNote};
use treekeeper_core::model::{ClusterVersion, Text, Value, json_value, printable, write_json};

use treekeeper_core::operation::Depth;

use super::args::{ResumeArgs, StopArgs};
use super::setup::{Setup, actor};
use super::ui::{self, Exit, Problem};
use crate::zk::{self, VersionChange};

/// Hosts that lag and are told at once.
const HOSTS_TOLD_MAX: usize = 10;

/// Raises ALL STOP.
pub fn stop(setup: &Setup, options: &StopArgs) -> Result<Exit, Problem> {
    let mut already = false;
    // Where no state keeps it, the operator must be told what to go back to.
    let mut lost = None;
    let mut has_state = true;
    change(setup, |cluster| {
        already = cluster.hosts_node.is_some() && cluster.version() == Ok(ClusterVersion::Stop);
        let mut state = state(cluster);
        has_state = state.is_some();
        match &mut state {
            Some(state) => state.stop = Some(stop_note(cluster, already, options.reason.as_deref())),
            None if already => {}
            None => lost = cluster.version().ok().map(|version| version.to_string()),
        }
        Ok(VersionChange::Set {
            version: Value::Null,
            state,
        })
    })?;
    if !setup.quiet {
        ui::say(match already {
            true => "The cluster was stopped already.",
            false => "ALL STOP: no host deploys, no sync goes on.",
        });
        if options.reason.is_some() && !has_state {
            ui::warning("the reason is not kept: before the first sync there is no place for it");
        }
        let version = lost.map(|version| format!(" {version}")).unwrap_or_default();
        ui::hint(&format!("`treekeeper resume{version}` ends it"));
    }
    Ok(Exit::Done)
}

/// Returns the note of a stop; a second one may add a reason, but who began and what to go back to stays.
fn stop_note(cluster: &ClusterReading, already: bool, reason: Option<&str>) -> StopNote {
    // What this very change makes of it.
    let hosts_data_version = Some(match &cluster.hosts_node {
        Some(node) => node.data_version.0.wrapping_add(1),
        None => 0,
    });
    match cluster.stop_note() {
        Some(note) => StopNote {
            reason: reason.map(str::to_owned).or(note.reason.clone()),
            hosts_data_version,
            ..note.clone()
        },
        None => StopNote {
            reason: reason.map(str::to_owned),
            by: actor(),
            at: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            replaced: version_json(cluster).filter(|_| !already),
            hosts_data_version,
        },
    }
}

/// Puts a version back.
pub fn resume(setup: &Setup, options: &ResumeArgs) -> Result<Exit, Problem> {
    let mut said = String::new();
    change(setup, |cluster| {
        let version = resumed_version(cluster, options.version.as_deref())?;
        said = match ClusterVersion::from_value(&version) {
            ClusterVersion::Paused if cluster.state.is_applying() => {
                "Resumed with the version False: the tree is incomplete, hosts hold until the next sync has finished it."
                    .to_owned()
            }
            ClusterVersion::Paused => {
                "Resumed with the version False: the cluster was paused before it was stopped, and is again.".to_owned()
            }
            version => format!("Resumed: hosts should run {version}."),
        };
        let mut state = state(cluster);
        if let Some(state) = &mut state {
            state.stop = None;
        }
        Ok(VersionChange::Set { version, state })
    })?;
    if !setup.quiet {
        ui::say(&said);
        what_is_next(setup);
    }
    Ok(Exit::Done)
}

/// Says what happens now that the hosts may go on; that it cannot be read is no failure of what was done.
fn what_is_next(setup: &Setup) {
    let read = setup.block_on(async {
        let session = setup.open().await?;
        let cluster = zk::read_cluster(&session, Depth::Hosts).await;
        session.close().await;
        Ok(cluster?)
    });
    match read {
        Ok(cluster) => next_steps(&cluster).iter().for_each(|line| ui::say(line)),
        Err(problem) => ui::warning(&format!(
            "what the hosts do now is not known: {}",
            problem.message()
        )),
    }
}

/// Returns what happens next, a line for each thing.
fn next_steps(cluster: &ClusterReading) -> Vec<String> {
    let mut lines = Vec::new();
    let expected = cluster.version().ok();
    let expected =
        expected.filter(|version| !matches!(version, ClusterVersion::Stop | ClusterVersion::Paused));
    if let Some(expected) = expected {
        let behind = cluster
            .hosts
            .iter()
            .filter(|host| host.version.as_ref() != Some(&expected));
        let behind: Vec<&Host> = behind.collect();
        let count = ui::counted(cluster.hosts.len(), "host");
        match (cluster.hosts.len(), behind.len()) {
            (0, _) => {}
            (1, 0) => lines.push("The host has it already.".to_owned()),
            (_, 0) => lines.push(format!("All {count} have it already.")),
            (_, lagging) => {
                lines.push(format!(
                    "{lagging} of {count} may deploy it now; a sync of another commit is refused until then:"
                ));
                lines.extend(behind.iter().take(HOSTS_TOLD_MAX).map(|host| behind_line(host)));
                if lagging > HOSTS_TOLD_MAX {
                    let rest = lagging - HOSTS_TOLD_MAX;
                    lines.push(format!("  and {rest} more: `treekeeper status` tells them all"));
                }
            }
        }
    }
    let state = cluster.state.state();
    if let Some(state) = state.filter(|state| state.phase == Phase::Applying) {
        let to = printable(state.to.as_deref().unwrap_or("a commit"));
        let command = match state.pinned {
            Some(_) => format!("rollback {to:.12}"),
            None => "sync".to_owned(),
        };
        lines.push(format!(
            "{} of {} batches of {to:.12} are in the tree: `treekeeper {command}` finishes it.",
            state.step, state.steps
        ));
    }
    if let Some(pin) = cluster.pin() {
        lines.push(format!(
            "The cluster is pinned {}: a sync of another commit is refused until `treekeeper unpin`.",
            pin.told()
        ));
    }
    lines
}

fn behind_line(host: &Host) -> String {
    let version = match &host.version {
        Some(version) => format!("at {}", version.short()),
        None => "without a version".to_owned(),
    };
    let error = host.error_cut().map(|error| format!(", reports: {error}"));
    format!("  host {} {version}{}", host.name, error.unwrap_or_default())
}

/// Holds the hosts until the next sync.
pub fn pause(setup: &Setup) -> Result<Exit, Problem> {
    change(setup, |cluster| {
        if cluster.hosts_node.is_some() && cluster.version() == Ok(ClusterVersion::Stop) {
            return Err(
                Problem::error("the cluster is stopped, and a pause would lift that")
                    .with_code("TK1001")
                    .with_exit(Exit::Stopped)
                    .with_hint("`treekeeper resume` ends the stop"),
            );
        }
        Ok(VersionChange::Set {
            version: Value::Bool(false),
            state: state(cluster),
        })
    })?;
    if !setup.quiet {
        ui::say(
            "Paused: the version of /hosts is False, hosts hold; the next sync, or `treekeeper resume`, ends it.",
        );
    }
    Ok(Exit::Done)
}

fn change(
    setup: &Setup,
    mut decide: impl FnMut(&ClusterReading) -> Result<VersionChange, Problem>,
) -> Result<(), Problem> {
    setup.block_on(async {
        let mut wanted = None;
        let mut remembering = |cluster: &ClusterReading| {
            let change = decide(cluster)?;
            if let VersionChange::Set { version, .. } = &change {
                wanted = Some(ClusterVersion::from_value(version));
            }
            Ok(change)
        };
        let session = setup.open().await?;
        let changed: Result<(), Problem> = zk::change_version(&session, &mut remembering).await;
        session.close().await;
        match changed {
            Err(problem) if problem.exit == Exit::Unknown => {
                // The session is gone; a new one can tell whether the write was done.
                let session = setup.open().await.map_err(|_| problem)?;
                let cluster = zk::read_cluster(&session, Depth::Versions).await;
                session.close().await;
                if cluster?.version().ok() == wanted {
                    Ok(())
                } else {
                    Err(undecided())
                }
            }
            changed => changed,
        }
    })
}

fn undecided() -> Problem {
    Problem::error(
        "the connection broke while /hosts was written, and it does not say what was to be written",
    )
    .with_code("TK1101")
    .with_exit(Exit::Unknown)
    .with_hint("`treekeeper status` tells what it says; run the same command again")
}

fn state(cluster: &ClusterReading) -> Option<Box<ClusterState>> {
    match &cluster.state {
        StateReading::Present(state, _) => Some(state.clone()),
        StateReading::Absent | StateReading::Unreadable(_) => None,
    }
}

fn version_json(cluster: &ClusterReading) -> Option<String> {
    let value = cluster.hosts_node.as_ref()?.properties.get("version")?;
    let mut json = Vec::new();
    write_json(value, &mut json);
    String::from_utf8(json).ok()
}

/// Returns the version to put back.
fn resumed_version(cluster: &ClusterReading, wanted: Option<&str>) -> Result<Value, Problem> {
    let state = cluster.state.state();
    if state.is_some_and(|state| state.phase == Phase::Applying) {
        return Ok(Value::Bool(false));
    }
    if let Some(wanted) = wanted {
        return Ok(Value::String(Text::from(wanted)));
    }
    if let Some(running) = running(cluster) {
        return Err(Problem::error(format!(
            "the cluster is neither stopped nor paused: its version is {running}"
        ))
        .with_code("TK1117")
        .with_hint("to set another one, name it: `treekeeper resume VERSION`"));
    }
    let noted = cluster.stop_note().and_then(|note| note.replaced.as_deref());
    let replaced = noted
        .and_then(|json| json_value(json.as_bytes()))
        .filter(|value| {
            !matches!(
                ClusterVersion::from_value(value),
                ClusterVersion::Stop | ClusterVersion::Invalid(_)
            )
        });
    let deployed = || {
        state?
            .commit
            .as_deref()
            .map(|commit| Value::String(Text::from(commit)))
    };
    replaced.or_else(deployed).ok_or_else(|| {
        Problem::error("nothing tells which version to go back to")
            .with_code("TK1117")
            .with_hint("name it: `treekeeper resume VERSION`, with the commit that the hosts run")
    })
}

/// Returns the version of a cluster that runs as it should.
fn running(cluster: &ClusterReading) -> Option<ClusterVersion> {
    cluster.hosts_node.as_ref()?;
    let version = cluster.version().ok()?;
    (!matches!(version, ClusterVersion::Stop | ClusterVersion::Paused)).then_some(version)
}
