//! How much a tree file may hold before it is refused (DESIGN.md 8).
//!
//! Each limit names its key in the configuration, so that an error says what to raise. Limits of expressions are
//! fixed and live in `expression`.

/// The limits of one file; each is the greatest value that is still taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseLimits {
    /// Bytes of a file, `limits.file_bytes`.
    pub file_bytes: usize,
    /// Bytes of a line without its end, `limits.line_bytes`.
    pub line_bytes: usize,
    /// Levels of nodes, `limits.depth`.
    pub depth: usize,
    /// Bytes of a node's path, `limits.path_bytes`.
    pub path_bytes: usize,
    /// Nodes of a file, `limits.znodes`.
    pub znodes: usize,
    /// Bytes of a node's data as they are stored, `limits.node_data_bytes`.
    pub node_data_bytes: usize,
    /// Bytes of the names of one node's children, `limits.child_names_bytes`: a server answers with all of them at
    /// once, and what exceeds 1 MiB kills clients (RELIABILITY.md F17).
    pub child_names_bytes: usize,
    /// Diagnostics of a file, `limits.diagnostics`: what comes after them is left out, and that is said.
    pub diagnostics: usize,
}

impl Default for ParseLimits {
    fn default() -> ParseLimits {
        ParseLimits {
            file_bytes: 256 << 20,
            line_bytes: 64 << 10,
            depth: 256,
            path_bytes: 1_024,
            znodes: 2_000_000,
            node_data_bytes: 256 << 10,
            child_names_bytes: 512 << 10,
            diagnostics: 500,
        }
    }
}
