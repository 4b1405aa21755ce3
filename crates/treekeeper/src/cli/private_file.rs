//! Files that are for their owner only and are there whole or not at all, and the keys that they hold.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use treekeeper_core::model::HashKey;

/// Writes a new file beside `file` and moves it there, so that nobody ever reads half of it.
///
/// # Errors
/// A directory that cannot be written to, or a file that is one.
pub fn replace(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let Some(name) = file.file_name() else {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "it is a directory",
        ));
    };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    let beside: PathBuf = file.with_file_name(hidden);
    let write = || {
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        out.write_all(bytes)?;
        out.sync_all()?;
        fs::rename(&beside, file)
    };
    write().inspect_err(|_| {
        // It may not be there at all.
        let _ = fs::remove_file(&beside);
    })
}

/// Returns a random key: an id has 122 random bits, so two are laid over each other.
pub fn random_key() -> HashKey {
    let mut key = *uuid::Uuid::new_v4().as_bytes();
    let mut other = *uuid::Uuid::new_v4().as_bytes();
    // The fixed bits of one must not meet those of the other.
    other.rotate_left(4);
    key.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
    HashKey::new(key)
}
