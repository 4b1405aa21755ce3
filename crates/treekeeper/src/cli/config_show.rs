//! `config show`: every key of the configuration, what it is, and where that comes from.
//!
//! Prints a file that says the same. What is secret cannot be here: the configuration only names where it stands, and
//! the password of a URL is left out as everywhere.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use treekeeper_core::model::{Overlay, printable};

use super::args::{Global, LockArg};
use super::config::{self, Layer};
use super::config_defaults::{KEYS, Key, Preset};
use super::setup;
use super::ui::{self, Exit, Problem};
use crate::git::GitUrl;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Flag(&'static str),
    Environment(&'static str),
    File(PathBuf),
    Default,
}

impl Source {
    fn told(&self) -> String {
        match self {
            Source::Flag(flag) => format!("flag {flag}"),
            Source::Environment(name) => format!("environment variable {name}"),
            Source::File(path) => format!("file {}", shown_path(path)),
            Source::Default => "default".to_owned(),
        }
    }

    fn as_json(&self) -> Value {
        match self {
            Source::Flag(flag) => json!({ "kind": "flag", "name": flag }),
            Source::Environment(name) => json!({ "kind": "environment", "name": name }),
            Source::File(path) => json!({ "kind": "file", "name": path.to_string_lossy() }),
            Source::Default => json!({ "kind": "default" }),
        }
    }
}

/// One key.
struct Row {
    key: &'static str,
    /// `None` if it is not set and has no default that could be written down.
    value: Option<toml::Value>,
    /// What holds where there is no value.
    otherwise: &'static str,
    source: Source,
}

/// Prints every key.
pub fn run(global: &Global) -> Result<Exit, Problem> {
    let layers = config::layers(global.config.as_deref())?;
    // What is wrong with the values is told as any other command would.
    config::joined(&layers)?;
    let rows: Vec<Row> = KEYS.iter().map(|key| row(key, global, &layers)).collect();
    let searched = match &global.config {
        Some(path) => vec![path.clone()],
        None => config::default_paths(),
    };
    if global.json {
        ui::print_json(&as_json(&rows, &searched, &layers))?;
    } else {
        ui::print_text(&as_text(&rows, &searched, &layers))?;
    }
    Ok(Exit::Done)
}

fn row(key: &Key, global: &Global, layers: &[Layer]) -> Row {
    let (value, source) = given(key.name, global, layers).map_or_else(
        || {
            let value = match key.preset {
                Preset::Value(value) => Some(value()),
                Preset::Words(_) => None,
            };
            (value, Source::Default)
        },
        |(value, source)| (Some(value), source),
    );
    let value = match (key.name, value) {
        ("git.url", Some(value)) => Some(without_password(&value)),
        (_, value) => value,
    };
    Row {
        key: key.name,
        value,
        otherwise: match key.preset {
            Preset::Words(words) => words,
            Preset::Value(_) => "",
        },
        source,
    }
}

/// Returns what a flag, the environment or a file says, the first of these.
fn given(key: &str, global: &Global, layers: &[Layer]) -> Option<(toml::Value, Source)> {
    if let Some((value, flag)) = flag(key, global) {
        return Some((toml::Value::String(value), Source::Flag(flag)));
    }
    if key == "zookeeper"
        && let Some((name, value)) = setup::zookeeper_variable()
    {
        return Some((toml::Value::String(value), Source::Environment(name)));
    }
    layers.iter().rev().find_map(|layer| {
        let mut names = key.split('.');
        let first = layer.table.get(names.next()?)?;
        let value = names.try_fold(first, |value, name| value.get(name))?;
        Some((value.clone(), Source::File(layer.path.clone())))
    })
}

fn flag(key: &str, global: &Global) -> Option<(String, &'static str)> {
    let directory = |path: &PathBuf| path.to_string_lossy().into_owned();
    let (value, flag) = match key {
        "zookeeper" => (global.zookeeper.clone(), "--zookeeper"),
        "git.url" => (global.url.clone(), "--url"),
        "git.branch" => (global.branch.clone(), "--branch"),
        "git.path" => (global.path.clone(), "--path"),
        "git.mirror" => (global.tree_directory.as_ref().map(directory), "--tree-directory"),
        "overlay" => {
            let word = global.overlay.map(|overlay| Overlay::from(overlay).word());
            (word.map(str::to_owned), "--overlay")
        }
        "lock" => {
            let word = global.lock.map(|lock| match lock {
                LockArg::Zktools => "zktools",
                LockArg::Kazoo => "kazoo",
                LockArg::Both => "both",
            });
            (word.map(str::to_owned), "--lock")
        }
        _ => return None,
    };
    Some((value?, flag))
}

fn without_password(value: &toml::Value) -> toml::Value {
    let shown = match GitUrl::parse(value.as_str().unwrap_or_default()) {
        Ok(url) => url.to_string(),
        Err(_) => "(not shown: it is no URL that git may have)".to_owned(),
    };
    toml::Value::String(shown)
}

fn shown_path(path: &Path) -> String {
    printable(&path.to_string_lossy()).into_owned()
}

fn as_text(rows: &[Row], searched: &[PathBuf], layers: &[Layer]) -> String {
    let mut text = String::new();
    for path in searched {
        let read = layers.iter().any(|layer| layer.path == *path);
        let read = if read { "read" } else { "not there" };
        text.push_str(&format!("# {}: {read}\n", shown_path(path)));
    }
    let lines: Vec<(String, String)> = rows.iter().map(line).collect();
    let width = lines.iter().map(|(start, _)| start.chars().count());
    let width = width.filter(|width| *width <= VALUE_WIDTH_MAX).max().unwrap_or(0);
    let mut section = "";
    for (row, (start, end)) in rows.iter().zip(lines) {
        let (of, _) = split(row.key);
        if of != section {
            section = of;
            text.push_str(&format!("\n[{section}]\n"));
        }
        text.push_str(&format!("{start:width$}  # {end}\n"));
    }
    text
}

/// Wider lines are not waited for when the comments are put below each other.
const VALUE_WIDTH_MAX: usize = 48;

/// Returns the section of a key, empty for those above all sections, and its name there.
fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

fn line(row: &Row) -> (String, String) {
    let (_, name) = split(row.key);
    match &row.value {
        Some(value) => (
            format!("{name} = {}", printable(&value.to_string())),
            row.source.told(),
        ),
        None => (format!("# {name}"), row.otherwise.to_owned()),
    }
}

fn as_json(rows: &[Row], searched: &[PathBuf], layers: &[Layer]) -> Value {
    let files: Vec<Value> = searched
        .iter()
        .map(|path| {
            let read = layers.iter().any(|layer| layer.path == *path);
            json!({ "path": path.to_string_lossy(), "read": read })
        })
        .collect();
    let values: Vec<Value> = rows
        .iter()
        .map(|row| {
            let value = serde_json::to_value(&row.value).unwrap_or_default();
            json!({ "key": row.key, "value": value, "source": row.source.as_json() })
        })
        .collect();
    json!({ "schema": 1, "files": files, "values": values })
}
