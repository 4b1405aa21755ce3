//! `status`: one sentence, then versions, hosts and the lock.

use serde_json::json;
use treekeeper_core::gate::{self, Blocker, Policy};
use treekeeper_core::model::cluster::{ClusterReading, Host, Phase, StateReading};
use treekeeper_core::model::{ClusterVersion, Revision};
use treekeeper_core::operation::{Depth, Outcome};
use treekeeper_core::plan::Counts;

use super::setup::Setup;
use super::sync;
use super::ui::{self, Exit, Problem};
use crate::zk::{self, Contender};

/// How far the live tree is from the deployed commit.
enum Drift {
    /// So many znodes.
    Known(Counts),
    /// Why nobody knows.
    Unknown(String),
}

/// Reads the cluster, the lock and, if there is a repository to compare with, the tree, and prints how they are.
pub fn run(setup: &Setup) -> Result<Exit, Problem> {
    let (cluster, contenders) = setup.block_on(async {
        let session = setup.open().await?;
        let cluster = zk::read_cluster(&session, Depth::Hosts).await?;
        let contenders = zk::contenders(&session, setup.lock).await?;
        session.close().await;
        Ok((cluster, contenders))
    })?;
    let drift = drift(setup, &cluster);
    if setup.json {
        ui::print_json(&as_json(&cluster, &contenders, &drift))?;
    } else {
        ui::print_text(&as_text(&cluster, &contenders, &drift))?;
    }
    Ok(Exit::Done)
}

/// Plans the deployed commit once more: what it would change is what others have changed.
fn drift(setup: &Setup, cluster: &ClusterReading) -> Drift {
    let unknown = |reason: &str| Drift::Unknown(reason.to_owned());
    let deployed = match deployed(cluster) {
        Ok(deployed) => deployed,
        Err(reason) => return unknown(reason),
    };
    if !setup.has_repository() {
        return unknown("no repository is configured (--url)");
    }
    match sync::drift(setup, &deployed, None) {
        Err(problem) => Drift::Unknown(problem.message().to_owned()),
        Ok(receipt) => match (&receipt.outcome, &receipt.plan) {
            (Outcome::Planned, Some(plan)) => Drift::Known(plan.counts()),
            (Outcome::Failed(failure), _) => Drift::Unknown(failure.message.clone()),
            _ => unknown("the deployed commit cannot be planned"),
        },
    }
}

/// Returns the commit that the live tree is held against, or why there is none.
pub fn deployed(cluster: &ClusterReading) -> Result<Revision, &'static str> {
    if cluster.state.is_applying() {
        return Err("a sync is incomplete");
    }
    cluster.deployed().ok_or("no commit is deployed")
}

impl Drift {
    fn told(&self) -> String {
        match self {
            Drift::Unknown(reason) => format!("not known: {reason}"),
            Drift::Known(Counts {
                create: 0,
                set: 0,
                delete: 0,
            }) => "none".to_owned(),
            Drift::Known(counts) => format!(
                "{} changed, {} missing, {} extra; `treekeeper sync --repair` mends it",
                counts.set, counts.create, counts.delete
            ),
        }
    }

    fn as_json(&self) -> serde_json::Value {
        match self {
            Drift::Unknown(_) => serde_json::Value::Null,
            Drift::Known(counts) => {
                json!({ "changed": counts.set, "missing": counts.create, "extra": counts.delete })
            }
        }
    }
}

fn lagging(cluster: &ClusterReading) -> Vec<&Host> {
    let expected = cluster.version().ok();
    match expected {
        Some(ClusterVersion::Stop | ClusterVersion::Paused) | None => Vec::new(),
        Some(expected) => cluster
            .hosts
            .iter()
            .filter(|host| host.version.as_ref() != Some(&expected))
            .collect(),
    }
}

/// Returns the sentence.
fn sentence(cluster: &ClusterReading) -> String {
    let condition = condition(cluster);
    let is_stopped = cluster.version() == Ok(ClusterVersion::Stop);
    match cluster.pin().filter(|_| !is_stopped) {
        Some(pin) => {
            let condition = condition.trim_end_matches('.');
            format!(
                "{condition}, pinned by {} since {}.",
                plain(&pin.by),
                plain(&pin.at)
            )
        }
        None => condition,
    }
}

