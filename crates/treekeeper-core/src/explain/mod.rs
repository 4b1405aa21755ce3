//! What every code means, with an example and the fix: the one catalogue of diagnostics, refusals and failures.
//!
//! The texts are the files in `texts`, one a group, and are only read here: no text is made up in code.
//! Nothing here decides anything, and nobody decides by what is here.

mod exits;
mod read;

pub use exits::{EXITS, ExitMeaning, exit};
pub use read::entries;

/// What is to be said about one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The stable code, such as `TK0104`.
    pub code: &'static str,
    /// The name by which it is found, too, such as `below-property`.
    pub name: &'static str,
    /// What it is, in one line.
    pub title: &'static str,
    /// What it means and why: a paragraph of whole sentences.
    pub text: String,
    /// What provokes it, and the same put right.
    pub samples: Vec<Sample>,
    /// What to do.
    pub fix: String,
}

/// A piece of a tree file, or of a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What it shows.
    pub kind: SampleKind,
    /// What stands behind the kind: the file's name, a limit, how bytes are written. May be empty.
    pub label: &'static str,
    /// The lines, each with its end.
    pub text: String,
}

/// What a sample shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleKind {
    /// A tree file that gives the code.
    Wrong,
    /// The file put right.
    Right,
    /// What a command says.
    Example,
}

impl SampleKind {
    /// Returns the word that stands before a sample.
    pub fn word(self) -> &'static str {
        match self {
            SampleKind::Wrong => "Wrong",
            SampleKind::Right => "Right",
            SampleKind::Example => "Example",
        }
    }
}

impl Entry {
    /// Tells whether the code is one of what is wrong with tree files: `Diagnostic` carries it.
    pub fn is_diagnostic(&self) -> bool {
        self.code < "TK1000"
    }
}

/// Returns the entry of a code or a name, however its letters and the blanks in it are written.
pub fn find(wanted: &str) -> Option<Entry> {
    let wanted = normal(wanted);
    entries()
        .into_iter()
        .find(|entry| wanted.eq_ignore_ascii_case(entry.code) || wanted == entry.name)
}

/// Returns the entries that are most likely meant by what no entry has for its code or name, the likeliest first.
pub fn similar_to(wanted: &str) -> Vec<Entry> {
    const MOST: usize = 3;
    const CUTOFF: f32 = 0.6;
    let wanted = normal(wanted);
    let all = entries();
    let codes: Vec<String> = all.iter().map(|entry| entry.code.to_lowercase()).collect();
    let words: Vec<&str> = codes
        .iter()
        .map(String::as_str)
        .chain(all.iter().map(|entry| entry.name))
        .collect();
    let close = similar::get_close_matches(wanted.as_str(), &words, MOST, CUTOFF);
    if !close.is_empty() {
        return close.into_iter().filter_map(find).collect();
    }
    let named = |entry: &Entry| {
        let mut parts = wanted.split('-').filter(|part| part.len() > 3);
        parts.any(|part| entry.name.contains(part) || entry.title.to_lowercase().contains(part))
    };
    all.into_iter().filter(named).take(MOST).collect()
}

fn normal(wanted: &str) -> String {
    wanted
        .split([' ', '_', '-'])
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
        .to_lowercase()
}
