//! Bad input, as tables: literals, tree files, names, repositories and servers, each with what must come of it.
//!
//! Every case goes through the program, so that its exit code is looked at too, and no case may hang.
//! The tables of texts are in `data/bad`; that of servers is in `servers`. No server but memkeeper is needed: what is
//! refused here is refused before, or whatever, a server says.

#[path = "../support/mod.rs"]
mod support;

mod liar;
mod repositories;
mod servers;

use serde_json::Value;
use support::treekeeper::Treekeeper;

/// One text and every diagnostic that it must bring, as `CODE LINE:COLUMN`.
struct Case {
    text: Vec<u8>,
    diagnostics: Vec<String>,
}

#[test]
fn bad_literals_are_refused_with_code_and_place() {
    let cases = cases(include_str!("../data/bad/literals.json"));
    assert_refused(&cases, |literal| [b"/a\n  x = ", literal, b"\n"].concat());
    println!("bad literals: {}", cases.len());
}

#[test]
fn bad_tree_files_are_refused_with_codes_and_places() {
    let cases = cases(include_str!("../data/bad/files.json"));
    assert_refused(&cases, <[u8]>::to_vec);
    println!("bad tree files: {}", cases.len());
}

#[test]
fn bad_names_are_refused_with_code_and_place() {
    let cases = cases(include_str!("../data/bad/names.json"));
    assert_refused(&cases, |name| [b"/a\n  /", name, b"\n"].concat());
    println!("bad names: {}", cases.len());
}

fn cases(json: &str) -> Vec<Case> {
    let rows: Vec<Vec<Value>> = serde_json::from_str(json).expect("a table of cases");
    rows.iter()
        .map(|row| {
            let (text, diagnostics) = row.split_first().expect("a text, and diagnostics");
            let diagnostics: Vec<String> = diagnostics.iter().map(string).collect();
            assert!(!diagnostics.is_empty(), "{text}: nothing is expected of it");
            Case {
                text: bytes(text),
                diagnostics,
            }
        })
        .collect()
}

/// Reads a text: a string, or parts in a list, of which `["x", 3]` is `xxx` and `{"hex": "ff"}` is a byte.
fn bytes(text: &Value) -> Vec<u8> {
    let part = |part: &Value| match part {
        Value::Object(object) => unhex(object["hex"].as_str().expect("digits")),
        Value::Array(repeated) => {
            let times = repeated[1].as_u64().expect("a number of times");
            string(&repeated[0])
                .repeat(usize::try_from(times).expect("not too many"))
                .into_bytes()
        }
        text => string(text).into_bytes(),
    };
    match text {
        Value::Array(parts) => parts.iter().flat_map(part).collect(),
        whole => string(whole).into_bytes(),
    }
}

fn string(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).expect("digits"))
        .collect()
}

/// Validates every text in a directory of its own, and fails with all that are not refused as they should be.
fn assert_refused(cases: &[Case], file: impl Fn(&[u8]) -> Vec<u8>) {
    let treekeeper = Treekeeper::offline();
    let mut wrong = Vec::new();
    for case in cases {
        treekeeper.file("t.zk", file(&case.text));
        let output = treekeeper.run(&["validate", ".", "--format", "json"]);
        let report: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
        let told: Vec<String> = report["diagnostics"]
            .as_array()
            .into_iter()
            .flatten()
            .map(told)
            .collect();
        if output.status != 1 || told != case.diagnostics {
            let shown: String = String::from_utf8_lossy(&case.text).chars().take(80).collect();
            let expected = &case.diagnostics;
            wrong.push(format!(
                "{shown:?}: exit code {}, {told:?}, expected 1, {expected:?}",
                output.status
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

fn told(diagnostic: &Value) -> String {
    let code = diagnostic["code"].as_str().unwrap_or("?");
    format!("{code} {}:{}", diagnostic["line"], diagnostic["column"])
}
