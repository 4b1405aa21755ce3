//! The bare mirror of the repository: fetched by git, locked while git works on it, made again when it is damaged.
//!
//! Refs of the mirror are never trusted: names are resolved from what the last fetch of this very [`Mirror`] saw.

use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use treekeeper_core::model::Revision;

use super::error::GitError;
use super::options::GitOptions;
use super::place::{Hold, Lock, Place};
use super::process::{Finished, Input, Invocation, Runner};
use super::read::{Entry, checked_directory};
use super::refs::{self, Head, Refs, Remote, Target};
use super::text::escape;

/// How much git may print where no more than a list is asked for, in bytes.
pub(super) const LIST_BYTES_MAX: u64 = 256 << 20;
/// The number of packs above which the small ones are joined; every fetch that brings something adds one.
const PACKS_MAX: usize = 50;
/// What git says when the mirror, and perhaps not the remote, is at fault.
const SUSPICIONS: &[&str] = &[
    "bad object",
    "not a git repository",
    "missing blob",
    "missing tree",
    "missing commit",
    "corrupt",
    "unable to read",
    "could not parse",
    "packfile",
    "loose object",
    "did not send all necessary objects",
    "mismatched algorithms",
    "bad config",
    "broken",
];

/// A bare mirror of one repository.
#[derive(Debug)]
pub struct Mirror {
    pub(super) options: GitOptions,
    pub(super) place: Place,
    /// The components of the directory that holds the tree files.
    pub(super) directory: Vec<String>,
    pub(super) runner: Runner,
    fetched: Option<Fetched>,
    /// What the remote said when it was looked at, for the fetch that follows.
    pub(super) looked: Option<Remote>,
    /// The entries of a commit's directory, once they were read: nobody needs to ask git twice.
    pub(super) entries: Option<(Revision, Vec<Entry>)>,
    /// Whether the mirror was made again because it was damaged: that is done once.
    renewed: bool,
    /// Whether it is settled how ssh is started.
    pub(super) ssh_settled: bool,
}

/// What the last fetch saw.
#[derive(Debug)]
struct Fetched {
    refs: Refs,
    head: Option<Head>,
}

impl Mirror {
    /// Returns the mirror that `options` describe; nothing is made or fetched yet.
    pub fn open(mut options: GitOptions) -> Result<Mirror, GitError> {
        options.branch = options.branch.as_deref().map(refs::checked_branch).transpose()?;
        let directory = checked_directory(&options.path)?;
        let place = Place::new(&options.mirror)?;
        let runner = Runner::new(&options.url, &options.limits, &options.environment);
        Ok(Mirror {
            options,
            place,
            directory,
            runner,
            fetched: None,
            looked: None,
            entries: None,
            renewed: false,
            ssh_settled: false,
        })
    }

    /// Makes the mirror what the remote repository is, trying again as often as the options say.
    ///
    /// A damaged mirror is made again, once. When it fails the old mirror stays, and nothing can be resolved by name.
    pub fn fetch(&mut self) -> Result<(), GitError> {
        let deadline = Instant::now() + self.options.fetch_max;
        self.fetched = None;
        let lock = self.place.lock(Hold::Exclusive, deadline)?;
        self.place.sweep()?;
        if !self.place.has_mirror()? {
            return self.clone_locked(&lock, deadline);
        }
        let damage = match self.place.flaw() {
            Some(flaw) => Err(self.damaged(flaw)),
            None => self.update(&lock, deadline),
        };
        match damage {
            Err(GitError::MirrorDamaged { .. }) if !self.renewed => {
                self.renewed = true;
                self.clone_locked(&lock, deadline)
            }
            other => other,
        }
    }

    /// Returns the commit of the branch or, if one is given, of `revision`: a branch, a tag or a commit id.
    pub fn resolve(&mut self, revision: Option<&str>) -> Result<Revision, GitError> {
        let revision = revision.map(refs::checked_revision).transpose()?;
        self.repairing(|mirror| match &revision {
            None => mirror.tip(),
            Some(revision) => mirror.resolve_name(revision),
        })
    }

    /// Runs `read` on the locked mirror; if it finds the mirror damaged, makes it again once and runs it again.
    pub(super) fn repairing<T>(
        &mut self,
        read: impl Fn(&Mirror) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let deadline = Instant::now() + self.options.fetch_max;
        let shared = self.place.lock(Hold::Shared, deadline)?;
        match read(self) {
            Err(GitError::MirrorDamaged { .. }) if !self.renewed => self.renewed = true,
            other => return other,
        }
        drop(shared);
        let exclusive = self.place.lock(Hold::Exclusive, deadline)?;
        self.place.sweep()?;
        self.clone_locked(&exclusive, deadline)?;
        read(self)
    }

