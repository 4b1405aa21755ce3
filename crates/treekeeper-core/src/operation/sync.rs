//! The road of a sync up to the plan: reading, fetching, parsing, the gates, the lock, and the gates again.
//!
//! What is done with the plan is `apply`'s; what to make of lost replies is `settle`'s.

use std::sync::Arc;

use super::transaction::is_pinned_at;
use super::{
    Bump, Depth, Event, Failure, Goal, Mode, Operation, Outcome, Request, Scope, Stage, SyncOptions,
    Timestamp,
};
use crate::gate::{self, Blocker, Relation, Target};
use crate::layer;
use crate::model::cluster::{ClusterReading, ClusterState, HostsFault, INITIAL_VERSION, StateReading};
use crate::model::protect::Glob;
use crate::model::{ClusterVersion, DesiredTree, Properties, Revision, Text, Value, ZnodePath, encode};
use crate::plan::{Plan, tree_digest};
use crate::treefile::SourceFile;

impl Operation {
    pub(super) fn sync_options(&self) -> &SyncOptions {
        match &self.goal {
            Goal::Sync(options) => options,
            Goal::Edit(_) => unreachable!("only a sync comes here"),
        }
    }

    pub(super) fn mode(&self) -> Mode {
        match &self.goal {
            Goal::Sync(options) => options.mode,
            Goal::Edit(options) if options.dry_run => Mode::DryRun,
            Goal::Edit(_) => Mode::Apply,
        }
    }

    /// Judges the first reading: ALL STOP ends it before anything is fetched.
    pub(super) fn begin(&mut self, cluster: ClusterReading, _now: Timestamp) -> Request {
        if let Some(failure) = unusable(&cluster) {
            return self.end(Outcome::Failed(failure));
        }
        self.receipt.from = cluster.version().ok();
        self.receipt.altered_by_hand = altered_by_hand(&cluster);
        if cluster.version() == Ok(ClusterVersion::Stop) && cluster.hosts_node.is_some() {
            self.stop_seen = cluster.hosts_node.as_ref().map(|node| node.data_version);
        }
        self.cluster = Some(cluster);
        if let Some(request) = self.refuse_when_stopped() {
            return request;
        }
        match &self.goal {
            Goal::Sync(_) => self.fetch(),
            Goal::Edit(options) if options.dry_run => self.observe_for_edit(),
            Goal::Edit(_) => self.ask(
                Stage::Preparing,
                Request::Prepare {
                    hosts: None,
                    state: None,
                },
            ),
        }
    }

    /// Ends the operation if ALL STOP holds; under `--force` (or in a plan) only tells it.
    fn refuse_when_stopped(&mut self) -> Option<Request> {
        let cluster = self.cluster();
        let is_stopped = cluster.version() == Ok(ClusterVersion::Stop);
        let blocker = gate::stopped(cluster, &self.policy, self.stop_seen);
        if self.mode() == Mode::Plan {
            self.receipt.blockers.extend(blocker);
            return None;
        }
        // The None that `--force` replaces is told once; one that ends the operation is told in any case.
        if is_stopped && (blocker.is_some() || !self.told_stop) {
            self.told_stop = true;
            self.events.push(Event::AllStop);
        }
        blocker.map(|blocker| self.refuse(vec![blocker]))
    }

    /// Compares the commit with what the cluster runs.
    pub(super) fn fetched(&mut self, revision: Revision, repository: Revision) -> Request {
        self.receipt.revision = Some(revision.clone());
        // What was read before belongs to a commit that may be another one.
        self.tree_sha256 = None;
        self.target = Some(Target {
            revision: revision.clone(),
            repository,
            relation: None,
        });
        if let Some(request) = self.refuse_other_repository() {
            return request;
        }
        let Some(deployed) = self.cluster().deployed() else {
            return self.compare();
        };
        if deployed == revision {
            self.set_relation(Relation::Same, deployed);
            return self.compare();
        }
        self.ask(
            Stage::Relating,
            Request::Relate {
                deployed,
                target: revision,
            },
        )
    }

    /// Tells whether `--adopt` has something to take over.
    fn adopts(&self) -> bool {
        let Some(state) = self.cluster().state.state().filter(|_| self.policy.adopt) else {
            return false;
        };
        let other_repository = state.repository.as_deref() != Some(self.target().repository.as_str());
        state.lock != self.context.lock || other_repository
    }

    /// Tells whether there may be something to do at an equal version.
    pub(super) fn looks_anyway(&self) -> bool {
        let options = self.sync_options();
        let revision = &self.target().revision;
        let pins = || {
            let state = self.cluster().state.state();
            options.rollback && !state.is_some_and(|state| is_pinned_at(state, revision.as_str()))
        };
        options.repair || self.adopts() || pins()
    }

