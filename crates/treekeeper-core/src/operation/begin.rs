//! How an operation begins: everything that it will come to know is unknown.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Context, EditOptions, Goal, Operation, Receipt, Stage, SyncOptions};
use crate::gate::Policy;
use crate::model::cluster::Grants;
use crate::plan::Counts;

impl Operation {
    /// Returns a sync (or plan) that has not begun.
    pub fn sync(options: SyncOptions, context: Context) -> Operation {
        let policy = Policy {
            force: options.force,
            adopt: options.adopt,
            any_history: options.any_history || options.rollback,
            rollback: options.rollback,
            lock: context.lock,
        };
        Operation::new(Goal::Sync(options), context, policy)
    }

    /// Returns an import, `set` or `ln` that has not begun.
    pub fn edit(options: EditOptions, context: Context) -> Operation {
        let policy = Policy {
            lock: context.lock,
            ..Policy::default()
        };
        Operation::new(Goal::Edit(options), context, policy)
    }

    fn new(goal: Goal, context: Context, policy: Policy) -> Operation {
        let asked = Grants {
            commit: String::new(),
            allow_delete: context.allow_delete,
            allow_rewind: policy.any_history,
            adopt: policy.adopt,
            prune_roots: matches!(&goal, Goal::Sync(options) if options.prune_roots),
        };
        Operation {
            goal,
            context,
            stage: Stage::Starting,
            clock: Timestamp::UNIX_EPOCH,
            started: Timestamp::UNIX_EPOCH,
            asked_for_lock: Timestamp::UNIX_EPOCH,
            locked_ms: 0,
            events: Vec::new(),
            receipt: Receipt::default(),
            policy,
            asked,
            stop_seen: None,
            cluster: None,
            target: None,
            fetched_again: false,
            fetched_in_lock: false,
            desired: None,
            tree_sha256: None,
            file_names: Vec::new(),
            has_no_files: false,
            repository_globs: Vec::new(),
            candidates: Vec::new(),
            plan: None,
            commitment: None,
            replans: 0,
            progress: None,
            told_stop: false,
            told_resync: false,
            told_files: false,
            denied: None,
            landed: Counts::default(),
            inverse: None,
            stuck: BTreeSet::new(),
            last_look: false,
            veil: None,
            applying: None,
            rehearsing: None,
        }
    }
}
