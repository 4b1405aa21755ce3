//! How commits lie in history, and what a commit says of itself.
//!
//! Facts only: whether a rewind is allowed is decided by the gates.

pub use treekeeper_core::gate::Relation;
use treekeeper_core::model::Revision;

use super::error::GitError;
use super::mirror::Mirror;
use super::process::Input;

/// What a commit says of itself, as its author wrote it: print it through [`super::escape`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// `NAME <ADDRESS>`.
    pub author: String,
    /// When it was written, ISO 8601 with the author's offset.
    pub date: String,
    /// The first paragraph of the message, in one line.
    pub subject: String,
}

impl Mirror {
    /// Returns the repository's identity: the smallest id of the commits without parents behind `revision`.
    pub fn root_commit(&mut self, revision: &Revision) -> Result<Revision, GitError> {
        self.repairing(|mirror| {
            let output = mirror.git(
                ["rev-list", "--max-parents=0", revision.as_str(), "--"],
                Input::Empty,
            )?;
            let roots = output.split(|byte| *byte == b'\n').flat_map(std::str::from_utf8);
            let root = roots.filter_map(Revision::parse).min();
            root.ok_or_else(|| mirror.damaged(format!("commit {revision} has no root")))
        })
    }

    /// Returns how `to`, a commit of the mirror, lies to `from`.
    pub fn relation(&mut self, from: &Revision, to: &Revision) -> Result<Relation, GitError> {
        if from == to {
            return Ok(Relation::Same);
        }
        self.repairing(
            |mirror| match mirror.commits(&[from.as_str(), to.as_str()])?.as_slice() {
                [_, None] | [] | [_] => Err(mirror.damaged(format!("commit {to} is missing"))),
                [None, ..] => Ok(Relation::Unknown),
                _ if mirror.is_ancestor(from, to)? => Ok(Relation::Forward),
                _ if mirror.is_ancestor(to, from)? => Ok(Relation::Backward),
                _ => Ok(Relation::Diverged),
            },
        )
    }

    /// Returns author, date and subject of a commit of the mirror.
    pub fn commit_info(&mut self, revision: &Revision) -> Result<CommitInfo, GitError> {
        let format = "--format=%an <%ae>%x00%aI%x00%s%x00";
        let log = [
            "log",
            "-1",
            "--no-show-signature",
            "--no-color",
            "--no-decorate",
            "--no-patch",
            "--encoding=UTF-8",
        ];
        let arguments = log.into_iter().chain([format, revision.as_str(), "--"]);
        self.repairing(|mirror| {
            let output = mirror.git(arguments.clone(), Input::Empty)?;
            let mut fields = output
                .split(|byte| *byte == 0)
                .map(|field| String::from_utf8_lossy(field).into_owned());
            let mut field = || {
                fields
                    .next()
                    .ok_or_else(|| mirror.damaged(format!("commit {revision} can't be read")))
            };
            Ok(CommitInfo {
                author: field()?,
                date: field()?,
                subject: field()?,
            })
        })
    }

    fn is_ancestor(&self, ancestor: &Revision, descendant: &Revision) -> Result<bool, GitError> {
        let arguments = [
            "merge-base",
            "--is-ancestor",
            ancestor.as_str(),
            descendant.as_str(),
        ];
        let (finished, _) = self.run(self.place.mirror(), arguments, Input::Empty)?;
        match finished.status.code() {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(self.damaged(finished.complaint)),
        }
    }
}
