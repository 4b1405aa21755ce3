//! Tests of the conversation: a tiny world answers each request, and what was asked and how it ended is told as text.
//!
//! The world knows nothing of the protocol: it hands out what a test has put into it.

mod gates;
mod history;
mod lost;
mod protect;
mod quiet;
mod rehearsal;
mod saved;
mod shape;
mod superseded;

use std::collections::VecDeque;

use super::*;
use crate::gate::Relation;
use crate::model::cluster::{ClusterState, Host, HostsNode, Phase, Pin, StateReading};
use crate::model::history::Entry;
use crate::model::{ClusterVersion, LiveNode, LiveTree, Text, Tree, Zxid};
use crate::plan::Change;
use crate::treefile::SourceFile;

const OLD: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const NEW: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const LATER: &str = "dddddddddddddddddddddddddddddddddddddddd";
const ROOT: &str = "cccccccccccccccccccccccccccccccccccccccc";
const SYNC: &str = "5555";

/// What the shell would find.
struct World {
    /// What the cluster says when it is read; the last reading stays.
    readings: VecDeque<ClusterReading>,
    files: Vec<(&'static str, &'static str)>,
    protect: Vec<&'static str>,
    live: LiveTree,
    relation: Relation,
    lock: LockAnswer,
    denied: Vec<String>,
    /// Answers to `Commit`, `Settle`, `Inquire`, and by name to anything else, each given once.
    answers: VecDeque<(&'static str, Answer)>,
    /// What was asked for.
    asked: Vec<String>,
    events: Vec<String>,
    commitments: Vec<Commitment>,
}

impl World {
    /// Returns a cluster at OLD with `/a` at 1 and nothing else, and a repository at NEW with `/a` at 2.
    fn new() -> World {
        World {
            readings: VecDeque::from([cluster(&format!("{{\"version\":\"{OLD}\"}}"), clean())]),
            files: vec![("a.zk", "/a\n  v = 2\n")],
            protect: Vec::new(),
            live: live(&[("/a", "{\"v\":1}")]),
            relation: Relation::Forward,
            lock: held(&["/lock/ours"]),
            denied: Vec::new(),
            answers: VecDeque::new(),
            asked: Vec::new(),
            events: Vec::new(),
            commitments: Vec::new(),
        }
    }

    fn answers(mut self, answers: impl IntoIterator<Item = (&'static str, Answer)>) -> World {
        self.answers.extend(answers);
        self
    }

    fn reading(mut self, reading: ClusterReading) -> World {
        self.readings.push_back(reading);
        self
    }

    /// Plays a plain sync and tells it.
    fn sync(self) -> String {
        self.sync_with(|_, _| {})
    }

    /// Plays a sync with options and tells it.
    fn sync_with(mut self, edit: impl FnOnce(&mut SyncOptions, &mut Context)) -> String {
        self.play(edit);
        self.told()
    }

    fn play(&mut self, edit: impl FnOnce(&mut SyncOptions, &mut Context)) {
        let (mut options, mut context) = (options(), context());
        edit(&mut options, &mut context);
        self.drive(Operation::sync(options, context));
    }

    /// Plays `set /a v=2` and tells it.
    fn edit(mut self) -> String {
        let changes = vec![(Text::from("v"), crate::model::Value::Int(2.into()))];
        let edit = EditOptions {
            dry_run: false,
            base: path("/a"),
            edit: Edit::Properties(changes),
        };
        self.drive(Operation::edit(edit, context()));
        self.told()
    }

    fn drive(&mut self, mut operation: Operation) {
        let mut answer = Answer::Done;
        for _ in 0..200 {
            let request = operation.next(answer, Timestamp::UNIX_EPOCH);
            self.events.extend(
                operation
                    .take_events()
                    .iter()
                    .map(|event| format!("{} {event}", event.level())),
            );
            let name = name(&request);
            if let Request::Done(receipt) = request {
                self.asked.push(end(&receipt));
                return;
            }
            self.asked.push(name.to_owned());
            answer = match self.answers.front() {
                Some((scripted, _)) if *scripted == name => self.answers.pop_front().unwrap().1,
                _ => self.answer(request),
            };
        }
        panic!("it doesn't end: {:?}", self.asked);
    }

    fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::ReadCluster(_) | Request::Inquire => Answer::Cluster(self.read()),
            Request::Fetch { .. } => Answer::Fetched {
                revision: revision(NEW),
                repository: revision(ROOT),
            },
            Request::Relate { .. } => Answer::Relation(self.relation),
            Request::ReadFiles { .. } => Answer::Files {
                files: self
                    .files
                    .iter()
                    .map(|(name, text)| SourceFile {
                        name: (*name).to_owned(),
                        bytes: text.as_bytes().to_vec(),
                    })
                    .collect(),
                protect: globs(&self.protect),
            },
            Request::AcquireLock(_) => Answer::Lock(self.lock.clone()),
            Request::Observe(_) => Answer::Observed(Box::new(self.live.clone())),
            Request::Commit(commitment) => {
                self.commitments.push(commitment);
                Answer::Commit(CommitAnswer::Applied { zxid: None })
            }
            Request::Rehearse { commitment, .. } => {
                self.commitments.push(commitment);
                Answer::Rehearsed(Verdict::Accepted)
            }
            Request::CheckAccess(_) => Answer::Denied(self.denied.clone()),
            Request::Settle => Answer::Settled {
                held: true,
                cluster: self.read(),
            },
            Request::ReadBack(_) => Answer::Differing(Vec::new()),
            Request::Prepare { .. } | Request::Release | Request::Done(_) => Answer::Done,
        }
    }

