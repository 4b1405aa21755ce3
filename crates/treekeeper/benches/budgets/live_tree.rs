//! A live tree without a server.

use treekeeper_core::model::{DataVersion, DesiredTree, LiveNode, LiveTree, Zxid};

/// Returns the tree as it would be read from a server; every `step`-th node has other data.
pub fn live_tree(desired: &DesiredTree, step: usize) -> LiveTree {
    let mut number = 0;
    desired.tree.clone().map(|node| {
        number += 1;
        LiveNode {
            data: if number % step == 0 {
                b"{}".as_slice().into()
            } else {
                node.data
            },
            version: DataVersion(0),
            czxid: Zxid(1),
            mtime_ms: 0,
            mzxid: Zxid(1),
            ephemeral_owner: None,
        }
    })
}
