//! Every command, option and help text.

mod apply;
mod blame;
mod offline;
mod quick;
mod rollback;
mod watch;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use treekeeper_core::model::Overlay;

use apply::{APPLY_EXAMPLES, PLAN_EXAMPLES};
pub use apply::{ApplyArgs, PlanArgs, PlanFormatArg};
use blame::BLAME_EXAMPLES;
pub use blame::BlameArgs;
pub use offline::{CompletionsArgs, ExplainArgs, FmtArgs, FormatArg, ManArgs, ParseArgs, ValidateArgs};
use rollback::ROLLBACK_EXAMPLES;
pub use rollback::{DiffArgs, RollbackArgs};

use offline::{EXPLAIN_EXAMPLES, FMT_EXAMPLES, MAN_EXAMPLES, VALIDATE_EXAMPLES};
pub use watch::{BreakArgs, ConfigArgs, ConfigCommand, LockArgs, LockCommand};

/// GitOps for Apache ZooKeeper: keeps the tree of a cluster equal to tree files in git.
#[derive(Debug, Parser)]
#[command(
    name = "treekeeper",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done or in sync, 1 error, 2 differences (where they are asked for), 3 refused by policy, \
                  4 hosts not converged, 5 stopped, 6 lock held, 7 plan stale, 8 outcome unknown, 64 usage"
)]
pub struct Arguments {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// A year: longer waits are typing errors.
const LOCK_WAIT_SECONDS_MAX: u64 = 31_536_000;

/// Options that every command takes, before or after its name.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// ZooKeeper servers and chroot [env: TREEKEEPER_ZOOKEEPER, then ZC_ZK_CONNECTION_STRING; default:
    /// 127.0.0.1:2181]
    #[arg(
        short,
        long,
        global = true,
        value_name = "HOST:PORT[,HOST:PORT...][/CHROOT]",
        help_heading = "Global options"
    )]
    pub zookeeper: Option<String>,
    /// The git repository: ssh, https, or a local path
    #[arg(
        short,
        long,
        global = true,
        value_name = "GIT_URL",
        help_heading = "Global options"
    )]
    pub url: Option<String>,
    /// The branch [default: the remote's HEAD]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub branch: Option<String>,
    /// Directory of the tree files in the repository; only files directly in it are read [default: its root]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub path: Option<String>,
    /// Where the bare mirror of the repository lives [default: in the user's state directory]
    #[arg(
        short,
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global options"
    )]
    pub tree_directory: Option<PathBuf>,
    /// Configuration file [default: treekeeper/treekeeper.toml in the user's and the system's configuration directory]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// How .zkx files are laid over .zk files: property by property, or replacing whole nodes as the original did
    #[arg(long, global = true, value_name = "MODE", help_heading = "Global options")]
    pub overlay: Option<OverlayArg>,
    /// Which foreign syncers the lock excludes
    #[arg(long, global = true, value_name = "STYLE", help_heading = "Global options")]
    pub lock: Option<LockArg>,
    /// Print JSON on standard output
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Tell on standard error what is being done
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub verbose: bool,
    /// Print errors only
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Global options"
    )]
    pub quiet: bool,
    /// When to colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    pub color: ColorArg,
}

/// `--overlay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OverlayArg {
    /// Property by property
    Merge,
    /// Whole nodes, as the original
    Replace,
}

impl From<OverlayArg> for Overlay {
    fn from(flag: OverlayArg) -> Overlay {
        match flag {
            OverlayArg::Merge => Overlay::Merge,
            OverlayArg::Replace => Overlay::Replace,
        }
    }
}

/// `--lock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LockArg {
    /// /ZktoolsLocks/,hosts (zc.zkdeployment up to 0.14)
    Zktools,
    /// /hosts-lock (zc.zkdeployment from 0.14.1)
    Kazoo,
    /// Both of them
    Both,
}

