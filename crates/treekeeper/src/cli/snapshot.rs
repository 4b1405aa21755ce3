//! `export --snapshot`, and the snapshot that `plan --against` reads: the live tree in a file, secrets hashed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use treekeeper_core::model::cluster::ClusterReading;
use treekeeper_core::model::{RESERVED_ROOTS, Veil, ZnodePath, printable};
use treekeeper_core::operation::{Depth, Scope, Timestamp, unusable};
use treekeeper_core::snapshot::Snapshot;

use super::args::ExportArgs;
use super::data::znode_path;
use super::private_file::{random_key, replace};
use super::setup::{Setup, actor};
use super::ui::{self, Exit, Problem};
use crate::zk::{self, ReadMethod, Session};

/// A file that is larger is no snapshot of a tree within the limits.
const BYTES_MAX: u64 = 1 << 30;

/// How often the tree is read again because somebody synced meanwhile.
const READS_MAX: usize = 5;

/// Writes a snapshot of the managed tree, and of what `options` names besides.
pub fn export(setup: &Setup, options: &ExportArgs, file: &Path) -> Result<Exit, Problem> {
    let besides = znode_path(&options.path)?;
    let snapshot = setup.block_on(async {
        let session = setup.open().await?;
        let snapshot = take(setup, &session, &besides).await;
        session.close().await;
        snapshot
    })?;
    let text = snapshot.to_text();
    if file == Path::new("-") {
        ui::print_bytes(text.as_bytes())?;
    } else {
        replace(file, text.as_bytes()).map_err(|error| {
            Problem::error(format!("cannot write {}: {error}", shown(file)))
                .with_code("TK1209")
                .with_hint(
                    "name a file in a directory that can be written to: `treekeeper export --snapshot FILE`",
                )
        })?;
    }
    if !setup.quiet {
        let roots = snapshot.live.children(snapshot.live.root()).len();
        ui::say(&format!(
            "Snapshot: {}, {roots} of them top-level; secrets hashed.",
            ui::counted(snapshot.live.len(), "znode"),
        ));
    }
    Ok(Exit::Done)
}

/// Reads the cluster around the tree: if a sync was faster, both are read again.
async fn take(setup: &Setup, session: &Session, besides: &ZnodePath) -> Result<Snapshot, Problem> {
    for _ in 0..READS_MAX {
        let cluster = zk::read_cluster(session, Depth::Hosts).await?;
        if let Some(failure) = unusable(&cluster) {
            return Err(failure.into());
        }
        let roots = wanted_roots(&cluster, besides)?;
        let (held, others): (BTreeSet<String>, BTreeSet<String>) = zk::top_level(session)
            .await?
            .into_iter()
            .filter(|name| !RESERVED_ROOTS.contains(&name.as_str()))
            .partition(|name| roots.contains(name));
        if let Some(absent) = besides.names().next().filter(|name| !held.contains(*name)) {
            return Err(zk::ZkError::NoNode(format!("/{absent}")).into());
        }
        let subtrees = held.iter().map(|name| ZnodePath::root().join(name)).collect();
        let scope = Scope {
            subtrees,
            nodes: Vec::new(),
        };
        let live = zk::observe(session, &scope, ReadMethod::Batched).await?;
        let after = zk::read_cluster(session, Depth::Hosts).await?;
        if (&after.hosts_node, &after.state) == (&cluster.hosts_node, &cluster.state) {
            let taken = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            let veil = Veil::new(random_key(), setup.config.secrets.names.clone());
            return Ok(Snapshot::new(taken, actor(), veil, cluster, others, live));
        }
    }
    Err(Problem::error("syncs kept changing the tree while it was read")
        .with_code("TK1009")
        .with_hint("run the same command again when no sync goes on: `treekeeper lock show` tells"))
}

/// Returns the top-level znodes that are managed, or were, and the one that is asked for besides.
fn wanted_roots(cluster: &ClusterReading, besides: &ZnodePath) -> Result<BTreeSet<String>, Problem> {
    let mut roots: BTreeSet<String> = match cluster.state.state() {
        Some(state) => state.roots.union(&state.orphans).cloned().collect(),
        None => BTreeSet::new(),
    };
    if let Some(top) = besides.names().next() {
        if RESERVED_ROOTS.contains(&top) {
            return Err(Problem::error(format!(
                "/{} is reserved, and no plan is about it",
                printable(top)
            ))
            .with_code("TK1010")
            .with_exit(Exit::Refused));
        }
        roots.insert(top.to_owned());
    }
    Ok(roots)
}

/// Reads a snapshot; `-` is standard input.
///
/// # Errors
/// A file that cannot be read or is none.
pub fn read(file: &Path) -> Result<Snapshot, Problem> {
    let unreadable = |reason: String| {
        Problem::error(format!("cannot read the snapshot {}: {reason}", shown(file)))
            .with_code("TK1123")
            .with_hint("take one: `treekeeper export --snapshot FILE`")
    };
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(BYTES_MAX + 1)
            .read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|opened| opened.take(BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    let length = read.map_err(|error| unreadable(error.to_string()))?;
    if length as u64 > BYTES_MAX {
        return Err(unreadable("it is larger than any snapshot".to_owned()));
    }
    Snapshot::parse(&bytes).map_err(|error| unreadable(error.to_string()))
}

fn shown(file: &Path) -> String {
    printable(&file.to_string_lossy()).into_owned()
}
