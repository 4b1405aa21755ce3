//! Repositories that a sync must refuse: made by recipes of `data/bad/repositories.json`, each with its exit code and
//! how the first line begins that is said (what git adds differs between its versions). Nothing may be written.

use std::fs;
use std::path::Path;

use memkeeper::{Server, ServerOptions};
use serde::Deserialize;

use crate::support::repository::Repository;
use crate::support::treekeeper::Treekeeper;

/// How a repository is made, and how what a sync of it says begins.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    name: String,
    /// Steps: `commit`, `entries`, `git`, `write`, `truncate`, `remove`, `sync`.
    make: Vec<Vec<String>>,
    /// Arguments of the sync.
    #[serde(default)]
    arguments: Vec<String>,
    /// In place of the repository's path.
    url: Option<String>,
    exit: i32,
    says: String,
}

#[test]
fn bad_repositories_are_refused_and_nothing_is_written() {
    let recipes: Vec<Recipe> =
        serde_json::from_str(include_str!("../data/bad/repositories.json")).expect("a table of recipes");
    let wrong: Vec<String> = recipes.iter().filter_map(wrong).collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        recipes.len(),
        wrong.join("\n")
    );
    println!("bad repositories: {}", recipes.len());
}

/// Returns what came of a recipe, if that isn't what it says.
fn wrong(recipe: &Recipe) -> Option<String> {
    let server = Server::start(ServerOptions::default()).expect("a free loopback port");
    let repository = Repository::new();
    let place = repository.place("");
    let place = place.to_str().expect("a path of text");
    let url = recipe
        .url
        .as_ref()
        .map_or(repository.url(), |url| url.replace("PLACE/", place));
    let treekeeper = Treekeeper::new(&server.connect_string(), url);
    let directory = treekeeper.home().join(".config/treekeeper");
    fs::create_dir_all(&directory).expect("the home directory can be written to");
    fs::write(directory.join("treekeeper.toml"), "[git]\nretries = 0\n")
        .expect("the home directory can be written to");
    for step in &recipe.make {
        perform(step, &repository, &treekeeper);
    }
    let before = nodes(&server);
    let mut arguments = vec!["sync"];
    arguments.extend(recipe.arguments.iter().map(String::as_str));
    let output = treekeeper.run(&arguments);
    let first = output
        .stderr
        .lines()
        .find(|line| line.starts_with("error") || line.starts_with("refused"));
    let says = without_ids(&first.unwrap_or_default().replace(place, "PLACE/"));
    let is_right = output.status == recipe.exit
        && !recipe.says.is_empty()
        && says.starts_with(&recipe.says)
        && nodes(&server) == before;
    let (exit, name) = (output.status, &recipe.name);
    let is_written = nodes(&server) != before;
    (!is_right).then(|| {
        format!(
            "{name}\t{exit}\t{says}\t{}",
            if is_written { "it wrote" } else { "" }
        )
    })
}

fn perform(step: &[String], repository: &Repository, treekeeper: &Treekeeper) {
    let (verb, rest) = step.split_first().expect("a verb");
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    match (verb.as_str(), rest.as_slice()) {
        ("commit", files) => {
            let files: Vec<(&str, &str)> = files.chunks(2).map(|file| (file[0], file[1])).collect();
            repository.commit(&files);
        }
        // Lines of `git ls-tree`, with BLOB, TREE and COMMIT for ids of what is there, and \u{1} for the byte FF.
        ("entries", lines) => {
            let name = |what: &str| repository.git(&["rev-parse", what]);
            let (blob, tree, commit) = (name("HEAD:a.zk"), name("HEAD^{tree}"), name("HEAD"));
            let of = |line: &&str| {
                let line = line
                    .replace("BLOB", &blob)
                    .replace("TREE", &tree)
                    .replace("COMMIT", &commit);
                format!("{line}\0")
            };
            let mut entries = lines.iter().map(of).collect::<String>().into_bytes();
            entries
                .iter_mut()
                .filter(|byte| **byte == 1)
                .for_each(|byte| *byte = 0xff);
            repository.commit_entries(&entries);
        }
        ("git", arguments) => {
            repository.git(arguments);
        }
        ("write", [path, text]) => {
            let path = repository.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory can be made");
            fs::write(path, text).expect("a file can be written");
        }
        ("damage", [object, how]) => damage(repository, object, how),
        ("remove", [path]) => fs::remove_dir_all(repository.path().join(path)).expect("a directory goes"),
        ("sync", arguments) => {
            treekeeper.run(&[&["sync"], arguments].concat()).expect(0);
        }
        _ => panic!("no such step: {step:?}"),
    }
}

/// Does something to the file of a loose object.
fn damage(repository: &Repository, object: &str, how: &str) {
    let id = repository.git(&["rev-parse", object]);
    let path = repository
        .path()
        .join(".git/objects")
        .join(&id[..2])
        .join(&id[2..]);
    let bytes = fs::read(&path).expect("a loose object");
    fs::remove_file(&path).expect("a loose object");
    let write = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("a file can be written");
    match how {
        "missing" => {}
        "empty" => write(&path, b""),
        "cut" => write(&path, &bytes[..bytes.len() / 2]),
        "garbage" => write(&path, b"this is no object"),
        "flipped" => {
            let mut bytes = bytes;
            let last = bytes.len() - 5;
            bytes[last] ^= 0x55;
            write(&path, &bytes);
        }
        "another" => {
            let other = repository.git_with(&["hash-object", "-w", "--stdin"], b"another\n");
            let from = repository
                .path()
                .join(".git/objects")
                .join(&other[..2])
                .join(&other[2..]);
            fs::copy(from, &path).expect("a loose object");
        }
        _ => panic!("no such damage: {how}"),
    }
}

/// Returns every path of a server with the transaction that wrote it last.
fn nodes(server: &Server) -> Vec<(String, i64)> {
    server.with_database(|database| {
        let mut found = Vec::new();
        let mut waiting = vec!["/".to_owned()];
        while let Some(path) = waiting.pop() {
            found.extend(database.node(&path).map(|node| (path.clone(), node.stat.mzxid)));
            let below = |name: String| format!("{}/{name}", path.trim_end_matches('/'));
            waiting.extend(database.children(&path).into_iter().map(below));
        }
        found
    })
}

/// Puts `ID` in place of commit ids, whole or in short.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split_inclusive(|character: char| !character.is_ascii_alphanumeric());
    words
        .map(|word| {
            let bare = word.trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
            if is_id(bare) {
                word.replace(bare, "ID")
            } else {
                word.to_owned()
            }
        })
        .collect()
}
