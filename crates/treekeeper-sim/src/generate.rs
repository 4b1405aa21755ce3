//! Makes commits: small trees that change a little from one commit to the next, and now and then a broken one.
//!
//! A commit is made as a model; its text is printed from the model by `print`, never the other way round.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::commit::{Commit, Desired, FileModel, Properties, STRING_VALUE, root_of};
use crate::random::Random;

/// What every secret value holds, and no text for people ever may.
pub const CANARY: &str = "canary5eed";

/// Names of top-level nodes of `.zk` files.
const ROOTS: [&str; 4] = ["app", "db", "role-locks", "web"];
/// The name of a top-level node that only an overlay defines.
const OVERLAY_ROOT: &str = "site";
/// Names of other nodes.
const NAMES: [&str; 5] = ["a", "b", "c", "prod", "test"];
/// Names of properties.
const KEYS: [&str; 6] = ["type", "replicas", "password", "name", "api_token", "options"];
/// The most nodes of a commit.
const NODES_MAX: usize = 15;

/// Returns the first commit of a repository.
pub fn first(random: &mut Random) -> Commit {
    let mut files = vec![
        FileModel {
            name: "base.zk".to_owned(),
            ..FileModel::default()
        },
        FileModel {
            name: "more.zk".to_owned(),
            ..FileModel::default()
        },
        FileModel {
            name: "over.zkx".to_owned(),
            ..FileModel::default()
        },
    ];
    let nodes = random.between(3, 10) as usize;
    while count(&files) < nodes {
        add_node(random, &mut files);
    }
    finished(random, None, files)
}

/// Returns a commit that changes a little of `parent`.
pub fn next(random: &mut Random, parent: &Commit) -> Commit {
    let mut files = parent.files.clone();
    for _ in 0..random.between(1, 4) {
        match random.below(10) {
            0..=2 => add_node(random, &mut files),
            3..=4 => remove_node(random, &mut files),
            5 => overlay(random, &mut files),
            _ => change_node(random, &mut files),
        }
    }
    finished(random, Some(parent.revision.clone()), files)
}

/// Returns a commit that changes nothing of the tree of `parent`, as one that only touches a README; a broken parent is
/// mended.
pub fn quiet(random: &mut Random, parent: &Commit) -> Commit {
    finished(random, Some(parent.revision.clone()), parent.files.clone())
}

/// Returns a commit with the files of `parent` and one more that no parser takes.
pub fn broken(random: &mut Random, parent: &Commit) -> Commit {
    let mut commit = next(random, parent);
    let text = match random.below(6) {
        0 => format!("/zz\n  password = '{CANARY}\n"),
        1 => format!("/zz\n  password = __import__('{CANARY}')\n"),
        2 => "/hosts\n  version = 'forged'\n".to_owned(),
        3 => format!("/zz\n  secret = '{CANARY}'\n  /a\n    /b\n   /c\n"),
        4 => format!("/zz\n  token = '{CANARY}' + 1\n"),
        _ => "/zz\n/zz\n".to_owned(),
    };
    commit.broken = Some(("zz.zk".to_owned(), text));
    commit
}

fn finished(random: &mut Random, parent: Option<String>, files: Vec<FileModel>) -> Commit {
    Commit {
        revision: random.hexadecimal(40),
        parent,
        desired: Desired::of(&files),
        files,
        broken: None,
    }
}

fn count(files: &[FileModel]) -> usize {
    files.iter().map(|file| file.nodes.len()).sum()
}

/// Adds a node below a node that is there, or a top-level one to one of the `.zk` files.
fn add_node(random: &mut Random, files: &mut [FileModel]) {
    if count(files) >= NODES_MAX {
        return change_node(random, files);
    }
    let properties = properties(random);
    let file = random.below(2) as usize;
    let parents: Vec<String> = files[file].nodes.keys().cloned().collect();
    let path = if parents.is_empty() || random.below(4) == 0 {
        format!("/{}", random.pick(&ROOTS))
    } else {
        format!("{}/{}", random.pick(&parents), random.pick(&NAMES))
    };
    let elsewhere = files[1 - file]
        .nodes
        .keys()
        .any(|other| root_of(other) == root_of(&path));
    let deep = path.matches('/').count() > 4;
    if !elsewhere && !deep {
        files[file].nodes.entry(path).or_insert(properties);
    }
}

