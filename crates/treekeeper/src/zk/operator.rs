//! The writes of operators: ALL STOP, resume and pause, and properties of hosts.
//!
//! They take no lock: each is one transaction of `/hosts` at the version that was read, and of the state beside it.

use treekeeper_core::model::cluster::{ClusterReading, ClusterState, HOSTS_PATH, STATE_PATH, StateReading};
use treekeeper_core::model::{ClusterVersion, Properties, Text, Value, ZnodePath, decode, encode};
use treekeeper_core::operation::Depth;
use zookeeper_client::{CreateMode, Error, MultiWriteError};

use super::error::{about, is_definite};
use super::{Session, ZkError, read_cluster};

/// Tries when others write at the same time.
const TRIES_MAX: usize = 5;

/// What to do to the cluster's version, decided from a reading.
pub enum VersionChange {
    /// Nothing: it is as wanted.
    Nothing,
    /// Set the version, and the state if there is one.
    Set {
        /// The new version.
        version: Value,
        /// The new state, if there is one to be written.
        state: Option<Box<ClusterState>>,
    },
    /// Set the state, and leave the version as it is.
    ///
    /// `/hosts` is written all the same: a state that changes alone could make the very version that a later batch of a
    /// running sync expects, before the batch ahead of it is there.
    Note(Box<ClusterState>),
}

/// Changes the version of `/hosts` as `decide` says from a fresh reading; reads again when others were faster.
///
/// # Errors
/// What `decide` returns; NoAuth; a lost session; a reply that was lost is resolved by reading again.
pub async fn change_version<E: From<ZkError>>(
    session: &Session,
    mut decide: impl FnMut(&ClusterReading) -> Result<VersionChange, E>,
) -> Result<(), E> {
    let mut sent: Option<ClusterVersion> = None;
    for _ in 0..TRIES_MAX {
        let cluster = read_cluster(session, Depth::Versions).await?;
        if sent.is_some() && cluster.version().ok() == sent {
            // The reply was lost, not the write.
            return Ok(());
        }
        let (version, state) = match decide(&cluster)? {
            VersionChange::Nothing => return Ok(()),
            VersionChange::Set { version, state } => {
                sent = Some(ClusterVersion::from_value(&version));
                (Some(version), state)
            }
            VersionChange::Note(state) => (None, Some(state)),
        };
        let mut writer = session.client.new_multi_writer();
        let kept = || cluster.hosts_node.as_ref()?.properties.get("version").cloned();
        let queued = match (&cluster.hosts_node, version.or_else(kept)) {
            // Without a version no sync is running.
            (_, None) => Ok(()),
            (Some(node), Some(version)) => {
                let data = node.data_with_version(version);
                writer.add_set_data(HOSTS_PATH, &data, Some(node.data_version.0))
            }
            (None, Some(version)) => {
                let properties = Properties::from_entries(vec![(Text::from("version"), version)]);
                let data = encode(&properties).unwrap_or_default();
                writer.add_create(
                    HOSTS_PATH,
                    &data,
                    &CreateMode::Persistent.with_acls(session.acls()),
                )
            }
        };
        let queued = queued.and_then(|()| match (&state, &cluster.state) {
            (Some(state), StateReading::Present(_, version)) => {
                writer.add_set_data(STATE_PATH, &state.to_bytes(), Some(version.0))
            }
            _ => Ok(()),
        });
        queued.map_err(|error| ZkError::of("writing", HOSTS_PATH, &error))?;
        let deadline = std::time::Instant::now() + session.request_timeout;
        match session
            .once("writing", HOSTS_PATH, deadline, writer.commit())
            .await
            .map_err(|_| ZkError::Ambiguous(about("writing", HOSTS_PATH)))?
        {
            Ok(_) => return Ok(()),
            Err(error) => judge(session, HOSTS_PATH, error)?,
        }
    }
    Err(busy(HOSTS_PATH).into())
}

/// Changes properties of a host's node (or of `/hosts` itself, its version apart) as the original's `set` did.
///
/// # Errors
/// NoAuth, NoNode, a lost session.
pub async fn change_host_property(
    session: &Session,
    path: &ZnodePath,
    changes: &[(Text, Value)],
) -> Result<(), ZkError> {
    let text = path.as_str();
    for _ in 0..TRIES_MAX {
        let (data, stat) = session
            .repeat("reading", text, || session.client.get_data(text))
            .await?;
        let mut properties = decode(&data).into_properties();
        for (key, value) in changes {
            properties.set(key.clone(), value.clone());
        }
        let data = encode(&properties).map_err(|error| ZkError::Other {
            action: about("setting", text),
            reason: error.to_string(),
        })?;
        let mut writer = session.client.new_multi_writer();
        writer
            .add_set_data(text, &data, Some(stat.version))
            .map_err(|error| ZkError::of("writing", text, &error))?;
        let deadline = std::time::Instant::now() + session.request_timeout;
        match session
            .once("writing", text, deadline, writer.commit())
            .await
            .map_err(|_| ZkError::Ambiguous(about("writing", text)))?
        {
            Ok(_) => return Ok(()),
            Err(error) => judge(session, text, error)?,
        }
    }
    Err(busy(text))
}

/// Decides whether reading again can help: after a conflict or a lost reply it does.
fn judge(session: &Session, path: &str, error: MultiWriteError) -> Result<(), ZkError> {
    let error = Error::from(error);
    if matches!(error, Error::BadVersion | Error::NodeExists | Error::NoNode) {
        return Ok(());
    }
    if is_definite(&error) {
        return Err(ZkError::of("writing", path, &error));
    }
    if session.client.state().is_terminated() {
        return Err(ZkError::Ambiguous(about("writing", path)));
    }
    Ok(())
}

fn busy(path: &str) -> ZkError {
    ZkError::Other {
        action: about("writing", path),
        reason: format!("others changed it {TRIES_MAX} times in a row"),
    }
}
