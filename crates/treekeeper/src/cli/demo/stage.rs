//! What the story is played on: a ZooKeeper, a git repository and a place for them, all of which go afterwards.
//!
//! Nothing of the user's environment or configuration decides what a command of the story does.

use std::fs::{self, DirBuilder};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use treekeeper_core::model::printable;

use super::story::{TREE, TREE_FILE};
use crate::cli::args::Global;
use crate::cli::config;
use crate::cli::setup::Setup;
use crate::cli::ui::Problem;
use crate::git::GitError;
use crate::zk::{self, Playground};

/// Variables of the user's that would change what a command does, by how they begin.
const FOREIGN_VARIABLES: [&str; 5] = ["TREEKEEPER_", "ZC_ZK_", "GIT_", "XDG_", "LC_"];
/// Fixed, so that every run makes the same commits.
const COMMIT_TIME: &str = "2026-01-05T09:00:00+00:00";
/// Makes `treekeeper` this very program with the story's configuration, and runs the command that is shown.
const SHELL_SCRIPT: &str = r#"treekeeper() { "$demo_program" --config "$demo_config" --color "$demo_color" "$@"; }
eval "$1""#;
/// Makes the repository; older versions of git know no --initial-branch.
const REPOSITORY_SCRIPT: &str = "git init --quiet --template= . && git symbolic-ref HEAD refs/heads/main \
                                 && git config user.name Demo && git config user.email demo@example.com \
                                 && git add . && git commit --quiet --message 'The shop'";

/// The server that the story is played on.
enum Ground {
    /// An in-memory server of our own.
    Embedded(memkeeper::Server),
    /// A znode of our own on somebody's server.
    Borrowed(Playground),
}

/// Everything that the story needs.
pub struct Stage {
    directory: Directory,
    ground: Ground,
    connect: String,
    program: PathBuf,
    /// On the server.
    outer: Setup,
    /// Where the story plays.
    inner: Setup,
}

/// How a command of the story ended.
pub struct Ended {
    /// The exit code; None if a signal ended it.
    pub code: Option<i32>,
    /// What it printed on both streams, in its order.
    pub output: String,
}

impl Stage {
    /// Puts everything up; whatever fails, nothing is left.
    ///
    /// # Errors
    /// No git, no room for temporary files, a server that cannot be used.
    pub fn set_up(global: &Global) -> Result<Stage, Problem> {
        let program = std::env::current_exe()
            .map_err(|error| Problem::error(format!("cannot tell where this program is: {error}")))?;
        let directory = Directory::make()?;
        directory.make_repository()?;
        // What the user's file says of a real server means nothing to the embedded one.
        let (server, auth) = match &global.zookeeper {
            Some(_) => (
                None,
                global.config.as_deref().map(config::auth).transpose()?.flatten(),
            ),
            None => (Some(embedded()?), None),
        };
        let outer_connect = match (&server, &global.zookeeper) {
            (Some(server), _) => server.connect_string(),
            (None, Some(connect)) => connect.clone(),
            (None, None) => unreachable!("a server is embedded where none is named"),
        };
        let setup_on = |connect: &str| {
            directory.write_configuration(connect, auth.clone())?;
            Setup::new(&Global {
                zookeeper: Some(connect.to_owned()),
                config: Some(directory.configuration()),
                ..global.clone()
            })
        };
        let outer = setup_on(&outer_connect)?;
        let connect = match server {
            Some(_) => outer_connect,
            None => below(&outer_connect, directory.name())?,
        };
        let inner = setup_on(&connect)?;
        // Last, since from here on something stands on a server of somebody else's.
        let ground = match server {
            Some(server) => Ground::Embedded(server),
            None => Ground::Borrowed(outer.block_on(async {
                let session = outer.open().await?;
                let made = Playground::make(&session, directory.name()).await;
                session.close().await;
                Ok(made?)
            })?),
        };
        Ok(Stage {
            directory,
            ground,
            connect,
            program,
            outer,
            inner,
        })
    }

    /// Says where the story plays.
    pub fn place(&self) -> String {
        match &self.ground {
            Ground::Embedded(_) => format!("an in-memory ZooKeeper at {}", self.connect),
            Ground::Borrowed(_) => format!("ZooKeeper at {}", printable(&self.connect)),
        }
    }

    /// Returns the repository's directory.
    pub fn repository(&self) -> PathBuf {
        self.directory.repository()
    }

    /// Returns what to type before a command to run it as the story does.
    ///
    /// It names the server, which the file does too: a variable of the terminal's would go over the file.
    pub fn command(&self) -> String {
        format!(
            "{} --config {} --zookeeper {}",
            quoted(&self.program),
            quoted(&self.directory.configuration()),
            self.connect
        )
    }

    /// Runs a command as one would type it in the repository.
    ///
    /// # Errors
    /// A shell that cannot be started.
    pub fn run(&self, command: &str, color: &str) -> Result<Ended, Problem> {
        let mut shell = self.directory.shell(SHELL_SCRIPT);
        shell
            .args(["sh", command])
            .env("demo_program", &self.program)
            .env("demo_config", self.directory.configuration())
            .env("demo_color", color);
        ended(shell)
    }

    /// Edits the tree file.
    ///
    /// # Errors
    /// A file that cannot be read or written, or doesn't hold `old`.
    pub fn edit(&self, old: &str, new: &str) -> Result<(), Problem> {
        let file = self.repository().join(TREE_FILE);
        let text = config::read_text(&file)?;
        if !text.contains(old) {
            return Err(Problem::error(format!("{TREE_FILE} does not hold {old:?}")));
        }
        write(&file, &text.replace(old, new))
    }

