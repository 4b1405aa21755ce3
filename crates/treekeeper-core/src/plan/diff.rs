//! Compares the desired tree with the live one and says what must change.
//!
//! Total: every pair of trees has a plan. What may be deleted is decided here and nowhere else.

use std::collections::BTreeSet;

use super::{Change, Obstacle, Orphan, Plan, SpareReason, Spared};
use crate::model::{DesiredTree, LiveTree, NodeId, RESERVED_ROOTS, RootScope, Tree, ZnodePath, decode};

/// Whether anything is deleted below what the files define.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trim {
    /// As each top-level node's [`RootScope`] says.
    #[default]
    ByRoot,
    /// Nowhere: `import` without `--trim`.
    Never,
}

/// What a diff needs to know besides the two trees.
#[derive(Clone, Debug)]
pub struct DiffOptions {
    /// Where in the live tree the root of the desired one stands; the other children of this node are never touched.
    pub base: ZnodePath,
    /// Whether anything is deleted below what the files define; what `prune` names is deleted in any case.
    pub trim: Trim,
    /// Nodes of the desired tree that must be live and are left as they are (`layer::Graft::live_parents`).
    pub live_parents: Vec<ZnodePath>,
    /// Top-level names that the deployed commit defined; those that are gone from the files and live are orphans.
    pub deployed_roots: BTreeSet<Box<str>>,
    /// Compares nothing but this subtree, and finds no orphans.
    pub within: Option<ZnodePath>,
    /// Orphans to delete entirely; names that the files define, and reserved ones, are passed over.
    pub prune: BTreeSet<Box<str>>,
}

impl Default for DiffOptions {
    fn default() -> DiffOptions {
        DiffOptions {
            base: ZnodePath::root(),
            trim: Trim::ByRoot,
            live_parents: Vec::new(),
            deployed_roots: BTreeSet::new(),
            within: None,
            prune: BTreeSet::new(),
        }
    }
}

/// Returns what must change in `live` so that it is as `desired` within its scope.
///
/// `live` holds the base and the whole subtrees of the top-level nodes that either side names.
pub fn diff(desired: &DesiredTree, live: &LiveTree, options: &DiffOptions) -> Plan {
    let live_parents = options
        .live_parents
        .iter()
        .filter_map(|path| desired.tree.find(path))
        .collect();
    let mut differ = Differ {
        desired,
        live,
        options,
        live_parents,
        plan: Plan::default(),
        parts: Parts::default(),
    };
    match (live.find(&options.base), &options.within) {
        (Some(_), Some(within)) => {
            differ.compare_at(within);
        }
        (Some(base), None) => differ.compare(base),
        (None, _) => differ.plan.obstacles.push(Obstacle::ParentMissing {
            path: options.base.clone(),
        }),
    }
    if options.within.is_none() {
        differ.orphans();
    }
    let Differ {
        mut plan, mut parts, ..
    } = differ;
    if !options.prune.is_empty() {
        // Pruned roots were met after the walk.
        parts.deletes.sort_by(|left, right| left.path().cmp(right.path()));
        plan.spared.sort_by(|left, right| left.path.cmp(&right.path));
    }
    plan.managed += parts.deletes.len();
    plan.changes = parts.creates;
    plan.changes.append(&mut parts.sets);
    // Collected parents first; from the leaves up is the same the other way round.
    plan.changes.extend(parts.deletes.into_iter().rev());
    plan
}

#[derive(Default)]
struct Parts {
    creates: Vec<Change>,
    sets: Vec<Change>,
    deletes: Vec<Change>,
}

struct Differ<'a> {
    desired: &'a DesiredTree,
    live: &'a LiveTree,
    options: &'a DiffOptions,
    live_parents: BTreeSet<NodeId>,
    plan: Plan,
    parts: Parts,
}

/// What the walk meets next.
enum Step {
    /// A node of both trees, and whether its data are the same bytes.
    Both {
        desired: NodeId,
        live: NodeId,
        scope: RootScope,
        is_same: bool,
    },
    /// A node, and so a subtree, that is only desired.
    Desired(NodeId),
    /// A subtree that only lives, where the files may delete.
    Extra(NodeId),
    /// A desired subtree below an ephemeral node.
    Blocked { desired: NodeId, ephemeral: NodeId },
}

