//! `stop`, `resume` and `pause`, as `zk::operator` and `cli::operator` do them: one multi of `/hosts` and the state.

use memkeeper::database::{Create, CreateMode, ErrorCode, MultiResult, Request, Response, SetData, Write};
use treekeeper_core::model::cluster::{
    ClusterReading, ClusterState, HOSTS_PATH, STATE_PATH, StateReading, StopNote,
};
use treekeeper_core::model::{ClusterVersion, Properties, Text, Value, encode, json_value, write_json};
use treekeeper_core::operation::Depth;

use super::cluster::read_cluster;
use super::session::{Session, Trouble};

/// Tries when others write at the same time.
const TRIES_MAX: usize = 5;

/// What an operator does to the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Raises ALL STOP.
    Stop,
    /// Puts a version back.
    Resume,
    /// Holds the hosts until the next sync.
    Pause,
    /// Lifts a pin.
    Unpin,
}

/// Carries a command out; tells whether it had something to do.
pub async fn command(session: &Session, command: Command) -> Result<bool, Trouble> {
    let mut sent: Option<ClusterVersion> = None;
    for _ in 0..TRIES_MAX {
        let cluster = read_cluster(session, Depth::Versions).await?;
        if command != Command::Unpin && sent.is_some() && cluster.version().ok() == sent {
            return Ok(true);
        }
        let Some((version, state)) = decide(command, &cluster) else {
            return Ok(false);
        };
        sent = Some(ClusterVersion::from_value(&version));
        let request = Request::Multi(writes(&cluster, version, state));
        match session
            .once("writing /hosts", request, None, session.deadline())
            .await?
        {
            Ok(Ok(Response::Multi(results))) => {
                let error = results.iter().find_map(|result| match result {
                    MultiResult::Error(Some(code)) => Some(*code),
                    _ => None,
                });
                match error {
                    None => return Ok(true),
                    Some(ErrorCode::BadVersion | ErrorCode::NodeExists | ErrorCode::NoNode) => {}
                    Some(code) => return Err(Trouble::Other(code.to_string())),
                }
            }
            _ if session.is_over() => return Err(Trouble::Ambiguous),
            _ => {}
        }
    }
    Err(Trouble::Other("others changed /hosts too often".to_owned()))
}

fn writes(cluster: &ClusterReading, version: Value, state: Option<Box<ClusterState>>) -> Vec<Write> {
    let set = |path: &str, data: &[u8], version| {
        Write::SetData(SetData {
            path: path.to_owned(),
            data: data.into(),
            version,
        })
    };
    let mut writes = vec![match &cluster.hosts_node {
        Some(node) => set(HOSTS_PATH, &node.data_with_version(version), node.data_version.0),
        None => {
            let properties = Properties::from_entries(vec![(Text::from("version"), version)]);
            let data = encode(&properties).unwrap_or_default();
            Write::Create(Create::open(HOSTS_PATH, &data, CreateMode::Persistent))
        }
    }];
    if let (Some(state), StateReading::Present(_, version)) = (state, &cluster.state) {
        writes.push(set(STATE_PATH, &state.to_bytes(), version.0));
    }
    writes
}

fn decide(command: Command, cluster: &ClusterReading) -> Option<(Value, Option<Box<ClusterState>>)> {
    let mut state = match &cluster.state {
        StateReading::Present(state, _) => Some(state.clone()),
        StateReading::Absent | StateReading::Unreadable(_) => None,
    };
    let is_stopped = cluster.hosts_node.is_some() && cluster.version() == Ok(ClusterVersion::Stop);
    match command {
        Command::Stop if is_stopped => None,
        Command::Stop => {
            if let Some(state) = &mut state {
                state.stop = Some(StopNote {
                    reason: None,
                    by: "operator".to_owned(),
                    at: "1970-01-01T00:00:00Z".to_owned(),
                    replaced: version_json(cluster),
                    hosts_data_version: Some(match &cluster.hosts_node {
                        Some(node) => node.data_version.0.wrapping_add(1),
                        None => 0,
                    }),
                });
            }
            Some((Value::Null, state))
        }
        Command::Unpin => {
            let state = state.as_mut().filter(|state| state.pinned.is_some())?;
            state.pinned = None;
            let version = cluster.hosts_node.as_ref()?.properties.get("version")?;
            Some((version.clone(), Some(state.clone())))
        }
        Command::Pause if is_stopped => None,
        Command::Pause => Some((Value::Bool(false), state)),
        Command::Resume => {
            let version = resumed_version(cluster)?;
            if let Some(state) = &mut state {
                state.stop = None;
            }
            Some((version, state))
        }
    }
}

fn version_json(cluster: &ClusterReading) -> Option<String> {
    let mut json = Vec::new();
    write_json(cluster.hosts_node.as_ref()?.properties.get("version")?, &mut json);
    String::from_utf8(json).ok()
}

/// Returns the version to put back: False while batches are under way, else what the stop replaced, else the state's.
fn resumed_version(cluster: &ClusterReading) -> Option<Value> {
    if cluster.state.is_applying() {
        return Some(Value::Bool(false));
    }
    if !matches!(
        cluster.version(),
        Ok(ClusterVersion::Stop | ClusterVersion::Paused)
    ) {
        return None;
    }
    let state = cluster.state.state();
    let noted = cluster.stop_note().and_then(|note| note.replaced.as_deref());
    let is_version = |value: &Value| {
        !matches!(
            ClusterVersion::from_value(value),
            ClusterVersion::Stop | ClusterVersion::Invalid(_)
        )
    };
    let replaced = noted
        .and_then(|json| json_value(json.as_bytes()))
        .filter(is_version);
    let deployed = || Some(Value::String(Text::from(state?.commit.as_deref()?)));
    Some(
        replaced
            .or_else(deployed)
            .unwrap_or_else(|| Value::String(Text::from("initial"))),
    )
}
