//! Reads tree files from git: a bare mirror kept by the git command, one commit at a time.
//!
//! Floor 3, an adapter: it never imports `zk`, `engine` or `cli`, never looks at ZooKeeper, and never makes a work
//! tree: files are read from the object store at a commit that was resolved once.
//!
//! Everything that comes out of a repository (names, subjects, branch names, what git prints) is hostile text.
//! Messages of [`GitError`] are escaped already; [`CommitInfo`] is not: print it through [`escape`].

mod blame;
mod directory;
mod error;
mod history;
mod mirror;
mod object_id;
mod options;
mod pipes;
mod place;
mod process;
mod read;
mod refs;
mod remote;
mod text;
mod url;
mod version;

pub use blame::Blamed;
pub use directory::{read_directory, read_files, read_settings};
pub use error::{EntryKind, GitError, HeadKind, Limit};
pub use history::{CommitInfo, Relation};
pub use mirror::Mirror;
pub use options::{Environment, GitOptions, ProcessLimits, ReadLimits};
pub use read::{Entry, FileSink, SETTINGS_FILE, read_listing};
pub use text::escape;
pub use url::GitUrl;
pub use version::version;
