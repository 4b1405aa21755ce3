//! One random case: what the files say, what is live, who may do what, and the operations on it.
//!
//! What the files say is kept as a map from paths to properties, which the oracle compares with what a foreign client
//! reads; nothing here asks the planner.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use treekeeper::engine::{self, RepositorySource, World};
use treekeeper::git::ReadLimits;
use treekeeper::zk::{ReadMethod, SessionOptions};
use treekeeper_core::layer::LayerLimits;
use treekeeper_core::model::cluster::LockStyle;
use treekeeper_core::model::{Bump, Overlay};
use treekeeper_core::operation::{Context, Mode, Operation, Receipt, SyncOptions};
use treekeeper_core::plan::saved::SavedPlan;
use treekeeper_core::plan::{BatchLimits, DeleteBudget};
use treekeeper_core::treefile::ParseLimits;
use zookeeper_client::{Acl, AuthId, Permission, Stat};

use super::support::foreign::{Foreign, wait};
use super::support::mirror::options as git_options;
use super::support::random::Random;
use super::support::repository::Repository;
use super::support::server::Server;

/// Properties by path; parents come before their children.
type Nodes = BTreeMap<String, Map<String, Value>>;

/// What differs from case to case.
#[derive(Debug)]
pub struct Case {
    /// What the files say.
    pub desired: Nodes,
    /// How overlays are laid.
    pub overlay: Overlay,
    /// `--prune-roots`.
    pub prune_roots: bool,
    /// What an earlier commit said, if one was synced.
    earlier: Option<Nodes>,
    /// What somebody then did by hand.
    edits: Vec<Edit>,
    /// Nodes and what everybody may still do to them.
    acls: Vec<(String, Permission)>,
    /// What `/hosts` is set to, and a host's version.
    version: Option<Value>,
    host: Option<Value>,
    budget: usize,
    /// Operations of a transaction, small ones so that a plan goes in batches.
    operations_max: usize,
}

/// What somebody does to one node.
#[derive(Debug)]
struct Edit {
    path: String,
    /// Its properties from now on; without them it is deleted.
    properties: Option<Map<String, Value>>,
    /// Whether it goes with its session, if it is made.
    is_ephemeral: bool,
}

const NAMES: [&str; 3] = ["x", "y", "z"];

/// Returns every path that a case may name, parents first.
fn universe() -> Vec<String> {
    let mut paths = Vec::new();
    for root in ["/a", "/b", "/c"] {
        paths.push(root.to_owned());
        for one in NAMES {
            paths.push(format!("{root}/{one}"));
            paths.extend(NAMES.iter().map(|two| format!("{root}/{one}/{two}")));
        }
    }
    paths
}

fn own_nodes() -> [&'static str; 7] {
    [
        "/",
        "/hosts",
        "/treekeeper",
        "/treekeeper/state",
        "/treekeeper/roots",
        "/treekeeper/history",
        "/ZktoolsLocks",
    ]
}

fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(end) => &path[..end],
    }
}

fn properties(random: &mut Random) -> Map<String, Value> {
    let mut properties = Map::new();
    for key in ["n", "password", "w"] {
        if random.happens(40) {
            properties.insert(key.to_owned(), json!(random.below(3)));
        }
    }
    properties
}

/// Returns random nodes below some roots; every node's parent is among them.
fn nodes(random: &mut Random, roots: &[&str]) -> Nodes {
    let mut nodes = Nodes::new();
    for path in universe() {
        let is_root = parent(&path) == "/";
        let root = &path[..2];
        let wanted =
            roots.contains(&root) && (is_root || nodes.contains_key(parent(&path)) && random.happens(50));
        if wanted {
            nodes.insert(path, properties(random));
        }
    }
    nodes
}

impl Case {
    /// Returns the case of a stream of numbers.
    pub fn generate(random: &mut Random) -> Case {
        let roots = random.pick(&[&["/a"][..], &["/a", "/b"], &["/a", "/b"]]);
        let earlier_roots = random.pick(&[&["/a"][..], &["/a", "/c"], &["/b", "/c"]]);
        let desired = nodes(random, roots);
        let earlier = random.happens(70).then(|| match random.happens(30) {
            true => desired.clone(),
            false => nodes(random, earlier_roots),
        });
        let paths = universe();
        let edits = (0..random.below(7))
            .map(|_| Edit {
                properties: (!random.happens(25)).then(|| properties(random)),
                path: random.pick(&paths),
                is_ephemeral: random.happens(60),
            })
            .collect();
        let rights = [
            Permission::READ | Permission::CREATE | Permission::DELETE,
            Permission::READ | Permission::WRITE | Permission::DELETE,
            Permission::READ | Permission::WRITE | Permission::CREATE,
            Permission::READ,
            Permission::WRITE | Permission::CREATE | Permission::DELETE,
        ];
        let count = if random.happens(50) {
            0
        } else {
            1 + random.below(2)
        };
        let acls = (0..count)
            .map(|_| {
                let path = match random.happens(20) {
                    true => random.pick(&own_nodes()[..6]).to_owned(),
                    false => random.pick(&paths),
                };
                // A cluster whose own nodes can't be read is no case of plans.
                let rights = if path.starts_with("/a") || path.starts_with("/b") {
                    &rights[..]
                } else {
                    &rights[..4]
                };
                (path, random.pick(rights))
            })
            .collect();
        Case {
            desired,
            overlay: random.pick(&[Overlay::Merge, Overlay::Replace]),
            prune_roots: random.happens(50),
            earlier,
            edits,
            acls,
            version: random
                .happens(15)
                .then(|| random.pick(&[Value::Null, json!(false), json!("by hand")])),
            host: random.happens(10).then(|| json!("an older one")),
            budget: if random.happens(10) { 0 } else { 100 },
            operations_max: if random.happens(40) { 7 } else { 1_000 },
        }
    }
}

