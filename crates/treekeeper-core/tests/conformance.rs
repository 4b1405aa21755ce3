//! Holds treekeeper to what the original does (TREE_FORMAT.md 10): parsing, node data, exports and links.
//!
//! Cases that treekeeper answers differently on purpose are named in `different`, and must really differ.
//! Import and sync cases need a server and are not here.

// The core itself prints nothing; its tests tell their counts.
#![allow(clippy::disallowed_methods)]
// A broken case or strategy must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]

mod different;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use different::DIFFERENT;
use treekeeper_core::model::links::{Known, LinkError, property, resolve};
use treekeeper_core::model::python::{Prefix, write_repr};
use treekeeper_core::model::{
    DataVersion, LiveNode, LiveTree, NodeData, NodeId, Properties, Text, Value, ZnodePath, Zxid, decode,
    encode, json_value,
};
use treekeeper_core::treefile::{
    Diagnostic, FileTree, ParseLimits, PrintOptions, SourceFile, parse, print, to_json,
};

/// Whether a case is answered as the original answers it, else what was answered.
type Verdict = Result<(), String>;

#[test]
fn parse_cases() {
    run("parse", include_str!("data/parse.json"), parse_case);
}

#[test]
fn codec_cases() {
    run("codec", include_str!("data/codec.json"), |case| {
        if case.text("kind") == "encode" {
            encode_case(case)
        } else {
            decode_case(case)
        }
    });
}

#[test]
fn export_cases() {
    run("export", include_str!("data/export.json"), |case| {
        export_case(case)
    });
}

#[test]
fn resolve_cases() {
    run("resolve", include_str!("data/resolve.json"), |case| {
        if case.text("kind") == "resolve" {
            resolve_case(case)
        } else {
            property_case(case)
        }
    });
}

#[test]
fn the_differences_are_few_and_named_once() {
    let names: BTreeMap<&str, &str> = DIFFERENT.iter().copied().collect();
    assert_eq!(names.len(), DIFFERENT.len());
    assert!(names.len() <= 60);
    assert!(names.values().all(|reason| !reason.is_empty()));
}

fn run(file: &str, json: &str, answer: impl Fn(&Case) -> Verdict) {
    let file_value = Case(json_value(json.as_bytes()).unwrap());
    let cases = file_value.list("cases");
    let (mut passed, mut different, mut wrong) = (0, 0, Vec::new());
    for case in &cases {
        let name = case.text("name");
        let listed = DIFFERENT.iter().any(|(listed, _)| *listed == name);
        match (answer(case), listed) {
            (Ok(()), false) => passed += 1,
            (Err(_), true) => different += 1,
            (Ok(()), true) => wrong.push(format!("{name} is listed as different and agrees")),
            (Err(answer), false) => wrong.push(format!("{name}: {answer}")),
        }
    }
    // Straight to standard error, which the test runner does not capture.
    let count = cases.len();
    let line =
        format!("conformance {file}: {count} cases, {passed} passed, {different} listed as different\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A JSON object of the cases' files.
struct Case(Value);

impl Case {
    fn get(&self, key: &str) -> Option<&Value> {
        let Value::Object(entries) = &self.0 else {
            return None;
        };
        entries
            .iter()
            .find(|entry| entry.0 == *key)
            .map(|entry| &entry.1)
            .filter(|value| **value != Value::Null)
    }

    /// Tells whether the key is there, with null, too.
    fn has(&self, key: &str) -> bool {
        matches!(&self.0, Value::Object(entries) if entries.iter().any(|entry| entry.0 == *key))
    }

    fn text(&self, key: &str) -> String {
        let Some(Value::String(text)) = self.get(key) else {
            panic!("no text {key} in {:?}", self.0)
        };
        text.as_str().unwrap().to_owned()
    }

    fn object(&self, key: &str) -> Option<Case> {
        self.get(key).cloned().map(Case)
    }

    fn list(&self, key: &str) -> Vec<Case> {
        let Some(Value::Array(items)) = self.get(key) else {
            panic!("no list {key}")
        };
        items.iter().cloned().map(Case).collect()
    }

    fn is_true(&self, key: &str) -> bool {
        self.get(key) == Some(&Value::Bool(true))
    }

    /// Returns the bytes of a string, an object with base64, or null.
    fn bytes(&self, key: &str) -> Vec<u8> {
        match self.get(key) {
            None => Vec::new(),
            Some(Value::String(text)) => text.as_bytes().to_vec(),
            Some(value) => base64(&Case(value.clone()).text("base64")),
        }
    }
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<usize> = text.chars().filter_map(|digit| DIGITS.find(digit)).collect();
    let bits = digits
        .iter()
        .flat_map(|digit| (0..6).rev().map(move |bit| digit >> bit & 1));
    let bits: Vec<usize> = bits.collect();
    bits.chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |value, bit| value << 1 | *bit) as u8)
        .collect()
}

