//! Which commit last changed a line.
//!
//! Facts only, as in `history`; what git prints is hostile text.

use treekeeper_core::model::Revision;

use super::error::GitError;
use super::history::Relation;
use super::mirror::Mirror;
use super::process::Input;

/// The commit that last changed a line, as its author wrote it: print it through [`super::escape`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blamed {
    /// The commit.
    pub commit: Revision,
    /// `NAME <ADDRESS>`.
    pub author: String,
    /// When it was written, in seconds since 1970.
    pub seconds: i64,
    /// The first line of the message.
    pub subject: String,
    /// The line's number in that commit's file.
    pub line: usize,
}

impl Mirror {
    /// Returns the commit that last changed a line, from 1, of a file in the directory of the tree files.
    pub fn blame(&mut self, revision: &Revision, file: &str, line: usize) -> Result<Blamed, GitError> {
        let mut path = self.directory.join("/");
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(file);
        let range = format!("-L{line},{line}");
        self.repairing(|mirror| {
            let arguments = [
                "blame",
                "--porcelain",
                // What a user's configuration ignores may not be in this repository.
                "--ignore-revs-file=",
                &range,
                revision.as_str(),
                "--",
                &path,
            ];
            let output = mirror.git(arguments, Input::Empty)?;
            parse(&output)
                .ok_or_else(|| mirror.damaged(format!("line {line} of {revision} can't be explained")))
        })
    }

    /// Tells whether `ancestor` is `descendant`, or a commit behind it; false if the mirror lacks one of them.
    pub fn is_behind(&mut self, ancestor: &Revision, descendant: &Revision) -> Result<bool, GitError> {
        Ok(matches!(
            self.relation(descendant, ancestor)?,
            Relation::Same | Relation::Backward
        ))
    }
}

/// Reads what `git blame --porcelain` prints of one line.
fn parse(output: &[u8]) -> Option<Blamed> {
    let text = String::from_utf8_lossy(output);
    let mut lines = text.lines();
    let mut head = lines.next()?.split(' ');
    let commit = Revision::parse(head.next()?)?;
    let line = head.next()?.parse().ok()?;
    let headers: Vec<(&str, &str)> = lines
        .take_while(|line| !line.starts_with('\t'))
        .map(|line| line.split_once(' ').unwrap_or((line, "")))
        .collect();
    let field = |wanted: &str| {
        headers
            .iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| *value)
    };
    Some(Blamed {
        commit,
        author: format!("{} {}", field("author")?, field("author-mail")?),
        seconds: field("author-time")?.parse().ok()?,
        subject: field("summary")?.to_owned(),
        line,
    })
}
