//! The options of `plan` and of `apply`, which carries out what `plan` saved.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::LOCK_WAIT_SECONDS_MAX;

pub(super) const PLAN_EXAMPLES: &str = "\
Examples:
  treekeeper plan                      what a sync would do now
  treekeeper plan --check              ask the server, too, whether it would accept it
  treekeeper plan --out plan.json      keep it, to be applied later: treekeeper apply plan.json";

pub(super) const APPLY_EXAMPLES: &str = "\
Examples:
  treekeeper plan --out plan.json      make it; people read it
  treekeeper apply plan.json           apply exactly that, or nothing";

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Save the plan to this file, for `treekeeper apply FILE`; it holds hashes instead of secrets, and their key: whoever
    /// has the file can guess weak secrets
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    pub out: Option<PathBuf>,
    /// Ask the server whether it would accept the plan, by transactions that cannot be applied, and exit as a sync
    /// would; the lock takes no part in it
    #[arg(long, conflicts_with = "against")]
    pub check: bool,
    /// Exit with 2 if anything would change
    #[arg(long)]
    pub exit_code: bool,
    /// Plan this commit, tag or branch instead of the branch's tip
    #[arg(long, value_name = "REV")]
    pub revision: Option<String>,
    /// Plan the deletion of top-level znodes that earlier commits defined and this one doesn't
    #[arg(long)]
    pub prune_roots: bool,
    /// How to show it [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<PlanFormatArg>,
    /// Plan over a snapshot of `export --snapshot` instead of the live tree; - is standard input. No ZooKeeper is asked
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
    /// Show secrets (on a terminal only)
    #[arg(long, conflicts_with = "against")]
    pub show_secrets: bool,
}

/// How `plan`, `diff` and dry runs show a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormatArg {
    /// For people
    Text,
    /// As --json
    Json,
    /// A comment for a pull request, of at most 60,000 bytes
    Markdown,
}

/// Options of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The file that `plan --out` wrote
    pub file: PathBuf,
    /// Apply it in spite of ALL STOP and of hosts that have not converged; never lifts the lock, the delete budget,
    /// history, or what moved
    #[arg(short, long)]
    pub force: bool,
    /// Wait so long for the lock
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=LOCK_WAIT_SECONDS_MAX))]
    pub lock_wait: Option<u64>,
    /// Allow the plan to delete so many znodes, this once
    #[arg(long, value_name = "N")]
    pub allow_delete: Option<usize>,
    /// Allow a commit that does not descend from the deployed one, this once
    #[arg(long)]
    pub allow_rewind: bool,
    /// Take over a tree that another repository or lock style has managed
    #[arg(long)]
    pub adopt: bool,
}
