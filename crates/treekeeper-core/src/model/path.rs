//! Paths of znodes, and which names a server takes.

use std::fmt;

use super::printable::unprintable;

/// The top-level nodes that no tree file may define and no import may touch.
pub const RESERVED_ROOTS: [&str; 6] = [
    "zookeeper",
    "treekeeper",
    "hosts",
    "ZktoolsLocks",
    "hosts-lock",
    "agent-locks",
];

/// Why a name or a path is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A path that does not begin with `/`.
    #[error("path does not start with /")]
    NotAbsolute,
    /// An empty part, as in `/a//b` or `/a/`.
    #[error("a name in the path is empty")]
    EmptyName,
    /// `.` or `..` as a name.
    #[error("{0:?} cannot be the name of a znode")]
    RelativeName(String),
    /// A character that servers refuse, or that could deceive a reader of the path.
    #[error("character U+{0:04X} cannot be in the name of a znode")]
    Character(u32),
}

/// Returns an error unless a server takes `name` as one part of a path and a person can read it.
///
/// Refused are what Apache ZooKeeper's PathUtils refuses (empty, `.`, `..`, U+0000-001F, U+007F-009F,
/// U+D800-F8FF and so every character above U+FFFF, U+FFF0-FFFF) and, on our own account, what
/// reorders text or is not seen ([`unprintable`]).
pub fn check_name(name: &str) -> Result<(), PathError> {
    match name {
        "" => return Err(PathError::EmptyName),
        "." | ".." => return Err(PathError::RelativeName(name.to_owned())),
        _ => {}
    }
    if name.bytes().all(|byte| matches!(byte, 0x20..=0x7E)) {
        return Ok(());
    }
    match name
        .chars()
        .find(|character| refused_by_servers(*character) || unprintable(*character))
    {
        Some(character) => Err(PathError::Character(u32::from(character))),
        None => Ok(()),
    }
}

fn refused_by_servers(character: char) -> bool {
    matches!(u32::from(character), 0..=0x1F | 0x7F..=0x9F | 0xD800..=0xF8FF | 0xFFF0..)
}

/// The absolute path of a znode; the root is `/`.
///
/// The order is that of a depth-first walk: a node comes before its descendants, and those before its next sibling.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ZnodePath(Box<str>);

impl ZnodePath {
    /// Returns the root.
    pub fn root() -> ZnodePath {
        ZnodePath("/".into())
    }

    /// Returns the path that `text` spells, if a server would take it; a trailing slash is not taken.
    ///
    /// Paths that came from a server are not asked about deceiving characters: see [`ZnodePath::join`].
    pub fn parse(text: &str) -> Result<ZnodePath, PathError> {
        if text == "/" {
            return Ok(ZnodePath::root());
        }
        let rest = text.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
        rest.split('/').try_for_each(check_name)?;
        Ok(ZnodePath(text.into()))
    }

    /// Returns the child called `name`, which is taken as it is.
    pub fn join(&self, name: &str) -> ZnodePath {
        if self.is_root() {
            ZnodePath(format!("/{name}").into())
        } else {
            ZnodePath(format!("{self}/{name}").into())
        }
    }

    /// Returns the parent; `None` for the root.
    pub fn parent(&self) -> Option<ZnodePath> {
        if self.is_root() {
            return None;
        }
        match self.0.rfind('/') {
            Some(0) | None => Some(ZnodePath::root()),
            Some(end) => Some(ZnodePath(self.0[..end].into())),
        }
    }

    /// Returns the parts in order; none for the root.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Returns the last part; empty for the root.
    pub fn name(&self) -> &str {
        self.names().next_back().unwrap_or("")
    }

    /// Tells whether this is `/`.
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// Tells whether this is `other` or lies below it.
    pub fn is_within(&self, other: &ZnodePath) -> bool {
        other.is_root()
            || self
                .0
                .strip_prefix(&*other.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Tells whether the path lies in one of [`RESERVED_ROOTS`].
    pub fn is_reserved(&self) -> bool {
        self.names()
            .next()
            .is_some_and(|root| RESERVED_ROOTS.contains(&root))
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Ord for ZnodePath {
    /// Orders name by name, so that what is below a node comes right after it: a slash is less than any other byte.
    fn cmp(&self, other: &ZnodePath) -> std::cmp::Ordering {
        let (left, right) = (self.0.as_bytes(), other.0.as_bytes());
        let differ = left.iter().zip(right).position(|(left, right)| left != right);
        let place = differ.unwrap_or(left.len().min(right.len()));
        let rank = |path: &[u8]| path.get(place).map(|byte| (*byte != b'/', *byte));
        rank(left).cmp(&rank(right))
    }
}

impl PartialOrd for ZnodePath {
    fn partial_cmp(&self, other: &ZnodePath) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ZnodePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ZnodePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_ordered_name_by_name() {
        let names = [
            "", "/a", "/a/b", "/a/b/c", "/a-b", "/a!", "/a/!", "/aa", "/b", "/a/é", "/é/a", "/a0/b",
        ];
        let paths = names.map(|name| ZnodePath::parse(if name.is_empty() { "/" } else { name }).unwrap());
        for left in &paths {
            for right in &paths {
                let by_names = left.names().cmp(right.names());
                assert_eq!(left.cmp(right), by_names, "{left} {right}");
            }
        }
    }

    #[test]
    fn names_that_servers_refuse_are_refused() {
        for name in [
            "",
            ".",
            "..",
            "\u{1}",
            "\u{7f}",
            "\u{9f}",
            "\u{e000}",
            "\u{f8ff}",
            "\u{fff0}",
            "\u{1F600}",
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in [
            "a", "...", ".x", "a b", "%", "\u{a0}", "\u{65e5}", "\u{f900}", "host:80",
        ] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn paths_sort_as_a_walk_meets_them() {
        let mut paths: Vec<_> = ["/a.b", "/a", "/a/b", "/a b"]
            .map(|text| ZnodePath::parse(text).unwrap())
            .into();
        paths.sort();
        assert_eq!(
            paths.iter().map(ZnodePath::as_str).collect::<Vec<_>>(),
            ["/a", "/a/b", "/a b", "/a.b"]
        );
    }

    #[test]
    fn within_asks_for_whole_names() {
        let path = |text| ZnodePath::parse(text).unwrap();
        assert!(path("/a/b").is_within(&path("/a")));
        assert!(!path("/ab").is_within(&path("/a")));
    }
}