    fn set_relation(&mut self, relation: Relation, deployed: Revision) {
        if let Some(target) = &mut self.target {
            target.relation = Some((relation, deployed));
        }
    }

    /// Tells whether it is known how the commit lies to `deployed`.
    fn is_related(&self, deployed: &Revision) -> bool {
        self.target()
            .relation
            .as_ref()
            .is_some_and(|(_, known)| known == deployed)
    }

    fn target(&self) -> &Target {
        self.target
            .as_ref()
            .unwrap_or_else(|| unreachable!("the commit is resolved before it is compared"))
    }

    /// Takes how the two commits lie; a commit that somebody faster deployed calls for one more fetch.
    pub(super) fn related(&mut self, relation: Relation) -> Request {
        let overtaken = matches!(relation, Relation::Backward | Relation::Unknown);
        if overtaken && !self.fetched_again && !self.sync_options().fixed_revision {
            self.fetched_again = true;
            return self.fetch();
        }
        if let Some(deployed) = self.cluster().deployed() {
            self.set_relation(relation, deployed);
        }
        self.compare()
    }

    fn compare(&mut self) -> Request {
        let revision = self.target().revision.clone();
        let version = self
            .cluster()
            .version()
            .unwrap_or_else(|_| unreachable!("a fault ended it before"));
        if self.mode() != Mode::Plan {
            self.events.push(Event::VcsVersion(revision.clone()));
            self.events.push(Event::ZkVersion(version.clone()));
        }
        let looks = self.mode() == Mode::Plan || self.looks_anyway();
        let is_known = version.is(&revision) || self.stays_at().is_some();
        if is_known && self.is_finished() && !looks {
            self.receipt.stays_at = self.stays_at();
            return self.end(Outcome::InSync);
        }
        let rules = Arc::new(self.rules());
        let early = self.early_scope();
        self.ask(
            Stage::ReadingFiles,
            Request::ReadFiles {
                revision,
                rules,
                early,
            },
        )
    }

    fn rules(&self) -> layer::Rules {
        let options = self.sync_options();
        layer::Rules {
            overlay: options.overlay,
            parse_limits: options.parse_limits.clone(),
            layer_limits: options.layer_limits.clone(),
        }
    }

    /// Returns what is likely to be observed, for those that take no lock: a plan that is applied is made of what was
    /// read inside of the lock.
    pub(super) fn early_scope(&self) -> Scope {
        let state = self
            .cluster()
            .state
            .state()
            .filter(|_| self.mode() != Mode::Apply);
        let roots = state.iter().flat_map(|state| state.roots.union(&state.orphans));
        Scope {
            subtrees: roots.map(|root| ZnodePath::root().join(root)).collect(),
            nodes: Vec::new(),
        }
    }

    /// Parses and merges every file.
    pub(super) fn read_files(&mut self, files: Vec<SourceFile>) -> Request {
        let names = files.iter().map(|file| file.name.clone()).collect();
        let files: Vec<_> = files.into_iter().map(Arc::new).collect();
        let (desired, diagnostics) = layer::read(&files, &self.rules());
        match desired.filter(|_| diagnostics.is_empty()) {
            Some(desired) => self.files_read(names, desired),
            None => self.end(Outcome::Invalid(diagnostics)),
        }
    }

    /// Takes what the files desire, with which nothing is wrong.
    pub(super) fn files_read(&mut self, names: Vec<String>, desired: DesiredTree) -> Request {
        self.has_no_files = names.is_empty();
        self.file_names = names;
        if self.mode() == Mode::Apply || self.sync_options().bump == Bump::Tree {
            self.tree_sha256 = Some(tree_digest(&desired));
        }
        self.desired = Some(Arc::new(desired));
        self.ask(Stage::ReadingHosts, Request::ReadCluster(Depth::Hosts))
    }

    /// Asks the gates that need no tree.
    pub(super) fn read_hosts(&mut self, cluster: ClusterReading, now: Timestamp) -> Request {
        if let Some(failure) = unusable(&cluster) {
            return self.fail(failure);
        }
        self.cluster = Some(cluster);
        self.receipt.blockers.clear();
        if let Some(request) = self.refuse_when_stopped() {
            return request;
        }
        if let Some(request) = self.look_at_moved() {
            return request;
        }
        if let Some(request) = self.refuse_when_blocked() {
            return request;
        }
        self.receipt.stays_at = self.stays_at();
        match self.mode() {
            Mode::DryRun if self.only_notes() => self.end(Outcome::InSync),
            Mode::Plan | Mode::DryRun => self.observe(),
            Mode::Apply => self.prepare(now),
        }
    }

