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
    /// Returns the repository's identity, the smallest id of the commits without parents behind `revision`, and how
    /// `revision` lies to `deployed`, if that is given.
    ///
    /// Both are asked of git at once, and with them the list of the tree files, which [`Mirror::read`] finds then.
    pub fn survey(
        &mut self,
        revision: &Revision,
        deployed: Option<&Revision>,
    ) -> Result<(Revision, Option<Relation>), GitError> {
        let (root, relation, entries) = self.repairing(|mirror| {
            std::thread::scope(|scope| {
                let entries = scope.spawn(|| mirror.tree_entries(revision));
                let relation = deployed.map(|deployed| scope.spawn(|| mirror.lies(deployed, revision)));
                let root = mirror.root(revision);
                let relation = relation.map(joined).transpose();
                // Whoever reads the files gets to know what else is wrong with them.
                let entries = match joined(entries) {
                    Err(damage @ GitError::MirrorDamaged { .. }) => return Err(damage),
                    entries => entries.ok(),
                };
                Ok((root?, relation?, entries))
            })
        })?;
        self.entries = entries.map(|entries| (revision.clone(), entries));
        Ok((root, relation))
    }

    fn root(&self, revision: &Revision) -> Result<Revision, GitError> {
        let output = self.git(
            ["rev-list", "--max-parents=0", revision.as_str(), "--"],
            Input::Empty,
        )?;
        let roots = output.split(|byte| *byte == b'\n').flat_map(std::str::from_utf8);
        let root = roots.filter_map(Revision::parse).min();
        root.ok_or_else(|| self.damaged(format!("commit {revision} has no root")))
    }

    /// Returns how `to`, a commit of the mirror, lies to `from`.
    pub fn relation(&mut self, from: &Revision, to: &Revision) -> Result<Relation, GitError> {
        self.repairing(|mirror| mirror.lies(from, to))
    }

    fn lies(&self, from: &Revision, to: &Revision) -> Result<Relation, GitError> {
        if from == to {
            return Ok(Relation::Same);
        }
        match self.is_ancestor(from, to)? {
            Ancestry::Behind => Ok(Relation::Forward),
            Ancestry::NotBehind => match self.is_ancestor(to, from)? {
                Ancestry::Behind => Ok(Relation::Backward),
                Ancestry::NotBehind => Ok(Relation::Diverged),
                Ancestry::Unclear(complaint) => Err(self.damaged(complaint)),
            },
            Ancestry::Unclear(complaint) => match self.commits(&[from.as_str(), to.as_str()])?.as_slice() {
                [None, Some(_)] => Ok(Relation::Unknown),
                [Some(_), Some(_)] => Err(self.damaged(complaint)),
                _ => Err(self.damaged(format!("commit {to} is missing"))),
            },
        }
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

    fn is_ancestor(&self, ancestor: &Revision, descendant: &Revision) -> Result<Ancestry, GitError> {
        let arguments = [
            "merge-base",
            "--is-ancestor",
            ancestor.as_str(),
            descendant.as_str(),
        ];
        let (finished, _) = self.run(self.place.mirror(), arguments, Input::Empty)?;
        Ok(match finished.status.code() {
            Some(0) => Ancestry::Behind,
            Some(1) => Ancestry::NotBehind,
            _ => Ancestry::Unclear(finished.complaint),
        })
    }
}

/// What git says of two commits.
enum Ancestry {
    Behind,
    NotBehind,
    /// It can't tell, most likely because one is not there, and complains.
    Unclear(String),
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    let panicked = |panic| std::panic::resume_unwind(panic);
    thread.join().unwrap_or_else(panicked)
}
