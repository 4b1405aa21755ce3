//! Reads in the background what an operation will most likely ask for, while git is at work.
//!
//! A look that failed is as good as none: it is taken again when its time has come, and tells then what is wrong.

use std::sync::Arc;

use tokio::task::JoinHandle;
use treekeeper_core::model::{LiveNode, LiveTree, Tree};
use treekeeper_core::operation::Scope;

use crate::zk::{self, Hints, ReadMethod, Session};

/// A look that is being taken. Dropping it ends it.
pub(super) struct Early {
    scope: Scope,
    reading: JoinHandle<Option<LiveTree>>,
}

impl Early {
    /// Begins to read `scope`, unless there is nothing in it.
    pub(super) fn begin(
        session: &Session,
        scope: Scope,
        method: ReadMethod,
        hints: &Arc<Hints>,
    ) -> Option<Early> {
        if scope == Scope::default() {
            return None;
        }
        let (session, wanted, hints) = (session.clone(), scope.clone(), Arc::clone(hints));
        let reading = tokio::spawn(async move {
            let tree = Tree::new(LiveNode::unread());
            zk::observe_more(&session, tree, &wanted, method, &hints)
                .await
                .ok()
        });
        Some(Early { scope, reading })
    }

    /// Tells whether it is `scope` that is being read.
    pub(super) fn is_of(&self, scope: &Scope) -> bool {
        self.scope == *scope
    }

    /// Tells whether there is nothing more to read.
    pub(super) fn is_finished(&self) -> bool {
        self.reading.is_finished()
    }

    /// Waits for the end, and returns what was read and of what.
    pub(super) async fn finish(mut self) -> Option<(Scope, LiveTree)> {
        let tree = (&mut self.reading).await.ok().flatten()?;
        Some((std::mem::take(&mut self.scope), tree))
    }

    /// Ends it, and with it its use of the session.
    pub(super) async fn stop(mut self) {
        self.reading.abort();
        let _ = (&mut self.reading).await;
    }
}

impl Drop for Early {
    fn drop(&mut self) {
        self.reading.abort();
    }
}
