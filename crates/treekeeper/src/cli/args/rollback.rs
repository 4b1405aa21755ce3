//! The options of `rollback` and `diff`: the way back, and what somebody else has changed meanwhile.

use clap::Args;

use super::{LOCK_WAIT_SECONDS_MAX, PlanFormatArg};

pub(super) const ROLLBACK_EXAMPLES: &str = "\
Examples:
  treekeeper rollback 1 --dry-run          what going back by one deployment would change
  treekeeper rollback 1                    does it, and pins the cluster there
  treekeeper rollback 2815226f0bab         back to a commit, by id, tag or branch
  treekeeper history                       which deployments there are
  treekeeper unpin && treekeeper sync      forward again, to the newest commit";

/// Options of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// A commit, tag or branch, or how many deployments to go back (1 to 99; see `history`)
    #[arg(value_name = "REV|N")]
    pub target: String,
    /// Show the plan and change nothing
    #[arg(short, long)]
    pub dry_run: bool,
    /// Go back in spite of ALL STOP and of hosts that have not converged
    #[arg(short, long)]
    pub force: bool,
    /// Wait so long for the lock
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=LOCK_WAIT_SECONDS_MAX))]
    pub lock_wait: Option<u64>,
    /// Allow the plan to delete so many znodes
    #[arg(long, value_name = "N")]
    pub allow_delete: Option<usize>,
    /// Delete top-level znodes that later commits defined and this one doesn't
    #[arg(long)]
    pub prune_roots: bool,
}

/// Options of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Look at this subtree only
    // `--path` of every command has the name `path` already.
    #[arg(id = "subtree", value_name = "PATH", default_value = "/")]
    pub path: String,
    /// Exit with 2 if anything differs
    #[arg(long)]
    pub exit_code: bool,
    /// How to show it [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<PlanFormatArg>,
    /// Show secrets (on a terminal only)
    #[arg(long)]
    pub show_secrets: bool,
}
