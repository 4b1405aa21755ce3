//! Holds the shape of the code: floors, heads, lengths, purity, and what no file may name.
//!
//! It reads sources as text: it must be simple enough to be trusted, not clever.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of each crate and the floors they are on (DESIGN.md 2). Imports point down only.
///
/// A new top-level module belongs into this table and into ARCHITECTURE.md.
const FLOORS: &[(&str, &[(&str, u8)])] = &[
    (
        "treekeeper-core",
        &[
            ("model", 0),
            ("treefile", 0),
            ("explain", 0),
            ("layer", 1),
            ("plan", 1),
            ("snapshot", 1),
            ("gate", 1),
            ("status", 1),
            ("operation", 2),
            ("lib", 9),
        ],
    ),
    (
        "memkeeper",
        &[("database", 0), ("wire", 1), ("server", 2), ("lib", 9)],
    ),
    (
        "treekeeper",
        &[
            ("git", 3),
            ("zk", 3),
            ("engine", 4),
            ("cli", 6),
            ("main", 9),
            ("lib", 9),
        ],
    ),
];

/// Rooms of one floor where one may import the other; all else on a floor are siblings that never meet.
const SAME_FLOOR: &[(&str, &str)] = &[
    ("treefile", "model"),
    ("gate", "plan"),
    ("status", "plan"),
    ("status", "gate"),
];

const LINES_MAX: usize = 500;
/// Files that may be longer, each with its reason.
const LONGER: &[(&str, &str)] = &[];

/// What the pure crate must not name, and what each would let in.
const IMPURE: &[&str] = &["fs", "env", "net", "thread", "process", "os"];
const IMPURE_NAMES: &[&str] = &["tokio", "SystemTime", "Instant", "zookeeper_client"];

#[test]
fn imports_point_down() {
    let mut faults = Vec::new();
    for (krate, rooms) in FLOORS {
        for source in production_sources(&root().join("crates").join(krate).join("src")) {
            let module = module_of(krate, &source);
            let Some(floor) = floor(rooms, &module[0]) else {
                faults.push(format!(
                    "{}: `{}` is on no floor: add it to FLOORS",
                    show(&source),
                    module[0]
                ));
                continue;
            };
            for room in imported_rooms(&production(&read(&source)), &module) {
                let Some(other) = self::floor(rooms, &room) else {
                    continue;
                };
                let allowed = other < floor
                    || room == module[0]
                    || SAME_FLOOR.contains(&(module[0].as_str(), room.as_str()));
                if !allowed {
                    faults.push(format!(
                        "{}: `{}` must not import `{room}`",
                        show(&source),
                        module[0]
                    ));
                }
            }
        }
    }
    report(&faults);
}

#[test]
fn the_core_is_pure() {
    let mut faults = Vec::new();
    for source in production_sources(&root().join("crates/treekeeper-core/src")) {
        let text = production(&read(&source));
        let modules = paths_after(&text, "std::");
        for module in IMPURE.iter().filter(|module| modules.contains(**module)) {
            faults.push(format!("{}: names std::{module}", show(&source)));
        }
        for name in IMPURE_NAMES.iter().filter(|name| words(&text).contains(**name)) {
            faults.push(format!("{}: names {name}", show(&source)));
        }
    }
    report(&faults);
}

