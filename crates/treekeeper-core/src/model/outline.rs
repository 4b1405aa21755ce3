//! The names of a tree and nothing else, in few bytes: what somebody expects to find.

use std::ops::Range;

use super::Tree;

/// The names of a tree. Nodes are numbered level by level, the root is 0; children are sorted by name (bytes).
#[derive(Clone, Debug)]
pub struct Outline {
    nodes: Box<[Node]>,
    names: Box<str>,
}

/// Where a node's name lies, and where its children stand.
#[derive(Clone, Copy, Debug)]
struct Node {
    name: (u32, u32),
    children: (u32, u32),
}

impl Outline {
    /// Returns the names in `tree`.
    pub fn new<T>(tree: &Tree<T>) -> Outline {
        let mut ids = Vec::with_capacity(tree.len() + 1);
        ids.push(tree.root());
        let mut nodes = Vec::with_capacity(tree.len() + 1);
        let mut names = String::new();
        while let Some(id) = ids.get(nodes.len()).copied() {
            let (start, first) = (names.len(), ids.len());
            names.push_str(tree.name(id));
            ids.extend_from_slice(tree.children(id));
            // A tree has fewer than 2^32 nodes and bytes of names.
            nodes.push(Node {
                name: (start as u32, names.len() as u32),
                children: (first as u32, ids.len() as u32),
            });
        }
        Outline {
            nodes: nodes.into_boxed_slice(),
            names: names.into_boxed_str(),
        }
    }

    /// Returns the number of the root.
    pub fn root(&self) -> u32 {
        0
    }

    /// Returns a node's name; empty for the root.
    pub fn name(&self, node: u32) -> &str {
        let (start, end) = self.nodes[node as usize].name;
        &self.names[start as usize..end as usize]
    }

    /// Returns the numbers of a node's children, in the order of their names.
    pub fn children(&self, node: u32) -> Range<u32> {
        let (first, end) = self.nodes[node as usize].children;
        first..end
    }

    /// Returns the child of `node` called `name`.
    pub fn child(&self, node: u32, name: &str) -> Option<u32> {
        let children = self.children(node);
        let siblings = &self.nodes[children.start as usize..children.end as usize];
        let spelled = |node: &Node| &self.names[node.name.0 as usize..node.name.1 as usize];
        let place = siblings.binary_search_by(|node| spelled(node).cmp(name)).ok()?;
        Some(children.start + place as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_has_the_names_of_its_tree_and_no_others() {
        let mut tree = Tree::new(1);
        for path in ["c", "a", "a/y", "a/x", "a/y/z", "b"] {
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
            let names = parent.split('/').filter(|name| !name.is_empty());
            let parent = names.fold(tree.root(), |node, name| tree.child(node, name).unwrap());
            tree.add(parent, name, 2);
        }
        let outline = Outline::new(&tree);
        let mut paths = Vec::new();
        let mut stack = vec![(outline.root(), String::new())];
        while let Some((node, path)) = stack.pop() {
            for child in outline.children(node) {
                assert_eq!(outline.child(node, outline.name(child)), Some(child));
                let path = format!("{path}/{}", outline.name(child));
                paths.push(path.clone());
                stack.push((child, path));
            }
            assert_eq!(outline.child(node, "none"), None);
        }
        paths.sort();
        let expected: Vec<String> = tree.walk().map(|id| tree.path(id).as_str().to_owned()).collect();
        assert_eq!(paths, expected);
        assert_eq!(outline.name(outline.root()), "");
    }
}
