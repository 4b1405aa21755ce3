//! Joins parsed files into one draft of the tree.
//!
//! Encodes nothing and asks about no limit but those of meaning: what may be defined where, and by whom.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::draft::{Draft, DraftId, Drafts, Place};
use super::refusal;
use crate::model::{Overlay, RESERVED_ROOTS, ZnodePath};
use crate::treefile::{Diagnostic, FileNode, FileProperty, FileTree, SourceFile};

/// What becomes of a path such as `/a/b` when no file defines `/a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parents {
    /// It is refused.
    Defined,
    /// It stands below a node that must be live.
    MayLive,
}

/// All files joined.
pub(super) struct Joined {
    pub drafts: Drafts,
    pub sources: Vec<Arc<SourceFile>>,
    pub diagnostics: Vec<Diagnostic>,
}

/// Joins `files`: `.zk` first, then `.zkx`, each group in the byte order of the names.
pub(super) fn join(files: Vec<FileTree>, overlay: Overlay, base: &ZnodePath, parents: Parents) -> Joined {
    let (mut overlays, mut bases): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|file| file.source.name.ends_with(".zkx"));
    for group in [&mut bases, &mut overlays] {
        group.sort_by(|left, right| left.source.name.as_bytes().cmp(right.source.name.as_bytes()));
    }
    let base_count = bases.len();
    bases.append(&mut overlays);
    let mut joiner = Joiner {
        drafts: Drafts::new(bases.iter().map(|file| file.nodes.len()).sum()),
        sources: bases.iter().map(|file| file.source.clone()).collect(),
        files: bases.into_iter().map(|file| file.nodes).collect(),
        base_count,
        overlay,
        reserved: if base.is_root() {
            RootNames::Judged
        } else {
            RootNames::Free {
                reserved: base.is_reserved(),
            }
        },
        base: base.clone(),
        parents,
        waiting: BTreeMap::new(),
        diagnostics: Vec::new(),
    };
    joiner.run();
    Joined {
        drafts: joiner.drafts,
        sources: joiner.sources,
        diagnostics: joiner.diagnostics,
    }
}

/// What the names of top-level nodes of the files mean.
#[derive(Clone, Copy, Debug)]
enum RootNames {
    /// They are top-level nodes of the live tree too.
    Judged,
    /// They stand below a base, which may itself be reserved.
    Free { reserved: bool },
}

/// A node of a file.
#[derive(Clone, Copy, Debug)]
struct Written {
    file: usize,
    node: usize,
}

struct Joiner {
    drafts: Drafts,
    files: Vec<Vec<FileNode>>,
    sources: Vec<Arc<SourceFile>>,
    base_count: usize,
    overlay: Overlay,
    reserved: RootNames,
    base: ZnodePath,
    parents: Parents,
    /// Nodes written as paths, by depth, path and file, so that parents come before children.
    waiting: BTreeMap<(usize, String, usize, usize), Written>,
    diagnostics: Vec<Diagnostic>,
}

impl Joiner {
    fn run(&mut self) {
        for file in 0..self.base_count {
            self.lay(Written { file, node: 0 }, 0);
        }
        self.settle();
        self.give_up_waiting();
        for file in self.base_count..self.files.len() {
            self.lay(Written { file, node: 0 }, 0);
            self.settle();
        }
        self.give_up_waiting();
    }

    /// Lays everything below a node of a file below `target`.
    fn lay(&mut self, written: Written, target: DraftId) {
        let file = written.file;
        let mut stack = vec![(written.node, target)];
        while let Some((node, target)) = stack.pop() {
            let mut children = std::mem::take(&mut self.files[file][node].children);
            if children
                .iter()
                .any(|child| self.files[file][*child as usize].name.contains('/'))
            {
                let (paths, names) = children
                    .into_iter()
                    .partition(|child| self.files[file][*child as usize].name.contains('/'));
                children = names;
                self.wait(file, paths, target);
            }
            let nodes = &self.files[file];
            let name = |child: &u32| &nodes[*child as usize].name;
            if !children.is_sorted_by(|left, right| name(left) <= name(right)) {
                children.sort_by(|left, right| name(left).cmp(name(right)));
            }
            self.lay_siblings(file, &children, target, &mut stack);
        }
    }

