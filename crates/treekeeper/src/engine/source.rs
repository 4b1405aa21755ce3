//! The repository as an operation sees it: a commit, its files, and how commits lie to each other.

use std::sync::Arc;
use std::time::Duration;

use treekeeper_core::gate::Relation;
use treekeeper_core::layer::Rules;
use treekeeper_core::model::protect::Glob;
use treekeeper_core::model::{Revision, printable};
use treekeeper_core::operation::{Answer, Failure};
use treekeeper_core::treefile::SourceFile;

use super::pieces::PieceReader;
use super::settings::{SettingsApart, protected};
use crate::git::{Blamed, GitError, GitOptions, Mirror, ReadLimits, SETTINGS_FILE};
use crate::zk::Progress;

/// How long a look waits for the remote.
const LOOK_FETCH_MAX: Duration = Duration::from_secs(10);

/// A repository, fetched into a bare mirror when it is first asked for.
pub struct RepositorySource {
    options: GitOptions,
    revision: Option<String>,
    limits: ReadLimits,
    mirror: Option<Mirror>,
    asks_mirror_first: bool,
}

impl RepositorySource {
    /// Returns a source that has not been fetched; `revision` names one commit instead of the branch's tip.
    pub fn new(options: GitOptions, revision: Option<String>, limits: ReadLimits) -> RepositorySource {
        RepositorySource {
            options,
            revision,
            limits,
            mirror: None,
            asks_mirror_first: false,
        }
    }

    /// For those who only look at a commit that was deployed before: asks the mirror first, and the remote once and
    /// for a short time.
    pub fn for_a_look(mut self) -> RepositorySource {
        self.options.retries = 0;
        self.options.fetch_max = self.options.fetch_max.min(LOOK_FETCH_MAX);
        self.asks_mirror_first = true;
        self
    }

    /// For a commit that is known by its id: what the mirror has need not be fetched.
    pub fn mirror_first(mut self) -> RepositorySource {
        self.asks_mirror_first = true;
        self
    }

    /// Fetches, resolves the revision once, and returns it with the repository's root commit.
    ///
    /// # Errors
    /// What git refuses, after the configured retries.
    pub fn fetch(&mut self) -> Result<(Revision, Revision), Failure> {
        let mirror = match &mut self.mirror {
            Some(mirror) => mirror,
            None => self
                .mirror
                .insert(Mirror::open(self.options.clone()).map_err(failure)?),
        };
        let known = match (&self.revision, self.asks_mirror_first) {
            (Some(revision), true) => mirror.resolve(Some(revision)).is_ok(),
            _ => false,
        };
        if !known {
            mirror.fetch().map_err(failure)?;
        }
        let revision = mirror.resolve(self.revision.as_deref()).map_err(failure)?;
        let repository = mirror.root_commit(&revision).map_err(failure)?;
        Ok((revision, repository))
    }

    fn mirror(&mut self) -> Result<&mut Mirror, Failure> {
        self.mirror
            .as_mut()
            .ok_or_else(|| Failure::new("the repository was not fetched"))
    }

    /// Returns how `target` lies to `deployed`.
    ///
    /// # Errors
    /// A mirror that cannot be read.
    pub fn relation(&mut self, deployed: &Revision, target: &Revision) -> Result<Relation, Failure> {
        self.mirror()?.relation(deployed, target).map_err(failure)
    }

    /// Returns what the tree files at `revision` desire, with their names, if nothing is wrong with them; else the files.
    ///
    /// # Errors
    /// As [`RepositorySource::read`].
    pub fn read_desired(
        &mut self,
        revision: &Revision,
        rules: &Arc<Rules>,
        progress: &Arc<Progress>,
    ) -> Result<Answer, Failure> {
        let mut reader = PieceReader::new(Arc::clone(rules), Arc::clone(progress));
        let mut sink = SettingsApart::new(&mut reader);
        let limits = self.limits.clone();
        self.mirror()?
            .read_into(revision, &limits, &mut sink)
            .map_err(failure)?;
        let settings = sink.into_settings();
        let Some((names, desired)) = reader.finish() else {
            // They are read once more: only those who can say what is wrong need to keep them.
            let (files, protect) = self.read(revision)?;
            return Ok(Answer::Files { files, protect });
        };
        let protect = settings.map(|file| protected(&file, revision)).transpose()?;
        Ok(Answer::Desired {
            names,
            desired: Box::new(desired),
            protect: protect.unwrap_or_default(),
        })
    }

    /// Returns the commit that last changed a line of a tree file.
    ///
    /// # Errors
    /// A mirror that cannot be read.
    pub fn blame(&mut self, revision: &Revision, file: &str, line: usize) -> Result<Blamed, Failure> {
        self.mirror()?.blame(revision, file, line).map_err(failure)
    }

    /// Tells whether `ancestor` is `descendant`, or a commit behind it.
    ///
    /// # Errors
    /// A mirror that cannot be read.
    pub fn is_behind(&mut self, ancestor: &Revision, descendant: &Revision) -> Result<bool, Failure> {
        self.mirror()?.is_behind(ancestor, descendant).map_err(failure)
    }

    /// Returns the tree files at `revision`, `.zk` first, each group sorted, and what the settings beside them protect.
    ///
    /// # Errors
    /// Entries that are not regular files, limits, a mirror that cannot be read, settings that are wrong.
    pub fn read(&mut self, revision: &Revision) -> Result<(Vec<SourceFile>, Vec<Glob>), Failure> {
        let limits = self.limits.clone();
        let mut files = self.mirror()?.read(revision, &limits).map_err(failure)?;
        let place = files.iter().position(|file| file.name == SETTINGS_FILE);
        let settings = place.map(|place| files.remove(place));
        let protect = settings.map(|file| protected(&file, revision)).transpose()?;
        Ok((files, protect.unwrap_or_default()))
    }
}

/// Returns git's error as an operation reports it.
pub fn failure(error: GitError) -> Failure {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        message.push_str(&format!(": {}", printable(&inner.to_string())));
        cause = inner.source();
    }
    let failure = Failure {
        code: Some(error.code()),
        ..Failure::new(message)
    };
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
