//! Reads subtrees as fast as a server lets us: batched multi-reads, a few in flight.
//!
//! What is read is not one snapshot: a node that goes while we read is left out, a node that changes afterwards is
//! caught by the data version that every write carries. No `sync` is sent: it hung on 3.8.0 (ZOOKEEPER-4537); taking
//! the lock on the same session is the barrier.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use treekeeper_core::model::{
    DataVersion, LiveNode, LiveTree, NodeId, PieceBuilder, SharedBytes, Tree, ZnodePath, Zxid, decode,
};
use treekeeper_core::operation::Scope;
use treekeeper_core::plan::{Change, Plan};
use zookeeper_client::{Error, MultiReadResult, Stat};

use super::{Session, ZkError};

/// Returns the names of the top-level znodes, sorted.
///
/// # Errors
/// NoAuth, a lost session, the request deadline, a chroot that is not there.
pub async fn top_level(session: &Session) -> Result<Vec<String>, ZkError> {
    let listed = session
        .repeat("listing", "/", || session.client.list_children("/"))
        .await;
    let mut names = match listed {
        Err(ZkError::NoNode(_)) => return Err(ZkError::NoChroot(session.chroot().to_owned())),
        listed => listed?,
    };
    names.sort();
    Ok(names)
}

/// How a tree is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMethod {
    /// Multi-reads, and single reads if the server does not know them (before 3.6).
    Batched,
    /// Single reads, as on old servers.
    Single,
}

/// Operations of one multi-read: more gain nothing, fewer cost (docs/performance.md).
const BATCH_OPERATIONS_MAX: usize = 1_000;
/// Batches in flight on a server that is near: more gain nothing.
const BATCHES_IN_FLIGHT_MAX: usize = 2;
/// Batches in flight on a server that is far, where they spend most of their time on the way.
const FAR_BATCHES_IN_FLIGHT_MAX: usize = 8;
/// A server is far if no answer has come as soon as this.
const FAR: Duration = Duration::from_millis(4);
/// Single reads in flight on old servers.
const SINGLES_IN_FLIGHT_MAX: usize = 64;
/// Bytes of an operation in a request, besides its path.
const OPERATION_BYTES: usize = 14;
/// Bytes of paths in one request; a server drops the connection at 1,048,575 bytes.
const REQUEST_BYTES_MAX: usize = 512 * 1024;
/// Changes read back at once: their nodes are held beside the plan.
const READ_BACK_MAX: usize = 10 * BATCH_OPERATIONS_MAX;
/// Bytes that one reply should not exceed, by the mean size of what came before.
const REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Something still to be read.
struct Pending {
    node: NodeId,
    what: What,
}

/// What one request asks for, with the paths spelled: a request that was lost is made again.
struct Batch {
    pending: Vec<Pending>,
    /// One after the other.
    paths: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Batch {
    /// Returns everything to be read, with its path.
    fn iter(&self) -> impl Iterator<Item = (&Pending, &str)> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let paths = starts
            .zip(&self.ends)
            .map(|(start, end)| &self.paths[*start..*end]);
        self.pending.iter().zip(paths)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Data { descend: bool },
    Children,
}

enum Found {
    Data(SharedBytes, Stat),
    Children(Vec<String>),
    Gone,
}

struct Reader<'a> {
    session: &'a Session,
    method: ReadMethod,
    tree: LiveTree,
    pending: VecDeque<Pending>,
    /// Mean bytes of an answer so far, for the size of the next batch.
    answer_bytes: usize,
    /// The soonest answer to a batch.
    soonest: Option<Duration>,
}

/// Reads what `scope` names.
///
/// # Errors
/// NoAuth on any node in the scope, a lost session, the request deadline.
pub async fn observe(session: &Session, scope: &Scope, method: ReadMethod) -> Result<LiveTree, ZkError> {
    observe_more(session, Tree::new(LiveNode::unread()), scope, method).await
}

/// Reads what `scope` names into `tree`, which holds nothing of it yet.
///
/// # Errors
/// As [`observe`].
pub async fn observe_more(
    session: &Session,
    tree: LiveTree,
    scope: &Scope,
    method: ReadMethod,
) -> Result<LiveTree, ZkError> {
    let mut reader = Reader {
        session,
        method,
        tree,
        pending: VecDeque::new(),
        answer_bytes: 256,
        soonest: None,
    };
    for (paths, descend) in [(&scope.subtrees, true), (&scope.nodes, false)] {
        for path in paths {
            reader.begin(path, descend);
        }
    }
    reader.run().await?;
    Ok(reader.tree)
}