    /// Lays siblings, sorted by name, beside the children that `target` has already.
    fn lay_siblings(
        &mut self,
        file: usize,
        siblings: &[u32],
        target: DraftId,
        stack: &mut Vec<(usize, DraftId)>,
    ) {
        let old = std::mem::take(&mut self.drafts.nodes[target].children);
        let mut all = Vec::with_capacity(old.len() + siblings.len());
        let mut old = old.into_iter().peekable();
        for node in siblings.iter().map(|node| *node as usize) {
            let written = Written { file, node };
            if target == 0 && self.refuse_reserved(written, None) {
                continue;
            }
            let name = &self.files[file][node].name;
            while let Some(before) = old.next_if(|child| self.drafts.nodes[*child].name < *name) {
                all.push(before);
            }
            let twin = old.next_if(|child| self.drafts.nodes[*child].name == *name);
            // A parser lets no file name a sibling twice; trees that were made by hand may.
            let twin_of_sibling = all
                .last()
                .copied()
                .filter(|child| self.drafts.nodes[*child].name == *name);
            let id = match twin.or(twin_of_sibling) {
                Some(twin) => self.lay_over(written, twin),
                None => Some(self.create(written, target)),
            };
            if twin_of_sibling.is_none() {
                all.extend(twin.or(id));
            }
            if let Some(id) = id.filter(|_| !self.files[file][node].children.is_empty()) {
                stack.push((node, id));
            }
        }
        all.extend(old);
        self.drafts.nodes[target].children = all;
    }

    /// Makes a node of a file a new draft, which is not yet among the parent's children.
    fn create(&mut self, written: Written, parent: DraftId) -> DraftId {
        let place = self.place(written);
        let node = &mut self.files[written.file][written.node];
        let name = match node.name.rsplit('/').find(|part| !part.is_empty()) {
            Some(part) if part.len() != node.name.len() => part.into(),
            _ => std::mem::take(&mut node.name),
        };
        self.drafts.nodes.push(Draft {
            name,
            parent,
            children: Vec::new(),
            place,
            defined: true,
            trim: written.file < self.base_count,
            properties: std::mem::take(&mut node.properties),
            owners: Vec::new(),
        });
        self.drafts.nodes.len() - 1
    }

    /// Lays a node of a file over a draft that stands in its place, if it may be there.
    fn lay_over(&mut self, written: Written, id: DraftId) -> Option<DraftId> {
        let place = self.place(written);
        let first = self.drafts.nodes[id].place;
        if !self.drafts.nodes[id].defined {
            let draft = &mut self.drafts.nodes[id];
            draft.place = place;
            draft.defined = true;
            draft.properties = std::mem::take(&mut self.files[written.file][written.node].properties);
            return Some(id);
        }
        if written.file < self.base_count || first.file == place.file {
            let path = self.drafts.path(id);
            let at_top = self.drafts.nodes[id].parent == 0;
            self.diagnostics.push(if at_top && first.file != place.file {
                refusal::root_twice(&self.sources, place, first, path.trim_start_matches('/'))
            } else {
                refusal::node_twice(&self.sources, place, first, &path)
            });
            return None;
        }
        match self.overlay {
            Overlay::Replace => self.replace(written, id, place),
            Overlay::Merge => self.merge(written, id, place),
        }
        Some(id)
    }

    fn replace(&mut self, written: Written, id: DraftId, place: Place) {
        let draft = &mut self.drafts.nodes[id];
        // A path that had to wait for its parent must not beat a file that comes after its own.
        if place.file >= draft.place.file {
            draft.properties = std::mem::take(&mut self.files[written.file][written.node].properties);
            draft.place = place;
        }
    }

    /// Lays the properties of an overlay's node over a draft's, one by one, both in the order of their keys.
    fn merge(&mut self, written: Written, id: DraftId, place: Place) {
        let mut added = std::mem::take(&mut self.files[written.file][written.node].properties);
        added.sort_by(|left, right| left.key.cmp(&right.key));
        let draft = &mut self.drafts.nodes[id];
        if draft.owners.is_empty() {
            draft.owners = vec![draft.place.file; draft.properties.len()];
        }
        draft.place = place;
        let owners = std::mem::take(&mut draft.owners);
        let mut old: Vec<_> = std::mem::take(&mut draft.properties)
            .into_iter()
            .zip(owners)
            .collect();
        old.sort_by(|left, right| left.0.key.cmp(&right.0.key));
        let mut merged = Vec::with_capacity(old.len() + added.len());
        let mut old = old.into_iter().peekable();
        for property in added {
            while let Some(before) = old.next_if(|other| other.0.key < property.key) {
                merged.push(before);
            }
            if let Some((other, owner)) = old.next_if(|other| other.0.key == property.key) {
                self.judge_override(id, (place.file, &property), (owner, &other));
            }
            merged.push((property, place.file));
        }
        merged.extend(old);
        let draft = &mut self.drafts.nodes[id];
        (draft.properties, draft.owners) = merged.into_iter().unzip();
    }

    /// Refuses a property that another overlay has set to another value.
    fn judge_override(&mut self, id: DraftId, new: (u32, &FileProperty), old: (u32, &FileProperty)) {
        if old.0 as usize >= self.base_count && old.1.value != new.1.value {
            let (here, there) = (property_place(new.0, new.1), property_place(old.0, old.1));
            let (path, key) = (self.drafts.path(id), new.1.key.to_str_lossy());
            self.diagnostics
                .push(refusal::overlays_differ(&self.sources, here, there, &path, &key));
        }
    }

