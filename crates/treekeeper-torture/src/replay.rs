//! Replays a transaction log and judges each transaction: who held the lock, what the version meant, who wrote last.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::journal::{Deed, Entry};
use crate::look::{HOSTS, ROOT, STATE};
use crate::tree::{Properties, Tree, decode};

/// The queues of the two locks, and the mark before a candidate's sequence.
const QUEUES: [(&str, &str); 2] = [("/ZktoolsLocks/,hosts/", "-"), ("/hosts-lock/", "__lock__")];
/// What old-style holders of each queue write to.
pub const LEGACY: [&str; 2] = ["/legacy-zktools", "/legacy-kazoo"];
/// Where treekeeper keeps the names of what it manages.
const ROOTS: &str = "/treekeeper/roots";
/// How many violations are kept.
const KEPT_MAX: usize = 50;

/// What the log is judged by.
pub struct Rules {
    /// Where the cluster is.
    pub chroot: String,
    /// The commits in their order, and what each means.
    pub commits: Vec<(String, Tree)>,
    /// How many of the two locks a treekeeper takes.
    pub locks: usize,
    /// Whether others may edit the managed tree and the version.
    pub are_others_free: bool,
}

/// What a log shows.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What must not be.
    pub violations: Vec<String>,
    /// Transactions of this cluster.
    pub transactions: usize,
    /// How often each commit was made the version.
    pub reached: BTreeMap<String, usize>,
    /// How often somebody else came to be first in line.
    pub holders: usize,
    /// Candidates that others deleted or revoked.
    pub broken: usize,
    /// Versions None that were overwritten by somebody who held no lock.
    pub resumed: usize,
    /// Edits of others in the managed tree.
    pub edits: usize,
}

struct Node {
    data: Vec<u8>,
    ephemeral_of: Option<u64>,
    writer: u64,
}

struct Replay<'a> {
    rules: &'a Rules,
    nodes: BTreeMap<String, Node>,
    /// Who deleted what last.
    deleters: BTreeMap<String, u64>,
    /// At which transaction an ephemeral node went, whoever ended it.
    ephemerals_gone: BTreeMap<String, u64>,
    /// At which transaction a session came into line for a lock: what it knows of the tree it has read since.
    in_line: BTreeMap<u64, u64>,
    treekeepers: BTreeSet<u64>,
    /// Sessions whose candidate others have deleted or revoked.
    fenced: BTreeSet<u64>,
    /// The place of the newest version among the commits.
    newest: usize,
    first: [Option<u64>; 2],
    verdict: Verdict,
}

/// Judges a log.
pub fn judge(entries: &[Entry], rules: &Rules) -> Verdict {
    // Whoever ever held a candidate of treekeeper's kind is one, from its first request on.
    let is_ours = |deed: &&Deed| {
        matches!(deed, Deed::Create { path, data, .. }
        if queue_of(path.strip_prefix(&rules.chroot).unwrap_or("")).is_some() && contains(data, b"\"pid\""))
    };
    let treekeepers = entries
        .iter()
        .filter(|entry| entry.deeds.iter().any(|deed| is_ours(&deed)))
        .map(|entry| entry.session)
        .collect();
    let mut replay = Replay {
        rules,
        nodes: BTreeMap::new(),
        deleters: BTreeMap::new(),
        ephemerals_gone: BTreeMap::new(),
        in_line: BTreeMap::new(),
        treekeepers,
        fenced: BTreeSet::new(),
        newest: 0,
        first: [None, None],
        verdict: Verdict::default(),
    };
    entries.iter().for_each(|entry| replay.take(entry));
    replay.verdict
}

