//! What a cluster looks like to an outsider, and whether that may be.
//!
//! The judge knows what each commit means from the tree that it was printed from. It must never use treekeeper's code.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client::{Answer, Client, Stat};
use crate::program::Ended;
use crate::tree::{Properties, Tree, decode};

/// The root of every managed tree of these tests.
pub const ROOT: &str = "/app";
/// Where the version is.
pub const HOSTS: &str = "/hosts";
/// Where treekeeper says what it is doing.
pub const STATE: &str = "/treekeeper/state";
/// Where zktools' candidates stand.
pub const LOCK: &str = "/ZktoolsLocks/,hosts";
/// How often a look is tried while others write.
const TRIES_MAX: usize = 200;

/// All nodes of a chroot at one moment, as far as `/hosts` can tell.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Data and counters by path; candidates of locks are left out.
    pub nodes: BTreeMap<String, (Vec<u8>, Stat)>,
    /// The candidates of the lock.
    pub candidates: Vec<String>,
}

/// What a version means.
#[derive(Clone, Debug)]
pub struct Meanings {
    /// The root of what is looked at.
    pub scope: &'static str,
    /// What stands below the root before anything was synced.
    pub initial: Tree,
    /// What each commit's tree is, with what must be kept beside it.
    pub commits: BTreeMap<String, Tree>,
}

impl Default for Meanings {
    fn default() -> Meanings {
        Meanings::of(ROOT)
    }
}

impl Meanings {
    /// Returns no meanings yet, of what is at and below a root.
    pub fn of(scope: &'static str) -> Meanings {
        Meanings {
            scope,
            initial: Tree::default(),
            commits: BTreeMap::new(),
        }
    }
}

/// What the version of a cluster says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// Nothing was ever synced.
    Initial,
    /// Hosts wait: a sync has begun and is not at its end.
    Marker,
    /// ALL STOP.
    Stop,
    /// A commit, or whatever else stands there.
    Is(String),
}

impl Look {
    /// Reads a chroot between two equal looks at `/hosts`, which is how a careful reader does it.
    pub fn take(client: &mut Client) -> Answer<Look> {
        let mut look = Look::default();
        for _ in 0..TRIES_MAX {
            let before = client.get(HOSTS)?;
            look = Look::default();
            look.read(client, "/")?;
            if client.get(HOSTS)? == before {
                if let Some(hosts) = before {
                    look.nodes.insert(HOSTS.to_owned(), hosts);
                }
                return Ok(look);
            }
        }
        look.nodes.insert("/unsteady".to_owned(), Default::default());
        Ok(look)
    }

    fn read(&mut self, client: &mut Client, path: &str) -> Answer<()> {
        let Some((data, stat)) = client.get(path)? else {
            return Ok(());
        };
        let children = if stat.children > 0 {
            client.children(path)?
        } else {
            Vec::new()
        };
        if path == LOCK {
            self.candidates = children;
            return Ok(());
        }
        if path != "/" {
            self.nodes.insert(path.to_owned(), (data, stat));
        }
        for child in children {
            if path == "/" && child == "zookeeper" {
                continue;
            }
            self.read(client, &format!("{}/{child}", path.trim_end_matches('/')))?;
        }
        Ok(())
    }

    /// Returns what the version says.
    pub fn version(&self) -> Version {
        let Some((data, _)) = self.nodes.get(HOSTS) else {
            return Version::Initial;
        };
        match decode(data).and_then(|mut hosts| hosts.remove("version")) {
            Some(Value::String(word)) if word == "initial" => Version::Initial,
            Some(Value::String(commit)) => Version::Is(commit),
            Some(Value::Bool(false)) => Version::Marker,
            Some(Value::Null) => Version::Stop,
            other => Version::Is(format!("{other:?}")),
        }
    }

    /// Returns a word of treekeeper's state.
    pub fn state(&self, key: &str) -> Option<Value> {
        let (data, _) = self.nodes.get(STATE)?;
        decode(data)?.remove(key)
    }

