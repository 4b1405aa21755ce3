//! What is asked of the remote: where its branch is, and its history.
//!
//! Nothing here decides what a mirror is worth; every git that writes to one holds its lock.

use std::ffi::OsString;
use std::path::Path;
use std::thread;
use std::time::Instant;

use treekeeper_core::model::Revision;

use super::error::{GitError, Limit};
use super::mirror::{LIST_BYTES_MAX, Mirror};
use super::place::Lock;
use super::process::{Input, Invocation};
use super::refs::{self, Head, Remote};
use super::url::Transport;

impl Mirror {
    /// Asks the remote for its branch's tip and fetches nothing; `None` where only a fetch can tell.
    ///
    /// Somebody who finds there what is deployed needs no more of the repository.
    ///
    /// # Errors
    /// A remote that can't be asked, after the configured retries.
    pub fn look(&mut self) -> Result<Option<Revision>, GitError> {
        if !self.place.has_mirror()? || self.place.flaw().is_some() {
            return Ok(None);
        }
        let deadline = Instant::now() + self.options.fetch_max;
        let mirror = self.place.mirror().to_owned();
        self.settle_ssh(&mirror)?;
        let branch = self.options.branch.as_ref().map(|name| refs::full_branch(name));
        let name = branch.as_deref().unwrap_or("HEAD");
        let remote = self.with_retries(deadline, |this| this.ask_remote(&[name], None, deadline))?;
        let tip = match (&branch, &remote.head) {
            (None, Head::Detached | Head::Unborn) => None,
            (Some(_), _) | (None, Head::Branch(_)) => remote.id(name).and_then(Revision::parse),
        };
        self.looked = Some(remote);
        Ok(tip)
    }

    /// Returns what the remote says of itself: of the refs that match the patterns, or of all.
    pub(super) fn ask_remote(
        &self,
        patterns: &[&str],
        lock: Option<&Lock>,
        deadline: Instant,
    ) -> Result<Remote, GitError> {
        let url = self.options.url.argument();
        let arguments = ["ls-remote", "--symref", "--", url]
            .into_iter()
            .chain(patterns.iter().copied());
        let output = self.remote(None, arguments, lock, deadline)?;
        Ok(Remote::parse(&output))
    }

    /// Makes the branches and tags of `repository` those of the remote, and gets what they need.
    pub(super) fn fetch_into(
        &self,
        repository: &Path,
        lock: &Lock,
        deadline: Instant,
    ) -> Result<(), GitError> {
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
        self.remote(Some(repository), arguments, Some(lock), deadline)
            .map(drop)
    }

    /// Runs a git that talks to the remote and holds the lock, if there is one, as long as it lives.
    fn remote<'a>(
        &self,
        repository: Option<&Path>,
        arguments: impl IntoIterator<Item = &'a str>,
        lock: Option<&Lock>,
        deadline: Instant,
    ) -> Result<Vec<u8>, GitError> {
        let mut stdout = Vec::new();
        let invocation = Invocation {
            repository,
            arguments: arguments.into_iter().map(OsString::from).collect(),
            input: match lock {
                Some(lock) => Input::Lock(lock.file()?),
                None => Input::Empty,
            },
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

    /// Runs `attempt` until it succeeds, fails for good, or the retries or the time are used up.
    pub(super) fn with_retries<T>(
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

    /// Makes ssh fail where it would ask, unless the user has said how ssh is to be started.
    pub(super) fn settle_ssh(&mut self, repository: &Path) -> Result<(), GitError> {
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
