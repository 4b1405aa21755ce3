//! Who was last at the znodes that a plan changes: when, and in which transaction.

use super::{Change, Plan};
use crate::model::{LiveTree, Zxid};

/// The last write of a live znode's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// When it was, in milliseconds since 1970 by the server's clock.
    pub mtime_ms: i64,
    /// The transaction.
    pub mzxid: Zxid,
}

/// Returns the last write of each znode that `plan` changes, in the order of its changes; nothing for what it creates.
pub fn touches(plan: &Plan, live: &LiveTree) -> Vec<Option<Touch>> {
    let touch = |change: &Change| {
        let node = live.content(live.find(change.path())?);
        Some(Touch {
            mtime_ms: node.mtime_ms,
            mzxid: node.mzxid,
        })
    };
    plan.changes.iter().map(touch).collect()
}
