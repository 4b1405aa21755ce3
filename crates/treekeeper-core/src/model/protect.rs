//! Which znodes are never deleted: globs of paths, and who set each.
//!
//! What of a plan they forbid is `plan`'s to find.

use std::fmt;

use super::ZnodePath;

/// The most globs of one list.
pub const GLOBS_MAX: usize = 100;
/// The most bytes of a glob.
pub const GLOB_BYTES_MAX: usize = 1_024;
/// The name that stands for any number of names, also none.
const ANY_DEPTH: &str = "**";

/// A pattern of paths: `*` stands for any characters within one name, `**` for any number of names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glob(Box<str>);

/// Why a text is no glob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// It does not begin with a slash.
    #[error("a glob begins with a slash, such as /roles/**")]
    NotAbsolute,
    /// There is an empty name in it.
    #[error("there is nothing between two slashes, or after the last one")]
    EmptyName,
    /// `**` is only a part of a name.
    #[error("** stands for whole names only, such as /roles/**")]
    PartOfAName,
    /// It is too long.
    #[error("a glob has at most {GLOB_BYTES_MAX} bytes")]
    TooLong,
}

impl Glob {
    /// Returns the glob that a text is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Glob, GlobError> {
        if text.len() > GLOB_BYTES_MAX {
            return Err(GlobError::TooLong);
        }
        let names = text.strip_prefix('/').ok_or(GlobError::NotAbsolute)?;
        for name in names.split('/') {
            if name.is_empty() {
                return Err(GlobError::EmptyName);
            }
            if name.contains(ANY_DEPTH) && name != ANY_DEPTH {
                return Err(GlobError::PartOfAName);
            }
        }
        Ok(Glob(text.into()))
    }

    /// Returns it as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether the path is one of those that are meant.
    pub fn matches(&self, path: &ZnodePath) -> bool {
        // Which first parts of the pattern match the names so far; the last one decides.
        let parts: Vec<&str> = self.0[1..].split('/').collect();
        let mut reached = vec![false; parts.len() + 1];
        reached[0] = true;
        pass_over(&parts, &mut reached);
        for name in path.names() {
            let mut next = vec![false; parts.len() + 1];
            for (place, part) in parts.iter().enumerate().filter(|(place, _)| reached[*place]) {
                if *part == ANY_DEPTH {
                    next[place] = true;
                } else if name_matches(part.as_bytes(), name.as_bytes()) {
                    next[place + 1] = true;
                }
            }
            pass_over(&parts, &mut next);
            reached = next;
        }
        reached[parts.len()]
    }
}

/// Lets each `**` that is reached stand for no name at all.
fn pass_over(parts: &[&str], reached: &mut [bool]) {
    for (place, part) in parts.iter().enumerate() {
        reached[place + 1] |= reached[place] && *part == ANY_DEPTH;
    }
}

/// Matches one name; every `*` is tried as short as possible first, and the last one grows.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, from));
            at += 1;
        } else if pattern.get(at) == Some(&name[from]) {
            (at, from) = (at + 1, from + 1);
        } else if let Some((place, matched)) = star {
            star = Some((place, matched + 1));
            (at, from) = (place + 1, matched + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Who protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guardian {
    /// `protect` of `[delete]` in the configuration of the machine that syncs.
    Configuration,
    /// The repository's own `treekeeper.toml` at the commit that is to be deployed.
    Repository,
    /// What the cluster remembers of the commit that was applied last.
    Cluster,
}

impl fmt::Display for Guardian {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Guardian::Configuration => "in [delete] of the configuration",
            Guardian::Repository => "in treekeeper.toml of the repository",
            Guardian::Cluster => "since the deployed commit",
        })
    }
}

/// A glob, and who set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// What is protected.
    pub glob: Glob,
    /// By whom.
    pub guardian: Guardian,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(glob: &str, paths: &[&'static str]) -> Vec<&'static str> {
        let glob = Glob::parse(glob).unwrap();
        let is_matched = |text: &&&str| glob.matches(&ZnodePath::parse(text).unwrap());
        paths.iter().filter(is_matched).copied().collect()
    }

    #[test]
    fn two_stars_are_any_number_of_names() {
        let paths = [
            "/roles",
            "/roles/a",
            "/roles/a/b",
            "/role",
            "/x/roles",
            "/x/roles/a",
        ];
        assert_eq!(matched("/roles/**", &paths), ["/roles", "/roles/a", "/roles/a/b"]);
        assert_eq!(matched("/**/roles", &paths), ["/roles", "/x/roles"]);
        assert_eq!(
            matched("/**/roles/**", &paths),
            ["/roles", "/roles/a", "/roles/a/b", "/x/roles", "/x/roles/a"]
        );
        assert_eq!(matched("/**", &paths), paths);
        assert_eq!(matched("/roles/**/b", &paths), ["/roles/a/b"]);
        assert_eq!(matched("/roles", &paths), ["/roles"]);
    }

    #[test]
    fn one_star_stays_within_a_name() {
        let paths = ["/a", "/ab", "/abc", "/a/b", "/b", "/aXbXc", "/abb"];
        assert_eq!(matched("/a*", &paths), ["/a", "/ab", "/abc", "/aXbXc", "/abb"]);
        assert_eq!(
            matched("/*", &paths),
            ["/a", "/ab", "/abc", "/b", "/aXbXc", "/abb"]
        );
        assert_eq!(matched("/*/*", &paths), ["/a/b"]);
        assert_eq!(matched("/a*b*c", &paths), ["/abc", "/aXbXc"]);
        assert_eq!(matched("/*b", &paths), ["/ab", "/b", "/abb"]);
        assert_eq!(matched("/a*c*", &paths), ["/abc", "/aXbXc"]);
    }

    #[test]
    fn what_is_no_glob_is_refused() {
        let wrong = |text: &str| Glob::parse(text).unwrap_err();
        assert_eq!(wrong("roles/**"), GlobError::NotAbsolute);
        assert_eq!(wrong(""), GlobError::NotAbsolute);
        for text in ["/", "/a/", "//a", "/a//b"] {
            assert_eq!(wrong(text), GlobError::EmptyName, "{text}");
        }
        for text in ["/a**", "/***", "/a/**b"] {
            assert_eq!(wrong(text), GlobError::PartOfAName, "{text}");
        }
        assert_eq!(
            wrong(&format!("/{}", "x".repeat(GLOB_BYTES_MAX))),
            GlobError::TooLong
        );
        assert!(Glob::parse(&format!("/{}", "x".repeat(GLOB_BYTES_MAX - 1))).is_ok());
    }

    #[test]
    fn many_stars_cost_little() {
        let glob = Glob::parse(&format!("/{}b", "a*".repeat(200))).unwrap();
        let path = ZnodePath::parse(&format!("/{}", "a".repeat(900))).unwrap();
        assert!(!glob.matches(&path));
    }
}