impl Replay<'_> {
    fn take(&mut self, entry: &Entry) {
        let deeds: Vec<Deed> = entry.deeds.iter().filter_map(|deed| self.within(deed)).collect();
        if deeds.is_empty() {
            return;
        }
        self.verdict.transactions += 1;
        let version_before = self.version();
        if let Some(fault) = self.judge_right(entry, &deeds, &version_before) {
            self.blame(entry, &fault);
        }
        let is_ours = self.treekeepers.contains(&entry.session);
        let writes_tree = deeds.iter().any(|deed| path_of(deed).is_some_and(is_managed));
        self.verdict.edits += usize::from(writes_tree && !is_ours);
        let sets_version = deeds.iter().any(|deed| path_of(deed) == Some(HOSTS));
        deeds.iter().for_each(|deed| self.apply(entry, deed));
        self.count_holders();
        let version = self.version();
        if sets_version && is_ours {
            self.judge_version(entry, version.as_ref());
        } else if writes_tree && is_ours && version != Some(Value::Bool(false)) {
            // A repair of the version that stands: whole in one transaction, too.
            self.judge_repair(entry, version.as_ref());
        }
        let is_stop = |version: &Option<Value>| *version == Some(Value::Null);
        if is_stop(&version_before) && !is_stop(&version) && !is_ours {
            self.verdict.resumed += 1;
        }
    }

    /// Returns a deed with its path below the chroot; None if it is elsewhere.
    fn within(&self, deed: &Deed) -> Option<Deed> {
        let below = |path: &String| {
            let rest = path.strip_prefix(&self.rules.chroot)?;
            rest.starts_with('/').then(|| rest.to_owned())
        };
        Some(match deed {
            Deed::Create {
                path,
                data,
                ephemeral,
            } => Deed::Create {
                path: below(path)?,
                data: data.clone(),
                ephemeral: *ephemeral,
            },
            Deed::Delete { path } => Deed::Delete { path: below(path)? },
            Deed::Set { path, data } => Deed::Set {
                path: below(path)?,
                data: data.clone(),
            },
            Deed::CloseSession => Deed::CloseSession,
        })
    }

    /// I3 and I4: returns why the session had no right to do this.
    fn judge_right(&self, entry: &Entry, deeds: &[Deed], version: &Option<Value>) -> Option<String> {
        let is_ours = self.treekeepers.contains(&entry.session);
        // A sync makes what is missing before it takes the lock; nothing of the tree is among it.
        let guarded = deeds.iter().filter_map(|deed| match deed {
            Deed::Create { path, .. } if is_guarded(path) => None,
            deed => path_of(deed).filter(|path| is_managed(path) || is_guarded(path)),
        });
        for path in guarded {
            let needed: &[usize] = match (is_ours, LEGACY.iter().position(|legacy| *legacy == path)) {
                (_, Some(0)) => &[0],
                (_, Some(_)) => &[1],
                (true, None) => &[0, 1][..self.rules.locks],
                (false, None) if self.rules.are_others_free => &[],
                (false, None) => return Some(format!("I3: somebody without a lock wrote to {path}")),
            };
            for queue in needed {
                if self.first_in(*queue) != Some(entry.session) {
                    return Some(format!(
                        "I3: it wrote to {path} while {:x?} was first in line of {}",
                        self.first_in(*queue),
                        QUEUES[*queue].0
                    ));
                }
            }
            if is_ours && self.fenced.contains(&entry.session) {
                return Some(format!(
                    "I3: it wrote to {path} after its candidate was taken away"
                ));
            }
            if is_ours && *version == Some(Value::Null) {
                return Some(format!("I4: it wrote to {path} under ALL STOP"));
            }
        }
        None
    }

    fn apply(&mut self, entry: &Entry, deed: &Deed) {
        let Entry { session, zxid, .. } = *entry;
        match deed {
            Deed::Create {
                path,
                data,
                ephemeral,
            } => {
                let node = Node {
                    data: data.clone(),
                    ephemeral_of: ephemeral.then_some(session),
                    writer: session,
                };
                self.nodes.insert(path.clone(), node);
                if queue_of(path).is_some() {
                    self.in_line.insert(session, zxid);
                }
            }
            Deed::Delete { path } => {
                let node = self.nodes.remove(path);
                self.deleters.insert(path.clone(), session);
                if node.as_ref().is_some_and(|node| node.ephemeral_of.is_some()) {
                    self.ephemerals_gone.insert(path.clone(), zxid);
                }
                let owner = node.and_then(|node| node.ephemeral_of);
                if let (Some(_), Some(owner)) = (queue_of(path), owner)
                    && owner != session
                {
                    self.fenced.insert(owner);
                    self.verdict.broken += 1;
                }
            }
            Deed::Set { path, data } => {
                if let Some(node) = self.nodes.get_mut(path) {
                    node.data = data.clone();
                    node.writer = session;
                    let revoked = queue_of(path).is_some() && data == b"unlock";
                    if let (true, Some(owner)) = (revoked, node.ephemeral_of) {
                        self.fenced.insert(owner);
                        self.verdict.broken += 1;
                    }
                }
            }
            Deed::CloseSession => {
                let is_gone = |node: &Node| node.ephemeral_of == Some(session);
                let gone: Vec<String> = self
                    .nodes
                    .iter()
                    .filter(|(_, node)| is_gone(node))
                    .map(|(path, _)| path.clone())
                    .collect();
                for path in gone {
                    self.nodes.remove(&path);
                    self.ephemerals_gone.insert(path.clone(), zxid);
                    self.deleters.insert(path, session);
                }
            }
        }
    }

    /// I2 and I6, where a treekeeper has set the version.
    fn judge_version(&mut self, entry: &Entry, version: Option<&Value>) {
        let Some(Value::String(commit)) = version else {
            if version != Some(&Value::Bool(false)) {
                self.blame(entry, &format!("I6: it made the version {version:?}"));
            }
            return;
        };
        let Some(place) = self.rules.commits.iter().position(|(known, _)| known == commit) else {
            if commit != "initial" {
                self.blame(
                    entry,
                    &format!("I6: it made the version {commit}, which nobody committed"),
                );
            }
            return;
        };
        *self.verdict.reached.entry(commit.clone()).or_default() += 1;
        if place < self.newest {
            self.blame(
                entry,
                &format!("I6: the version went back from commit {} to {place}", self.newest),
            );
        }
        self.newest = self.newest.max(place);
        if let Some(fault) = self.torn(&self.rules.commits[place].1, entry.session) {
            self.blame(entry, &format!("I2: the version is {commit}, but {fault}"));
        }
    }

    fn judge_repair(&mut self, entry: &Entry, version: Option<&Value>) {
        let desired = self
            .rules
            .commits
            .iter()
            .find(|(commit, _)| version == Some(&commit.as_str().into()));
        let fault = match desired {
            Some((_, desired)) => self.torn(desired, entry.session),
            None => Some("it is no commit's".to_owned()),
        };
        if let Some(fault) = fault {
            self.blame(
                entry,
                &format!("I2: it wrote to the tree under the version {version:?}, and {fault}"),
            );
        }
    }

    /// Returns where the tree isn't what a commit says, edits of others aside.
    ///
    /// A node above an ephemeral one is left alone; if that went after `session` can have read it, nobody knows better.
    fn torn(&self, desired: &Tree, session: u64) -> Option<String> {
        let read_since = self.in_line.get(&session).copied().unwrap_or(0);
        let is_others =
            |session: Option<u64>| session.is_some_and(|session| !self.treekeepers.contains(&session));
        for (path, properties) in &desired.nodes {
            let excused = match self.nodes.get(path) {
                None => is_others(self.deleters.get(path).copied()),
                Some(node) => decode(&node.data).as_ref() == Some(properties) || is_others(Some(node.writer)),
            };
            if !excused {
                return Some(format!("{path} is not as it says"));
            }
        }
        let is_kept = |path: &str, node: &Node| {
            let below = format!("{path}/");
            let lives = |node: &Node| node.ephemeral_of.is_some() || is_others(Some(node.writer));
            let mut gone = self
                .ephemerals_gone
                .range(below.clone()..)
                .take_while(|(other, _)| other.starts_with(&below));
            lives(node)
                || gone.any(|(_, when)| *when > read_since)
                || self
                    .nodes
                    .range(below.clone()..)
                    .take_while(|(other, _)| other.starts_with(&below))
                    .any(|(_, node)| lives(node))
        };
        self.nodes
            .iter()
            .filter(|(path, _)| is_managed(path) && !desired.nodes.contains_key(*path))
            .find(|(path, node)| !is_kept(path, node))
            .map(|(path, _)| format!("{path} is left over"))
    }

    fn version(&self) -> Option<Value> {
        let hosts = self.nodes.get(HOSTS)?;
        let mut properties: Properties = decode(&hosts.data)?;
        properties.remove("version")
    }

    /// Returns whose candidate is first in a queue.
    fn first_in(&self, queue: usize) -> Option<u64> {
        let (directory, mark) = QUEUES[queue];
        self.nodes
            .range(directory.to_owned()..)
            .take_while(|(path, _)| path.starts_with(directory))
            .min_by_key(|(path, _)| path.rsplit(mark).next().unwrap_or_default().to_owned())
            .and_then(|(_, node)| node.ephemeral_of)
    }

    fn count_holders(&mut self) {
        for queue in 0..QUEUES.len() {
            let first = self.first_in(queue);
            if first.is_some() && first != self.first[queue] {
                self.verdict.holders += 1;
            }
            self.first[queue] = first;
        }
    }

    fn blame(&mut self, entry: &Entry, fault: &str) {
        if self.verdict.violations.len() < KEPT_MAX {
            let text = format!("session {:x} at zxid {:x}: {fault}", entry.session, entry.zxid);
            self.verdict.violations.push(text);
        }
    }
}