    fn read(&mut self) -> ClusterReading {
        match self.readings.len() {
            1 => self.readings[0].clone(),
            _ => self.readings.pop_front().unwrap(),
        }
    }

    /// Returns what was asked, how it ended and what the log says above INFO.
    fn told(&self) -> String {
        let mut lines = vec![
            self.asked[..self.asked.len() - 1].join(" "),
            self.asked[self.asked.len() - 1].clone(),
        ];
        lines.extend(
            self.events
                .iter()
                .filter(|event| !event.starts_with("INFO"))
                .cloned(),
        );
        assert!(
            self.answers.is_empty(),
            "answers that nobody asked for: {:?} after {lines:?}",
            self.answers
        );
        words(&lines.join("\n"))
    }
}

fn words(text: &str) -> String {
    [(OLD, "OLD"), (NEW, "NEW"), (LATER, "LATER"), (ROOT, "ROOT")]
        .iter()
        .fold(text.to_owned(), |text, (id, word)| {
            // Messages show the first twelve digits.
            text.replace(id, word).replace(&id[..12], word)
        })
}

fn name(request: &Request) -> &'static str {
    match request {
        Request::ReadCluster(_) => "read",
        Request::Fetch { .. } => "fetch",
        Request::Relate { .. } => "relate",
        Request::ReadFiles { .. } => "files",
        Request::Prepare { .. } => "prepare",
        Request::AcquireLock(_) => "lock",
        Request::Observe(_) => "observe",
        Request::Commit(_) => "commit",
        Request::Rehearse { .. } => "rehearse",
        Request::CheckAccess(_) => "access",
        Request::Settle => "settle",
        Request::Inquire => "inquire",
        Request::ReadBack(_) => "back",
        Request::Release => "release",
        Request::Done(_) => "done",
    }
}