fn parsed(bytes: Vec<u8>) -> (FileTree, Vec<Diagnostic>) {
    parse(
        Arc::new(SourceFile {
            name: "case.zk".to_owned(),
            bytes,
        }),
        &ParseLimits::default(),
    )
}

fn told(diagnostics: &[Diagnostic]) -> String {
    diagnostics
        .iter()
        .map(Diagnostic::render)
        .collect::<Vec<_>>()
        .join("\n")
}

fn equal<T: PartialEq + std::fmt::Debug>(actual: T, expected: T) -> Verdict {
    if actual == expected {
        Ok(())
    } else {
        Err(format!("{actual:?} instead of {expected:?}"))
    }
}

fn parse_case(case: &Case) -> Verdict {
    let (tree, diagnostics) = parsed(case.bytes("input"));
    if let Some(expected) = case.object("expect") {
        if !diagnostics.is_empty() {
            return Err(told(&diagnostics));
        }
        return equal(json_value(to_json(&tree).as_bytes()).unwrap(), plain(&expected));
    }
    let error = case.object("error").unwrap();
    let first = diagnostics.first().ok_or("no error")?;
    if error.text("kind") == "root_property" {
        return equal(first.code.0, "TK0107");
    }
    equal(Some(&Value::Int(first.place().0 as i64)), error.get("line"))?;
    let input = String::from_utf8(case.bytes("input")).unwrap();
    let line = input.split('\n').nth(first.place().0 - 1).unwrap();
    if error.text("kind") == "expression" {
        assert!(line.trim_end().ends_with(&error.text("expr")));
        return if first.code.0.starts_with("TK02") {
            Ok(())
        } else {
            Err(told(&diagnostics))
        };
    }
    let message = match first.code.0 {
        "TK0101" => "Unrecognized data",
        "TK0102" => "Bad link format",
        "TK0103" => "Invalid indentation",
        "TK0104" => "Can't indent under properties",
        "TK0105" => "duplicate node",
        "TK0106" => "duplicate property",
        other => other,
    };
    equal(message, &error.text("message"))
}

/// Returns a case's node with the bare values, as `to_json` writes it.
fn plain(node: &Case) -> Value {
    let Some(Value::Object(properties)) = node.get("properties") else {
        panic!("no properties")
    };
    let properties = properties
        .iter()
        .map(|(key, value)| (key.clone(), bare(&Case(value.clone()))))
        .collect();
    let children = node.list("children").iter().map(plain).collect();
    Value::Object(vec![
        (Text::from("children"), Value::Array(children)),
        (Text::from("name"), node.get("name").unwrap().clone()),
        (Text::from("properties"), Value::Object(properties)),
    ])
}

/// Returns the value of a value object of the cases.
fn bare(value: &Case) -> Value {
    match value.get("json_text") {
        Some(_) => json_value(value.text("json_text").as_bytes()).unwrap(),
        None => value.get("json").cloned().unwrap_or(Value::Null),
    }
}

fn encode_case(case: &Case) -> Verdict {
    let (tree, diagnostics) = parsed(case.bytes("text"));
    let entries = tree.nodes[1]
        .properties
        .iter()
        .map(|property| (property.key.clone(), property.value.clone()));
    let data = encode(&Properties::from_entries(entries.collect()));
    let data = match data {
        Ok(data) if diagnostics.is_empty() => data,
        _ if case.has("error") => return Ok(()),
        other => return Err(format!("{other:?} {}", told(&diagnostics))),
    };
    if let Some(json) = case.get("json") {
        equal(json_value(&data).as_ref(), Some(json))
    } else if case.has("json_text") {
        equal(data, case.bytes("json_text"))
    } else if case.has("data") {
        equal(data, case.bytes("data"))
    } else {
        Err("stored".to_owned())
    }
}

fn decode_case(case: &Case) -> Verdict {
    let data = case.bytes("data");
    let meaning = decode(&data);
    equal(matches!(meaning, NodeData::Raw(_)), case.is_true("raw"))?;
    let Some(Value::Object(expected)) = case.get("properties") else {
        panic!("no properties")
    };
    let properties = meaning.into_properties();
    equal(properties.len(), expected.len())?;
    for ((key, value), (expected_key, expected)) in properties.iter().zip(expected) {
        equal(key, expected_key)?;
        let expected = Case(expected.clone());
        if expected.has("py") {
            let mut repr = String::new();
            write_repr(value, Prefix::Unicode, &mut repr);
            equal(repr, expected.text("py"))?;
        }
        match value {
            Value::Bytes(bytes) if expected.has("json") => equal(&bytes[..], &expected.bytes("json")[..])?,
            Value::Bytes(_) => {}
            _ => equal(value, &bare(&expected))?,
        }
    }
    let mut tree = LiveTree::new(live(Vec::new(), false));
    let node = tree.add(tree.root(), "n", live(data, false));
    let exported = export(&tree, node, None, false);
    if case.has("export") {
        equal(exported, Ok(case.text("export")))
    } else {
        Ok(())
    }
}

