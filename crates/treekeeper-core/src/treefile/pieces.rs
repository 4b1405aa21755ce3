//! Cuts a file between its top-level nodes, so that pieces of it can be parsed by themselves, at once or as they come.
//!
//! Where nothing is wrong the pieces mean together what the file means. What is wrong is for the whole file to tell:
//! only there an error knows what it follows from.

use std::ops::Range;
use std::sync::Arc;

use super::lines::blank;
use super::sink::FileNodes;
use super::{FileTree, ParseLimits, SourceFile, parser};

/// The bytes of a piece: enough that cutting costs nothing, few enough that its nodes stay in a processor's cache.
pub const PIECE_BYTES: usize = 128 << 10;

/// Cuts pieces off the front of a file that may still be coming.
#[derive(Debug)]
pub struct Cutter {
    margin: Margin,
    wanted: usize,
}

/// Whether top-level nodes stand at the beginning of their lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Margin {
    /// No line has told so far.
    Unknown,
    Left,
    /// They are indented, which no cut could tell from an error.
    Indented,
}

impl Default for Cutter {
    fn default() -> Cutter {
        Cutter {
            margin: Margin::Unknown,
            wanted: PIECE_BYTES,
        }
    }
}

impl Cutter {
    /// Returns how many bytes, or the whole rest of the file, a look at the next piece needs.
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// Returns the length of the next piece, if `bytes` allow to cut one off: they begin where the last piece ended.
    pub fn cut(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.margin == Margin::Unknown {
            self.margin = margin(bytes);
        }
        let line = match self.margin {
            Margin::Left => memchr::memmem::rfind(bytes, b"\n/"),
            Margin::Unknown | Margin::Indented => None,
        };
        match line {
            Some(end) => {
                self.wanted = PIECE_BYTES;
                Some(end + 1)
            }
            None => {
                // Each look goes over all of the bytes: there must not be many.
                self.wanted = self.wanted.saturating_mul(2);
                None
            }
        }
    }
}

/// Returns what the first line that is neither blank nor a comment tells of the margin.
fn margin(bytes: &[u8]) -> Margin {
    for line in bytes.split(|byte| *byte == b'\n') {
        match line.iter().position(|byte| !blank(*byte)) {
            Some(indent) if line[indent] == b'#' => {}
            Some(0) => return Margin::Left,
            Some(_) => return Margin::Indented,
            None => {}
        }
    }
    Margin::Unknown
}

/// Returns the pieces of a whole file.
pub fn pieces(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut cutter = Cutter::default();
    let mut pieces = Vec::new();
    let mut start = 0_usize;
    loop {
        let end = start.saturating_add(cutter.wanted());
        if end >= bytes.len() {
            pieces.push(start..bytes.len());
            return pieces;
        }
        if let Some(length) = cutter.cut(&bytes[start..end]) {
            pieces.push(start..start + length);
            start += length;
        }
    }
}

/// Returns what a piece of a `.zk` file says (see [`pieces`]), and how many of `steps` it took; `None` if
/// anything is wrong with it.
///
/// Whether each node's properties can be stored is not asked, nor is what only the whole file tells.
pub fn parse_piece(bytes: &[u8], limits: &ParseLimits, steps: usize) -> Option<(FileTree, usize)> {
    let (source, limits) = unreported(limits);
    let (FileNodes(nodes), report, steps_left) =
        parser::read(&source, bytes, &limits, steps, FileNodes::new());
    let is_good = report.is_empty();
    is_good.then_some((FileTree { source, nodes }, steps - steps_left))
}

/// Returns a source and limits for pieces: what is wrong there is counted and not told.
pub(super) fn unreported(limits: &ParseLimits) -> (Arc<SourceFile>, ParseLimits) {
    let source = SourceFile {
        name: ".zk".to_owned(),
        bytes: Vec::new(),
    };
    let limits = ParseLimits {
        diagnostics: 0,
        ..limits.clone()
    };
    (Arc::new(source), limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the first lines of the pieces of a text, each line of which is repeated until it is long.
    fn first_lines(lines: &[&str]) -> Vec<String> {
        let text: String = lines
            .iter()
            .map(|line| format!("{line}\n").repeat(PIECE_BYTES / 3 / (line.len() + 1)))
            .collect();
        let ranges = pieces(text.as_bytes());
        assert_eq!(ranges.first().map(|range| range.start), Some(0));
        assert_eq!(ranges.last().map(|range| range.end), Some(text.len()));
        assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
        let first = |range: &Range<usize>| text[range.clone()].lines().next().map(str::to_owned);
        ranges.iter().filter_map(first).collect()
    }

    #[test]
    fn pieces_begin_with_top_level_nodes() {
        let lines = ["/a", "  x = 1", "  /b", "/c", "    /d", "    y = 2", "/e"];
        assert_eq!(first_lines(&lines), ["/a", "/c", "/e"]);
    }

    #[test]
    fn what_is_indented_from_the_beginning_is_one_piece() {
        assert_eq!(first_lines(&["# x", "", "  /a", "  /b", "/c", "/d"]), ["# x"]);
    }

    #[test]
    fn a_file_that_comes_in_any_portions_is_cut_at_the_same_kind_of_lines() {
        let text = "# top\n\n/a\n  /b\n/c\n".repeat(20_000);
        let (mut cutter, mut rest, mut cut) = (Cutter::default(), Vec::new(), Vec::new());
        for portion in text.as_bytes().chunks(60_000) {
            rest.extend_from_slice(portion);
            while rest.len() >= cutter.wanted() {
                let Some(length) = cutter.cut(&rest) else { continue };
                let after = rest.split_off(length);
                cut.push(std::mem::replace(&mut rest, after));
            }
        }
        cut.push(rest);
        assert!(cut.len() > 2 && cut[1..].iter().all(|piece| piece.starts_with(b"/")));
        assert_eq!(cut.concat(), text.as_bytes());
    }
}
