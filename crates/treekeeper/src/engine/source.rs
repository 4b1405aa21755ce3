//! The repository as an operation sees it: a commit, its files, and how commits lie to each other.

use std::sync::Arc;
use std::time::Duration;

use treekeeper_core::gate::Relation;
use treekeeper_core::layer::Rules;
use treekeeper_core::model::protect::Glob;
use treekeeper_core::model::{Revision, printable};
use treekeeper_core::operation::{Answer, Failure, KnownCommits};
use treekeeper_core::treefile::SourceFile;

use super::pieces::PieceReader;
use super::settings::{SettingsApart, protected};
use crate::git::{Blamed, GitError, GitOptions, Mirror, ReadLimits, SETTINGS_FILE};
use crate::zk::{Hints, Progress};

/// How long a look waits for the remote.
const LOOK_FETCH_MAX: Duration = Duration::from_secs(10);

/// A repository, fetched into a bare mirror when it is first asked for.
pub struct RepositorySource {
    options: GitOptions,
    revision: Option<String>,
    limits: ReadLimits,
    mirror: Option<Mirror>,
    asks_mirror_first: bool,
    /// Whether the remote was only looked at: what is in the mirror may not be enough.
    is_unfetched: bool,
    /// How two commits lie, the deployed one first, where that was asked before.
    related: Option<(Revision, Revision, Relation)>,
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
            is_unfetched: false,
            related: None,
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
    /// A branch whose tip is known already is looked at, and fetched only when somebody reads more of it than there is.
    ///
    /// # Errors
    /// What git refuses, after the configured retries.
    pub fn fetch(&mut self, known: &KnownCommits) -> Result<(Revision, Revision), Failure> {
        let mirror = match &mut self.mirror {
            Some(mirror) => mirror,
            None => self
                .mirror
                .insert(Mirror::open(self.options.clone()).map_err(failure)?),
        };
        (self.is_unfetched, self.related) = (false, None);
        if self.revision.is_none() && known.root.is_some() {
            let tip = mirror.look().map_err(failure)?;
            let root = tip.as_ref().and_then(|tip| known.root_of(tip).cloned());
            if let (Some(tip), Some(root)) = (tip, root) {
                self.is_unfetched = true;
                return Ok((tip, root));
            }
        }
        let is_here = match (&self.revision, self.asks_mirror_first) {
            (Some(revision), true) => mirror.resolve(Some(revision)).is_ok(),
            _ => false,
        };
        if !is_here {
            mirror.fetch().map_err(failure)?;
        }
        let revision = mirror.resolve(self.revision.as_deref()).map_err(failure)?;
        if let Some(root) = known.root_of(&revision) {
            return Ok((revision, root.clone()));
        }
        let deployed = known.deployed.as_ref();
        let (root, relation) = mirror.survey(&revision, deployed).map_err(failure)?;
        self.related = deployed
            .zip(relation)
            .map(|(deployed, relation)| (deployed.clone(), revision.clone(), relation));
        Ok((revision, root))
    }

    fn mirror(&mut self) -> Result<&mut Mirror, Failure> {
        self.mirror
            .as_mut()
            .ok_or_else(|| Failure::new("the repository was not fetched"))
    }

    /// Returns the mirror with a commit in it that may only have been looked at.
    fn mirror_with(&mut self, revision: &Revision) -> Result<&mut Mirror, Failure> {
        if std::mem::take(&mut self.is_unfetched) {
            self.mirror()?.catch_up(revision).map_err(failure)?;
        }
        self.mirror()
    }

    /// Returns how `target` lies to `deployed`.
    ///
    /// # Errors
    /// A mirror that cannot be read.
    pub fn relation(&mut self, deployed: &Revision, target: &Revision) -> Result<Relation, Failure> {
        match &self.related {
            Some((from, to, relation)) if (from, to) == (deployed, target) => Ok(*relation),
            _ => self
                .mirror_with(target)?
                .relation(deployed, target)
                .map_err(failure),
        }
    }

    /// Returns what the tree files at `revision` desire, with their names, if nothing is wrong with them; else the files.
    ///
    /// What the files name is added to `hints` as they are read.
    ///
    /// # Errors
    /// As [`RepositorySource::read`].
    pub fn read_desired(
        &mut self,
        revision: &Revision,
        rules: &Arc<Rules>,
        progress: &Arc<Progress>,
        hints: &Arc<Hints>,
    ) -> Result<Answer, Failure> {
        let mut reader = PieceReader::new(Arc::clone(rules), Arc::clone(progress), Arc::clone(hints));
        let mut sink = SettingsApart::new(&mut reader);
        let limits = self.limits.clone();
        self.mirror_with(revision)?
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
        self.mirror_with(revision)?
            .blame(revision, file, line)
            .map_err(failure)
    }

    /// Tells whether `ancestor` is `descendant`, or a commit behind it.
    ///
    /// # Errors
    /// A mirror that cannot be read.
    pub fn is_behind(&mut self, ancestor: &Revision, descendant: &Revision) -> Result<bool, Failure> {
        self.mirror_with(descendant)?
            .is_behind(ancestor, descendant)
            .map_err(failure)
    }

    /// Returns the tree files at `revision`, `.zk` first, each group sorted, and what the settings beside them protect.
    ///
    /// # Errors
    /// Entries that are not regular files, limits, a mirror that cannot be read, settings that are wrong.
    pub fn read(&mut self, revision: &Revision) -> Result<(Vec<SourceFile>, Vec<Glob>), Failure> {
        let limits = self.limits.clone();
        let mut files = self
            .mirror_with(revision)?
            .read(revision, &limits)
            .map_err(failure)?;
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
