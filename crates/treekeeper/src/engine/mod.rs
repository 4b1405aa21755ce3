//! Drives an operation over the adapters: performs each request, hands back the answer, until there is a receipt.
//!
//! Floor 4. No decision is made here; a request is performed or its failure reported.

mod against;
mod early;
mod pieces;
mod settings;
mod source;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use treekeeper_core::layer::Rules;
use treekeeper_core::model::cluster::{ClusterReading, LockStyle};
use treekeeper_core::model::{LiveNode, LiveTree, Revision, Tree, ZnodePath};
use treekeeper_core::operation::{
    Answer, Depth, Event, Failure, LockAnswer, Operation, Outcome, Receipt, Request, Scope, Timestamp,
};

pub use against::run_against;
pub use settings::{SettingsFault, globs, settings_globs};
pub use source::{RepositorySource, failure};

use early::Early;

use crate::zk::{self, Amount, HeldLock, Hints, ReadMethod, Session, SessionOptions, ZkError};

/// What an operation needs of the world.
pub struct World {
    /// How to open sessions.
    pub session: SessionOptions,
    /// The lock to take.
    pub lock: LockStyle,
    /// What the lock's candidates say of us.
    pub owner: String,
    /// The repository; `None` for operations that need none.
    pub repository: Option<RepositorySource>,
    /// How trees are read.
    pub read_method: ReadMethod,
}

/// Runs `operation` to its end on a session of its own, telling each event as it happens.
pub async fn run(mut operation: Operation, world: World, tell: &mut dyn FnMut(&Event)) -> Receipt {
    let session = match Session::open(&world.session).await {
        Ok(session) => session,
        Err(error) => {
            return Receipt {
                outcome: Outcome::Failed(error.into()),
                ..Receipt::default()
            };
        }
    };
    let mut driver = Driver {
        session,
        world,
        lock: HeldLock::default(),
        early: None,
        hints: Arc::default(),
        expected: None,
    };
    let mut answer = Answer::Done;
    let mut holds_trees = false;
    loop {
        let request = operation.next(answer, Timestamp::now());
        operation.take_events().iter().for_each(&mut *tell);
        match request {
            Request::Done(receipt) => {
                if holds_trees {
                    // Freeing 100,000 nodes takes long, and nobody waits for it: the process may end meanwhile.
                    std::thread::spawn(move || drop(operation));
                }
                if let Some(early) = driver.early.take() {
                    early.stop().await;
                }
                driver.session.close().await;
                return *receipt;
            }
            request => {
                holds_trees |= matches!(request, Request::ReadFiles { .. } | Request::Observe(_));
                tracing::debug!(request = request.name(), "performing");
                answer = driver.perform(request).await.unwrap_or_else(Answer::Failed);
            }
        }
    }
}

struct Driver {
    session: Session,
    world: World,
    lock: HeldLock,
    /// What was read of the tree before it was asked for.
    early: Option<Early>,
    /// What the files say, until the tree is read.
    hints: Arc<Hints>,
    /// How many znodes the files desire.
    expected: Option<usize>,
}

fn without(paths: &[ZnodePath], known: &[ZnodePath]) -> Vec<ZnodePath> {
    let known: BTreeSet<_> = known.iter().collect();
    paths
        .iter()
        .filter(|path| !known.contains(path))
        .cloned()
        .collect()
}

/// The pause between two looks while a dead session's candidates are waited for.
const INQUIRY_PAUSE: Duration = Duration::from_millis(200);

impl Driver {
    async fn perform(&mut self, request: Request) -> Result<Answer, Failure> {
        let session = &self.session;
        self.show_progress(&request);
        Ok(match request {
            Request::ReadCluster(depth) => Answer::Cluster(zk::read_cluster(session, depth).await?),
            Request::Fetch { known, early } => {
                // What was read before may be older than what is fetched now.
                self.early = None;
                self.read_early(early);
                let (revision, repository) = self.repository()?.fetch(&known)?;
                Answer::Fetched { revision, repository }
            }
            Request::Relate { deployed, target } => {
                Answer::Relation(self.repository()?.relation(&deployed, &target)?)
            }
            Request::ReadFiles {
                revision,
                rules,
                early,
            } => self.read_files(&revision, &rules, early)?,
            Request::Prepare { hosts, state } => {
                zk::prepare(session, self.world.lock, hosts.as_deref(), state.as_deref()).await?;
                Answer::Done
            }
            Request::AcquireLock(wait) => self.acquire(wait).await?,
            Request::Observe(scope) => Answer::Observed(Box::new(self.observe(&scope).await?)),
            Request::Commit(commitment) => Answer::Commit(zk::commit(session, &commitment).await),
            Request::Rehearse {
                hosts,
                state,
                commitment,
            } => {
                let (hosts, state) = (hosts.as_deref(), state.as_deref());
                Answer::Rehearsed(zk::rehearse(session, hosts, state, &commitment).await?)
            }
            Request::CheckAccess(plan) => Answer::Denied(zk::denied(session, &plan).await?),
            Request::Settle => {
                let held = zk::settle(session, &self.lock.candidates).await?;
                Answer::Settled {
                    held,
                    cluster: zk::read_cluster(session, Depth::Hosts).await?,
                }
            }
            Request::Inquire => self.inquire().await?,
            Request::ReadBack(plan) => Answer::Differing(zk::differing(session, &plan).await?),
            Request::Release => {
                self.lock.give_back(session).await?;
                Answer::Done
            }
            Request::Done(_) => unreachable!("the loop ends before"),
        })
    }

