//! The branches and tags of the last fetch, kept in memory, and the grammar of their names.
//!
//! A mirror's refs on disk may be those of another repository or another process's fetch; names are only ever
//! resolved from here.

use std::collections::BTreeMap;

use super::error::{GitError, HeadKind};
use super::text::{escape, escape_bytes};

const BRANCHES: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";

/// What the remote's HEAD says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// The branch that it names; whether it exists is another question.
    Branch(String),
    /// It names a commit.
    Detached,
    /// It names nothing that exists.
    Unborn,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The object that a branch or tag names.
    Ref(String),
    /// The digits of an object id, all of them or the first few.
    Digits(String),
}

/// The branches and tags of one fetch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refs(BTreeMap<String, String>);

impl Refs {
    /// Reads what `for-each-ref --format=%(objectname) %(refname)` prints; names that aren't UTF-8 are left out.
    pub(crate) fn parse(output: &[u8]) -> Refs {
        let lines = output
            .split(|byte| *byte == b'\n')
            .filter_map(|line| std::str::from_utf8(line).ok());
        let pairs = lines.filter_map(|line| line.split_once(' '));
        Refs(pairs.map(|(id, name)| (name.to_owned(), id.to_owned())).collect())
    }

    /// Returns the object that a branch names.
    pub(crate) fn branch(&self, branch: &str) -> Option<&str> {
        self.0.get(&format!("{BRANCHES}{branch}")).map(String::as_str)
    }

    /// Returns the names of the branches, sorted and escaped.
    pub(crate) fn branches(&self) -> Vec<String> {
        self.0
            .keys()
            .filter_map(|name| name.strip_prefix(BRANCHES))
            .map(escape)
            .collect()
    }

    /// Returns the branch that is meant when none is named.
    pub(crate) fn default_branch<'a>(&self, head: &'a Head, url: &str) -> Result<&'a str, GitError> {
        let available = self.branches();
        if available.is_empty() {
            return Err(GitError::RepositoryEmpty { url: url.to_owned() });
        }
        let kind = match head {
            Head::Branch(branch) if self.branch(branch).is_some() => return Ok(branch),
            Head::Branch(_) | Head::Unborn => HeadKind::Unborn,
            Head::Detached => HeadKind::Detached,
        };
        Err(GitError::NoDefaultBranch {
            url: url.to_owned(),
            kind,
            available,
        })
    }

    /// Returns what `revision`, a checked name, stands for.
    ///
    /// Whole ids are ids, as git has it; then branches and tags, of which only one may match; then an id's first digits.
    pub(crate) fn target(&self, revision: &str) -> Result<Target, GitError> {
        if is_digits(revision) && matches!(revision.len(), 40 | 64) {
            return Ok(Target::Digits(revision.to_owned()));
        }
        let exact = self.0.get(revision);
        let (branch, tag) = (self.branch(revision), self.0.get(&format!("{TAGS}{revision}")));
        match (exact, branch, tag) {
            (Some(id), ..) => Ok(Target::Ref(id.clone())),
            (None, Some(branch), Some(tag)) if branch != tag => Err(GitError::RevisionAmbiguous {
                revision: revision.to_owned(),
                detail: "a branch and a tag have this name".to_owned(),
            }),
            (None, Some(id), _) => Ok(Target::Ref(id.to_owned())),
            (None, None, Some(id)) => Ok(Target::Ref(id.clone())),
            (None, None, None) if is_digits(revision) => Ok(Target::Digits(revision.to_owned())),
            (None, None, None) => Err(GitError::RevisionMissing {
                revision: revision.to_owned(),
            }),
        }
    }
}

/// What `ls-remote --symref` says of a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// What its HEAD says.
    pub head: Head,
    /// The refs that were asked for, HEAD among them, and what they name.
    ids: BTreeMap<String, String>,
}

impl Remote {
    /// Reads what git prints; what is no line of it is left out.
    pub(crate) fn parse(output: &[u8]) -> Remote {
        let (mut named, mut ids) = (None, BTreeMap::new());
        let lines = output
            .split(|byte| *byte == b'\n')
            .filter_map(|line| std::str::from_utf8(line).ok());
        for (value, name) in lines.filter_map(|line| line.split_once('\t')) {
            match value.strip_prefix("ref: ") {
                Some(target) if name == "HEAD" => named = Some(target),
                Some(_) => {}
                None => drop(ids.insert(name.to_owned(), value.to_owned())),
            }
        }
        let head = match named.map(|target| target.strip_prefix(BRANCHES)) {
            Some(Some(branch)) => Head::Branch(branch.to_owned()),
            Some(None) => Head::Detached,
            None if ids.contains_key("HEAD") => Head::Detached,
            None => Head::Unborn,
        };
        Remote { head, ids }
    }