/// `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the live tree what the newest commit says, and set the version of /hosts to it
    Sync(SyncArgs),
    /// Show what sync would do, per znode and property
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// Apply a plan that `plan --out` saved: exactly its operations, and only if nothing that it rests on has moved
    ///
    /// Takes the gates and the lock of a sync. Inside the lock it plans anew from the commit that the file names, which
    /// also holds the secrets that the file doesn't, and compares: if a znode, /hosts or treekeeper's state is not as
    /// it was, everything that moved is told, nothing is written, and it exits with 7.
    #[command(after_help = APPLY_EXAMPLES)]
    Apply(ApplyArgs),
    /// Tell where a znode or a property comes from: file and line, the commit that wrote it, and whether it is live so
    #[command(after_help = BLAME_EXAMPLES)]
    Blame(BlameArgs),
    /// Say in one sentence how the cluster is, then versions, hosts and the lock
    Status,
    /// Show how the live tree differs from the deployed commit: what others have changed, when, and in which transaction
    ///
    /// It is shown as the plan that makes the tree as the commit has it again: + is missing, ~ was changed, - is extra.
    Diff(DiffArgs),
    /// ALL STOP: set the version of /hosts to None, so that no host deploys and no sync goes on
    Stop(StopArgs),
    /// End a stop or a pause: put a version back
    Resume(ResumeArgs),
    /// Set the version of /hosts to False: hosts hold; the next sync goes on without asking for convergence, and ends
    /// the pause
    Pause,
    /// Show the last deployments, newest first: commit, when, by whom, how many znodes, of what kind, how long
    ///
    /// They are kept below /treekeeper/history, the last 100 of them. With --json each also has the commit before it and
    /// a digest of the plan that would undo it.
    History,
    /// Go back to an earlier commit and stay there: the cluster is pinned until `unpin`
    ///
    /// A rollback is a sync like any other, with the same plan, gates and lock, to a commit that may lie behind the
    /// deployed one. It shows its plan before it applies it. A plain sync is refused from then on, so that the branch
    /// does not bring back what the rollback leads away from; `unpin` lets it go on.
    #[command(after_help = ROLLBACK_EXAMPLES)]
    Rollback(RollbackArgs),
    /// End a pin: the next sync goes to the newest commit again
    Unpin,
    /// Look at the cluster lock, and remove a candidate that is stuck
    Lock(LockArgs),
    /// Parse and merge tree files offline, and report everything that is wrong with them
    #[command(after_help = VALIDATE_EXAMPLES)]
    Validate(ValidateArgs),
    /// Put tree files into canonical form: indents, blanks around signs, line ends; comments and values stay
    #[command(after_help = FMT_EXAMPLES)]
    Fmt(FmtArgs),
    /// Print a parsed tree file as JSON
    Parse(ParseArgs),
    /// Print the live tree, ephemeral znodes included
    Tree(TreeArgs),
    /// Print the live tree as a tree file
    Export(ExportArgs),
    /// Import one tree file at a path, with the same planner, lock and transactions as sync
    Import(ImportArgs),
    /// Print a znode's properties as JSON, or one property, links followed
    Get(GetArgs),
    /// Set properties of a znode; the others stay
    Set(SetArgs),
    /// Set a symbolic link: TARGET is where it leads, SOURCE the path of the link
    Ln(LinkArgs),
    /// Print the real path, symbolic links resolved
    Resolve(ResolveArgs),
    /// Look at everything that a sync needs, and say of each whether it is well, with the fix
    ///
    /// Git and the repository, the servers' releases, the session and its speed, what ACLs deny, open ACLs, quotas, the
    /// size of requests, the lock and other syncers, the clock. Changes nothing. Exits with 1 if anything fails; a
    /// warning is no failure.
    Doctor,
    /// Show in twenty seconds what treekeeper does, on an in-memory ZooKeeper of its own
    ///
    /// Needs git and nothing else. Runs treekeeper's own commands on a git repository and a ZooKeeper that it makes for
    /// itself and removes again: syncs, plans, a host that lags, ALL STOP, a change by hand and its repair, the way
    /// back. Reads neither environment nor configuration files. Exits with 0 only if every command ended as the story
    /// tells.
    ///
    /// With --zookeeper it plays on a real server instead: below a new znode `treekeeper-demo-...` in the chroot that
    /// is named, which is removed at the end, also after a failure and after Ctrl-C; nothing else there is touched.
    /// If that server wants credentials or TLS, name a file with them by --config: of it only [auth] counts,
    /// and the paths in it must be absolute.
    Demo(DemoArgs),
    /// Serve an in-memory ZooKeeper, for development and CI: never for production
    ///
    /// Runs in the foreground until Ctrl-C or SIGTERM, and then exits with 0. Any ZooKeeper client can use it: it
    /// speaks the protocol of ZooKeeper 3.8, without TLS, SASL and quotas. Everything is forgotten when it ends.
    ///
    /// As soon as it serves, one line on standard output says so and names the address; scripts wait for it:
    /// `memkeeper serves at 127.0.0.1:2181 (development and tests only: everything is in memory)`. What --import
    /// names is there by then. If a file is wrong, every error is told, no server is started, and it exits with 1.
    DevServer(DevServerArgs),
    /// Explain a code such as TK0104, or a refusal such as stopped; without one, list them all
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Look at the configuration
    Config(ConfigArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write manual pages
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
}

