//! The cluster lock: compatible with zktools (`/ZktoolsLocks/,hosts`), kazoo (`/hosts-lock`), or both.
//!
//! The lock alone protects nothing: every transaction checks the candidates that are created here (the fence).
//! Nobody is ever pushed aside; who is first in the order that the foreign lockers use holds the lock.

use std::time::{Duration, Instant};

use treekeeper_core::model::cluster::{HOSTS_PATH, LockStyle, ROOTS_PATH, STATE_PATH};
use treekeeper_core::model::history::HISTORY_PATH;
use treekeeper_core::model::lock_queue::{KAZOO_LOCK, Queue, ZKTOOLS_LOCK, ZKTOOLS_ROOT};
use treekeeper_core::model::{ZnodePath, printable, quoted};
use treekeeper_core::operation::Failure;
use zookeeper_client::CreateMode;

use super::cluster::fixed;
use super::contenders::{Contender, contender};
use super::error::{is_definite, is_interrupted};
use super::{Session, ZkError};

/// While waiting, the lock is looked at this often even if no watch fires (a watch is a hint).
const WAIT_LOOK: Duration = Duration::from_secs(2);
/// Tries to create one candidate while connections break.
const CREATE_TRIES_MAX: usize = 20;

/// The lock, or the part of it that was taken before somebody else was met.
#[derive(Debug, Default)]
pub struct HeldLock {
    /// Our candidates, in the order in which they were taken.
    pub candidates: Vec<ZnodePath>,
    /// When the first of them was created, in milliseconds since 1970 by the server's clock.
    pub since_ms: i64,
}

/// Creates what is absent of the lock's nodes, of `/hosts` and of the state node; what exists is left as it is.
///
/// # Errors
/// NoAuth, a missing chroot, a lost session, the request deadline.
pub async fn prepare(
    session: &Session,
    style: LockStyle,
    hosts: Option<&[u8]>,
    state: Option<&[u8]>,
) -> Result<(), ZkError> {
    for queue in Queue::of(style) {
        match queue {
            Queue::Zktools => {
                if !exists(session, ZKTOOLS_LOCK).await? {
                    ensure(session, ZKTOOLS_ROOT, b"zktools ZLock dir").await?;
                    ensure(session, ZKTOOLS_LOCK, b"lock").await?;
                }
            }
            Queue::Kazoo => ensure(session, KAZOO_LOCK, b"").await?,
        }
    }
    if let Some(data) = hosts {
        ensure(session, HOSTS_PATH, data).await?;
    }
    if let Some(data) = state {
        ensure(session, "/treekeeper", b"{}").await?;
        ensure(session, STATE_PATH, data).await?;
        ensure(session, ROOTS_PATH, b"{}").await?;
        ensure(session, HISTORY_PATH, b"{}").await?;
    }
    Ok(())
}

pub(super) async fn exists(session: &Session, path: &str) -> Result<bool, ZkError> {
    let stat = session
        .repeat("reading", path, || session.client.check_stat(path))
        .await?;
    Ok(stat.is_some())
}

/// Creates a persistent node; one that is there already is fine, so the request may be repeated.
async fn ensure(session: &Session, path: &str, data: &[u8]) -> Result<(), ZkError> {
    if exists(session, path).await? {
        return Ok(());
    }
    match session.create_absent(path, data).await {
        Err(ZkError::NoNode(_)) if !session.chroot().is_empty() => {
            Err(ZkError::NoChroot(session.chroot().to_owned()))
        }
        other => other.map(drop),
    }
}

/// Takes the lock, waiting at most `wait` for others.
///
/// `lock` receives each candidate as soon as it exists, so that it can be given back whatever happens.
/// Returns `None` when the lock is held, else who holds it; the candidates are then deleted again.
///
/// # Errors
/// NoAuth, a lost session, the request deadline.
pub async fn acquire(
    session: &Session,
    style: LockStyle,
    owner: &str,
    wait: Duration,
    lock: &mut HeldLock,
) -> Result<Option<Failure>, ZkError> {
    let deadline = Instant::now() + wait;
    for queue in Queue::of(style) {
        let (candidate, created_ms) = create_candidate(session, *queue, owner).await?;
        if lock.candidates.is_empty() {
            lock.since_ms = created_ms;
        }
        lock.candidates.push(candidate.clone());
        if let Some(holder) = wait_turn(session, *queue, candidate.name(), deadline, wait).await? {
            // If it cannot be deleted now, it goes with the session, which is closed next.
            let _ = lock.give_back(session).await;
            return Ok(Some(holder));
        }
    }
    Ok(None)
}