    /// Returns the object that a ref names, if it was asked for and is there.
    pub(crate) fn id(&self, name: &str) -> Option<&str> {
        self.ids.get(name).map(String::as_str)
    }

    /// Returns how long the remote's object ids are, if it has any.
    pub(crate) fn id_length(&self) -> Option<usize> {
        self.ids.values().next().map(String::len)
    }
}

/// Returns a branch's whole name.
pub(crate) fn full_branch(branch: &str) -> String {
    format!("{BRANCHES}{branch}")
}

/// Returns the name of a branch without `refs/heads/`, or refuses it.
pub(crate) fn checked_branch(name: &str) -> Result<String, GitError> {
    checked_revision(name.strip_prefix(BRANCHES).unwrap_or(name))
}

/// Returns the name of a branch, tag or commit as it is, or refuses it: never an option, never an expression.
pub(crate) fn checked_revision(name: &str) -> Result<String, GitError> {
    let is_hostile = |character: char| character.is_control() || " ~^:?*[\\".contains(character);
    let is_component = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    let is_name = !name.starts_with('-')
        && !name.ends_with('.')
        && name != "@"
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(is_hostile)
        && name.len() <= 1024
        && name.split('/').all(is_component);
    match is_name {
        true => Ok(name.to_owned()),
        false => Err(GitError::NameRefused {
            name: escape_bytes(name.as_bytes()),
        }),
    }
}

fn is_digits(text: &str) -> bool {
    text.len() >= 4 && text.len() <= 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_and_nothing_else() {
        for name in ["main", "a/b.c", "v1.0", "0defaced", "refs/tags/v1", "größe"] {
            assert!(checked_revision(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "-x",
            "--upload-pack=x",
            "a..b",
            "a b",
            "main~1",
            "main^{tree}",
            "a:b",
            "@",
            "@{-1}",
            "a@{1}",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.",
            "a\nb",
            "*",
            "a[b",
            "a\\b",
        ] {
            assert!(checked_revision(name).is_err(), "{name}");
        }
        assert_eq!(checked_branch("refs/heads/main").unwrap(), "main");
    }

    #[test]
    fn a_name_of_a_branch_and_a_tag_is_ambiguous_only_if_they_differ() {
        let refs = Refs::parse(b"11 refs/heads/a\n22 refs/tags/a\n33 refs/heads/beef\n33 refs/tags/beef\n");
        let target = |name: &str| refs.target(name).map_err(|error| error.to_string());
        assert_eq!(
            target("a"),
            Err("a is ambiguous: a branch and a tag have this name".to_owned())
        );
        assert_eq!(target("refs/tags/a"), Ok(Target::Ref("22".to_owned())));
        assert_eq!(target("beef"), Ok(Target::Ref("33".to_owned())));
        assert_eq!(target("beefed"), Ok(Target::Digits("beefed".to_owned())));
        assert_eq!(
            target("b"),
            Err("b is not a branch, tag or commit of the repository".to_owned())
        );
    }

    #[test]
    fn head_is_read_from_the_remote_s_answer() {
        let id = "1".repeat(40);
        let read = |text: &str| {
            let remote = Remote::parse(text.replace("ID", &id).as_bytes());
            let length = remote.id_length();
            (remote.head, length)
        };
        assert_eq!(
            read("ref: refs/heads/a/b\tHEAD\nID\tHEAD\nID\trefs/heads/HEAD\n"),
            (Head::Branch("a/b".to_owned()), Some(40))
        );
        assert_eq!(
            read("ID\tHEAD\nref: refs/heads/x\trefs/remotes/o/HEAD\n"),
            (Head::Detached, Some(40))
        );
        assert_eq!(read("ID\trefs/heads/HEAD\n"), (Head::Unborn, Some(40)));
        assert_eq!(read(""), (Head::Unborn, None));
    }
}