impl Differ<'_> {
    /// Walks both trees side by side, in the order of names.
    fn compare(&mut self, base: NodeId) {
        let mut stack = Vec::new();
        self.push_children(self.desired.tree.root(), base, None, &mut stack);
        self.walk(stack);
    }

    /// Compares one subtree only, as the walk over the whole trees would.
    fn compare_at(&mut self, path: &ZnodePath) -> Option<()> {
        let (mut desired, mut live) = (Some(self.desired.tree.root()), Some(self.live.root()));
        let (mut scope, mut trims) = (None, false);
        for name in path.names() {
            if let (Some(desired), Some(live)) = (desired, live) {
                trims = self.trims(desired, live, scope);
            }
            desired = desired.and_then(|id| self.desired.tree.child(id, name));
            live = live.and_then(|id| self.live.child(id, name));
            scope = scope.or_else(|| Some(self.scope(desired?)));
        }
        let step = match (desired, live) {
            (Some(desired), Some(live)) => Step::Both {
                desired,
                live,
                scope: scope?,
                is_same: self.is_same(desired, live),
            },
            (Some(desired), None) => Step::Desired(desired),
            (None, Some(live)) if trims => Step::Extra(live),
            (None, _) => return None,
        };
        self.walk(vec![step]);
        Some(())
    }

    fn walk(&mut self, mut stack: Vec<Step>) {
        while let Some(step) = stack.pop() {
            match step {
                Step::Both {
                    desired,
                    live,
                    scope,
                    is_same,
                } => {
                    self.compare_data(desired, live, is_same);
                    self.push_children(desired, live, Some(scope), &mut stack);
                }
                Step::Desired(id) => self.create(id, &mut stack),
                Step::Extra(id) => self.delete(id),
                Step::Blocked { desired, ephemeral } => {
                    let (path, ephemeral) = (self.desired_path(desired), self.live.path(ephemeral));
                    self.plan
                        .obstacles
                        .push(Obstacle::BelowEphemeral { path, ephemeral });
                }
            }
        }
    }

    /// Puts the children of a pair on the stack, the first name on top; `scope` is `None` for the base.
    fn push_children(
        &mut self,
        desired: NodeId,
        live: NodeId,
        scope: Option<RootScope>,
        stack: &mut Vec<Step>,
    ) {
        let (wanted, found) = (self.desired.tree.children(desired), self.live.children(live));
        let mut creates = false;
        let ephemeral = self.live.content(live).ephemeral_owner.is_some();
        let trims = self.trims(desired, live, scope);
        let mut wanted = wanted.iter().rev().copied().peekable();
        let mut found = found.iter().rev().copied().peekable();
        // Both are sorted, and taken from their ends, so that the first is pushed last.
        while wanted.peek().is_some() || found.peek().is_some() {
            let order = match (wanted.peek(), found.peek()) {
                (Some(wanted), Some(found)) => self.desired.tree.name(*wanted).cmp(self.live.name(*found)),
                (Some(_), None) => std::cmp::Ordering::Greater,
                _ => std::cmp::Ordering::Less,
            };
            let wanted = if order.is_ge() { wanted.next() } else { None };
            let found = if order.is_le() { found.next() } else { None };
            match (wanted, found) {
                (Some(desired), Some(live)) => {
                    // The bytes are compared here: siblings lie beside each other, and a processor that needs nothing
                    // of one to go on with the next waits for the memory of several at once.
                    let is_same = self.is_same(desired, live);
                    if is_same && self.are_leaves(desired, live) && !self.live_parents.contains(&desired) {
                        self.plan.managed += 1;
                        self.plan.unchanged += 1;
                        continue;
                    }
                    let scope = scope.unwrap_or_else(|| self.scope(desired));
                    stack.push(Step::Both {
                        desired,
                        live,
                        scope,
                        is_same,
                    });
                }
                (Some(desired), None) if ephemeral => stack.push(Step::Blocked {
                    desired,
                    ephemeral: live,
                }),
                (Some(desired), None) => {
                    creates |= !self.live_parents.contains(&desired);
                    stack.push(Step::Desired(desired));
                }
                (None, Some(extra)) if trims => stack.push(Step::Extra(extra)),
                (None, _) => {}
            }
        }
        if creates && live != self.live.root() {
            let czxid = self.live.content(live).czxid;
            self.plan.parents.push((self.live.path(live), czxid));
        }
    }

    /// Tells whether what only lives below this pair is deleted.
    fn trims(&self, desired: NodeId, live: NodeId, scope: Option<RootScope>) -> bool {
        scope == Some(RootScope::Trim)
            && !self.live_parents.contains(&desired)
            && !self.holds_role_locks(live)
    }

    fn scope(&self, top: NodeId) -> RootScope {
        match self.options.trim {
            Trim::Never => RootScope::Keep,
            Trim::ByRoot => self
                .desired
                .roots
                .get(self.desired.tree.name(top))
                .copied()
                .unwrap_or(RootScope::Keep),
        }
    }

    fn is_same(&self, desired: NodeId, live: NodeId) -> bool {
        *self.desired.tree.content(desired).data == *self.live.content(live).data
    }

    fn are_leaves(&self, desired: NodeId, live: NodeId) -> bool {
        self.desired.tree.children(desired).is_empty() && self.live.children(live).is_empty()
    }

    fn compare_data(&mut self, desired: NodeId, live: NodeId, is_same: bool) {
        if self.live_parents.contains(&desired) {
            return;
        }
        self.plan.managed += 1;
        let (new, old) = (&self.desired.tree.content(desired).data, self.live.content(live));
        // Nearly always the bytes are equal; only where they are not is their meaning worth decoding.
        if is_same || decode(new) == decode(&old.data) {
            self.plan.unchanged += 1;
            return;
        }
        self.parts.sets.push(Change::Set {
            path: self.desired_path(desired),
            data: new.clone(),
            old: old.data.clone(),
            version: old.version,
            czxid: old.czxid,
        });
    }

    fn create(&mut self, id: NodeId, stack: &mut Vec<Step>) {
        let path = self.desired_path(id);
        if self.live_parents.contains(&id) {
            self.plan.obstacles.push(Obstacle::ParentMissing { path });
            return;
        }
        self.parts.creates.push(Change::Create {
            path,
            data: self.desired.tree.content(id).data.clone(),
        });
        stack.extend(
            self.desired
                .tree
                .children(id)
                .iter()
                .rev()
                .copied()
                .map(Step::Desired),
        );
    }

    /// Deletes a live subtree but for what must stay, and tells what stays.
    fn delete(&mut self, top: NodeId) {
        let subtree = self.subtree(top);
        let kept = self.kept(&subtree);
        for (place, (id, _)) in subtree.iter().enumerate() {
            let node = self.live.content(*id);
            match kept[place] {
                None => self.parts.deletes.push(Change::Delete {
                    path: spell(&ZnodePath::root(), self.live, *id),
                    version: node.version,
                    czxid: node.czxid,
                }),
                // Of ancestors the topmost is told; of requests for a role's lock, which are everyday life, none.
                Some(SpareReason::HoldsEphemeral | SpareReason::HoldsRoleLocks) if place > 0 => {}
                Some(SpareReason::HoldsRoleLocks) if self.is_role_lock_request(*id) => {}
                Some(reason) => {
                    self.plan.spared.push(Spared {
                        path: spell(&ZnodePath::root(), self.live, *id),
                        reason,
                    });
                }
            }
        }
    }

    /// Returns `top` and all below it, parents first, each with the place of its parent.
    fn subtree(&self, top: NodeId) -> Vec<(NodeId, usize)> {
        let mut nodes = Vec::new();
        let mut stack = vec![(top, 0)];
        while let Some((id, parent)) = stack.pop() {
            let place = nodes.len();
            nodes.push((id, parent));
            stack.extend(self.live.children(id).iter().rev().map(|child| (*child, place)));
        }
        nodes
    }

    /// Returns why each node of a subtree stays, if it does.
    fn kept(&self, subtree: &[(NodeId, usize)]) -> Vec<Option<SpareReason>> {
        let mut kept: Vec<Option<SpareReason>> = vec![None; subtree.len()];
        for place in (0..subtree.len()).rev() {
            let (id, parent) = subtree[place];
            if let Some(owner) = self.live.content(id).ephemeral_owner {
                kept[place] = Some(SpareReason::Ephemeral { owner });
            } else if self.is_role_lock_request(id) {
                kept[place] = Some(SpareReason::HoldsRoleLocks);
            }
            let reason = match kept[place] {
                None => continue,
                Some(SpareReason::HoldsRoleLocks) => SpareReason::HoldsRoleLocks,
                Some(SpareReason::Ephemeral { .. } | SpareReason::HoldsEphemeral) => {
                    SpareReason::HoldsEphemeral
                }
            };
            if place > 0 {
                kept[parent].get_or_insert(reason);
            }
        }
        kept
    }

    /// Tells whether the node is a role below `/role-locks`, whose children are agents' requests.
    fn holds_role_locks(&self, id: NodeId) -> bool {
        let parent = self.live.parent(id);
        id != self.live.root()
            && parent != self.live.root()
            && self.live.parent(parent) == self.live.root()
            && self.live.name(parent) == "role-locks"
    }

    /// Tells whether the node is an agent's request in the line of a role's lock, or below one.
    fn is_role_lock_request(&self, id: NodeId) -> bool {
        let mut names = 0;
        let (mut at, mut top) = (id, id);
        while at != self.live.root() {
            names += 1;
            top = at;
            at = self.live.parent(at);
        }
        names > 2 && self.live.name(top) == "role-locks"
    }

    /// Deletes the orphans that are to be pruned and lists the others.
    fn orphans(&mut self) {
        let options = self.options;
        for name in options.deployed_roots.union(&options.prune) {
            let root = self.live.root();
            let defined = options.base.is_root() && self.desired.roots.contains_key(name);
            let Some(id) = self.live.child(root, name).filter(|_| !defined) else {
                continue;
            };
            if RESERVED_ROOTS.contains(&&**name) {
                continue;
            }
            if options.prune.contains(name) {
                self.delete(id);
            } else {
                let znodes = self.live.walk_from(id).count();
                self.plan.orphans.push(Orphan {
                    path: self.live.path(id),
                    znodes,
                });
            }
        }
    }

    fn desired_path(&self, id: NodeId) -> ZnodePath {
        spell(&self.options.base, &self.desired.tree, id)
    }
}

/// Spells the path of a node, which is not the root, of a tree that stands at `base`: in one allocation, for plans of
/// a million changes.
fn spell<T>(base: &ZnodePath, tree: &Tree<T>, id: NodeId) -> ZnodePath {
    let mut names = Vec::with_capacity(16);
    let mut at = id;
    while at != tree.root() {
        names.push(tree.name(at));
        at = tree.parent(at);
    }
    names.reverse();
    base.join(&names.join("/"))
}
