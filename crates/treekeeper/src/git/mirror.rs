//! The bare mirror of the repository: fetched by git, locked while git works on it, made again when it is damaged.
//!
//! Refs of the mirror are never trusted: names are resolved from what the last fetch of this very [`Mirror`] saw.

use std::ffi::OsString;
use std::path::Path;
use std::thread;
use std::time::Instant;

use treekeeper_core::model::Revision;

use super::error::{GitError, Limit};
use super::options::GitOptions;
use super::place::{Hold, Lock, Place};
use super::process::{Finished, Input, Invocation, Runner};
use super::read::{Entry, checked_directory};
use super::refs::{self, Head, Refs, Target};
use super::text::escape;
use super::url::Transport;

/// How much git may print where no more than a list is asked for, in bytes.
const LIST_BYTES_MAX: u64 = 256 << 20;
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
    runner: Runner,
    fetched: Option<Fetched>,
    /// Whether the mirror was made again because it was damaged: that is done once.
    renewed: bool,
    /// Whether it is settled how ssh is started.
    ssh_settled: bool,
}

/// What the last fetch saw.
#[derive(Debug)]
struct Fetched {
    refs: Refs,
    head: Option<Head>,
    /// The branch's commit and the entries of its directory, once they are known: nobody needs to ask git twice.
    tip: Option<(Revision, Vec<Entry>)>,
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

    /// Returns the entries of the configured directory of a commit, if they were read when it was fetched.
    pub(super) fn known_entries(&self, revision: &Revision) -> Option<Vec<Entry>> {
        let (tip, entries) = self.fetched.as_ref()?.tip.as_ref()?;
        (tip == revision).then(|| entries.clone())
    }

    /// Returns the tip of the branch.
    fn tip(&self) -> Result<Revision, GitError> {
        if let Some((tip, _)) = self.fetched.as_ref().and_then(|fetched| fetched.tip.as_ref()) {
            return Ok(tip.clone());
        }
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
        let commit = self.commits(&[id])?.pop().flatten();
        commit.ok_or_else(|| self.damaged(format!("commit {id} of branch {} is missing", escape(branch))))
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
        let head = self.with_retries(deadline, |this| {
            let head = match this.options.branch {
                None => Some(this.ask_remote(&["HEAD"], lock, deadline)?.0),
                Some(_) => None,
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
            let (head, id_length) = this.ask_remote(&[], lock, deadline)?;
            let format = if id_length == Some(64) { "sha256" } else { "sha1" };
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
            Ok(Some(head))
        })?;
        self.place.replace()?;
        self.settle(head)
    }

    /// Runs `attempt` until it succeeds, fails for good, or the retries or the time are used up.
    fn with_retries<T>(
        &self,
        deadline: Instant,
        attempt: impl Fn(&Mirror) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let mut attempts = 1;
        loop {
            let failure = match attempt(self) {
                Err(GitError::FetchFailed { url, detail, .. }) => GitError::FetchFailed {
                    url,
                    detail,
                    attempts,
                },
                Err(
                    error @ GitError::LimitExceeded {
                        limit: Limit::Idle | Limit::Wall,
                        ..
                    },
                ) => error,
                other => return other,
            };
            let pause = self.options.retry_pause;
            if attempts > self.options.retries || Instant::now() + pause >= deadline {
                return Err(failure);
            }
            attempts += 1;
            thread::sleep(pause);
        }
    }

    /// Returns what the remote's HEAD says, and how long its object ids are, if it has any.
    fn ask_remote(
        &self,
        patterns: &[&str],
        lock: &Lock,
        deadline: Instant,
    ) -> Result<(Head, Option<usize>), GitError> {
        let url = self.options.url.argument();
        let arguments = ["ls-remote", "--symref", "--", url]
            .into_iter()
            .chain(patterns.iter().copied());
        let output = self.remote(None, arguments, lock, deadline)?;
        Ok(refs::parse_remote(&output))
    }

    /// Makes the branches and tags of `repository` those of the remote, and gets what they need.
    fn fetch_into(&self, repository: &Path, lock: &Lock, deadline: Instant) -> Result<(), GitError> {
        let arguments = [
            "fetch",
            // Its silence is limited, so it must say how it gets on.
            "--progress",
            "--force",
            "--prune",
            // Tags are fetched by a refspec, so that moved and deleted ones follow.
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
            "--no-show-forced-updates",
            "--",
            self.options.url.argument(),
            "+refs/heads/*:refs/heads/*",
            "+refs/tags/*:refs/tags/*",
        ];
        self.remote(Some(repository), arguments, lock, deadline).map(drop)
    }

    /// Runs a git that talks to the remote and holds the lock as long as it lives.
    fn remote<'a>(
        &self,
        repository: Option<&Path>,
        arguments: impl IntoIterator<Item = &'a str>,
        lock: &Lock,
        deadline: Instant,
    ) -> Result<Vec<u8>, GitError> {
        let mut stdout = Vec::new();
        let invocation = Invocation {
            repository,
            arguments: arguments.into_iter().map(OsString::from).collect(),
            input: Input::Lock(lock.file()?),
            deadline: Some(deadline),
            remote: true,
            stdout_bytes_max: LIST_BYTES_MAX,
        };
        let finished = self
            .runner
            .run(invocation, &mut |bytes| stdout.extend_from_slice(bytes))?;
        match finished.status.success() {
            true => Ok(stdout),
            false => {
                let detail = match finished.complaint.is_empty() {
                    true => format!("git ended with {}", finished.status),
                    false => finished.complaint,
                };
                Err(GitError::FetchFailed {
                    url: self.options.url.to_string(),
                    attempts: 1,
                    detail,
                })
            }
        }
    }

    /// Keeps the refs that were fetched, and makes sure that what the tip needs is there.
    fn settle(&mut self, head: Option<Head>) -> Result<(), GitError> {
        let output = self.git(
            ["for-each-ref", "--format=%(objectname) %(refname)"],
            Input::Empty,
        )?;
        self.fetched = Some(Fetched {
            refs: Refs::parse(&output),
            head,
            tip: None,
        });
        // Only damage matters here: whoever resolves and reads gets to know everything else.
        let entries = |tip: Revision| Ok((tip.clone(), self.tree_entries(&tip)?));
        let found = self.tip().and_then(entries);
        if let Err(error @ GitError::MirrorDamaged { .. }) = found {
            self.fetched = None;
            return Err(error);
        }
        if let Some(fetched) = &mut self.fetched {
            fetched.tip = found.ok();
        }
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

    /// Makes ssh fail where it would ask, unless the user has said how ssh is to be started.
    fn settle_ssh(&mut self, repository: &Path) -> Result<(), GitError> {
        if self.ssh_settled || self.options.url.transport() != Transport::Ssh || self.runner.names_ssh() {
            return Ok(());
        }
        let (finished, _) = self.run(repository, ["config", "--get", "core.sshCommand"], Input::Empty)?;
        if finished.status.code() == Some(1) {
            self.runner.set_ssh_batch_mode();
        }
        self.ssh_settled = true;
        Ok(())
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
