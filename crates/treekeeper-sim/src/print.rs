//! Prints a commit's model as tree files, in the language of TREE_FORMAT.md 1 and 2.
//!
//! Written for the simulator alone, so that a fault of treekeeper's own printer can't hide one of its parser.

use std::fmt::Write;

use serde_json::Value;

use crate::commit::{Commit, FileModel, Properties, STRING_VALUE};

/// Returns the names and texts of the commit's files.
pub fn files(commit: &Commit) -> Vec<(String, String)> {
    let models = commit.files.iter().filter(|file| !file.nodes.is_empty());
    let mut files: Vec<_> = models.map(|file| (file.name.clone(), text(file))).collect();
    files.extend(commit.broken.clone());
    // The `.zk` files first, each group by name.
    files.sort_by_key(|(name, _)| (name.ends_with(".zkx"), name.clone()));
    files
}

fn text(file: &FileModel) -> String {
    let mut out = format!("# {}\n", file.name);
    for (path, properties) in &file.nodes {
        let depth = path.matches('/').count() - 1;
        let indent = "  ".repeat(depth);
        let name = path.rsplit('/').next().unwrap_or_default();
        let kind = properties.get("type").and_then(Value::as_str);
        let kind = kind.map(|kind| format!(" : {kind}")).unwrap_or_default();
        let _ = writeln!(out, "{indent}/{name}{kind}");
        print_properties(&mut out, &indent, properties);
    }
    out
}

fn print_properties(out: &mut String, indent: &str, properties: &Properties) {
    let raw = properties.len() == 1 && properties.contains_key(STRING_VALUE);
    for (key, value) in properties.iter().filter(|(key, _)| *key != "type") {
        let _ = match (value, key.strip_suffix(" ->")) {
            (Value::String(target), Some(link)) => writeln!(out, "{indent}  {link} -> {target}"),
            _ => writeln!(out, "{indent}  {key} = {}", expression(value, raw)),
        };
    }
}

/// Returns the expression that means `value`; raw data are byte strings, all else is unicode where it matters.
fn expression(value: &Value, raw: bool) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text, raw),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| expression(item, raw)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, item)| format!("{}: {}", quoted(key, raw), expression(item, raw)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn quoted(text: &str, raw: bool) -> String {
    let prefix = if text.is_ascii() || raw { "" } else { "u" };
    let mut out = format!("{prefix}'");
    for character in text.chars() {
        let _ = match character {
            '\'' | '\\' => write!(out, "\\{character}"),
            '\n' => write!(out, "\\n"),
            ' '..='~' => write!(out, "{character}"),
            other if u32::from(other) > 0xffff => write!(out, "\\U{:08x}", u32::from(other)),
            other => write!(out, "\\u{:04x}", u32::from(other)),
        };
    }
    out + "'"
}