    /// Puts nodes that are written as paths aside until the parents that they need are there.
    fn wait(&mut self, file: usize, paths: Vec<u32>, target: DraftId) {
        let below = self.drafts.path(target);
        for node in paths.into_iter().map(|node| node as usize) {
            let written = Written { file, node };
            let name = &self.files[file][node].name;
            let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty()).collect();
            let Some(first) = parts.first() else {
                self.diagnostics
                    .push(refusal::nameless(&self.sources, self.place(written)));
                continue;
            };
            let root = first.to_string();
            let path = parts.iter().fold(below.clone(), |path, part| path + "/" + part);
            if target == 0 && self.refuse_reserved(written, Some(&root)) {
                continue;
            }
            self.waiting
                .insert((path.matches('/').count(), path, file, node), written);
        }
    }

    /// Lays the waiting paths whose parents are there.
    fn settle(&mut self) {
        let mut unsettled = BTreeMap::new();
        while let Some((key, written)) = self.waiting.pop_first() {
            match self.parent_of(&key.1) {
                Some(parent) => self.place_path(written, &key.1, parent),
                None => {
                    unsettled.insert(key, written);
                }
            }
        }
        self.waiting = unsettled;
    }

    /// Refuses the paths that still wait, or supposes that their parents live.
    fn give_up_waiting(&mut self) {
        while let Some((key, written)) = self.waiting.pop_first() {
            let path = &key.1;
            let parent = match (self.parent_of(path), self.parents) {
                (Some(parent), _) => parent,
                (None, Parents::MayLive) => self.suppose(path, written),
                (None, Parents::Defined) => {
                    let parent = &path[..path.rfind('/').unwrap_or(0)];
                    let place = self.place(written);
                    self.diagnostics
                        .push(refusal::parent_missing(&self.sources, place, path, parent));
                    continue;
                }
            };
            self.place_path(written, path, parent);
        }
    }

    fn parent_of(&self, path: &str) -> Option<DraftId> {
        let (parent, _) = path.rsplit_once('/')?;
        parent
            .split('/')
            .skip(1)
            .try_fold(0, |node, name| self.drafts.child(node, name).ok())
    }

    /// Returns the parent of `path`, made up with all of its ancestors where no file defines them.
    fn suppose(&mut self, path: &str, written: Written) -> DraftId {
        let place = self.place(written);
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        parent
            .split('/')
            .skip(1)
            .fold(0, |node, name| match self.drafts.child(node, name) {
                Ok(child) => child,
                Err(at) => {
                    let id = self.drafts.nodes.len();
                    self.drafts.nodes.push(Draft {
                        name: name.into(),
                        parent: node,
                        children: Vec::new(),
                        place,
                        defined: false,
                        trim: written.file < self.base_count,
                        properties: Vec::new(),
                        owners: Vec::new(),
                    });
                    self.drafts.nodes[node].children.insert(at, id);
                    id
                }
            })
    }

    /// Lays a node that is written as a path, and what is below it.
    fn place_path(&mut self, written: Written, path: &str, parent: DraftId) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let id = match self.drafts.child(parent, name) {
            Ok(twin) => self.lay_over(written, twin),
            Err(at) => {
                let id = self.create(written, parent);
                self.drafts.nodes[parent].children.insert(at, id);
                Some(id)
            }
        };
        if let Some(id) = id {
            self.lay(written, id);
        }
    }

    /// Refuses a top-level node of a file if its name, `root` where it is a path, is reserved.
    fn refuse_reserved(&mut self, written: Written, root: Option<&str>) -> bool {
        let name = root.unwrap_or(&self.files[written.file][written.node].name);
        let refused = match self.reserved {
            RootNames::Judged => RESERVED_ROOTS.contains(&name),
            RootNames::Free { reserved } => reserved,
        };
        if refused {
            let root = self.base.names().next().unwrap_or(name);
            self.diagnostics
                .push(refusal::reserved(&self.sources, self.place(written), root));
        }
        refused
    }

    fn place(&self, written: Written) -> Place {
        let node = &self.files[written.file][written.node];
        Place {
            file: written.file as u32,
            at: node.at,
            length: node.name.len() as u32 + 1,
        }
    }
}

/// Returns the place of a property's name.
pub(super) fn property_place(file: u32, property: &FileProperty) -> Place {
    let key = property.key.as_bytes();
    let name = key
        .strip_suffix(b" ->")
        .or(key.strip_suffix(b" =>"))
        .unwrap_or(key);
    Place {
        file,
        at: property.at,
        length: name.len() as u32,
    }
}
