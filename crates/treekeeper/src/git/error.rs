//! Everything that can go wrong with git, a variant per thing that a caller does differently.
//!
//! All text inside is escaped and masked where the error is made; nothing here runs git.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use treekeeper_core::treefile::Code;

use super::text::escape;

/// What stands where a tree file or a directory should stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file, where a directory is needed.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, which is never followed.
    Symlink,
    /// A submodule.
    Submodule,
    /// A device, a pipe or whatever else a file system holds.
    Special,
}

/// What the remote's HEAD is, when it names no branch that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadKind {
    /// It names a commit and no branch.
    Detached,
    /// It names a branch that has no commit.
    Unborn,
}

/// The limit that a git process ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// It ran too long.
    Wall,
    /// It was silent too long.
    Idle,
    /// It took too much processor time.
    Cpu,
    /// It asked for too much memory.
    AddressSpace,
    /// It wrote a file that is too big.
    FileSize,
    /// It printed more than what was asked for can be.
    Output,
}

/// A failure of the git adapter.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The URL is not one that treekeeper uses.
    #[error("refused the git URL \"{url}\": {reason}")]
    UrlRefused {
        /// The URL, masked.
        url: String,
        /// Why, and what is allowed.
        reason: String,
    },
    /// A branch or revision is not written as git writes one.
    #[error("\"{name}\" is not a branch, tag or commit id")]
    NameRefused {
        /// What was given.
        name: String,
    },
    /// The directory in the repository is not written as it must be.
    #[error("the directory in the repository \"{path}\" is not a relative path without `..`")]
    PathRefused {
        /// What was given.
        path: String,
    },
    /// There is no git command.
    #[error("couldn't find the git command")]
    GitMissing,
    /// A process could not be started or its output not be read.
    #[error("couldn't run git")]
    Process {
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Something else lives where the mirror should be; it is left alone.
    #[error("{} exists and is not a mirror made by treekeeper", shown(path))]
    MirrorOccupied {
        /// The directory.
        path: PathBuf,
    },
    /// Another process worked on the mirror all the time.
    #[error(
        "couldn't lock the mirror {} within {waited:?}, another git or treekeeper works on it",
        shown(path)
    )]
    MirrorBusy {
        /// The mirror.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The file system refused something.
    #[error("couldn't {action} {}", shown(path))]
    Io {
        /// What was attempted, such as `read`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Git could not fetch; ZooKeeper has not been touched.
    #[error("couldn't fetch {url} in {attempts} attempt{}: {detail}", if *attempts == 1 { "" } else { "s" })]
    FetchFailed {
        /// The URL, masked.
        url: String,
        /// How many times it was tried.
        attempts: u32,
        /// Git's last words.
        detail: String,
    },
    /// A git process was stopped by a limit.
    #[error("git {action} was stopped: {limit} is over the limit of {allowed}")]
    LimitExceeded {
        /// The git command.
        action: String,
        /// Which limit.
        limit: Limit,
        /// What is allowed, with its unit.
        allowed: String,
    },
    /// The mirror lacks or mangles an object that must be there.
    #[error("the mirror {} is damaged: {detail}", shown(path))]
    MirrorDamaged {
        /// The mirror.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A name can't be resolved before the first fetch: refs of an earlier run are never trusted.
    #[error("couldn't resolve {name}: nothing was fetched yet")]
    NotFetched {
        /// The branch or tag.
        name: String,
    },
    /// The repository has no branches.
    #[error("the repository {url} is empty: it has no branches")]
    RepositoryEmpty {
        /// The URL, masked.
        url: String,
    },
    /// The remote's HEAD doesn't say which branch is meant.
    #[error("the remote HEAD of {url} {kind}{}", list(available))]
    NoDefaultBranch {
        /// The URL, masked.
        url: String,
        /// What it is instead.
        kind: HeadKind,
        /// The branches that exist.
        available: Vec<String>,
    },
    /// The branch is not in the repository (any more).
    #[error("branch {branch} is not in the repository{}", list(available))]
    BranchMissing {
        /// The branch.
        branch: String,
        /// The branches that exist.
        available: Vec<String>,
    },
    /// No branch, tag or commit has this name.
    #[error("{revision} is not a branch, tag or commit of the repository")]
    RevisionMissing {
        /// What was given.
        revision: String,
    },
    /// More than one branch, tag or commit has this name.
    #[error("{revision} is ambiguous: {detail}")]
    RevisionAmbiguous {
        /// What was given.
        revision: String,
        /// Between what.
        detail: String,
    },
    /// The configured directory is not in the commit: that never means "delete all".
    #[error("directory {path} is not in commit {revision}")]
    DirectoryMissing {
        /// The directory.
        path: String,
        /// The commit.
        revision: String,
    },
    /// The configured directory is something else in this commit.
    #[error("{path} is {kind} in commit {revision}, not a directory")]
    NotADirectory {
        /// The path.
        path: String,
        /// What it is.
        kind: EntryKind,
        /// The commit.
        revision: String,
    },
    /// Something named like a tree file is not a file; it was not opened.
    #[error("{path} is {kind}, not a regular file")]
    NotAFile {
        /// The path.
        path: String,
        /// What it is.
        kind: EntryKind,
    },
    /// The name of a tree file is not UTF-8.
    #[error("the file name {path} is not UTF-8")]
    FileNameNotUtf8 {
        /// The path, its bytes written out.
        path: String,
    },
    /// A tree file is too big; it was not read.
    #[error("{path} has {bytes} bytes, {bytes_max} are allowed")]
    FileTooLarge {
        /// The path.
        path: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// The tree files together are too big; none was read.
    #[error("the tree files have {bytes} bytes together, {bytes_max} are allowed")]
    TreeTooLarge {
        /// Their size.
        bytes: u64,
        /// The limit.
        bytes_max: u64,
    },
    /// There are too many tree files; none was read.
    #[error("there are {files} tree files, {files_max} are allowed")]
    TooManyFiles {
        /// How many there are.
        files: usize,
        /// The limit.
        files_max: usize,
    },
}

/// Returns a path as it can be printed.
fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}

impl GitError {
    /// Returns what `explain` knows it by.
    pub fn code(&self) -> Code {
        Code(match self {
            GitError::UrlRefused { .. } | GitError::NameRefused { .. } | GitError::PathRefused { .. } => {
                "TK1201"
            }
            GitError::GitMissing | GitError::Process { .. } => "TK1202",
            GitError::MirrorOccupied { .. }
            | GitError::MirrorBusy { .. }
            | GitError::MirrorDamaged { .. } => "TK1203",
            GitError::Io { .. } => "TK1209",
            GitError::FetchFailed { .. } | GitError::LimitExceeded { .. } => "TK1204",
            GitError::NotFetched { .. }
            | GitError::RepositoryEmpty { .. }
            | GitError::NoDefaultBranch { .. }
            | GitError::BranchMissing { .. }
            | GitError::RevisionMissing { .. }
            | GitError::RevisionAmbiguous { .. } => "TK1205",
            GitError::DirectoryMissing { .. } | GitError::NotADirectory { .. } => "TK1206",
            GitError::NotAFile { .. } | GitError::FileNameNotUtf8 { .. } => "TK1207",
            GitError::FileTooLarge { .. } | GitError::TreeTooLarge { .. } | GitError::TooManyFiles { .. } => {
                "TK1208"
            }
        })
    }

    /// Returns the next step of whoever sees this error: a command or a setting.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            GitError::GitMissing => "install git, or put its directory into PATH".to_owned(),
            // What git takes for an expression isn't asked of it; the user's own git knows the commit.
            GitError::NameRefused { name } if name.contains(['~', '^']) => {
                "name the commit: `git rev-parse` prints the id that such an expression stands for; `rollback` also \
                 takes how many deployments to go back"
                    .to_owned()
            }
            GitError::MirrorOccupied { path } => {
                format!(
                    "name another directory with --tree-directory, or move {} away",
                    shown(path)
                )
            }
            GitError::MirrorBusy { path, .. } => {
                format!("see who holds it: fuser {}.lock", shown(path))
            }
            GitError::FetchFailed { url, detail, .. } => fetch_hint(url, detail),
            GitError::LimitExceeded { limit: Limit::Idle, .. } => {
                "the remote said nothing for so long: see whether git itself gets there as this user: git ls-remote URL"
                    .to_owned()
            }
            GitError::LimitExceeded { limit, .. } => {
                let setting = limit.setting()?;
                format!("if the repository is to be trusted, raise {setting} in [limits] of treekeeper.toml")
            }
            GitError::MirrorDamaged { path, .. } => {
                format!(
                    "check the disk; the mirror may be deleted at any time: rm -r {}",
                    shown(path)
                )
            }
            GitError::RepositoryEmpty { .. } => {
                "push a branch with tree files: git push origin main".to_owned()
            }
            GitError::NoDefaultBranch { available, .. } | GitError::BranchMissing { available, .. } => {
                format!(
                    "name a branch: --branch {}",
                    available.first().map_or("NAME", String::as_str)
                )
            }
            GitError::RevisionMissing { .. } => "list what there is: git ls-remote URL".to_owned(),
            GitError::RevisionAmbiguous { revision, .. } => {
                format!("write the whole commit id, refs/heads/{revision} or refs/tags/{revision}")
            }
            GitError::DirectoryMissing { .. } | GitError::NotADirectory { .. } => {
                "set the directory that holds the tree files with --path".to_owned()
            }
            GitError::NotAFile {
                path,
                kind: EntryKind::Symlink,
            } => {
                format!("commit the text itself in place of the link {path}")
            }
            GitError::NotAFile { path, .. } => format!("rename {path} so that it doesn't end in .zk or .zkx"),
            GitError::FileNameNotUtf8 { .. } => "rename the file with git mv".to_owned(),
            GitError::FileTooLarge { .. } => {
                "split the file, or raise file_bytes in [limits] of treekeeper.toml".to_owned()
            }
            GitError::TreeTooLarge { .. } => {
                "raise repository_bytes in [limits] of treekeeper.toml".to_owned()
            }
            _ => return None,
        })
    }
}

