//! Reading and writing a real server: our adapter against a socket with ready-made frames, turn by turn.

use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio::runtime::Runtime;
use treekeeper::zk::{self, ReadMethod, Session, SessionOptions};
use treekeeper_core::model::{DataVersion, DesiredTree, LiveNode, LiveTree, Tree, ZnodePath};
use treekeeper_core::operation::{CommitAnswer, Commitment, Depth, Op, Scope, Transaction};
use treekeeper_core::plan::{self, BatchLimits, Change, DiffOptions, Plan, Wire};

use crate::Options;
use crate::measure::{Budget, Report, Samples, timed};
use crate::raw::{self, Fence, Raw};
use crate::support::foreign::Foreign;
use crate::support::locks::python;
use crate::support::zookeeper::ZooKeeper;

const READ_OPERATIONS: usize = 1_000;
const READS_IN_FLIGHT: usize = 2;
const WRITES_IN_FLIGHT: usize = 4;
/// Paths that the original's pattern is tried on; all of them would take minutes.
const SEQUENTIAL_SAMPLE: usize = 2_000;
/// The shares of the speed of ready-made frames that are asked for.
const READ_MIN: f64 = 0.7;
const APPLY_MIN: f64 = 0.7;
const LOCK: &str = "/lock";
const STATE: &str = "/state";

/// Returns a runtime as the program has it.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads can be started")
}

/// Returns how the program opens sessions.
pub fn session_options(connect: &str) -> SessionOptions {
    SessionOptions {
        connect: connect.to_owned(),
        ..SessionOptions::default()
    }
}

/// Measures the creation of the whole tree in transactions that are fenced and chained.
pub fn apply(
    options: &Options,
    zookeeper: &ZooKeeper,
    desired: &DesiredTree,
    kind: &str,
    report: &mut Report,
) {
    let empty: LiveTree = Tree::new(LiveNode::unread());
    let plan = Arc::new(plan::diff(desired, &empty, &DiffOptions::default()));
    let (mut ours, mut baseline) = (Vec::new(), Vec::new());
    for _ in 0..options.runs {
        let connect = prepared_chroot(zookeeper);
        let batches = batches(&plan, &connect);
        ours.push(apply_ours(&connect, &plan, &batches));
        empty_again(&connect, &plan);
        let connect = prepared_chroot(zookeeper);
        baseline.push(apply_raw(&connect, &plan, &batches));
        empty_again(&connect, &plan);
    }
    let (ours, baseline) = (Samples::new(ours), Samples::new(baseline));
    report.add(
        &format!(
            "{kind}apply {} creates in fenced, chained batches",
            plan.changes.len()
        ),
        ours.ms(),
        format!("raw multis, {WRITES_IN_FLIGHT} in flight: {}", baseline.ms()),
        baseline.median() / ours.median(),
        Budget::AtLeast(APPLY_MIN),
    );
}

fn prepared_chroot(zookeeper: &ZooKeeper) -> String {
    let connect = zookeeper.chroot();
    let client = Foreign::connect(&connect);
    client.create(LOCK, b"");
    client.create(STATE, b"{}");
    connect
}

fn batches(plan: &Plan, connect: &str) -> Vec<std::ops::Range<usize>> {
    let chroot_bytes = split(connect).1.len();
    let limits = BatchLimits {
        guard_bytes: 256,
        guard_operations: 2,
        wire: Wire {
            chroot_bytes,
            ..Wire::default()
        },
        ..BatchLimits::default()
    };
    let batches = plan::batches(plan, &limits).expect("no node is too large");
    batches.into_iter().map(|batch| batch.range).collect()
}

fn apply_ours(connect: &str, plan: &Arc<Plan>, batches: &[std::ops::Range<usize>]) -> f64 {
    let path = |text| ZnodePath::parse(text).expect("a path");
    let transaction = |(step, changes): (usize, &std::ops::Range<usize>)| Transaction {
        head: vec![
            Op::Check(path(LOCK), DataVersion(0)),
            Op::Set(path(STATE), b"{}".to_vec(), DataVersion(step as i32)),
        ],
        changes: changes.clone(),
        tail: Vec::new(),
    };
    let commitment = Commitment {
        plan: plan.clone(),
        transactions: batches.iter().enumerate().map(transaction).collect(),
        in_flight_max: WRITES_IN_FLIGHT,
    };
    let runtime = runtime();
    let session = runtime
        .block_on(Session::open(&session_options(connect)))
        .expect("a session");
    let (seconds, answer) = timed(|| runtime.block_on(zk::commit(&session, &commitment)));
    assert!(matches!(answer, CommitAnswer::Applied { .. }), "{answer:?}");
    runtime.block_on(session.close());
    seconds
}

