//! The configuration file: `treekeeper.toml`.
//!
//! Unknown keys are errors. Secrets never stand in the file: it names a file or an environment variable that holds
//! them. The working directory is never searched.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use treekeeper_core::model::cluster::LockStyle;
use treekeeper_core::model::{Bump, Overlay, printable};

use super::ui::Problem;

/// Everything that the file may say.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `HOST:PORT[,...][/chroot]`.
    pub zookeeper: Option<String>,
    /// Merge or replace.
    pub overlay: Option<Overlay>,
    /// The lock style.
    pub lock: Option<LockStyle>,
    /// Such as `30s`.
    pub lock_wait: Option<String>,
    /// Which commits move the version of `/hosts`.
    pub bump: Option<Bump>,
    /// The repository.
    pub git: GitKeys,
    /// The delete budget.
    pub delete: DeleteKeys,
    /// Which properties are secret.
    pub secrets: SecretKeys,
    /// Bounds.
    pub limits: LimitKeys,
    /// Who we are.
    pub auth: AuthKeys,
}

/// `[git]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GitKeys {
    /// The repository.
    pub url: Option<String>,
    /// The branch.
    pub branch: Option<String>,
    /// The directory in it.
    pub path: Option<String>,
    /// Where the mirror lives.
    pub mirror: Option<PathBuf>,
    /// `fast-forward` or `any`.
    pub history: Option<HistoryKey>,
    /// Fetches after a failed one; 3 by default.
    pub retries: Option<u32>,
    /// The pause before each; `3s` by default.
    pub retry_pause: Option<String>,
}

/// `history`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistoryKey {
    /// A commit must descend from the deployed one.
    FastForward,
    /// Any commit will do.
    Any,
}

/// `[delete]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeleteKeys {
    /// Deletions that always pass; 20 by default.
    pub znodes_max: Option<usize>,
    /// Percent of the managed znodes that pass; 30 by default.
    pub percent_max: Option<usize>,
    /// Globs of znodes that are never deleted.
    pub protect: Vec<String>,
    /// As `--prune-roots` with each sync.
    pub prune_roots: bool,
}

/// `[secrets]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretKeys {
    /// Parts of property names, added to the built-in list.
    pub names: Vec<String>,
}

/// `[limits]`: bytes and counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitKeys {
    /// Bytes of a tree file.
    pub file_bytes: Option<usize>,
    /// Bytes of all tree files of a commit, and of what git may store.
    pub repository_bytes: Option<u64>,
    /// Bytes of a line.
    pub line_bytes: Option<usize>,
    /// Znodes of a tree.
    pub znodes: Option<usize>,
    /// Levels of a tree.
    pub depth: Option<usize>,
    /// Bytes of a path.
    pub path_bytes: Option<usize>,
    /// Bytes of a znode's data.
    pub node_data_bytes: Option<usize>,
    /// Bytes of the names of one znode's children.
    pub child_names_bytes: Option<usize>,
    /// Bytes of one transaction.
    pub transaction_bytes: Option<usize>,
    /// Operations of one transaction.
    pub transaction_operations: Option<usize>,
    /// Bytes of a batch of a plan that is not one transaction.
    pub batch_bytes: Option<usize>,
    /// Diagnostics that are told of one file.
    pub diagnostics: Option<usize>,
    /// How long to try to connect.
    pub connect_timeout: Option<String>,
    /// How long one request to ZooKeeper may take.
    pub request_timeout: Option<String>,
    /// What to ask of the servers as session timeout.
    pub session_timeout: Option<String>,
    /// How long one git command may take.
    pub git_timeout: Option<String>,
    /// Bytes of address space of one git command; 0 for no limit.
    pub git_memory_bytes: Option<u64>,
}

/// `[auth]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthKeys {
    /// TLS.
    pub tls: Option<TlsKeys>,
    /// The `digest` scheme: where `user:password` stands.
    pub digest: Option<SecretPlace>,
    /// SASL DIGEST-MD5: where `user:password` stands.
    pub sasl: Option<SecretPlace>,
    /// Sends credentials in the clear to other machines.
    pub allow_plaintext: bool,
    /// The ACL of new znodes; `creator` by default if there are credentials, else `open`.
    pub acl: Option<AclKey>,
}

/// `[auth.tls]`: PEM files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsKeys {
    /// Authorities that sign the servers' certificates.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain.
    pub certificate: Option<PathBuf>,
    /// The client's key.
    pub key: Option<PathBuf>,
}

/// Where a secret stands.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum SecretPlace {
    /// In a file.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
}

/// `acl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AclKey {
    /// Everybody may do everything, as the original.
    Open,
    /// Only treekeeper's own identity.
    Creator,
}

