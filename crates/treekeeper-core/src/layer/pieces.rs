//! Desired trees out of pieces of files: each piece is parsed, merged and encoded by itself, wherever that is done.
//!
//! Only what is right comes out: what is wrong, or needs more than one piece to be judged, is left to the whole files.

use std::collections::BTreeMap;

use super::{LayerLimits, Rules, finish, join};
use crate::model::{
    DesiredNode, DesiredTree, Outline, Overlay, RESERVED_ROOTS, RootScope, SharedBytes, Tree, ZnodePath,
};
use crate::treefile::{self, FileTree, ParseLimits};

/// What a piece of a `.zk` file desires.
#[derive(Debug)]
pub struct Piece {
    tree: Tree<DesiredNode>,
    /// The steps that its expressions took.
    steps: usize,
}

impl Piece {
    /// Returns the names of what it desires.
    pub fn outline(&self) -> Outline {
        Outline::new(&self.tree)
    }
}

/// A file in pieces, in their order.
#[derive(Debug)]
pub struct PiecedFile {
    /// The bytes of all of it.
    pub bytes: usize,
    /// Its pieces.
    pub pieces: Vec<Piece>,
}

/// Tells whether a file of this name and size may be read in pieces.
pub fn may_be_pieced(name: &str, bytes: usize, rules: &Rules) -> bool {
    !name.ends_with(".zkx") && bytes <= rules.parse_limits.file_bytes.min(u32::MAX as usize)
}

/// Returns what a piece (see [`treefile::pieces`]) of a file of `file_bytes` desires; `None` if only the whole files
/// can tell.
pub fn read_piece(text: &[u8], file_bytes: usize, rules: &Rules) -> Option<Piece> {
    let steps_max = treefile::file_steps(file_bytes);
    encoded(text, rules, steps_max).or_else(|| merged(text, rules, steps_max))
}

/// Returns what a piece desires, encoded as it is read: three times as fast as [`merged`], for what is plainly right.
fn encoded(text: &[u8], rules: &Rules, steps_max: usize) -> Option<Piece> {
    let (parse, layer) = (&rules.parse_limits, &rules.layer_limits);
    let limits = ParseLimits {
        depth: parse.depth.min(layer.depth),
        path_bytes: parse.path_bytes.min(layer.path_bytes),
        znodes: parse.znodes.min(layer.znodes),
        node_data_bytes: node_data_bytes(parse, layer),
        child_names_bytes: parse.child_names_bytes.min(layer.child_names_bytes),
        ..parse.clone()
    };
    let (tree, steps) = treefile::encode_piece(text, &limits, steps_max)?;
    let mut tops = tree.children(tree.root()).iter();
    let is_free = tops.all(|top| !RESERVED_ROOTS.contains(&tree.name(*top)));
    is_free.then_some(Piece { tree, steps })
}

/// Returns what a piece desires, joined and merged as whole files are.
fn merged(text: &[u8], rules: &Rules, steps_max: usize) -> Option<Piece> {
    let (file, steps) = treefile::parse_piece(text, &rules.parse_limits, steps_max)?;
    if has_paths(&file) {
        return None;
    }
    let limits = LayerLimits {
        node_data_bytes: node_data_bytes(&rules.parse_limits, &rules.layer_limits),
        ..rules.layer_limits.clone()
    };
    let root = ZnodePath::root();
    let joined = join::join(vec![file], Overlay::Merge, &root, join::Parents::Defined);
    let desired = finish::finish(joined, &root, &limits).ok()?.desired;
    Some(Piece {
        tree: desired.tree,
        steps,
    })
}

/// Tells whether a top-level node is written as a path, which may lead into another piece.
fn has_paths(file: &FileTree) -> bool {
    let root = file.nodes.first();
    let mut tops = root.iter().flat_map(|root| &root.children);
    tops.any(|top| file.nodes[*top as usize].name.contains('/'))
}

fn node_data_bytes(parse: &ParseLimits, layer: &LayerLimits) -> usize {
    parse.node_data_bytes.min(layer.node_data_bytes)
}

/// Returns what all files desire together; `None` if only the whole files can tell.
pub fn join_pieces(files: Vec<PiecedFile>, rules: &Rules) -> Option<DesiredTree> {
    let (parse, layer) = (&rules.parse_limits, &rules.layer_limits);
    let (mut znodes, mut name_bytes) = (0, 0);
    for file in &files {
        let sum = |of: &dyn Fn(&Piece) -> usize| file.pieces.iter().map(of).sum::<usize>();
        let (file_znodes, file_names) = (
            sum(&|piece| piece.tree.len()),
            sum(&|piece| top_bytes(&piece.tree)),
        );
        let is_within = sum(&|piece| piece.steps) < treefile::file_steps(file.bytes)
            && file_znodes <= parse.znodes
            && file_names <= parse.child_names_bytes;
        if !is_within {
            return None;
        }
        znodes += file_znodes;
        name_bytes += file_names;
    }
    if znodes > layer.znodes || name_bytes > layer.child_names_bytes {
        return None;
    }
    let pieces = files.into_iter().flat_map(|file| file.pieces);
    let root = DesiredNode {
        data: SharedBytes::default(),
    };
    let tree = Tree::joined(pieces.map(|piece| piece.tree).collect(), root)?;
    let tops = tree.children(tree.root()).iter();
    let roots: BTreeMap<Box<str>, RootScope> = tops
        .map(|top| (tree.name(*top).into(), RootScope::Trim))
        .collect();
    Some(DesiredTree { tree, roots })
}

fn top_bytes(tree: &Tree<DesiredNode>) -> usize {
    tree.children(tree.root())
        .iter()
        .map(|top| tree.name(*top).len())
        .sum()
}

#[cfg(test)]
mod tests;
