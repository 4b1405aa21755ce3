//! Reads the tree files of one commit from the object store.
//!
//! Never a work tree, never a symlink: entries are judged by their mode before any byte is read, and every blob is
//! read once, its id checked. What the files mean is `treekeeper-core`'s.

use std::cell::RefCell;
use std::time::Instant;

use treekeeper_core::model::Revision;
use treekeeper_core::treefile::SourceFile;

use super::error::{EntryKind, GitError};
use super::mirror::Mirror;
use super::object_id::BlobId;
use super::options::ReadLimits;
use super::place::Hold;
use super::process::Input;
use super::text::{escape, escape_bytes};

/// The most levels that the directory of the tree files may be down.
const DEPTH_MAX: usize = 64;
/// What `cat-file` prints around a blob, at most: an id, the type, the size, two ends of lines.
const FRAME_BYTES_MAX: u64 = 128;
/// From which size on git streams a blob.
const STREAMED: &str = "core.bigFileThreshold=256k";

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

/// Takes the bytes of files as git prints them.
pub trait FileSink {
    /// Tells the names and sizes of all files, in their order, and asks whether their bytes are wanted; comes again if
    /// the mirror was damaged and had to be made again, and nothing that was taken before counts any more.
    fn begin(&mut self, files: &[(&str, usize)]) -> bool;

    /// Takes the next bytes of one of the files.
    fn take(&mut self, file: usize, bytes: &[u8]);
}

impl Mirror {
    /// Returns the tree files directly in the configured directory at `revision`: `.zk` files first, then `.zkx`, each
    /// sorted by bytes; and the settings file, if there is one.
    ///
    /// All is refused or all is read. A directory that is missing is an error, never an empty list.
    pub fn read(&mut self, revision: &Revision, limits: &ReadLimits) -> Result<Vec<SourceFile>, GitError> {
        let mut whole = WholeFiles::default();
        self.read_into(revision, limits, &mut whole)?;
        Ok(whole.0)
    }

    /// Hands the same files to `sink` as git prints them; only when this has ended well are they what they should be.
    pub fn read_into(
        &mut self,
        revision: &Revision,
        limits: &ReadLimits,
        sink: &mut dyn FileSink,
    ) -> Result<(), GitError> {
        let sink = RefCell::new(sink);
        self.repairing(|mirror| {
            let entries = match mirror.known_entries(revision) {
                Some(entries) => entries,
                None => mirror.tree_entries(revision)?,
            };
            let mut files = mirror.tree_files(entries, limits)?;
            files.sort_by(|(_, one), (_, other)| by_layer(one, other));
            mirror.blobs(&files, &mut **sink.borrow_mut())
        })
    }