#[test]
fn every_file_opens_with_its_purpose() {
    let files = all_sources()
        .into_iter()
        .filter(|file| !read(file).starts_with("//!"));
    report(
        &files
            .map(|file| format!("{}: doesn't open with `//!`", show(&file)))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn files_are_short() {
    let mut faults = Vec::new();
    for file in all_sources() {
        let lines = read(&file).lines().count();
        let longer = LONGER.iter().any(|(name, _)| *name == show(&file));
        match (lines > LINES_MAX, longer) {
            (true, false) => faults.push(format!("{}: {lines} lines, {LINES_MAX} at most", show(&file))),
            (false, true) => faults.push(format!("{}: is short enough, take it off LONGER", show(&file))),
            _ => {}
        }
    }
    report(&faults);
}

#[test]
fn production_code_never_unwraps() {
    let mut faults = Vec::new();
    let files = production_sources(&root().join("crates"));
    for file in files.into_iter().filter(|file| show(file).contains("/src/")) {
        for (number, line) in production(&read(&file)).lines().enumerate() {
            if line.contains(".unwrap()") {
                faults.push(format!("{}:{}: unwraps", show(&file), number + 1));
            }
        }
    }
    report(&faults);
}

/// A test that no runner reaches passes for ever.
#[test]
fn every_test_file_is_reached() {
    let mut faults = Vec::new();
    for krate in fs::read_dir(root().join("crates")).expect("crates can be listed") {
        let krate = krate.expect("crates can be listed").path();
        let manifest = read(&krate.join("Cargo.toml"));
        if manifest.contains("autotests = false") {
            faults.push(format!("{}: switches the finding of tests off", show(&krate)));
        }
        let tests = krate.join("tests");
        let files = files_below(&tests);
        let texts: Vec<String> = files
            .iter()
            .filter(|file| is_rust(file))
            .map(|file| read(file))
            .collect();
        for file in files.iter().filter(|file| file.parent() != Some(&tests)) {
            // Cargo takes tests/NAME/main.rs for a test binary.
            let is_target = file.ends_with("main.rs") && file.parent().and_then(Path::parent) == Some(&tests);
            if !is_target && !is_reached(file, &texts) {
                faults.push(format!("{}: no test names it", show(file)));
            }
        }
    }
    report(&faults);
}

/// A module is reached by `mod`, data by its own name or by the name of its directory.
fn is_reached(file: &Path, texts: &[String]) -> bool {
    let name = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let directory = file.parent().map(name).unwrap_or_default();
    let any = |needle: String| texts.iter().any(|text| text.contains(&needle));
    if is_rust(file) {
        let stem = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let module = if stem == "mod" { directory } else { stem };
        return any(format!("mod {module};"));
    }
    let by_directory = directory != "data" && any(format!("{directory}/\""));
    any(format!("{}\"", name(file))) || by_directory
}

#[test]
fn no_file_names_a_machine_or_a_registry() {
    // Put together here, so that this file doesn't name them itself.
    let forbidden = [
        ["/wo", "rk/"].concat(),
        ["/ho", "me/"].concat(),
        ["/ro", "ot/"].concat(),
        ["crates", ".io"].concat(),
        ["py", "pi.org"].concat(),
        ["python", "hosted.org"].concat(),
    ];
    let mut faults = Vec::new();
    for file in files_below(&root()) {
        // The lock file names the registry by its nature; bytes that are no text name nothing.
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        if file.ends_with("Cargo.lock") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            for needle in forbidden.iter().filter(|needle| line.contains(needle.as_str())) {
                faults.push(format!("{}:{}: names {needle}", show(&file), number + 1));
            }
        }
    }
    report(&faults);
}

#[test]
fn the_scanner_sees_what_it_must() {
    let module = ["plan".to_owned(), "diff".to_owned()];
    let text = "use crate::{model::{Value, Path}, layer};\nuse super::super::operation::Request;\n\
                let x = crate::treefile::parse();\nuse super::batch;";
    let expected = ["layer", "model", "operation", "treefile"].map(str::to_owned);
    assert_eq!(imported_rooms(text, &module), BTreeSet::from(expected));
    assert_eq!(
        paths_after("use std::{fs::File, io};", "std::"),
        BTreeSet::from(["fs", "io"].map(str::to_owned))
    );
    let text = "a\n// b\n#[cfg(test)]\nmod tests {\n    c;\n}\nd\n#[cfg(test)]\nmod tests;\ne\n";
    assert_eq!(production(text), "a\n\n\n\n\n\nd\n\n\ne\n");
}

fn report(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Returns a file's path below the root, for reading.
fn show(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("can't read {}: {error}", file.display()))
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    files_below(directory)
        .into_iter()
        .filter(|file| is_rust(file))
        .collect()
}

/// Leaves out modules of tests, which have `tests` in their path.
fn production_sources(directory: &Path) -> Vec<PathBuf> {
    let is_test = |file: &PathBuf| file.with_extension("").iter().any(|name| name == "tests");
    sources(directory)
        .into_iter()
        .filter(|file| !is_test(file))
        .collect()
}

fn all_sources() -> Vec<PathBuf> {
    let files = sources(&root().join("crates"));
    assert!(
        files.len() > 10,
        "a scanner that finds no sources finds no faults: {files:?}"
    );
    files
}

/// Returns the files below a directory, sorted, without what git and cargo keep for themselves.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries {
            let entry = entry.expect("a directory can be listed");
            let kind = entry.file_type().expect("an entry has a type");
            let hidden = [".git", "target", "__pycache__"]
                .iter()
                .any(|name| entry.file_name() == *name);
            if kind.is_dir() && !hidden {
                waiting.push(entry.path());
            } else if kind.is_file() && !hidden {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

/// Returns the module path of a source: `src/plan/diff.rs` is `[plan, diff]`.
fn module_of(krate: &str, source: &Path) -> Vec<String> {
    let below = source
        .strip_prefix(root().join("crates").join(krate).join("src"))
        .expect("a source of the crate");
    let mut names: Vec<String> = below
        .with_extension("")
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if names.len() > 1 && names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

fn floor(rooms: &[(&str, u8)], room: &str) -> Option<u8> {
    rooms
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, floor)| *floor)
}

/// Returns the text with empty lines in place of comments and of what is compiled for tests only.
///
/// An item ends where rustfmt puts its last line: at the attribute's own indent.
fn production(text: &str) -> String {
    let mut code = String::new();
    let mut end_of_test: Option<String> = None;
    for line in text.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        if line.trim() == "#[cfg(test)]" {
            end_of_test = Some(indent.to_owned());
        } else if let Some(outer) = &end_of_test {
            let last = line.trim_end().ends_with([';', '}']);
            if indent == outer && last {
                end_of_test = None;
            }
        } else if !line.trim_start().starts_with("//") {
            code.push_str(line);
        }
        code.push('\n');
    }
    code
}

/// Returns the rooms that a module names by `crate::` or by enough `super::` to leave its own room.
fn imported_rooms(text: &str, module: &[String]) -> BTreeSet<String> {
    let mut rooms = paths_after(text, "crate::");
    rooms.extend(paths_after(text, &"super::".repeat(module.len())));
    rooms
}

/// Returns the first names after every `prefix`, also those of a group: `std::{fs::File, io}` gives fs and io.
fn paths_after(text: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in text.match_indices(prefix) {
        let before = text[..at].chars().next_back();
        // `my_crate::` and `super::super::super::` are other paths.
        if before.is_some_and(|character| character.is_alphanumeric() || character == '_' || character == ':')
        {
            continue;
        }
        let rest = &text[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_heads(group)),
            None => names.extend(identifier(rest)),
        }
    }
    names
}

/// Returns the first name of every item of a group, up to its closing brace.
fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let (mut depth, mut begins) = (0, true);
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if character.is_whitespace() => {}
            _ if begins => {
                heads.extend(identifier(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    heads
}

fn identifier(text: &str) -> Option<String> {
    let end = text
        .find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// Returns every identifier of a text.
fn words(text: &str) -> BTreeSet<&str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_')
        .collect()
}