fn end(receipt: &Receipt) -> String {
    let failure = |failure: &Failure| match &failure.hint {
        Some(hint) => format!("{failure}\nhint: {hint}"),
        None => failure.to_string(),
    };
    let all = |found: &[crate::gate::Blocker]| {
        found
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let mut text = match &receipt.outcome {
        Outcome::InSync => "in sync".to_owned(),
        Outcome::Planned => "planned".to_owned(),
        Outcome::Applied => "applied".to_owned(),
        Outcome::Refused(found) => format!("refused: {}", all(found)),
        Outcome::Stale(found) => {
            let moved = found.moved.iter().map(|moved| format!("\n- {moved}"));
            format!(
                "stale: {}{}\nhint: {}",
                found.message(),
                moved.collect::<String>(),
                found.hint()
            )
        }
        Outcome::LockHeld(holder) => format!("lock held by {holder}"),
        Outcome::Invalid(found) => format!("invalid: {} diagnostics", found.len()),
        Outcome::Failed(found) => format!("failed: {}", failure(found)),
        Outcome::Unknown(found) => format!("unknown: {}", failure(found)),
    };
    if !receipt.blockers.is_empty() {
        text.push_str(&format!(", would be refused: {}", all(&receipt.blockers)));
    }
    for warning in &receipt.warnings {
        text.push_str(&format!("\nwarning: {warning}"));
    }
    text
}

fn options() -> SyncOptions {
    SyncOptions {
        mode: Mode::Apply,
        force: false,
        repair: false,
        rollback: false,
        within: None,
        bump: Bump::Commit,
        adopt: false,
        any_history: false,
        prune_roots: false,
        fixed_revision: false,
        overlay: Overlay::Merge,
        parse_limits: ParseLimits::default(),
        layer_limits: LayerLimits::default(),
    }
}

fn context() -> Context {
    Context {
        sync_id: SYNC.to_owned(),
        actor: "tester@host".to_owned(),
        lock: LockStyle::Zktools,
        lock_wait: Duration::ZERO,
        delete_budget: DeleteBudget::default(),
        allow_delete: None,
        batch_limits: BatchLimits::default(),
        protect: Vec::new(),
        secrets: Vec::new(),
    }
}

fn path(text: &str) -> ZnodePath {
    ZnodePath::parse(text).unwrap()
}

fn revision(text: &str) -> Revision {
    Revision::parse(text).unwrap()
}

/// Returns a reading with `/hosts` at data version 3 and the state at data version 5.
fn cluster(hosts: &str, state: ClusterState) -> ClusterReading {
    ClusterReading {
        hosts_node: Some(HostsNode::new(hosts.as_bytes(), DataVersion(3))),
        hosts: Vec::new(),
        state: StateReading::Present(Box::new(state), DataVersion(5)),
        history: Some([3, 4].into()),
    }
}

/// Returns the state after a sync of OLD.
fn clean() -> ClusterState {
    let mut state = ClusterState::initial(LockStyle::Zktools, "earlier@host", "then");
    state.commit = Some(OLD.to_owned());
    state.repository = Some(ROOT.to_owned());
    state.generation = 1;
    state.roots = ["a".to_owned()].into();
    state.roots_version = Some(DataVersion(7));
    state
}

/// Returns the state after so many batches of a sync to NEW.
fn applying(sync_id: &str, step: usize, steps: usize) -> ClusterState {
    let mut state = clean();
    state.phase = Phase::Applying;
    state.generation = 2;
    state.to = Some(NEW.to_owned());
    state.sync_id = sync_id.to_owned();
    (state.step, state.steps) = (step, steps);
    state
}

/// Returns the state after a whole sync of NEW.
fn finished(sync_id: &str) -> ClusterState {
    let mut state = clean();
    state.commit = Some(NEW.to_owned());
    state.generation = 2;
    state.sync_id = sync_id.to_owned();
    state.remember(sync_id, 0, NEW);
    state
}

fn pin(commit: &str) -> Pin {
    Pin {
        commit: commit.to_owned(),
        by: "jim@host".to_owned(),
        at: "then".to_owned(),
    }
}

fn globs(texts: &[&str]) -> Vec<Glob> {
    texts.iter().map(|text| Glob::parse(text).unwrap()).collect()
}

fn held(candidates: &[&str]) -> LockAnswer {
    LockAnswer::Held {
        candidates: candidates.iter().map(|text| path(text)).collect(),
        since_ms: 1_000,
    }
}

fn host(name: &str, version: &str) -> Host {
    Host {
        name: name.to_owned(),
        version: Some(ClusterVersion::Text(Text::from(version))),
        error: None,
    }
}

/// Returns a live tree of these nodes, parents first, all at data version 7.
fn live(nodes: &[(&str, &str)]) -> LiveTree {
    let node = |data: &str| LiveNode {
        data: data.as_bytes().into(),
        version: DataVersion(7),
        czxid: Zxid(1),
        mzxid: Zxid(2),
        mtime_ms: 0,
        ephemeral_owner: None,
    };
    let mut tree = Tree::new(LiveNode::unread());
    for (place, data) in nodes {
        let place = path(place);
        let parent = tree.find(&place.parent().unwrap()).unwrap();
        tree.add(parent, place.name(), node(data));
    }
    tree
}

/// Spells out transactions, one operation a line.
fn transactions(commitment: &Commitment) -> String {
    let mut text = String::new();
    for (index, transaction) in commitment.transactions.iter().enumerate() {
        text.push_str(&format!("transaction {index}\n"));
        let changes = &commitment.plan.changes[transaction.changes.clone()];
        let lines = transaction
            .head
            .iter()
            .map(op)
            .chain(changes.iter().map(change))
            .chain(transaction.tail.iter().map(op));
        lines.for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    words(&text)
}

fn op(op: &Op) -> String {
    match op {
        Op::Check(path, version) => format!("check {path} @{}", version.0),
        Op::Create(path, data) => {
            let entry = Entry::read(data).unwrap();
            let from = entry.from.as_deref().unwrap_or("none");
            let (created, changed, deleted) = (entry.created, entry.changed, entry.deleted);
            let inverse = if entry.inverse.is_some() {
                ", can be undone"
            } else {
                ""
            };
            format!(
                "create {path} {} of {} from {from}: {created} created, {changed} changed, {deleted} deleted{inverse}",
                entry.kind.word(),
                entry.commit
            )
        }
        Op::Set(path, data, version) if path.as_str() == "/treekeeper/state" => {
            let state: ClusterState = serde_json::from_slice(data).unwrap();
            let outcomes: Vec<&str> = state
                .outcomes
                .iter()
                .map(|outcome| outcome.sync_id.as_str())
                .collect();
            format!(
                "set {path} {:?} {}/{} at {} from {} to {}, outcomes {outcomes:?} @{}",
                state.phase,
                state.step,
                state.steps,
                state.commit.as_deref().unwrap_or("none"),
                state.from.as_deref().unwrap_or("none"),
                state.to.as_deref().unwrap_or("none"),
                version.0
            )
        }
        Op::Set(path, data, version) => {
            format!("set {path} {} @{}", String::from_utf8_lossy(data), version.0)
        }
        Op::Delete(path, version) => format!("delete {path} @{}", version.0),
    }
}

fn change(change: &Change) -> String {
    let data = String::from_utf8_lossy(change.data().unwrap_or_default()).into_owned();
    match change {
        Change::Create { path, .. } => format!("create {path} {data}"),
        Change::Set { path, version, .. } => format!("set {path} {data} @{}", version.0),
        Change::Delete { path, version, .. } => format!("delete {path} @{}", version.0),
    }
}
