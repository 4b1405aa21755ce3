//! Cuts a plan into transactions that a server takes, counting the bytes of each request exactly.
//!
//! Knows the sizes of ZooKeeper's wire format (jute) but writes none of it; of the fence and the state, which every
//! transaction holds too, it knows only the room that they take.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::{Change, Plan};
use crate::model::ZnodePath;

/// One transaction: a range of the plan's changes, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Indexes into [`Plan::changes`]; never empty.
    pub range: Range<usize>,
    /// The bytes of the whole request, the reserve for the guard included.
    pub bytes: usize,
}

impl Batch {
    /// Returns the batch's changes.
    pub fn changes<'a>(&self, plan: &'a Plan) -> &'a [Change] {
        &plan.changes[self.range.clone()]
    }
}

/// What transactions may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// A plan of at most so many bytes is one transaction.
    pub transaction_bytes_max: usize,
    /// A plan of at most so many operations is one transaction.
    pub transaction_operations_max: usize,
    /// The bytes of each transaction of a plan that is not one; a change that has more is one by itself.
    pub batch_bytes_max: usize,
    /// The operations of each transaction of a plan that is not one.
    pub batch_operations_max: usize,
    /// The bytes of any request: more, and the server drops the connection (`jute.maxbuffer`).
    pub request_bytes_max: usize,
    /// Room for the fence, `/hosts` and the state in each transaction.
    pub guard_bytes: usize,
    /// The number of operations of the fence, `/hosts` and the state in each transaction.
    pub guard_operations: usize,
    /// What else the sizes on the wire depend on.
    pub wire: Wire,
}

impl Default for BatchLimits {
    fn default() -> BatchLimits {
        BatchLimits {
            transaction_bytes_max: 512 * 1024,
            transaction_operations_max: 5_000,
            batch_bytes_max: 64_000,
            batch_operations_max: 5_000,
            request_bytes_max: 1_048_575,
            guard_bytes: 0,
            guard_operations: 0,
            wire: Wire::default(),
        }
    }
}

/// The sizes of operations in a multi request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The bytes of the chroot, which the client puts before each path.
    pub chroot_bytes: usize,
    /// The bytes of the access control list of a new znode.
    pub acl_bytes: usize,
}

impl Default for Wire {
    fn default() -> Wire {
        Wire {
            chroot_bytes: 0,
            acl_bytes: Wire::acl_bytes([("world", "anyone")]),
        }
    }
}

impl Wire {
    /// The bytes of a request around its operations: its header, and the header that ends the operations.
    pub const REQUEST: usize = 8 + Wire::OPERATION;
    /// The bytes before each operation: type, done, error.
    const OPERATION: usize = 4 + 1 + 4;
    /// The bytes of an integer, and of the length before a string, a buffer or a vector.
    const INTEGER: usize = 4;

    /// Returns the bytes of an access control list of (scheme, id) entries.
    pub fn acl_bytes<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> usize {
        let entry = |(scheme, id): (&str, &str)| 3 * Wire::INTEGER + scheme.len() + id.len();
        Wire::INTEGER + entries.into_iter().map(entry).sum::<usize>()
    }

    fn path(&self, path: &ZnodePath) -> usize {
        let bytes = if path.is_root() && self.chroot_bytes > 0 {
            0
        } else {
            path.as_str().len()
        };
        Wire::INTEGER + self.chroot_bytes + bytes
    }

    /// Returns the bytes of a create.
    pub fn create(&self, path: &ZnodePath, data: &[u8]) -> usize {
        Wire::OPERATION + self.path(path) + Wire::INTEGER + data.len() + self.acl_bytes + Wire::INTEGER
    }

    /// Returns the bytes of a set.
    pub fn set(&self, path: &ZnodePath, data: &[u8]) -> usize {
        Wire::OPERATION + self.path(path) + Wire::INTEGER + data.len() + Wire::INTEGER
    }

    /// Returns the bytes of a delete, and of a check of a version.
    pub fn delete(&self, path: &ZnodePath) -> usize {
        Wire::OPERATION + self.path(path) + Wire::INTEGER
    }