    /// Reads everything again, now that nobody else can pass the gates.
    pub(super) fn read_in_lock(&mut self) -> Request {
        let depth = match self.goal {
            Goal::Sync(_) => Depth::Hosts,
            Goal::Edit(_) => Depth::Versions,
        };
        self.ask(Stage::LockedReading, Request::ReadCluster(depth))
    }

    fn refuse_when_blocked(&mut self) -> Option<Request> {
        self.grant_again();
        let mut blockers = gate::blockers(self.cluster(), self.target(), &self.policy);
        let orphans = self.possible_orphans().len();
        if self.sync_options().prune_roots && self.has_no_files && orphans > 0 {
            blockers.push(Blocker::NoFiles { roots: orphans });
        }
        if self.stays_at().is_some() && !self.looks_anyway() {
            // Hosts that have not reached the version are not held up: it stays what it is.
            blockers.retain(|blocker| !matches!(blocker, Blocker::NotConverged { .. }));
        }
        if blockers.is_empty() {
            return None;
        }
        if self.mode() == Mode::Plan {
            self.receipt.blockers.extend(blockers);
            return None;
        }
        let lagging = blockers
            .iter()
            .filter(|blocker| matches!(blocker, Blocker::NotConverged { .. }));
        let events: Vec<_> = lagging.cloned().map(Event::NotConverged).collect();
        self.events.extend(events);
        Some(self.refuse(blockers))
    }

    /// Takes up what an operator granted to this very commit before a sync of it was cut off.
    ///
    /// It is asked anew for each commit that the sync turns to: what was granted to one is nothing to the next.
    fn grant_again(&mut self) {
        let revision = self.target().revision.as_str();
        let reading = &self.cluster().state;
        let kept = reading
            .state()
            .filter(|state| reading.is_applying() && state.grants.commit == revision)
            .map(|state| state.grants.clone())
            .unwrap_or_default();
        self.policy.adopt = self.asked.adopt || kept.adopt;
        self.policy.any_history = self.asked.allow_rewind || kept.allow_rewind;
        self.context.allow_delete = self.asked.allow_delete.max(kept.allow_delete);
        if let Goal::Sync(options) = &mut self.goal {
            options.prune_roots = self.asked.prune_roots || kept.prune_roots;
        }
    }

    /// Asks for the nodes that a real sync needs and that may be absent.
    pub(super) fn prepare(&mut self, now: Timestamp) -> Request {
        let (hosts, state) = self.absent_nodes(now);
        self.ask(Stage::Preparing, Request::Prepare { hosts, state })
    }

