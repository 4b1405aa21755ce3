//! Reads subtrees by multi-reads, as `zk::observe` does, in batches so small that others come between.

use std::collections::VecDeque;

use memkeeper::database::{ErrorCode, MultiResult, Reads, Request, Response};
use treekeeper_core::model::{DataVersion, LiveNode, LiveTree, NodeId, Tree, ZnodePath, Zxid, decode};
use treekeeper_core::operation::Scope;
use treekeeper_core::plan::{Change, Plan};

use super::session::{Session, Trouble};

/// Something still to be read.
struct Pending {
    node: NodeId,
    path: String,
    is_children: bool,
    descends: bool,
}

/// Reads what `scope` names.
pub async fn observe(session: &Session, scope: &Scope) -> Result<LiveTree, Trouble> {
    let mut tree: LiveTree = Tree::new(LiveNode::unread());
    let mut pending = VecDeque::new();
    for (paths, descends) in [(&scope.subtrees, true), (&scope.nodes, false)] {
        for path in paths {
            let node = place(&mut tree, path);
            pending.push_back(Pending {
                node,
                path: path.as_str().to_owned(),
                is_children: false,
                descends,
            });
        }
    }
    while !pending.is_empty() {
        let count = session.world().between(1, 8).min(pending.len() as u64) as usize;
        let batch: Vec<Pending> = pending.drain(..count).collect();
        let reads = batch.iter().map(|pending| match pending.is_children {
            true => Reads::Children(pending.path.clone()),
            false => Reads::Data(pending.path.clone()),
        });
        let request = Request::MultiRead(reads.collect());
        let path = batch[0].path.clone();
        let Response::Multi(results) = session.repeat("reading", &path, request).await? else {
            return Err(Trouble::Other("an answer to another question".to_owned()));
        };
        for (asked, result) in batch.into_iter().zip(results) {
            take(&mut tree, &mut pending, asked, result)?;
        }
    }
    Ok(tree)
}

/// Returns the path's node; it and its ancestors stand in the tree unread.
fn place(tree: &mut LiveTree, path: &ZnodePath) -> NodeId {
    let mut at = tree.root();
    for name in path.names() {
        at = match tree.child(at, name) {
            Some(child) => child,
            None => tree.add(at, name, LiveNode::unread()),
        };
    }
    at
}

/// Puts what was found into the tree and queues what it calls for.
fn take(
    tree: &mut LiveTree,
    pending: &mut VecDeque<Pending>,
    asked: Pending,
    result: MultiResult,
) -> Result<(), Trouble> {
    let Pending {
        node, path, descends, ..
    } = asked;
    match result {
        MultiResult::Error(Some(ErrorCode::NoNode)) => {
            if node != tree.root() {
                tree.detach(node);
            }
        }
        MultiResult::Data(data, stat) => {
            *tree.content_mut(node) = LiveNode {
                data: data.to_vec().into(),
                version: DataVersion(stat.version),
                czxid: Zxid(stat.czxid),
                mzxid: Zxid(stat.mzxid),
                mtime_ms: stat.mtime,
                ephemeral_owner: (stat.ephemeral_owner != 0).then_some(stat.ephemeral_owner),
            };
            if stat.num_children > 0 && descends {
                pending.push_back(Pending {
                    node,
                    path,
                    is_children: true,
                    descends,
                });
            }
        }
        MultiResult::Children(mut names) => {
            names.sort_unstable();
            for name in names {
                let path = format!("{path}/{name}");
                let node = tree.add(node, name, LiveNode::unread());
                pending.push_back(Pending {
                    node,
                    path,
                    is_children: false,
                    descends,
                });
            }
        }
        other => return Err(Trouble::Other(format!("reading {path}: {other:?}"))),
    }
    Ok(())
}

/// Reads every node that the plan changed and returns the paths of those that are not as it left them.
pub async fn differing(session: &Session, plan: &Plan) -> Result<Vec<ZnodePath>, Trouble> {
    let nodes: Vec<ZnodePath> = plan.changes.iter().map(|change| change.path().clone()).collect();
    let live_tree = observe(
        session,
        &Scope {
            subtrees: Vec::new(),
            nodes,
        },
    )
    .await?;
    let is_as_planned = |change: &Change| {
        let live = live_tree.find(change.path()).map(|node| live_tree.content(node));
        match (change.data(), live) {
            (None, live) => live.is_none(),
            (Some(_), None) => false,
            (Some(planned), Some(live)) => *planned == *live.data || decode(planned) == decode(&live.data),
        }
    };
    let differing = plan.changes.iter().filter(|change| !is_as_planned(change));
    Ok(differing.map(|change| change.path().clone()).collect())
}
