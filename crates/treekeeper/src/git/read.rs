//! Reads the tree files of one commit from the object store.
//!
//! Never a work tree, never a symlink: entries are judged by their mode before any byte is read, and every blob is
//! read once, its id checked. What the files mean is `treekeeper-core`'s.

use treekeeper_core::model::Revision;
use treekeeper_core::treefile::SourceFile;

use super::error::{EntryKind, GitError};
use super::mirror::Mirror;
use super::object_id::is_blob_id;
use super::options::ReadLimits;
use super::process::Input;
use super::text::{escape, escape_bytes};

/// The most levels that the directory of the tree files may be down.
const DEPTH_MAX: usize = 64;
/// What `cat-file` prints around a blob, at most: an id, the type, the size, two ends of lines.
const FRAME_BYTES_MAX: u64 = 128;

/// The repository's own settings, which may stand beside the tree files.
pub const SETTINGS_FILE: &str = "treekeeper.toml";

/// One entry of a tree, as git lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    kind: EntryKind,
    id: String,
    /// Its size; only files have one, and only where it was asked for.
    pub bytes: Option<u64>,
    /// Its name: any bytes but NUL.
    pub name: Vec<u8>,
}

impl Entry {
    /// Tells whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind == EntryKind::File
    }
}

/// Whether the sizes of blobs are asked for, which costs git a look at each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sizes {
    Wanted,
    Ignored,
}

impl Mirror {
    /// Returns the tree files directly in the configured directory at `revision`: `.zk` files first, then `.zkx`, each
    /// sorted by bytes; and the settings file, if there is one.
    ///
    /// All is refused or all is read. A directory that is missing is an error, never an empty list.
    pub fn read(&mut self, revision: &Revision, limits: &ReadLimits) -> Result<Vec<SourceFile>, GitError> {
        self.repairing(|mirror| {
            let mut files = mirror.tree_files(mirror.tree_entries(revision)?, limits)?;
            files.sort_by(|(_, one), (_, other)| by_layer(one, other));
            mirror.blobs(files)
        })
    }

    /// Returns the entries of the configured directory.
    pub(super) fn tree_entries(&self, revision: &Revision) -> Result<Vec<Entry>, GitError> {
        let missing = || GitError::DirectoryMissing {
            path: self.directory_name(),
            revision: revision.to_string(),
        };
        let mut tree = revision.to_string();
        for component in &self.directory {
            let entries = self.list(&tree, Sizes::Ignored)?;
            let entry = entries
                .into_iter()
                .find(|entry| entry.name == component.as_bytes())
                .ok_or_else(missing)?;
            if entry.kind != EntryKind::Directory {
                return Err(GitError::NotADirectory {
                    path: self.directory_name(),
                    kind: entry.kind,
                    revision: revision.to_string(),
                });
            }
            tree = entry.id;
        }
        self.list(&tree, Sizes::Wanted)
    }

    /// Returns the entries of one tree.
    fn list(&self, tree: &str, sizes: Sizes) -> Result<Vec<Entry>, GitError> {
        let long = (sizes == Sizes::Wanted).then_some("-l");
        let arguments = ["ls-tree", "-z", "--full-tree"]
            .into_iter()
            .chain(long)
            .chain([tree]);
        let output = self.git(arguments, Input::Empty)?;
        parse_listing(&output, sizes)
            .map_err(|line| self.damaged(format!("can't read the entry {}", escape_bytes(line))))
    }

    /// Picks the tree files, with their names, and holds them against the limits.
    fn tree_files(&self, entries: Vec<Entry>, limits: &ReadLimits) -> Result<Vec<(Entry, String)>, GitError> {
        let mut files = Vec::new();
        let is_wanted = |name: &[u8]| is_tree_file(name) || name == SETTINGS_FILE.as_bytes();
        for entry in entries.into_iter().filter(|entry| is_wanted(&entry.name)) {
            let path = self.path_of(&entry.name);
            if entry.kind != EntryKind::File {
                return Err(GitError::NotAFile {
                    path,
                    kind: entry.kind,
                });
            }
            let Ok(name) = String::from_utf8(entry.name.clone()) else {
                return Err(GitError::FileNameNotUtf8 { path });
            };
            check_file(&path, entry.bytes.unwrap_or(0), limits)?;
            files.push((entry, name));
        }
        check_total(files.iter().map(|(entry, _)| entry.bytes.unwrap_or(0)), limits)?;
        Ok(files)
    }

