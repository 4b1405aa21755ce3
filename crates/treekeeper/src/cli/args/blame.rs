//! Options of `blame`.

use clap::Args;

pub(super) const BLAME_EXAMPLES: &str = "Examples:
  treekeeper blame /cms                where the znode is written, and each of its properties
  treekeeper blame /cms threads        which commit wrote the line of the property, and what it lies over";

/// Options of `blame`.
#[derive(Debug, Args)]
pub struct BlameArgs {
    /// The znode
    // Another name than the option's that names a directory of the repository.
    #[arg(value_name = "PATH")]
    pub znode: String,
    /// One property
    pub key: Option<String>,
    /// Look at the files of this commit, tag or branch instead of the deployed commit
    #[arg(long, value_name = "REV")]
    pub revision: Option<String>,
}