    /// Returns the tree below a root, ephemeral nodes aside; data that is no JSON is the property `?`.
    pub fn tree(&self, root: &str) -> Tree {
        let below = format!("{root}/");
        let managed = |path: &str| path == root || path.starts_with(&below);
        let nodes = self
            .nodes
            .iter()
            .filter(|(path, (_, stat))| managed(path) && stat.owner == 0)
            .map(|(path, (data, _))| {
                let text = || Value::from(String::from_utf8_lossy(data).into_owned());
                let properties = decode(data).unwrap_or_else(|| Properties::from([("?".to_owned(), text())]));
                (path.clone(), properties)
            });
        Tree {
            nodes: nodes.collect(),
        }
    }

    /// Returns when each node was made and last written, of all that a sync without work must leave alone.
    pub fn writes(&self) -> BTreeMap<&str, (i64, i64)> {
        let nodes = self.nodes.iter();
        nodes
            .map(|(path, (_, stat))| (path.as_str(), (stat.czxid, stat.mzxid)))
            .collect()
    }
}

/// I2: a version means its whole tree, and nothing less.
pub fn judge(look: &Look, meanings: &Meanings) -> Vec<String> {
    let whole = |expected: &Tree, version: &str| match difference(expected, &look.tree(meanings.scope)) {
        Some(difference) => vec![format!("I2: the version is {version}, but {difference}")],
        None => Vec::new(),
    };
    if look.nodes.contains_key("/unsteady") {
        return vec!["I12: /hosts never stood still".to_owned()];
    }
    match look.version() {
        Version::Initial => whole(&meanings.initial, "initial"),
        Version::Marker if look.state("phase") == Some("applying".into()) => Vec::new(),
        Version::Marker => vec!["I2: the version is False, but the state tells of no sync".to_owned()],
        Version::Stop => Vec::new(),
        Version::Is(commit) => match meanings.commits.get(&commit) {
            Some(expected) => whole(expected, &commit),
            None => vec![format!("I2: the version is {commit}, which nobody committed")],
        },
    }
}

/// I5: what a sync told at its end is what happened; `before` is the version before it, `target` what it was to reach.
pub fn judge_told(ended: &Ended, look: &Look, before: &Version, target: &str) -> Vec<String> {
    let version = look.version();
    let reached = version == Version::Is(target.to_owned());
    let nothing_to_do = *before == Version::Is(target.to_owned());
    let mut faults = ended.faults.clone();
    let mut fault = |why: &str| {
        faults.push(format!(
            "{why}; the version is {version:?}; it said: {}",
            ended.text
        ))
    };
    match ended.code {
        Some(0) if !reached => fault("I5: it told success"),
        Some(0) => {}
        Some(1) if reached && !nothing_to_do => fault("I5: it told failure"),
        Some(1) if ended.text.contains("nothing was written") && version != *before => {
            fault("I5: it told that nothing was written");
        }
        Some(1) if ended.text.contains("before anything was written") && version != *before => {
            fault("I5: it told that nothing was written");
        }
        Some(1 | 8) => {}
        // The session of an earlier sync may still hold the lock.
        Some(6) if version != *before => fault("I5: it told that it didn't get the lock"),
        // Only a killed process has no code, and it told nothing.
        None | Some(6) => {}
        Some(code) => fault(&format!("I12: it ended with {code}")),
    }
    faults
}

/// I1: a sync without faults has made everything whole, and given the lock back.
pub fn judge_clean(ended: &Ended, look: &Look, target: &str, meanings: &Meanings) -> Vec<String> {
    let mut faults = ended.faults.clone();
    if ended.code != Some(0) {
        faults.push(format!(
            "I1: a sync without faults ended with {:?}: {}",
            ended.code, ended.text
        ));
        return faults;
    }
    if look.version() != Version::Is(target.to_owned()) {
        faults.push(format!(
            "I1: after a clean sync the version is {:?}",
            look.version()
        ));
    }
    for (key, expected) in [("phase", "clean"), ("commit", target)] {
        if look.state(key) != Some(expected.into()) {
            faults.push(format!(
                "I1: after a clean sync the state's {key} is {:?}",
                look.state(key)
            ));
        }
    }
    if !look.candidates.is_empty() {
        faults.push(format!(
            "I12: after a clean sync the lock is held by {:?}",
            look.candidates
        ));
    }
    faults.extend(judge(look, meanings));
    faults
}

