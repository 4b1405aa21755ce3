//! Holds the canonical form to the conformance cases: whatever the original reads means the same when it is formatted.

// A broken case must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use serde_json::Value;
use treekeeper_core::treefile::{ParseLimits, SourceFile, canonical, parse, to_json};

fn source(text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile {
        name: "t.zk".to_owned(),
        bytes: text.into(),
    })
}

fn read(text: &str) -> Option<String> {
    let (tree, diagnostics) = parse(source(text), &ParseLimits::default());
    diagnostics.is_empty().then(|| to_json(&tree))
}

/// Formats what can be read, and nothing else; returns whether it could be read.
fn check(text: &str) -> bool {
    let limits = ParseLimits::default();
    let once = canonical(&source(text), &limits);
    let Some(meaning) = read(text) else {
        assert!(once.is_err(), "{text:?} has errors and was formatted");
        return false;
    };
    let once = once.unwrap();
    assert_eq!(read(&once), Some(meaning), "{text:?}");
    assert_eq!(canonical(&source(&once), &limits).unwrap(), once, "{text:?}");
    true
}

#[test]
fn every_case_of_the_parser_keeps_its_meaning() {
    let cases: Value = serde_json::from_str(include_str!("data/parse.json")).unwrap();
    let inputs = cases["cases"].as_array().unwrap().iter();
    let (mut formatted, mut wrong) = (0, 0);
    // Bytes that are not UTF-8 are errors of treekeeper's own, and have tests of their own.
    for text in inputs.filter_map(|case| case["input"].as_str()) {
        *(if check(text) { &mut formatted } else { &mut wrong }) += 1;
    }
    assert!(
        formatted > 200 && wrong > 50,
        "{formatted} formatted, {wrong} wrong"
    );
}
