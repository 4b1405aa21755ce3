//! Judges one transaction of a treekeeper: whether it may write at all, and whether each write is called for.

use memkeeper::database::{Applied, Transaction};
use serde_json::Value;

use super::mirror::{Content, path_of};
use super::{Checker, Granted, HISTORY, HOSTS, Operation, QUEUES, ROOTS, STATE, is_candidate};
use crate::commit::root_of;
use crate::repository::Lies;
use crate::world::SECOND;

/// What a transaction of a sync says of itself, in the state that it writes.
struct Said {
    is_end: bool,
    revision: String,
    step: usize,
    steps: usize,
}

/// How long after a session's last sign of life its candidate may stay, beside its timeout: two ticks.
const GRACE: u64 = 2 * crate::world::TICK;

impl Checker {
    /// Judges a transaction before it is applied; tells whether it writes more than the lock.
    pub(super) fn judge(&mut self, operation: Operation, transaction: &Transaction) -> bool {
        let mut is_real = false;
        for change in &transaction.changes {
            let path = path_of(change);
            if is_candidate(path) {
                self.judge_candidate(operation, change);
            } else if !self.is_preparation(change) {
                is_real = true;
            }
        }
        if !is_real {
            return false;
        }
        self.records[operation.0].writes += 1;
        if self.records[operation.0].permit.is_dry {
            self.blame("I9", format!("operation {} was to write nothing", operation.0));
        }
        self.judge_fence(operation, transaction.session.0);
        self.judge_stop(operation);
        if self.records[operation.0].permit.is_edit {
            self.judge_edit(operation, transaction);
        } else {
            self.judge_sync(operation, transaction);
        }
        true
    }

    fn judge_candidate(&mut self, operation: Operation, change: &Applied) {
        let record = &mut self.records[operation.0];
        match change {
            Applied::Created(path, ..) => {
                if record.writes == 0 {
                    self.forget_candidates_beside(operation, path);
                }
                self.records[operation.0].candidates.push(path.clone());
            }
            Applied::Deleted(path) if record.candidates.contains(path) => {}
            other => {
                let path = path_of(other).to_owned();
                self.blame(
                    "I8",
                    format!(
                        "operation {} changed a candidate of somebody else: {path}",
                        operation.0
                    ),
                );
            }
        }
    }

    /// A syncer whose candidate was broken before it knew that it had one takes the lock anew, and reads everything
    /// behind that: only then it begins to hold it.
    fn forget_candidates_beside(&mut self, operation: Operation, path: &str) {
        let queue = QUEUES.iter().find(|queue| path.starts_with(**queue));
        let nodes = &self.mirror.nodes;
        let record = &mut self.records[operation.0];
        record
            .candidates
            .retain(|other| !queue.is_some_and(|queue| other.starts_with(queue)));
        let is_lost = |other: &String| nodes.get(other).is_none_or(|node| node.version > 0);
        record.is_fenced_off = record.candidates.iter().any(is_lost);
    }

