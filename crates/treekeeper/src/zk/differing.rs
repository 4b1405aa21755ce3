//! Reads back what was applied: is every node as the plan left it?

use treekeeper_core::model::{ZnodePath, decode};
use treekeeper_core::operation::Scope;
use treekeeper_core::plan::{Change, Plan};

use super::{ReadMethod, Session, ZkError, observe};

/// Changes read back at once: their nodes are held beside the plan.
const READ_BACK_MAX: usize = 10_000;

/// Reads every node that the plan changed and returns the paths of those that are not as it left them.
pub async fn differing(session: &Session, plan: &Plan) -> Result<Vec<ZnodePath>, ZkError> {
    let mut differing = Vec::new();
    for changes in plan.changes.chunks(READ_BACK_MAX) {
        differing.extend(differing_of(session, changes).await?);
    }
    Ok(differing)
}

async fn differing_of(session: &Session, changes: &[Change]) -> Result<Vec<ZnodePath>, ZkError> {
    let scope = Scope {
        subtrees: Vec::new(),
        nodes: changes.iter().map(|change| change.path().clone()).collect(),
    };
    let live_tree = observe(session, &scope, ReadMethod::Batched).await?;
    let is_as_planned = |change: &Change| {
        let live = live_tree.find(change.path()).map(|node| live_tree.content(node));
        match (change.data(), live) {
            (None, live) => live.is_none(),
            (Some(_), None) => false,
            (Some(planned), Some(live)) => *planned == *live.data || decode(planned) == decode(&live.data),
        }
    };
    let differing = changes.iter().filter(|change| !is_as_planned(change));
    Ok(differing.map(|change| change.path().clone()).collect())
}