    /// Makes sure that a commit of the remote is here: fetches it if it is not.
    ///
    /// # Errors
    /// As [`Mirror::fetch`].
    pub fn catch_up(&mut self, revision: &Revision) -> Result<(), GitError> {
        let deadline = Instant::now() + self.options.fetch_max;
        let shared = self.place.lock(Hold::Shared, deadline)?;
        let entries = self.tree_entries(revision);
        drop(shared);
        match entries {
            Err(GitError::MirrorDamaged { .. }) => self.fetch(),
            entries => {
                self.entries = entries.ok().map(|entries| (revision.clone(), entries));
                Ok(())
            }
        }
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
    fn blobs(&self, files: &[(Entry, String)], sink: &mut dyn FileSink) -> Result<(), GitError> {
        let list: Vec<_> = files
            .iter()
            .map(|(entry, name)| (name.as_str(), entry.bytes.unwrap_or(0) as usize))
            .collect();
        if !sink.begin(&list) || files.is_empty() {
            return Ok(());
        }
        let ids: String = files.iter().map(|(entry, _)| format!("{}\n", entry.id)).collect();
        let total: u64 = files
            .iter()
            .map(|(entry, _)| entry.bytes.unwrap_or(0) + FRAME_BYTES_MAX)
            .sum();
        let mut blobs = Blobs::new(files, sink);
        let finished = self.stream(
            // What is no difference to another object is printed while it is inflated, not after.
            ["-c", STREAMED, "cat-file", "--batch", "--buffer"],
            Input::Bytes(ids.into_bytes()),
            total,
            &mut |bytes| blobs.take(bytes),
        )?;
        let read = blobs.finish();
        if !finished.status.success() || read.len() != files.len() {
            let name = files.get(read.len()).map_or("files", |(_, name)| name);
            return Err(self.damaged(format!("can't read {}: {}", escape(name), finished.complaint)));
        }
        match files.iter().zip(read).find(|((entry, _), id)| entry.id != *id) {
            None => Ok(()),
            Some(((entry, name), _)) => {
                Err(self.damaged(format!("{} is not what its id {} says", escape(name), entry.id)))
            }
        }
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

/// Keeps files as they are.
#[derive(Default)]
struct WholeFiles(Vec<SourceFile>);

impl FileSink for WholeFiles {
    fn begin(&mut self, files: &[(&str, usize)]) -> bool {
        let empty = files.iter().map(|(name, bytes)| SourceFile {
            name: (*name).to_owned(),
            bytes: Vec::with_capacity(*bytes),
        });
        self.0 = empty.collect();
        true
    }

    fn take(&mut self, file: usize, bytes: &[u8]) {
        self.0[file].bytes.extend_from_slice(bytes);
    }
}

/// Takes apart what `cat-file --batch` prints, every header of which is known before.
struct Blobs<'a> {
    sink: &'a mut dyn FileSink,
    /// The header and the size of each blob, the last one first.
    expected: Vec<(Vec<u8>, usize)>,
    digits: usize,
    /// The ids of the blobs that came whole.
    read: Vec<String>,
    /// What has come of the header of the blob that is being read.
    header: Vec<u8>,
    /// The blob that is being read, and how many bytes are left of it and of its end of line.
    body: Option<(BlobId, usize)>,
    is_broken: bool,
}

impl<'a> Blobs<'a> {
    fn new(files: &[(Entry, String)], sink: &'a mut dyn FileSink) -> Blobs<'a> {
        let expect = |(entry, _): &(Entry, String)| {
            let bytes = entry.bytes.unwrap_or(0);
            (
                format!("{} blob {bytes}\n", entry.id).into_bytes(),
                bytes as usize,
            )
        };
        Blobs {
            sink,
            expected: files.iter().rev().map(expect).collect(),
            digits: files.first().map_or(40, |(entry, _)| entry.id.len()),
            read: Vec::with_capacity(files.len()),
            header: Vec::new(),
            body: None,
            is_broken: false,
        }
    }

    /// Takes the next piece of output.
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_broken {
            let taken = match self.body.take() {
                Some((id, left)) => self.take_body(id, left, bytes),
                None => self.take_header(bytes),
            };
            bytes = &bytes[taken..];
        }
    }

    /// Takes what `bytes` hold of a header, and returns how many bytes that is.
    fn take_header(&mut self, bytes: &[u8]) -> usize {
        let Some((header, size)) = self.expected.last() else {
            self.is_broken = true;
            return 0;
        };
        let more = (header.len() - self.header.len()).min(bytes.len());
        self.header.extend_from_slice(&bytes[..more]);
        if self.header.len() == header.len() {
            self.is_broken = self.header != *header;
            self.body = Some((BlobId::new(self.digits, *size), size + 1));
            self.header.clear();
        }
        more
    }

    /// Takes what `bytes` hold of a blob, whose end of line is `left` bytes from here, and returns how many bytes that is.
    fn take_body(&mut self, mut id: BlobId, left: usize, bytes: &[u8]) -> usize {
        let more = (left - 1).min(bytes.len());
        if more > 0 {
            id.take(&bytes[..more]);
            self.sink.take(self.read.len(), &bytes[..more]);
        }
        match bytes.get(more) {
            Some(end) if left - 1 == more => {
                self.is_broken = *end != b'\n';
                if !self.is_broken {
                    self.read.push(id.finish());
                    self.expected.pop();
                }
                more + 1
            }
            _ => {
                self.body = Some((id, left - more));
                more
            }
        }
    }

    /// Returns the ids of the blobs that came whole and as expected.
    fn finish(self) -> Vec<String> {
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

/// Reads `MODE TYPE ID[ SIZE]\tNAME`, sizes padded on the left; a blob without a size is one that git can't find.
fn parse_entry(line: &[u8], sizes: Sizes) -> Option<Entry> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let mut words = std::str::from_utf8(&line[..tab]).ok()?.split(' ');
    let mut word = || words.next().filter(|word| !word.is_empty());
    let (mode, _, id) = (word()?, word()?, word()?.to_owned());
    let kind = match mode {
        "100644" | "100755" | "100664" => EntryKind::File,
        "120000" => EntryKind::Symlink,
        "160000" => EntryKind::Submodule,
        "040000" => EntryKind::Directory,
        _ => EntryKind::Special,
    };
    let bytes = match (kind, sizes) {
        (EntryKind::File, Sizes::Wanted) => Some(words.find(|word| !word.is_empty())?.parse().ok()?),
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
            let files = [file("aa", 3), file("bb", 0), file("cc", 1)];
            let mut whole = WholeFiles::default();
            whole.begin(&[("a", 3), ("b", 0), ("c", 1)]);
            let mut blobs = Blobs::new(&files, &mut whole);
            output.chunks(cut).for_each(|piece| blobs.take(piece));
            assert_eq!(blobs.finish().len(), 3);
            let read: Vec<_> = whole.0.iter().map(|file| file.bytes.as_slice()).collect();
            assert_eq!(read, [&b"x\ny"[..], b"", b"\n"], "{cut}");
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
            let mut whole = WholeFiles::default();
            whole.begin(&[("a", 3), ("b", 1)]);
            let files = [file("aa", 3), file("bb", 1)];
            let mut blobs = Blobs::new(&files, &mut whole);
            blobs.take(output.as_bytes());
            assert_eq!(blobs.finish(), Vec::<String>::new(), "{output}");
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