    /// Reads blobs with one git process.
    fn blobs(&self, files: Vec<(Entry, String)>) -> Result<Vec<SourceFile>, GitError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let ids: String = files.iter().map(|(entry, _)| format!("{}\n", entry.id)).collect();
        let total: u64 = files
            .iter()
            .map(|(entry, _)| entry.bytes.unwrap_or(0) + FRAME_BYTES_MAX)
            .sum();
        let mut blobs = Blobs::new(&files);
        let finished = self.stream(
            ["cat-file", "--batch", "--buffer"],
            Input::Bytes(ids.into_bytes()),
            total,
            &mut |bytes| blobs.take(bytes),
        )?;
        let read = blobs.finish();
        if !finished.status.success() || read.len() != files.len() {
            let name = files.get(read.len()).map_or("files", |(_, name)| name);
            return Err(self.damaged(format!("can't read {}: {}", escape(name), finished.complaint)));
        }
        let checked =
            files
                .into_iter()
                .zip(read)
                .map(|((entry, name), bytes)| match is_blob_id(&entry.id, &bytes) {
                    true => Ok(SourceFile { name, bytes }),
                    false => {
                        Err(self.damaged(format!("{} is not what its id {} says", escape(&name), entry.id)))
                    }
                });
        checked.collect()
    }

    fn directory_name(&self) -> String {
        match self.directory.is_empty() {
            true => ".".to_owned(),
            false => escape(&self.directory.join("/")),
        }
    }

    fn path_of(&self, name: &[u8]) -> String {
        let above = self
            .directory
            .iter()
            .map(|component| format!("{}/", escape(component)));
        above.chain([escape_bytes(name)]).collect()
    }
}

/// Takes apart what `cat-file --batch` prints, every header of which is known before.
struct Blobs {
    /// The header and the size of each blob, the last one first.
    expected: Vec<(Vec<u8>, usize)>,
    read: Vec<Vec<u8>>,
    /// What has come of the blob that is being read: header, bytes and end of line.
    header: Vec<u8>,
    body: Vec<u8>,
    is_broken: bool,
}

impl Blobs {
    fn new(files: &[(Entry, String)]) -> Blobs {
        let expect = |(entry, _): &(Entry, String)| {
            let bytes = entry.bytes.unwrap_or(0);
            (
                format!("{} blob {bytes}\n", entry.id).into_bytes(),
                bytes as usize,
            )
        };
        Blobs {
            expected: files.iter().rev().map(expect).collect(),
            read: Vec::with_capacity(files.len()),
            header: Vec::new(),
            body: Vec::new(),
            is_broken: false,
        }
    }

    /// Takes the next piece of output.
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_broken {
            let Some((header, size)) = self.expected.last() else {
                self.is_broken = true;
                return;
            };
            let more = (header.len() - self.header.len()).min(bytes.len());
            self.header.extend_from_slice(&bytes[..more]);
            bytes = &bytes[more..];
            if self.header.len() < header.len() {
                return;
            }
            // The end of line that follows each blob is taken with it.
            let more = (size + 1 - self.body.len()).min(bytes.len());
            self.body.reserve_exact(size + 1 - self.body.len());
            self.body.extend_from_slice(&bytes[..more]);
            bytes = &bytes[more..];
            if self.body.len() == size + 1 {
                self.is_broken = self.header != *header || self.body.pop() != Some(b'\n');
                if !self.is_broken {
                    self.read.push(std::mem::take(&mut self.body));
                }
                self.header.clear();
                self.expected.pop();
            }
        }
    }

    /// Returns the blobs that came whole and as expected.
    fn finish(self) -> Vec<Vec<u8>> {
        self.read
    }
}

/// Returns the components of the directory that holds the tree files, none for the root; refuses what leads elsewhere.
pub(crate) fn checked_directory(path: &str) -> Result<Vec<String>, GitError> {
    let components: Vec<String> = path
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .map(str::to_owned)
        .collect();
    let is_hostile = path.starts_with('/')
        || path.is_empty()
        || path.chars().any(char::is_control)
        || components.len() > DEPTH_MAX
        || components.iter().any(|part| part == "..");
    match is_hostile {
        true => Err(GitError::PathRefused { path: escape(path) }),
        false => Ok(components),
    }
}

/// Tells whether a file of this name is a tree file.
pub(crate) fn is_tree_file(name: &[u8]) -> bool {
    name.ends_with(b".zk") || name.ends_with(b".zkx")
}

/// Orders names: `.zk` before everything else, then by bytes.
pub(crate) fn by_layer(one: &str, other: &str) -> std::cmp::Ordering {
    (!one.ends_with(".zk"), one.as_bytes()).cmp(&(!other.ends_with(".zk"), other.as_bytes()))
}

