//! Puts flags, environment and configuration together into what the floors below take.
//!
//! A flag goes over the environment, the environment over the file.

use std::path::PathBuf;
use std::time::Duration;

use treekeeper_core::layer::LayerLimits;
use treekeeper_core::model::cluster::LockStyle;
use treekeeper_core::model::{Overlay, printable, quoted};
use treekeeper_core::operation::Context;
use treekeeper_core::plan::{BatchLimits, DeleteBudget, Wire};
use treekeeper_core::treefile::ParseLimits;

use super::args::{Global, LockArg};
use super::config::{self, AclKey, AuthKeys, Config, HistoryKey, TlsKeys};
use super::mirror::{default_mirror, mirror_in};
use super::ui::{self, Problem};
use crate::engine::{self, RepositorySource, World};
use crate::git::{GitOptions, ProcessLimits, ReadLimits};
use crate::zk::{Credentials, ReadMethod, Session, SessionOptions, TlsFiles};

/// Environment variables that name the servers, the first that is set counts.
const ZOOKEEPER_VARIABLES: [&str; 2] = ["TREEKEEPER_ZOOKEEPER", "ZC_ZK_CONNECTION_STRING"];

/// Everything that a command on a server needs.
pub struct Setup {
    /// The file's keys.
    pub config: Config,
    /// How sessions are opened.
    pub session: SessionOptions,
    /// The lock.
    pub lock: LockStyle,
    /// Merge or replace.
    pub overlay: Overlay,
    /// `--json`.
    pub json: bool,
    /// `--quiet`.
    pub quiet: bool,
    url: Option<String>,
    branch: Option<String>,
    /// The directory of the tree files in the repository.
    pub path: Option<String>,
    tree_directory: Option<PathBuf>,
}

impl Setup {
    /// Reads the configuration and puts the flags over it.
    ///
    /// # Errors
    /// A configuration that cannot be read or used.
    pub fn new(global: &Global) -> Result<Setup, Problem> {
        let config = config::read(global.config.as_deref())?;
        let session = session_options(global, &config)?;
        Ok(Setup::of(global, config, session))
    }

    /// Reads the configuration for a command that asks no server: credentials are not looked at.
    ///
    /// # Errors
    /// As [`Setup::new`].
    pub fn without_server(global: &Global) -> Result<Setup, Problem> {
        let config = config::read(global.config.as_deref())?;
        Ok(Setup::of(global, config, SessionOptions::default()))
    }

    fn of(global: &Global, config: Config, session: SessionOptions) -> Setup {
        Setup {
            session,
            lock: global
                .lock
                .map_or(config.lock.unwrap_or_default(), |style| match style {
                    LockArg::Zktools => LockStyle::Zktools,
                    LockArg::Kazoo => LockStyle::Kazoo,
                    LockArg::Both => LockStyle::Both,
                }),
            overlay: overlay(global, &config),
            json: global.json,
            quiet: global.quiet,
            url: global.url.clone().or_else(|| config.git.url.clone()),
            branch: global.branch.clone().or_else(|| config.git.branch.clone()),
            path: global.path.clone().or_else(|| config.git.path.clone()),
            tree_directory: global
                .tree_directory
                .clone()
                .or_else(|| config.git.mirror.clone()),
            config,
        }
    }

