//! Reads subtrees as fast as a server lets us: batched multi-reads, a few in flight.
//!
//! What is read is not one snapshot: a node that goes while we read is left out, a node that changes afterwards is
//! caught by the data version that every write carries. No `sync` is sent: it hung on 3.8.0 (ZOOKEEPER-4537); taking
//! the lock on the same session is the barrier.

mod family;
mod request;

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use treekeeper_core::model::{DataVersion, LiveNode, LiveTree, NodeId, SharedBytes, Tree, ZnodePath, Zxid};
use treekeeper_core::operation::Scope;
use zookeeper_client::Stat;

use self::family::{Families, Verdict};
use self::request::{Batch, BatchError, Found, Parent, Pending, What, read_batch, read_one};
use super::hints::{Hint, Hints};
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
/// Bytes that one reply should not exceed, by the mean size of what came before.
const REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A node that has children.
struct Below {
    node: NodeId,
    /// How many, and the transaction that last changed which; unknown where a guess was wrong.
    family: Option<(usize, i64)>,
    /// What is expected there.
    hint: Option<Hint>,
}

struct Reader<'a> {
    session: &'a Session,
    method: ReadMethod,
    hints: &'a Hints,
    tree: LiveTree,
    pending: VecDeque<Pending>,
    /// Nodes whose children are not known; asked for last, since hints may still be coming.
    parents: VecDeque<Below>,
    families: Families,
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
    let tree = Tree::new(LiveNode::unread());
    observe_more(session, tree, scope, method, &Hints::default()).await
}

/// Reads what `scope` names into `tree`, which holds nothing of it yet; what `hints` tell rightly takes fewer requests.
///
/// # Errors
/// As [`observe`].
pub async fn observe_more(
    session: &Session,
    tree: LiveTree,
    scope: &Scope,
    method: ReadMethod,
    hints: &Hints,
) -> Result<LiveTree, ZkError> {
    let mut reader = Reader {
        session,
        method,
        hints,
        tree,
        pending: VecDeque::new(),
        parents: VecDeque::new(),
        families: Families::default(),
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
            hint: None,
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
            while self.has_batch(in_flight.len()) {
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

    /// Tells whether to send one more batch; a part batch waits for company unless nothing else is on its way.
    fn has_batch(&self, in_flight: usize) -> bool {
        let waiting = self.pending.len() + self.parents.len();
        match in_flight {
            0 => waiting > 0,
            some => some < self.in_flight_max() && waiting >= self.batch_operations(),
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

    /// Takes the next thing to be read out of the queues.
    fn next(&mut self) -> Option<Pending> {
        loop {
            if let Some(pending) = self.pending.pop_front() {
                return Some(pending);
            }
            let Below { node, family, hint } = self.parents.pop_front()?;
            let hint = hint.or_else(|| self.hints.find(&self.tree, node));
            match (family, hint) {
                (Some((children, pzxid)), Some(hint)) if children == hint.count() => {
                    self.guess(node, pzxid, &hint);
                }
                (_, hint) => {
                    let what = What::Children;
                    return Some(Pending { node, what, hint });
                }
            }
        }
    }

    fn next_batch(&mut self) -> Batch {
        let count = self.batch_operations();
        let room = count.min(self.pending.len() + self.parents.len());
        let mut batch = Batch {
            pending: Vec::with_capacity(room),
            paths: String::with_capacity(room * 64),
            ends: Vec::with_capacity(room),
        };
        let mut parent = Parent::default();
        while batch.pending.len() < count {
            let Some(pending) = self.next() else {
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
                let Some(pending) = self.next() else {
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
        let Pending { node, what, hint } = pending;
        let czxid = match &found {
            Found::Data(_, stat) => Some(stat.czxid),
            Found::Children(_) | Found::Gone => None,
        };
        match found {
            Found::Gone => {
                if node != self.tree.root() {
                    self.tree.detach(node);
                }
            }
            Found::Data(data, stat) => {
                self.answer_bytes = (self.answer_bytes * 15 + data.len() + 90) / 16;
                let children = usize::try_from(stat.num_children).unwrap_or(0);
                self.set(node, data, &stat);
                if children > 0 && what != (What::Data { descend: false }) {
                    let family = Some((children, stat.pzxid));
                    self.parents.push_back(Below { node, family, hint });
                }
            }
            Found::Children(names) => self.list(node, names, hint.as_ref()),
        }
        let parent = self.tree.parent(node);
        if what == What::Guess && self.families.answer(parent, czxid) == Verdict::Wrong {
            self.parents.push_back(Below {
                node: parent,
                family: None,
                hint: None,
            });
        }
    }

    fn set(&mut self, node: NodeId, data: SharedBytes, stat: &Stat) {
        *self.tree.content_mut(node) = LiveNode {
            data,
            version: DataVersion(stat.version),
            czxid: Zxid(stat.czxid),
            mzxid: Zxid(stat.mzxid),
            mtime_ms: stat.mtime,
            ephemeral_owner: (stat.ephemeral_owner != 0).then_some(stat.ephemeral_owner),
        };
    }

    /// Queues the expected children of a node, which are as many as it has.
    fn guess(&mut self, node: NodeId, pzxid: i64, hint: &Hint) {
        self.families.add(node, hint.count(), pzxid);
        for (name, hint) in hint.children() {
            let node = self.tree.add(node, name, LiveNode::unread());
            self.pending.push_back(Pending {
                node,
                what: What::Guess,
                hint: Some(hint),
            });
        }
    }

    /// Makes these the children of a node, and queues those that were not read yet.
    fn list(&mut self, node: NodeId, mut names: Vec<String>, hint: Option<&Hint>) {
        names.sort_unstable();
        // There are some where a guess was wrong: those that exist stay.
        for guessed in self.tree.children(node).to_vec() {
            if names
                .binary_search_by(|name| (**name).cmp(self.tree.name(guessed)))
                .is_err()
            {
                self.tree.detach(guessed);
            }
        }
        for name in names {
            if self.tree.child(node, &name).is_some() {
                continue;
            }
            let hint = hint.and_then(|hint| hint.child(&name));
            let child = self.tree.add(node, name, LiveNode::unread());
            self.pending.push_back(Pending {
                node: child,
                what: What::Data { descend: true },
                hint,
            });
        }
    }
}
