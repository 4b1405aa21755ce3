//! `stop`, `resume` and `pause`: the version of `/hosts` by hand.
//!
//! They take no lock and need no git: an operator at 3 a.m. must not wait for either.

use treekeeper_core::model::cluster::{ClusterReading, ClusterState, Phase, StateReading, StopNote};
use treekeeper_core::model::{ClusterVersion, Text, Value, json_value, write_json};

use super::args::{ResumeArgs, StopArgs};
use super::setup::{Setup, actor};
use super::ui::{self, Exit, Problem};
use crate::zk::{self, VersionChange};

/// Raises ALL STOP.
pub fn stop(setup: &Setup, options: &StopArgs) -> Result<Exit, Problem> {
    let mut already = false;
    change(setup, |cluster| {
        already = cluster.hosts_node.is_some() && cluster.version() == Ok(ClusterVersion::Stop);
        let replaced = version_json(cluster);
        let mut state = state(cluster);
        if let Some(state) = &mut state {
            // A second stop may add a reason, but what to go back to is what the first one replaced.
            let replaced = match (&state.stop, already) {
                (Some(note), true) => note.replaced.clone(),
                _ => replaced,
            };
            let at = jiff::Timestamp::now().to_string();
            state.stop = Some(StopNote {
                reason: options.reason.clone(),
                by: actor(),
                at,
                replaced,
            });
        }
        Ok(VersionChange::Set {
            version: Value::Null,
            state,
        })
    })?;
    ui::say(if already {
        "The cluster was stopped already."
    } else {
        "ALL STOP: no host deploys, no sync goes on."
    });
    ui::hint("`treekeeper resume` ends it");
    Ok(Exit::Done)
}

/// Puts a version back.
pub fn resume(setup: &Setup, options: &ResumeArgs) -> Result<Exit, Problem> {
    let mut said = String::new();
    change(setup, |cluster| {
        let version = resumed_version(cluster, options.version.as_deref())?;
        said = shown(&version);
        let mut state = state(cluster);
        if let Some(state) = &mut state {
            state.stop = None;
        }
        Ok(VersionChange::Set { version, state })
    })?;
    ui::say(&match said.as_str() {
        "False" => {
            "Resumed with the version False: the tree is incomplete, hosts hold until the next sync has \
                    finished it."
                .to_owned()
        }
        version => format!("Resumed: hosts should run {version}."),
    });
    Ok(Exit::Done)
}

/// Holds the hosts until the next sync.
pub fn pause(setup: &Setup) -> Result<Exit, Problem> {
    change(setup, |cluster| {
        if cluster.hosts_node.is_some() && cluster.version() == Ok(ClusterVersion::Stop) {
            return Err(
                Problem::error("the cluster is stopped, and a pause would lift that")
                    .with_exit(Exit::Stopped)
                    .with_hint("`treekeeper resume` ends the stop"),
            );
        }
        Ok(VersionChange::Set {
            version: Value::Bool(false),
            state: state(cluster),
        })
    })?;
    ui::say("Paused: the version of /hosts is False; the next sync ends it.");
    Ok(Exit::Done)
}

fn change(
    setup: &Setup,
    decide: impl FnMut(&ClusterReading) -> Result<VersionChange, Problem>,
) -> Result<(), Problem> {
    setup.block_on(async {
        let session = setup.open().await?;
        let changed = zk::change_version(&session, decide).await;
        session.close().await;
        changed
    })
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
    let noted = state.and_then(|state| state.stop.as_ref()?.replaced.as_deref());
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
            .with_hint("name it: `treekeeper resume VERSION`, with the commit that the hosts run")
    })
}

fn shown(version: &Value) -> String {
    ClusterVersion::from_value(version).to_string()
}
