//! Holds the catalogue to the code: every code is explained, every explained code is given, and every example does what
//! it says.

// A broken case must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]
// The sources are read to find the codes that they name; the core itself reads nothing.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use treekeeper_core::explain::{EXITS, Entry, SampleKind, entries, exit, find, similar_to};
use treekeeper_core::gate::{Blocker, Relation};
use treekeeper_core::layer::{LayerLimits, joined_diagnostics, merge};
use treekeeper_core::model::cluster::{LockStyle, Pin};
use treekeeper_core::model::protect::{Glob, Guardian, Protection};
use treekeeper_core::model::{ClusterVersion, Overlay, Revision, Text, Value, ZnodePath};
use treekeeper_core::operation::{OpFault, Refusal, Stale};
use treekeeper_core::plan::saved::{Moved, SavedFault};
use treekeeper_core::plan::{Obstacle, TooLarge};
use treekeeper_core::treefile::{ParseLimits, SourceFile, parse};

#[test]
fn every_entry_is_whole_and_named_once() {
    let all = entries();
    let mut words = BTreeSet::new();
    for entry in &all {
        let place = entry.code;
        assert!(words.insert(entry.code) && words.insert(entry.name), "{place}");
        assert!(place.len() == 6 && place.starts_with("TK"), "{place}");
        assert!(entry.text.ends_with('.') && entry.fix.ends_with('.'), "{place}");
        assert!(!entry.title.ends_with('.') && entry.title.len() < 100, "{place}");
        let count = |kind| entry.samples.iter().filter(|sample| sample.kind == kind).count();
        let (wrong, right) = (count(SampleKind::Wrong), count(SampleKind::Right));
        assert_eq!(entry.is_diagnostic(), wrong > 0, "{place}");
        assert_eq!(wrong > 0, right > 0, "{place}");
        assert_eq!(count(SampleKind::Example), usize::from(wrong == 0), "{place}");
        assert!(
            entry.samples.iter().all(|sample| !sample.text.is_empty()),
            "{place}"
        );
    }
    let codes: Vec<_> = all.iter().map(|entry| entry.code).collect();
    assert!(codes.is_sorted(), "{codes:?}");
}

#[test]
fn the_codes_of_the_sources_are_those_of_the_catalogue() {
    let mut named = BTreeSet::new();
    for sources in ["/src", "/../treekeeper/src"] {
        collect(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(&sources[1..]),
            &mut named,
        );
    }
    let explained: BTreeSet<String> = entries().iter().map(|entry| entry.code.to_owned()).collect();
    assert_eq!(named, explained);
    assert!(
        explained.len() > 70,
        "a scanner that finds nothing finds no fault"
    );
}

/// Collects the codes that stand in quotes in sources that are no tests.
fn collect(directory: &Path, named: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" && name != "explain" {
            collect(&path, named);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests" {
            let text = fs::read_to_string(&path).unwrap();
            let quoted = text.split('"');
            named.extend(
                quoted
                    .filter(|text| text.len() == 6 && text.starts_with("TK") && !text.ends_with("000"))
                    .map(str::to_owned),
            );
        }
    }
}

/// Returns the codes that tree files of an entry give, each once.
fn given(entry: &Entry, kind: SampleKind) -> BTreeSet<&'static str> {
    let (mut parsed, mut limits) = (ParseLimits::default(), LayerLimits::default());
    let mut trees = Vec::new();
    let mut found = Vec::new();
    for sample in entry.samples.iter().filter(|sample| sample.kind == kind) {
        let (mut name, mut bytes) = ("example.zk", sample.text.clone().into_bytes());
        match sample.label {
            "" => {}
            r"where \xNN is a byte" => bytes = unescaped(&bytes),
            label if label.starts_with("with limits.") => limit(label, &mut parsed, &mut limits),
            label => name = label,
        }
        let source = SourceFile {
            name: name.to_owned(),
            bytes,
        };
        let (tree, told) = parse(Arc::new(source), &parsed);
        trees.push(tree);
        found.extend(told);
    }
    if let Err(more) = merge(trees, Overlay::Merge, &limits) {
        found = joined_diagnostics(found, more);
    }
    found.iter().map(|diagnostic| diagnostic.code.0).collect()
}