    /// Reads the files, and meanwhile what of the tree will most likely be asked for.
    fn read_files(
        &mut self,
        revision: &Revision,
        rules: &Arc<Rules>,
        early: Scope,
    ) -> Result<Answer, Failure> {
        self.read_early(early);
        let is_read = self.early.as_ref().is_none_or(Early::is_finished);
        // What is shown meanwhile is the other work.
        let progress = match is_read {
            true => Arc::clone(&self.world.session.progress),
            false => Arc::default(),
        };
        let hints = Arc::clone(&self.hints);
        let read = self
            .repository()?
            .read_desired(revision, rules, &progress, &hints)?;
        Ok(self.with_expected(read))
    }

    /// Begins to read what will most likely be asked for, unless that is done already.
    fn read_early(&mut self, scope: Scope) {
        if !self.early.as_ref().is_some_and(|early| early.is_of(&scope)) {
            self.early = Early::begin(&self.session, scope, self.world.read_method, &self.hints);
        }
    }

    /// Keeps in mind how many znodes the files desire: about as many will have to be read.
    fn with_expected(&mut self, read: Answer) -> Answer {
        if let Answer::Desired { desired, .. } = &read {
            self.expected = Some(desired.tree.len());
        }
        read
    }

    fn show_progress(&self, request: &Request) {
        let (name, amount) = match request {
            Request::Fetch { .. } => ("fetching from git", Amount::Uncounted),
            Request::ReadFiles { .. } => ("reading znodes", Amount::Unknown),
            Request::AcquireLock(_) => ("waiting for the lock", Amount::Uncounted),
            Request::Observe(_) => (
                "reading znodes",
                self.expected.map_or(Amount::Unknown, Amount::Known),
            ),
            Request::CheckAccess(_) => ("reading ACLs", Amount::Uncounted),
            Request::Rehearse { .. } => ("asking the server", Amount::Uncounted),
            Request::Commit(commitment) => ("applying changes", Amount::Known(commitment.plan.changes.len())),
            Request::ReadBack(plan) => ("reading changes back", Amount::Known(plan.changes.len())),
            // What takes no part in the size of the tree is over soon.
            _ => ("", Amount::Uncounted),
        };
        self.world.session.progress.begin(name, amount);
    }

    /// Reads a scope, but for what was read early.
    async fn observe(&mut self, scope: &Scope) -> Result<LiveTree, ZkError> {
        let early = match self.early.take() {
            Some(early) => early.finish().await,
            None => None,
        };
        let (known, tree) = early.unwrap_or_else(|| (Scope::default(), Tree::new(LiveNode::unread())));
        let missing = Scope {
            subtrees: without(&scope.subtrees, &known.subtrees),
            nodes: without(&scope.nodes, &known.nodes),
        };
        let read = zk::observe_more(&self.session, tree, &missing, self.world.read_method, &self.hints).await;
        self.hints.clear();
        read
    }

    fn repository(&mut self) -> Result<&mut RepositorySource, Failure> {
        self.world.repository.as_mut().ok_or_else(|| {
            Failure::new("no repository is configured")
                .with_code("TK1110")
                .with_hint("give --url")
        })
    }

    async fn acquire(&mut self, wait: Duration) -> Result<Answer, Failure> {
        let World { lock, owner, .. } = &self.world;
        let busy = zk::acquire(&self.session, *lock, owner, wait, &mut self.lock).await?;
        Ok(Answer::Lock(match busy {
            Some(holder) => LockAnswer::Busy(holder),
            None => LockAnswer::Held {
                candidates: self.lock.candidates.clone(),
                since_ms: self.lock.since_ms,
            },
        }))
    }

    /// Opens a new session, waits until the old one's candidates are gone, and reads the cluster.
    ///
    /// While they are there, a transaction that was in flight could still be applied.
    async fn inquire(&mut self) -> Result<Answer, Failure> {
        let granted = self.session.timeout();
        let limit = granted * 2 + self.world.session.request_timeout;
        let deadline = Instant::now() + limit;
        loop {
            let answer = self.inquire_once(deadline).await;
            match answer {
                Ok(Some(cluster)) => return Ok(Answer::Cluster(cluster)),
                Ok(None) if Instant::now() > deadline => {
                    let action = "waiting for the lost session to end".to_owned();
                    return Err(ZkError::Deadline { action, limit }.into());
                }
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                // A server that comes and goes may take this session too: the next one asks again.
                Ok(None) | Err(_) => tokio::time::sleep(INQUIRY_PAUSE).await,
            }
        }
    }

    /// Looks once, on a new session; `None` while the old session's candidates are there.
    async fn inquire_once(&mut self, deadline: Instant) -> Result<Option<ClusterReading>, ZkError> {
        let connect_timeout = deadline.saturating_duration_since(Instant::now());
        let options = SessionOptions {
            connect_timeout,
            ..self.world.session.clone()
        };
        // The old session's client goes with it, and asks the server to end it.
        self.session = Session::open(&options).await?;
        let ours = |path: &str| {
            self.lock
                .candidates
                .iter()
                .any(|candidate| candidate.as_str() == path)
        };
        loop {
            let left = zk::contenders(&self.session, self.world.lock).await?;
            if !left.iter().any(|contender| ours(&contender.path)) {
                let cluster = zk::read_cluster(&self.session, Depth::Hosts).await?;
                self.lock.candidates.clear();
                return Ok(Some(cluster));
            }
            if Instant::now() > deadline {
                return Ok(None);
            }
            tokio::time::sleep(INQUIRY_PAUSE).await;
        }
    }
}
