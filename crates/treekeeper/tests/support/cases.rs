//! Plays conformance cases side by side and tells how many passed.
//!
//! What a case means is the caller's business; here live loading, workers, trees in a case's terms and the count.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value};

use super::foreign::Foreign;

/// How many cases run at a time: most of a case is waiting for a process or the server.
const WORKERS: usize = 4;

/// Nodes that belong to treekeeper's machinery and to no tree.
const MACHINERY: [&str; 3] = ["/ZktoolsLocks", "/hosts-lock", "/treekeeper"];

/// A case that treekeeper answers differently on purpose, and why.
pub type Different = (&'static str, &'static str);

/// Plays all cases of a file and fails with every case that should have passed and didn't.
///
/// A case listed as different must really differ: a list that nobody can shorten grows for ever.
pub fn play_all(
    kind: &str,
    text: &str,
    different: &[Different],
    play: impl Fn(&Value) -> Result<(), String> + Sync,
) {
    let file: Value = serde_json::from_str(text).expect("a file of cases is JSON");
    let cases = file["cases"].as_array().expect("a file of cases has cases");
    let outcomes = outcomes(cases, &play);
    let mut failures = Vec::new();
    for (case, outcome) in cases.iter().zip(&outcomes) {
        match (outcome, different.iter().any(|(name, _)| name == &name_of(case))) {
            (Err(difference), false) => failures.push(format!("{}: {difference}", name_of(case))),
            (Ok(()), true) => failures.push(format!("{}: listed as different, but it passes", name_of(case))),
            _ => {}
        }
    }
    for (name, _) in different {
        if !cases.iter().any(|case| name_of(case) == *name) {
            failures.push(format!("{name}: listed as different, but there is no such case"));
        }
    }
    let passed = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    println!(
        "conformance {kind}: {} cases, {passed} passed, {} listed as different",
        cases.len(),
        different.len()
    );
    assert!(
        failures.is_empty(),
        "{} of {kind} failed:\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

fn outcomes(
    cases: &[Value],
    play: &(impl Fn(&Value) -> Result<(), String> + Sync),
) -> Vec<Result<(), String>> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(vec![Ok(()); cases.len()]);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { return };
                    let outcome = catch_unwind(AssertUnwindSafe(|| play(case)))
                        .unwrap_or_else(|panic| Err(said(&*panic)));
                    outcomes.lock().expect("no worker panics here")[index] = outcome;
                }
            });
        }
    });
    outcomes.into_inner().expect("no worker panics here")
}

/// Returns what a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without words"))
}

/// Returns a case's name.
pub fn name_of(case: &Value) -> &str {
    string(case, "name")
}

/// Returns a text that the case must have.
pub fn string<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key]
        .as_str()
        .unwrap_or_else(|| panic!("`{key}` of {case} is no text"))
}

/// Returns a list that the case must have.
pub fn list<'a>(case: &'a Value, key: &str) -> &'a [Value] {
    case[key]
        .as_array()
        .unwrap_or_else(|| panic!("`{key}` of {case} is no list"))
}

/// Returns Ok if both are the same, else both.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, actual: T, expected: T) -> Result<(), String> {
    if actual == expected {
        return Ok(());
    }
    Err(format!("{what} is\n  {actual:#?}\nnot\n  {expected:#?}"))
}

/// Creates the nodes of a case; ephemeral ones belong to the second session.
pub fn prepare(nodes: &[Value], session: &Foreign, other: &Foreign) {
    for node in nodes {
        let (path, data) = (string(node, "path"), bytes(&node["data"]));
        if node["ephemeral"] == true {
            other.create_ephemeral(path, &data);
        } else {
            session.create(path, &data);
        }
    }
}

/// Returns the bytes that a case's `data` stands for; null data can't be told from empty data here.
pub fn bytes(data: &Value) -> Vec<u8> {
    match data {
        Value::Null => Vec::new(),
        Value::String(text) => text.clone().into_bytes(),
        Value::Object(object) => base64(object["base64"].as_str().expect("base64 is text")),
        other => panic!("{other} is no data"),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for character in text.bytes().filter(|byte| *byte != b'=') {
        let digit = DIGITS
            .iter()
            .position(|digit| *digit == character)
            .expect("a base64 digit");
        bits = (bits << 6 | digit as u32) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// One node as cases compare it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    path: String,
    content: Content,
    ephemeral: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    /// Compared as JSON; empty data means the same as `{}` (DESIGN.md 8).
    Json(Value),
    Raw(String),
}

/// Returns the live tree without the machinery's nodes.
pub fn live_nodes(session: &Foreign) -> Vec<Node> {
    let nodes = session.dump("/").into_iter().filter(|node| node.path != "/");
    let nodes = nodes.map(|node| Node {
        content: content(&node.data),
        ephemeral: node.stat.ephemeral_owner != 0,
        path: node.path,
    });
    sorted(nodes)
}

/// Returns the tree that a case expects, without the machinery's nodes.
pub fn expected_nodes(nodes: &[Value]) -> Vec<Node> {
    sorted(nodes.iter().map(|node| Node {
        path: string(node, "path").to_owned(),
        content: match node.get("json") {
            Some(json) => Content::Json(json.clone()),
            None => content(&bytes(&node["data"])),
        },
        ephemeral: node["ephemeral"] == true,
    }))
}

fn sorted(nodes: impl Iterator<Item = Node>) -> Vec<Node> {
    let is_machinery = |path: &str| {
        MACHINERY.iter().any(|root| {
            path.strip_prefix(root)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    let mut nodes: Vec<Node> = nodes.filter(|node| !is_machinery(&node.path)).collect();
    nodes.sort_by(|one, other| one.path.cmp(&other.path));
    nodes
}

fn content(data: &[u8]) -> Content {
    if data.is_empty() {
        return Content::Json(Value::Object(Map::new()));
    }
    match serde_json::from_slice(data) {
        Ok(json @ Value::Object(_)) => Content::Json(json),
        _ => Content::Raw(data.escape_ascii().to_string()),
    }
}