/// Writes nodes as a tree file for each root.
fn files(nodes: &Nodes) -> Vec<(String, String)> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for (path, properties) in nodes {
        let depth = path.matches('/').count() - 1;
        let name = path.rsplit('/').next().unwrap();
        let text = files.entry(format!("{}.zk", &path[1..2])).or_default();
        text.push_str(&format!("{}/{name}\n", "  ".repeat(depth)));
        for (key, value) in properties {
            text.push_str(&format!("{}{key} = {value}\n", "  ".repeat(depth + 1)));
        }
    }
    files.into_iter().collect()
}

fn commit(repository: &Repository, nodes: &Nodes) -> String {
    let files = files(nodes);
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    repository.commit(&files)
}

/// A chroot of its own, as a case wants it.
pub struct Cluster<'a> {
    connect: String,
    foreign: Foreign,
    /// Keeps the ephemeral nodes.
    _others: Foreign,
    repository: &'a Repository,
    commit: String,
}

/// What a server counts of a node; whoever may see nothing of it sees that.
type Counters = (i64, i64, i32, i64, i32);

/// The nodes that are there, and their counters.
pub type Frozen = BTreeMap<String, Counters>;

/// Returns the part of it that the files are about.
pub fn tree_of(frozen: &Frozen) -> Frozen {
    let is_own = |path: &str| own_nodes().contains(&path);
    let nodes = frozen.iter().filter(|(path, _)| !is_own(path));
    nodes.map(|(path, counters)| (path.clone(), *counters)).collect()
}

fn counters(stat: &Stat) -> Counters {
    (
        stat.czxid,
        stat.mzxid,
        stat.version,
        stat.pzxid,
        stat.num_children,
    )
}