fn live(data: Vec<u8>, ephemeral: bool) -> LiveNode {
    LiveNode {
        data: data.into(),
        version: DataVersion(0),
        czxid: Zxid(1),
        mzxid: Zxid(1),
        mtime_ms: 0,
        ephemeral_owner: ephemeral.then_some(7),
    }
}

fn export(tree: &LiveTree, start: NodeId, name: Option<String>, ephemeral: bool) -> Result<String, String> {
    let options = PrintOptions {
        ephemeral,
        name,
        strict: true,
        ..PrintOptions::default()
    };
    print(tree, start, &options).map_err(|error| error.to_string())
}

/// Returns the tree that a case begins with.
fn before(case: &Case) -> LiveTree {
    let mut tree = LiveTree::new(live(Vec::new(), false));
    for node in case.list("before") {
        let path = ZnodePath::parse(&node.text("path")).unwrap();
        let parent = tree.find(&path.parent().unwrap()).unwrap();
        tree.add(
            parent,
            path.name(),
            live(node.bytes("data"), node.is_true("ephemeral")),
        );
    }
    tree
}

/// Returns the node that a path names, empty names ignored.
fn node_at(path: &str) -> ZnodePath {
    let names = path.split('/').filter(|name| !name.is_empty());
    names.fold(ZnodePath::root(), |parent, name| parent.join(name))
}

fn export_case(case: &Case) -> Verdict {
    let tree = before(case);
    let Some(start) = tree.find(&node_at(&case.text("path"))) else {
        return equal(case.has("error"), true);
    };
    let name = case
        .has("name_option")
        .then(|| case.get("name_option").map(|_| case.text("name_option")))
        .flatten();
    equal(
        export(&tree, start, name, case.is_true("ephemeral")),
        Ok(case.text("text")),
    )
}

/// Asks until every node that the answer needs has been read.
fn asked<T>(tree: &LiveTree, ask: impl Fn(&Known) -> Result<T, LinkError>) -> Result<T, LinkError> {
    let mut known = Known::default();
    loop {
        match ask(&known) {
            Err(LinkError::Need(path)) => {
                let properties = tree
                    .find(&path)
                    .map(|id| decode(&tree.content(id).data).into_properties());
                known.learn(path, properties);
            }
            answer => return answer,
        }
    }
}

fn resolve_case(case: &Case) -> Verdict {
    let tree = before(case);
    let answer = asked(&tree, |known| resolve(&case.text("path"), known));
    match (answer, case.object("error")) {
        (Ok(found), None) => {
            equal(found.spelled, case.text("resolved"))?;
            equal(found.node.as_str(), &case.text("resolved_node"))
        }
        (Err(error), Some(expected)) => same_error(&error, &expected),
        (answer, _) => Err(format!("{answer:?}")),
    }
}

fn property_case(case: &Case) -> Verdict {
    let tree = before(case);
    let answer = asked(&tree, |known| {
        property(&case.text("path"), &case.text("key"), known)
    });
    match (answer, case.object("error")) {
        (Ok(value), None) => equal(value, bare(&case.object("value").unwrap())),
        (Err(error), Some(expected)) => same_error(&error, &expected),
        (answer, _) => Err(format!("{answer:?}")),
    }
}

fn same_error(error: &LinkError, expected: &Case) -> Verdict {
    match (error, expected.text("type").as_str()) {
        (LinkError::NoNode(path), "NoNodeError") => equal(path, &expected.text("path")),
        (LinkError::LinkLoop(seen), "LinkLoop") => {
            let paths = seen
                .iter()
                .map(|path| Value::String(Text::from(&**path)))
                .collect();
            equal(Some(&Value::Array(paths)), expected.get("seen"))
        }
        (LinkError::NoKey(_), "KeyError") | (LinkError::BadPropertyLink { .. }, "BadPropertyLink") => Ok(()),
        // Where the original crashes any clean error will do.
        (_, "ValueError" | "TypeError" | "AttributeError" | "IndexError") => Ok(()),
        (error, _) => Err(format!("{error:?}")),
    }
}
