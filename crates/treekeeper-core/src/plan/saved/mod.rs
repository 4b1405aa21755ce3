//! A plan in a file: what was decided on one day, to be applied on another, or refused if anything has moved.
//!
//! The file holds each operation with what it was planned against, never a secret: values come from the commit when
//! the plan is applied, and keyed hashes tell whether they are the planned ones.
//! Reading, writing and comparing are here; where the file lies is the shell's business.

mod compare;
mod write;

use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use compare::{Moved, Remaining};
pub use write::{Saving, write};

use crate::model::cluster::{ClusterReading, StateReading};
use crate::model::{Bump, DataVersion, HashKey, Overlay, Revision, Zxid, hex, printable};

/// The number of the format, raised when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// What the file says of its kind, so that other JSON is not taken for a plan.
const KIND: &str = "treekeeper-plan";

/// The field that ends the file.
const DIGEST: &str = "\"digest\"";

/// The cluster's own nodes, as a plan was made against them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// The repository's root commit.
    pub repository: Revision,
    /// `/hosts`, if it was there.
    pub hosts: Option<HostsBasis>,
    /// `/treekeeper/state`, if it was there.
    pub state: Option<StateBasis>,
}

/// `/hosts` as a plan was made against it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct HostsBasis {
    /// The version that it named, as people read it.
    pub version: String,
    /// Its data version.
    pub data_version: i32,
}

/// `/treekeeper/state` as a plan was made against it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StateBasis {
    /// Its data version.
    pub data_version: i32,
    /// The transaction that created it.
    pub czxid: i64,
}

impl Basis {
    /// Returns what a plan that is made now rests on besides the tree.
    pub fn new(repository: Revision, cluster: &ClusterReading) -> Basis {
        Basis {
            repository,
            hosts: hosts_basis(cluster),
            state: state_basis(cluster),
        }
    }
}

fn hosts_basis(cluster: &ClusterReading) -> Option<HostsBasis> {
    let node = cluster.hosts_node.as_ref()?;
    Some(HostsBasis {
        version: match &node.version {
            Ok(version) => version.to_string(),
            Err(fault) => fault.to_string(),
        },
        data_version: node.data_version.0,
    })
}

fn state_basis(cluster: &ClusterReading) -> Option<StateBasis> {
    let StateReading::Present(state, DataVersion(data_version)) = &cluster.state else {
        return None;
    };
    Some(StateBasis {
        data_version: *data_version,
        czxid: state.created.unwrap_or(Zxid(0)).0,
    })
}

/// What shaped a plan besides the commit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SavedOptions {
    /// The directory of the tree files in the repository.
    pub path: String,
    /// How `.zkx` files are laid over `.zk` files.
    pub overlay: Overlay,
    /// `--prune-roots`.
    pub prune_roots: bool,
    /// Which commits move the version of `/hosts`.
    pub bump: Bump,
}

/// One operation of a saved plan.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SavedOperation {
    /// `create`, `change` or `delete`.
    action: String,
    path: String,
    #[serde(default)]
    version: Option<i32>,
    #[serde(default)]
    czxid: Option<i64>,
    #[serde(default)]
    parent_czxid: Option<i64>,
    /// The keyed hash of the data to write.
    #[serde(default)]
    data: Option<String>,
}

/// When and by whom a plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Created {
    /// When, RFC 3339.
    pub at: String,
    /// Who, such as `user@machine`.
    pub by: String,
}

/// A plan that was read from a file, its digest checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedPlan {
    /// Who made it, and when.
    pub created: Created,
    /// The commit that it deploys.
    pub revision: Revision,
    /// The root commit of the repository that the commit is in.
    pub repository: Revision,
    /// What shaped it.
    pub options: SavedOptions,
    key: HashKey,
    hosts: Option<HostsBasis>,
    state: Option<StateBasis>,
    operations: Vec<SavedOperation>,
}

