//! Runs one git process under limits, with a fixed environment, in a process group of its own.
//!
//! Knows nothing of mirrors and commits. Only a group whose leader we started and have not yet waited for is ever
//! killed.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::error::{GitError, Limit};
use super::options::{Environment, ProcessLimits};
use super::pipes::{Event, Pipes};
use super::text::useful_lines;
use super::url::{GitUrl, Transport};

/// By its whole path, so that the standard library can spawn it without a fork, which copies the page tables of a
/// process that may hold a million znodes; every Unix has a shell there.
const SHELL: &str = "/bin/sh";

/// Settings that hold for every git process, whatever the user's configuration says.
const SETTINGS: &[&str] = &[
    "protocol.allow=never",
    "protocol.ssh.allow=always",
    "protocol.https.allow=always",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "transfer.fsckObjects=true",
    "fetch.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "http.followRedirects=false",
    "http.sslVersion=tlsv1.2",
    "gc.auto=0",
    "maintenance.auto=false",
    // Every fetched pack stays a pack: the limit on a file's size then bounds what one fetch can write.
    "fetch.unpackLimit=1",
    // These three keep git inside its address space: windows on packs, and the stacks and arenas of threads.
    "core.packedGitLimit=512m",
    "core.packedGitWindowSize=64m",
    "pack.threads=4",
];
/// How much of standard error is kept, in bytes.
const STDERR_BYTES_MAX: usize = 64 << 10;
/// How often a process that says nothing is looked at.
const POLL: Duration = Duration::from_millis(50);
/// How many times output is awaited in vain once git has ended: what it left behind (ssh's ControlPersist) may
/// hold the pipe for hours.
const QUIET_POLLS_MAX: u32 = 10;
/// How long a killed process may take to vanish.
const REAP_MAX: Duration = Duration::from_secs(5);
/// How long a process that has closed its pipes is given to end before the next look; the pauses grow.
const NAP_MIN: Duration = Duration::from_micros(50);
const NAP_MAX: Duration = Duration::from_millis(5);

/// What a git process reads on its standard input.
pub(crate) enum Input {
    /// Nothing.
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing, from the lock's own file: as long as this git lives the lock is held, even if treekeeper is killed.
    Lock(File),
}

/// One git process to run.
pub(crate) struct Invocation<'a> {
    /// The repository; without one git looks at none, not even at one around the working directory.
    pub repository: Option<&'a Path>,
    /// The command and its arguments.
    pub arguments: Vec<OsString>,
    /// What it reads.
    pub input: Input,
    /// When it must be done, if earlier than its own limit.
    pub deadline: Option<Instant>,
    /// Whether silence is limited: so for everything that talks to a remote.
    pub remote: bool,
    /// How many bytes it may print.
    pub stdout_bytes_max: u64,
}

/// What became of a git process that no limit stopped.
pub(crate) struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// The last useful lines of its standard error, escaped and masked.
    pub complaint: String,
}

/// Runs git processes for one repository.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    limits: ProcessLimits,
    environment: Environment,
    url: GitUrl,
}

impl Runner {
    /// Returns a runner for the repository at `url`.
    pub(crate) fn new(url: &GitUrl, limits: &ProcessLimits, environment: &Environment) -> Runner {
        Runner {
            limits: limits.clone(),
            environment: environment.clone(),
            url: url.clone(),
        }
    }

