//! Turns the draft of a tree into the desired tree: encodes each node once and asks for the limits of the sum.
//!
//! Knows nothing of overlays.

use std::collections::BTreeMap;

use super::draft::{Draft, DraftId, Drafts, Place};
use super::join::{Joined, property_place};
use super::refusal::{self, Limit, Sources};
use super::{Graft, LayerLimits};
use crate::model::{
    DesiredNode, DesiredTree, EncodeError, NodeId, PieceBuilder, RootScope, Span, Tree, ZnodePath,
    encode_entries,
};
use crate::treefile::{Diagnostic, FileProperty};

/// Returns what the draft desires, or everything that is wrong with the files.
pub(super) fn finish(
    joined: Joined,
    base: &ZnodePath,
    limits: &LayerLimits,
) -> Result<Graft, Vec<Diagnostic>> {
    let Joined {
        mut drafts,
        sources,
        diagnostics,
    } = joined;
    let mut finisher = Finisher {
        sources: &sources,
        limits,
        diagnostics,
        data: PieceBuilder::default(),
        live_parents: Vec::new(),
    };
    let roots = roots(&drafts);
    let places = finisher.tree(&mut drafts, base);
    if finisher.diagnostics.is_empty() {
        let data = std::mem::take(&mut finisher.data).finish();
        let tree = places.map(|place| DesiredNode {
            data: data.part(place),
        });
        let live_parents = finisher.live_parents.iter().map(|id| tree.path(*id)).collect();
        Ok(Graft {
            desired: DesiredTree { tree, roots },
            live_parents,
        })
    } else {
        Err(finisher.diagnostics)
    }
}

fn roots(drafts: &Drafts) -> BTreeMap<Box<str>, RootScope> {
    let scope = |trim| if trim { RootScope::Trim } else { RootScope::Keep };
    let tops = drafts.nodes[0].children.iter().map(|child| &drafts.nodes[*child]);
    tops.map(|top| (top.name.clone(), scope(top.trim))).collect()
}

struct Finisher<'a> {
    sources: &'a Sources,
    limits: &'a LayerLimits,
    diagnostics: Vec<Diagnostic>,
    /// All nodes' encoded data.
    data: PieceBuilder,
    live_parents: Vec<NodeId>,
}

/// A node whose turn comes.
struct Step {
    draft: DraftId,
    parent: NodeId,
    depth: usize,
    path_bytes: usize,
}

