//! What is asked of the server, one multi-read or single read at a time, and what it answers.

use std::time::{Duration, Instant};

use treekeeper_core::model::{LiveTree, NodeId, PieceBuilder, SharedBytes};
use zookeeper_client::{Error, MultiReadResult, Stat};

use crate::zk::hints::Hint;
use crate::zk::{Session, ZkError};

/// Something still to be read.
pub(super) struct Pending {
    pub(super) node: NodeId,
    pub(super) what: What,
    /// What is expected there.
    pub(super) hint: Option<Hint>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The data of a node, and whether what is below it is read too.
    Data { descend: bool },
    /// The data of a node that need not exist, and what is below it.
    Guess,
    /// The names of a node's children.
    Children,
}

pub(super) enum Found {
    Data(SharedBytes, Stat),
    Children(Vec<String>),
    Gone,
}

/// What one request asks for, with the paths spelled: a request that was lost is made again.
pub(super) struct Batch {
    pub(super) pending: Vec<Pending>,
    /// One after the other.
    pub(super) paths: String,
    /// Where each ends.
    pub(super) ends: Vec<usize>,
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

/// The path of the parent of the node that was spelled last: the next one is most likely its sibling.
#[derive(Default)]
pub(super) struct Parent {
    node: Option<NodeId>,
    path: String,
}

impl Parent {
    /// Appends the path of a node to `text`.
    pub(super) fn spell(&mut self, tree: &LiveTree, node: NodeId, text: &mut String) {
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

pub(super) enum BatchError {
    /// The server does not know multi-reads.
    Unknown,
    Other(ZkError),
}

/// What a batch found, and how long its answer took.
pub(super) type Answered = (Vec<Found>, Duration);

pub(super) async fn read_batch(session: &Session, batch: Batch) -> (Batch, Result<Answered, BatchError>) {
    let begin = Instant::now();
    let result = try_batch(session, &batch).await;
    (batch, result.map(|found| (found, begin.elapsed())))
}

async fn try_batch(session: &Session, batch: &Batch) -> Result<Vec<Found>, BatchError> {
    let first = batch.iter().next().map_or("/", |(_, path)| path);
    let request = || {
        let mut reader = session.client.new_multi_reader();
        let queued = batch.iter().try_for_each(|(pending, path)| match pending.what {
            What::Data { .. } | What::Guess => reader.add_get_data(path),
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

pub(super) async fn read_one(
    session: &Session,
    pending: Pending,
    path: String,
) -> Result<(Pending, Found), ZkError> {
    let found = match pending.what {
        What::Data { .. } | What::Guess => session
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
