//! What the caller decides about git: where, which branch, how long, how much.
//!
//! Defaults only; the configuration file and the flags are the command's.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use super::error::GitError;
use super::url::GitUrl;

/// The variables that git gets; everything else, all other `GIT_*` included, is taken away.
const KEPT: &[&str] = &[
    "HOME",
    "XDG_CONFIG_HOME",
    "PATH",
    "SSH_AUTH_SOCK",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// Where the tree files are and how git is run.
#[derive(Clone, Debug)]
pub struct GitOptions {
    /// The repository.
    pub url: GitUrl,
    /// The branch; `None` is the one that the remote's HEAD names.
    pub branch: Option<String>,
    /// The directory in the repository that holds the tree files, `.` for its root.
    pub path: String,
    /// Where the bare mirror lives; `<mirror>.lock` and `<mirror>.new` are used beside it.
    pub mirror: PathBuf,
    /// What one git process may take.
    pub limits: ProcessLimits,
    /// How long a whole fetch may last: waiting for the mirror's lock, all attempts and their pauses.
    pub fetch_max: Duration,
    /// How many times a failed fetch is tried again.
    pub retries: u32,
    /// The pause before each retry.
    pub retry_pause: Duration,
    /// The variables that git gets.
    pub environment: Environment,
}

impl GitOptions {
    /// Returns the defaults for a repository and the place of its mirror.
    pub fn new(url: &str, mirror: impl Into<PathBuf>) -> Result<GitOptions, GitError> {
        Ok(GitOptions {
            url: GitUrl::parse(url)?,
            branch: None,
            path: ".".to_owned(),
            mirror: mirror.into(),
            limits: ProcessLimits::default(),
            fetch_max: Duration::from_secs(300),
            retries: 3,
            retry_pause: Duration::from_secs(3),
            environment: Environment::inherited(),
        })
    }
}

/// What one git process may take; `None` or zero lifts a limit.
///
/// A limit of the surrounding system that is already lower stays.
#[derive(Clone, Debug)]
pub struct ProcessLimits {
    /// How long one git process may run.
    pub wall_max: Option<Duration>,
    /// How long a fetch may say nothing at all.
    pub idle_max: Option<Duration>,
    /// Processor time of one process, in seconds.
    pub cpu_seconds_max: Option<u64>,
    /// Address space of one process, in bytes.
    pub address_space_bytes_max: Option<u64>,
    /// Size of one file that git writes (a pack: the repository's limit), in bytes.
    pub file_bytes_max: Option<u64>,
    /// Open files of one process.
    pub open_files_max: Option<u64>,
}

impl Default for ProcessLimits {
    fn default() -> ProcessLimits {
        ProcessLimits {
            wall_max: Some(Duration::from_secs(300)),
            idle_max: Some(Duration::from_secs(60)),
            cpu_seconds_max: Some(300),
            address_space_bytes_max: Some(2 << 30),
            file_bytes_max: Some(2 << 30),
            open_files_max: Some(256),
        }
    }
}

/// What the tree files of one commit may take.
#[derive(Clone, Debug)]
pub struct ReadLimits {
    /// Size of one tree file, in bytes.
    pub file_bytes_max: u64,
    /// Size of all tree files together, in bytes.
    pub total_bytes_max: u64,
    /// Number of tree files.
    pub files_max: usize,
}

impl Default for ReadLimits {
    fn default() -> ReadLimits {
        ReadLimits {
            file_bytes_max: 256 << 20,
            total_bytes_max: 2 << 30,
            files_max: 100_000,
        }
    }
}

/// The variables that git gets, filtered by a fixed list.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Returns what this process has of the variables that git may have.
    pub fn inherited() -> Environment {
        Environment::from_iter(std::env::vars_os())
    }

    /// Returns the value of a variable, unless it is absent or empty.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0
            .get(OsStr::new(name))
            .filter(|value| !value.is_empty())
            .map(OsString::as_os_str)
    }

    /// Returns the variables.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.0.iter()
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    /// Returns what of `variables` is on the list.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Environment {
        let kept = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Environment(
            kept.filter(|(name, _): &(OsString, OsString)| is_kept(name))
                .collect(),
        )
    }
}

fn is_kept(name: &OsStr) -> bool {
    KEPT.iter().any(|kept| *kept == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_variables_that_could_redirect_are_dropped() {
        let all = [
            "HOME",
            "GIT_DIR",
            "GIT_EXTERNAL_DIFF",
            "LANG",
            "LD_PRELOAD",
            "GIT_SSH_COMMAND",
            "no_proxy",
        ];
        let kept = Environment::from_iter(all.map(|name| (name, "x")));
        let names: Vec<_> = kept.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(names, ["GIT_SSH_COMMAND", "HOME", "no_proxy"]);
    }
}