    /// Returns the data of `/hosts` and of the state node, each if it is absent.
    pub(super) fn absent_nodes(&self, now: Timestamp) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let hosts = self.cluster().hosts_node.is_none().then(|| {
            let version = Value::String(Text::from(INITIAL_VERSION));
            encode(&Properties::from_entries(vec![(Text::from("version"), version)])).unwrap_or_default()
        });
        let is_whole = self.cluster().state.is_whole() && self.cluster().history.is_some();
        let state = (!is_whole).then(|| {
            let at = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            let mut state = ClusterState::initial(self.context.lock, &self.context.actor, &at);
            // Tells this state from one that somebody makes anew after it was removed.
            state.sync_id = self.context.sync_id.clone();
            state.to_bytes()
        });
        (hosts, state)
    }

    /// The nodes are there: takes the lock, or goes on if it is held already.
    pub(super) fn prepared(&mut self) -> Request {
        if self.candidates.is_empty() {
            let wait = self.context.lock_wait;
            self.asked_for_lock = self.clock;
            return self.ask(Stage::Locking, Request::AcquireLock(wait));
        }
        self.read_in_lock()
    }

    pub(super) fn lock_busy(&mut self, holder: Failure) -> Request {
        self.events.push(Event::LockHeld);
        self.end(Outcome::LockHeld(holder))
    }

    /// Asks every gate again, now that nobody else can pass them.
    pub(super) fn read_locked(&mut self, cluster: ClusterReading, now: Timestamp) -> Request {
        if let Some(failure) = unusable(&cluster) {
            return self.fail(failure);
        }
        self.cluster = Some(cluster);
        if let Some(request) = self.refuse_when_stopped() {
            return request;
        }
        if matches!(self.goal, Goal::Edit(_)) {
            return self.observe_for_edit();
        }
        if self.progress.is_some() && !self.marker_stands() {
            return self.fail(
                Failure::new("/hosts or /treekeeper/state was changed by others while batches were applied")
                    .with_code("TK1009")
                    .with_hint("`treekeeper status` tells what they say now"),
            );
        }
        let cluster = self.cluster();
        if !cluster.is_whole() {
            // Somebody removed them after they were prepared; the number of times is bounded like that of plans.
            return match self.overtaken("/hosts or /treekeeper") {
                Some(request) => request,
                None => self.prepare(now),
            };
        }
        let revision = self.target().revision.clone();
        self.receipt.stays_at = self.stays_at();
        let needs_no_note = self.receipt.stays_at.is_none() || self.is_noted();
        if self.is_finished() && needs_no_note && !self.looks_anyway() {
            return self.end(Outcome::InSync);
        }
        match self.cluster().deployed() {
            Some(deployed) if deployed != revision && !self.is_related(&deployed) => self.ask(
                Stage::LockedRelating,
                Request::Relate {
                    deployed,
                    target: revision,
                },
            ),
            Some(deployed) if deployed == revision => self.related_locked(Relation::Same),
            Some(_) => self.locked_gates(),
            None => {
                if let Some(target) = &mut self.target {
                    target.relation = None;
                }
                self.locked_gates()
            }
        }
    }

    /// Tells whether `/hosts` and the state still say that batches of this very operation are under way.
    fn marker_stands(&self) -> bool {
        let cluster = self.cluster();
        let ours = cluster
            .state
            .state()
            .is_some_and(|state| state.sync_id == self.context.sync_id);
        ours && cluster.state.is_applying() && cluster.version() == Ok(ClusterVersion::Paused)
    }

    pub(super) fn related_locked(&mut self, relation: Relation) -> Request {
        let overtaken = matches!(relation, Relation::Backward | Relation::Unknown);
        if overtaken && !self.fetched_in_lock && !self.sync_options().fixed_revision {
            // Somebody faster deployed a commit that we have not seen: the whole road once more, with the lock held.
            self.fetched_in_lock = true;
            return self.fetch();
        }
        if let Some(deployed) = self.cluster().deployed() {
            self.set_relation(relation, deployed);
        }
        self.locked_gates()
    }

    fn locked_gates(&mut self) -> Request {
        match self.refuse_when_blocked() {
            Some(request) => request,
            None if self.only_notes() => self.planned(Arc::new(Plan::default()), self.clock),
            None => self.observe(),
        }
    }

    /// An edit that takes another lock than the syncs do would not exclude them.
    fn observe_for_edit(&mut self) -> Request {
        match gate::other_lock(self.cluster(), &self.policy) {
            Some(blocker) => self.refuse(vec![blocker]),
            None => self.observe(),
        }
    }
}

/// Returns why the cluster's own nodes cannot be worked with.
pub fn unusable(cluster: &ClusterReading) -> Option<Failure> {
    if let Err(fault) = cluster.version() {
        let hint = match fault {
            HostsFault::NoVersion | HostsFault::Invalid(_) => {
                "an operator sets it: `treekeeper resume VERSION`, with the commit that the hosts run"
            }
            HostsFault::NotProperties => {
                "an operator looks at it (`treekeeper tree /hosts`) and sets it: `treekeeper resume VERSION`"
            }
        };
        return Some(
            Failure::new(fault.to_string())
                .with_code("TK1114")
                .with_hint(hint),
        );
    }
    match &cluster.state {
        StateReading::Unreadable(reason) => Some(
            Failure::new(format!("cannot read /treekeeper/state: {reason}"))
                .with_code("TK1115")
                .with_hint("use the release of treekeeper that wrote it, or newer; if it was damaged by hand, delete it: the \
                           next sync makes it anew"),
        ),
        StateReading::Present(state, _) => {
            // What nobody can read must not be taken for nothing.
            let bad = state.protected.iter().find(|text| Glob::parse(text).is_err())?;
            Some(
                Failure::new(format!(
                    "cannot read /treekeeper/state: {} in `protected` is no glob",
                    crate::model::quoted(bad)
                ))
                .with_code("TK1115")
                .with_hint("if it was damaged by hand, put the glob right there"),
            )
        }
        StateReading::Absent => None,
    }
}

/// Tells whether `/hosts` says something else than the last sync left there.
fn altered_by_hand(cluster: &ClusterReading) -> bool {
    let Some(state) = cluster.state.state() else {
        return false;
    };
    let Some(deployed) = state.revision() else {
        return false;
    };
    match cluster.version() {
        Ok(ClusterVersion::Stop | ClusterVersion::Paused) | Err(_) => false,
        Ok(version) => !version.is(&deployed) && state.phase == crate::model::cluster::Phase::Clean,
    }
}
