//! Options of the commands that look after a cluster.

use clap::{Args, Subcommand};

/// Options of `lock`.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// What to do
    #[command(subcommand)]
    pub command: LockCommand,
}

/// The commands of `lock`.
#[derive(Debug, Subcommand)]
pub enum LockCommand {
    /// Show who holds the lock and who waits: node, session, address if the server tells it, age, data
    ///
    /// Both locks are shown, whichever is configured: that of zktools and that of kazoo.
    Show,
    /// Remove exactly one candidate of the lock, for good
    ///
    /// A treekeeper that held the lock by it is fenced: its next transaction fails and nothing more of it is written;
    /// what it has left half done, the next sync finishes. Other syncers don't look at their lock again: make sure
    /// that they have ended, or they go on writing beside the next one.
    ///
    /// A candidate of a client that died goes by itself, when its session ends.
    Break(BreakArgs),
}

/// Options of `lock break`.
#[derive(Debug, Args)]
pub struct BreakArgs {
    /// The candidate as `lock show` prints it: its path, or only its name
    pub node: String,
}

/// Options of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to do
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// The commands of `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show every key, what it is, and where that comes from: flag, environment variable, which file, or default
    ///
    /// What is printed is a configuration file that says the same. Secrets are not in it: `[auth]` only names where they
    /// stand.
    Show,
}
