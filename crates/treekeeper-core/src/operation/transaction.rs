//! A plan put into transactions: the fence, `/hosts`, the state, and the marker of a plan that is several.
//!
//! The protocol is that of RELIABILITY.md 5. One rule holds everywhere: every transaction begins with a check of
//! every candidate of the lock, and carries the data version of `/hosts` that the plan was made against.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::{BATCHES_IN_FLIGHT_MAX, Commitment, Failure, Goal, Op, Operation, Timestamp, Transaction};
use crate::model::cluster::{
    ClusterState, Grants, HOSTS_PATH, HostsNode, Phase, Pin, ROOTS_PATH, STATE_PATH, StateReading,
};
use crate::model::protect::Glob;
use crate::model::{DataVersion, RootScope, Text, Value, ZnodePath};
use crate::plan::{self, Plan};

impl Operation {
    /// Puts the plan into transactions.
    pub(super) fn assemble(&self, plan: &Arc<Plan>, now: Timestamp) -> Result<Commitment, Failure> {
        match &self.goal {
            Goal::Sync(_) => self.assemble_sync(plan, now),
            Goal::Edit(_) => self.assemble_edit(plan),
        }
    }

    pub(super) fn guard(&self) -> Vec<Op> {
        self.candidates
            .iter()
            .map(|path| Op::Check(path.clone(), DataVersion(0)))
            .collect()
    }

    /// Deletes the candidates in reverse order, so that the lock is free when the last transaction is applied.
    pub(super) fn give_back(&self) -> Vec<Op> {
        self.candidates
            .iter()
            .rev()
            .map(|path| Op::Delete(path.clone(), DataVersion(0)))
            .collect()
    }

    fn assemble_edit(&self, plan: &Arc<Plan>) -> Result<Commitment, Failure> {
        let mut head = self.guard();
        if let Some(node) = &self.cluster().hosts_node {
            head.push(Op::Check(hosts_path(), node.data_version));
        }
        let batches = self.batches(plan, &head, &self.give_back())?;
        let last = batches.len();
        let transactions = batches
            .into_iter()
            .enumerate()
            .map(|(index, changes)| Transaction {
                head: head.clone(),
                changes,
                tail: if index + 1 == last {
                    self.give_back()
                } else {
                    Vec::new()
                },
            })
            .collect();
        // Without a state node to chain them, batches go one by one.
        Ok(Commitment {
            plan: plan.clone(),
            transactions,
            in_flight_max: 1,
        })
    }

    fn assemble_sync(&self, plan: &Arc<Plan>, now: Timestamp) -> Result<Commitment, Failure> {
        let cluster = self.cluster();
        let Some(hosts) = &cluster.hosts_node else {
            unreachable!("/hosts is prepared before the plan")
        };
        let StateReading::Present(state, state_version) = &cluster.state else {
            unreachable!("the state is prepared before the plan")
        };
        if self.only_notes() {
            return Ok(self.note(hosts, state, *state_version));
        }
        let revision = self.deployed_revision();
        let finished = self.finished_state(state, plan, now);
        let tail: Vec<Op> = [self.history_ops(state, plan, now), self.give_back()].concat();
        let mut single_head = self.guard();
        single_head.push(set_hosts(
            hosts,
            Value::String(Text::from(revision.as_str())),
            hosts.data_version,
        ));
        single_head.push(Op::Set(state_path(), finished.to_bytes(), *state_version));
        let batch_head = single_head.clone();
        single_head.extend(set_roots(state, &finished, state.roots_version));
        if self.batches(plan, &single_head, &tail)?.len() <= 1 {
            let same_version = cluster.version().is_ok_and(|version| version.is(&revision));
            let nothing = plan.changes.is_empty()
                && same_version
                && !cluster.state.is_applying()
                && !self.has_news(state, &finished);
            if same_version {
                // Nothing is written that does not differ: a repair leaves /hosts alone.
                let check = Op::Check(hosts_path(), hosts.data_version);
                single_head[self.candidates.len()] = check;
            }
            let transaction = Transaction {
                head: single_head,
                changes: 0..plan.changes.len(),
                tail,
            };
            let transactions = if nothing { Vec::new() } else { vec![transaction] };
            return Ok(Commitment {
                plan: plan.clone(),
                transactions,
                in_flight_max: 1,
            });
        }
        let batches = self.batches(plan, &batch_head, &self.give_back())?;
        let applying = self.applying_state(state, hosts, batches.len(), now);
        Ok(Commitment {
            plan: plan.clone(),
            transactions: self.marked(
                batches,
                hosts,
                (state, *state_version),
                [applying, finished],
                tail,
            ),
            in_flight_max: BATCHES_IN_FLIGHT_MAX,
        })
    }

