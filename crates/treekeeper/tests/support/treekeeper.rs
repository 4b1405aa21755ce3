//! Runs the binary under test in a fixed environment.
//!
//! Nothing of the caller's environment but PATH reaches it, so a test means the same on every machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// How long one command may take; a fetch that is tried four times, 3 s apart, is well below it.
const RUN_TIME_MAX: Duration = Duration::from_secs(120);

/// The words that begin a line of the log (DESIGN.md 8: nothing else begins with one).
const LEVELS: [&str; 6] = ["DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL"];

/// treekeeper with its ZooKeeper, its repository and a home directory of its own.
pub struct Treekeeper {
    home: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// What one run left behind.
#[derive(Debug)]
pub struct Output {
    /// The exit code; -1 when a signal ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Treekeeper {
    /// Gives every run this connect string and this repository.
    pub fn new(connect: &str, repository: impl AsRef<Path>) -> Treekeeper {
        let url = repository.as_ref().display().to_string();
        Treekeeper::offline().with(&["--zookeeper", connect, "--url", &url])
    }

    /// Gives every run this connect string, for commands that need no git.
    pub fn without_repository(connect: &str) -> Treekeeper {
        Treekeeper::offline().with(&["--zookeeper", connect])
    }

    /// Gives no run anything, for commands that need neither.
    pub fn offline() -> Treekeeper {
        let home = tempfile::Builder::new()
            .prefix("treekeeper-home-")
            .tempdir()
            .expect("a temporary directory");
        Treekeeper {
            home,
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Puts more arguments before every command.
    pub fn with(mut self, arguments: &[&str]) -> Treekeeper {
        self.arguments
            .extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Sets an environment variable for every run.
    pub fn with_environment(mut self, name: &str, value: &str) -> Treekeeper {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns the home directory that runs see, for configuration files and trees to validate.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file into the home directory and returns its path.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let file = self.home().join(name);
        std::fs::write(&file, text).expect("the home directory can be written to");
        file
    }

    /// Returns a command that is ready to be spawned, for tests that kill or pause it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_treekeeper"));
        command
            .args(&self.arguments)
            .args(arguments)
            .current_dir(self.home())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .envs([
                ("LC_ALL", "C.UTF-8"),
                ("NO_COLOR", "1"),
                ("COLUMNS", "100"),
                ("GIT_CONFIG_NOSYSTEM", "1"),
            ])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs one command to its end; one that doesn't end is killed and fails the test.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let child = self
            .command(arguments)
            .spawn()
            .expect("treekeeper can be started");
        let process = child.id().to_string();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(output) = receiver.recv_timeout(RUN_TIME_MAX) else {
            let _ = Command::new("kill").args(["-9", &process]).status();
            panic!(
                "treekeeper {} didn't end within {} s",
                arguments.join(" "),
                RUN_TIME_MAX.as_secs()
            );
        };
        let output = output.expect("a child can be waited for");
        Output {
            status: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs a command that must succeed, and returns its standard output.
    pub fn stdout(&self, arguments: &[&str]) -> String {
        self.run(arguments).expect(0).stdout
    }
}

impl Output {
    /// Fails the test unless the exit code is this one.
    pub fn expect(self, status: i32) -> Output {
        assert_eq!(
            self.status, status,
            "stderr:\n{}\nstdout:\n{}",
            self.stderr, self.stdout
        );
        self
    }

    /// Returns the lines of the log: those of standard error that begin with a LEVEL word.
    pub fn log(&self) -> Vec<String> {
        let is_log = |line: &&str| {
            line.split_once(' ')
                .is_some_and(|(word, _)| LEVELS.contains(&word))
        };
        self.stderr.lines().filter(is_log).map(str::to_owned).collect()
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("treekeeper prints UTF-8")
}
