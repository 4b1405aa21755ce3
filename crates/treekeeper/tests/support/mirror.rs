//! Ways from a test repository to a mirror, and from an answer to text.

use std::time::Duration;

use super::repository::Repository;
use treekeeper::git::{Environment, GitError, GitOptions, Mirror, ReadLimits};
use treekeeper_core::model::Revision;

/// Returns options for `url` with a mirror, a HOME and a PATH of the test's own, and no pause.
pub fn options_for(repository: &Repository, url: &str, variables: &[(&str, &str)]) -> GitOptions {
    let mut options = GitOptions::new(url, repository.place("state/mirror")).unwrap();
    let fixed = [
        ("HOME", repository.home().to_str().unwrap().to_owned()),
        ("PATH", std::env::var("PATH").unwrap()),
    ];
    let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
    options.environment = Environment::from_iter(fixed.into_iter().chain(variables));
    options.retry_pause = Duration::ZERO;
    options
}

/// Returns options for a test repository by its path.
pub fn options(repository: &Repository) -> GitOptions {
    options_for(repository, &repository.url(), &[])
}

/// Returns the mirror of a repository, fetched.
pub fn fetched(repository: &Repository) -> Mirror {
    let mut mirror = Mirror::open(options(repository)).unwrap();
    mirror.fetch().unwrap();
    mirror
}

/// Fetches, resolves and reads, and returns `NAME=TEXT` of each file or the message and its hint.
pub fn read(options: GitOptions) -> String {
    read_with(options, &ReadLimits::default())
}

/// As [`read`], with limits.
pub fn read_with(options: GitOptions, limits: &ReadLimits) -> String {
    let files = Mirror::open(options).and_then(|mut mirror| {
        mirror.fetch()?;
        let revision = mirror.resolve(None)?;
        mirror.read(&revision, limits)
    });
    match files {
        Ok(files) => {
            let texts = files
                .iter()
                .map(|file| format!("{}={}", file.name, String::from_utf8_lossy(&file.bytes)));
            texts.collect::<Vec<_>>().join(" ")
        }
        Err(error) => told(&error),
    }
}

/// Returns an error's message and hint.
pub fn told(error: &GitError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}

/// Returns the message with the temporary directory's name taken out.
pub fn without_place(repository: &Repository, message: &str) -> String {
    message.replace(repository.place("").to_str().unwrap(), "PLACE/")
}

/// Returns the revision of a whole id.
pub fn revision(id: &str) -> Revision {
    Revision::parse(id).unwrap()
}