fn limit(label: &str, parsed: &mut ParseLimits, limits: &mut LayerLimits) {
    let (key, value) = label
        .strip_prefix("with limits.")
        .unwrap()
        .split_once(" = ")
        .unwrap();
    let value = value.parse().unwrap();
    match key {
        "file_bytes" => parsed.file_bytes = value,
        "line_bytes" => parsed.line_bytes = value,
        "depth" => (parsed.depth, limits.depth) = (value, value),
        "path_bytes" => (parsed.path_bytes, limits.path_bytes) = (value, value),
        "znodes" => (parsed.znodes, limits.znodes) = (value, value),
        "node_data_bytes" => (parsed.node_data_bytes, limits.node_data_bytes) = (value, value),
        "child_names_bytes" => (parsed.child_names_bytes, limits.child_names_bytes) = (value, value),
        "diagnostics" => parsed.diagnostics = value,
        other => panic!("no limit {other}"),
    }
}

/// Returns the bytes that `\xNN` stand for.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).unwrap();
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

#[test]
fn wrong_examples_give_their_code_and_right_ones_nothing() {
    let mut faults = Vec::new();
    for entry in entries().iter().filter(|entry| entry.is_diagnostic()) {
        let (wrong, right) = (given(entry, SampleKind::Wrong), given(entry, SampleKind::Right));
        // That errors were left out is told beside the errors that were not.
        let alone = wrong.len() == 1 || entry.code == "TK0408";
        if !wrong.contains(entry.code) || !alone || !right.is_empty() {
            faults.push(format!(
                "{}: wrong gives {wrong:?}, right gives {right:?}",
                entry.code
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn revision(text: &str) -> Revision {
    Revision::parse(&format!("{text:0<40}")).unwrap()
}

fn version(text: &str) -> ClusterVersion {
    ClusterVersion::from_value(&Value::String(Text::from(text)))
}

/// Returns the name that explains a blocker: a new kind does not compile before it has one.
fn name_of(blocker: &Blocker) -> &'static str {
    match blocker {
        Blocker::Stopped { .. } => "stopped",
        Blocker::NotConverged { .. } => "not-converged",
        Blocker::History { .. } => "history",
        Blocker::OtherRepository { .. } => "other-repository",
        Blocker::Pinned { .. } => "pinned",
        Blocker::OtherLock { .. } => "other-lock",
        Blocker::TooManyDeletes { .. } => "delete-budget",
        Blocker::Protected { .. } => "protected",
        Blocker::NoFiles { .. } => "no-files",
    }
}

fn example(name: &str) -> String {
    let entry = find(name).unwrap_or_else(|| panic!("nothing explains {name}"));
    entry.samples[0].text.clone()
}

#[test]
fn every_refusal_is_explained_in_its_own_words() {
    let blockers = [
        Blocker::Stopped {
            note: Some("by ops@bastion since 2026-01-02T03:04:05Z: the database is being moved".to_owned()),
            since: None,
            hosts: Vec::new(),
        },
        Blocker::NotConverged {
            host: "web-1".to_owned(),
            actual: Some(version("an-older-one")),
            expected: version("0ddba11c0ffe"),
        },
        Blocker::History {
            relation: Relation::Backward,
            deployed: revision("c0ffee1decaf"),
            target: revision("0ddba11c0ffe"),
        },
        Blocker::OtherRepository {
            recorded: "c0ffee1decaf".to_owned(),
            ours: "0ddba11c0ffe".to_owned(),
        },
        Blocker::Pinned {
            pin: Pin {
                commit: "c0ffee1decaf".to_owned(),
                by: "ops@bastion".to_owned(),
                at: "2026-01-02T03:04:05Z".to_owned(),
            },
        },
        Blocker::OtherLock {
            recorded: LockStyle::Zktools,
            ours: LockStyle::Kazoo,
        },
        Blocker::NoFiles { roots: 2 },
        Blocker::Protected {
            path: "/roles/web".to_owned(),
            more: 3,
            protection: Protection {
                glob: Glob::parse("/roles/**").unwrap(),
                guardian: Guardian::Repository,
            },
        },
        Blocker::TooManyDeletes {
            planned: 40,
            allowed: 30,
            managed: 100,
        },
    ];
    for blocker in blockers {
        let (name, said) = (name_of(&blocker), blocker.to_string());
        let example = example(name);
        assert!(
            example.contains(&said) || name == "not-converged",
            "{name}: {said}\n{example}"
        );
        let code = blocker.code().0;
        assert!(example.contains(&format!("refused[{code}]: ")), "{example}");
        assert_eq!(find(name).unwrap().code, code);
        let exit = ["stopped", "not-converged"]
            .iter()
            .position(|known| *known == name);
        let exit = exit.map_or(3, |place| 5 - place as u8);
        assert!(
            treekeeper_core::explain::exit(&exit.to_string())
                .unwrap()
                .entries()
                .iter()
                .any(|entry| entry.code == code),
            "{code}"
        );
    }
}

#[test]
fn exit_codes_are_found_as_people_type_them() {
    let number = |wanted: &str| exit(wanted).map(|exit| exit.number);
    for wanted in ["6", "exit 6", "exit code 6"] {
        assert_eq!(number(wanted), Some(6), "{wanted}");
    }
    for wanted in ["9", "code 6", "", "exit", "TK1006", "6 exit"] {
        assert_eq!(number(wanted), None, "{wanted}");
    }
}

#[test]
fn every_exit_code_of_a_title_is_one_of_the_table() {
    let titles = entries();
    let claimed = titles
        .iter()
        .filter_map(|entry| entry.title.split_once("(exit code "));
    let listed: usize = EXITS.iter().map(|exit| exit.entries().len()).sum();
    assert_eq!(claimed.count(), listed);
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let (_, table) = readme.split_once("## Exit codes").unwrap();
    for exit in EXITS {
        let words = exit.meaning.split(", where").next().unwrap();
        let row = format!("| {} | {words}", exit.number);
        assert!(table.contains(&row), "{row}");
    }
}

#[test]
fn obstacles_and_changes_that_are_too_large_are_explained_in_their_own_words() {
    let path = |path: &str| ZnodePath::parse(path).unwrap();
    let obstacle = Obstacle::BelowEphemeral {
        path: path("/cms/web-1/data"),
        ephemeral: path("/cms/web-1"),
    };
    assert!(example("obstacle").contains(&obstacle.to_string()));
    let too_large = TooLarge {
        path: path("/cms"),
        bytes: 2_000_000,
        bytes_max: 1_048_576,
    };
    assert!(example("too-large").contains(&too_large.to_string()));
}

#[test]
fn stale_plans_plan_files_and_checks_are_explained_in_their_own_words() {
    let stale = Stale {
        moved: vec![Moved::new("/cms", "data version 3", "data version 4")],
        is_done: false,
        is_begun: false,
    };
    let said = format!(
        "{}\n  - {}\nhint: {}\n",
        stale.message(),
        stale.moved[0],
        stale.hint()
    );
    assert!(example("plan-stale").contains(&said), "{said}");
    let fault = SavedFault::Digest;
    let said = format!("plan.json: {fault}\nhint: {}\n", fault.hint());
    assert!(example("plan-file").contains(&said), "{said}");
    let refusal = Refusal {
        action: "deleting",
        path: ZnodePath::parse("/cms/providers").unwrap(),
        cause: OpFault::NotEmpty,
        denied: Vec::new(),
    };
    assert!(example("not-accepted").contains(&refusal.message()));
}

#[test]
fn codes_and_names_are_found_as_people_type_them() {
    let code = |wanted: &str| find(wanted).map(|entry| entry.code);
    for wanted in [
        "TK1007",
        "tk1007",
        "delete-budget",
        "Delete Budget",
        "delete_budget",
    ] {
        assert_eq!(code(wanted), Some("TK1007"), "{wanted}");
    }
    assert_eq!(code("TK9999"), None);
    assert_eq!(code(""), None);
    let names = |wanted: &str| -> Vec<&str> { similar_to(wanted).iter().map(|entry| entry.name).collect() };
    assert_eq!(names("delete-bugdet"), ["delete-budget"]);
    assert_eq!(names("stoped"), ["stopped"]);
    assert_eq!(names("repository"), ["other-repository"]);
    assert_eq!(names("converged"), ["not-converged"]);
    assert_eq!(names("xyz"), Vec::<&str>::new());
    assert!(similar_to("TK0199").len() == 3);
}
