//! Diagnostics as SARIF 2.1.0, which code hosts show beside the lines of a pull request.
//!
//! Only what the format needs: rules out of the catalogue, results, and where they are. No line of a file is quoted.

use std::path::{Component, Path};

use serde_json::{Value, json};
use treekeeper_core::explain::{self, Entry};
use treekeeper_core::treefile::diagnostic::escape;
use treekeeper_core::treefile::{Diagnostic, Label};

use super::explain::page;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What relative addresses are relative to: the root of the repository, where checks run.
const BASE: &str = "%SRCROOT%";

/// Returns a log of one run; `uri_of` gives the address of the file of a label.
pub fn log(found: &[Diagnostic], secrets: &[String], uri_of: impl Fn(&Label) -> String) -> Value {
    let entries = explain::entries();
    // Settings that are wrong are told by a code that is no tree file's.
    let is_found = |entry: &Entry| found.iter().any(|diagnostic| diagnostic.code.0 == entry.code);
    let is_rule = |entry: &&Entry| entry.is_diagnostic() || is_found(entry);
    let rules: Vec<&Entry> = entries.iter().filter(is_rule).collect();
    let result = |diagnostic: &Diagnostic| result(diagnostic, &rules, secrets, &uri_of);
    let results: Vec<Value> = found.iter().map(result).collect();
    let rules: Vec<Value> = rules.iter().map(|entry| rule(entry)).collect();
    let driver = json!({ "name": "treekeeper", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{ "tool": { "driver": driver }, "columnKind": "utf16CodeUnits", "results": results }],
    })
}

fn rule(entry: &Entry) -> Value {
    json!({
        "id": entry.code,
        "name": entry.name,
        "shortDescription": { "text": entry.title },
        "fullDescription": { "text": entry.text },
        "help": { "text": page(entry) },
        "defaultConfiguration": { "level": "error" },
    })
}

fn result(
    diagnostic: &Diagnostic,
    rules: &[&Entry],
    secrets: &[String],
    uri_of: &impl Fn(&Label) -> String,
) -> Value {
    let message = match diagnostic.helped(secrets) {
        Some(help) => format!("{}; help: {help}", diagnostic.said(secrets)),
        None => diagnostic.said(secrets).into_owned(),
    };
    let place = |label: &Label| physical(&uri_of(label), label, secrets);
    let mut value = json!({
        "ruleId": diagnostic.code.0,
        "level": "error",
        "message": { "text": escape(&message) },
        "locations": [{ "physicalLocation": place(&diagnostic.primary) }],
    });
    if let Some(index) = rules.iter().position(|entry| entry.code == diagnostic.code.0) {
        value["ruleIndex"] = json!(index);
    }
    if let Some(other) = &diagnostic.secondary {
        value["relatedLocations"] =
            json!([{ "message": { "text": escape(&other.text) }, "physicalLocation": place(other) }]);
    }
    value
}

fn physical(uri: &str, label: &Label, secrets: &[String]) -> Value {
    let region = label.region(secrets);
    let region = match region.columns {
        Some(columns) => {
            json!({ "startLine": region.line, "startColumn": columns.start, "endColumn": columns.end })
        }
        None => json!({ "startLine": region.line }),
    };
    let artifact = if uri.starts_with("file:") {
        json!({ "uri": uri })
    } else {
        json!({ "uri": uri, "uriBaseId": BASE })
    };
    json!({ "artifactLocation": artifact, "region": region })
}

/// Returns the address of a file: relative to `directory` if it is below, as it was named if that was relative.
pub fn uri(path: &Path, directory: &Path) -> String {
    let path = path.strip_prefix(directory).unwrap_or(path);
    let names: Vec<String> = path
        .components()
        .filter(|component| !matches!(component, Component::CurDir | Component::RootDir))
        .map(|component| encoded(component.as_os_str().as_encoded_bytes()))
        .collect();
    let start = if path.is_absolute() { "file:///" } else { "" };
    start.to_owned() + &names.join("/")
}

/// Writes a name as a part of an address: everything but letters, digits and `-._~` by its bytes.
fn encoded(name: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let byte = |byte: &u8| {
        if plain(byte) {
            char::from(*byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    name.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_relative_where_they_can_be_and_hold_no_raw_bytes() {
        let at = |path: &str| uri(Path::new(path), Path::new("/repository"));
        assert_eq!(at("trees/a.zk"), "trees/a.zk");
        assert_eq!(at("./trees//a.zk"), "trees/a.zk");
        assert_eq!(at("/repository/trees/a.zk"), "trees/a.zk");
        assert_eq!(at("../a.zk"), "../a.zk");
        assert_eq!(at("/else/where.zk"), "file:///else/where.zk");
        assert_eq!(at("a:b c\u{202e}%é.zk"), "a%3Ab%20c%E2%80%AE%25%C3%A9.zk");
    }
}
