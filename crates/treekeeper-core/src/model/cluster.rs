//! What the cluster says of itself: `/hosts`, the hosts below it, and treekeeper's own state node.
//!
//! Reading and writing the nodes is the shell's work; judging them is `gate`'s.

mod stop;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    ClusterVersion, DataVersion, NodeData, Properties, Revision, Text, Value, Zxid, decode, encode,
    json_value, printable,
};

pub use stop::{AilingHost, ERRORS_TOLD_MAX, StopNote};

/// Where treekeeper keeps its state.
pub const STATE_PATH: &str = "/treekeeper/state";
/// Where treekeeper keeps the names of the top-level nodes that it manages or has managed.
///
/// Beside the state and not in it: the state is written with every batch, and there may be thousands of roots.
pub const ROOTS_PATH: &str = "/treekeeper/roots";
/// The node whose `version` says what every host should run.
pub const HOSTS_PATH: &str = "/hosts";
/// The version that a cluster has before its first sync.
pub const INITIAL_VERSION: &str = "initial";
/// The only schema of the state node that this release writes and reads.
pub const STATE_SCHEMA: u32 = 1;
/// How many outcomes of earlier transactions the state keeps (RELIABILITY.md 5, step 8).
pub const OUTCOMES_MAX: usize = 8;

/// Why `/hosts` cannot be synced from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostsFault {
    /// The data are not a JSON object.
    #[error("/hosts holds data that are not a JSON object")]
    NotProperties,
    /// There is no `version`.
    #[error("/hosts has no version")]
    NoVersion,
    /// The version is true, a list or an object.
    #[error("the version of /hosts is {0}, which is neither a string, a number, None nor False")]
    Invalid(ClusterVersion),
}

/// `/hosts` as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostsNode {
    /// Its properties; none if the data are raw.
    pub properties: Properties,
    /// The version that hosts should run, or why there is none.
    pub version: Result<ClusterVersion, HostsFault>,
    /// The data version that a write must expect.
    pub data_version: DataVersion,
    /// When it was last written, in milliseconds since 1970 by the server's clock, if that was read.
    pub modified_ms: Option<i64>,
}

impl HostsNode {
    /// Returns what `data` say.
    pub fn new(data: &[u8], data_version: DataVersion) -> HostsNode {
        match decode(data) {
            NodeData::Raw(_) => HostsNode {
                properties: Properties::default(),
                version: Err(HostsFault::NotProperties),
                data_version,
                modified_ms: None,
            },
            NodeData::Properties(properties) => {
                let version = match properties.get("version").map(ClusterVersion::from_value) {
                    None => Err(HostsFault::NoVersion),
                    Some(version @ ClusterVersion::Invalid(_)) => Err(HostsFault::Invalid(version)),
                    Some(version) => Ok(version),
                };
                HostsNode {
                    properties,
                    version,
                    data_version,
                    modified_ms: None,
                }
            }
        }
    }

    /// Adds when it was last written.
    pub fn modified(self, milliseconds: i64) -> HostsNode {
        HostsNode {
            modified_ms: Some(milliseconds),
            ..self
        }
    }

    /// Returns the bytes to store so that the version becomes `version` and every other property stays.
    pub fn data_with_version(&self, version: Value) -> Vec<u8> {
        let mut properties = self.properties.clone();
        properties.set(Text::from("version"), version);
        // `version` is beside or instead of everything else, so a lone `string_value` cannot occur.
        encode(&properties).unwrap_or_else(|_| unreachable!("decoded properties with a version encode"))
    }
}

/// A host below `/hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Name of its node.
    pub name: String,
    /// The version it reports, property links followed; `None` if it reports none.
    pub version: Option<ClusterVersion>,
    /// What it says went wrong, if it does.
    pub error: Option<String>,
}

/// Where a sync stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The tree is what `commit` says.
    Clean,
    /// Batches of `to` are being applied; the tree is between two commits.
    Applying,
}

/// Which foreign syncers the lock excludes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockStyle {
    /// `/ZktoolsLocks/,hosts`, as zc.zkdeployment up to 0.14.
    #[default]
    Zktools,
    /// `/hosts-lock`, as zc.zkdeployment from 0.14.1 on.
    Kazoo,
    /// Both, zktools' first.
    Both,
}

impl LockStyle {
    /// Returns `the zktools lock`, `the kazoo lock` or `both locks`.
    pub fn locks(self) -> &'static str {
        match self {
            LockStyle::Zktools => "the zktools lock",
            LockStyle::Kazoo => "the kazoo lock",
            LockStyle::Both => "both locks",
        }
    }
}

impl fmt::Display for LockStyle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            LockStyle::Zktools => "zktools",
            LockStyle::Kazoo => "kazoo",
            LockStyle::Both => "both",
        })
    }
}

/// What an operator granted to one commit, kept so that a plain sync can finish what was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Grants {
    /// The commit that they were given for.
    pub commit: String,
    /// `--allow-delete`.
    pub allow_delete: Option<usize>,
    /// `--allow-rewind`.
    pub allow_rewind: bool,
    /// `--adopt`.
    pub adopt: bool,
    /// `--prune-roots`.
    pub prune_roots: bool,
}