/// Removes a node and what is below it, and what overlays say of them.
fn remove_node(random: &mut Random, files: &mut [FileModel]) {
    let paths: Vec<String> = files.iter().flat_map(|file| file.nodes.keys().cloned()).collect();
    if paths.len() < 3 {
        return;
    }
    let path = random.pick(&paths).clone();
    let below = format!("{path}/");
    for file in files {
        file.nodes
            .retain(|other, _| *other != path && !other.starts_with(&below));
    }
}

fn change_node(random: &mut Random, files: &mut [FileModel]) {
    let places: Vec<(usize, String)> = files[..2]
        .iter()
        .enumerate()
        .flat_map(|(index, file)| file.nodes.keys().map(move |path| (index, path.clone())))
        .collect();
    if places.is_empty() {
        return;
    }
    let (file, path) = random.pick(&places).clone();
    let properties = properties(random);
    let is_laid_over = files[2].nodes.get(&path).is_some_and(|over| !over.is_empty());
    // What an overlay adds to would no longer be raw data, and what it sets would be set twice: that is not tried.
    if is_laid_over && is_raw(&properties) {
        return;
    }
    files[file].nodes.insert(path, properties);
}

/// Lets the overlay say something of a node of the others, or of one below, or of a root of its own.
fn overlay(random: &mut Random, files: &mut [FileModel]) {
    let paths: Vec<(String, bool)> = files[..2]
        .iter()
        .flat_map(|file| file.nodes.iter().map(|(path, at)| (path.clone(), is_raw(at))))
        .collect();
    let (path, raw) = if paths.is_empty() || random.below(4) == 0 {
        (format!("/{OVERLAY_ROOT}"), false)
    } else {
        random.pick(&paths).clone()
    };
    let over = &mut files[2].nodes;
    let mut ancestors = String::new();
    for name in path[1..].split('/') {
        ancestors.push('/');
        ancestors.push_str(name);
        over.entry(ancestors.clone()).or_default();
    }
    let mut added = Properties::new();
    added.insert("layer".to_owned(), Value::from(random.below(9)));
    let place = if raw || random.below(3) == 0 {
        format!("{path}/over")
    } else {
        path
    };
    over.insert(place, added);
}

/// Tells whether these are the properties of a node with raw data.
pub fn is_raw(properties: &Properties) -> bool {
    properties.len() == 1 && properties.contains_key(STRING_VALUE)
}

fn properties(random: &mut Random) -> Properties {
    let mut properties = Properties::new();
    if random.below(12) == 0 {
        let text = format!("raw {}", random.below(100));
        properties.insert(STRING_VALUE.to_owned(), Value::from(text));
        return properties;
    }
    for _ in 0..random.below(4) {
        let key = *random.pick(&KEYS);
        let value = match key {
            "password" | "api_token" => Value::from(format!("{CANARY}-{}", random.below(1_000))),
            "type" => Value::from(*random.pick(&["service", "queue", "it's"])),
            "replicas" if random.text_bytes() > 0 => {
                Value::from("x".repeat(random.text_bytes() + random.below(100) as usize))
            }
            "replicas" => Value::from(random.below(100)),
            _ => value(random),
        };
        properties.insert(key.to_owned(), value);
    }
    if random.below(10) == 0 {
        properties.insert("pool ->".to_owned(), Value::from("/db/a"));
    }
    properties
}

fn value(random: &mut Random) -> Value {
    match random.below(10) {
        // So long that a few of them are more than a small transaction.
        9 => Value::from("long ".repeat(random.between(20, 100) as usize)),
        0 => Value::Null,
        1 => Value::Bool(random.below(2) == 0),
        2 => Value::from(-(random.below(1 << 40) as i64)),
        3 => Value::from(1.5),
        4 => Value::from(1.0),
        5 => Value::Array(vec![Value::from(1), Value::from("two"), Value::Null]),
        6 => {
            let entries = BTreeMap::from([("x", random.below(5)), ("y", 2)]);
            Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), Value::from(value)))
                    .collect(),
            )
        }
        7 => Value::from("caf\u{e9} \u{1F600}\n\"quoted\" 'so'"),
        _ => Value::from(format!("value {}", random.below(1_000))),
    }
}
