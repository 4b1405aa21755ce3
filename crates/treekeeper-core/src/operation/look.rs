//! What to look at, and what follows from it: the scope of a reading, the plan, and the lines that tell of it.
//!
//! What may be done with the plan is `apply`'s to judge.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Event, Failure, Goal, Mode, Operation, Request, Scope, Stage, Timestamp};
use crate::gate;
use crate::model::{LiveTree, RootScope, Veil, ZnodePath, printable};
use crate::plan::{self, Change, DiffOptions, Plan, Secrets};

impl Operation {
    /// Plans under the veil under which the live tree will be read; only for operations that look.
    pub fn under(mut self, veil: Veil) -> Operation {
        self.veil = Some(veil);
        self
    }

    /// Returns the plan with the data that would be sent, if what it has are under the veil.
    pub(super) fn unveiled(&self, plan: &Arc<Plan>) -> Arc<Plan> {
        let (Some(_), Some(desired)) = (&self.veil, &self.desired) else {
            return plan.clone();
        };
        let mut plan = (**plan).clone();
        for change in &mut plan.changes {
            if let Change::Create { path, data } | Change::Set { path, data, .. } = change
                && let Some(id) = desired.tree.find(path)
            {
                *data = desired.tree.content(id).data.clone();
            }
        }
        Arc::new(plan)
    }

    /// Asks for the live subtrees that the plan is about.
    pub(super) fn observe(&mut self) -> Request {
        let scope = match &self.goal {
            Goal::Sync(options) => {
                if options.mode != Mode::Plan && !self.told_resync {
                    self.told_resync = true;
                    self.events.push(Event::Resyncing);
                }
                self.sync_scope()
            }
            Goal::Edit(options) => super::edit::scope(options),
        };
        self.ask(Stage::Observing, Request::Observe(scope))
    }

    fn sync_scope(&self) -> Scope {
        let desired = self
            .desired
            .as_ref()
            .unwrap_or_else(|| unreachable!("files are read before the tree"));
        if let Some(within) = &self.sync_options().within {
            return Scope {
                subtrees: vec![within.clone()],
                nodes: Vec::new(),
            };
        }
        let orphans = self.possible_orphans();
        let roots: BTreeSet<&str> = desired.roots.keys().chain(&orphans).map(AsRef::as_ref).collect();
        Scope {
            subtrees: roots
                .into_iter()
                .map(|root| ZnodePath::root().join(root))
                .collect(),
            nodes: Vec::new(),
        }
    }

    /// Returns the top-level nodes that an earlier commit defined and this one doesn't.
    pub(super) fn possible_orphans(&self) -> BTreeSet<Box<str>> {
        let Some(state) = self.cluster().state.state() else {
            return BTreeSet::new();
        };
        let Some(desired) = &self.desired else {
            return BTreeSet::new();
        };
        let defined = |root: &str| desired.roots.contains_key(root);
        state
            .roots
            .union(&state.orphans)
            .filter(|root| !defined(root))
            .map(|root| root.as_str().into())
            .collect()
    }

    /// Makes the plan from what was observed, and asks the gates that need it.
    pub(super) fn observed(&mut self, live: &LiveTree, now: Timestamp) -> Request {
        let plan = match self.make_plan(live) {
            Ok(mut plan) => {
                let configured = &self.context.protect;
                let protections = gate::protections(configured, &self.repository_globs, self.cluster());
                plan.protected = plan::protected(&plan, &protections);
                plan
            }
            Err(failure) => return self.fail(failure),
        };
        if let Some(request) = self.refuse_when_moved(&plan, live) {
            return request;
        }
        if let Some(obstacle) = plan.obstacles.first() {
            let failure = Failure::new(plan::display::obstacle_text(obstacle)).with_code("TK1113");
            return self.fail(failure);
        }
        if matches!(self.goal, Goal::Sync(_)) && self.mode() == Mode::Apply {
            let secrets = Secrets::Masked(&self.context.secrets);
            self.inverse = Some(plan::inverse_digest(&plan, live, secrets));
        }
        if self.mode() == Mode::Plan {
            self.receipt.touches = plan::touches(&plan, live);
        }
        self.tell_files();
        self.planned(Arc::new(plan), now)
    }

    fn make_plan(&self, live: &LiveTree) -> Result<plan::Plan, Failure> {
        match &self.goal {
            Goal::Sync(options) => {
                let desired = self
                    .desired
                    .as_ref()
                    .unwrap_or_else(|| unreachable!("files are read first"));
                let prune = if options.prune_roots {
                    self.possible_orphans()
                } else {
                    BTreeSet::new()
                };
                let deployed_roots = self.possible_orphans();
                let diff_options = DiffOptions {
                    deployed_roots,
                    prune,
                    within: options.within.clone(),
                    ..DiffOptions::default()
                };
                let veiled = self.veil.as_ref().map(|veil| veil.over_tree(desired));
                let desired = veiled.as_ref().unwrap_or(desired);
                Ok(plan::diff(desired, live, &diff_options))
            }
            Goal::Edit(options) => super::edit::plan(options, live),
        }
    }

    fn tell_files(&mut self) {
        if self.told_files || self.mode() == Mode::Plan {
            return;
        }
        self.told_files = true;
        let dry_run = self.mode() == Mode::DryRun;
        let names = std::mem::take(&mut self.file_names);
        self.events.extend(names.iter().map(|name| Event::Importing {
            file: printable(name).into_owned(),
            dry_run,
        }));
    }

    /// Returns the managed roots of the commit, for the state.
    pub(super) fn managed_roots(&self) -> BTreeSet<String> {
        let Some(desired) = &self.desired else {
            return BTreeSet::new();
        };
        let trimmed = desired
            .roots
            .iter()
            .filter(|(_, scope)| **scope == RootScope::Trim);
        trimmed.map(|(root, _)| root.to_string()).collect()
    }
}
