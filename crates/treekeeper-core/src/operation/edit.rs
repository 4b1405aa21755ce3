//! The plan of an edit by hand: `import`, `set` and `ln`.
//!
//! They pass the same planner, lock and fence as a sync, and never mark `/hosts`.

use super::{Edit, EditOptions, Failure, Observed};
use crate::model::{
    DesiredNode, DesiredTree, NodeData, RootScope, Text, Tree, Value, ZnodePath, decode, encode,
};
use crate::plan::{self, DiffOptions, Plan};

/// Returns what must change so that the edit is done.
pub(super) fn plan(options: &EditOptions, observed: &Observed) -> Result<Plan, Failure> {
    match &options.edit {
        Edit::Tree { desired, parents } => {
            for path in parents.iter().chain([&options.base]) {
                if !path.is_root() && observed.tree.find(path).is_none() {
                    return Err(missing(path));
                }
            }
            let diff_options = DiffOptions { base: options.base.clone(), ..DiffOptions::default() };
            Ok(plan::diff(desired, &observed.tree, &diff_options))
        }
        Edit::Properties(changes) => {
            let desired = with_properties(&options.base, changes, observed)?;
            Ok(plan::diff(&desired, &observed.tree, &DiffOptions::default()))
        }
    }
}

fn missing(path: &ZnodePath) -> Failure {
    Failure::new(format!("there is no znode {}", crate::model::printable(path.as_str())))
        .with_hint("create it first, or correct the path")
}

/// Returns a tree that holds the one node with its properties changed, and its ancestors as they are.
fn with_properties(
    path: &ZnodePath,
    changes: &[(Text, Value)],
    observed: &Observed,
) -> Result<DesiredTree, Failure> {
    let node = observed.tree.find(path).ok_or_else(|| missing(path))?;
    let mut properties = match decode(&observed.tree.content(node).data) {
        NodeData::Properties(properties) => properties,
        raw @ NodeData::Raw(_) => raw.into_properties(),
    };
    for (key, value) in changes {
        properties.set(key.clone(), value.clone());
    }
    let data = encode(&properties).map_err(|error| Failure::new(format!("cannot set {path}: {error}")))?;
    let mut tree = Tree::new(DesiredNode { data: Box::default() });
    let mut live = observed.tree.root();
    let mut at = tree.root();
    for name in path.names() {
        live = observed.tree.child(live, name).unwrap_or_else(|| unreachable!("the node was found"));
        let kept = observed.tree.content(live).data.clone().into_boxed_slice();
        at = tree.add(at, name, DesiredNode { data: kept });
    }
    tree.content_mut(at).data = data.into_boxed_slice();
    let roots = path.names().next().map(|root| (Box::from(root), RootScope::Keep)).into_iter().collect();
    Ok(DesiredTree { tree, roots })
}