fn apply_raw(connect: &str, plan: &Plan, batches: &[std::ops::Range<usize>]) -> f64 {
    let (address, chroot) = split(connect);
    let frame = |(step, range): (usize, &std::ops::Range<usize>)| {
        let fence = Fence {
            lock: LOCK,
            state: STATE,
            version: step as i32,
        };
        raw::multi(chroot, Some(&fence), &plan.changes[range.clone()])
    };
    let frames: Vec<Vec<u8>> = batches.iter().enumerate().map(frame).collect();
    let mut raw = Raw::connect(address);
    timed(|| raw.exchange(&frames, WRITES_IN_FLIGHT)).0
}

/// Deletes what was created, so that the server holds no more from run to run.
fn empty_again(connect: &str, plan: &Plan) {
    let (address, chroot) = split(connect);
    let deletes: Vec<Change> = plan
        .changes
        .iter()
        .rev()
        .map(|change| Change::Delete {
            path: change.path().clone(),
            version: DataVersion(0),
            czxid: treekeeper_core::model::Zxid(0),
        })
        .collect();
    let frames: Vec<Vec<u8>> = deletes
        .chunks(READ_OPERATIONS)
        .map(|changes| raw::multi(chroot, None, changes))
        .collect();
    Raw::connect(address).exchange(&frames, WRITES_IN_FLIGHT);
}

/// Measures reading the whole tree, which lives at `connect`, and returns the seconds.
pub fn read(options: &Options, connect: &str, desired: &DesiredTree, kind: &str, report: &mut Report) -> f64 {
    let readers = Readers::new(connect, desired);
    let (ours, baseline) = (0..options.runs).map(|_| readers.turn()).unzip();
    readers.close();
    let (ours, baseline) = (Samples::new(ours), Samples::new(baseline));
    add_read(kind, desired.tree.len(), &ours, &baseline, report);
    ours.median()
}

/// Adds the line of reading so many znodes, and the same with ready-made frames.
pub fn add_read(kind: &str, znodes: usize, ours: &Samples, baseline: &Samples, report: &mut Report) {
    report.add(
        &format!("{kind}read {znodes} znodes"),
        ours.ms(),
        format!(
            "raw multi-reads of known paths, {READS_IN_FLIGHT} in flight: {}",
            baseline.ms()
        ),
        baseline.median() / ours.median(),
        Budget::AtLeast(READ_MIN),
    );
}

/// Our reader, on a session of its own.
pub struct Reader {
    runtime: Runtime,
    session: Session,
    scope: Scope,
}

impl Reader {
    /// Returns a reader of all that a sync has put below `connect`.
    pub fn new(connect: &str) -> Reader {
        let runtime = runtime();
        let (session, cluster) = runtime.block_on(async {
            let session = Session::open(&session_options(connect)).await.expect("a session");
            let cluster = zk::read_cluster(&session, Depth::Versions).await;
            (session, cluster.expect("a synced cluster"))
        });
        let state = cluster.state.state().expect("a state");
        let scope = Scope {
            subtrees: state
                .roots
                .iter()
                .map(|root| ZnodePath::root().join(root))
                .collect(),
            ..Scope::default()
        };
        Reader {
            runtime,
            session,
            scope,
        }
    }

    /// Reads the tree and returns how many seconds it took, and how many znodes there are.
    pub fn read(&self) -> (f64, usize) {
        let observe = zk::observe(&self.session, &self.scope, ReadMethod::Batched);
        let (seconds, tree) = timed(|| self.runtime.block_on(observe));
        (seconds, tree.expect("the tree can be read").len())
    }

    /// Ends the session.
    pub fn close(self) {
        self.runtime.block_on(self.session.close());
    }
}