    /// Runs what needs a server on a runtime of its own.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn block_on<T>(&self, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        // The client lives on worker threads, so that a long diff on this one never starves its pings.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| Problem::error(format!("cannot start threads: {error}")))?;
        let done = runtime.block_on(work);
        // A name server that does not answer holds up a thread that nobody waits for any more.
        runtime.shutdown_background();
        done
    }

    /// Opens a session.
    ///
    /// # Errors
    /// A server that cannot be reached or refuses us.
    pub async fn open(&self) -> Result<Session, Problem> {
        Ok(Session::open(&self.session).await?)
    }

    /// Returns what an operation needs of the world, with the repository if `revision` is asked for.
    ///
    /// # Errors
    /// No repository, or one that cannot be used.
    pub fn world(&self, repository: Option<RepositorySource>) -> World {
        World {
            session: self.session.clone(),
            lock: self.lock,
            owner: format!("{{\"by\":\"{}\",\"pid\":{}}}", actor(), std::process::id()),
            repository,
            read_method: ReadMethod::Batched,
        }
    }

    /// Tells whether a repository is configured.
    pub fn has_repository(&self) -> bool {
        self.url.is_some()
    }

    /// Returns the configured repository; `revision` names one commit instead of the branch's tip.
    ///
    /// # Errors
    /// No URL, or one that is not allowed.
    pub fn repository(&self, revision: Option<&str>) -> Result<RepositorySource, Problem> {
        self.repository_at(revision, self.path.as_deref())
    }

    /// As [`Setup::repository`], with the tree files in `path`.
    pub fn repository_at(
        &self,
        revision: Option<&str>,
        path: Option<&str>,
    ) -> Result<RepositorySource, Problem> {
        let Some(url) = &self.url else {
            return Err(Problem::usage("which repository?")
                .with_code("TK1110")
                .with_hint("give --url GIT_URL, or set `url` in [git] of treekeeper.toml"));
        };
        let mirror = match &self.tree_directory {
            Some(directory) => mirror_in(directory),
            None => default_mirror(url)?,
        };
        let mut options = GitOptions::new(url, mirror)?;
        let keys = &self.config.git;
        let limits = &self.config.limits;
        options.branch = self.branch.clone();
        if let Some(path) = path {
            options.path = path.to_owned();
        }
        options.retries = keys.retries.unwrap_or(options.retries);
        if let Some(pause) = &keys.retry_pause {
            options.retry_pause = duration("git.retry_pause", pause)?;
        }
        if let Some(timeout) = &limits.git_timeout {
            let timeout = duration("limits.git_timeout", timeout)?;
            options.limits.wall_max = Some(timeout);
            options.fetch_max = timeout;
        }
        if let Some(bytes) = limits.git_memory_bytes {
            options.limits = ProcessLimits {
                address_space_bytes_max: (bytes > 0).then_some(bytes),
                ..options.limits
            };
        }
        let mut read = ReadLimits::default();
        read.file_bytes_max = limits
            .file_bytes
            .map_or(read.file_bytes_max, |bytes| bytes as u64);
        if let Some(bytes) = limits.repository_bytes {
            read.total_bytes_max = bytes;
            options.limits.file_bytes_max = Some(bytes);
        }
        Ok(RepositorySource::new(options, revision.map(str::to_owned), read))
    }

    /// Returns an operation's identity, lock and limits.
    ///
    /// # Errors
    /// A connection string or a duration that cannot be read.
    pub fn context(&self, lock_wait: Option<u64>, allow_delete: Option<usize>) -> Result<Context, Problem> {
        let lock_wait = match (lock_wait, &self.config.lock_wait) {
            (Some(seconds), _) => Duration::from_secs(seconds),
            (None, Some(text)) => duration("lock_wait", text)?,
            (None, None) => Duration::ZERO,
        };
        let (_, chroot) = crate::zk::split(&self.session.connect)?;
        let acl = if self.session.creator_acl {
            ("auth", "")
        } else {
            ("world", "anyone")
        };
        let limits = &self.config.limits;
        let defaults = BatchLimits::default();
        let transaction_bytes_max = self.transaction_bytes_max();
        let transaction_operations_max = limits
            .transaction_operations
            .unwrap_or(defaults.transaction_operations_max);
        let batch_bytes_max = limits.batch_bytes.unwrap_or(defaults.batch_bytes_max);
        Ok(Context {
            sync_id: uuid::Uuid::new_v4().simple().to_string(),
            actor: actor(),
            lock: self.lock,
            lock_wait,
            delete_budget: self.delete_budget(),
            allow_delete,
            protect: engine::globs(&self.config.delete.protect).map_err(|message| {
                Problem::error(format!("the configuration: {}", printable(&message))).with_code("TK1110")
            })?,
            secrets: self.config.secrets.names.clone(),
            batch_limits: BatchLimits {
                transaction_bytes_max,
                transaction_operations_max,
                // A batch is a transaction too.
                batch_bytes_max: batch_bytes_max.min(transaction_bytes_max),
                batch_operations_max: transaction_operations_max,
                wire: Wire {
                    chroot_bytes: chroot.len(),
                    acl_bytes: Wire::acl_bytes([acl]),
                },
                ..defaults
            },
        })
    }

    /// Returns how many bytes one transaction may have.
    pub fn transaction_bytes_max(&self) -> usize {
        let default = BatchLimits::default().transaction_bytes_max;
        self.config.limits.transaction_bytes.unwrap_or(default)
    }

    fn delete_budget(&self) -> DeleteBudget {
        let defaults = DeleteBudget::default();
        DeleteBudget {
            znodes_max: self.config.delete.znodes_max.unwrap_or(defaults.znodes_max),
            percent_max: self.config.delete.percent_max.unwrap_or(defaults.percent_max),
        }
    }

    /// Tells whether any history will do.
    pub fn any_history(&self) -> bool {
        self.config.git.history == Some(HistoryKey::Any)
    }
}