/// Why a file is not a plan that can be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedFault {
    /// It is something else.
    #[error("it is not a plan that `treekeeper plan --out` wrote ({0})")]
    NotAPlan(String),
    /// Another release wrote it.
    #[error("its schema is {found}, this release reads {SCHEMA}")]
    Schema {
        /// What it says.
        found: u64,
    },
    /// It was edited, or cut off.
    #[error("its digest doesn't fit what it holds: it was edited or damaged")]
    Digest,
}

impl SavedFault {
    /// Returns the next step.
    pub fn hint(&self) -> &'static str {
        match self {
            SavedFault::NotAPlan(_) => "name a file that `treekeeper plan --out FILE` wrote",
            SavedFault::Schema { .. } => "make it anew with this release: `treekeeper plan --out FILE`",
            SavedFault::Digest => {
                "a plan is applied as it was made or not at all; make it anew: `treekeeper plan --out FILE`"
            }
        }
    }
}

#[derive(Deserialize)]
struct Head {
    kind: String,
    schema: u64,
    #[serde(default)]
    digest: String,
}

#[derive(Deserialize)]
struct File {
    created: Created,
    repository: String,
    commit: String,
    options: SavedOptions,
    key: String,
    hosts: Option<HostsBasis>,
    state: Option<StateBasis>,
    operations: Vec<SavedOperation>,
}

impl SavedPlan {
    /// Reads what [`write()`] wrote.
    ///
    /// # Errors
    /// Other JSON, another schema, or content that the digest does not fit.
    pub fn read(text: &str) -> Result<SavedPlan, SavedFault> {
        let not_a_plan = |error: serde_json::Error| {
            SavedFault::NotAPlan(format!("line {}, column {}", error.line(), error.column()))
        };
        let head: Head = serde_json::from_str(text).map_err(not_a_plan)?;
        if head.kind != KIND {
            return Err(SavedFault::NotAPlan(format!(
                "its kind is `{}`",
                printable(&head.kind.chars().take(40).collect::<String>())
            )));
        }
        if head.schema != u64::from(SCHEMA) {
            return Err(SavedFault::Schema { found: head.schema });
        }
        if digest_of(text).as_deref() != Some(head.digest.as_str()) {
            return Err(SavedFault::Digest);
        }
        let file: File = serde_json::from_str(text).map_err(not_a_plan)?;
        let commit = |text: &str| Revision::parse(text).ok_or(SavedFault::Digest);
        Ok(SavedPlan {
            created: file.created,
            revision: commit(&file.commit)?,
            repository: commit(&file.repository)?,
            options: file.options,
            key: HashKey::parse(&file.key).ok_or(SavedFault::Digest)?,
            hosts: file.hosts,
            state: file.state,
            operations: file.operations,
        })
    }

    /// Tells whether there is nothing to write but the cluster's own nodes.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

/// Returns the digest that belongs at the end of `text`: of all that stands before it, blanks between values left out,
/// so that it outlives other line ends and indents.
fn digest_of(text: &str) -> Option<String> {
    let end = text.rfind(DIGEST)?;
    let mut hasher = Canonical::default();
    hasher.add(text[..end].trim_end().strip_suffix(',')?);
    Some(hasher.finish())
}

/// Hashes JSON without the blanks between its values.
#[derive(Default)]
struct Canonical {
    hasher: Sha256,
    in_string: bool,
    is_escaped: bool,
}

impl Canonical {
    fn add(&mut self, text: &str) {
        let mut kept = Vec::with_capacity(text.len());
        for byte in text.bytes() {
            if !self.in_string && byte.is_ascii_whitespace() {
                continue;
            }
            kept.push(byte);
            match byte {
                b'"' if !self.is_escaped => self.in_string = !self.in_string,
                b'\\' if self.in_string => {
                    self.is_escaped = !self.is_escaped;
                    continue;
                }
                _ => {}
            }
            self.is_escaped = false;
        }
        self.hasher.update(&kept);
    }

    fn finish(self) -> String {
        format!("sha256:{}", hex(&self.hasher.finalize()))
    }
}
