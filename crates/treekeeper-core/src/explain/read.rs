//! Reads the texts: Markdown of one plain shape, which a test holds every entry to.
//!
//! `# CODE name: title`, a paragraph, samples behind `Wrong:`, `Right:` or `Example:`, and a paragraph behind `Fix:`.

use super::{Entry, Sample, SampleKind};

/// The groups, in the order in which they are listed.
const TEXTS: [&str; 7] = [
    include_str!("texts/lines.md"),
    include_str!("texts/values.md"),
    include_str!("texts/files.md"),
    include_str!("texts/limits.md"),
    include_str!("texts/refusals.md"),
    include_str!("texts/failures.md"),
    include_str!("texts/git.md"),
];

/// The indent of a sample's lines.
const INDENT: &str = "    ";

/// Returns the whole catalogue, in the order of the codes.
pub fn entries() -> Vec<Entry> {
    let sections = TEXTS
        .iter()
        .flat_map(|text| text.trim_start_matches("# ").split("\n# "));
    sections.filter_map(entry).collect()
}

/// Reads one section, without the sign of its heading.
fn entry(section: &'static str) -> Option<Entry> {
    let (heading, body) = section.split_once('\n')?;
    let (code, rest) = heading.split_once(' ')?;
    let (name, title) = rest.split_once(": ")?;
    let mut entry = Entry {
        code,
        name,
        title,
        text: String::new(),
        samples: Vec::new(),
        fix: String::new(),
    };
    let mut in_fix = false;
    for line in body.lines() {
        if let Some((kind, label)) = heading_of_sample(line) {
            entry.samples.push(Sample {
                kind,
                label,
                text: String::new(),
            });
        } else if let (Some(sample), false) = (entry.samples.last_mut(), in_fix || line.starts_with("Fix: "))
        {
            if let Some(line) = line.strip_prefix(INDENT) {
                sample.text.push_str(line);
                sample.text.push('\n');
            }
        } else if !line.is_empty() {
            in_fix |= line.starts_with("Fix: ");
            let paragraph = if in_fix { &mut entry.fix } else { &mut entry.text };
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.strip_prefix("Fix: ").unwrap_or(line));
        }
    }
    Some(entry)
}

/// Reads `Wrong:`, or `Wrong, a.zk:` with its label `a.zk`.
fn heading_of_sample(line: &'static str) -> Option<(SampleKind, &'static str)> {
    let kinds = [SampleKind::Wrong, SampleKind::Right, SampleKind::Example];
    let line = line.strip_suffix(':')?;
    kinds.into_iter().find_map(|kind| {
        let rest = line.strip_prefix(kind.word())?;
        let label = if rest.is_empty() {
            rest
        } else {
            rest.strip_prefix(", ")?
        };
        Some((kind, label))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes an entry as its text has it, sentences joined.
    fn written(entry: &Entry) -> String {
        let mut out = format!(
            "# {} {}: {}\n\n{}\n",
            entry.code, entry.name, entry.title, entry.text
        );
        for sample in &entry.samples {
            let comma = if sample.label.is_empty() { "" } else { ", " };
            out.push_str(&format!("\n{}{comma}{}:\n\n", sample.kind.word(), sample.label));
            for line in sample.text.lines() {
                out.push_str(&format!("{INDENT}{line}\n"));
            }
        }
        out.push_str(&format!("\nFix: {}\n", entry.fix));
        out
    }

    /// Joins the sentences of a paragraph, which stand on lines of their own.
    fn joined(text: &str) -> String {
        let mut out: Vec<String> = Vec::new();
        let is_prose = |line: &str| !line.is_empty() && !line.starts_with([' ', '#']);
        for line in text.lines() {
            match out.last_mut() {
                Some(last) if is_prose(last) && is_prose(line) => last.push_str(&format!(" {line}")),
                _ => out.push(line.to_owned()),
            }
        }
        out.join("\n") + "\n"
    }

    #[test]
    fn nothing_of_a_text_is_lost() {
        let all = entries();
        let mut rest = all.iter();
        for text in TEXTS {
            let count = text.lines().filter(|line| line.starts_with("# ")).count();
            let written: Vec<String> = rest.by_ref().take(count).map(written).collect();
            assert_eq!(written.join("\n"), joined(text));
        }
        assert_eq!(rest.next(), None);
    }
}