    /// Returns the marker, the batches behind it and the end, chained by the versions of `/hosts` and the state.
    fn marked(
        &self,
        batches: Vec<Range<usize>>,
        hosts: &HostsNode,
        (read, state_version): (&ClusterState, DataVersion),
        [mut applying, finished]: [ClusterState; 2],
        tail: Vec<Op>,
    ) -> Vec<Transaction> {
        let revision = self.deployed_revision();
        let mut transactions = Vec::with_capacity(batches.len() + 2);
        let marked = DataVersion(hosts.data_version.0.wrapping_add(1));
        let state_at = |step: usize| DataVersion(state_version.0.wrapping_add(step as i32));
        let steps = batches.len();
        let mut head = self.guard();
        head.push(set_hosts(hosts, Value::Bool(false), hosts.data_version));
        head.push(Op::Set(state_path(), applying.to_bytes(), state_at(0)));
        let roots = set_roots(read, &applying, read.roots_version);
        let roots_version = read
            .roots_version
            .map(|version| DataVersion(version.0.wrapping_add(i32::from(roots.is_some()))));
        head.extend(roots);
        transactions.push(Transaction {
            head,
            changes: 0..0,
            tail: Vec::new(),
        });
        for (index, changes) in batches.into_iter().enumerate() {
            applying.step = index + 1;
            let mut head = self.guard();
            head.push(Op::Check(hosts_path(), marked));
            head.push(Op::Set(state_path(), applying.to_bytes(), state_at(index + 1)));
            transactions.push(Transaction {
                head,
                changes,
                tail: Vec::new(),
            });
        }
        let mut head = self.guard();
        head.push(set_hosts(
            hosts,
            Value::String(Text::from(revision.as_str())),
            marked,
        ));
        head.push(Op::Set(state_path(), finished.to_bytes(), state_at(steps + 1)));
        head.extend(set_roots(&applying, &finished, roots_version));
        transactions.push(Transaction {
            head,
            changes: 0..0,
            tail,
        });
        transactions
    }

    fn batches(&self, plan: &Plan, head: &[Op], tail: &[Op]) -> Result<Vec<Range<usize>>, Failure> {
        let mut limits = self.context.batch_limits.clone();
        let operations = head.len() + tail.len();
        let around = head.iter().chain(tail).map(op_bytes).sum::<usize>();
        let acls = tail.iter().filter(|op| matches!(op, Op::Create(..))).count() * limits.wire.acl_bytes;
        let prefixes = operations * limits.wire.chroot_bytes;
        limits.guard_bytes = around + acls + prefixes;
        limits.guard_operations = operations;
        let batches = plan::batches(plan, &limits).map_err(|too_large| too_large_failure(&too_large))?;
        Ok(batches.into_iter().map(|batch| batch.range).collect())
    }

    pub(super) fn target_revision(&self) -> crate::model::Revision {
        match &self.target {
            Some(target) => target.revision.clone(),
            None => unreachable!("a sync has a commit"),
        }
    }

    fn finished_state(&self, read: &ClusterState, plan: &Plan, now: Timestamp) -> ClusterState {
        let revision = self.deployed_revision();
        let mut state = read.clone();
        // A pruned root whose ephemeral nodes keep it alive is an orphan still.
        let spared = plan.spared.iter().filter_map(|spared| spared.path.names().next());
        let pruned = self.possible_orphans();
        let spared = spared.filter(|root| pruned.contains(*root)).map(str::to_owned);
        let kept = plan.orphans.iter().map(|orphan| orphan.path.name().to_owned());
        state.orphans = kept.chain(spared).chain(self.kept_by_overlays(read)).collect();
        state.roots = self.managed_roots();
        state.repository = self
            .target
            .as_ref()
            .map(|target| target.repository.as_str().to_owned());
        state.generation += 1;
        state.phase = Phase::Clean;
        state.commit = Some(revision.as_str().to_owned());
        state.from = None;
        state.to = None;
        state.step = 0;
        state.steps = 0;
        state.stop = None;
        state.lock = self.context.lock;
        state.grants = Grants::default();
        state.protected = self.protected_from_now_on();
        state.tree_sha256 = self.tree_sha256.clone();
        state.seen = Some(self.target_revision().as_str().to_owned());
        self.pin(&mut state, now);
        self.sign(&mut state, now);
        state.remember(&self.context.sync_id, 0, revision.as_str());
        state
    }

