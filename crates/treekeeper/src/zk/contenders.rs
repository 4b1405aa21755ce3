//! Who holds and who wants the cluster lock, and how one of them is removed by an operator.
//!
//! Looking changes nothing. Removing takes one candidate, and only the one that was looked at: nobody is pushed aside
//! because another stands at the same path now.

use std::time::Instant;

use treekeeper_core::model::cluster::LockStyle;
use treekeeper_core::model::lock_queue::Queue;
use treekeeper_core::model::printable;
use zookeeper_client::Error;

use super::error::{is_definite, is_interrupted};
use super::lock::exists;
use super::{Session, ZkError};

/// Bytes of a candidate's data that are shown.
const DATA_BYTES_MAX: usize = 200;
/// Tries to delete one candidate while connections break.
const DELETE_TRIES_MAX: usize = 20;

/// One that wants or holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// The queue that it stands in.
    pub queue: Queue,
    /// Its node.
    pub path: String,
    /// Its data, safe to print.
    pub data: String,
    /// The session that owns it; `None` for a node left by hand, which never expires.
    pub session: Option<i64>,
    /// When it was created, in milliseconds since 1970 by the server's clock.
    pub created_ms: i64,
    /// The transaction that created it: another one at the same path has another.
    pub czxid: i64,
    /// Its data version.
    pub data_version: i32,
}

/// How the removal of a candidate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It was removed.
    Removed,
    /// It had gone by itself.
    Gone,
    /// It was written to, or another one stands at its path: nothing was removed.
    Changed,
    /// It has children, which no locker makes: nothing was removed.
    HasChildren,
}

/// Returns everybody in the queues of `style`, holders first.
///
/// # Errors
/// NoAuth, a lost session, the request deadline; a queue that does not exist is empty.
pub async fn contenders(session: &Session, style: LockStyle) -> Result<Vec<Contender>, ZkError> {
    let mut found = Vec::new();
    for queue in Queue::of(style) {
        let directory = queue.directory();
        let names = match session
            .repeat("listing", directory, || session.client.list_children(directory))
            .await
        {
            Ok(names) => names,
            Err(ZkError::NoNode(_)) if exists(session, "/").await? => continue,
            Err(ZkError::NoNode(_)) => return Err(ZkError::NoChroot(session.chroot().to_owned())),
            Err(error) => return Err(error),
        };
        for name in queue.sorted(names) {
            found.extend(contender(session, *queue, &name).await?);
        }
    }
    Ok(found)
}

/// Returns the queues whose nodes exist.
///
/// # Errors
/// A lost session, the request deadline.
pub async fn lock_nodes(session: &Session) -> Result<Vec<Queue>, ZkError> {
    let mut found = Vec::new();
    for queue in Queue::of(LockStyle::Both) {
        if exists(session, queue.directory()).await? {
            found.push(*queue);
        }
    }
    Ok(found)
}

/// Returns the candidate of this name, or `None` if it has gone.
pub(super) async fn contender(
    session: &Session,
    queue: Queue,
    name: &str,
) -> Result<Option<Contender>, ZkError> {
    let path = format!("{}/{name}", queue.directory());
    match session
        .repeat("reading", &path, || session.client.get_data(&path))
        .await
    {
        Ok((data, stat)) => Ok(Some(Contender {
            queue,
            path,
            data: printable(&String::from_utf8_lossy(&data[..data.len().min(DATA_BYTES_MAX)])).into_owned(),
            session: (stat.ephemeral_owner != 0).then_some(stat.ephemeral_owner),
            created_ms: stat.ctime,
            czxid: stat.czxid,
            data_version: stat.version,
        })),
        Err(ZkError::NoNode(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes one candidate, if it is still the one that was looked at.
///
/// A lost reply is resolved by looking again: candidates are never made twice under one transaction id.
///
/// # Errors
/// NoAuth, a lost session, the request deadline.
pub async fn break_candidate(session: &Session, candidate: &Contender) -> Result<Broken, ZkError> {
    let path = candidate.path.as_str();
    let name = path.rsplit('/').next().unwrap_or(path);
    let deadline = Instant::now() + session.request_timeout;
    let mut sent = false;
    for _ in 0..DELETE_TRIES_MAX {
        match contender(session, candidate.queue, name).await? {
            None if sent => return Ok(Broken::Removed),
            None => return Ok(Broken::Gone),
            Some(now) if now.czxid != candidate.czxid || now.data_version != candidate.data_version => {
                return Ok(Broken::Changed);
            }
            Some(_) => {}
        }
        let request = session.client.delete(path, Some(candidate.data_version));
        match session.once("deleting", path, deadline, request).await? {
            Ok(()) => return Ok(Broken::Removed),
            Err(Error::NoNode) => return Ok(if sent { Broken::Removed } else { Broken::Gone }),
            Err(Error::BadVersion) => return Ok(Broken::Changed),
            Err(Error::NotEmpty) => return Ok(Broken::HasChildren),
            Err(error) if !is_definite(&error) && is_interrupted(&error) => sent = true,
            Err(error) => return Err(ZkError::of("deleting", path, &error)),
        }
    }
    Err(ZkError::Other {
        action: format!("deleting {}", printable(path)),
        reason: format!("the connection broke {DELETE_TRIES_MAX} times"),
    })
}
