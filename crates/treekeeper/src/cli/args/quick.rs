//! Reads a command line that is right without making every command's options first.
//!
//! clap gives each of thirty commands copies of the global options before it parses one; that is most of what a short
//! command costs. Whatever is not plainly right is left to it: help, hints and refusals are its own.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Args, FromArgMatches, Subcommand};

use super::{Arguments, Command, Global};

impl Arguments {
    /// Parses the command line of this process.
    ///
    /// # Errors
    /// What is wrong with it, or the text that it asks for.
    pub fn read() -> Result<Arguments, clap::Error> {
        let line: Vec<OsString> = std::env::args_os().collect();
        match quickly(&line) {
            Some(read) => read,
            None => <Arguments as clap::Parser>::try_parse_from(line),
        }
    }
}

/// Parses with the first command that is named and no other; `None` where only all of them together can tell.
fn quickly(line: &[OsString]) -> Option<Result<Arguments, clap::Error>> {
    let commands = Command::augment_subcommands(clap::Command::new("treekeeper"));
    let named = line.iter().skip(1).find_map(|word| {
        let word = word.to_str()?;
        commands
            .get_subcommands()
            .find(|command| command.get_name() == word)
    });
    let root = clap::Command::new("treekeeper").version(env!("CARGO_PKG_VERSION"));
    let root = Global::augment_args(root).subcommands(named.cloned());
    match root.try_get_matches_from(line) {
        Ok(matches) => Arguments::from_arg_matches(&matches).ok().map(Ok),
        Err(answer) if answer.kind() == ErrorKind::DisplayVersion => Some(Err(answer)),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    /// What is read the quick way is read the same by all of clap, and what it refuses is left to it.
    #[test]
    fn the_quick_way_reads_the_same() {
        let lines = [
            "--version",
            "-V",
            "",
            "--help",
            "help sync",
            "sync",
            "sync --help",
            "sync --version",
            "sync --dry-run --json -z h:1",
            "--json -z h:1 sync --dry-run",
            "--url sync plan",
            "--url plan sync",
            "sync plan",
            "snyc",
            "sync --nonsense",
            "--verbose sync --quiet",
            "status --json=yes",
            "config show --json",
            "--json config show",
            "config",
            "lock break --yes",
            "get /sync x",
            "import sync plan",
            "explain sync",
        ];
        let mut quick = 0;
        for line in lines {
            let words: Vec<OsString> = ["treekeeper"]
                .into_iter()
                .chain(line.split_whitespace())
                .map(OsString::from)
                .collect();
            let whole = |read: Result<Arguments, clap::Error>| match read {
                Ok(arguments) => format!("{arguments:?}"),
                Err(error) => error.render().to_string(),
            };
            if let Some(read) = quickly(&words) {
                quick += 1;
                assert_eq!(whole(read), whole(Arguments::try_parse_from(&words)), "{line}");
            }
        }
        assert!(quick >= 8, "{quick}");
    }
}