    /// Lets a host report the version that hosts should run.
    ///
    /// # Errors
    /// A server that is gone.
    pub fn converge(&self, host: &str) -> Result<(), Problem> {
        self.inner.block_on(async {
            let session = self.inner.open().await?;
            let converged = zk::converge(&session, host).await;
            session.close().await;
            Ok(converged?)
        })
    }

    /// Takes everything down again.
    ///
    /// # Errors
    /// A server that is gone or refuses: the message names what stays on it.
    pub fn strike(self) -> Result<(), Problem> {
        let playground = match self.ground {
            Ground::Borrowed(playground) => playground,
            Ground::Embedded(mut server) => {
                server.stop();
                return Ok(());
            }
        };
        let removed = self.outer.block_on(async {
            let session = self.outer.open().await?;
            let removed = playground.remove(&session).await;
            session.close().await;
            Ok(removed?)
        });
        removed.map_err(|problem| {
            Problem::error(format!("the demo's znode stays: {}", problem.message())).with_hint(format!(
                "delete {} and everything below it with `deleteall` of zkCli",
                printable(playground.path())
            ))
        })
    }
}

fn embedded() -> Result<memkeeper::Server, Problem> {
    memkeeper::Server::start(memkeeper::ServerOptions::default())
        .map_err(|error| Problem::error(format!("cannot start the in-memory ZooKeeper: {error}")))
}

/// Returns the connection string with one more node in its chroot.
fn below(connect: &str, name: &str) -> Result<String, Problem> {
    let (servers, chroot) = zk::split(connect)?;
    Ok(format!("{}{chroot}/{name}", servers.join(",")))
}

/// Runs a process to its end, both streams in one.
fn ended(mut command: Command) -> Result<Ended, Problem> {
    let cannot = |error: std::io::Error| Problem::error(format!("cannot run a shell: {error}"));
    let (mut reader, writer) = std::io::pipe().map_err(cannot)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(cannot)?)
        .stderr(writer)
        .spawn()
        .map_err(cannot)?;
    // The command holds our own copies of the writing end; without them the pipe ends with the process.
    drop(command);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(cannot)?;
    Ok(Ended {
        code: child.wait().map_err(cannot)?.code(),
        output: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

fn write(file: &Path, text: &str) -> Result<(), Problem> {
    fs::write(file, text).map_err(|error| cannot_write(file, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Problem {
    let shown = path.to_string_lossy().into_owned();
    Problem::error(format!("cannot write {}: {error}", printable(&shown)))
        .with_hint("the demo needs a directory for temporary files: name another one in TMPDIR")
}

/// Returns a path as one would type it.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    if text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A temporary directory for the repository, its mirror and a home; it goes when it is dropped.
struct Directory {
    path: PathBuf,
    name: String,
}

impl Directory {
    fn make() -> Result<Directory, Problem> {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let name = format!("treekeeper-demo-{}", &random[..12]);
        let path = std::env::temp_dir().join(&name);
        let path = std::path::absolute(&path).unwrap_or(path);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| cannot_write(&path, &error))?;
        Ok(Directory { path, name })
    }

    /// Returns the name, which is random: nobody else has it, here or on a server.
    fn name(&self) -> &str {
        &self.name
    }

    fn repository(&self) -> PathBuf {
        self.path.join("repository")
    }

    fn configuration(&self) -> PathBuf {
        self.path.join("treekeeper.toml")
    }

    fn make_repository(&self) -> Result<(), Problem> {
        for directory in [self.repository(), self.path.join("home")] {
            fs::create_dir(&directory).map_err(|error| cannot_write(&directory, &error))?;
        }
        write(&self.repository().join(TREE_FILE), TREE)?;
        let made = ended(self.shell(REPOSITORY_SCRIPT))?;
        match made.code {
            Some(0) => Ok(()),
            Some(127) => Err(GitError::GitMissing.into()),
            _ => Err(Problem::error(format!(
                "cannot make a git repository: {}",
                printable(made.output.trim())
            ))),
        }
    }

    fn write_configuration(&self, connect: &str, auth: Option<toml::Value>) -> Result<(), Problem> {
        let text = |path: PathBuf| toml::Value::from(path.to_string_lossy().into_owned());
        let git = toml::Table::from_iter([
            ("url".to_owned(), text(self.repository())),
            ("mirror".to_owned(), text(self.path.join("mirror"))),
        ]);
        let mut table = toml::Table::from_iter([
            ("zookeeper".to_owned(), connect.into()),
            ("git".to_owned(), git.into()),
        ]);
        table.extend(auth.map(|auth| ("auth".to_owned(), auth)));
        write(&self.configuration(), &table.to_string())
    }

    /// Returns a shell in the repository, away from the user's settings.
    fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", script]).current_dir(self.repository());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if FOREIGN_VARIABLES.iter().any(|prefix| text.starts_with(prefix)) {
                shell.env_remove(&name);
            }
        }
        shell
            .env("HOME", self.path.join("home"))
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_DATE", COMMIT_TIME)
            .env("GIT_COMMITTER_DATE", COMMIT_TIME);
        shell
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed from a directory for temporary files is the system's to remove.
        let _ = fs::remove_dir_all(&self.path);
    }
}
