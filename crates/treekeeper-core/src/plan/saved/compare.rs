//! What has moved since a plan was saved: every difference between what it expects and what there is now.

use std::collections::BTreeMap;
use std::fmt;

use super::{HostsBasis, SavedOperation, SavedPlan, StateBasis, hosts_basis, state_basis};
use crate::model::cluster::{ClusterReading, HOSTS_PATH, INITIAL_VERSION, Phase, STATE_PATH};
use crate::model::{LiveNode, LiveTree, ZnodePath, Zxid, printable};
use crate::plan::{Change, Plan};

/// One thing that a saved plan rests on and that is not as it was; safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The znode.
    pub path: String,
    /// What the plan expects there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl fmt::Display for Moved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Moved {
            path,
            expected,
            found,
        } = self;
        write!(formatter, "{path}: expected {expected}, found {found}")
    }
}

impl Moved {
    /// Returns what has moved at `path`.
    pub fn new(path: &str, expected: impl Into<String>, found: impl Into<String>) -> Moved {
        Moved {
            path: printable(path).into_owned(),
            expected: printable(&expected.into()).into_owned(),
            found: printable(&found.into()).into_owned(),
        }
    }
}

/// How much of a saved plan is still to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// All of it.
    Whole,
    /// What batches of this very plan have not done yet.
    Rest,
}

impl SavedPlan {
    /// Returns what of the cluster's own nodes has moved.
    ///
    /// Nodes that were absent may have been made ready for a first sync: that changes nothing.
    pub fn moved_cluster(&self, cluster: &ClusterReading) -> Vec<Moved> {
        let mut moved = Vec::new();
        let hosts = hosts_basis(cluster);
        let is_ready = |hosts: &HostsBasis| hosts.data_version == 0 && hosts.version == INITIAL_VERSION;
        let is_same = match (&self.hosts, &hosts) {
            (None, found) => found.as_ref().is_none_or(is_ready),
            (expected, found) => expected == found,
        };
        if !is_same {
            moved.push(Moved::new(
                HOSTS_PATH,
                hosts_words(&self.hosts),
                hosts_words(&hosts),
            ));
        }
        let state = state_basis(cluster);
        let is_unused = cluster.state.state().is_none_or(|state| {
            state.generation == 0 && state.phase == Phase::Clean && state.commit.is_none()
        });
        let is_same = match (&self.state, &state) {
            (None, found) => found.is_none() || is_unused,
            (expected, found) => expected == found,
        };
        if !is_same {
            let created = |state: &Option<StateBasis>| state.as_ref().map(|state| state.czxid);
            let is_anew = self.state.is_some() && state.is_some() && created(&self.state) != created(&state);
            moved.push(Moved::new(
                STATE_PATH,
                state_words(&self.state, is_anew),
                state_words(&state, is_anew),
            ));
        }
        moved
    }

    /// Returns where `plan`, made now of `live`, differs from this one, sorted by path.
    pub fn moved_tree(&self, plan: &Plan, live: &LiveTree, remaining: Remaining) -> Vec<Moved> {
        let parents: BTreeMap<&ZnodePath, Zxid> =
            plan.parents.iter().map(|(path, zxid)| (path, *zxid)).collect();
        let mut now: BTreeMap<&str, &Change> = plan
            .changes
            .iter()
            .map(|change| (change.path().as_str(), change))
            .collect();
        let mut moved = Vec::new();
        for operation in &self.operations {
            match now.remove(operation.path.as_str()) {
                Some(change) => moved.extend(self.differs(operation, change, live, &parents)),
                None if remaining == Remaining::Rest => {}
                None => moved.push(gone(operation, live)),
            }
        }
        moved.extend(now.into_values().map(|change| added(change, live)));
        moved.sort_by(|left, right| left.path.cmp(&right.path));
        moved
    }