    fn applying_state(
        &self,
        read: &ClusterState,
        hosts: &HostsNode,
        steps: usize,
        now: Timestamp,
    ) -> ClusterState {
        let revision = self.target_revision();
        let mut state = read.clone();
        state.generation += 1;
        // A syncer that knows no state may have deployed a commit while batches of an earlier sync were left.
        let names_a_commit = || {
            self.cluster()
                .version()
                .is_ok_and(|version| version.revision().is_some())
        };
        if state.phase == Phase::Clean || names_a_commit() {
            state.from = hosts.properties.get("version").map(|version| {
                let mut json = Vec::new();
                crate::model::write_json(version, &mut json);
                String::from_utf8_lossy(&json).into_owned()
            });
        }
        state.phase = Phase::Applying;
        state.to = Some(self.deployed_revision().as_str().to_owned());
        state.step = 0;
        state.steps = steps;
        state.stop = None;
        state.lock = self.context.lock;
        state.repository = self
            .target
            .as_ref()
            .map(|target| target.repository.as_str().to_owned());
        // Roots of the commit on its way are managed from now on: a later commit must know them as orphans.
        let newer = self.managed_roots();
        let older = state.roots.difference(&newer).cloned().collect::<Vec<_>>();
        state.orphans.extend(older);
        state.orphans.extend(self.kept_by_overlays(read));
        state.roots = newer;
        let prune_roots = matches!(&self.goal, Goal::Sync(options) if options.prune_roots);
        state.grants = Grants {
            commit: revision.as_str().to_owned(),
            allow_delete: self.context.allow_delete,
            allow_rewind: self.policy.any_history,
            adopt: self.policy.adopt,
            prune_roots,
        };
        // What the commit on its way protects is protected at once; what it lifts, only when it is there whole.
        state.protected.extend(self.protected_from_now_on());
        state.protected.sort();
        state.protected.dedup();
        // From here on: were the rollback cut off, a plain sync would bring back what it leads away from.
        self.pin(&mut state, now);
        self.sign(&mut state, now);
        state
    }

    /// Returns the managed roots of earlier commits that only overlays define now: nobody trims them, and when the
    /// overlays drop them they are orphans.
    fn kept_by_overlays(&self, read: &ClusterState) -> Vec<String> {
        let Some(desired) = &self.desired else {
            return Vec::new();
        };
        let kept = |root: &&String| desired.roots.get(root.as_str()) == Some(&RootScope::Keep);
        read.roots.union(&read.orphans).filter(kept).cloned().collect()
    }

    /// Returns the globs that the commit and the configuration protect.
    pub(super) fn protected_from_now_on(&self) -> Vec<String> {
        let globs = self.context.protect.iter().chain(&self.repository_globs);
        let globs: BTreeSet<&Glob> = globs.collect();
        globs.into_iter().map(|glob| glob.as_str().to_owned()).collect()
    }

    /// Pins the cluster at the commit that is rolled back to; who pinned it there before stays.
    fn pin(&self, state: &mut ClusterState, now: Timestamp) {
        let revision = self.target_revision();
        if !self.sync_options().rollback || is_pinned_at(state, revision.as_str()) {
            return;
        }
        state.pinned = Some(Pin {
            commit: revision.as_str().to_owned(),
            by: self.context.actor.clone(),
            at: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
    }

    fn sign(&self, state: &mut ClusterState, now: Timestamp) {
        state.sync_id = self.context.sync_id.clone();
        state.by = self.context.actor.clone();
        state.at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    }
}

/// Tells whether the cluster is pinned at this very commit.
pub(super) fn is_pinned_at(state: &ClusterState, commit: &str) -> bool {
    state.pinned.as_ref().is_some_and(|pin| pin.commit == commit)
}

impl Op {
    /// Returns the node that it is about.
    pub fn path(&self) -> &ZnodePath {
        match self {
            Op::Check(path, _) | Op::Create(path, _) | Op::Set(path, _, _) | Op::Delete(path, _) => path,
        }
    }
}

/// Returns an operation's bytes in a multi: header 9, length-prefixed path, version 4, and data if there are any.
fn op_bytes(op: &Op) -> usize {
    const HEADER_AND_VERSION: usize = 9 + 4;
    let path = 4 + op.path().as_str().len();
    match op {
        Op::Check(..) | Op::Delete(..) => HEADER_AND_VERSION + path,
        // The flags of a create have the size of a version; its ACL is counted by those who know it.
        Op::Create(_, data) | Op::Set(_, data, _) => HEADER_AND_VERSION + path + 4 + data.len(),
    }
}

fn set_hosts(hosts: &HostsNode, version: Value, expected: DataVersion) -> Op {
    Op::Set(hosts_path(), hosts.data_with_version(version), expected)
}

/// Returns the write of the roots' node, if it says something else than before.
fn set_roots(before: &ClusterState, after: &ClusterState, version: Option<DataVersion>) -> Option<Op> {
    let differs = before.roots != after.roots || before.orphans != after.orphans;
    differs.then(|| {
        Op::Set(
            fixed(ROOTS_PATH),
            after.roots_bytes(),
            version.unwrap_or(DataVersion(0)),
        )
    })
}

pub(super) fn hosts_path() -> ZnodePath {
    fixed(HOSTS_PATH)
}

pub(super) fn state_path() -> ZnodePath {
    fixed(STATE_PATH)
}

fn fixed(path: &str) -> ZnodePath {
    ZnodePath::parse(path).unwrap_or_else(|_| unreachable!("a constant path"))
}

/// Returns why a change fits into no transaction.
pub(super) fn too_large_failure(too_large: &plan::TooLarge) -> Failure {
    Failure::new(too_large.to_string())
        .with_code("TK1112")
        .with_hint("make the value smaller")
}