    /// Runs git and hands what it prints to `sink`, piece by piece.
    ///
    /// A process that fails is no error here: its status is in the result.
    pub(crate) fn run(
        &self,
        invocation: Invocation,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Finished, GitError> {
        let action = invocation
            .arguments
            .first()
            .map(|first| first.to_string_lossy().into_owned());
        let action = action.unwrap_or_default();
        let started = Instant::now();
        let own = self
            .limits
            .wall_max
            .filter(|wall| !wall.is_zero())
            .map(|wall| started + wall);
        let watch = Watch {
            deadline: own.into_iter().chain(invocation.deadline).min(),
            idle_max: self
                .limits
                .idle_max
                .filter(|idle| invocation.remote && !idle.is_zero()),
            stdout_bytes_max: invocation.stdout_bytes_max,
        };
        let mut command = self.command(&invocation);
        let input = match invocation.input {
            Input::Empty => Vec::new(),
            Input::Bytes(bytes) => {
                command.stdin(Stdio::piped());
                bytes
            }
            Input::Lock(file) => {
                command.stdin(file);
                Vec::new()
            }
        };
        let mut child = command.spawn().map_err(|source| GitError::Process { source })?;
        // The command holds its own copy of the lock's file.
        drop(command);
        let mut stderr = Vec::new();
        let status = match watch.follow(&mut child, input, sink, &mut stderr) {
            Ok(status) => status,
            Err(stop) => {
                kill_group(&mut child);
                return Err(match stop {
                    Stop::Limit(limit) => self.exceeded(action, limit, started),
                    Stop::Failed(source) => GitError::Process { source },
                });
            }
        };
        if status.code() == Some(127) {
            return Err(GitError::GitMissing);
        }
        match limit_behind(status, &stderr) {
            Some(limit) if self.allowed(limit).is_some() => Err(self.exceeded(action, limit, started)),
            _ => Ok(Finished {
                status,
                complaint: useful_lines(&stderr),
            }),
        }
    }

    /// Returns the shell that sets the limits and becomes git: only unsafe code could set them otherwise.
    fn command(&self, invocation: &Invocation) -> Command {
        let mut command = Command::new(SHELL);
        command.arg("-c").arg(self.limits_script()).arg("sh");
        command
            .arg("--git-dir")
            .arg(invocation.repository.unwrap_or(Path::new("/dev/null")));
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let is_local = self.url.transport() == Transport::Local;
        if is_local {
            command.args(["-c", "protocol.file.allow=always"]);
        }
        command.args(&invocation.arguments);
        command.env_clear();
        command.envs(self.environment.iter());
        // Many threads reserve one arena each, and a machine with many cores would fill the address space.
        command.env("MALLOC_ARENA_MAX", "2");
        command
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1");
        // Stronger than any `protocol.*.allow` of the user's configuration.
        command.env(
            "GIT_ALLOW_PROTOCOL",
            if is_local { "ssh:https:file" } else { "ssh:https" },
        );
        let settings = self.url.settings();
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (index, (key, value)) in settings.into_iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{index}"), key)
                .env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Returns the script of the limits. What can't be set was lower already, or is unknown to the system.
    fn limits_script(&self) -> String {
        let limits = &self.limits;
        let mut script = String::new();
        let mut set = |option: &str, value: Option<u64>| {
            if let Some(value) = value.filter(|value| *value > 0) {
                let _ = write!(script, "ulimit {option} {value} 2>/dev/null || :; ");
            }
        };
        set(
            "-v",
            limits.address_space_bytes_max.map(|bytes| bytes.div_ceil(1024)),
        );
        // POSIX counts blocks of 512 bytes.
        set("-f", limits.file_bytes_max.map(|bytes| bytes.div_ceil(512)));
        set("-n", limits.open_files_max);
        // The signal that names the limit comes before the one that can't be caught.
        set("-S -t", limits.cpu_seconds_max);
        set(
            "-H -t",
            limits
                .cpu_seconds_max
                .filter(|seconds| *seconds > 0)
                .map(|seconds| seconds + 5),
        );
        // Without the signal git gets, and tells, the error of its write.
        script.push_str("trap '' XFSZ 2>/dev/null; exec git \"$@\"");
        script
    }

    /// Returns the value of a limit in words.
    fn allowed(&self, limit: Limit) -> Option<String> {
        let limits = &self.limits;
        let bytes = |value: Option<u64>| {
            value
                .filter(|value| *value > 0)
                .map(|value| format!("{value} bytes"))
        };
        match limit {
            Limit::Wall => limits.wall_max.map(|wall| format!("{wall:?}")),
            Limit::Idle => limits.idle_max.map(|idle| format!("{idle:?}")),
            Limit::Cpu => limits
                .cpu_seconds_max
                .filter(|value| *value > 0)
                .map(|value| format!("{value} s")),
            Limit::AddressSpace => bytes(limits.address_space_bytes_max),
            Limit::FileSize => bytes(limits.file_bytes_max),
            Limit::Output => None,
        }
    }

    fn exceeded(&self, action: String, limit: Limit, started: Instant) -> GitError {
        let allowed = match limit {
            // The deadline of the whole fetch may have been the earlier one.
            Limit::Wall => Some(format!("{:.1} s", started.elapsed().as_secs_f64())),
            _ => self.allowed(limit),
        };
        let allowed = allowed.unwrap_or_else(|| "what was asked for".to_owned());
        GitError::LimitExceeded {
            action,
            limit,
            allowed,
        }
    }

    /// Returns whether this runner's user has chosen how ssh is started, other than by the configuration.
    pub(crate) fn names_ssh(&self) -> bool {
        ["GIT_SSH", "GIT_SSH_COMMAND", "SSH_ASKPASS"]
            .iter()
            .any(|name| self.environment.get(name).is_some())
    }

    /// Makes ssh fail where it would ask: git runs in the background, where a question at the terminal would stop it.
    pub(crate) fn set_ssh_batch_mode(&mut self) {
        self.environment = self
            .environment
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .chain([("GIT_SSH_COMMAND".into(), "ssh -o BatchMode=yes".into())])
            .collect();
    }
}

/// Why a process is to be killed.
enum Stop {
    Limit(Limit),
    Failed(std::io::Error),
}

/// What a running process may do.
struct Watch {
    deadline: Option<Instant>,
    idle_max: Option<Duration>,
    stdout_bytes_max: u64,
}

impl Watch {
    /// Tells the process its input and takes its output until it has ended, or says why it must not go on.
    fn follow(
        &self,
        child: &mut Child,
        input: Vec<u8>,
        sink: &mut dyn FnMut(&[u8]),
        stderr: &mut Vec<u8>,
    ) -> Result<ExitStatus, Stop> {
        let mut pipes = Pipes::new(child, input).map_err(Stop::Failed)?;
        let mut printed = 0;
        let mut spoke = Instant::now();
        let mut ended: Option<ExitStatus> = None;
        let mut quiet_polls = 0;
        let mut nap = NAP_MIN;
        loop {
            if pipes.are_closed() && ended.is_none() {
                // It has closed its pipes, and so is about to end.
                thread::sleep(nap);
                nap = (nap * 2).min(NAP_MAX);
            }
            match pipes.next(if pipes.are_closed() { Duration::ZERO } else { POLL }) {
                Ok(Event::Stdout(bytes)) => {
                    spoke = Instant::now();
                    printed += bytes.len() as u64;
                    if printed > self.stdout_bytes_max {
                        return Err(Stop::Limit(Limit::Output));
                    }
                    sink(bytes);
                }
                Ok(Event::Stderr(bytes)) => {
                    spoke = Instant::now();
                    stderr.extend_from_slice(bytes);
                    let surplus = stderr.len().saturating_sub(STDERR_BYTES_MAX);
                    stderr.drain(..surplus);
                }
                Ok(Event::Quiet) if ended.is_some() => quiet_polls += 1,
                Ok(Event::Moved | Event::Quiet) => {}
                Err(error) => return Err(Stop::Failed(error)),
            }
            if ended.is_none() {
                ended = child.try_wait().map_err(Stop::Failed)?;
            }
            match ended {
                Some(status) if pipes.are_closed() || quiet_polls > QUIET_POLLS_MAX => return Ok(status),
                Some(_) => {}
                None if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    return Err(Stop::Limit(Limit::Wall));
                }
                None if self.idle_max.is_some_and(|idle| spoke.elapsed() >= idle) => {
                    return Err(Stop::Limit(Limit::Idle));
                }
                None => {}
            }
        }
    }
}

/// Kills the process and everything that it started in its group, unless it has been waited for already.
fn kill_group(child: &mut Child) {
    // Only a leader that was not yet waited for keeps its number from being given to another process.
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    // It leads a group of its own from its start.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.kill();
    let killed = Instant::now();
    while matches!(child.try_wait(), Ok(None)) && killed.elapsed() < REAP_MAX {
        thread::sleep(Duration::from_millis(5));
    }
}

/// Returns the limit that a failed process, or one that it started, ran into.
fn limit_behind(status: ExitStatus, stderr: &[u8]) -> Option<Limit> {
    if status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(stderr);
    // What the remote says proves nothing about this machine.
    let says = |words: &[&str]| {
        text.split(['\n', '\r'])
            .filter(|line| !line.starts_with("remote:"))
            .any(|line| words.iter().any(|word| line.contains(word)))
    };
    match status.signal() {
        Some(24) => Some(Limit::Cpu),
        Some(25) => Some(Limit::FileSize),
        _ if says(&["died of signal 24"]) => Some(Limit::Cpu),
        _ if says(&["died of signal 25", "File too large"]) => Some(Limit::FileSize),
        _ if says(&[
            "ut of memory",
            "Cannot allocate memory",
            "error while loading shared libraries",
        ]) =>
        {
            Some(Limit::AddressSpace)
        }
        _ => None,
    }
}
