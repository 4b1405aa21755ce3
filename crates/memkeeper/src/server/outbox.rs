//! What is still to be sent on one connection, in order, and how much memory that may take.
//!
//! Items are queued as values under the server's lock and become bytes later, outside of it. Nothing here waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::lock;
use crate::database::{EventKind, Reply};
use crate::wire::{self, Header};

/// Bytes that an item takes beside its encoded form: the queue's own, and the values' headers.
const ITEM_BYTES: usize = 96;

/// The bytes that all connections together may hold.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicUsize,
    bytes_max: usize,
}

/// Bytes taken from a budget; given back on drop.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

/// Something to send.
#[derive(Debug)]
pub(super) enum Item {
    /// Bytes that are ready.
    Bytes(Vec<u8>),
    /// A reply to a request.
    Reply(Header, Reply),
    /// The refusal of a SASL step.
    SaslRefusal(Header),
    /// A watch that fired.
    Event(EventKind, String),
    /// A reply of which only the first half is sent; then the connection is cut.
    HalfReply(Header, Reply),
    /// Nothing more: the connection is closed once everything before is sent.
    End,
}

/// Until when an item, and what is behind it, stays in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// It may go.
    No,
    /// Until then.
    Until(Instant),
    /// Until stalls are released for the next time after this many times.
    Released(u64),
}

/// The queue of one connection.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    bytes_max: usize,
    /// Wakes the connection's task; it keeps one wake-up if the task is busy.
    pub(super) changed: Notify,
}

#[derive(Debug)]
struct Queue {
    items: VecDeque<Queued>,
    /// What the items take, and those that are taken but not sent.
    share: Share,
    taken: usize,
    is_ending: bool,
    is_cut: bool,
}

#[derive(Debug)]
struct Queued {
    item: Item,
    hold: Hold,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(bytes_max: usize) -> Arc<Budget> {
        Arc::new(Budget {
            used: AtomicUsize::new(0),
            bytes_max,
        })
    }

    /// Returns an empty share.
    pub(super) fn share(self: &Arc<Budget>) -> Share {
        Share {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }
}

impl Share {
    /// Makes the share this large, or tells that the budget does not allow it and leaves it as it is.
    pub(super) fn resize(&mut self, bytes: usize) -> bool {
        let used = &self.budget.used;
        if bytes > self.bytes {
            let more = bytes - self.bytes;
            let before = used.fetch_add(more, Ordering::Relaxed);
            if before.saturating_add(more) > self.budget.bytes_max {
                used.fetch_sub(more, Ordering::Relaxed);
                return false;
            }
        } else {
            used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Item {
    /// Returns how much memory the item may take, queued or encoded.
    fn bytes(&self) -> usize {
        let encoded = match self {
            Item::Bytes(bytes) => bytes.len(),
            Item::Reply(_, reply) | Item::HalfReply(_, reply) => wire::encoded_reply_bytes(reply),
            Item::Event(_, path) => path.len(),
            Item::SaslRefusal(_) | Item::End => 0,
        };
        ITEM_BYTES + encoded
    }
}

impl Outbox {
    pub(super) fn new(share: Share, bytes_max: usize) -> Outbox {
        Outbox {
            queue: Mutex::new(Queue {
                items: VecDeque::new(),
                share,
                taken: 0,
                is_ending: false,
                is_cut: false,
            }),
            bytes_max,
            changed: Notify::new(),
        }
    }

    /// Queues an item; a connection that has left too much unread is cut instead.
    pub(super) fn push(&self, item: Item, hold: Hold) {
        let mut queue = lock(&self.queue);
        if queue.is_cut || queue.is_ending {
            return;
        }
        let bytes = item.bytes();
        let all = queue.share.bytes.saturating_add(bytes);
        if all > self.bytes_max || !queue.share.resize(all) {
            queue.cut();
        } else {
            queue.is_ending |= matches!(item, Item::End | Item::HalfReply(..));
            queue.items.push_back(Queued { item, hold, bytes });
        }
        drop(queue);
        self.changed.notify_one();
    }

    /// Ends the connection without sending what is queued.
    pub(super) fn cut(&self) {
        lock(&self.queue).cut();
        self.changed.notify_one();
    }

    /// Tells whether the connection closes by itself once everything is sent.
    pub(super) fn is_ending(&self) -> bool {
        lock(&self.queue).is_ending
    }

    pub(super) fn is_cut(&self) -> bool {
        lock(&self.queue).is_cut
    }

    /// Returns how many bytes are queued or [taken](Outbox::take) and not yet [sent](Outbox::sent).
    pub(super) fn bytes(&self) -> usize {
        lock(&self.queue).share.bytes
    }

    /// Takes the first item, unless it is still held.
    pub(super) fn take(&self, is_held: impl Fn(Hold) -> bool) -> Taken {
        let mut queue = lock(&self.queue);
        match queue.items.pop_front() {
            None => Taken::Nothing,
            Some(queued) if is_held(queued.hold) => {
                let hold = queued.hold;
                queue.items.push_front(queued);
                Taken::Held(hold)
            }
            Some(queued) => {
                queue.taken += queued.bytes;
                Taken::Item(queued.item)
            }
        }
    }

    /// Tells that everything taken so far is sent.
    pub(super) fn sent(&self) {
        let mut queue = lock(&self.queue);
        let left = queue.share.bytes.saturating_sub(queue.taken);
        queue.taken = 0;
        queue.share.resize(left);
    }
}

/// What [`Outbox::take`] found.
#[derive(Debug)]
pub(super) enum Taken {
    Item(Item),
    Held(Hold),
    Nothing,
}

impl Queue {
    fn cut(&mut self) {
        self.is_cut = true;
        self.items.clear();
        self.taken = 0;
        self.share.resize(0);
    }
}
