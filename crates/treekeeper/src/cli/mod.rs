//! The command line: one file per command, and what they share (`config`, `ui`).
//!
//! Floor 6. Commands put an operation together, run it, and print; they never speak to ZooKeeper or git on their
//! own but through `engine`, `zk` and `git`.

mod against;
mod apply;
mod args;
mod blame;
mod completions;
mod config;
mod config_defaults;
mod config_show;
mod data;
mod demo;
mod dev_server;
mod diff;
mod doctor;
mod edit;
mod explain;
mod fmt;
mod fold;
mod history;
mod interrupt;
mod letters;
mod lock;
mod man;
mod markdown;
mod mirror;
mod offline;
mod operator;
mod pin;
mod plan;
mod plan_file;
mod private_file;
mod progress;
mod sarif;
mod setup;
mod show;
mod snapshot;
mod status;
mod sync;
mod ui;

use std::process::ExitCode;

use treekeeper_core::model::{printable, unprintable};

use args::{Arguments, Command, ConfigCommand};
use ui::{Exit, Problem};

/// Parses the arguments, runs the command and returns its exit code (DESIGN.md 3).
pub fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_answer = !error.use_stderr();
            let text = error.render().to_string();
            let raw = |character| character != '\n' && unprintable(character);
            if text.chars().any(raw) {
                text.lines().for_each(|line| ui::say(&printable(line)));
            } else {
                // A closed pipe is no reason to fail.
                let _ = error.print();
            }
            return if is_answer {
                ExitCode::SUCCESS
            } else {
                Exit::Usage.into()
            };
        }
    };
    ui::set_color(arguments.global.color);
    ui::set_log(arguments.global.verbose);
    match run(arguments) {
        Ok(exit) => exit.into(),
        Err(problem) => {
            problem.tell();
            problem.exit.into()
        }
    }
}

fn run(arguments: Arguments) -> Result<Exit, Problem> {
    let Arguments { global, command } = arguments;
    let setup = || setup::Setup::new(&global);
    match command {
        Command::Completions(options) => completions::run(&options),
        Command::Config(options) => match options.command {
            ConfigCommand::Show => config_show::run(&global),
        },
        Command::Explain(options) => explain::run(&global, &options),
        Command::Man(options) => man::run(&options),
        Command::Validate(options) => offline::validate(&global, &options),
        Command::Fmt(options) => fmt::run(&global, &options),
        Command::Parse(options) => offline::parse(&global, &options),
        Command::Demo(options) => demo::run(&global, &options),
        Command::DevServer(options) => dev_server::run(&global, &options),
        Command::Sync(options) => sync::run(&setup()?, &options),
        Command::Plan(options) => match &options.against {
            Some(file) => against::run(&global, &options, file),
            None => plan::run(&setup()?, &options),
        },
        Command::Apply(options) => apply::run(&setup()?, &options),
        Command::Blame(options) => blame::run(&setup()?, &options),
        Command::Status => status::run(&setup()?),
        Command::Diff(options) => diff::run(&setup()?, &options),
        Command::Stop(options) => operator::stop(&setup()?, &options),
        Command::Resume(options) => operator::resume(&setup()?, &options),
        Command::Pause => operator::pause(&setup()?),
        Command::History => history::run(&setup()?),
        Command::Rollback(options) => pin::rollback(&setup()?, &options),
        Command::Unpin => pin::unpin(&setup()?),
        Command::Lock(options) => lock::run(&setup()?, &options),
        Command::Doctor => doctor::run(&setup()?),
        Command::Tree(options) => data::tree(&setup()?, &options),
        Command::Export(options) => data::export(&setup()?, &options),
        Command::Get(options) => data::get(&setup()?, &options),
        Command::Resolve(options) => data::resolve(&setup()?, &options),
        Command::Import(options) => edit::import(&setup()?, &options),
        Command::Set(options) => edit::set(&setup()?, &options),
        Command::Ln(options) => edit::link(&setup()?, &options),
    }
}