/// Who holds the cluster at a commit: a plain sync of another one is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The commit.
    pub commit: String,
    /// Who went back to it.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
}

impl Pin {
    /// Returns what is pinned, by whom and since when, as the end of a sentence; safe to print.
    pub fn told(&self) -> String {
        printable(&format!(
            "at {:.12} by {} since {}",
            self.commit, self.by, self.at
        ))
        .into_owned()
    }
}

/// The node at [`ROOTS_PATH`].
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Roots {
    #[serde(deserialize_with = "names")]
    roots: BTreeSet<String>,
    #[serde(deserialize_with = "names")]
    orphans: BTreeSet<String>,
}

/// Reads names that are nearly always sorted: a set is built from the list faster than name by name.
fn names<'de, D: serde::Deserializer<'de>>(names: D) -> Result<BTreeSet<String>, D::Error> {
    Ok(Vec::deserialize(names)?.into_iter().collect())
}

/// How an earlier transaction of a sync ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastOutcome {
    /// The sync.
    pub sync_id: String,
    /// The step that it reached.
    pub step: usize,
    /// The commit.
    pub commit: String,
}

/// Treekeeper's own node, `/treekeeper/state`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterState {
    /// [`STATE_SCHEMA`].
    pub schema: u32,
    /// The repository's identity: its root commit.
    pub repository: Option<String>,
    /// Counts the syncs that wrote.
    pub generation: u64,
    /// Clean or applying.
    pub phase: Phase,
    /// The commit that was last applied whole.
    pub commit: Option<String>,
    /// While applying: the version that `/hosts` had, as JSON text.
    pub from: Option<String>,
    /// While applying: the commit that is on its way.
    pub to: Option<String>,
    /// The sync that wrote this.
    pub sync_id: String,
    /// How many batches have landed.
    pub step: usize,
    /// How many there are in all.
    pub steps: usize,
    /// The commit that the cluster is held at, from the first transaction of a rollback until `unpin`.
    #[serde(default)]
    pub pinned: Option<Pin>,
    /// Globs of znodes that are never deleted, as the commit and the configuration of the last whole sync had them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<String>,
    /// The digest of the tree of `commit` (`plan::tree_digest`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree_sha256: Option<String>,
    /// The newest commit that a sync has seen to have this very tree: `commit` itself, or a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// Set while an operator has stopped the cluster.
    #[serde(default)]
    pub stop: Option<StopNote>,
    /// Who wrote this.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
    /// Top-level nodes that the commit's `.zk` files define; kept at [`ROOTS_PATH`].
    #[serde(skip)]
    pub roots: BTreeSet<String>,
    /// Top-level nodes that an earlier commit defined and nobody has pruned; kept at [`ROOTS_PATH`].
    #[serde(skip)]
    pub orphans: BTreeSet<String>,
    /// The data version of [`ROOTS_PATH`] when it was read, if it was there.
    #[serde(skip)]
    pub roots_version: Option<DataVersion>,
    /// The transaction that created the node that was read: another one means that somebody removed it in between.
    #[serde(skip)]
    pub created: Option<Zxid>,
    /// The lock style in use.
    #[serde(default)]
    pub lock: LockStyle,
    /// Grants of the commit on its way.
    #[serde(default)]
    pub grants: Grants,
    /// The last outcomes, newest last.
    #[serde(default)]
    pub outcomes: Vec<PastOutcome>,
    /// What a newer release of the same schema keeps here.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl ClusterState {
    /// Returns the state of a cluster that was never synced by treekeeper.
    pub fn initial(lock: LockStyle, by: &str, at: &str) -> ClusterState {
        ClusterState {
            schema: STATE_SCHEMA,
            repository: None,
            generation: 0,
            phase: Phase::Clean,
            commit: None,
            from: None,
            to: None,
            sync_id: String::new(),
            step: 0,
            steps: 0,
            pinned: None,
            protected: Vec::new(),
            tree_sha256: None,
            seen: None,
            stop: None,
            by: by.to_owned(),
            at: at.to_owned(),
            roots: BTreeSet::new(),
            orphans: BTreeSet::new(),
            roots_version: None,
            created: None,
            lock,
            grants: Grants::default(),
            outcomes: Vec::new(),
            extra: serde_json::Map::new(),
        }
    }

    /// Returns the node's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| unreachable!("the state is plain JSON"))
    }

    /// Returns the bytes of the node at [`ROOTS_PATH`].
    pub fn roots_bytes(&self) -> Vec<u8> {
        let roots = Roots {
            roots: self.roots.clone(),
            orphans: self.orphans.clone(),
        };
        serde_json::to_vec(&roots).unwrap_or_else(|_| unreachable!("names are plain JSON"))
    }

    /// Returns the deployed commit, if there is one.
    pub fn revision(&self) -> Option<Revision> {
        Revision::parse(self.commit.as_deref()?)
    }

    /// Returns the version that `/hosts` had before batches began to be applied.
    pub fn version_before(&self) -> Option<ClusterVersion> {
        let value = json_value(self.from.as_deref()?.as_bytes())?;
        Some(ClusterVersion::from_value(&value))
    }

    /// Tells whether `other` says the same of the tree: who wrote it, and when, does not count.
    pub fn says_as(&self, other: &ClusterState) -> bool {
        self.commit == other.commit
            && self.repository == other.repository
            && self.lock == other.lock
            && self.pinned == other.pinned
            && self.protected == other.protected
            && self.roots == other.roots
            && self.orphans == other.orphans
    }

    /// Remembers that `sync_id` reached `step` of `commit`.
    pub fn remember(&mut self, sync_id: &str, step: usize, commit: &str) {
        self.outcomes.push(PastOutcome {
            sync_id: sync_id.to_owned(),
            step,
            commit: commit.to_owned(),
        });
        let surplus = self.outcomes.len().saturating_sub(OUTCOMES_MAX);
        self.outcomes.drain(..surplus);
    }
}