    /// Runs git on the mirror and returns what it printed; a git that fails means that the mirror is damaged.
    pub(super) fn git<S: Into<OsString>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: Input,
    ) -> Result<Vec<u8>, GitError> {
        let (finished, stdout) = self.run(self.place.mirror(), arguments, input)?;
        match finished.status.success() {
            true => Ok(stdout),
            false => Err(self.damaged(finished.complaint)),
        }
    }

    /// Runs git on a local repository and returns how it ended and what it printed.
    pub(super) fn run<S: Into<OsString>>(
        &self,
        repository: &Path,
        arguments: impl IntoIterator<Item = S>,
        input: Input,
    ) -> Result<(Finished, Vec<u8>), GitError> {
        let mut stdout = Vec::new();
        let mut invocation = local(repository, arguments, input);
        invocation.stdout_bytes_max = LIST_BYTES_MAX;
        let finished = self
            .runner
            .run(invocation, &mut |bytes| stdout.extend_from_slice(bytes))?;
        Ok((finished, stdout))
    }

    /// Runs git on the mirror and hands what it prints to `sink`, which knows how much is to come.
    pub(super) fn stream<S: Into<OsString>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        input: Input,
        stdout_bytes_max: u64,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<Finished, GitError> {
        let mut invocation = local(self.place.mirror(), arguments, input);
        invocation.stdout_bytes_max = stdout_bytes_max;
        self.runner.run(invocation, sink)
    }

    /// Returns the error that makes the mirror be made again.
    pub(super) fn damaged(&self, detail: impl Into<String>) -> GitError {
        GitError::MirrorDamaged {
            path: self.place.mirror().to_owned(),
            detail: detail.into(),
        }
    }

    /// Returns the commit that each object name stands for, after peeling tags; `None` where there is none.
    ///
    /// Names must be checked or come from git.
    pub(super) fn commits(&self, names: &[&str]) -> Result<Vec<Option<Revision>>, GitError> {
        let input: String = names.iter().map(|name| format!("{name}^{{commit}}\n")).collect();
        let output = self.git(["cat-file", "--batch-check"], Input::Bytes(input.into_bytes()))?;
        let lines: Vec<&str> = output
            .split(|byte| *byte == b'\n')
            .flat_map(std::str::from_utf8)
            .collect();
        let answer = |(index, name): (usize, &&str)| {
            let line = lines.get(index).copied().unwrap_or_default();
            let mut words = line.split(' ');
            match (words.next(), words.next()) {
                (Some(id), Some("commit")) => Ok(Revision::parse(id)),
                (_, Some("ambiguous")) => Err(GitError::RevisionAmbiguous {
                    revision: (*name).to_owned(),
                    detail: "more than one commit begins so".to_owned(),
                }),
                _ => Ok(None),
            }
        };
        names.iter().enumerate().map(answer).collect()
    }

    /// Returns the entries of the configured directory of a commit, if they were read before.
    pub(super) fn known_entries(&self, revision: &Revision) -> Option<Vec<Entry>> {
        let (known, entries) = self.entries.as_ref()?;
        (known == revision).then(|| entries.clone())
    }

    /// Returns the tip of the branch.
    fn tip(&self) -> Result<Revision, GitError> {
        let branch = self.options.branch.as_deref();
        let fetched = self.fetched.as_ref();
        let fetched = fetched.ok_or_else(|| GitError::NotFetched {
            name: branch.unwrap_or("HEAD").to_owned(),
        })?;
        let url = self.options.url.to_string();
        let branch = match (branch, &fetched.head) {
            (Some(branch), _) => branch,
            (None, Some(head)) => fetched.refs.default_branch(head, &url)?,
            (None, None) => unreachable!("HEAD is asked for whenever no branch is set"),
        };
        let Some(id) = fetched.refs.branch(branch) else {
            return Err(match fetched.refs.branches() {
                available if available.is_empty() => GitError::RepositoryEmpty { url },
                available => GitError::BranchMissing {
                    branch: escape(branch),
                    available,
                },
            });
        };
        // A branch names a commit: git takes nothing else for one.
        Revision::parse(id).ok_or_else(|| self.damaged(format!("branch {} is at {id}", escape(branch))))
    }

    /// Returns the commit that a checked name stands for.
    fn resolve_name(&self, revision: &str) -> Result<Revision, GitError> {
        let missing = || GitError::RevisionMissing {
            revision: escape(revision),
        };
        let target = match (&self.fetched, matches!(revision.len(), 40 | 64)) {
            (Some(fetched), _) => fetched.refs.target(revision)?,
            // A whole id means the same thing at any time.
            (None, true) if Revision::parse(revision).is_some() => Target::Digits(revision.to_owned()),
            (None, _) => {
                return Err(GitError::NotFetched {
                    name: escape(revision),
                });
            }
        };
        match target {
            Target::Ref(id) => self.commits(&[&id])?.pop().flatten().ok_or_else(missing),
            Target::Digits(digits) => {
                let commit = self.commits(&[&digits])?.pop().flatten();
                // Git looks for refs of that name too, and the mirror's refs may be another process's.
                commit
                    .filter(|commit| commit.as_str().starts_with(&digits))
                    .ok_or_else(missing)
            }
        }
    }

    /// Fetches into the mirror that exists.
    fn update(&mut self, lock: &Lock, deadline: Instant) -> Result<(), GitError> {
        let mirror = self.place.mirror().to_owned();
        self.settle_ssh(&mirror)?;
        let looked = self.looked.take().map(|remote| remote.head);
        let head = self.with_retries(deadline, |this| {
            let head = match (&this.options.branch, &looked) {
                (None, None) => Some(this.ask_remote(&["HEAD"], Some(lock), deadline)?.head),
                (None, Some(head)) => Some(head.clone()),
                (Some(_), _) => None,
            };
            match this.fetch_into(&mirror, lock, deadline) {
                Err(GitError::FetchFailed { detail, .. }) if this.is_suspicious(&detail) && !this.renewed => {
                    Err(this.damaged(detail))
                }
                other => other.map(|()| head),
            }
        })?;
        self.settle(head)?;
        self.join_packs(deadline);
        Ok(())
    }

    /// Makes a new mirror beside the old one, and puts it in its place once it is whole.
    fn clone_locked(&mut self, lock: &Lock, deadline: Instant) -> Result<(), GitError> {
        let fresh = self.place.make_fresh()?;
        self.settle_ssh(&fresh)?;
        let head = self.with_retries(deadline, |this| {
            let remote = this.ask_remote(&[], Some(lock), deadline)?;
            let format = if remote.id_length() == Some(64) {
                "sha256"
            } else {
                "sha1"
            };
            if !fresh.join("HEAD").exists() {
                let format = format!("--object-format={format}");
                let init = [
                    "init",
                    "--quiet",
                    "--bare",
                    "--template=",
                    "--initial-branch=main",
                    &format,
                ];
                let (finished, _) = this.run(&fresh, init, Input::Empty)?;
                if !finished.status.success() {
                    return Err(this.damaged(finished.complaint));
                }
            }
            this.fetch_into(&fresh, lock, deadline)?;
            Ok(Some(remote.head))
        })?;
        self.place.replace()?;
        self.settle(head)
    }

    /// Keeps the refs that were fetched. What they need is looked at by who reads it.
    fn settle(&mut self, head: Option<Head>) -> Result<(), GitError> {
        let output = self.git(
            ["for-each-ref", "--format=%(objectname) %(refname)"],
            Input::Empty,
        )?;
        self.fetched = Some(Fetched {
            refs: Refs::parse(&output),
            head,
        });
        self.entries = None;
        Ok(())
    }

    /// Tells whether a failed fetch may be the mirror's own fault.
    fn is_suspicious(&self, detail: &str) -> bool {
        SUSPICIONS.iter().any(|words| detail.contains(words)) || self.place.flaw().is_some()
    }

    /// Joins small packs when there are many; whether it works matters little.
    fn join_packs(&self, deadline: Instant) {
        if self.place.packs() > PACKS_MAX {
            let mut invocation = local(
                self.place.mirror(),
                ["repack", "--geometric=2", "-d", "--quiet"],
                Input::Empty,
            );
            invocation.deadline = Some(deadline);
            let _ = self.runner.run(invocation, &mut |_| {});
        }
    }
}

/// Returns the invocation of a git that stays on this machine.
fn local<S: Into<OsString>>(
    repository: &Path,
    arguments: impl IntoIterator<Item = S>,
    input: Input,
) -> Invocation<'_> {
    Invocation {
        repository: Some(repository),
        arguments: arguments.into_iter().map(Into::into).collect(),
        input,
        deadline: None,
        remote: false,
        stdout_bytes_max: LIST_BYTES_MAX,
    }
}
