//! What `doctor` asks of ZooKeeper: each a short question with an answer, nothing of it changes a znode.
//!
//! A question that a server does not understand is answered by trying, and by its refusal.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use treekeeper_core::model::cluster::{HOSTS_PATH, STATE_PATH};
use treekeeper_core::model::{ZnodePath, printable};
use zookeeper_client::{AddWatchMode, CreateMode, Error};

use super::four_letters::{ask, listens};
use super::session::split;
use super::{Session, SessionOptions, ZkError};

/// Round trips that are measured.
const ROUND_TRIPS: usize = 5;
/// Managed roots that are asked about: more would only take longer to say the same.
const ROOTS_MAX: usize = 1_000;
/// A data version that no node has.
const NO_VERSION: i32 = i32::MAX;

/// What a server tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// Such as `3.8.4`, with what stands behind it.
    pub release: String,
    /// Such as `leader`.
    pub mode: String,
}

/// A quota on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The node, below the chroot.
    pub path: String,
    /// The limits as stored; safe to print.
    pub limits: String,
    /// What is used, as stored; safe to print.
    pub used: String,
}

/// What a server answered when it was asked for its release.
#[derive(Clone, Debug)]
pub enum ServerAnswer {
    /// It told.
    Facts(ServerFacts),
    /// It is there and does not tell.
    Silent,
    /// Nothing listens there.
    Absent,
}

/// Asks every server of the connection string for its release.
pub async fn servers(options: &SessionOptions) -> Vec<(String, ServerAnswer)> {
    let Ok((servers, _)) = split(&options.connect) else {
        return Vec::new();
    };
    // A port that speaks TLS takes the word for a broken greeting.
    let answers = servers.iter().map(|server| async move {
        let answer = match options.tls {
            Some(_) => None,
            None => ask(server, "srvr").await,
        };
        match answer.as_deref().and_then(facts) {
            Some(facts) => ServerAnswer::Facts(facts),
            None if listens(server).await => ServerAnswer::Silent,
            None => ServerAnswer::Absent,
        }
    });
    let answers = join_all(answers).await;
    servers.into_iter().zip(answers).collect()
}

fn facts(answer: &str) -> Option<ServerFacts> {
    let after = |start: &str| {
        let line = answer.lines().find_map(|line| line.strip_prefix(start))?;
        Some(printable(line.trim()).into_owned())
    };
    let version = after("Zookeeper version: ")?;
    let release = version.split([',', ' ']).next()?.to_owned();
    Some(ServerFacts {
        release,
        mode: after("Mode: ").unwrap_or_default(),
    })
}

/// Returns the median time of a small read.
///
/// # Errors
/// A lost session, a missing chroot, the request deadline.
pub async fn round_trip(session: &Session) -> Result<Duration, ZkError> {
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let started = Instant::now();
        let stat = session
            .repeat("reading", "/", || session.client.check_stat("/"))
            .await?;
        times.push(started.elapsed());
        if stat.is_none() {
            return Err(ZkError::NoChroot(session.chroot().to_owned()));
        }
    }
    times.sort();
    Ok(times[times.len() / 2])
}

/// Tells whether many reads can be one request (3.6).
///
/// # Errors
/// A lost session, the request deadline.
pub async fn reads_many_at_once(session: &Session) -> Result<bool, ZkError> {
    let request = || {
        let mut reader = session.client.new_multi_reader();
        let queued = reader.add_get_children("/");
        async move {
            queued?;
            understood(reader.commit().await.map(drop))
        }
    };
    session.repeat("reading", "/", request).await
}

/// Tells whether watches can last (3.6).
///
/// # Errors
/// A lost session, the request deadline.
pub async fn watches_last(session: &Session) -> Result<bool, ZkError> {
    let request = || async {
        let watcher = session.client.watch(HOSTS_PATH, AddWatchMode::Persistent).await;
        understood(watcher.map(drop))
    };
    session.repeat("watching", HOSTS_PATH, request).await
}

