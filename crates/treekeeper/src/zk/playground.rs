//! A znode of the demo's own: made afresh, played below, and removed with everything in it.
//!
//! Nothing is ever removed but a playground that was made here, and no command but the demo may use it: it knows
//! neither the lock nor the fence.

use super::error::about;
use super::{Session, ZkError, read_cluster};
use treekeeper_core::model::cluster::HOSTS_PATH;
use treekeeper_core::model::{Properties, Text, encode};
use treekeeper_core::operation::Depth;
use zookeeper_client::Error;

/// How often everything is listed and deleted again because something came meanwhile: the last command's session may
/// not be over yet.
const ROUNDS_MAX: usize = 5;

/// A znode that nobody else has.
#[derive(Debug)]
pub struct Playground {
    path: String,
}

impl Playground {
    /// Makes one below the session's root; `name` must be random enough that nobody else comes upon it.
    ///
    /// # Errors
    /// NoAuth, a missing chroot, a lost session.
    pub async fn make(session: &Session, name: &str) -> Result<Playground, ZkError> {
        let path = format!("/{name}");
        match session.create_absent(&path, b"").await {
            Err(ZkError::NoNode(_)) if !session.chroot().is_empty() => {
                Err(ZkError::NoChroot(session.chroot().to_owned()))
            }
            made => made.map(|_| Playground { path }),
        }
    }

    /// Returns the path below the session's root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Removes it and everything below it.
    ///
    /// # Errors
    /// NoAuth, a lost session, somebody who fills it faster than it is emptied.
    pub async fn remove(&self, session: &Session) -> Result<(), ZkError> {
        for _ in 0..ROUNDS_MAX {
            // Parents come before their children, so the end of the list has the leaves.
            let mut found = vec![self.path.clone()];
            let mut next = 0;
            while let Some(path) = found.get(next).cloned() {
                let children = children(session, &path).await?;
                found.extend(children.into_iter().map(|child| format!("{path}/{child}")));
                next += 1;
            }
            let mut is_done = true;
            for path in found.iter().rev() {
                is_done &= delete(session, path).await?;
            }
            if is_done {
                return Ok(());
            }
        }
        Err(ZkError::Other {
            action: about("deleting", &self.path),
            reason: "something is created there again and again".to_owned(),
        })
    }
}

/// Reports, as the agent of `host` would, that it runs the version that hosts should run.
///
/// # Errors
/// NoAuth, a lost session.
pub async fn converge(session: &Session, host: &str) -> Result<(), ZkError> {
    let cluster = read_cluster(session, Depth::Versions).await?;
    let version = cluster
        .hosts_node
        .and_then(|node| node.properties.get("version").cloned());
    let reported = version.map(|version| (Text::from("version"), version));
    let properties = Properties::from_entries(reported.into_iter().collect());
    let path = format!("{HOSTS_PATH}/{host}");
    let data = encode(&properties).map_err(|error| ZkError::Other {
        action: about("setting", &path),
        reason: error.to_string(),
    })?;
    if !session.create_absent(&path, &data).await? {
        session
            .repeat("setting", &path, || session.client.set_data(&path, &data, None))
            .await?;
    }
    Ok(())
}

async fn children(session: &Session, path: &str) -> Result<Vec<String>, ZkError> {
    let listed = session
        .repeat("listing", path, || session.client.list_children(path))
        .await;
    match listed {
        Err(ZkError::NoNode(_)) => Ok(Vec::new()),
        other => other,
    }
}

/// Deletes a node and tells whether it is gone; one that has children again is not.
async fn delete(session: &Session, path: &str) -> Result<bool, ZkError> {
    session
        .repeat("deleting", path, || {
            let request = session.client.delete(path, None);
            async move {
                match request.await {
                    Ok(()) | Err(Error::NoNode) => Ok(true),
                    Err(Error::NotEmpty) => Ok(false),
                    Err(error) => Err(error),
                }
            }
        })
        .await
}
