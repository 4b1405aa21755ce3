//! Compares the whole managed tree with what a commit means: I2 after every transaction of a sync, I1 at the end.

use serde_json::Value;

use super::{Checker, HOSTS, Operation};
use crate::commit::{is_role_lock, root_of};

impl Checker {
    /// I2: when `/hosts` names a commit after a transaction of a sync, the tree is what it means.
    pub(super) fn judge_whole(&mut self, operation: Operation) {
        let version = self
            .mirror
            .property(HOSTS, "version")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let Some(revision) = version else {
            self.is_ours = false;
            return;
        };
        let observed = self.records[operation.0].observed.0;
        if let Some(difference) = self.difference(&revision, observed) {
            self.blame("I2", format!("/hosts is at {revision}, but {difference}"));
        }
        self.deployed = Some(revision);
        self.is_ours = true;
        self.observed = observed;
    }

    /// I1: after a sync without faults the tree is what the commit means; `strictly` counts foreign edits too.
    pub fn judge_end(&mut self, revision: &str, strictly: bool) {
        let version = self.mirror.property(HOSTS, "version").cloned();
        let is_equal = version == Some(Value::from(revision));
        if !is_equal {
            return self.blame("I1", format!("/hosts is at {version:?} instead of {revision}"));
        }
        if !strictly && !self.is_ours {
            return;
        }
        let since = if strictly { i64::MAX } else { self.observed };
        if let Some(difference) = self.difference(revision, since) {
            self.blame("I1", difference);
        }
        let state = self.mirror.properties(super::STATE);
        let phase = state.and_then(|state| state.get("phase")).cloned();
        if phase != Some(Value::from("clean")) {
            self.blame("I1", format!("the state is {phase:?}"));
        }
    }

    /// Returns the first difference that no edit of others after `since` explains.
    fn difference(&mut self, revision: &str, since: i64) -> Option<String> {
        self.meaning(revision)?;
        let meaning = self.meanings.get(revision)?;
        let mirror = &self.mirror;
        for (path, wanted) in &meaning.stored {
            let is_right = mirror.nodes.get(path).is_some_and(|node| node.content == *wanted);
            if !is_right && !mirror.is_touched(path, since) {
                let live = mirror.nodes.get(path).map(|node| &node.content);
                return Some(format!("{path} is {live:?} instead of {wanted:?}"));
            }
        }
        for root in &meaning.desired.trimmed {
            let root = format!("/{root}");
            let extra = mirror
                .below(&root)
                .filter(|(path, _)| !meaning.stored.contains_key(*path));
            for (path, node) in extra {
                let holds =
                    |(below, node): (&String, &super::mirror::Node)| node.owner != 0 || is_role_lock(below);
                let is_spared = node.owner != 0 || is_role_lock(path) || mirror.below(path).any(holds);
                if !is_spared && !mirror.is_touched(path, since) {
                    return Some(format!(
                        "{path} is there and not wanted (root {})",
                        root_of(&root)
                    ));
                }
            }
        }
        None
    }
}