impl HeldLock {
    /// Deletes the candidates, the last one first; one that is gone already is fine.
    ///
    /// # Errors
    /// A lost session or the request deadline: the server then deletes them with the session.
    pub async fn give_back(&mut self, session: &Session) -> Result<(), ZkError> {
        while let Some(candidate) = self.candidates.pop() {
            let path = candidate.as_str();
            match session
                .repeat("deleting", path, || session.client.delete(path, None))
                .await
            {
                Ok(()) | Err(ZkError::NoNode(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Creates our node in the queue, and returns when it was created; after a broken connection looks for it before
/// creating another.
async fn create_candidate(session: &Session, queue: Queue, owner: &str) -> Result<(ZnodePath, i64), ZkError> {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let directory = queue.directory();
    let prefix = format!("{directory}/{}", queue.prefix(&id));
    let options = CreateMode::EphemeralSequential.with_acls(session.acls());
    let deadline = Instant::now() + session.request_timeout;
    for _ in 0..CREATE_TRIES_MAX {
        let request = session.client.create(&prefix, owner.as_bytes(), &options);
        match session.once("creating", &prefix, deadline, request).await? {
            Ok((stat, sequence)) => return Ok((fixed(&format!("{prefix}{sequence}")), stat.ctime)),
            Err(error) if is_definite(&error) => {
                return Err(ZkError::of("creating a candidate in", directory, &error));
            }
            Err(error) if is_interrupted(&error) && !session.client.state().is_terminated() => {
                if let Some(found) = find_candidate(session, directory, &id).await? {
                    return Ok(found);
                }
            }
            Err(error) => return Err(ZkError::of("creating a candidate in", directory, &error)),
        }
    }
    Err(ZkError::Other {
        action: format!("creating a candidate in {directory}"),
        reason: format!("the connection broke {CREATE_TRIES_MAX} times"),
    })
}

/// Returns the node that carries our id and is owned by our session.
async fn find_candidate(
    session: &Session,
    directory: &str,
    id: &str,
) -> Result<Option<(ZnodePath, i64)>, ZkError> {
    let names = session
        .repeat("listing", directory, || session.client.list_children(directory))
        .await?;
    for name in names.iter().filter(|name| name.starts_with(id)) {
        let path = format!("{directory}/{name}");
        let stat = session
            .repeat("reading", &path, || session.client.check_stat(&path))
            .await?;
        if let Some(stat) = stat.filter(|stat| stat.ephemeral_owner == session.id()) {
            return Ok(Some((fixed(&path), stat.ctime)));
        }
    }
    Ok(None)
}

/// Waits until our node is first; returns who is before it when the time is over.
async fn wait_turn(
    session: &Session,
    queue: Queue,
    ours: &str,
    deadline: Instant,
    wait: Duration,
) -> Result<Option<Failure>, ZkError> {
    let directory = queue.directory();
    loop {
        let names = session
            .repeat("listing", directory, || session.client.list_children(directory))
            .await?;
        let names = queue.sorted(names);
        let Some(place) = names.iter().position(|name| name == ours) else {
            return Err(ZkError::Other {
                action: "taking the lock".to_owned(),
                reason: format!("our candidate {directory}/{ours} was deleted by somebody else"),
            });
        };
        let Some(before) = place.checked_sub(1) else {
            return Ok(None);
        };
        let remaining = deadline.saturating_duration_since(Instant::now());
        if remaining.is_zero() {
            let holder = contender(session, queue, &names[0]).await?;
            let waited = if wait.is_zero() {
                String::new()
            } else {
                format!(", still after {} s", wait.as_secs())
            };
            return Ok(Some(match holder {
                Some(holder) => describe(&holder, &waited),
                None => Failure::new(format!("somebody held the lock until just now{waited}"))
                    .with_code("TK1008")
                    .with_hint("run the same command again"),
            }));
        }
        let predecessor = format!("{directory}/{}", names[before]);
        let watched = session
            .repeat("watching", &predecessor, || {
                session.client.check_and_watch_stat(&predecessor)
            })
            .await?;
        if let (Some(_), watcher) = watched {
            let _ = tokio::time::timeout(remaining.min(WAIT_LOOK), watcher.changed()).await;
        }
    }
}

/// Says who is in the way, and what can be done about it.
fn describe(holder: &Contender, waited: &str) -> Failure {
    let path = printable(&holder.path);
    let failure = match holder.session {
        Some(session) => Failure::new(format!(
            "the lock is held by {path} (session 0x{session:x}, data {}){waited}",
            quoted(&holder.data)
        ))
        .with_hint(format!(
            "`treekeeper lock show` tells more; to wait for it, add `--lock-wait SECONDS`; if it is stuck: `treekeeper lock break {path}`"
        )),
        None => Failure::new(format!(
            "the lock is held by {path}, left by hand (not ephemeral: it will never expire; data {}){waited}",
            quoted(&holder.data)
        ))
        .with_hint(format!(
            "`treekeeper lock show` tells more; when nobody needs it any more: `treekeeper lock break {path}`"
        )),
    };
    failure.with_code("TK1008")
}