impl Reader<'_> {
    /// Queues one subtree or node; its ancestors stand in the tree unread.
    fn begin(&mut self, path: &ZnodePath, descend: bool) {
        let mut at = self.tree.root();
        for name in path.names() {
            at = match self.tree.child(at, name) {
                Some(child) => child,
                None => self.tree.add(at, name, LiveNode::unread()),
            };
        }
        self.pending.push_back(Pending {
            node: at,
            what: What::Data { descend },
        });
    }

    async fn run(&mut self) -> Result<(), ZkError> {
        if self.method == ReadMethod::Batched {
            match self.run_batched().await {
                // A server before 3.6 does not know multi-reads; nothing was consumed yet.
                Err(BatchError::Unknown) => self.method = ReadMethod::Single,
                Err(BatchError::Other(error)) => return Err(error),
                Ok(()) => return Ok(()),
            }
        }
        self.run_single().await
    }

    async fn run_batched(&mut self) -> Result<(), BatchError> {
        let mut in_flight = FuturesUnordered::new();
        loop {
            // A part batch waits for company unless nothing else is on its way.
            while (in_flight.is_empty() && !self.pending.is_empty())
                || (in_flight.len() < self.in_flight_max() && self.pending.len() >= self.batch_operations())
            {
                let batch = self.next_batch();
                in_flight.push(read_batch(self.session, batch));
            }
            match in_flight.next().await {
                None => return Ok(()),
                Some((batch, Err(BatchError::Unknown))) => {
                    self.put_back(batch);
                    while let Some((batch, _)) = in_flight.next().await {
                        self.put_back(batch);
                    }
                    return Err(BatchError::Unknown);
                }
                Some((_, Err(error))) => return Err(error),
                Some((batch, Ok((found, took)))) => {
                    self.soonest = Some(self.soonest.map_or(took, |soonest| soonest.min(took)));
                    let nodes = batch
                        .pending
                        .iter()
                        .filter(|pending| pending.what != What::Children);
                    self.session.progress.advance(nodes.count());
                    for (pending, found) in batch.pending.into_iter().zip(found) {
                        self.take(pending, found);
                    }
                }
            }
        }
    }

    fn in_flight_max(&self) -> usize {
        match self.soonest {
            Some(soonest) if soonest > FAR => FAR_BATCHES_IN_FLIGHT_MAX,
            _ => BATCHES_IN_FLIGHT_MAX,
        }
    }

    fn put_back(&mut self, batch: Batch) {
        batch
            .pending
            .into_iter()
            .rev()
            .for_each(|pending| self.pending.push_front(pending));
    }

    fn batch_operations(&self) -> usize {
        (REPLY_BYTES_MAX / self.answer_bytes.max(1)).clamp(8, BATCH_OPERATIONS_MAX)
    }

    fn next_batch(&mut self) -> Batch {
        let count = self.batch_operations().min(self.pending.len());
        let mut batch = Batch {
            pending: Vec::with_capacity(count),
            paths: String::with_capacity(count * 64),
            ends: Vec::with_capacity(count),
        };
        let mut parent = Parent::default();
        while batch.pending.len() < count {
            let Some(pending) = self.pending.pop_front() else {
                break;
            };
            let end = batch.paths.len();
            parent.spell(&self.tree, pending.node, &mut batch.paths);
            let overhead = self.session.chroot_bytes() + OPERATION_BYTES;
            let bytes = batch.paths.len() + (batch.pending.len() + 1) * overhead;
            if bytes > REQUEST_BYTES_MAX && !batch.pending.is_empty() {
                batch.paths.truncate(end);
                self.pending.push_front(pending);
                break;
            }
            batch.ends.push(batch.paths.len());
            batch.pending.push(pending);
        }
        batch
    }

    async fn run_single(&mut self) -> Result<(), ZkError> {
        let mut in_flight = FuturesUnordered::new();
        loop {
            while in_flight.len() < SINGLES_IN_FLIGHT_MAX {
                let Some(pending) = self.pending.pop_front() else {
                    break;
                };
                let mut path = String::new();
                self.tree.spell(pending.node, &mut path);
                in_flight.push(read_one(self.session, pending, path));
            }
            let Some(result) = in_flight.next().await else {
                return Ok(());
            };
            let (pending, found) = result?;
            self.session
                .progress
                .advance(usize::from(pending.what != What::Children));
            self.take(pending, found);
        }
    }

    /// Puts what was found into the tree and queues what it calls for.
    fn take(&mut self, pending: Pending, found: Found) {
        let Pending { node, what } = pending;
        match found {
            Found::Gone => {
                if node != self.tree.root() {
                    self.tree.detach(node);
                }
            }
            Found::Data(data, stat) => {
                self.answer_bytes = (self.answer_bytes * 15 + data.len() + 90) / 16;
                let has_children = stat.num_children > 0;
                *self.tree.content_mut(node) = LiveNode {
                    data,
                    version: DataVersion(stat.version),
                    czxid: Zxid(stat.czxid),
                    mzxid: Zxid(stat.mzxid),
                    mtime_ms: stat.mtime,
                    ephemeral_owner: (stat.ephemeral_owner != 0).then_some(stat.ephemeral_owner),
                };
                if has_children && what == (What::Data { descend: true }) {
                    self.pending.push_back(Pending {
                        node,
                        what: What::Children,
                    });
                }
            }
            Found::Children(mut names) => {
                names.sort_unstable();
                for name in names {
                    let child = self.tree.add(node, name, LiveNode::unread());
                    self.pending.push_back(Pending {
                        node: child,
                        what: What::Data { descend: true },
                    });
                }
            }
        }
    }
}

