//! The mirror's place on disk: its lock, its marker, how a new mirror replaces it, and what a killed git leaves.
//!
//! Nothing here runs git. Only directories that hold our marker are ever deleted.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::error::GitError;

/// The file that says that a directory is a mirror of ours, which may be deleted and made again.
const MARKER: &str = "treekeeper-mirror";
/// What stands in it.
const MARKER_TEXT: &str = "A bare git mirror made by treekeeper. It may be deleted at any time.\n";
/// How often the lock is tried.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// How deep refs are looked for, a level per slash in a name.
const REFS_DEPTH_MAX: u32 = 64;

/// The directory of a mirror, and its neighbours `.lock`, `.new` and `.old`.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    mirror: PathBuf,
}

/// Who else may work on the mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nobody: refs change or the mirror is replaced.
    Exclusive,
    /// Whoever reads.
    Shared,
}

/// The held lock of a mirror. Dropping it lets go, but a git that was given a copy holds on.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Returns a copy of the lock's file for a git process to hold.
    pub(crate) fn file(&self) -> Result<File, GitError> {
        self.0.try_clone().map_err(|source| GitError::Process { source })
    }
}

impl Place {
    /// Returns the place of a mirror at `path`, which need not exist.
    pub(crate) fn new(path: &Path) -> Result<Place, GitError> {
        let mirror = std::path::absolute(path).map_err(io_error("name", path))?;
        Ok(Place { mirror })
    }

    /// Returns the mirror's directory.
    pub(crate) fn mirror(&self) -> &Path {
        &self.mirror
    }

    /// Returns the directory in which a new mirror is made.
    pub(crate) fn fresh(&self) -> PathBuf {
        self.beside("new")
    }

    /// Takes the lock, or says who has it once `deadline` has come.
    pub(crate) fn lock(&self, hold: Hold, deadline: Instant) -> Result<Lock, GitError> {
        if let Some(parent) = self.mirror.parent() {
            let make = DirBuilder::new().recursive(true).mode(0o700).create(parent);
            make.map_err(io_error("create", parent))?;
        }
        let path = self.beside("lock");
        let open = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path);
        let file = open.map_err(io_error("open", &path))?;
        let started = Instant::now();
        loop {
            let tried = match hold {
                Hold::Exclusive => file.try_lock(),
                Hold::Shared => file.try_lock_shared(),
            };
            match tried {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::Error(source)) => return Err(io_error("lock", &path)(source)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    let waited = Duration::from_millis(started.elapsed().as_millis() as u64);
                    return Err(GitError::MirrorBusy {
                        path: self.mirror.clone(),
                        waited,
                    });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            }
        }
    }

    /// Tells whether there is a mirror of ours; something else in its place is an error.
    pub(crate) fn has_mirror(&self) -> Result<bool, GitError> {
        is_ours(&self.mirror)
    }

    /// Returns a flaw that shows without running git: a mirror that borrows or lacks history on purpose isn't ours.
    pub(crate) fn flaw(&self) -> Option<String> {
        let foreign = ["shallow", "objects/info/alternates", "info/grafts"];
        let found = foreign.into_iter().find(|name| self.mirror.join(name).exists());
        found.map(|name| format!("it has a file {name}"))
    }

    /// Removes what a killed treekeeper or git left: half a mirror, old ones, lock files and half packs.
    ///
    /// Only under the exclusive lock, when no git works here.
    pub(crate) fn sweep(&self) -> Result<(), GitError> {
        for leftover in [self.fresh(), self.beside("old")] {
            remove_ours(&leftover)?;
        }
        if self.has_mirror()? {
            for name in ["HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock"] {
                let _ = fs::remove_file(self.mirror.join(name));
            }
            remove_files(&self.mirror.join("refs"), REFS_DEPTH_MAX, &|name| {
                name.ends_with(".lock")
            });
            remove_files(&self.mirror.join("objects"), 1, &|name| name.starts_with("tmp_"));
        }
        Ok(())
    }

    /// Makes the directory of a new mirror, with nothing but the marker in it.
    pub(crate) fn make_fresh(&self) -> Result<PathBuf, GitError> {
        let fresh = self.fresh();
        remove_ours(&fresh)?;
        DirBuilder::new()
            .mode(0o700)
            .create(&fresh)
            .map_err(io_error("create", &fresh))?;
        let marker = fresh.join(MARKER);
        fs::write(&marker, MARKER_TEXT).map_err(io_error("write", &marker))?;
        Ok(fresh)
    }

    /// Puts the new mirror, now whole, in the place of the old one, if there is one.
    pub(crate) fn replace(&self) -> Result<(), GitError> {
        let old = self.beside("old");
        if self.has_mirror()? {
            remove_ours(&old)?;
            fs::rename(&self.mirror, &old).map_err(io_error("move away", &self.mirror))?;
        }
        fs::rename(self.fresh(), &self.mirror).map_err(io_error("create", &self.mirror))?;
        remove_ours(&old)
    }

    /// Returns how many packs the mirror has.
    pub(crate) fn packs(&self) -> usize {
        let Ok(entries) = fs::read_dir(self.mirror.join("objects/pack")) else {
            return 0;
        };
        entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "pack"))
            .count()
    }

    fn beside(&self, end: &str) -> PathBuf {
        let mut name = self.mirror.as_os_str().to_owned();
        name.push(".");
        name.push(end);
        PathBuf::from(name)
    }
}

/// Returns a function that tells what was attempted on `path` when the file system refused.
pub(crate) fn io_error<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> GitError + 'a {
    move |source| GitError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Tells whether `directory` is a mirror of ours; an empty or absent one is none, anything else is an error.
fn is_ours(directory: &Path) -> Result<bool, GitError> {
    let occupied = || GitError::MirrorOccupied {
        path: directory.to_owned(),
    };
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io_error("look at", directory)(error)),
        Ok(_) => {}
    }
    if directory.join(MARKER).is_file() {
        return Ok(true);
    }
    match fs::read_dir(directory).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(false),
        Ok(false) => Err(occupied()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(occupied()),
        Err(error) => Err(io_error("read", directory)(error)),
    }
}

/// Removes a directory if it is ours or empty.
fn remove_ours(directory: &Path) -> Result<(), GitError> {
    let removed = match is_ours(directory)? {
        true => fs::remove_dir_all(directory),
        false => fs::remove_dir(directory),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("delete", directory)(error)),
        _ => Ok(()),
    }
}

/// Removes the files below `directory` whose names match, at most `depth` levels down; what resists stays.
fn remove_files(directory: &Path, depth: u32, matches: &dyn Fn(&str) -> bool) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => remove_files(&entry.path(), depth - 1, matches),
            Ok(kind) if kind.is_file() && entry.file_name().to_str().is_some_and(matches) => {
                let _ = fs::remove_file(entry.path());
            }
            _ => {}
        }
    }
}