impl SecretPlace {
    /// Reads the secret, one line without its end.
    ///
    /// # Errors
    /// A file or variable that is not there; the secret itself is never part of the message.
    pub fn read(&self) -> Result<String, Problem> {
        let text = match self {
            SecretPlace::File(path) => read_text(path)?,
            SecretPlace::Env(name) => std::env::var(name).map_err(|_| {
                Problem::configuration(format!(
                    "the environment variable {name}, named in [auth], is not set"
                ))
            })?,
        };
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// Reads a small text file that the configuration or a flag names.
///
/// # Errors
/// Names the file and the reason.
pub fn read_text(path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| {
        Problem::configuration(format!(
            "cannot read {}: {error}",
            printable(&path.to_string_lossy())
        ))
    })
}

/// A file of the configuration as it stands there.
pub struct Layer {
    /// The file.
    pub path: PathBuf,
    /// What it says.
    pub table: toml::Table,
}

/// Reads the configuration: the named file, else the user's laid over the system's.
///
/// # Errors
/// A named file that is not there, and any file that does not parse or holds unknown keys.
pub fn read(named: Option<&Path>) -> Result<Config, Problem> {
    joined(&layers(named)?)
}

/// Reads the files that there are, each to be laid over those before it.
///
/// # Errors
/// As [`read`].
pub fn layers(named: Option<&Path>) -> Result<Vec<Layer>, Problem> {
    let paths = match named {
        Some(path) => vec![path.to_owned()],
        None => default_paths().into_iter().filter(|path| path.exists()).collect(),
    };
    let layer = |path: PathBuf| {
        Ok(Layer {
            table: table(&path)?,
            path,
        })
    };
    paths.into_iter().map(layer).collect()
}

/// Lays files over each other.
///
/// # Errors
/// Files that do not fit together.
pub fn joined(layers: &[Layer]) -> Result<Config, Problem> {
    let mut merged = toml::Table::new();
    for layer in layers {
        lay_over(&mut merged, layer.table.clone());
    }
    // What is wrong with each file was refused with the file's name; this can only fail on the same grounds.
    toml::Value::Table(merged)
        .try_into()
        .map_err(|_| Problem::configuration("the configuration files do not fit together"))
}

/// Returns what a file says of credentials and TLS, as it stands there.
///
/// # Errors
/// As [`read`] of a named file.
pub fn auth(path: &Path) -> Result<Option<toml::Value>, Problem> {
    Ok(table(path)?.remove("auth"))
}

fn table(path: &Path) -> Result<toml::Table, Problem> {
    let text = read_text(path)?;
    let wrong = |error: toml::de::Error| wrong(path, &text, &error);
    toml::from_str::<Config>(&text).map_err(wrong)?;
    toml::from_str(&text).map_err(wrong)
}

/// Returns what is wrong with a file, and where.
///
/// The line itself is never shown, and of `[auth]` no value: people do write secrets where only a place of a secret
/// may stand.
fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> Problem {
    let shown = path.to_string_lossy();
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.matches('\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    let place = format!("{}:{line}:{column}", printable(&shown));
    let whole_line = text[line_start..].lines().next().unwrap_or_default();
    let header = text[..line_start]
        .lines()
        .rev()
        .find(|line| line.trim_start().starts_with('['));
    let of_auth = |line: &str| {
        line.trim_start()
            .trim_start_matches('[')
            .trim_start()
            .starts_with("auth")
    };
    let names_a_key = ["unknown field", "missing field", "duplicate"];
    let tells_a_value = !names_a_key.iter().any(|words| error.message().starts_with(words));
    if (of_auth(whole_line) || header.is_some_and(of_auth)) && tells_a_value {
        return Problem::configuration(format!(
            "{place}: this is not what [auth] takes; it may be secret and is not shown"
        ))
        .with_hint(
            "name where the secret stands: `digest = { file = \"/path\" }` or `digest = { env = \"NAME\" }`",
        );
    }
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    Problem::configuration(format!("{place}: {}", printable(&message)))
}

/// Returns the system's file, then the user's.
pub fn default_paths() -> Vec<PathBuf> {
    let user = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")));
    let directories = [Some(PathBuf::from("/etc")), user];
    directories
        .into_iter()
        .flatten()
        .map(|directory| directory.join("treekeeper/treekeeper.toml"))
        .collect()
}

fn lay_over(lower: &mut toml::Table, upper: toml::Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_errors() {
        assert!(toml::from_str::<Config>("zookeper = 'x'").is_err());
        assert!(toml::from_str::<Config>("[git]\nurl = 'x'\nurls = 'y'").is_err());
    }

    #[test]
    fn the_users_file_lies_over_the_systems() {
        let mut lower: toml::Table =
            toml::from_str("lock = 'kazoo'\n[git]\nurl = 'a'\nbranch = 'main'").unwrap();
        lay_over(&mut lower, toml::from_str("[git]\nurl = 'b'").unwrap());
        let config: Config = toml::Value::Table(lower).try_into().unwrap();
        assert_eq!(config.git.url.as_deref(), Some("b"));
        assert_eq!(config.git.branch.as_deref(), Some("main"));
        assert_eq!(config.lock, Some(LockStyle::Kazoo));
    }
}
