//! Reads the cluster's own nodes, as `zk::read_cluster` does.

use std::collections::BTreeSet;

use memkeeper::database::{ErrorCode, MultiResult, Reads, Request, Response};
use treekeeper_core::model::cluster::{
    ClusterReading, HOSTS_PATH, Host, HostsNode, ROOTS_PATH, STATE_PATH, StateReading,
};
use treekeeper_core::model::history::{self, HISTORY_PATH};
use treekeeper_core::model::{ClusterVersion, DataVersion, ZnodePath, Zxid, decode, printable};
use treekeeper_core::operation::{Depth, Scope};

use super::observe::observe;
use super::session::{Session, Trouble};
use crate::world::Sent;

/// Reads `/hosts` and the state in one round trip, and the hosts in one more.
pub async fn read_cluster(session: &Session, depth: Depth) -> Result<ClusterReading, Trouble> {
    let (hosts_node, names, state, history) = read_own_nodes(session, depth).await?;
    let hosts = if names.is_empty() || depth == Depth::Versions {
        Vec::new()
    } else {
        read_hosts(session, names).await?
    };
    if let Some(operation) = session.operation() {
        session
            .world()
            .tell(|checker| checker.read_cluster_ends(operation));
    }
    Ok(ClusterReading {
        hosts_node,
        hosts,
        state,
        history,
    })
}

type OwnNodes = (
    Option<HostsNode>,
    Vec<String>,
    StateReading,
    Option<BTreeSet<u64>>,
);

async fn read_own_nodes(session: &Session, depth: Depth) -> Result<OwnNodes, Trouble> {
    let data = |path: &str| Reads::Data(path.to_owned());
    let mut reads = vec![
        data(HOSTS_PATH),
        Reads::Children(HOSTS_PATH.to_owned()),
        data(STATE_PATH),
        data(ROOTS_PATH),
    ];
    if depth == Depth::Hosts {
        reads.push(Reads::Children(HISTORY_PATH.to_owned()));
    }
    let request = Request::MultiRead(reads);
    let sent = session.operation().map(Sent::Reading);
    let Response::Multi(results) = session.repeat_as("reading", HOSTS_PATH, request, sent).await? else {
        return Err(Trouble::Other("an answer to another question".to_owned()));
    };
    let (mut hosts_node, mut names, mut state, mut roots) = (None, Vec::new(), StateReading::Absent, None);
    let mut entries = None;
    for (index, result) in results.into_iter().enumerate() {
        match (index, result) {
            (0, MultiResult::Data(data, stat)) => {
                hosts_node = Some(HostsNode::new(&data, DataVersion(stat.version)));
            }
            (1, MultiResult::Children(children)) => names = children,
            (2, MultiResult::Data(data, stat)) => {
                state = StateReading::new(&data, DataVersion(stat.version), Zxid(stat.czxid));
            }
            (4, MultiResult::Children(children)) => {
                entries = Some(children.iter().filter_map(|name| history::number(name)).collect());
            }
            (3, MultiResult::Data(data, stat)) => roots = Some((data, DataVersion(stat.version))),
            (_, MultiResult::Error(Some(ErrorCode::NoNode))) => {}
            (_, other) => return Err(Trouble::Other(format!("reading {HOSTS_PATH}: {other:?}"))),
        }
    }
    let state = state.with_roots(roots.as_ref().map(|(data, version)| (&data[..], *version)));
    Ok((hosts_node, names, state, entries))
}

async fn read_hosts(session: &Session, mut names: Vec<String>) -> Result<Vec<Host>, Trouble> {
    names.sort();
    let path = |name: &String| fixed(HOSTS_PATH).join(name);
    let scope = Scope {
        subtrees: Vec::new(),
        nodes: names.iter().map(path).collect(),
    };
    let observed = observe(session, &scope).await?;
    let host = |name: &String| {
        let node = observed.find(&path(name))?;
        let properties = decode(&observed.content(node).data).into_properties();
        Some(Host {
            name: printable(name).into_owned(),
            version: properties.get("version").map(ClusterVersion::from_value),
            error: None,
        })
    };
    Ok(names.iter().filter_map(host).collect())
}

/// Returns a path that is known to be one.
pub fn fixed(path: &str) -> ZnodePath {
    ZnodePath::parse(path).unwrap_or_else(|_| unreachable!("a path of the simulator"))
}