/// The path of the parent of the node that was spelled last: the next one is most likely its sibling.
#[derive(Default)]
struct Parent {
    node: Option<NodeId>,
    path: String,
}

impl Parent {
    /// Appends the path of a node to `text`.
    fn spell(&mut self, tree: &LiveTree, node: NodeId, text: &mut String) {
        if node == tree.root() {
            return tree.spell(node, text);
        }
        let parent = tree.parent(node);
        if self.node != Some(parent) {
            self.node = Some(parent);
            self.path.clear();
            if parent != tree.root() {
                tree.spell(parent, &mut self.path);
            }
        }
        text.push_str(&self.path);
        text.push('/');
        text.push_str(tree.name(node));
    }
}

enum BatchError {
    /// The server does not know multi-reads.
    Unknown,
    Other(ZkError),
}

/// What a batch found, and how long its answer took.
type Answered = (Vec<Found>, Duration);

async fn read_batch(session: &Session, batch: Batch) -> (Batch, Result<Answered, BatchError>) {
    let begin = Instant::now();
    let result = try_batch(session, &batch).await;
    (batch, result.map(|found| (found, begin.elapsed())))
}

async fn try_batch(session: &Session, batch: &Batch) -> Result<Vec<Found>, BatchError> {
    let first = batch.iter().next().map_or("/", |(_, path)| path);
    let request = || {
        let mut reader = session.client.new_multi_reader();
        let queued = batch.iter().try_for_each(|(pending, path)| match pending.what {
            What::Data { .. } => reader.add_get_data(path),
            What::Children => reader.add_get_children(path),
        });
        async move {
            queued?;
            match reader.commit().await {
                Err(Error::Unimplemented) => Ok(None),
                other => other.map(Some),
            }
        }
    };
    let results = session
        .repeat("reading", first, request)
        .await
        .map_err(BatchError::Other)?;
    let Some(results) = results else {
        return Err(BatchError::Unknown);
    };
    if results.len() != batch.pending.len() {
        return Err(BatchError::Other(ZkError::Other {
            action: format!("reading {first}"),
            reason: format!("{} answers to {} questions", results.len(), batch.pending.len()),
        }));
    }
    let data = results.iter().map(|result| match result {
        MultiReadResult::Data { data, .. } => data.as_slice(),
        _ => &[],
    });
    // The answers go at once, their data are kept in one piece.
    let mut builder = PieceBuilder::with_capacity(data.clone().map(<[u8]>::len).sum());
    let places: Vec<_> = data.map(|data| builder.push(data)).collect();
    let piece = builder.finish();
    batch
        .iter()
        .zip(results)
        .zip(places)
        .map(|(((_, path), result), place)| match result {
            MultiReadResult::Data { stat, .. } => Ok(Found::Data(piece.part(place), stat)),
            MultiReadResult::Children { children } => Ok(Found::Children(children)),
            MultiReadResult::Error { err: Error::NoNode } => Ok(Found::Gone),
            MultiReadResult::Error { err } => Err(BatchError::Other(ZkError::of("reading", path, &err))),
            _ => Err(BatchError::Unknown),
        })
        .collect()
}

async fn read_one(session: &Session, pending: Pending, path: String) -> Result<(Pending, Found), ZkError> {
    let found = match pending.what {
        What::Data { .. } => session
            .repeat("reading", &path, || session.client.get_data(&path))
            .await
            .map(|(data, stat)| Found::Data(data.into(), stat)),
        What::Children => session
            .repeat("reading", &path, || session.client.list_children(&path))
            .await
            .map(Found::Children),
    };
    match found {
        Ok(found) => Ok((pending, found)),
        Err(ZkError::NoNode(_)) => Ok((pending, Found::Gone)),
        Err(error) => Err(error),
    }
}

/// Reads every node that the plan changed and returns the paths of those that are not as it left them.
pub async fn differing(session: &Session, plan: &Plan) -> Result<Vec<ZnodePath>, ZkError> {
    let mut differing = Vec::new();
    for changes in plan.changes.chunks(READ_BACK_MAX) {
        differing.extend(differing_of(session, changes).await?);
    }
    Ok(differing)
}

async fn differing_of(session: &Session, changes: &[Change]) -> Result<Vec<ZnodePath>, ZkError> {
    let scope = Scope {
        subtrees: Vec::new(),
        nodes: changes.iter().map(|change| change.path().clone()).collect(),
    };
    let live_tree = observe(session, &scope, ReadMethod::Batched).await?;
    let is_as_planned = |change: &Change| {
        let live = live_tree.find(change.path()).map(|node| live_tree.content(node));
        match (change.data(), live) {
            (None, live) => live.is_none(),
            (Some(_), None) => false,
            (Some(planned), Some(live)) => *planned == *live.data || decode(planned) == decode(&live.data),
        }
    };
    let differing = changes.iter().filter(|change| !is_as_planned(change));
    Ok(differing.map(|change| change.path().clone()).collect())
}
