//! Folds long lines for people: at blanks, never inside of a command, which somebody may copy.
//!
//! In a pipe nothing is folded: programs read lines.

use std::io::IsTerminal;
use std::os::fd::AsFd;

/// A terminal that is narrower is not worth folding for.
const COLUMNS_MIN: usize = 40;

/// Returns how wide the terminal is that a stream ends at, if it is one.
pub fn columns_of(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let (width, _) = terminal_size::terminal_size_of(stream)?;
    Some(usize::from(width.0)).filter(|columns| *columns >= COLUMNS_MIN)
}

/// Folds a line at blanks; the rest is indented. A word that is too long stays whole, and so does what is in backticks.
pub fn fold(text: &str, columns_max: usize, indent: usize) -> Vec<String> {
    let mut folded = Vec::new();
    let mut current = String::new();
    for word in words(text) {
        let is_full = columns(&current) + columns(word.trim_end()) > columns_max;
        if is_full && !current.trim().is_empty() {
            folded.push(current.trim_end().to_owned());
            current = " ".repeat(indent);
        }
        current.push_str(word);
    }
    folded.push(current);
    folded
}

/// Returns the words, each with the blank behind it; a command in backticks is one.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut is_command) = (0, false);
    for (at, character) in text.char_indices() {
        match character {
            '`' => is_command = !is_command,
            ' ' if !is_command => {
                words.push(&text[start..=at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&text[start..]);
    words
}

/// Counts the characters that are seen: colours are not.
fn columns(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_at_blanks_and_colours_take_no_room() {
        assert_eq!(fold("one two", 7, 4), ["one two"]);
        assert_eq!(fold("\u{1b}[1mone\u{1b}[0m two", 7, 4).len(), 1);
        assert_eq!(fold("one two three", 9, 4), ["one two", "    three"]);
        assert_eq!(fold("incomprehensible", 9, 4), ["incomprehensible"]);
        assert_eq!(fold("", 9, 4), [""]);
    }

    #[test]
    fn a_command_is_never_folded() {
        assert_eq!(
            fold("hint: run `treekeeper sync --force`, or wait", 20, 2),
            ["hint: run", "  `treekeeper sync --force`,", "  or wait"]
        );
        assert_eq!(
            fold("a ` b", 3, 2),
            ["a", "  ` b"],
            "an odd one keeps the rest whole"
        );
    }
}
