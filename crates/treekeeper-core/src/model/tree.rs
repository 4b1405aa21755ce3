//! Trees of znodes in one flat array: cheap to build, to walk side by side, and to drop.
//!
//! No path is stored: it is spelled when somebody asks.

use std::collections::BTreeMap;

use super::{DataVersion, SharedBytes, ZnodePath, Zxid};

/// The place of a node in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

#[derive(Clone, Debug)]
struct Node<T> {
    /// Where the name begins and ends in [`Tree::names`].
    name: (u32, u32),
    parent: NodeId,
    children: Vec<NodeId>,
    content: T,
}

/// A tree whose nodes hold a `T`; there is always a root. Children are sorted by name (bytes).
#[derive(Clone, Debug)]
pub struct Tree<T> {
    nodes: Vec<Node<T>>,
    /// All names in one text: a million little ones would take longer to give back than to read.
    names: String,
}

impl<T> Tree<T> {
    /// Returns a tree of one root that holds `content`.
    pub fn new(content: T) -> Tree<T> {
        Tree {
            nodes: vec![Node {
                name: (0, 0),
                parent: NodeId(0),
                children: Vec::new(),
                content,
            }],
            names: String::new(),
        }
    }

    /// Returns a tree of one root, with room for so many nodes below it.
    pub fn with_capacity(content: T, nodes: usize) -> Tree<T> {
        let mut tree = Tree::new(content);
        tree.nodes.reserve_exact(nodes);
        tree
    }

    /// Returns a tree of these nodes, of each its name and parent, and of their contents; `None` if two children of one
    /// node have one name. Their order does not matter.
    ///
    /// A parent is told by its number, from 1 on, and comes before its children; 0 is the root.
    pub fn of_children(
        root: T,
        nodes: &[(&str, u32)],
        contents: impl IntoIterator<Item = T>,
    ) -> Option<Tree<T>> {
        let mut counts = vec![0; nodes.len() + 1];
        for (_, parent) in nodes {
            counts[*parent as usize] += 1;
        }
        let mut tree = Tree::with_capacity(root, nodes.len());
        tree.nodes[0].children.reserve_exact(counts[0]);
        tree.names
            .reserve_exact(nodes.iter().map(|(name, _)| name.len()).sum());
        for (((name, parent), content), children) in nodes.iter().zip(contents).zip(&counts[1..]) {
            let id = NodeId(small(tree.nodes.len()));
            tree.nodes[*parent as usize].children.push(id);
            let start = small(tree.names.len());
            tree.names.push_str(name);
            tree.nodes.push(Node {
                name: (start, small(tree.names.len())),
                parent: NodeId(*parent),
                children: Vec::with_capacity(*children),
                content,
            });
        }
        (0..tree.nodes.len())
            .all(|node| tree.sort_children(node))
            .then_some(tree)
    }

    /// Sorts the children of a node and tells whether no two of them have one name.
    fn sort_children(&mut self, node: usize) -> bool {
        if self.nodes[node].children.len() < 2 {
            return true;
        }
        let mut children = std::mem::take(&mut self.nodes[node].children);
        let in_order = |left: &NodeId, right: &NodeId| self.name(*left) < self.name(*right);
        let is_sorted = children.is_sorted_by(in_order) || {
            children.sort_unstable_by(|left, right| self.name(*left).cmp(self.name(*right)));
            children.is_sorted_by(in_order)
        };
        self.nodes[node].children = children;
        is_sorted
    }

    /// Returns the same nodes with other contents.
    pub fn map<U>(self, mut content: impl FnMut(T) -> U) -> Tree<U> {
        let nodes = self.nodes.into_iter().map(|node| Node {
            name: node.name,
            parent: node.parent,
            children: node.children,
            content: content(node.content),
        });
        Tree {
            nodes: nodes.collect(),
            names: self.names,
        }
    }

