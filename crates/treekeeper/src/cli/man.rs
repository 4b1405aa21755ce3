//! `man`: manual pages, made of the same texts as the help.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use treekeeper_core::model::printable;

use super::args::{Arguments, ManArgs};
use super::ui::{self, Exit, Problem};

/// Prints the page of the program, or writes a page for it and one for each command into a directory.
pub fn run(options: &ManArgs) -> Result<Exit, Problem> {
    let mut command = Arguments::command();
    // Options of every command are known to the commands only once all is put together.
    command.build();
    let Some(directory) = &options.directory else {
        ui::print_bytes(&page(&command)?)?;
        return Ok(Exit::Done);
    };
    fs::create_dir_all(directory).map_err(|error| wrong(directory, &error))?;
    let written = write(&command, directory)?;
    ui::say(&format!(
        "Wrote {} into {}.",
        ui::counted(written, "page"),
        printable(&directory.to_string_lossy())
    ));
    Ok(Exit::Done)
}

/// Writes the pages of a command and of those below it, and returns how many.
fn write(command: &Command, directory: &Path) -> Result<usize, Problem> {
    let path = directory.join(format!("{}.1", name(command)));
    fs::write(&path, page(command)?).map_err(|error| wrong(&path, &error))?;
    let below = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set() && below.get_name() != "help");
    below
        .map(|below| write(below, directory))
        .sum::<Result<usize, Problem>>()
        .map(|count| count + 1)
}

/// Returns `treekeeper-lock-show` for `treekeeper lock show`.
fn name(command: &Command) -> String {
    command
        .get_display_name()
        .unwrap_or(command.get_name())
        .to_owned()
}

fn page(command: &Command) -> Result<Vec<u8>, Problem> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

fn wrong(path: &Path, error: &std::io::Error) -> Problem {
    Problem::error(format!(
        "cannot write {}: {error}",
        printable(&path.to_string_lossy())
    ))
}
