//! Every key of the configuration and what holds where nobody sets it.
//!
//! The numbers are asked of the rooms that use them, so that they cannot differ.

use std::time::Duration;

use toml::Value;
use treekeeper_core::plan::{BatchLimits, DeleteBudget};
use treekeeper_core::treefile::ParseLimits;

use crate::git::{GitOptions, ProcessLimits, ReadLimits};
use crate::zk::SessionOptions;

/// A key of the file.
pub struct Key {
    /// With its section: `git.url`.
    pub name: &'static str,
    /// What holds where it is not set.
    pub preset: Preset,
}

/// What holds where a key is not set.
#[derive(Clone, Copy)]
pub enum Preset {
    /// A value that the file could name.
    Value(fn() -> Value),
    /// What can only be said in words.
    Words(&'static str),
}

const fn value(name: &'static str, value: fn() -> Value) -> Key {
    Key {
        name,
        preset: Preset::Value(value),
    }
}

const fn words(name: &'static str, words: &'static str) -> Key {
    Key {
        name,
        preset: Preset::Words(words),
    }
}

/// Every key, section by section.
pub const KEYS: &[Key] = &[
    value("zookeeper", || text(&SessionOptions::default().connect)),
    value("overlay", || text("merge")),
    value("lock", || text("zktools")),
    value("lock_wait", || text("0s")),
    value("bump", || text("commit")),
    words("git.url", "not set: commands that read the repository need it"),
    words("git.branch", "not set: the branch that the remote's HEAD names"),
    value("git.path", || text(".")),
    words(
        "git.mirror",
        "not set: in the user's state directory, one for each repository",
    ),
    value("git.history", || text("fast-forward")),
    value("git.retries", || git(|options| number(options.retries))),
    value("git.retry_pause", || git(|options| duration(options.retry_pause))),
    value("delete.znodes_max", || number(DeleteBudget::default().znodes_max)),
    value("delete.percent_max", || {
        number(DeleteBudget::default().percent_max)
    }),
    value("delete.protect", || Value::Array(Vec::new())),
    value("delete.prune_roots", || Value::Boolean(false)),
    value("secrets.names", || Value::Array(Vec::new())),
    value("limits.file_bytes", || {
        number(ReadLimits::default().file_bytes_max)
    }),
    value("limits.repository_bytes", || {
        number(ReadLimits::default().total_bytes_max)
    }),
    value("limits.line_bytes", || number(ParseLimits::default().line_bytes)),
    value("limits.znodes", || number(ParseLimits::default().znodes)),
    value("limits.depth", || number(ParseLimits::default().depth)),
    value("limits.path_bytes", || number(ParseLimits::default().path_bytes)),
    value("limits.node_data_bytes", || {
        number(ParseLimits::default().node_data_bytes)
    }),
    value("limits.child_names_bytes", || {
        number(ParseLimits::default().child_names_bytes)
    }),
    value("limits.transaction_bytes", || {
        number(BatchLimits::default().transaction_bytes_max)
    }),
    value("limits.transaction_operations", || {
        number(BatchLimits::default().transaction_operations_max)
    }),
    value("limits.batch_bytes", || {
        number(BatchLimits::default().batch_bytes_max)
    }),
    value("limits.diagnostics", || {
        number(ParseLimits::default().diagnostics)
    }),
    value("limits.connect_timeout", || {
        duration(SessionOptions::default().connect_timeout)
    }),
    value("limits.request_timeout", || {
        duration(SessionOptions::default().request_timeout)
    }),
    value("limits.session_timeout", || {
        duration(SessionOptions::default().session_timeout)
    }),
    value("limits.git_timeout", || {
        duration(ProcessLimits::default().wall_max.unwrap_or_default())
    }),
    value("limits.git_memory_bytes", || {
        number(
            ProcessLimits::default()
                .address_space_bytes_max
                .unwrap_or_default(),
        )
    }),
    words("auth.digest", "not set: no credentials"),
    words("auth.sasl", "not set: no credentials"),
    value("auth.allow_plaintext", || Value::Boolean(false)),
    words("auth.acl", "not set: \"creator\" with credentials, else \"open\""),
    words("auth.tls.ca", "not set: no TLS, or the system's authorities"),
    words("auth.tls.certificate", "not set: no client certificate"),
    words("auth.tls.key", "not set: no client certificate"),
];

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn number(number: impl TryInto<i64>) -> Value {
    Value::Integer(number.try_into().unwrap_or(i64::MAX))
}

fn duration(duration: Duration) -> Value {
    match duration.subsec_millis() {
        0 => text(&format!("{}s", duration.as_secs())),
        _ => text(&format!("{}ms", duration.as_millis())),
    }
}

/// Asks the defaults of git, which belong to some repository.
fn git(ask: impl Fn(&GitOptions) -> Value) -> Value {
    GitOptions::new("https://git.example.com/trees.git", "mirror")
        .map_or(Value::Boolean(false), |options| ask(&options))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::config::Config;
    use super::*;

    /// Returns the keys that a section takes: those that are named when a wrong one is refused.
    fn taken(section: &str) -> Vec<String> {
        let text = match section {
            "" => "nonsense = 1".to_owned(),
            section => format!("[{section}]\nnonsense = 1"),
        };
        let error = toml::from_str::<Config>(&text).unwrap_err().message().to_owned();
        let (_, names) = error.split_once("expected").unwrap();
        let names = names.split('`').skip(1).step_by(2);
        names
            .map(|name| match section {
                "" => name.to_owned(),
                section => format!("{section}.{name}"),
            })
            .collect()
    }

    #[test]
    fn every_key_that_the_file_takes_is_shown() {
        let mut wanted = BTreeSet::new();
        let mut sections = vec![String::new()];
        while let Some(section) = sections.pop() {
            for key in taken(&section) {
                let text = format!("[{key}]\nnonsense = 1");
                let error = toml::from_str::<Config>(&text).unwrap_err().message().to_owned();
                // What refuses a table by its form is a value, and so is the place of a secret.
                if error.starts_with("unknown field") {
                    sections.push(key);
                } else {
                    wanted.insert(key);
                }
            }
        }
        let shown: BTreeSet<String> = KEYS.iter().map(|key| key.name.to_owned()).collect();
        assert_eq!(shown, wanted);
    }

    #[test]
    fn the_defaults_are_values_that_the_file_takes() {
        for key in KEYS {
            if let Preset::Value(value) = key.preset {
                let text = match key.name.rsplit_once('.') {
                    None => format!("{} = {}", key.name, value()),
                    Some((section, name)) => format!("[{section}]\n{name} = {}", value()),
                };
                assert!(toml::from_str::<Config>(&text).is_ok(), "{text}");
            }
        }
    }
}
