//! What formatting changes in a file, line by line, as a person reads it.
//!
//! Formatting takes lines away at the two ends only, so lines pair up without a search. Values of secrets are masked and
//! nothing is printed raw: blanks that matter and cannot be seen are written out.

use crate::treefile::diagnostic::shown_line;

/// Returns the first lines that differ between a file and its canonical form, at most `lines_max`, as `-` and `+`.
///
/// Values of properties that look secret, also by the names in `secrets`, are masked.
pub fn changes(before: &str, after: &str, lines_max: usize, secrets: &[String]) -> String {
    let old: Vec<&str> = before.strip_suffix('\n').unwrap_or(before).split('\n').collect();
    let mut new = after.lines();
    let first = old
        .iter()
        .position(|line| !line.trim().is_empty())
        .unwrap_or(old.len());
    let mut told = Vec::new();
    for (place, old) in old.iter().enumerate() {
        let new = if place < first { None } else { new.next() };
        if new != Some(*old) {
            told.push(change(place + 1, old, new, secrets));
        }
    }
    if !before.ends_with('\n') && !after.is_empty() {
        told.push("     the last line has no end\n".to_owned());
    }
    let more = told.len().saturating_sub(lines_max);
    let mut text: String = told.into_iter().take(lines_max).collect();
    if more > 0 {
        text.push_str(&format!(
            "     and {more} more line{}\n",
            if more == 1 { "" } else { "s" }
        ));
    }
    text
}

fn change(number: usize, old: &str, new: Option<&str>, secrets: &[String]) -> String {
    let mut text = format!("{number:>4} - {}\n", visible(old, secrets));
    if let Some(new) = new {
        text.push_str(&format!("     + {}\n", shown_line(new, secrets)));
    }
    text
}

/// Returns a line with its last blanks written out; all others are seen between words.
fn visible(line: &str, secrets: &[String]) -> String {
    if line.trim().is_empty() {
        return "(blank line)".to_owned();
    }
    let words = line.trim_end_matches(' ');
    let mut shown = shown_line(words, secrets);
    shown.push_str(&"\\u{20}".repeat((line.len() - words.len()).min(8)));
    shown
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use insta::assert_snapshot;

    use super::*;
    use crate::treefile::{ParseLimits, SourceFile, canonical};

    fn told(text: &str, lines_max: usize) -> String {
        let source = Arc::new(SourceFile {
            name: "t.zk".to_owned(),
            bytes: text.into(),
        });
        let after = canonical(&source, &ParseLimits::default()).unwrap();
        changes(text, &after, lines_max, &[])
    }

    #[test]
    fn lines_pair_up_and_what_cannot_be_seen_is_written_out() {
        assert_snapshot!(told("\n/a\n\tx=1\n\ty = 2  \n\t/b\r\n\n\n# end", 9), @r"
        1 - (blank line)
        3 - \u{9}x=1
          +   x = 1
        4 - \u{9}y = 2\u{20}\u{20}
          +   y = 2
        5 - \u{9}/b\u{d}
          +   /b
          the last line has no end
        ");
        assert_snapshot!(told("/a\n\tx=1\n\ty = 2  \n\t/b\r\n\n\n", 2), @r"
        2 - \u{9}x=1
          +   x = 1
        3 - \u{9}y = 2\u{20}\u{20}
          +   y = 2
          and 3 more lines
        ");
        assert_eq!(told("/a\n  x = 1\n", 4), "");
    }

    #[test]
    fn values_of_secrets_are_masked_and_escapes_never_printed() {
        assert_snapshot!(told("/a\n  password='canary'\n  # \u{1b}[31m\u{202e}  \n", 4), @r"
           2 -   password=•••
             +   password = •••
           3 -   # \u{1b}[31m\u{202e}\u{20}\u{20}
             +   # \u{1b}[31m\u{202e}
        ");
    }
}
