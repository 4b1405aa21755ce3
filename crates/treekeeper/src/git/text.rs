//! Makes hostile text safe to print: escapes controls, masks user information in URLs, keeps git's useful lines.
//!
//! Only text in, text out; what is kept in memory or stored is never changed here.

use std::fmt::Write;

use treekeeper_core::model::printable;

/// How many of git's last lines an error keeps.
const LINES_MAX: usize = 6;
/// How many characters of one line of git's an error keeps.
const LINE_CHARACTERS_MAX: usize = 300;
/// What git says while it is at work; never the reason why it failed.
const PROGRESS: &[&str] = &[
    "Enumerating objects",
    "Counting objects",
    "Compressing objects",
    "Receiving objects",
    "Unpacking objects",
    "Indexing objects",
    "Resolving deltas",
    "Checking connectivity",
    "Total ",
    "From ",
];

/// What git says to everybody whose fetch failed, whatever the reason.
const BOILERPLATE: &[&str] = &[
    "Please make sure you have the correct access rights",
    "and the repository exists.",
];

/// Returns `text` with every control, bidirectional and invisible character written as `\n` or `\u{202e}`.
pub fn escape(text: &str) -> String {
    printable(text).into_owned()
}

/// Returns `bytes` as text to print: what is not UTF-8 as `\xff`, and the rest as [`escape`] does.
pub(crate) fn escape_bytes(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        escaped.push_str(&escape(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    escaped
}

/// Returns the last lines of git's standard error that say something, escaped, masked and joined by `; `.
pub(crate) fn useful_lines(stderr: &[u8]) -> String {
    let mut lines: Vec<String> = stderr
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            line.rsplit(|byte| *byte == b'\r')
                .find(|part| !part.trim_ascii().is_empty())
        })
        .map(|line| escape_bytes(line.trim_ascii()))
        .filter(|line| !is_progress(line) && !BOILERPLATE.contains(&line.as_str()))
        .map(|line| mask_userinfo(&shorten(line.trim_end_matches('.'))))
        .collect();
    lines.dedup();
    lines.split_off(lines.len().saturating_sub(LINES_MAX)).join("; ")
}

/// Returns `text` with the user information and the query of every URL in it replaced by `***`.
///
/// Git names URLs that we never gave it (`url.*.insteadOf`), so this looks at all text and not for known secrets.
/// A user name without a password stays for ssh, where it is no secret.
pub(crate) fn mask_userinfo(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        masked.push_str(before);
        let end = after
            .find(|c: char| matches!(c, '/' | '\'' | '"') || c.is_whitespace())
            .unwrap_or(after.len());
        let userinfo = after[..end].rfind('@').map_or("", |at| &after[..at]);
        let is_secret = userinfo.contains(':') || !before.ends_with("ssh://");
        if !userinfo.is_empty() && is_secret {
            masked.push_str("***");
            rest = &after[userinfo.len()..];
        } else {
            rest = after;
        }
        let end = rest
            .find(|c: char| matches!(c, '\'' | '"') || c.is_whitespace())
            .unwrap_or(rest.len());
        if let Some(query) = rest[..end].find('?') {
            masked.push_str(&rest[..query]);
            masked.push_str("?***");
            rest = &rest[end..];
        }
    }
    masked.push_str(rest);
    masked
}

fn is_progress(line: &str) -> bool {
    let line = line.strip_prefix("remote: ").unwrap_or(line);
    line == "remote:" || PROGRESS.iter().any(|prefix| line.starts_with(prefix))
}

fn shorten(line: &str) -> String {
    match line.char_indices().nth(LINE_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_bidi_and_bad_bytes_are_written_out() {
        assert_eq!(
            escape("a\x1b[2Jb\n\u{202e}c\u{200b}é"),
            "a\\u{1b}[2Jb\\n\\u{202e}c\\u{200b}é"
        );
        assert_eq!(escape_bytes(b"a\xff\x07.zk"), "a\\xff\\u{7}.zk");
    }

    #[test]
    fn userinfo_is_masked_wherever_it_stands() {
        assert_eq!(
            mask_userinfo("fatal: 'https://me:p@ss@h/x' and https://token@h/y, ssh://git@h/z, http://h/@v"),
            "fatal: 'https://***@h/x' and https://***@h/y, ssh://git@h/z, http://h/@v"
        );
        assert_eq!(
            mask_userinfo("'https://me:p@h/x?token=t' why? https://h/y?t"),
            "'https://***@h/x?***' why? https://h/y?***"
        );
    }

    #[test]
    fn only_lines_that_say_something_are_kept() {
        let stderr = b"remote: Counting objects:  50% (1/2)\rremote: Counting objects: 100% (2/2), done.\n\
            Receiving objects: 1%\rfatal: early EOF\n\nfatal: index-pack failed\n";
        assert_eq!(useful_lines(stderr), "fatal: early EOF; fatal: index-pack failed");
        assert_eq!(useful_lines("x".repeat(400).as_bytes()).len(), 303);
    }
}