impl Limit {
    /// Returns the setting that raises the limit, if there is one.
    fn setting(self) -> Option<&'static str> {
        match self {
            Limit::Wall => Some("git_timeout"),
            Limit::AddressSpace => Some("git_memory_bytes"),
            Limit::FileSize | Limit::Output => Some("repository_bytes"),
            Limit::Idle | Limit::Cpu => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Limit::Wall => "its running time",
            Limit::Idle => "its silence",
            Limit::Cpu => "its processor time",
            Limit::AddressSpace => "its memory",
            Limit::FileSize => "the size of a file that it wrote",
            Limit::Output => "its output",
        })
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            EntryKind::File => "a file",
            EntryKind::Directory => "a directory",
            EntryKind::Symlink => "a symbolic link",
            EntryKind::Submodule => "a submodule",
            EntryKind::Special => "a special file",
        })
    }
}

impl fmt::Display for HeadKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            HeadKind::Detached => "is detached, it names no branch",
            HeadKind::Unborn => "names a branch that doesn't exist",
        })
    }
}

/// Returns the step that most likely helps, from git's words; when in doubt, the command that shows the failure.
fn fetch_hint(url: &str, detail: &str) -> String {
    let says = |text: &str| detail.contains(text);
    if says("Host key verification failed") {
        "as this user, connect once with ssh and check the host key before you accept it".to_owned()
    } else if says("dubious ownership") {
        format!("if you trust its owner: git config --global --add safe.directory {url}")
    } else if says("fsck error") || says("fsckObjects") {
        "see which object is bad: git fsck --strict; known ones are let in by fetch.fsck.* in the git configuration"
            .to_owned()
    } else {
        format!("see whether git itself gets there as this user: git ls-remote {url}")
    }
}

/// Returns `; there are: a, b and 3 more`, or nothing for nothing.
fn list(branches: &[String]) -> String {
    const SHOWN_MAX: usize = 8;
    let shown = branches[..branches.len().min(SHOWN_MAX)].join(", ");
    match branches.len() {
        0 => String::new(),
        1..=SHOWN_MAX => format!("; there are: {shown}"),
        length => format!("; there are: {shown} and {} more", length - SHOWN_MAX),
    }
}
