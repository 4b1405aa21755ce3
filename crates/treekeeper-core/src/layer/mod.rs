//! Joins `.zk` files and lays `.zkx` files over them: what a set of tree files desires.
//!
//! Judges only what takes several files, or their sum, to see: what is wrong in one line is the parser's business.
//! Nothing here knows what is live.

mod draft;
mod finish;
mod join;
mod origin;
mod pieces;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use pieces::{Piece, PiecedFile, join_pieces, may_be_pieced, read_piece};

use crate::model::{DesiredTree, Overlay, ZnodePath};
use crate::treefile::{self, Code, Diagnostic, FileTree, ParseLimits, SourceFile};

pub use origin::{NodeOrigins, Origin, PropertyOrigins, origins};

/// How big the trees of all files together may be.
///
/// Each is the greatest value that is taken, and configured by its name, as in `limits.znodes`: the limits of one file
/// (`treefile::ParseLimits`) hold for the sum too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerLimits {
    /// The number of znodes.
    pub znodes: usize,
    /// The number of names in a path.
    pub depth: usize,
    /// The bytes of a path, without the chroot.
    pub path_bytes: usize,
    /// The bytes of one node's encoded data.
    pub node_data_bytes: usize,
    /// The bytes of the names of one node's children: a reply of more than 1 MiB kills Java readers.
    pub child_names_bytes: usize,
}

impl Default for LayerLimits {
    fn default() -> LayerLimits {
        LayerLimits {
            znodes: 2_000_000,
            depth: 256,
            path_bytes: 1_024,
            node_data_bytes: 256 * 1024,
            child_names_bytes: 512 * 1024,
        }
    }
}

/// How files become a desired tree.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// What overlays do.
    pub overlay: Overlay,
    /// Bounds of one file.
    pub parse_limits: ParseLimits,
    /// Bounds of the whole tree.
    pub layer_limits: LayerLimits,
}

/// What files desire below a place of the live tree.
#[derive(Clone, Debug)]
pub struct Graft {
    /// The nodes, as paths below the place.
    pub desired: DesiredTree,
    /// Nodes of `desired` that no file defines, only paths such as `/a/b` presuppose: they must live already, are
    /// never written, and what else they hold is never trimmed.
    pub live_parents: Vec<ZnodePath>,
}

/// Returns what the texts of `files` desire together, and everything that is wrong with them.
///
/// There is a tree even with diagnostics, where only the parser found something: it is good for counting, and for
/// nothing else.
pub fn read(files: &[Arc<SourceFile>], rules: &Rules) -> (Option<DesiredTree>, Vec<Diagnostic>) {
    match read_in_pieces(files, rules) {
        Some(desired) => (Some(desired), Vec::new()),
        None => read_whole(files, rules),
    }
}

/// Returns what the texts of `files` desire together, piece by piece: a piece's nodes are gone before those of the next
/// are made, which is twice as fast. `None` if anything is wrong, or if files lie over others.
fn read_in_pieces(files: &[Arc<SourceFile>], rules: &Rules) -> Option<DesiredTree> {
    let read = |file: &Arc<SourceFile>| {
        let bytes = file.bytes.len();
        let pieces = treefile::pieces(&file.bytes).into_iter();
        let pieces = pieces.map(|range| read_piece(&file.bytes[range], bytes, rules));
        Some(PiecedFile {
            bytes,
            pieces: pieces.collect::<Option<_>>()?,
        })
    };
    if !files
        .iter()
        .all(|file| may_be_pieced(&file.name, file.bytes.len(), rules))
    {
        return None;
    }
    join_pieces(files.iter().map(read).collect::<Option<_>>()?, rules)
}

/// Returns what the texts of `files` desire together, and everything that is wrong with them.
fn read_whole(files: &[Arc<SourceFile>], rules: &Rules) -> (Option<DesiredTree>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let mut trees = Vec::new();
    for file in files {
        let (tree, found) = treefile::parse(Arc::clone(file), &rules.parse_limits);
        trees.push(tree);
        diagnostics.extend(found);
    }
    match merge(trees, rules.overlay, &rules.layer_limits) {
        Ok(desired) => (Some(desired), diagnostics),
        Err(more) => (None, joined_diagnostics(diagnostics, more)),
    }
}

/// Returns what parsing and merging found, each fault once: both look at the limits of a node.
pub fn joined_diagnostics(parsed: Vec<Diagnostic>, merged: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let known: BTreeSet<_> = parsed.iter().map(fault).collect();
    let new = merged
        .into_iter()
        .filter(|diagnostic| !known.contains(&fault(diagnostic)))
        .collect::<Vec<_>>();
    parsed.into_iter().chain(new).collect()
}

/// Returns what tells one fault from another: its kind and its line.
fn fault(diagnostic: &Diagnostic) -> (Code, String, usize) {
    (
        diagnostic.code,
        diagnostic.primary.source.name.clone(),
        diagnostic.place().0,
    )
}

/// Returns what `files` desire together, or everything that is wrong with them.
///
/// Files whose names end in `.zkx` are overlays. Each group is taken in the byte order of the names.
pub fn merge(
    files: Vec<FileTree>,
    overlay: Overlay,
    limits: &LayerLimits,
) -> Result<DesiredTree, Vec<Diagnostic>> {
    let joined = join::join(files, overlay, &ZnodePath::root(), join::Parents::Defined);
    finish::finish(joined, &ZnodePath::root(), limits).map(|graft| graft.desired)
}

/// Returns what `files` desire below `base`, which counts for limits and reserved roots.
///
/// A path such as `/a/b` whose parent no file defines is left to the caller: see [`Graft::live_parents`].
pub fn merge_at(
    files: Vec<FileTree>,
    overlay: Overlay,
    limits: &LayerLimits,
    base: &ZnodePath,
) -> Result<Graft, Vec<Diagnostic>> {
    let joined = join::join(files, overlay, base, join::Parents::MayLive);
    finish::finish(joined, base, limits)
}