    /// Returns one tree of all that is below the roots of `trees`, and `content` at its own; `None` if two of them have
    /// a top-level node of one name.
    pub fn joined(trees: Vec<Tree<T>>, content: T) -> Option<Tree<T>> {
        let mut all = Tree::with_capacity(content, trees.iter().map(Tree::len).sum());
        all.names
            .reserve_exact(trees.iter().map(|tree| tree.names.len()).sum());
        let mut tops = Vec::with_capacity(trees.iter().map(|tree| tree.nodes[0].children.len()).sum());
        for tree in trees {
            // The roots of the others are left out.
            let (first_id, first_byte) = (small(all.nodes.len() - 1), small(all.names.len()));
            let moved = |id: NodeId| if id.0 == 0 { id } else { NodeId(id.0 + first_id) };
            all.names.push_str(&tree.names);
            let mut nodes = tree.nodes.into_iter();
            let children = nodes.next().map(|root| root.children).unwrap_or_default();
            tops.extend(children.into_iter().map(moved));
            all.nodes.extend(nodes.map(|mut node| {
                node.name = (node.name.0 + first_byte, node.name.1 + first_byte);
                node.parent = moved(node.parent);
                node.children.iter_mut().for_each(|child| *child = moved(*child));
                node
            }));
        }
        small(all.nodes.len());
        small(all.names.len());
        let in_order = |left: &NodeId, right: &NodeId| all.name(*left) < all.name(*right);
        if !tops.is_sorted_by(in_order) {
            tops.sort_by(|left, right| all.name(*left).cmp(all.name(*right)));
            if !tops.is_sorted_by(in_order) {
                return None;
            }
        }
        all.nodes[0].children = tops;
        Some(all)
    }

    /// Returns the root.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// Adds a child of `parent`, which must not have one of that name, and returns its id.
    ///
    /// Adding children in the order of their names costs least.
    pub fn add(&mut self, parent: NodeId, name: impl AsRef<str>, content: T) -> NodeId {
        let id = NodeId(small(self.nodes.len()));
        let name = name.as_ref();
        let siblings = &self.nodes[parent.0 as usize].children;
        let in_order = siblings.last().is_none_or(|last| self.name(*last) < name);
        let place = if in_order {
            siblings.len()
        } else {
            self.place(parent, name).unwrap_or_else(|place| place)
        };
        self.nodes[parent.0 as usize].children.insert(place, id);
        let start = small(self.names.len());
        self.names.push_str(name);
        self.nodes.push(Node {
            name: (start, small(self.names.len())),
            parent,
            children: Vec::new(),
            content,
        });
        id
    }

    fn place(&self, parent: NodeId, name: &str) -> Result<usize, usize> {
        self.nodes[parent.0 as usize]
            .children
            .binary_search_by(|child| (*self.name(*child)).cmp(name))
    }

    /// Takes a node, and with it everything below, out of its parent's children; its id stays valid.
    pub fn detach(&mut self, id: NodeId) {
        let parent = self.parent(id);
        let place = self.place(parent, self.name(id));
        if let Ok(place) = place {
            self.nodes[parent.0 as usize].children.remove(place);
        }
    }

    /// Returns the last part of a node's path; empty for the root.
    pub fn name(&self, id: NodeId) -> &str {
        let (start, end) = self.nodes[id.0 as usize].name;
        &self.names[start as usize..end as usize]
    }

    /// Returns the node's children, sorted by name.
    pub fn children(&self, id: NodeId) -> &[NodeId] {
        &self.nodes[id.0 as usize].children
    }

    /// Returns the node's parent; the root's is the root.
    pub fn parent(&self, id: NodeId) -> NodeId {
        self.nodes[id.0 as usize].parent
    }

    /// Returns the child of `parent` called `name`.
    pub fn child(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        let place = self.place(parent, name).ok()?;
        Some(self.nodes[parent.0 as usize].children[place])
    }

    /// Returns the node at `path`.
    pub fn find(&self, path: &ZnodePath) -> Option<NodeId> {
        path.names()
            .try_fold(self.root(), |node, name| self.child(node, name))
    }

    /// Returns what the node holds.
    pub fn content(&self, id: NodeId) -> &T {
        &self.nodes[id.0 as usize].content
    }

    /// Returns what the node holds, to be changed.
    pub fn content_mut(&mut self, id: NodeId) -> &mut T {
        &mut self.nodes[id.0 as usize].content
    }

    /// Spells the node's path.
    pub fn path(&self, id: NodeId) -> ZnodePath {
        let mut names = Vec::new();
        let mut at = id;
        while at != self.root() {
            names.push(self.name(at));
            at = self.parent(at);
        }
        names
            .iter()
            .rev()
            .fold(ZnodePath::root(), |path, name| path.join(name))
    }

