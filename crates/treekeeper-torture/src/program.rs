//! Runs the binary under test: in a fixed environment, with a deadline, and with every output searched for what must
//! never be there.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::bugs::{Binary, Relay};
use crate::tree::CANARY;

/// How long any command may take, whatever the server does; one that takes longer hangs.
pub const DEADLINE: Duration = Duration::from_secs(150);

const PATIENT: &str = "patient.toml";
const HASTY: &str = "hasty.toml";

/// treekeeper with a repository, a mirror, and a home of its own.
pub struct Program {
    binary: Binary,
    home: TempDir,
    url: PathBuf,
    runs: AtomicUsize,
}

/// A process that several threads may end; one that has been waited for is never sent a signal, since its id may be
/// another's by then.
#[derive(Clone)]
pub struct Process(Arc<Mutex<Child>>);

/// A run that goes on.
pub struct Running {
    process: Process,
    output: PathBuf,
    begun: Instant,
    command: String,
    /// What makes the treekeeper one with a bug.
    _relay: Option<Relay>,
}

/// A run that has ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; None when a signal ended it.
    pub code: Option<i32>,
    /// Standard output and standard error.
    pub text: String,
    /// What must never be, each as a sentence.
    pub faults: Vec<String>,
}

impl Program {
    /// Returns a program for a repository.
    ///
    /// `settings` are lines of its configuration's beginning, `limits` of its `[limits]`; `haste` are more of these, for
    /// the runs that meet faults.
    pub fn new(binary: &Binary, repository: &Path, settings: &str, limits: &str, haste: &str) -> Program {
        let home = tempfile::Builder::new()
            .prefix("treekeeper-torture-")
            .tempdir()
            .expect("a temporary directory");
        for (name, haste) in [(PATIENT, ""), (HASTY, haste)] {
            let config = format!("{settings}\n[delete]\nznodes_max = 10000\n[limits]\n{limits}\n{haste}\n");
            fs::write(home.path().join(name), config).expect("a file can be written");
        }
        Program {
            binary: binary.clone(),
            home,
            url: repository.to_owned(),
            runs: AtomicUsize::new(0),
        }
    }

    /// Starts a command that is to meet faults.
    pub fn start(&self, connect: &str, arguments: &[&str]) -> Running {
        self.start_with(HASTY, connect, arguments)
    }

    fn start_with(&self, config: &str, connect: &str, arguments: &[&str]) -> Running {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        // A file, not a pipe: children of a killed process would hold a pipe open.
        let output = self.home.path().join(format!("output-{number}"));
        let file = File::create(&output).expect("a file can be made");
        let relay = self.binary.bug.map(|bug| Relay::start(connect, bug));
        let connect = relay
            .as_ref()
            .map_or(connect.to_owned(), |relay| relay.connect(connect));
        let child = Command::new(&self.binary.path)
            .arg("--config")
            .arg(self.home.path().join(config))
            .args(["--zookeeper", &connect, "--url"])
            .arg(&self.url)
            .arg("--tree-directory")
            .arg(self.home.path().join("mirror"))
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .envs([
                ("LC_ALL", "C"),
                ("NO_COLOR", "1"),
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("RUST_BACKTRACE", "1"),
            ])
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file handle can be copied"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{} can't be started: {error}", self.binary.path.display()));
        Running {
            process: Process(Arc::new(Mutex::new(child))),
            output,
            begun: Instant::now(),
            command: arguments.join(" "),
            _relay: relay,
        }
    }

    /// Runs a command that meets no faults to its end.
    pub fn run(&self, connect: &str, arguments: &[&str]) -> Ended {
        self.start_with(PATIENT, connect, arguments).finish()
    }
}

impl Process {
    /// Kills it; false if it had ended before.
    pub fn kill(&self) -> bool {
        let mut child = self.lock();
        let runs = matches!(child.try_wait(), Ok(None));
        let _ = child.kill();
        runs && matches!(child.wait(), Ok(status) if status.signal() == Some(9))
    }

    /// Sends `STOP` or `CONT`; false if it had ended before.
    pub fn signal(&self, signal: &str) -> bool {
        let mut child = self.lock();
        let runs = matches!(child.try_wait(), Ok(None));
        if runs {
            let _ = Command::new("kill")
                .args([format!("-{signal}"), child.id().to_string()])
                .stderr(Stdio::null())
                .status();
        }
        runs
    }

    fn status(&self) -> Option<ExitStatus> {
        self.lock().try_wait().expect("a child can be waited for")
    }

    fn lock(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Running {
    /// Returns its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Tells whether it goes on.
    pub fn runs(&self) -> bool {
        self.process.status().is_none()
    }

    /// Waits for its end; one that takes too long is killed and said to hang.
    pub fn finish(self) -> Ended {
        let mut faults = Vec::new();
        let status = loop {
            match self.process.status() {
                Some(status) => break status,
                None if self.begun.elapsed() > DEADLINE => {
                    faults.push(format!(
                        "`{}` hangs: no end within {} s",
                        self.command,
                        DEADLINE.as_secs()
                    ));
                    self.process.kill();
                }
                None => std::thread::sleep(Duration::from_millis(3)),
            }
        };
        let text = String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned();
        let _ = fs::remove_file(&self.output);
        if text.contains(CANARY) {
            faults.push(format!("`{}` printed a secret", self.command));
        }
        if text.contains("panicked at") || status.code() == Some(101) {
            faults.push(format!("`{}` panicked: {text}", self.command));
        }
        let signal = status.signal();
        if signal.is_some_and(|signal| signal != 9) {
            faults.push(format!("`{}` ended by the signal {signal:?}", self.command));
        }
        Ended {
            code: status.code(),
            text,
            faults,
        }
    }
}
