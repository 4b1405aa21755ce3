//! `completions`: a script for a shell.

use clap::CommandFactory;

use super::args::{Arguments, CompletionsArgs};
use super::ui::{Exit, Problem};

/// Prints the script.
pub fn run(options: &CompletionsArgs) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(
        options.shell,
        &mut Arguments::command(),
        "treekeeper",
        &mut script,
    );
    super::ui::print_bytes(&script)?;
    Ok(Exit::Done)
}
