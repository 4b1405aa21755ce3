//! Options and examples of the commands that need no server.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::Shell;

pub(super) const VALIDATE_EXAMPLES: &str = "Examples:
  treekeeper validate trees                   for people and pre-commit hooks
  treekeeper validate --format sarif trees    for code hosts that show errors beside the lines

Exit codes: 0 nothing is wrong, 1 something is; `treekeeper explain CODE` tells more about an error.";

/// How `validate` reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// For people, on standard error
    Text,
    /// As --json, on standard output
    Json,
    /// SARIF 2.1.0, on standard output
    Sarif,
}

/// Options of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// How to report [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<FormatArg>,
    /// Tree files and the repository's treekeeper.toml, or one directory of them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

pub(super) const FMT_EXAMPLES: &str = "Examples:
  treekeeper fmt trees                 format trees/*.zk and trees/*.zkx
  treekeeper fmt --check trees         for CI: show what differs, write nothing, exit with 2
  treekeeper fmt - < a.zk              for editors: from standard input to standard output

A file with errors is left as it is and its errors are printed (exit code 1). Symbolic links are refused, as a commit
that holds one is.";

/// Options of `fmt`.
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Write nothing; show what is not in canonical form, and exit with 2 if anything is not
    #[arg(long)]
    pub check: bool,
    /// Tree files, directories of them (only files directly in them), or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// Options of `parse`.
#[derive(Debug, Args)]
pub struct ParseArgs {
    /// The tree file, or - for standard input
    pub file: PathBuf,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

pub(super) const EXPLAIN_EXAMPLES: &str = "Examples:
  treekeeper explain TK0104            what a diagnostic means, and how to put it right
  treekeeper explain delete budget     what a refusal means, and who lifts it
  treekeeper explain exit 3            what an exit code means, and the refusals that end with it
  treekeeper explain                   one line for each code";

/// Options of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The code, the name or an exit code; words of a name may stand apart [default: list them all]
    #[arg(value_name = "CODE")]
    pub code: Vec<String>,
}

pub(super) const MAN_EXAMPLES: &str = "Examples:
  treekeeper man | man -l -            read the page of the program
  treekeeper man man1                  write a page for the program and one for each command into man1";

/// Options of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Where the pages are written, one for each command [default: print the page of the program]
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,
}