    /// Tells whether a change only makes a node that syncs need and that was absent.
    fn is_preparation(&self, change: &Applied) -> bool {
        let Applied::Created(path, data, 0) = change else {
            return false;
        };
        match path.as_str() {
            "/ZktoolsLocks"
            | "/ZktoolsLocks/,hosts"
            | "/hosts-lock"
            | "/treekeeper"
            | STATE
            | ROOTS
            | HISTORY => true,
            HOSTS => Content::of(data) == Content::of(br#"{"version":"initial"}"#),
            _ => false,
        }
    }

    /// I3: every candidate is there, ours, never written to, and the first of its queue.
    fn judge_fence(&mut self, operation: Operation, session: i64) {
        let record = &self.records[operation.0];
        let first = |queue: &str| {
            let names = self
                .mirror
                .below(queue.trim_end_matches('/'))
                .map(|(path, _)| path.as_str());
            let counted = names.filter_map(|path| Some((key(queue, &path[queue.len()..])?, path)));
            counted.min().map(|(_, path)| path.to_owned())
        };
        let is_held = |candidate: &&String| {
            let node = self.mirror.nodes.get(*candidate);
            let is_ours = node.is_some_and(|node| node.owner == session && node.version == 0);
            let queue = QUEUES.iter().find(|queue| candidate.starts_with(**queue));
            is_ours && queue.is_some_and(|queue| first(queue).as_ref() == Some(candidate))
        };
        let held = record.candidates.iter().filter(is_held).count();
        if record.is_fenced_off || held < record.permit.locks {
            let what = format!(
                "operation {} writes, and of its {} locks it holds {held}",
                operation.0, record.permit.locks
            );
            self.blame("I3", what);
        }
    }

    /// I4: nothing is written after ALL STOP, but by a forced operation that began with that very stop.
    fn judge_stop(&mut self, operation: Operation) {
        if !self.is_stopped() {
            return;
        }
        let record = &self.records[operation.0];
        let has_read_it = record.stop_read == Some(self.mirror.nodes[HOSTS].version);
        if !(record.permit.force && has_read_it) {
            self.blame("I4", format!("operation {} writes after ALL STOP", operation.0));
        }
    }

    fn judge_edit(&mut self, operation: Operation, transaction: &Transaction) {
        for change in &transaction.changes {
            let path = path_of(change).to_owned();
            let root = root_of(&path);
            if !is_candidate(&path) && ["hosts", "treekeeper", "ZktoolsLocks", "hosts-lock"].contains(&root) {
                self.blame("I8", format!("edit {} wrote {path}", operation.0));
            }
            self.judge_blind(operation, change);
        }
    }

    fn judge_sync(&mut self, operation: Operation, transaction: &Transaction) {
        let Some(said) = said(transaction) else {
            return self.blame(
                "I5",
                format!("sync {} writes without writing the state", operation.0),
            );
        };
        let Some(is_broken) = self.meaning(&said.revision).map(|meaning| meaning.is_broken) else {
            return self.blame("I2", format!("sync {} deploys an unknown commit", operation.0));
        };
        if is_broken {
            self.blame("I9", format!("sync {} deploys a broken commit", operation.0));
        }
        if self.is_note(transaction) {
            return self.judge_note(operation, transaction, &said.revision);
        }
        self.judge_version(operation, transaction, &said);
        self.judge_bump(operation, &said.revision);
        self.judge_convergence(operation);
        self.judge_order(operation, &said);
        self.judge_pin(operation, transaction, &said.revision);
        self.judge_history(operation, transaction, &said.revision, said.is_end);
        if !said.is_end {
            // The marker keeps what `/hosts` said before it.
            let named = self.mirror.property(HOSTS, "version").and_then(Value::as_str);
            self.named = named.map(str::to_owned).or(self.named.take());
        }
        for change in &transaction.changes {
            if self.is_of_the_tree(change) {
                self.judge_change(operation, change, &said);
            }
        }
        for (number, record) in self.records.iter_mut().enumerate() {
            // What others left unfinished is taken over here, and counts as theirs no more.
            if number != operation.0 {
                record.is_superseded |= record.step.take().is_some();
            }
        }
        if !said.is_end && !self.is_granted_to(&said.revision) {
            self.granted = Granted {
                revision: said.revision.clone(),
                ..Granted::default()
            };
        }
        let record = &mut self.records[operation.0];
        if said.is_end {
            record.ends += 1;
            record.step = None;
            self.granted = Granted::default();
        } else {
            record.step = Some((said.step, said.steps));
            self.granted.any_history |= record.permit.any_history;
            self.granted.prune_roots |= record.permit.prune_roots;
        }
        if record.ends > 1 {
            self.blame("I5", format!("sync {} ended twice", operation.0));
        }
    }

    /// Tells whether a change is one of the tree that commits describe, and none of treekeeper's own nodes.
    pub(super) fn is_of_the_tree(&self, change: &Applied) -> bool {
        let path = path_of(change);
        let is_own = is_candidate(path) || [HOSTS, STATE, ROOTS].contains(&path) || path.starts_with(HISTORY);
        !is_own && !self.is_preparation(change)
    }

    /// I2: `/hosts` names the commit with the last change, and False from the first; its other properties stay.
    fn judge_version(&mut self, operation: Operation, transaction: &Transaction, said: &Said) {
        let written = transaction.changes.iter().find_map(|change| match change {
            Applied::Set(path, data) if path == HOSTS => Some(Content::of(data)),
            _ => None,
        });
        let before = self.mirror.properties(HOSTS).cloned().unwrap_or_default();
        let after = match written {
            None => before.clone(),
            Some(Content::Properties(properties)) => properties,
            Some(Content::Raw(_)) => return self.blame("I2", format!("sync {} damaged /hosts", operation.0)),
        };
        let expected = if said.is_end {
            Value::from(said.revision.as_str())
        } else {
            Value::Bool(false)
        };
        if after.get("version") != Some(&expected) {
            let what = format!(
                "sync {} leaves /hosts at {:?} instead of {expected}",
                operation.0,
                after.get("version")
            );
            self.blame("I2", what);
        }
        let others = |properties: &crate::commit::Properties| {
            let mut others = properties.clone();
            others.remove("version");
            others
        };
        if others(&before) != others(&after) {
            self.blame(
                "I8",
                format!("sync {} changed other properties of /hosts", operation.0),
            );
        }
    }

    /// A sync that is not forced begins to write only if every host was at the version when it looked.
    fn judge_convergence(&mut self, operation: Operation) {
        let record = &self.records[operation.0];
        let is_paused = self.mirror.property(HOSTS, "version") == Some(&Value::Bool(false));
        if !record.unconverged.is_empty() && !record.permit.force && !is_paused {
            let what = format!(
                "sync {} writes though hosts lagged: {:?}",
                operation.0, record.unconverged
            );
            self.blame("convergence", what);
        }
    }

    /// I6: the version never moves against history without a grant.
    ///
    /// What is deployed is what a treekeeper deployed last; where none did, what `/hosts` names (DESIGN.md 8).
    fn judge_order(&mut self, operation: Operation, said: &Said) {
        let is_granted_to = self.is_granted_to(&said.revision);
        let version = self.mirror.property(HOSTS, "version").and_then(Value::as_str);
        let named = version.or(self.named.as_deref());
        let Some(deployed) = self.deployed.as_deref().or(named) else {
            return;
        };
        if self.repository.get(deployed).is_none() {
            return;
        }
        let is_granted =
            self.records[operation.0].permit.any_history || (self.granted.any_history && is_granted_to);
        let lies = self.repository.lies(&said.revision, deployed);
        if matches!(lies, Lies::Before | Lies::Apart) && !is_granted {
            let what = format!(
                "sync {} moves from {deployed} to {}, which lies {lies:?}",
                operation.0, said.revision
            );
            self.blame("I6", what);
        }
    }

    /// Tells whether what a cut sync was granted counts for a commit: the same one, or one with the same tree, of which
    /// either may be named where only trees move the version.
    fn is_granted_to(&mut self, revision: &str) -> bool {
        let granted = self.granted.revision.clone();
        granted == revision || self.have_one_tree(&granted, revision)
    }

    /// I8, I7: a change is what the commit calls for, and the node differed.
    fn judge_change(&mut self, operation: Operation, change: &Applied, said: &Said) {
        let path = path_of(change).to_owned();
        self.judge_blind(operation, change);
        let prunes = self.records[operation.0].permit.prune_roots
            || (self.granted.prune_roots && self.is_granted_to(&said.revision));
        let old = self.mirror.nodes.get(&path).cloned();
        let Some(meaning) = self.meaning(&said.revision) else {
            return;
        };
        let wanted = meaning.stored.get(&path);
        let is_defined = meaning
            .desired
            .nodes
            .keys()
            .any(|other| root_of(other) == root_of(&path));
        let fault = match change {
            Applied::Created(_, data, owner) => {
                (wanted != Some(&Content::of(data)) || *owner != 0).then_some("creates what is not wanted")
            }
            Applied::Set(_, data) if wanted != Some(&Content::of(data)) => Some("sets what is not wanted"),
            Applied::Set(..) => old
                .is_some_and(|old| Some(&old.content) == wanted)
                .then_some("sets what did not differ"),
            Applied::Deleted(_) if wanted.is_some() => Some("deletes what is wanted"),
            Applied::Deleted(_) if old.is_some_and(|old| old.owner != 0) => Some("deletes an ephemeral node"),
            Applied::Deleted(_) if is_defined && !meaning.desired.is_trimmed(&path) => {
                Some("trims what is kept")
            }
            Applied::Deleted(_) if !is_defined && !prunes => Some("deletes an orphan"),
            Applied::Deleted(_) => None,
            Applied::AclSet(_) => Some("sets the ACL of"),
        };
        if let Some(fault) = fault {
            self.blame("I8", format!("sync {} {fault}: {path}", operation.0));
        }
    }

    /// An edit of others between the look and the write is never overwritten.
    ///
    /// A node that is created overwrites nothing: it was absent when it was looked at, and is so now, whoever made and
    /// removed it in between.
    fn judge_blind(&mut self, operation: Operation, change: &Applied) {
        let path = path_of(change);
        let is_protected = |root: &String| {
            path == root
                || path
                    .strip_prefix(root.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        if matches!(change, Applied::Deleted(_)) && self.protected.as_ref().is_some_and(is_protected) {
            self.blame("protect", format!("operation {} deletes {path}", operation.0));
        }
        if matches!(change, Applied::Created(..)) || is_candidate(path) {
            return;
        }
        let observed = self.records[operation.0].observed.1;
        if self.mirror.touched_at(path) > observed {
            let what = format!(
                "operation {} overwrote an edit that it had not seen: {path}",
                operation.0
            );
            self.blame("I8", what);
        }
    }

    /// What others do to the tree may overtake plans.
    pub(super) fn judge_foreign(&mut self, transaction: &Transaction) {
        let touches = transaction
            .changes
            .iter()
            .any(|change| !is_candidate(path_of(change)));
        if touches {
            self.records
                .iter_mut()
                .filter(|record| !record.is_done)
                .for_each(|record| record.overtaken += 1);
        }
    }

    /// Remembers that the version is no longer a sync's, and that the state went with what it told.
    pub(super) fn note_version(&mut self, transaction: &Transaction) {
        let is_gone = |change: &Applied| matches!(change, Applied::Deleted(path) if path == STATE);
        if transaction.changes.iter().any(is_gone) {
            self.deployed = None;
            self.named = None;
        }
        if !transaction.changes.iter().any(|change| path_of(change) == HOSTS) {
            return;
        }
        self.is_ours = false;
    }

    /// I12: a dead holder's candidates go with its session.
    pub fn judge_abandoned(&mut self) {
        let now = self.now;
        let is_late = |(heard, timeout): &(u64, u64)| now > heard + timeout + GRACE + SECOND / 10;
        let late: Vec<i64> = self
            .abandoned
            .iter()
            .filter(|(_, times)| is_late(times))
            .map(|(session, _)| *session)
            .collect();
        for session in late {
            self.abandoned.remove(&session);
            if self
                .mirror
                .nodes
                .iter()
                .any(|(path, node)| node.owner == session && is_candidate(path))
            {
                self.blame(
                    "I12",
                    format!("the candidate of the dead session {session:x} stays"),
                );
            }
        }
    }
}

/// Returns what a sync's transaction says in the state that it writes.
fn said(transaction: &Transaction) -> Option<Said> {
    let state = transaction.changes.iter().find_map(|change| match change {
        Applied::Set(path, data) if path == STATE => Some(data),
        _ => None,
    })?;
    let state: Value = serde_json::from_slice(state).ok()?;
    let text = |key: &str| state.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| state.get(key).and_then(Value::as_u64).unwrap_or(0) as usize;
    let is_end = text("phase")? == "clean";
    Some(Said {
        is_end,
        revision: text(if is_end { "commit" } else { "to" })?,
        step: number("step"),
        steps: number("steps"),
    })
}

/// Returns what sorts a candidate in its queue, or nothing if the foreign lockers don't count it.
fn key<'a>(queue: &str, name: &'a str) -> Option<&'a str> {
    if queue == QUEUES[0] {
        return Some(name.rsplit('-').next().unwrap_or(name));
    }
    let (_, sequence) = name.rsplit_once("__lock__")?;
    (sequence.len() == 10 && sequence.bytes().all(|byte| byte.is_ascii_digit())).then_some(sequence)
}
