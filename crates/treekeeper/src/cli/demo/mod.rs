//! `demo`: the story of treekeeper, told by its own commands on a ZooKeeper and a repository of its own.
//!
//! Every command that is shown is run as it is shown, and what it prints is what is printed.
//! Only an explicit `--zookeeper` leads to a server that is not our own: no variable and no file does.

mod screen;
mod stage;
mod story;

use std::time::Duration;

use self::screen::Screen;
use self::stage::{Ended, Stage};
use self::story::{Act, Chapter, STORY, Show, TREE_FILE};
use super::args::{DemoArgs, Global};
use super::interrupt::{Interrupted, Interrupts};
use super::ui::{self, Exit, Problem};

/// The host of the story.
const HOST: &str = "web-1";
/// How long word of a signal may take that has ended a command already.
const SIGNAL_TIME_MAX: Duration = Duration::from_secs(1);

/// Why the story ended early.
enum Stop {
    Interrupted,
    Failed(Problem),
}

impl From<Interrupted> for Stop {
    fn from(_: Interrupted) -> Stop {
        Stop::Interrupted
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Stop {
        Stop::Failed(problem)
    }
}

/// Tells the story, and leaves nothing behind.
pub fn run(global: &Global, options: &DemoArgs) -> Result<Exit, Problem> {
    // Before anything is made that would have to be removed.
    let interrupts = Interrupts::listen_with_hangup()?;
    let screen = Screen::new(&interrupts, options.fast);
    let stage = Stage::set_up(global)?;
    let told = tell(&screen, &stage, &interrupts);
    let told = told.map(|()| {
        if options.keep {
            keep(&screen, &stage, &interrupts);
        } else {
            next_steps(&screen);
        }
    });
    let struck = stage.strike();
    match told {
        Ok(()) => struck.map(|()| Exit::Done),
        Err(Stop::Interrupted) => {
            struck?;
            ui::say("The demo was interrupted; what it had made is removed.");
            Ok(Exit::Error)
        }
        Err(Stop::Failed(problem)) => {
            // The first failure is what matters, so it is told last.
            if let Err(second) = struck {
                second.tell();
            }
            Err(problem)
        }
    }
}

fn tell(screen: &Screen, stage: &Stage, interrupts: &Interrupts) -> Result<(), Stop> {
    screen.sentence("treekeeper keeps a ZooKeeper tree equal to files in git.");
    screen.sentence(&format!("This demo plays on {}.", stage.place()));
    screen.sentence("Its git repository is new, and both go at the end.");
    for (index, chapter) in STORY.iter().enumerate() {
        screen.chapter(index + 1, chapter.title, chapter.why)?;
        for act in chapter.acts {
            perform(screen, stage, interrupts, chapter, act)?;
        }
    }
    Ok(())
}

fn perform(
    screen: &Screen,
    stage: &Stage,
    interrupts: &Interrupts,
    chapter: &Chapter,
    act: &Act,
) -> Result<(), Stop> {
    match act {
        Act::Edit(old, new) => stage.edit(old, new)?,
        Act::Converge(remark) => {
            stage.converge(HOST)?;
            screen.remark(remark);
        }
        Act::Run(command, show, exit) => {
            screen.command(command);
            let Ended { code, output } = stage.run(command, screen.color())?;
            let expected = *exit as i32;
            if code != Some(expected) {
                // Ctrl-C reaches the command too, and it may be sooner.
                interrupts.pause(SIGNAL_TIME_MAX)?;
                screen.output(&output, Show::All, code.unwrap_or(0))?;
                let ended = code.map_or("by a signal".to_owned(), |code| format!("with {code}"));
                return Err(Stop::Failed(Problem::error(format!(
                    "the demo's chapter {:?} failed: `{command}` ended {ended}, not with {expected}",
                    chapter.title
                ))));
            }
            screen.output(&output, *show, expected)?;
        }
    }
    Ok(())
}

fn next_steps(screen: &Screen) {
    screen.sentence("\nWhat to try next:");
    for (command, what) in [
        (
            "treekeeper demo --keep",
            "leaves this server and repository running, to play with",
        ),
        (
            "treekeeper demo -z HOST:PORT",
            "plays on a real ZooKeeper, in a znode of its own",
        ),
        (
            "treekeeper validate DIR",
            "checks your tree files, without a server",
        ),
        (
            "treekeeper dev-server --import DIR",
            "serves them in memory, for development and CI",
        ),
    ] {
        screen.sentence(&format!("  {command:<36}{what}"));
    }
    screen.sentence("README.md has a tour with a real ZooKeeper, and tells how to configure treekeeper.");
}

fn keep(screen: &Screen, stage: &Stage, interrupts: &Interrupts) {
    screen.sentence("\nServer and repository stay until Ctrl-C. In another terminal:");
    screen.sentence(&format!("  cd {}", stage.repository().display()));
    screen.sentence(&format!("  alias treekeeper={}", shell_word(&stage.command())));
    screen.sentence(&format!(
        "Then edit {TREE_FILE}, commit, `treekeeper plan`, `treekeeper sync`."
    ));
    interrupts.wait();
    screen.sentence("Server and repository are removed.");
}

/// Quotes for a shell.
fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
