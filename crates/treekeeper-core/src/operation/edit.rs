//! The plan of an edit by hand: `import`, `set` and `ln`.
//!
//! They pass the same planner, lock and fence as a sync, and never mark `/hosts`.

use super::{Edit, EditOptions, Failure, Scope};
use crate::model::{
    DesiredNode, DesiredTree, LiveTree, NodeData, RootScope, Text, Tree, Value, ZnodePath, decode, encode,
};
use crate::plan::{self, DiffOptions, Plan, Trim};

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
        Edit::Properties(changes) => {
            let desired = with_properties(&options.base, changes, live)?;
            let ancestors = std::iter::successors(options.base.parent(), ZnodePath::parent);
            let diff_options = DiffOptions {
                trim: Trim::Never,
                live_parents: ancestors.filter(|path| !path.is_root()).collect(),
                ..DiffOptions::default()
            };
            Ok(plan::diff(&desired, live, &diff_options))
        }
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
    .with_hint("create it first, or correct the path")
}

/// Returns a tree that holds the one node with its properties changed, and its ancestors as they are.
fn with_properties(
    path: &ZnodePath,
    changes: &[(Text, Value)],
    live_tree: &LiveTree,
) -> Result<DesiredTree, Failure> {
    let node = live_tree.find(path).ok_or_else(|| missing(path))?;
    let mut properties = match decode(&live_tree.content(node).data) {
        NodeData::Properties(properties) => properties,
        raw @ NodeData::Raw(_) => raw.into_properties(),
    };
    for (key, value) in changes {
        properties.set(key.clone(), value.clone());
    }
    let data = encode(&properties).map_err(|error| Failure::new(format!("cannot set {path}: {error}")))?;
    let mut tree = Tree::new(DesiredNode { data: Box::default() });
    let mut live = live_tree.root();
    let mut at = tree.root();
    for name in path.names() {
        live = live_tree
            .child(live, name)
            .unwrap_or_else(|| unreachable!("the node was found"));
        let kept = live_tree.content(live).data.clone().into_boxed_slice();
        at = tree.add(at, name, DesiredNode { data: kept });
    }
    tree.content_mut(at).data = data.into_boxed_slice();
    let roots = path
        .names()
        .next()
        .map(|root| (Box::from(root), RootScope::Keep))
        .into_iter()
        .collect();
    Ok(DesiredTree { tree, roots })
}