fn condition(cluster: &ClusterReading) -> String {
    if cluster.hosts_node.is_none() {
        return "Never synced: there is no /hosts.".to_owned();
    }
    let version = match cluster.version() {
        Err(fault) => return format!("Broken: {fault}."),
        Ok(version) => version,
    };
    if let StateReading::Unreadable(reason) = &cluster.state {
        return format!("Broken: cannot read /treekeeper/state: {reason}.");
    }
    let state = cluster.state.state();
    if version == ClusterVersion::Stop {
        return stop_sentence(cluster);
    }
    if let Some(state) = state.filter(|state| state.phase == Phase::Applying) {
        let to = plain(state.to.as_deref().unwrap_or("a commit"));
        let finishes = match state.pinned {
            Some(_) => format!("`treekeeper rollback {to:.12}` finishes it"),
            None => "the next sync finishes it".to_owned(),
        };
        return format!(
            "Incomplete: {} of {} batches of {to:.12} are in the tree; {finishes}.",
            state.step, state.steps
        );
    }
    if version == ClusterVersion::Paused {
        return "Paused: the version is False; the next sync goes on without asking for convergence."
            .to_owned();
    }
    let lagging = lagging(cluster).len();
    let hosts = cluster.hosts.len();
    match (hosts, lagging) {
        (0, _) => format!("At {}, no hosts.", version.short()),
        (_, 0) => format!("Converged: {hosts} of {hosts} hosts at {}.", version.short()),
        (_, lagging) => format!(
            "Converging: {} of {hosts} hosts at {}.",
            hosts - lagging,
            version.short()
        ),
    }
}

/// Returns the sentence about a stop.
fn stop_sentence(cluster: &ClusterReading) -> String {
    let note = match gate::stopped(cluster, &Policy::default(), None) {
        Some(Blocker::Stopped { note: Some(note), .. }) => note,
        Some(Blocker::Stopped {
            since: Some(since), ..
        }) => format!("since {since}, by a host or by hand"),
        _ => "by a host or by hand".to_owned(),
    };
    let ailing = cluster.hosts.iter().filter(|host| host.error.is_some()).count();
    let ailing = match ailing {
        0 => String::new(),
        1 => " 1 host reports an error.".to_owned(),
        several => format!(" {several} hosts report errors."),
    };
    format!("ALL STOP, {note}.{ailing} `treekeeper resume` ends it.")
}

fn plain(text: &str) -> String {
    treekeeper_core::model::printable(text).into_owned()
}

fn as_text(cluster: &ClusterReading, contenders: &[Contender], drift: &Drift) -> String {
    let mut lines = vec![sentence(cluster)];
    if let Ok(version) = cluster.version()
        && cluster.hosts_node.is_some()
    {
        lines.push(format!("version   {version}"));
    }
    if let Some(state) = cluster.state.state() {
        if let Some(commit) = &state.commit {
            lines.push(format!(
                "deployed  {} by {} at {}",
                plain(commit),
                plain(&state.by),
                plain(&state.at)
            ));
        }
        if cluster.version().ok().and_then(|version| version.revision()) != state.revision()
            && state.phase == Phase::Clean
            && !matches!(
                cluster.version(),
                Ok(ClusterVersion::Stop | ClusterVersion::Paused)
            )
        {
            lines.push("          the version was altered by hand since".to_owned());
        }
        if let Some(note) = &state.stop
            && cluster.stop_note().is_none()
        {
            lines.push(format!(
                "note      an earlier stop, {}; /hosts was written since",
                note.told()
            ));
        }
        if state.phase == Phase::Applying {
            let to = plain(state.to.as_deref().unwrap_or("a commit"));
            lines.push(format!(
                "applying  {to}, {} of {} batches are in the tree",
                state.step, state.steps
            ));
        }
        if let Some(seen) = state
            .seen
            .as_ref()
            .filter(|seen| Some(*seen) != state.commit.as_ref())
        {
            lines.push(format!("seen      {}, which has the same tree", plain(seen)));
        }
        if let Some(pin) = &state.pinned {
            lines.push(format!("pinned    {}; `treekeeper unpin` lifts it", pin.told()));
        }
        if !state.orphans.is_empty() {
            let roots: Vec<String> = state
                .orphans
                .iter()
                .map(|root| format!("/{}", plain(root)))
                .collect();
            lines.push(format!("orphans   {}", roots.join(" ")));
        }
    }
    if cluster.deployed().is_some() {
        lines.push(format!("drift     {}", drift.told()));
    }
    match contenders.first() {
        None => lines.push("lock      free".to_owned()),
        Some(holder) => lines.push(format!("lock      {}", super::lock::line(holder))),
    }
    for host in &cluster.hosts {
        lines.push(host_line(host, cluster));
    }
    lines.join("\n") + "\n"
}

