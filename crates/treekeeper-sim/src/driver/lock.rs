//! The cluster lock, as `zk::lock` takes it: zktools' queue, kazoo's, or both.

use memkeeper::database::{Create, CreateMode, Delete, ErrorCode, Request, Response, Stat};
use treekeeper_core::model::ZnodePath;
use treekeeper_core::model::cluster::{HOSTS_PATH, LockStyle, ROOTS_PATH, STATE_PATH};
use treekeeper_core::model::history::HISTORY_PATH;
use treekeeper_core::model::lock_queue::{KAZOO_LOCK, Queue, ZKTOOLS_LOCK, ZKTOOLS_ROOT};
use treekeeper_core::operation::Failure;

use super::cluster::fixed;
use super::session::{Session, Trouble};
use crate::sabotage::Bug;
use crate::world::{Lost, MILLISECOND, Micros, SECOND};

/// While waiting, the lock is looked at this often.
const WAIT_LOOK: Micros = 50 * MILLISECOND;
/// Tries to create one candidate while connections break.
const CREATE_TRIES_MAX: usize = 20;

/// Creates what is absent of the lock's nodes, of `/hosts` and of the state node.
pub async fn prepare(
    session: &Session,
    style: LockStyle,
    hosts: Option<&[u8]>,
    state: Option<&[u8]>,
) -> Result<(), Trouble> {
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

async fn exists(session: &Session, path: &str) -> Result<bool, Trouble> {
    Ok(stat(session, path).await?.is_some())
}

async fn stat(session: &Session, path: &str) -> Result<Option<Stat>, Trouble> {
    let request = Request::Exists {
        path: path.to_owned(),
        watch: false,
    };
    match session.repeat("reading", path, request).await {
        Ok(Response::Stat(stat)) => Ok(Some(stat)),
        Ok(_) | Err(Trouble::NoNode(_)) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

async fn ensure(session: &Session, path: &str, data: &[u8]) -> Result<(), Trouble> {
    if exists(session, path).await? {
        return Ok(());
    }
    let request = Request::Create(Create::open(path, data, CreateMode::Persistent));
    match session.repeat("creating", path, request).await {
        Err(Trouble::Other(text)) if text.contains(&ErrorCode::NodeExists.to_string()) => Ok(()),
        other => other.map(drop),
    }
}

/// Takes the lock, waiting at most `wait` for others; returns who holds it if it can't be had.
pub async fn acquire(
    session: &mut Session,
    style: LockStyle,
    wait: Micros,
    candidates: &mut Vec<ZnodePath>,
) -> Result<Option<Failure>, Trouble> {
    let deadline = session.clock() + wait;
    for queue in Queue::of(style) {
        let candidate = create_candidate(session, *queue).await?;
        candidates.push(candidate.clone());
        if let Some(holder) = wait_turn(session, *queue, candidate.name(), deadline).await? {
            let _ = give_back(session, candidates).await;
            return Ok(Some(holder));
        }
    }
    Ok(None)
}

/// Deletes the candidates, the last one first; one that is gone already is fine.
pub async fn give_back(session: &Session, candidates: &mut Vec<ZnodePath>) -> Result<(), Trouble> {
    while let Some(candidate) = candidates.pop() {
        let path = candidate.as_str();
        let request = Request::Delete(Delete {
            path: path.to_owned(),
            version: -1,
        });
        match session.repeat("deleting", path, request).await {
            Ok(_) | Err(Trouble::NoNode(_)) => {}
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(())
}

/// Creates candidates under the names that they had, which no adapter may do ([`Bug::SecondSession`]).
pub async fn make_anew(session: &Session, candidates: &[ZnodePath]) {
    for candidate in candidates {
        let create = Create::open(candidate.as_str(), b"somebody", CreateMode::Ephemeral);
        let _ = session
            .repeat("creating", candidate.as_str(), Request::Create(create))
            .await;
    }
}

/// Creates our node in the queue; after a broken connection looks for it before creating another.
async fn create_candidate(session: &mut Session, queue: Queue) -> Result<ZnodePath, Trouble> {
    let mut id = session.world().draw(|random| random.hexadecimal(32));
    if session.access.bug == Some(Bug::OwnerIgnored) {
        id = "0".repeat(32);
        if let Some(found) = find_candidate(session, queue.directory(), &id).await? {
            return Ok(found);
        }
    }
    let prefix = format!("{}/{}", queue.directory(), queue.prefix(&id));
    let deadline = session.deadline();
    for _ in 0..CREATE_TRIES_MAX {
        let request = Request::Create(Create::open(
            &prefix,
            b"somebody",
            CreateMode::EphemeralSequential,
        ));
        match session
            .once("creating a candidate", request, None, deadline)
            .await?
        {
            Ok(Ok(Response::Created(path, _))) => return Ok(fixed(&path)),
            Ok(Err(code)) if code != ErrorCode::SessionExpired => {
                return Err(Trouble::Other(format!("creating a candidate: {code}")));
            }
            Err(Lost::Connection | Lost::Session) | Ok(_) if session.is_over() => {
                return Err(Trouble::SessionLost("creating a candidate".to_owned()));
            }
            Ok(_) | Err(_) => {}
        }
        if let Some(found) = find_candidate(session, queue.directory(), &id).await? {
            return Ok(found);
        }
    }
    Err(Trouble::Other(
        "creating a candidate: the connection broke too often".to_owned(),
    ))
}

/// Returns the node that carries our id and is owned by our session.
async fn find_candidate(session: &Session, directory: &str, id: &str) -> Result<Option<ZnodePath>, Trouble> {
    for name in children(session, directory)
        .await?
        .iter()
        .filter(|name| name.starts_with(id))
    {
        let path = format!("{directory}/{name}");
        let is_ours = |stat: Stat| {
            stat.ephemeral_owner == session.world().session_id(session.client)
                || session.access.bug == Some(Bug::OwnerIgnored)
        };
        if stat(session, &path).await?.is_some_and(is_ours) {
            return Ok(Some(fixed(&path)));
        }
    }
    Ok(None)
}

async fn children(session: &Session, path: &str) -> Result<Vec<String>, Trouble> {
    let request = Request::GetChildren {
        path: path.to_owned(),
        watch: false,
    };
    match session.repeat("listing", path, request).await? {
        Response::Children(names) => Ok(names),
        other => Err(Trouble::Other(format!("listing {path}: {other:?}"))),
    }
}

/// Waits until our node is first; returns who is before it when the time is over.
async fn wait_turn(
    session: &Session,
    queue: Queue,
    ours: &str,
    deadline: Micros,
) -> Result<Option<Failure>, Trouble> {
    let directory = queue.directory();
    loop {
        let names = queue.sorted(children(session, directory).await?);
        let Some(place) = names.iter().position(|name| name == ours) else {
            return Err(Trouble::Other(
                "taking the lock: our candidate was deleted by somebody else".to_owned(),
            ));
        };
        if place == 0 {
            return Ok(None);
        }
        let remaining = deadline.saturating_sub(session.clock());
        if remaining == 0 {
            return Ok(Some(Failure::new(format!(
                "the lock is held by {directory}/{}",
                names[0]
            ))));
        }
        // A watch is a hint, and may never fire.
        session.world().sleep(remaining.min(WAIT_LOOK).min(SECOND)).await;
    }
}

/// Tells whether any of these candidates is still there.
pub async fn is_any_left(
    session: &Session,
    style: LockStyle,
    candidates: &[ZnodePath],
) -> Result<bool, Trouble> {
    for queue in Queue::of(style) {
        let directory = queue.directory();
        let names = match children(session, directory).await {
            Err(Trouble::NoNode(_)) => continue,
            names => names?,
        };
        let is_ours = |name: &String| {
            let path = format!("{directory}/{name}");
            candidates.iter().any(|candidate| candidate.as_str() == path)
        };
        if names.iter().any(is_ours) {
            return Ok(true);
        }
    }
    Ok(false)
}