/// Refuses a file that is too big.
pub(crate) fn check_file(path: &str, bytes: u64, limits: &ReadLimits) -> Result<(), GitError> {
    let bytes_max = limits.file_bytes_max;
    match bytes > bytes_max {
        true => Err(GitError::FileTooLarge {
            path: path.to_owned(),
            bytes,
            bytes_max,
        }),
        false => Ok(()),
    }
}

/// Refuses files that are too many or too big together.
pub(crate) fn check_total(sizes: impl Iterator<Item = u64>, limits: &ReadLimits) -> Result<(), GitError> {
    let (files, bytes) = sizes.fold((0, 0_u64), |(files, sum), bytes| {
        (files + 1, sum.saturating_add(bytes))
    });
    if files > limits.files_max {
        return Err(GitError::TooManyFiles {
            files,
            files_max: limits.files_max,
        });
    }
    match bytes > limits.total_bytes_max {
        true => Err(GitError::TreeTooLarge {
            bytes,
            bytes_max: limits.total_bytes_max,
        }),
        false => Ok(()),
    }
}

/// Reads what `git ls-tree -z -l` prints.
///
/// # Errors
/// The record that is not one.
pub fn read_listing(output: &[u8]) -> Result<Vec<Entry>, &[u8]> {
    parse_listing(output, Sizes::Wanted)
}

fn parse_listing(output: &[u8], sizes: Sizes) -> Result<Vec<Entry>, &[u8]> {
    let lines = output.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    lines.map(|line| parse_entry(line, sizes).ok_or(line)).collect()
}

/// Reads `MODE TYPE ID[ SIZE]\tNAME`; a blob without a size is one that git can't find.
fn parse_entry(line: &[u8], sizes: Sizes) -> Option<Entry> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let mut words = std::str::from_utf8(&line[..tab]).ok()?.split_ascii_whitespace();
    let kind = match words.next()? {
        "100644" | "100755" | "100664" => EntryKind::File,
        "120000" => EntryKind::Symlink,
        "160000" => EntryKind::Submodule,
        "040000" => EntryKind::Directory,
        _ => EntryKind::Special,
    };
    let (_, id) = (words.next()?, words.next()?.to_owned());
    let bytes = match (kind, sizes) {
        (EntryKind::File, Sizes::Wanted) => Some(words.next()?.parse().ok()?),
        _ => None,
    };
    Some(Entry {
        kind,
        id,
        bytes,
        name: line[tab + 1..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(id: &str, bytes: u64) -> (Entry, String) {
        (
            Entry {
                kind: EntryKind::File,
                id: id.to_owned(),
                bytes: Some(bytes),
                name: Vec::new(),
            },
            String::new(),
        )
    }

    #[test]
    fn blobs_are_taken_apart_wherever_the_output_is_cut() {
        let output = b"aa blob 3\nx\ny\nbb blob 0\n\ncc blob 1\n\n\n";
        for cut in 1..output.len() {
            let mut blobs = Blobs::new(&[file("aa", 3), file("bb", 0), file("cc", 1)]);
            output.chunks(cut).for_each(|piece| blobs.take(piece));
            assert_eq!(blobs.finish(), [&b"x\ny"[..], b"", b"\n"], "{cut}");
        }
    }

    #[test]
    fn a_blob_that_is_not_as_expected_ends_the_reading() {
        for output in [
            "aa missing\nbb blob 1\nx\n",
            "aa blob 2\nxyz",
            "aa commit 3\nxyz\n",
            "aa blob 3\nxy",
        ] {
            let mut blobs = Blobs::new(&[file("aa", 3), file("bb", 1)]);
            blobs.take(output.as_bytes());
            assert_eq!(blobs.finish(), Vec::<Vec<u8>>::new(), "{output}");
        }
    }

    #[test]
    fn layers_come_after_the_trees_that_they_lie_on() {
        let mut names = ["b.zkx", "b.zk", "a.zkx", ".zk", "B.zk", "a.zk"];
        names.sort_by(|one, other| by_layer(one, other));
        assert_eq!(names, [".zk", "B.zk", "a.zk", "b.zk", "a.zkx", "b.zkx"]);
        assert!(
            is_tree_file(b".zk") && !is_tree_file(b"a.ZK") && !is_tree_file(b"a.zk~") && !is_tree_file(b"zk")
        );
    }

    #[test]
    fn directories_lead_down_only() {
        assert_eq!(checked_directory(".").unwrap(), Vec::<String>::new());
        assert_eq!(checked_directory("./a//b/").unwrap(), ["a", "b"]);
        for path in ["", "/", "/a", "..", "a/../b", "a\nb"] {
            assert!(checked_directory(path).is_err(), "{path}");
        }
    }
}