/// Returns the bounds of files and trees.
pub fn tree_limits(config: &Config) -> (ParseLimits, LayerLimits) {
    let (keys, parse, layer) = (&config.limits, ParseLimits::default(), LayerLimits::default());
    let parse = ParseLimits {
        file_bytes: keys.file_bytes.unwrap_or(parse.file_bytes),
        line_bytes: keys.line_bytes.unwrap_or(parse.line_bytes),
        depth: keys.depth.unwrap_or(parse.depth),
        path_bytes: keys.path_bytes.unwrap_or(parse.path_bytes),
        znodes: keys.znodes.unwrap_or(parse.znodes),
        node_data_bytes: keys.node_data_bytes.unwrap_or(parse.node_data_bytes),
        child_names_bytes: keys.child_names_bytes.unwrap_or(parse.child_names_bytes),
        diagnostics: keys.diagnostics.unwrap_or(parse.diagnostics),
    };
    let layer = LayerLimits {
        znodes: keys.znodes.unwrap_or(layer.znodes),
        depth: keys.depth.unwrap_or(layer.depth),
        path_bytes: keys.path_bytes.unwrap_or(layer.path_bytes),
        node_data_bytes: keys.node_data_bytes.unwrap_or(layer.node_data_bytes),
        child_names_bytes: keys.child_names_bytes.unwrap_or(layer.child_names_bytes),
    };
    (parse, layer)
}

/// Returns the overlay mode: the flag's, else the file's, else merge.
pub fn overlay(global: &Global, config: &Config) -> Overlay {
    let flag = global.overlay.map(Overlay::from);
    flag.or(config.overlay).unwrap_or_default()
}

/// Returns the environment variable that names the servers, if one is set, and what it says.
pub fn zookeeper_variable() -> Option<(&'static str, String)> {
    ZOOKEEPER_VARIABLES.iter().find_map(|name| {
        let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
        Some((*name, text))
    })
}

fn session_options(global: &Global, config: &Config) -> Result<SessionOptions, Problem> {
    let mut options = SessionOptions::default();
    let variable = || zookeeper_variable().map(|(_, text)| text);
    if let Some(connect) = global
        .zookeeper
        .clone()
        .or_else(variable)
        .or_else(|| config.zookeeper.clone())
    {
        options.connect = connect;
    }
    let keys = &config.auth;
    options.credentials = credentials(keys)?;
    options.tls = keys.tls.as_ref().map(tls_files).transpose()?;
    options.allow_plaintext = keys.allow_plaintext;
    options.creator_acl = match keys.acl {
        Some(acl) => acl == AclKey::Creator,
        None => options.credentials.is_some(),
    };
    let has_certificate = options.tls.as_ref().is_some_and(|files| files.identity.is_some());
    if options.creator_acl && options.credentials.is_none() && !has_certificate {
        return Err(Problem::configuration(
            "[auth] says acl = \"creator\", but there are no credentials to be the creator",
        ));
    }
    let limits = &config.limits;
    for (key, value, target) in [
        (
            "limits.connect_timeout",
            &limits.connect_timeout,
            &mut options.connect_timeout,
        ),
        (
            "limits.request_timeout",
            &limits.request_timeout,
            &mut options.request_timeout,
        ),
        (
            "limits.session_timeout",
            &limits.session_timeout,
            &mut options.session_timeout,
        ),
    ] {
        if let Some(text) = value {
            *target = duration(key, text)?;
        }
    }
    Ok(options)
}

