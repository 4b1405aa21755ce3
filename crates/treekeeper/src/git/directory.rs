//! Reads tree files from the file system, for the commands that need no repository.
//!
//! The same rules as for a commit: symlinks and the like are refused and never opened, sizes are checked first.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use treekeeper_core::treefile::SourceFile;

use super::error::{EntryKind, GitError};
use super::options::ReadLimits;
use super::place::io_error;
use super::read::{SETTINGS_FILE, by_layer, check_file, check_total, is_tree_file};
use super::text::escape_bytes;

/// Returns the tree files directly in a directory: `.zk` files first, then `.zkx`, each sorted by bytes.
pub fn read_directory(directory: &Path, limits: &ReadLimits) -> Result<Vec<SourceFile>, GitError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(io_error("read", directory))? {
        let entry = entry.map_err(io_error("read", directory))?;
        if is_tree_file(entry.file_name().as_bytes()) {
            paths.push(entry.path());
        }
    }
    let mut files = read_files(&paths, limits)?;
    files.sort_by(|one, other| by_layer(&one.name, &other.name));
    Ok(files)
}

/// Returns the repository's settings beside the tree files of a directory, if it has some.
pub fn read_settings(directory: &Path, limits: &ReadLimits) -> Result<Option<SourceFile>, GitError> {
    let path = directory.join(SETTINGS_FILE);
    // A link that leads nowhere is there, and refused.
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => Ok(read_files(&[path], limits)?.pop()),
    }
}

/// Returns the named files, whatever their names end in, in the order in which they are named.
pub fn read_files<P: AsRef<Path>>(paths: &[P], limits: &ReadLimits) -> Result<Vec<SourceFile>, GitError> {
    let mut sizes = Vec::with_capacity(paths.len());
    for path in paths.iter().map(AsRef::as_ref) {
        let metadata = fs::symlink_metadata(path).map_err(io_error("look at", path))?;
        let kind = metadata.file_type();
        let shown = escape_bytes(path.as_os_str().as_bytes());
        if !kind.is_file() {
            let kind = match (kind.is_symlink(), kind.is_dir()) {
                (true, _) => EntryKind::Symlink,
                (_, true) => EntryKind::Directory,
                _ => EntryKind::Special,
            };
            return Err(GitError::NotAFile { path: shown, kind });
        }
        check_file(&shown, metadata.len(), limits)?;
        sizes.push(metadata.len());
    }
    check_total(sizes.into_iter(), limits)?;
    paths
        .iter()
        .map(|path| read_file(path.as_ref(), limits))
        .collect()
}

fn read_file(path: &Path, limits: &ReadLimits) -> Result<SourceFile, GitError> {
    let shown = || escape_bytes(path.as_os_str().as_bytes());
    let name = path.file_name().unwrap_or_default().to_str();
    let name = name
        .ok_or_else(|| GitError::FileNameNotUtf8 { path: shown() })?
        .to_owned();
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io_error("open", path))?;
    // It may have grown since it was looked at.
    let mut bounded = file.take(limits.file_bytes_max.saturating_add(1));
    bounded.read_to_end(&mut bytes).map_err(io_error("read", path))?;
    check_file(&shown(), bytes.len() as u64, limits)?;
    Ok(SourceFile { name, bytes })
}