    /// Appends the node's path to `text`; that of the root is `/`.
    pub fn spell(&self, id: NodeId, text: &mut String) {
        // Deeper nodes than any real tree has take an allocation.
        let (mut some, mut more) = ([NodeId(0); 16], Vec::new());
        let (mut at, mut depth) = (id, 0);
        while at != self.root() {
            match some.get_mut(depth) {
                Some(place) => *place = at,
                None => more.push(at),
            }
            depth += 1;
            at = self.parent(at);
        }
        if depth == 0 {
            text.push('/');
        }
        for id in some[..depth.min(16)].iter().chain(&more).rev() {
            text.push('/');
            text.push_str(self.name(*id));
        }
    }

    /// Returns the number of nodes ever added, the root not counted.
    pub fn len(&self) -> usize {
        self.nodes.len() - 1
    }

    /// Tells whether there is nothing but the root.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns every node below the root, parents before their children, siblings by name.
    pub fn walk(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.walk_from(self.root()).skip(1)
    }

    /// Returns `start` and every node below it, parents before their children, siblings by name.
    pub fn walk_from(&self, start: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let mut stack = vec![start];
        std::iter::from_fn(move || {
            let id = stack.pop()?;
            stack.extend(self.children(id).iter().rev());
            Some(id)
        })
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or_else(|_| unreachable!("fewer than 2^32 znodes and bytes of names"))
}

/// What treekeeper may do at a top-level node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootScope {
    /// A `.zk` file defines it: what the files don't name below it is deleted.
    Trim,
    /// Only overlays define it: nothing below it is ever deleted.
    Keep,
}

/// A node that the files define: its encoded data (`codec::encode`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredNode {
    /// The bytes to store: canonical JSON or the raw bytes of a lone `string_value`.
    pub data: SharedBytes,
}

/// What a commit says that the tree should be.
#[derive(Clone, Debug)]
pub struct DesiredTree {
    /// The nodes; the root's data are empty and never written.
    pub tree: Tree<DesiredNode>,
    /// Every top-level name in `tree`, and what may be done there.
    pub roots: BTreeMap<Box<str>, RootScope>,
}

/// A live znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveNode {
    /// The raw data.
    pub data: SharedBytes,
    /// Data version when read.
    pub version: DataVersion,
    /// The transaction that created it.
    pub czxid: Zxid,
    /// The transaction that last changed its data.
    pub mzxid: Zxid,
    /// When that was, in milliseconds since 1970 by the server's clock.
    pub mtime_ms: i64,
    /// The session that owns it, if it is ephemeral.
    pub ephemeral_owner: Option<i64>,
}

impl LiveNode {
    /// Returns a node that stands for an ancestor of what was read and was not read itself.
    pub fn unread() -> LiveNode {
        LiveNode {
            data: SharedBytes::default(),
            version: DataVersion(-1),
            czxid: Zxid(0),
            mzxid: Zxid(0),
            mtime_ms: 0,
            ephemeral_owner: None,
        }
    }
}

/// Live subtrees as they were read; the root's own data are read too.
pub type LiveTree = Tree<LiveNode>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_trees_are_one_in_the_order_of_names() {
        let tree = |names: [&str; 2]| {
            let mut tree = Tree::new(0);
            for name in names {
                let top = tree.add(tree.root(), name, 1);
                tree.add(top, "z", 2);
                tree.add(top, "a", 3);
            }
            tree
        };
        let paths = |tree: &Tree<i32>| {
            let told = |id| format!("{} {}", tree.path(id), tree.content(id));
            tree.walk().map(told).collect::<Vec<_>>().join(", ")
        };
        let joined = Tree::joined(vec![tree(["d", "a"]), tree(["c", "b"])], 0).unwrap();
        let expected = ["a", "b", "c", "d"].map(|top| format!("/{top} 1, /{top}/a 3, /{top}/z 2"));
        assert_eq!(paths(&joined), expected.join(", "));
        assert_eq!(joined.len(), 12);
        assert!(Tree::joined(vec![tree(["d", "a"]), tree(["a", "b"])], 0).is_none());
        assert_eq!(
            paths(&joined.map(|number| number * 2)),
            expected
                .join(", ")
                .replace(" 3", " 6")
                .replace(" 2", " 4")
                .replace(" 1", " 2")
        );
    }
}
