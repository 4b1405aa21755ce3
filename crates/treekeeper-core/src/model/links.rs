//! Symbolic links and property links as zc.zk follows them (TREE_FORMAT.md 7), over what is known of the tree.
//!
//! Nothing is read here: whoever asks is told which node to read next, and asks again.

use std::collections::BTreeMap;

use super::{Properties, Text, Value, ZnodePath};

/// How many links one question may follow.
pub const HOPS_MAX: usize = 200;

/// How many steps may be open at a time, since each name of a path and each link is a step of a recursion; a path of
/// 1,024 bytes has at most 512 names.
const STEPS_MAX: usize = 600;

/// Why a path or a property cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The node must be read first; never shown to a person.
    #[error("{0} has not been read")]
    Need(ZnodePath),
    /// Neither a node nor a link leads there; the path as asked, without `.` and `..`.
    #[error("there is no znode {0}")]
    NoNode(String),
    /// Links lead back to where they were.
    #[error("links lead in a circle: {}", .0.join(" -> "))]
    LinkLoop(Vec<String>),
    /// A property link that leads nowhere.
    #[error("the property link {key:?} cannot be followed")]
    BadPropertyLink {
        /// The link's key, ` =>` included.
        key: String,
        /// Why not.
        #[source]
        cause: Box<LinkError>,
    },
    /// The node has no such property.
    #[error("there is no property {0:?}")]
    NoKey(String),
    /// The path goes above the root.
    #[error("the path {0} goes above the root")]
    AboveRoot(String),
}

/// What is known of a tree: which nodes exist, and their properties.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// By path as text: its own order compares names and is slower.
    nodes: BTreeMap<Box<str>, Option<Properties>>,
}

impl Known {
    /// Notes what reading the node gave: its properties, or `None` if it does not exist.
    pub fn learn(&mut self, path: ZnodePath, properties: Option<Properties>) {
        self.nodes.insert(path.as_str().into(), properties);
    }

    /// Returns the properties of a node that must exist.
    pub fn properties(&self, path: &ZnodePath) -> Result<&Properties, LinkError> {
        match self.nodes.get(path.as_str()) {
            Some(Some(properties)) => Ok(properties),
            Some(None) => Err(LinkError::NoNode(path.to_string())),
            None => Err(LinkError::Need(path.clone())),
        }
    }

    /// Returns the properties of the node, `None` if it doesn't exist.
    fn node(&self, path: &str) -> Result<Option<&Properties>, LinkError> {
        let node = znode(path)?;
        match self.nodes.get(node.as_str()) {
            Some(known) => Ok(known.as_ref()),
            None => Err(LinkError::Need(node)),
        }
    }
}

/// A node that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The path as zc.zk spells it: it may hold `//`, end in `/`, or be empty for the root.
    pub spelled: String,
    /// The same node's path.
    pub node: ZnodePath,
}

/// Returns the node that `path` leads to, following symbolic links.
///
/// `.` and `..` are taken out first, by their text: `..` does not know where a link leads. A node hides a link of its
/// name.
pub fn resolve(path: &str, known: &Known) -> Result<Resolved, LinkError> {
    let spelled = Walk {
        known,
        hops: HOPS_MAX,
        steps: 0,
    }
    .resolve(path, &[])?;
    let node = znode(&spelled)?;
    Ok(Resolved { spelled, node })
}

/// Returns the value of the property `key` of the node that `path` leads to, following property links.
pub fn property(path: &str, key: &str, known: &Known) -> Result<Value, LinkError> {
    let mut walk = Walk {
        known,
        hops: HOPS_MAX,
        steps: 0,
    };
    let resolved = walk.resolve(path, &[])?;
    walk.property(&resolved, path, key, &[])
}

/// Bytes of a path that a link may lead to, dots included; a server refuses less.
const PATH_BYTES_MAX: usize = 4_096;

struct Walk<'a> {
    known: &'a Known,
    hops: usize,
    steps: usize,
}

