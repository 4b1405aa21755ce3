//! The plan of an edit by hand: `import`, `set` and `ln`.
//!
//! They pass the same planner, lock and fence as a sync, and never mark `/hosts`.

use super::{Edit, EditOptions, Failure, Scope};
use crate::model::{LiveTree, Text, Value, ZnodePath, decode, encode};
use crate::plan::{self, Change, DiffOptions, Plan};

/// Returns what must change so that the edit is done.
pub(super) fn plan(options: &EditOptions, live: &LiveTree) -> Result<Plan, Failure> {
    match &options.edit {
        Edit::Tree(graft, trim) => {
            let diff_options = DiffOptions {
                base: options.base.clone(),
                trim: *trim,
                live_parents: graft.live_parents.clone(),
                ..DiffOptions::default()
            };
            Ok(plan::diff(&graft.desired, live, &diff_options))
        }
        Edit::Properties(changes) => with_properties(&options.base, changes, live),
    }
}

/// Returns what must be read for that.
pub(super) fn scope(options: &EditOptions) -> Scope {
    match &options.edit {
        Edit::Tree(graft, _) => {
            let tree = &graft.desired.tree;
            let children = tree.children(tree.root()).iter();
            Scope {
                subtrees: children
                    .map(|child| options.base.join(tree.name(*child)))
                    .collect(),
                nodes: vec![options.base.clone()],
            }
        }
        Edit::Properties(_) => Scope {
            subtrees: Vec::new(),
            nodes: vec![options.base.clone()],
        },
    }
}

fn missing(path: &ZnodePath) -> Failure {
    Failure::new(format!(
        "there is no znode {}",
        crate::model::printable(path.as_str())
    ))
    .with_code("TK1106")
    .with_hint("create it first, or correct the path")
}

/// Returns the plan that changes these properties of one node, the root included, and nothing else.
fn with_properties(path: &ZnodePath, changes: &[(Text, Value)], live: &LiveTree) -> Result<Plan, Failure> {
    let node = live.content(live.find(path).ok_or_else(|| missing(path))?);
    let mut properties = decode(&node.data).into_properties();
    for (key, value) in changes {
        properties.set(key.clone(), value.clone());
    }
    let shown = crate::model::printable(path.as_str());
    let data = encode(&properties).map_err(|error| Failure::new(format!("cannot set {shown}: {error}")))?;
    let mut plan = Plan {
        managed: 1,
        ..Plan::default()
    };
    if decode(&data) == decode(&node.data) {
        plan.unchanged = 1;
    } else {
        plan.changes.push(Change::Set {
            path: path.clone(),
            data: data.into(),
            old: node.data.clone(),
            version: node.version,
            czxid: node.czxid,
        });
    }
    Ok(plan)
}