impl Finisher<'_> {
    /// Returns the tree, with the place of each node's data.
    fn tree(&mut self, drafts: &mut Drafts, base: &ZnodePath) -> Tree<Span> {
        let all = drafts.nodes.iter().skip(1).filter(|draft| draft.defined).count();
        let mut tree = Tree::with_capacity(Span::default(), all);
        let base_bytes = if base.is_root() { 0 } else { base.as_str().len() };
        let top = Step {
            draft: 0,
            parent: tree.root(),
            depth: base.names().count(),
            path_bytes: base_bytes,
        };
        self.check_child_names(drafts, 0);
        let mut stack = Vec::new();
        push_children(drafts, &top, tree.root(), &mut stack);
        let mut znodes = 0;
        while let Some(step) = stack.pop() {
            if drafts.nodes[step.draft].defined {
                znodes += 1;
            }
            if drafts.nodes[step.draft].defined && znodes == self.limits.znodes + 1 {
                let place = drafts.nodes[step.draft].place;
                self.refuse(
                    drafts,
                    step.draft,
                    place,
                    Limit::Znodes,
                    (all, self.limits.znodes),
                );
            }
            self.check(drafts, &step);
            let data = self.data(drafts, step.draft);
            let Draft { name, defined, .. } = &drafts.nodes[step.draft];
            let id = tree.add(step.parent, name, data);
            if !*defined {
                self.live_parents.push(id);
            }
            push_children(drafts, &step, id, &mut stack);
        }
        tree
    }

    /// Asks for the limits at one node; a limit of paths is told where a branch first exceeds it.
    fn check(&mut self, drafts: &Drafts, step: &Step) {
        let (limits, place) = (self.limits, drafts.nodes[step.draft].place);
        let name_bytes = drafts.nodes[step.draft].name.len() + 1;
        if step.depth == limits.depth + 1 {
            self.refuse(
                drafts,
                step.draft,
                place,
                Limit::Depth,
                (step.depth, limits.depth),
            );
        }
        if step.path_bytes > limits.path_bytes && step.path_bytes - name_bytes <= limits.path_bytes {
            self.refuse(
                drafts,
                step.draft,
                place,
                Limit::Path,
                (step.path_bytes, limits.path_bytes),
            );
        }
        self.check_child_names(drafts, step.draft);
    }

    fn check_child_names(&mut self, drafts: &Drafts, id: DraftId) {
        let children = &drafts.nodes[id].children;
        let bytes: usize = children.iter().map(|child| drafts.nodes[*child].name.len()).sum();
        let Some(last) = children.last().filter(|_| bytes > self.limits.child_names_bytes) else {
            return;
        };
        let place = if id == 0 {
            drafts.nodes[*last].place
        } else {
            drafts.nodes[id].place
        };
        self.refuse(
            drafts,
            id,
            place,
            Limit::ChildNames,
            (bytes, self.limits.child_names_bytes),
        );
    }

    fn refuse(&mut self, drafts: &Drafts, id: DraftId, place: Place, limit: Limit, numbers: (usize, usize)) {
        let path = if id == 0 { "/".to_owned() } else { drafts.path(id) };
        self.diagnostics
            .push(refusal::limit(self.sources, place, limit, &path, numbers));
    }

    /// Encodes the data of a node, whose properties are gone afterwards, and returns their place.
    fn data(&mut self, drafts: &mut Drafts, id: DraftId) -> Span {
        if !drafts.nodes[id].defined {
            return Span::default();
        }
        let (properties, owners) = sorted_properties(&mut drafts.nodes[id]);
        let place = drafts.nodes[id].place;
        let entries = properties.iter().map(|property| (&property.key, &property.value));
        match self.data.add(|out| encode_entries(entries, out)) {
            Ok(span) => {
                let numbers = ((span.1 - span.0) as usize, self.limits.node_data_bytes);
                if numbers.0 > numbers.1 {
                    self.refuse(drafts, id, place, Limit::Data, numbers);
                }
                span
            }
            Err(error) => {
                let key = match &error {
                    EncodeError::StringValueNotBytes => "string_value",
                    EncodeError::NotUtf8 { key } => key,
                };
                let index = properties
                    .iter()
                    .position(|property| property.key.to_str_lossy() == key);
                let place = index.map_or(place, |index| {
                    let owner = owners.get(index).copied().unwrap_or(place.file);
                    property_place(owner, &properties[index])
                });
                self.diagnostics.push(refusal::not_encodable(
                    self.sources,
                    place,
                    &drafts.path(id),
                    &error,
                ));
                Span::default()
            }
        }
    }
}

/// Takes the properties out of a draft, in the order of their keys, and the file of each as [`Draft::owners`] has it.
fn sorted_properties(draft: &mut Draft) -> (Vec<FileProperty>, Vec<u32>) {
    let mut properties = std::mem::take(&mut draft.properties);
    let owners = std::mem::take(&mut draft.owners);
    if owners.is_empty() {
        properties.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        return (properties, owners);
    }
    let mut owned: Vec<_> = properties.into_iter().zip(owners).collect();
    owned.sort_unstable_by(|left, right| left.0.key.cmp(&right.0.key));
    owned.into_iter().unzip()
}

/// Puts the children of the node whose turn it was on the stack, the first of them on top.
fn push_children(drafts: &Drafts, step: &Step, id: NodeId, stack: &mut Vec<Step>) {
    for child in drafts.nodes[step.draft].children.iter().rev() {
        let path_bytes = step.path_bytes + drafts.nodes[*child].name.len() + 1;
        stack.push(Step {
            draft: *child,
            parent: id,
            depth: step.depth + 1,
            path_bytes,
        });
    }
}
