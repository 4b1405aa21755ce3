//! Reads the cluster's own nodes: `/hosts`, the hosts, and treekeeper's state.

use std::collections::BTreeSet;
use std::time::Instant;

use treekeeper_core::model::cluster::{
    ClusterReading, HOSTS_PATH, Host, HostsNode, ROOTS_PATH, STATE_PATH, StateReading,
};
use treekeeper_core::model::history::{self, HISTORY_PATH};
use treekeeper_core::model::links::{self, Known, LinkError};
use treekeeper_core::model::{
    ClusterVersion, DataVersion, LiveTree, Properties, Value, ZnodePath, Zxid, decode, printable,
};
use treekeeper_core::operation::{Depth, Scope};
use zookeeper_client::{Error, MultiReadResult};

use super::observe::{ReadMethod, observe};
use super::{Session, ZkError};

/// Links followed for one answer, each a read.
const LINK_READS_MAX: usize = 1_000;
/// Hosts above which `/hosts` is taken for damaged (RELIABILITY.md G3).
const HOSTS_MAX: usize = 100_000;

/// Reads `/hosts` and the state in one round trip, and the hosts, if they are wanted and there are any, in one more.
///
/// Of a stopped cluster the hosts are read in any case, as well as it goes: whoever is refused wants to know why.
///
/// # Errors
/// NoAuth on one of them, a missing chroot, a lost session, the request deadline.
pub async fn read_cluster(session: &Session, depth: Depth) -> Result<ClusterReading, ZkError> {
    let first = read_own_nodes(session, depth).await?;
    let is_stopped = first
        .hosts_node
        .as_ref()
        .is_some_and(|node| node.version == Ok(ClusterVersion::Stop));
    let hosts = match depth {
        _ if first.names.is_empty() => Vec::new(),
        Depth::Hosts => read_hosts(session, first.names).await?,
        Depth::Versions if is_stopped => read_hosts(session, first.names).await.unwrap_or_default(),
        Depth::Versions => Vec::new(),
    };
    Ok(ClusterReading {
        hosts_node: first.hosts_node,
        hosts,
        state: first.state,
        history: first.history,
    })
}

struct OwnNodes {
    hosts_node: Option<HostsNode>,
    names: Vec<String>,
    state: StateReading,
    history: Option<BTreeSet<u64>>,
}

async fn read_own_nodes(session: &Session, depth: Depth) -> Result<OwnNodes, ZkError> {
    let request = || {
        let mut reader = session.client.new_multi_reader();
        let queued = reader
            .add_get_data(HOSTS_PATH)
            .and_then(|()| reader.add_get_children(HOSTS_PATH))
            .and_then(|()| reader.add_get_data(STATE_PATH))
            .and_then(|()| reader.add_get_data("/"))
            .and_then(|()| reader.add_get_data(ROOTS_PATH))
            .and_then(|()| match depth {
                Depth::Versions => Ok(()),
                Depth::Hosts => reader.add_get_children(HISTORY_PATH),
            });
        async move {
            queued?;
            match reader.commit().await {
                Err(Error::Unimplemented) => Ok(None),
                other => other.map(Some),
            }
        }
    };
    let Some(results) = session.repeat("reading", HOSTS_PATH, request).await? else {
        return read_own_nodes_singly(session, depth).await;
    };
    let mut own = OwnNodes {
        hosts_node: None,
        names: Vec::new(),
        state: StateReading::Absent,
        history: None,
    };
    let mut roots = None;
    for (index, result) in results.into_iter().enumerate() {
        let path = [HOSTS_PATH, HOSTS_PATH, STATE_PATH, "/", ROOTS_PATH, HISTORY_PATH]
            .get(index)
            .copied()
            .unwrap_or("/");
        match result {
            MultiReadResult::Data { data, stat } if index == 0 => {
                let node = HostsNode::new(&data, DataVersion(stat.version));
                own.hosts_node = Some(node.modified(stat.mtime));
            }
            MultiReadResult::Data { data, stat } if index == 2 => {
                own.state = StateReading::new(&data, DataVersion(stat.version), Zxid(stat.czxid));
            }
            MultiReadResult::Data { data, stat } if index == 4 => {
                roots = Some((data, DataVersion(stat.version)));
            }
            MultiReadResult::Children { children } if index == 1 => own.names = children,
            MultiReadResult::Children { children } => own.history = Some(numbers(&children)),
            MultiReadResult::Error { err: Error::NoNode } if index == 3 => {
                return Err(ZkError::NoChroot(session.chroot().to_owned()));
            }
            // Whether the root of the chroot may be read is of no interest, only whether it is there.
            MultiReadResult::Error { err: Error::NoAuth } if index == 3 => {}
            MultiReadResult::Error { err: Error::NoNode } => {}
            MultiReadResult::Error { err } => return Err(ZkError::of("reading", path, &err)),
            _ => {}
        }
    }
    let roots = roots.as_ref().map(|(data, version)| (data.as_slice(), *version));
    own.state = own.state.with_roots(roots);
    Ok(own)
}