fn host_line(host: &Host, cluster: &ClusterReading) -> String {
    let expected = cluster.version().ok();
    let version = host
        .version
        .as_ref()
        .map_or("no version".to_owned(), ClusterVersion::short);
    let behind = match expected {
        Some(ClusterVersion::Stop | ClusterVersion::Paused) | None => "",
        Some(ref expected) if host.version.as_ref() != Some(expected) => "  behind",
        Some(_) => "",
    };
    let error = host
        .error_cut()
        .map(|error| format!("  error: {error}"))
        .unwrap_or_default();
    format!("host      {}  {version}{behind}{error}", host.name)
}

fn as_json(cluster: &ClusterReading, contenders: &[Contender], drift: &Drift) -> serde_json::Value {
    let lagging = lagging(cluster);
    let hosts: Vec<_> = cluster
        .hosts
        .iter()
        .map(|host| {
            json!({
                "name": host.name,
                "version": host.version.as_ref().map(ToString::to_string),
                "behind": lagging.contains(&host),
                "error": host.error,
            })
        })
        .collect();
    let version = cluster.version();
    let note = cluster.stop_note();
    json!({
        "schema": 1,
        "status": sentence(cluster),
        "version": version.as_ref().ok().map(ToString::to_string),
        "stopped": version == Ok(ClusterVersion::Stop),
        "stop": note.map(|note| json!({ "by": note.by, "at": note.at, "reason": note.reason })),
        "paused": version == Ok(ClusterVersion::Paused),
        "state": cluster.state.state(),
        "orphans": cluster.state.state().map(|state| &state.orphans),
        "drift": drift.as_json(),
        "hosts": hosts,
        "lock": contenders.iter().map(super::lock::as_json).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use treekeeper_core::model::cluster::HostsNode;
    use treekeeper_core::model::{DataVersion, Text};

    fn cluster(version: &str, hosts: &[(&str, Option<&str>)]) -> ClusterReading {
        let data = format!("{{\"version\":{version}}}");
        ClusterReading {
            hosts_node: Some(HostsNode::new(data.as_bytes(), DataVersion(0))),
            hosts: hosts
                .iter()
                .map(|(name, version)| Host {
                    name: (*name).to_owned(),
                    version: version.map(|text| ClusterVersion::Text(Text::from(text))),
                    error: None,
                })
                .collect(),
            state: StateReading::Absent,
            history: None,
        }
    }

    #[test]
    fn one_sentence_says_how_the_cluster_is() {
        let said = |version, hosts: &[_]| sentence(&cluster(version, hosts));
        insta::assert_snapshot!(said("\"v1\"", &[("a", Some("v1")), ("b", None)]), @"Converging: 1 of 2 hosts at v1.");
        insta::assert_snapshot!(said("\"v1\"", &[("a", Some("v1"))]), @"Converged: 1 of 1 hosts at v1.");
        insta::assert_snapshot!(said("null", &[]), @"ALL STOP, by a host or by hand. `treekeeper resume` ends it.");
        insta::assert_snapshot!(said("true", &[]), @"Broken: the version of /hosts is true, which is neither a string, a number, None nor False.");
        insta::assert_snapshot!(said("false", &[]), @"Paused: the version is False; the next sync goes on without asking for convergence.");
    }
}