impl<'a> Cluster<'a> {
    /// Makes what was before: an earlier sync, edits, ACLs, hosts, and the commit that is to come.
    pub fn build(case: &Case, repository: &'a Repository, random: &mut Random) -> Cluster<'a> {
        let connect = Server::shared().chroot();
        let foreign = Foreign::connect(&connect);
        let mut cluster = Cluster {
            _others: Foreign::connect(&connect),
            commit: String::new(),
            connect,
            foreign,
            repository,
        };
        if let Some(earlier) = &case.earlier {
            cluster.commit = commit(repository, earlier);
            let receipt = cluster.run(cluster.operation(case, Mode::Apply, 1_000, 100));
            assert!(
                matches!(receipt.outcome, treekeeper_core::operation::Outcome::Applied),
                "{receipt:?}"
            );
        }
        cluster.edit(case, random);
        if let Some(host) = &case.host {
            cluster
                .foreign
                .create_if_absent("/hosts", b"{\"version\":\"initial\"}");
            let data = json!({ "version": host }).to_string();
            cluster.foreign.create("/hosts/web-1", data.as_bytes());
        }
        if let (Some(version), true) = (&case.version, cluster.foreign.exists("/hosts")) {
            let data = json!({ "version": version }).to_string();
            cluster.foreign.set("/hosts", data.as_bytes());
        }
        for (path, permission) in &case.acls {
            if cluster.foreign.exists(path) {
                // Who may not administer can't set the ACL again, which nobody needs.
                let acl = [Acl::new(*permission, AuthId::anyone())];
                let _ = wait(cluster.foreign.client().set_acl(path, &acl, None));
            }
        }
        cluster.commit = commit(repository, &case.desired);
        cluster
    }

    fn edit(&self, case: &Case, random: &mut Random) {
        for edit in &case.edits {
            let path = edit.path.as_str();
            let stat = wait(self.foreign.client().check_stat(path)).unwrap();
            let holder = wait(self.foreign.client().check_stat(parent(path))).unwrap();
            let may_hold = holder.is_some_and(|stat| stat.ephemeral_owner == 0);
            match (&edit.properties, stat) {
                (None, Some(_)) => {
                    self.foreign.delete_tree(path);
                }
                (Some(properties), Some(_)) => {
                    // Blanks and the order of keys mean nothing.
                    let mut text = serde_json::to_string_pretty(properties).unwrap();
                    if random.happens(50) {
                        text = format!(" {text}");
                    }
                    self.foreign.set(path, text.as_bytes());
                }
                (Some(properties), None) if may_hold => {
                    let text = Value::Object(properties.clone()).to_string();
                    match edit.is_ephemeral {
                        true => self._others.create_ephemeral(path, text.as_bytes()),
                        false => self.foreign.create(path, text.as_bytes()),
                    }
                }
                _ => {}
            }
        }
    }

    fn operation(&self, case: &Case, mode: Mode, operations_max: usize, budget: usize) -> Operation {
        Operation::sync(options(case, mode), self.context(operations_max, budget))
    }

    fn context(&self, operations_max: usize, budget: usize) -> Context {
        Context {
            sync_id: uuid::Uuid::new_v4().simple().to_string(),
            actor: "a test".to_owned(),
            lock: LockStyle::Zktools,
            lock_wait: Duration::ZERO,
            delete_budget: DeleteBudget {
                znodes_max: budget,
                percent_max: 0,
            },
            allow_delete: None,
            batch_limits: BatchLimits {
                transaction_operations_max: operations_max,
                batch_operations_max: operations_max,
                ..BatchLimits::default()
            },
            protect: Vec::new(),
            secrets: Vec::new(),
        }
    }

    fn run(&self, operation: Operation) -> Receipt {
        let source = RepositorySource::new(
            git_options(self.repository),
            Some(self.commit.clone()),
            ReadLimits::default(),
        );
        let world = World {
            session: SessionOptions {
                connect: self.connect.clone(),
                ..SessionOptions::default()
            },
            lock: LockStyle::Zktools,
            owner: "a test".to_owned(),
            repository: Some(source.mirror_first()),
            read_method: ReadMethod::Batched,
        };
        wait(engine::run(operation, world, &mut |_| {}))
    }

    /// Plans the commit and asks the server about it.
    pub fn plan(&self, case: &Case, mode: Mode) -> Receipt {
        let operation = self.operation(case, mode, case.operations_max, case.budget);
        self.run(operation.with_rehearsal())
    }

    /// Applies a saved plan.
    pub fn apply(&self, case: &Case, saved: Arc<SavedPlan>) -> Receipt {
        let context = self.context(case.operations_max, case.budget);
        self.run(Operation::apply(saved, options(case, Mode::Apply), context))
    }

    /// Returns the counters of every node that a case may name; no ACL hides them.
    pub fn freeze(&self) -> Frozen {
        let paths = universe().into_iter().chain(own_nodes().map(str::to_owned));
        paths
            .filter_map(|path| {
                let stat = wait(self.foreign.client().check_stat(&path)).unwrap()?;
                Some((path, counters(&stat)))
            })
            .collect()
    }

    /// Returns the counters of the nodes that the files are about.
    pub fn freeze_tree(&self) -> Frozen {
        tree_of(&self.freeze())
    }

    /// Tells whether the live tree is as the files say, but for ephemeral nodes and what holds them; `None` where a
    /// node can't be read.
    pub fn is_as_desired(&self, case: &Case) -> Option<bool> {
        let mut live: BTreeMap<String, (Map<String, Value>, bool)> = BTreeMap::new();
        for path in universe() {
            let client = self.foreign.client();
            if wait(client.check_stat(&path)).unwrap().is_none() {
                continue;
            }
            let (data, stat) = wait(client.get_data(&path)).ok()?;
            let properties = if data.is_empty() {
                Map::new()
            } else {
                serde_json::from_slice(&data).unwrap()
            };
            live.insert(path, (properties, stat.ephemeral_owner != 0));
        }
        let stays = |path: &str| {
            let below = format!("{path}/");
            live.iter().any(|(other, (_, is_ephemeral))| {
                *is_ephemeral && (other == path || other.starts_with(&below))
            })
        };
        let all_there = case
            .desired
            .iter()
            .all(|(path, properties)| live.get(path).is_some_and(|(found, _)| found == properties));
        let managed = |path: &str| {
            let is_pruned = case.prune_roots && self.was_managed(case, &path[..2]);
            case.desired.contains_key(&path[..2]) || is_pruned
        };
        let nothing_else = live
            .keys()
            .all(|path| case.desired.contains_key(path) || !managed(path) || stays(path));
        Some(all_there && nothing_else)
    }

    fn was_managed(&self, case: &Case, root: &str) -> bool {
        case.earlier
            .as_ref()
            .is_some_and(|earlier| earlier.contains_key(root))
    }
}

fn options(case: &Case, mode: Mode) -> SyncOptions {
    SyncOptions {
        mode,
        force: false,
        repair: true,
        rollback: false,
        bump: Bump::Commit,
        within: None,
        adopt: false,
        any_history: false,
        prune_roots: case.prune_roots,
        fixed_revision: true,
        overlay: case.overlay,
        parse_limits: ParseLimits::default(),
        layer_limits: LayerLimits::default(),
    }
}
