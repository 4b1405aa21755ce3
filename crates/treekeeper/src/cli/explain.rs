//! `explain`: what a code means, with an example and the fix; without a code, all of them.
//!
//! The texts are the core's; here they are laid out.

use serde_json::{Value, json};
use treekeeper_core::explain::{self, Entry, ExitMeaning, Sample};
use treekeeper_core::model::printable;

use super::args::{ExplainArgs, Global};
use super::ui::{self, Exit, Problem};

/// How wide paragraphs are, so that they read as prose on any terminal.
const WIDTH: usize = 80;

/// Prints one entry, or the list.
pub fn run(global: &Global, options: &ExplainArgs) -> Result<Exit, Problem> {
    if options.code.is_empty() {
        list(global.json)?;
        return Ok(Exit::Done);
    }
    let wanted = options.code.join(" ");
    if let Some(exit) = explain::exit(&wanted) {
        tell_exit(global.json, exit)?;
        return Ok(Exit::Done);
    }
    let entry = explain::find(&wanted).ok_or_else(|| unknown(&wanted))?;
    if global.json {
        let mut value = entry_json(&entry);
        value["schema"] = json!(1);
        ui::print_json(&value)?;
    } else {
        ui::print_bytes(page(&entry).as_bytes())?;
    }
    Ok(Exit::Done)
}

fn list(json: bool) -> Result<(), Problem> {
    let entries = explain::entries();
    if json {
        let list: Vec<Value> = entries.iter().map(entry_json).collect();
        return ui::print_json(&json!({ "schema": 1, "codes": list }));
    }
    ui::print_bytes(lines(&entries).as_bytes())
}

/// Lays entries out as a list, one a line.
fn lines(entries: &[Entry]) -> String {
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    let line = |entry: &Entry| format!("{}  {:width$}  {}\n", entry.code, entry.name, entry.title);
    entries.iter().map(line).collect()
}

/// Prints what an exit code means, and the codes that end with it.
fn tell_exit(json: bool, exit: ExitMeaning) -> Result<(), Problem> {
    let entries = exit.entries();
    if json {
        let codes: Vec<&str> = entries.iter().map(|entry| entry.code).collect();
        return ui::print_json(&json!({
            "schema": 1,
            "exit": exit.number,
            "meaning": exit.meaning,
            "codes": codes,
        }));
    }
    let mut text = format!("exit code {}: {}\n", exit.number, exit.meaning);
    if !entries.is_empty() {
        text.push('\n');
        text.push_str(&lines(&entries));
    }
    ui::print_bytes(text.as_bytes())
}

fn entry_json(entry: &Entry) -> Value {
    let sample = |sample: &Sample| json!({ "kind": sample.kind.word().to_lowercase(), "label": sample.label, "text": sample.text });
    let samples: Vec<Value> = entry.samples.iter().map(sample).collect();
    json!({
        "code": entry.code,
        "name": entry.name,
        "title": entry.title,
        "text": entry.text,
        "samples": samples,
        "fix": entry.fix,
    })
}

fn unknown(wanted: &str) -> Problem {
    let problem = Problem::usage(format!("there is no code or name `{}`", printable(wanted)));
    let similar: Vec<String> = explain::similar_to(wanted)
        .iter()
        .map(|entry| format!("`treekeeper explain {}` ({})", entry.code, entry.name))
        .collect();
    problem.with_hint(match similar.as_slice() {
        [] => "`treekeeper explain` lists them all".to_owned(),
        some => format!(
            "perhaps {}; `treekeeper explain` lists them all",
            some.join(" or ")
        ),
    })
}

/// Lays an entry out as text.
pub fn page(entry: &Entry) -> String {
    let mut out = format!("{} {}: {}\n\n", entry.code, entry.name, entry.title);
    out.push_str(&wrapped(&entry.text));
    for sample in &entry.samples {
        let comma = if sample.label.is_empty() { "" } else { ", " };
        out.push_str(&format!("\n{}{comma}{}:\n\n", sample.kind.word(), sample.label));
        for line in sample.text.lines() {
            out.push_str(&format!("    {line}\n"));
        }
    }
    out.push('\n');
    out.push_str(&wrapped(&format!("Fix: {}", entry.fix)));
    out
}

/// Breaks a paragraph into lines.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            out.push('\n');
            width = 0;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        out.push_str(word);
        width += length;
    }
    out.push('\n');
    out
}