impl Walk<'_> {
    fn resolve(&mut self, path: &str, seen: &[String]) -> Result<String, LinkError> {
        if path.len() > PATH_BYTES_MAX {
            let start: String = path.chars().take(40).collect();
            return Err(LinkError::NoNode(format!("{start}...")));
        }
        let path = without_dots(path);
        if self.known.node(&path)?.is_some() {
            return Ok(path);
        }
        if seen.contains(&path) || self.hops == 0 || self.steps == STEPS_MAX {
            return Err(LinkError::LinkLoop(with(seen, path)));
        }
        self.steps += 1;
        let found = self.follow(&path, seen);
        self.steps -= 1;
        found.map_err(|error| match error {
            LinkError::NoNode(_) => LinkError::NoNode(path),
            other => other,
        })
    }

    /// Resolves the parent of `path`, which does not exist, and then the link of the last name.
    fn follow(&mut self, path: &str, seen: &[String]) -> Result<String, LinkError> {
        let no_node = || LinkError::NoNode(path.to_owned());
        let (parent, name) = path.rsplit_once('/').ok_or_else(no_node)?;
        let parent = self.resolve(parent, seen)?;
        let real = format!("{parent}/{name}");
        if self.known.node(&real)?.is_some() {
            return Ok(real);
        }
        let properties = self.known.node(&parent)?.ok_or_else(no_node)?;
        let target = match properties.get(&format!("{name} ->")) {
            Some(Value::String(target)) if !target.is_empty() => target.to_str_lossy().into_owned(),
            _ => return Err(no_node()),
        };
        let target = if target.starts_with('/') {
            target
        } else {
            format!("{parent}/{target}")
        };
        self.hops = self.hops.saturating_sub(1);
        self.resolve(&target, &with(seen, path.to_owned()))
    }

    /// Returns the property of the node at `resolved`; targets of links are relative to `asked`.
    fn property(
        &mut self,
        resolved: &str,
        asked: &str,
        key: &str,
        seen: &[String],
    ) -> Result<Value, LinkError> {
        let properties = self
            .known
            .node(resolved)?
            .ok_or_else(|| LinkError::NoNode(resolved.to_owned()))?;
        if let Some(value) = properties.get(key) {
            return Ok(value.clone());
        }
        let link_key = format!("{key} =>");
        let no_key = || LinkError::NoKey(key.to_owned());
        let link = properties.get(&link_key).ok_or_else(no_key)?;
        let value = match link {
            Value::String(link) => self.linked_property(link, asked, key, seen),
            _ => Err(no_key()),
        };
        value.map_err(|error| match error {
            need @ LinkError::Need(_) => need,
            cause => LinkError::BadPropertyLink {
                key: link_key,
                cause: Box::new(cause),
            },
        })
    }

    fn linked_property(
        &mut self,
        link: &Text,
        asked: &str,
        key: &str,
        seen: &[String],
    ) -> Result<Value, LinkError> {
        let link = link.to_str_lossy();
        let mut words = link.split_whitespace();
        let (Some(target), name, None) = (words.next(), words.next().unwrap_or(key), words.next()) else {
            return Err(LinkError::NoKey(key.to_owned()));
        };
        let target = if target.starts_with('/') {
            target.to_owned()
        } else {
            format!("{asked}/{target}")
        };
        let resolved = self.resolve(&target, &[])?;
        if seen.contains(&resolved) || self.hops == 0 {
            return Err(LinkError::LinkLoop(with(seen, resolved)));
        }
        self.hops -= 1;
        let seen = with(seen, resolved.clone());
        self.property(&resolved, &resolved, name, &seen)
    }
}

fn with(seen: &[String], path: String) -> Vec<String> {
    seen.iter().cloned().chain([path]).collect()
}

/// Returns the node that `path` names; empty parts don't count, as for kazoo.
fn znode(path: &str) -> Result<ZnodePath, LinkError> {
    let names = || path.split('/').filter(|name| !name.is_empty());
    if names().any(|name| matches!(name, "." | "..")) {
        return Err(LinkError::AboveRoot(path.to_owned()));
    }
    let names: Vec<&str> = names().collect();
    Ok(if names.is_empty() {
        ZnodePath::root()
    } else {
        ZnodePath::root().join(&names.join("/"))
    })
}

/// Takes `/.` and then `/x/..` out until nothing changes; x may be `..` itself, as in the original.
fn without_dots(path: &str) -> String {
    let mut path = path.to_owned();
    while path.contains("/.") {
        let next = without_parents(&without_selves(&path));
        if next == path {
            break;
        }
        path = next;
    }
    path
}

/// Replaces each `/.` that ends a part; a slash that ended one begins no other in the same round.
fn without_selves(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(place) = rest.find("/.") {
        let after = &rest[place + 2..];
        out.push_str(&rest[..place]);
        if after.is_empty() || after.starts_with('/') {
            out.push_str(&after[..after.len().min(1)]);
            rest = &after[after.len().min(1)..];
        } else {
            out.push_str("/.");
            rest = after;
        }
    }
    out + rest
}

/// Replaces each `/x/..` that ends a part.
fn without_parents(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(place) = rest.find('/') {
        out.push_str(&rest[..place]);
        let name = &rest[place + 1..];
        let name_length = name.find('/').unwrap_or(name.len());
        let after = name[name_length..]
            .strip_prefix("/..")
            .filter(|_| name_length > 0);
        match after {
            Some(after) if after.is_empty() || after.starts_with('/') => {
                out.push_str(&after[..after.len().min(1)]);
                rest = &after[after.len().min(1)..];
            }
            _ => {
                out.push('/');
                rest = name;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_go_by_their_text() {
        for (path, without) in [
            ("/a/b/../c", "/a/c"),
            ("/a/./b", "/a/b"),
            ("/.", ""),
            ("/a/..", ""),
            ("/a/b/./../..", ""),
            ("/././a", "/a"),
            ("/..", "/.."),
            ("/../..", ""),
            ("/a//..", "/a//.."),
            ("/a/.b/..c", "/a/.b/..c"),
            ("/s/t/../", "/s/"),
        ] {
            assert_eq!(without_dots(path), without, "{path}");
        }
    }

    #[test]
    fn endless_links_end() {
        let mut known = Known::default();
        let link = Value::String(Text::from("a/a"));
        known.learn(
            ZnodePath::root(),
            Some(Properties::from_entries(vec![(Text::from("a ->"), link)])),
        );
        let deep = "/x".repeat(700);
        (1..=700).for_each(|names| known.learn(znode(&"/x".repeat(names)).unwrap(), None));
        for path in ["/a", &deep] {
            while let Err(LinkError::Need(node)) = resolve(path, &known) {
                known.learn(node, None);
            }
            assert!(matches!(resolve(path, &known), Err(LinkError::LinkLoop(_))));
        }
    }
}