/// The state node as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateReading {
    /// There is none: never synced by treekeeper, or removed by hand.
    Absent,
    /// The state, and the data version that a write must expect.
    Present(Box<ClusterState>, DataVersion),
    /// The node's data are of another release, or not ours at all.
    Unreadable(String),
}

impl StateReading {
    /// Returns what `data` of a node that was created by the transaction `created` say.
    pub fn new(data: &[u8], version: DataVersion, created: Zxid) -> StateReading {
        #[derive(Deserialize)]
        struct Schema {
            schema: u32,
        }
        match serde_json::from_slice::<Schema>(data) {
            Ok(Schema { schema }) if schema != STATE_SCHEMA => StateReading::Unreadable(format!(
                "its schema is {schema}, this release reads {STATE_SCHEMA}"
            )),
            _ => match serde_json::from_slice::<ClusterState>(data) {
                Ok(mut state) => {
                    state.created = Some(created);
                    StateReading::Present(Box::new(state), version)
                }
                Err(error) => StateReading::Unreadable(printable(&error.to_string()).into_owned()),
            },
        }
    }

    /// Adds what the node at [`ROOTS_PATH`] says, if it is there.
    pub fn with_roots(self, roots: Option<(&[u8], DataVersion)>) -> StateReading {
        let (StateReading::Present(mut state, version), Some((data, roots_version))) = (self.clone(), roots)
        else {
            return self;
        };
        match serde_json::from_slice::<Roots>(data) {
            Ok(roots) => {
                state.roots = roots.roots;
                state.orphans = roots.orphans;
                state.roots_version = Some(roots_version);
                StateReading::Present(state, version)
            }
            Err(error) => StateReading::Unreadable(printable(&format!("{ROOTS_PATH}: {error}")).into_owned()),
        }
    }

    /// Tells whether treekeeper's nodes are all there.
    pub fn is_whole(&self) -> bool {
        self.state().is_some_and(|state| state.roots_version.is_some())
    }

    /// Returns the state if there is one.
    pub fn state(&self) -> Option<&ClusterState> {
        match self {
            StateReading::Present(state, _) => Some(state),
            StateReading::Absent | StateReading::Unreadable(_) => None,
        }
    }

    /// Tells whether batches of some sync are under way or were left.
    pub fn is_applying(&self) -> bool {
        self.state().is_some_and(|state| state.phase == Phase::Applying)
    }
}

/// One look at the cluster's own nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterReading {
    /// `/hosts`, or `None` if it does not exist.
    pub hosts_node: Option<HostsNode>,
    /// The children of `/hosts`, sorted by name.
    pub hosts: Vec<Host>,
    /// `/treekeeper/state`.
    pub state: StateReading,
    /// The numbers of the entries below [`super::history::HISTORY_PATH`]; `None` if it isn't there or was not looked at.
    pub history: Option<BTreeSet<u64>>,
}

impl ClusterReading {
    /// Returns the version that hosts should run; an absent `/hosts` is at `initial`.
    pub fn version(&self) -> Result<ClusterVersion, HostsFault> {
        match &self.hosts_node {
            None => Ok(ClusterVersion::Text(Text::from(INITIAL_VERSION))),
            Some(node) => node.version.clone(),
        }
    }

    /// Tells whether all of treekeeper's own nodes are there.
    pub fn is_whole(&self) -> bool {
        self.hosts_node.is_some() && self.state.is_whole() && self.history.is_some()
    }

    /// Returns the pin, if the cluster is pinned.
    pub fn pin(&self) -> Option<&Pin> {
        self.state.state()?.pinned.as_ref()
    }

    /// Returns the note of the stop that holds now; a stop that an agent or another tool raised has none, whatever the
    /// state has kept of an earlier one.
    pub fn stop_note(&self) -> Option<&StopNote> {
        let note = self.state.state()?.stop.as_ref()?;
        note.is_of(self.hosts_node.as_ref()?).then_some(note)
    }

    /// Returns the commit that the cluster runs: the state's, else the one that `/hosts` names, else the one that it
    /// named before batches were begun.
    pub fn deployed(&self) -> Option<Revision> {
        let state = self.state.state();
        state
            .and_then(ClusterState::revision)
            .or_else(|| self.version().ok()?.revision())
            .or_else(|| state?.version_before()?.revision())
    }
}