/// Our reader and the raw one, to be run turn by turn on one tree.
pub struct Readers {
    ours: Reader,
    address: String,
    frames: Vec<Vec<u8>>,
    znodes: usize,
}

impl Readers {
    /// Returns the readers of the tree that a sync has put below `connect`.
    pub fn new(connect: &str, desired: &DesiredTree) -> Readers {
        Readers {
            ours: Reader::new(connect),
            address: split(connect).0.to_owned(),
            frames: read_frames(connect, desired),
            znodes: desired.tree.len(),
        }
    }

    /// Reads the tree in both ways and returns the seconds, ours first.
    pub fn turn(&self) -> (f64, f64) {
        let mut raw = Raw::connect(&self.address);
        let baseline = timed(|| raw.exchange(&self.frames, READS_IN_FLIGHT)).0;
        let (ours, znodes) = self.ours.read();
        assert_eq!(znodes, self.znodes);
        (ours, baseline)
    }

    /// Ends our session.
    pub fn close(self) {
        self.ours.close();
    }
}

/// The same operations that a walk needs: the data of every node, the children of those that have some.
fn read_frames(connect: &str, desired: &DesiredTree) -> Vec<Vec<u8>> {
    let tree = &desired.tree;
    let mut operations = Vec::new();
    for node in tree.walk() {
        let path = tree.path(node);
        operations.push((raw::GET_DATA, path.clone()));
        if !tree.children(node).is_empty() {
            operations.push((raw::GET_CHILDREN, path));
        }
    }
    operations
        .chunks(READ_OPERATIONS)
        .map(|chunk| {
            let operations: Vec<(i32, &str)> =
                chunk.iter().map(|(kind, path)| (*kind, path.as_str())).collect();
            raw::multi_read(split(connect).1, &operations)
        })
        .collect()
}

/// What the original asks for of each znode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// What it did to read: exists, get, list the children.
    Read,
    /// What it did in a sync: it set every znode too.
    ReadAndWrite,
}

/// Some of the nodes and their data: all of them would take minutes.
fn sample(desired: &DesiredTree) -> Vec<(ZnodePath, &[u8])> {
    let tree = &desired.tree;
    let stride = (tree.len() / SEQUENTIAL_SAMPLE).max(1);
    tree.walk()
        .step_by(stride)
        .map(|node| (tree.path(node), tree.content(node).data.as_ref()))
        .collect()
}

/// Returns the seconds that the original's requests would take for the whole tree, one after the other, as kazoo sends
/// them, which the original used.
///
/// Some nodes are asked for, and set to what they are.
pub fn by_kazoo(connect: &str, desired: &DesiredTree, asks: Asks) -> f64 {
    let sample = sample(desired);
    let nodes: Vec<(&str, &str)> = sample
        .iter()
        .map(|(path, data)| {
            (
                path.as_str(),
                str::from_utf8(data).expect("generated data is text"),
            )
        })
        .collect();
    let mut original = Command::new(python())
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/benches/budgets/original.py"
        ))
        .arg(connect)
        .args((asks == Asks::ReadAndWrite).then_some("--write"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let input = original.stdin.take().expect("standard input is a pipe");
    serde_json::to_writer(input, &nodes).expect("it reads its input");
    let output = original.wait_with_output().expect("it ends");
    let seconds: f64 = String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .expect("it prints seconds");
    seconds * desired.tree.len() as f64 / sample.len() as f64
}

/// Returns the same for all that the original asked, as frames that were made beforehand.
pub fn by_frames(connect: &str, desired: &DesiredTree) -> f64 {
    let (address, chroot) = split(connect);
    let sample = sample(desired);
    let frames: Vec<_> = sample
        .iter()
        .flat_map(|(path, data)| {
            [raw::EXISTS, raw::GET_DATA, raw::SET_DATA, raw::GET_CHILDREN]
                .map(|opcode| raw::single(opcode, chroot, path.as_str(), data))
        })
        .collect();
    let mut raw = Raw::connect(address);
    let (seconds, ()) = timed(|| raw.exchange(&frames, 1));
    seconds * desired.tree.len() as f64 / sample.len() as f64
}

/// Splits `HOST:PORT/chroot`.
fn split(connect: &str) -> (&str, &str) {
    connect.split_at(connect.find('/').unwrap_or(connect.len()))
}