/// Options of `sync`.
#[derive(Debug, Default, Args)]
pub struct SyncArgs {
    /// Show the plan and change nothing
    #[arg(short, long)]
    pub dry_run: bool,
    /// Ask the server whether it would accept the plan, by transactions that cannot be applied; the lock takes no part
    /// in it
    #[arg(long, requires = "dry_run")]
    pub check: bool,
    /// How to show the plan of a dry run [default: text]
    #[arg(long, value_name = "FORMAT", requires = "dry_run")]
    pub format: Option<PlanFormatArg>,
    /// Sync in spite of ALL STOP and of hosts that have not converged; never lifts the lock, the delete budget or
    /// history
    #[arg(short, long)]
    pub force: bool,
    /// Sync an equal version too, so that changes made by hand go
    #[arg(long)]
    pub repair: bool,
    /// Sync this commit, tag or branch instead of the branch's tip
    #[arg(long, value_name = "REV")]
    pub revision: Option<String>,
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
    /// Delete top-level znodes that earlier commits defined and this one doesn't
    #[arg(long)]
    pub prune_roots: bool,
    /// Show secrets in the plan of a dry run (on a terminal only)
    #[arg(long, hide = true)]
    pub show_secrets: bool,
}

/// Options of `stop`.
#[derive(Debug, Args)]
pub struct StopArgs {
    /// Why, kept for those who ask `status`
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Options of `resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The version to put back [default: the one that stop replaced, else the deployed commit]
    pub version: Option<String>,
}

// The path of a znode is `znode` to clap in all that follow: `--path` of every command has the name `path` already.

/// Options of `tree`.
#[derive(Debug, Args)]
pub struct TreeArgs {
    /// Where to begin
    #[arg(id = "znode", value_name = "PATH", default_value = "/")]
    pub path: String,
    /// Show /zookeeper and /treekeeper too
    #[arg(long)]
    pub all: bool,
    /// Print text as '...' instead of u'...'
    #[arg(long)]
    pub plain: bool,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where to begin
    #[arg(id = "znode", value_name = "PATH", default_value = "/")]
    pub path: String,
    /// Include ephemeral znodes
    #[arg(short, long)]
    pub ephemeral: bool,
    /// Write this name instead of the top znode's
    #[arg(long)]
    pub name: Option<String>,
    /// Print text as '...' instead of u'...'
    #[arg(long)]
    pub plain: bool,
    /// Include /zookeeper and /treekeeper
    #[arg(long)]
    pub all: bool,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write a snapshot for `plan --against` instead, - for standard output: the managed tree, PATH's top-level znode,
    /// hosts and state, with hashes in place of secrets, and their key: whoever has the file can guess weak secrets
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ephemeral", "name", "plain", "all", "output"])]
    pub snapshot: Option<PathBuf>,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The tree file, or - for standard input
    pub file: PathBuf,
    /// The znode to import below, which must exist
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub at: String,
    /// Delete what the file does not name below the znodes that it does
    #[arg(long)]
    pub trim: bool,
    /// Show the plan and change nothing
    #[arg(short, long)]
    pub dry_run: bool,
    /// Wait so long for the lock
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=LOCK_WAIT_SECONDS_MAX))]
    pub lock_wait: Option<u64>,
    /// Allow the plan to delete so many znodes, this once
    #[arg(long, value_name = "N")]
    pub allow_delete: Option<usize>,
}

/// Options of `get`.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// The znode, symbolic links followed
    #[arg(id = "znode", value_name = "PATH")]
    pub path: String,
    /// One property, property links followed
    pub key: Option<String>,
}

/// Options of `set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The znode
    #[arg(id = "znode", value_name = "PATH")]
    pub path: String,
    /// Properties, each with a value as in a tree file: threads=3, name='x'
    #[arg(required = true, value_name = "KEY=EXPR")]
    pub properties: Vec<String>,
    /// Wait so long for the lock
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=LOCK_WAIT_SECONDS_MAX))]
    pub lock_wait: Option<u64>,
}

/// Options of `ln`.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// The path that the link leads to; with a trailing slash, the link's name is added to it
    pub target: String,
    /// The path of the link: an existing znode, a slash, and the link's name
    pub source: String,
    /// Wait so long for the lock
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=LOCK_WAIT_SECONDS_MAX))]
    pub lock_wait: Option<u64>,
}

/// Options of `resolve`.
#[derive(Debug, Args)]
pub struct ResolveArgs {
    /// The path
    #[arg(id = "znode", value_name = "PATH")]
    pub path: String,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Leave server and repository running at the end, to play with, until Ctrl-C
    #[arg(long)]
    pub keep: bool,
    /// Don't pause for the reader (nor does a demo that isn't told on a terminal)
    #[arg(long)]
    pub fast: bool,
}

/// Options of `dev-server`.
#[derive(Debug, Args)]
pub struct DevServerArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:2181")]
    pub listen: String,
    /// Begin with the tree of the tree files (*.zk, *.zkx) directly in this directory, merged as a sync would
    #[arg(long, value_name = "DIR")]
    pub import: Option<PathBuf>,
    /// Let --listen name an address that other machines can reach; everybody there may read and write everything
    #[arg(long)]
    pub allow_remote: bool,
}