/// Reads who we are.
fn credentials(keys: &AuthKeys) -> Result<Option<Credentials>, Problem> {
    Ok(match (&keys.digest, &keys.sasl) {
        (Some(_), Some(_)) => {
            return Err(Problem::configuration(
                "[auth] names digest and sasl: use one of them",
            ));
        }
        (Some(place), None) => Some(Credentials::Digest(pair("digest", &place.read()?)?)),
        (None, Some(place)) => {
            let pair = pair("sasl", &place.read()?)?;
            let (user, password) = pair.split_once(':').unwrap_or((&pair, ""));
            Some(Credentials::Sasl(user.to_owned(), password.to_owned()))
        }
        (None, None) => None,
    })
}

/// Reads the PEM files of TLS.
fn tls_files(keys: &TlsKeys) -> Result<TlsFiles, Problem> {
    let identity = match (&keys.certificate, &keys.key) {
        (Some(certificate), Some(key)) => Some((config::read_text(certificate)?, config::read_text(key)?)),
        (None, None) => None,
        _ => {
            return Err(Problem::configuration(
                "[auth.tls] needs both certificate and key, or neither",
            ));
        }
    };
    let authorities = keys.ca.as_deref().map(config::read_text).transpose()?;
    Ok(TlsFiles {
        authorities,
        identity,
    })
}

/// Checks that a secret is `user:password`.
fn pair(key: &str, text: &str) -> Result<String, Problem> {
    match text.split_once(':') {
        Some((user, _)) if !user.is_empty() => Ok(text.to_owned()),
        _ => Err(Problem::configuration(format!(
            "the secret of [auth] {key} is not of the form user:password"
        ))),
    }
}

/// The longest duration that is taken: more is a typing error.
const YEAR_MS: u64 = 31_536_000_000;

/// Reads `30s`, `500ms`, `5m`, `1h`, or a bare number of seconds.
fn duration(key: &str, text: &str) -> Result<Duration, Problem> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    match digits.trim().parse::<u64>() {
        Ok(number) if unit_ms > 0 && number.saturating_mul(unit_ms) <= YEAR_MS => {
            Ok(Duration::from_millis(number * unit_ms))
        }
        _ => Err(Problem::configuration(format!(
            "{key} = {} is not a duration such as \"30s\"",
            quoted(text)
        ))),
    }
}

/// Returns who runs this, such as `jim@web-1`.
pub fn actor() -> String {
    let user = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_default();
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let plain = |text: &str, fallback: &str| {
        let kept: String = text
            .trim()
            .chars()
            .filter(|character| character.is_ascii_alphanumeric() || "._-".contains(*character))
            .take(64)
            .collect();
        if kept.is_empty() {
            fallback.to_owned()
        } else {
            kept
        }
    };
    format!("{}@{}", plain(&user, "unknown"), plain(&machine, "localhost"))
}

/// Writes an event unless only errors are wanted.
pub fn teller(quiet: bool) -> impl FnMut(&treekeeper_core::operation::Event) {
    move |event| {
        if !quiet || event.level() != "INFO" {
            ui::event(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let ms = |text| duration("k", text).map(|duration| duration.as_millis()).ok();
        assert_eq!(ms("30s"), Some(30_000));
        assert_eq!(ms("250ms"), Some(250));
        assert_eq!(ms("2m"), Some(120_000));
        assert_eq!(ms("7"), Some(7_000));
        assert_eq!(ms("soon"), None);
        assert_eq!(ms(""), None);
    }
}