/// A server that denies what was asked has understood it.
fn understood(result: Result<(), Error>) -> Result<bool, Error> {
    match result {
        Ok(()) | Err(Error::NoAuth | Error::NoNode) => Ok(true),
        Err(Error::Unimplemented) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Tells whether a request of so many bytes reaches the server (`jute.maxbuffer`): one that the server must refuse.
///
/// The session may be lost by it.
///
/// # Errors
/// An answer that says neither, the request deadline.
pub async fn takes_bytes(session: &Session, bytes: usize) -> Result<bool, ZkError> {
    let data = vec![0; bytes];
    let mut writer = session.client.new_multi_writer();
    let queued = writer.add_check_version("/", NO_VERSION).and_then(|()| {
        let options = CreateMode::Persistent.with_acls(session.acls());
        // Never created: the check before it fails, and with it all.
        writer.add_create("/treekeeper-doctor", &data, &options)
    });
    queued.map_err(|error| ZkError::of("sending a large request to", "/", &error))?;
    let deadline = Instant::now() + session.request_timeout;
    let answer = session
        .once("sending a large request to", "/", deadline, writer.commit())
        .await?;
    match answer.map_err(Error::from) {
        Err(Error::ConnectionLoss | Error::SessionExpired | Error::Custom(_)) => Ok(false),
        Err(Error::BadVersion | Error::NoAuth | Error::NoNode) => Ok(true),
        Err(error) => Err(ZkError::of("sending a large request to", "/", &error)),
        Ok(_) => Err(ZkError::Other {
            action: "sending a large request".to_owned(),
            reason: format!("/ is at version {NO_VERSION}"),
        }),
    }
}

/// Returns the quotas on these nodes, on a session without a chroot; `chroot` is that of the nodes.
///
/// # Errors
/// NoAuth, a lost session, the request deadline.
pub async fn quotas(bare: &Session, chroot: &str, nodes: &[ZnodePath]) -> Result<Vec<Quota>, ZkError> {
    let mut found = Vec::new();
    for node in nodes.iter().take(ROOTS_MAX) {
        let base = format!("/zookeeper/quota{chroot}{}", node.as_str().trim_end_matches('/'));
        let text = |name: &'static str| {
            let path = format!("{base}/{name}");
            async move {
                match bare
                    .repeat("reading", &path, || bare.client.get_data(&path))
                    .await
                {
                    Ok((data, _)) => Ok(Some(printable(&String::from_utf8_lossy(&data)).into_owned())),
                    Err(ZkError::NoNode(_)) => Ok(None),
                    Err(error) => Err(error),
                }
            }
        };
        if let Some(limits) = text("zookeeper_limits").await? {
            found.push(Quota {
                path: printable(node.as_str()).into_owned(),
                limits,
                used: text("zookeeper_stats").await?.unwrap_or_default(),
            });
        }
    }
    Ok(found)
}

/// Returns when the newest write that can be seen happened, in milliseconds since 1970 by the servers' clock.
///
/// # Errors
/// A lost session, the request deadline.
pub async fn newest_write_ms(session: &Session) -> Result<Option<i64>, ZkError> {
    let mut newest = None;
    for path in ["/", HOSTS_PATH, STATE_PATH] {
        let stat = session
            .repeat("reading", path, || session.client.check_stat(path))
            .await?;
        newest = newest.max(stat.map(|stat| stat.mtime.max(stat.ctime)));
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read_out_of_what_a_server_says() {
        let answer = "Zookeeper version: 3.9.3-c26634f34490bb0ea7a09cc51e05ede3b4e320ee, built on 2024-10-17 23:21 UTC\n\
                      Latency min/avg/max: 0/0.0/0\nMode: follower\nNode count: 5\n";
        let facts = facts(answer).unwrap();
        assert_eq!(facts.release, "3.9.3-c26634f34490bb0ea7a09cc51e05ede3b4e320ee");
        assert_eq!(facts.mode, "follower");
        assert_eq!(
            super::facts("This ZooKeeper instance is not currently serving requests"),
            None
        );
    }
}