fn path_of(deed: &Deed) -> Option<&str> {
    match deed {
        Deed::Create { path, .. } | Deed::Delete { path } | Deed::Set { path, .. } => Some(path),
        Deed::CloseSession => None,
    }
}

fn is_managed(path: &str) -> bool {
    path == ROOT || path.strip_prefix(ROOT).is_some_and(|rest| rest.starts_with('/'))
}

fn is_guarded(path: &str) -> bool {
    [HOSTS, STATE, ROOTS].contains(&path) || LEGACY.contains(&path)
}

fn queue_of(path: &str) -> Option<usize> {
    QUEUES
        .iter()
        .position(|(directory, _)| path.starts_with(directory))
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANDIDATE: &str = "/c/ZktoolsLocks/,hosts/x-lock--000000000";

    fn create(path: &str, data: &str, ephemeral: bool) -> Deed {
        Deed::Create {
            path: path.to_owned(),
            data: data.as_bytes().to_vec(),
            ephemeral,
        }
    }

    fn delete(path: &str) -> Deed {
        Deed::Delete {
            path: path.to_owned(),
        }
    }

    /// What a log shows in which a sync leaves `/app/old`, whose ephemeral child goes before the given zxid.
    fn left_over(child_gone: u64) -> Vec<String> {
        let tree = |paths: &[&str]| {
            let mut tree = Tree::default();
            for path in paths {
                tree.touch(path);
            }
            tree
        };
        let deeds = [
            (1, 1, vec![create(&format!("{CANDIDATE}1"), "{\"pid\":1}", true)]),
            (
                2,
                1,
                vec![
                    create("/c/app", "{}", false),
                    create("/c/app/old", "{}", false),
                    create(&format!("/c{HOSTS}"), "{\"version\":\"a\"}", false),
                ],
            ),
            (3, 1, vec![delete(&format!("{CANDIDATE}1"))]),
            (4, 9, vec![create("/c/app/old/agent", "{}", true)]),
            (child_gone, 9, vec![delete("/c/app/old/agent")]),
            (6, 2, vec![create(&format!("{CANDIDATE}2"), "{\"pid\":2}", true)]),
            (
                8,
                2,
                vec![Deed::Set {
                    path: format!("/c{HOSTS}"),
                    data: b"{\"version\":\"b\"}".to_vec(),
                }],
            ),
        ];
        let mut entries: Vec<Entry> = deeds
            .into_iter()
            .map(|(zxid, session, deeds)| Entry { zxid, session, deeds })
            .collect();
        entries.sort_by_key(|entry| entry.zxid);
        let rules = Rules {
            chroot: "/c".to_owned(),
            commits: vec![
                ("a".to_owned(), tree(&["/app", "/app/old"])),
                ("b".to_owned(), tree(&["/app"])),
            ],
            locks: 1,
            are_others_free: true,
        };
        judge(&entries, &rules).violations
    }

    #[test]
    fn only_an_ephemeral_node_that_was_there_when_the_tree_was_read_excuses_its_parent() {
        assert_eq!(left_over(7), Vec::<String>::new());
        let blamed = left_over(5).join("\n");
        assert!(
            blamed.contains("I2: the version is b, but /app/old is left over"),
            "{blamed}"
        );
    }
}