    /// Returns the bytes of a change.
    pub fn change(&self, change: &Change) -> usize {
        match change {
            Change::Create { path, data } => self.create(path, data),
            Change::Set { path, data, .. } => self.set(path, data),
            Change::Delete { path, .. } => self.delete(path),
        }
    }
}

/// A change that fits into no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a transaction that writes {path} would have {bytes} bytes, a server takes {bytes_max}")]
pub struct TooLarge {
    /// The znode.
    pub path: ZnodePath,
    /// The bytes of a request that holds nothing else but the guard.
    pub bytes: usize,
    /// The bytes of the largest request.
    pub bytes_max: usize,
}

/// Returns the transactions of `plan`: one if it fits, several small ones if it doesn't, none if it is empty.
pub fn batches(plan: &Plan, limits: &BatchLimits) -> Result<Vec<Batch>, TooLarge> {
    let around = Wire::REQUEST + limits.guard_bytes;
    let sizes: Vec<usize> = plan
        .changes
        .iter()
        .map(|change| limits.wire.change(change))
        .collect();
    if let Some(place) = sizes
        .iter()
        .position(|size| around + size > limits.request_bytes_max)
    {
        let path = plan.changes[place].path().clone();
        return Err(TooLarge {
            path,
            bytes: around + sizes[place],
            bytes_max: limits.request_bytes_max,
        });
    }
    let bytes = around + sizes.iter().sum::<usize>();
    let fits = bytes <= limits.transaction_bytes_max.min(limits.request_bytes_max)
        && sizes.len() + limits.guard_operations <= limits.transaction_operations_max;
    if sizes.is_empty() {
        Ok(Vec::new())
    } else if fits {
        Ok(vec![Batch {
            range: 0..sizes.len(),
            bytes,
        }])
    } else {
        Ok(cut(&sizes, around, limits))
    }
}

/// Fills one batch after the other with changes of these sizes.
fn cut(sizes: &[usize], around: usize, limits: &BatchLimits) -> Vec<Batch> {
    let bytes_max = limits.batch_bytes_max.min(limits.request_bytes_max);
    let operations_max = limits
        .batch_operations_max
        .saturating_sub(limits.guard_operations)
        .max(1);
    let mut batches: Vec<Batch> = Vec::new();
    for (place, size) in sizes.iter().enumerate() {
        match batches.last_mut() {
            Some(batch) if batch.bytes + size <= bytes_max && batch.range.len() < operations_max => {
                batch.range.end = place + 1;
                batch.bytes += size;
            }
            _ => batches.push(Batch {
                range: place..place + 1,
                bytes: around + size,
            }),
        }
    }
    batches
}

/// Returns of each batch, which are ranges of `changes`, the places of those that rest on no other batch: a server can
/// be asked about them by themselves.
///
/// A create rests on an earlier batch if its parent is created there, a delete if one of its children is deleted
/// there.
pub fn independent(changes: &[Change], batches: impl IntoIterator<Item = Range<usize>>) -> Vec<Vec<usize>> {
    let creates = changes
        .iter()
        .filter(|change| matches!(change, Change::Create { .. }));
    let created: HashSet<&ZnodePath> = creates.map(Change::path).collect();
    let mut children: HashMap<ZnodePath, usize> = HashMap::new();
    for change in changes {
        if let (Change::Delete { .. }, Some(parent)) = (change, change.path().parent()) {
            *children.entry(parent).or_default() += 1;
        }
    }
    let alone = |batch: Range<usize>| {
        let mut here: HashSet<&ZnodePath> = HashSet::new();
        let mut deleted: HashMap<ZnodePath, usize> = HashMap::new();
        let stands_alone = |place: &usize| {
            let path = changes[*place].path();
            let parent = path.parent().unwrap_or_else(ZnodePath::root);
            match changes[*place] {
                Change::Create { .. } => {
                    let alone = !created.contains(&parent) || here.contains(&parent);
                    alone && here.insert(path)
                }
                Change::Set { .. } => true,
                Change::Delete { .. } => {
                    let alone = deleted.get(path) == children.get(path);
                    *deleted.entry(parent).or_default() += usize::from(alone);
                    alone
                }
            }
        };
        batch.filter(stands_alone).collect()
    };
    batches.into_iter().map(alone).collect()
}