/// The same on a server before 3.6.
async fn read_own_nodes_singly(session: &Session, depth: Depth) -> Result<OwnNodes, ZkError> {
    let scope = Scope {
        subtrees: Vec::new(),
        nodes: vec![fixed(HOSTS_PATH), fixed(STATE_PATH), fixed(ROOTS_PATH)],
    };
    let observed = observe(session, &scope, ReadMethod::Single).await?;
    let node = |path: &str| {
        let id = observed.find(&fixed(path))?;
        let node = observed.content(id);
        (node.version.0 >= 0).then_some(node)
    };
    let hosts_node = node(HOSTS_PATH).map(|node| HostsNode::new(&node.data, node.version));
    let state = node(STATE_PATH).map_or(StateReading::Absent, |node| {
        StateReading::new(&node.data, node.version, node.czxid)
    });
    let state = state.with_roots(node(ROOTS_PATH).map(|node| (node.data.as_slice(), node.version)));
    let names = if hosts_node.is_some() {
        session
            .repeat("listing", HOSTS_PATH, || session.client.list_children(HOSTS_PATH))
            .await?
    } else {
        Vec::new()
    };
    let history = match depth {
        Depth::Versions => None,
        Depth::Hosts => {
            let list = || session.client.list_children(HISTORY_PATH);
            match session.repeat("listing", HISTORY_PATH, list).await {
                Ok(names) => Some(numbers(&names)),
                Err(ZkError::NoNode(_)) => None,
                Err(error) => return Err(error),
            }
        }
    };
    Ok(OwnNodes {
        hosts_node,
        names,
        state,
        history,
    })
}

fn numbers(names: &[String]) -> BTreeSet<u64> {
    names.iter().filter_map(|name| history::number(name)).collect()
}

async fn read_hosts(session: &Session, mut names: Vec<String>) -> Result<Vec<Host>, ZkError> {
    if names.len() > HOSTS_MAX {
        return Err(ZkError::Other {
            action: "reading /hosts".to_owned(),
            reason: format!("{} hosts, more than {HOSTS_MAX}", names.len()),
        });
    }
    names.sort();
    let nodes = names.iter().map(|name| fixed(HOSTS_PATH).join(name)).collect();
    let scope = Scope {
        subtrees: Vec::new(),
        nodes,
    };
    let observed = observe(session, &scope, ReadMethod::Batched).await?;
    let mut hosts = Vec::with_capacity(names.len());
    for name in names {
        let path = fixed(HOSTS_PATH).join(&name);
        // A host that went between the two reads is not counted (RELIABILITY.md F31).
        let Some(properties) = properties_at(&observed, &path) else {
            continue;
        };
        let version = match properties.get("version") {
            Some(value) => Some(ClusterVersion::from_value(value)),
            None if properties.get("version =>").is_some() => linked_version(session, &path).await?,
            None => None,
        };
        let error = properties.get("error").map(shown);
        hosts.push(Host {
            name: printable(&name).into_owned(),
            version,
            error,
        });
    }
    Ok(hosts)
}

fn properties_at(tree: &LiveTree, path: &ZnodePath) -> Option<Properties> {
    Some(decode(&tree.content(tree.find(path)?).data).into_properties())
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => printable(&text.to_str_lossy()).into_owned(),
        other => {
            let mut json = Vec::new();
            treekeeper_core::model::write_json(other, &mut json);
            String::from_utf8_lossy(&json).into_owned()
        }
    }
}

/// Follows a host's property link to its version (TREE_FORMAT.md 8.5); a broken link is no version.
async fn linked_version(session: &Session, path: &ZnodePath) -> Result<Option<ClusterVersion>, ZkError> {
    let found = read_links(session, |known| links::property(path.as_str(), "version", known)).await;
    match found {
        Ok(found) => Ok(found.ok().map(|value| ClusterVersion::from_value(&value))),
        Err(gone @ (ZkError::SessionLost(_) | ZkError::Deadline { .. })) => Err(gone),
        // A link to what may not or cannot be read is a broken link: it must not hold up every sync.
        Err(_) => Ok(None),
    }
}

/// Answers a question about links, reading each node that it needs.
///
/// `ask` is called again with more nodes known until it no longer needs one.
///
/// # Errors
/// NoAuth on a node on the way, a lost session, the request deadline; the inner result is the question's own.
pub async fn read_links<T>(
    session: &Session,
    mut ask: impl FnMut(&Known) -> Result<T, LinkError>,
) -> Result<Result<T, LinkError>, ZkError> {
    let mut known = Known::default();
    let deadline = Instant::now() + session.request_timeout;
    for _ in 0..LINK_READS_MAX {
        match ask(&known) {
            Err(LinkError::Need(path)) => {
                let node = session
                    .once("reading", path.as_str(), deadline, read_known(session, &path))
                    .await??;
                known.learn(path, node);
            }
            answer => return Ok(answer),
        }
    }
    Err(ZkError::Other {
        action: "following links".to_owned(),
        reason: format!("more than {LINK_READS_MAX} reads"),
    })
}

async fn read_known(session: &Session, path: &ZnodePath) -> Result<Option<Properties>, ZkError> {
    // What no server can hold is not there.
    if ZnodePath::parse(path.as_str()).is_err() {
        return Ok(None);
    }
    match session
        .repeat("reading", path.as_str(), || {
            session.client.get_data(path.as_str())
        })
        .await
    {
        Ok((data, _)) => Ok(Some(decode(&data).into_properties())),
        Err(ZkError::NoNode(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn fixed(path: &str) -> ZnodePath {
    ZnodePath::parse(path).unwrap_or_else(|_| unreachable!("a constant path"))
}