/// I7: a sync that has nothing to do writes nothing.
pub fn judge_idle(ended: &Ended, before: &Look, after: &Look) -> Vec<String> {
    let mut faults = ended.faults.clone();
    if ended.code != Some(0) {
        faults.push(format!(
            "I7: a sync without work ended with {:?}: {}",
            ended.code, ended.text
        ));
    }
    if before.writes() != after.writes() {
        faults.push("I7: a sync without work wrote".to_owned());
    }
    faults
}

/// I8: what is nobody's business but its owner's is as it was.
pub fn judge_bystanders(before: &Look, after: &Look, paths: &[String]) -> Vec<String> {
    let changed = paths.iter().filter(|path| {
        let stamp = |look: &Look| {
            look.nodes
                .get(*path)
                .map(|(data, stat)| (data.clone(), stat.czxid, stat.mzxid))
        };
        stamp(before).is_none() || stamp(before) != stamp(after)
    });
    changed
        .map(|path| format!("I8: {path} is not as it was"))
        .collect()
}

/// Returns where two trees differ, as a sentence.
pub fn difference(expected: &Tree, found: &Tree) -> Option<String> {
    let paths = expected.nodes.keys().chain(found.nodes.keys());
    let mut differing: Vec<&String> = paths
        .filter(|path| expected.nodes.get(*path) != found.nodes.get(*path))
        .collect();
    differing.sort();
    differing.dedup();
    let first = differing.first()?;
    let show = |tree: &Tree| match tree.nodes.get(*first) {
        Some(properties) => serde_json::to_string(properties).unwrap_or_default(),
        None => "absent".to_owned(),
    };
    Some(format!(
        "{} nodes are not as it says: {first} is {}, not {}",
        differing.len(),
        show(found),
        show(expected)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(version: &str, tree: &Tree) -> Look {
        let mut look = Look::default();
        let mut put = |path: &str, data: String| {
            look.nodes
                .insert(path.to_owned(), (data.into_bytes(), Stat::default()));
        };
        put(HOSTS, format!("{{\"version\": {version}}}"));
        put(STATE, "{\"phase\": \"clean\"}".to_owned());
        for (path, properties) in &tree.nodes {
            put(path, serde_json::to_string(properties).unwrap());
        }
        look
    }

    #[test]
    fn a_judge_sees_what_must_not_be() {
        let mut tree = Tree::default();
        tree.put("/app/a", "v", 1.into());
        let mut torn = tree.clone();
        torn.put("/app/a", "v", 2.into());
        let meanings = Meanings {
            commits: BTreeMap::from([("c1".to_owned(), tree.clone())]),
            ..Meanings::default()
        };
        assert_eq!(judge(&look("\"c1\"", &tree), &meanings), Vec::<String>::new());
        for (version, tree) in [
            ("\"c1\"", &torn),
            ("\"c2\"", &tree),
            ("false", &tree),
            ("\"initial\"", &tree),
        ] {
            assert_eq!(judge(&look(version, tree), &meanings).len(), 1, "{version}");
        }
        let told = |code, text: &str, before: &str| {
            let ended = Ended {
                code: Some(code),
                text: text.to_owned(),
                faults: Vec::new(),
            };
            judge_told(
                &ended,
                &look("\"c1\"", &torn),
                &Version::Is(before.to_owned()),
                "c1",
            )
            .len()
        };
        assert_eq!([told(0, "", "c0"), told(8, "", "c0")], [0, 0]);
        assert_eq!(
            [
                told(1, "error", "c0"),
                told(4, "", "c0"),
                told(1, "nothing was written", "c0")
            ],
            [1, 1, 1]
        );
    }
}
