//! Holds treekeeper's commands to the original's behaviour, case by case, on a server.
//!
//! The cases were made by running the original (TREE_FORMAT.md 10).
//! Wording that is the original's (`printed`, messages of exceptions) isn't compared.

mod support;

use std::path::PathBuf;

use serde_json::Value;
use support::cases::{Different, expected_nodes, list, live_nodes, play_all, prepare, same, string};
use support::foreign::Foreign;
use support::server::{Kind, Server};
use support::treekeeper::{Output, Treekeeper};

/// Import cases that treekeeper answers differently on purpose.
const DIFFERENT_IMPORTS: &[Different] = &[(
    "import-path2-002",
    "a dry run below a path that does not exist says that the import would fail (plan and apply agree)",
)];

/// Export cases that treekeeper answers differently on purpose.
const DIFFERENT_EXPORTS: &[Different] = &[(
    "export-plink-001",
    "property links export as `p => /b q`, which imports back (TREE_FORMAT.md 9)",
)];

/// Resolve cases that treekeeper answers differently on purpose.
const DIFFERENT_RESOLVES: &[Different] = &[];

/// One case's tree in a chroot of its own; ephemeral nodes live as long as this does.
struct Stage {
    session: Foreign,
    _other: Foreign,
    treekeeper: Treekeeper,
}

impl Stage {
    fn prepare(case: &Value) -> Stage {
        let connect = Server::shared().chroot();
        let (session, other) = (Foreign::connect(&connect), Foreign::connect(&connect));
        prepare(list(case, "before"), &session, &other);
        Stage {
            session,
            _other: other,
            treekeeper: Treekeeper::without_repository(&connect),
        }
    }
}

#[test]
fn imports_leave_the_tree_that_the_original_leaves() {
    play_all(
        &format!("import on {}", Kind::chosen().name()),
        include_str!("data/import.json"),
        DIFFERENT_IMPORTS,
        play_import,
    );
}

fn play_import(case: &Value) -> Result<(), String> {
    let stage = Stage::prepare(case);
    let file: PathBuf = stage.treekeeper.file("case.zk", string(case, "text"));
    let file = file.display().to_string();
    let mut arguments = vec!["import", &file, "--at", string(case, "path")];
    // The original's `trim=False` and `trim=None` differ in what they print, not in what they leave.
    if case["trim"] == true {
        arguments.push("--trim");
    }
    if case["dry_run"] == true {
        arguments.push("--dry-run");
    }
    let output = stage.treekeeper.run(&arguments);
    succeeded_or_failed(case, &output)?;
    same(
        "the tree",
        live_nodes(&stage.session),
        expected_nodes(list(case, "after")),
    )
}

#[test]
fn exports_print_the_text_that_the_original_prints() {
    play_all(
        &format!("export on {}", Kind::chosen().name()),
        include_str!("data/export.json"),
        DIFFERENT_EXPORTS,
        play_export,
    );
}

fn play_export(case: &Value) -> Result<(), String> {
    let stage = Stage::prepare(case);
    let mut arguments = vec!["export", string(case, "path")];
    if case["ephemeral"] == true {
        arguments.push("--ephemeral");
    }
    if let Some(name) = case["name_option"].as_str() {
        arguments.extend(["--name", name]);
    }
    let shows_machinery = string(case, "path") == "/" && case.to_string().contains("/ZktoolsLocks");
    if shows_machinery {
        arguments.push("--all");
    }
    let output = stage.treekeeper.run(&arguments);
    succeeded_or_failed(case, &output)?;
    match case["text"].as_str() {
        Some(text) => same("the text", output.stdout.as_str(), text),
        None => Ok(()),
    }
}

#[test]
fn links_resolve_as_the_original_resolves_them() {
    play_all(
        &format!("resolve on {}", Kind::chosen().name()),
        include_str!("data/resolve.json"),
        DIFFERENT_RESOLVES,
        play_resolve,
    );
}

fn play_resolve(case: &Value) -> Result<(), String> {
    let stage = Stage::prepare(case);
    let path = string(case, "path");
    if case["kind"] == "property" {
        let output = stage.treekeeper.run(&["get", path, string(case, "key")]);
        succeeded_or_failed(case, &output)?;
        let Some(value) = case.get("value") else {
            return Ok(());
        };
        let found: Value =
            serde_json::from_str(&output.stdout).map_err(|error| format!("{error}: {output:?}"))?;
        return same("the value", &found, &value["json"]);
    }
    let output = stage.treekeeper.run(&["resolve", path]);
    succeeded_or_failed(case, &output)?;
    let found = output.stdout.trim_end_matches('\n');
    match case["resolved_node"].as_str() {
        Some(node) if found == node || Some(found) == case["resolved"].as_str() => Ok(()),
        Some(node) => same("the path", found, node),
        None => Ok(()),
    }
}

/// Compares only whether it failed: which exception the original raised is its own affair.
fn succeeded_or_failed(case: &Value, output: &Output) -> Result<(), String> {
    let must_fail = case.get("error").is_some();
    match (must_fail, output.status) {
        (false, 0) => Ok(()),
        (true, status) if status > 0 => Ok(()),
        (true, status) => Err(format!("it must fail, and ended with {status}: {output:?}")),
        (false, status) => Err(format!("it ended with {status}: {}", output.stderr)),
    }
}