    /// Tells how a change that both plans make at one path differs.
    fn differs(
        &self,
        operation: &SavedOperation,
        change: &Change,
        live: &LiveTree,
        parents: &BTreeMap<&ZnodePath, Zxid>,
    ) -> Option<Moved> {
        let found = expectation(change);
        let expected = (operation.version, operation.czxid);
        if operation.action != change.action() || found != expected {
            return Some(moved(operation, live));
        }
        let parent = change.path().parent();
        let czxid = parent.as_ref().and_then(|parent| parents.get(parent));
        let is_create = matches!(change, Change::Create { .. });
        if let (true, Some(parent), Some(expected), Some(Zxid(czxid))) =
            (is_create, &parent, operation.parent_czxid, czxid)
            && expected != *czxid
        {
            return Some(Moved::new(
                parent.as_str(),
                format!("the znode created by 0x{expected:x}"),
                format!("one created by 0x{czxid:x}: it was deleted and made anew"),
            ));
        }
        let data = change.data().map(|data| self.key.short(data));
        (data != operation.data).then(|| {
            Moved::new(
                change.path().as_str(),
                "the data that the plan shows",
                "other data: this release or configuration reads the commit in another way",
            )
        })
    }
}

/// Returns the data version and creation that a change expects.
fn expectation(change: &Change) -> (Option<i32>, Option<i64>) {
    match change {
        Change::Create { .. } => (None, None),
        Change::Set { version, czxid, .. } | Change::Delete { version, czxid, .. } => {
            (Some(version.0), Some(czxid.0))
        }
    }
}

fn at<'a>(path: &str, live: &'a LiveTree) -> Option<&'a LiveNode> {
    let path = ZnodePath::parse(path).ok()?;
    Some(live.content(live.find(&path)?))
}

fn expected_words(operation: &SavedOperation, with_creation: bool) -> String {
    match (operation.version, operation.czxid) {
        (Some(version), Some(czxid)) if with_creation => {
            format!("data version {version} of the znode created by 0x{czxid:x}")
        }
        (Some(version), _) => format!("data version {version}"),
        _ => "no znode".to_owned(),
    }
}

/// Tells what is live where an operation expects something else.
fn moved(operation: &SavedOperation, live: &LiveTree) -> Moved {
    let Some(node) = at(&operation.path, live) else {
        return Moved::new(&operation.path, expected_words(operation, false), "no znode");
    };
    let is_anew = operation.czxid.is_some_and(|czxid| czxid != node.czxid.0);
    let found = match is_anew {
        true => format!(
            "data version {} of one created by 0x{:x}: it was deleted and made anew",
            node.version.0, node.czxid.0
        ),
        false => format!("data version {}", node.version.0),
    };
    Moved::new(&operation.path, expected_words(operation, is_anew), found)
}

/// Tells why an operation is not planned any more.
fn gone(operation: &SavedOperation, live: &LiveTree) -> Moved {
    let is_same = at(&operation.path, live).is_some_and(|node| {
        (Some(node.version.0), Some(node.czxid.0)) == (operation.version, operation.czxid)
    });
    match (is_same, operation.action.as_str()) {
        (true, "delete") => Moved::new(
            &operation.path,
            "a znode that may be deleted",
            "that something below it must stay: ephemeral znodes, or agents that stand in line",
        ),
        (true, _) => Moved::new(
            &operation.path,
            "data to be changed",
            "that the commit leaves it: this release or configuration reads it in another way",
        ),
        (false, _) => moved(operation, live),
    }
}

/// Tells of a change that the plan does not hold.
fn added(change: &Change, live: &LiveTree) -> Moved {
    let path = change.path().as_str();
    let found = match (change, at(path, live)) {
        (Change::Create { .. }, _) | (_, None) => "no znode: it would have to be created".to_owned(),
        (Change::Set { .. }, Some(node)) => {
            format!(
                "data version {} with other data than the files say",
                node.version.0
            )
        }
        (Change::Delete { .. }, Some(node)) => {
            format!(
                "data version {} of a znode that the files don't define",
                node.version.0
            )
        }
    };
    Moved::new(path, "nothing to do", found)
}

fn hosts_words(hosts: &Option<HostsBasis>) -> String {
    match hosts {
        None => "no znode".to_owned(),
        Some(hosts) => format!("version {} at data version {}", hosts.version, hosts.data_version),
    }
}

fn state_words(state: &Option<StateBasis>, with_creation: bool) -> String {
    match state {
        None => "no znode".to_owned(),
        Some(state) if with_creation => format!(
            "data version {} of the znode created by 0x{:x}",
            state.data_version, state.czxid
        ),
        Some(state) => format!("data version {}", state.data_version),
    }
}
