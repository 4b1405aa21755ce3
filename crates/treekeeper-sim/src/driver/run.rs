//! One process: an operation from its first request to its receipt, as `engine::run` drives it.

use std::fmt::Write;

use treekeeper_core::gate::{Blocker, Relation};
use treekeeper_core::model::cluster::{ClusterReading, LockStyle};
use treekeeper_core::model::{Revision, ZnodePath};
use treekeeper_core::operation::{
    Answer, CommitAnswer, Depth, Failure, KnownCommits, LockAnswer, Operation, Outcome, Receipt, Request,
    Timestamp,
};
use treekeeper_core::plan::{self, DisplayOptions, Secrets};
use treekeeper_core::treefile::SourceFile;

use super::session::{Access, Session, Trouble};
use super::{cluster, commit, lock, observe};
use crate::checker::{Ending, Told};
use crate::repository::{Lies, Mirror, Repository};
use crate::sabotage::{Bug, Saboteur};
use crate::world::{MILLISECOND, Micros};
use crate::{checker, print};

/// What an operation needs of the world.
pub struct Drive<'a> {
    /// How to open sessions.
    pub access: Access,
    /// The lock to take.
    pub lock: LockStyle,
    /// How long it may be waited for.
    pub lock_wait: Micros,
    /// The remote.
    pub repository: Repository,
    /// What was fetched before.
    pub mirror: &'a mut Mirror,
    /// The commit to go to instead of the newest one.
    pub revision: Option<String>,
}

/// How a process ended.
#[derive(Clone, Debug)]
pub struct Driven {
    /// How it says that it ended.
    pub ending: Ending,
    /// Every word for people.
    pub text: String,
    /// The blockers that refused it.
    pub blockers: Vec<Blocker>,
}

/// Requests of one operation; more mean that it never ends.
const REQUESTS_MAX: usize = 1_000;
/// The pause between two looks while a dead session's candidates are waited for.
const INQUIRY_PAUSE: Micros = 200 * MILLISECOND;

struct Driver<'a> {
    session: Session,
    drive: Drive<'a>,
    candidates: Vec<ZnodePath>,
    saboteur: Saboteur,
    commitments: usize,
    is_ambiguous: bool,
}

/// Runs `operation` to its end on a session of its own, and lets the checker judge what it tells.
pub async fn run(mut operation: Operation, number: checker::Operation, drive: Drive<'_>) -> Driven {
    let world = drive.access.world.clone();
    let faults_before = world.with(|inner| inner.counts.get("faults"));
    let saboteur = Saboteur::new(drive.access.bug);
    let (lock_wait, request_timeout) = (drive.lock_wait, drive.access.request_timeout);
    let session = match Session::open(&drive.access).await {
        Ok(session) => session,
        Err(trouble) => {
            let failure = Failure::from(trouble);
            let told = Told {
                ending: Ending::Failed,
                has_sent: false,
                is_ambiguous: false,
                has_faults: true,
                lock_wait,
                request_timeout,
                text: failure.to_string(),
            };
            world.tell(|checker| checker.told(number, &told));
            return Driven {
                ending: Ending::Failed,
                text: told.text,
                blockers: Vec::new(),
            };
        }
    };
    let mut driver = Driver {
        session,
        drive,
        candidates: Vec::new(),
        saboteur,
        commitments: 0,
        is_ambiguous: false,
    };
    let mut text = String::new();
    let receipt = driver.converse(&mut operation, number, &mut text).await;
    let (ending, blockers) = describe(&receipt, &mut text);
    let faults = world.with(|inner| inner.counts.get("faults")) - faults_before;
    let told = Told {
        ending,
        has_sent: receipt.transactions > 0,
        is_ambiguous: driver.is_ambiguous,
        has_faults: faults > 0,
        lock_wait,
        request_timeout,
        text: text.clone(),
    };
    world.trace(|| format!("operation {} ends {ending:?}: {}", number.0, text.trim_end()));
    count_ending(&world, ending, &receipt);
    world.tell(|checker| checker.told(number, &told));
    driver.session.close().await;
    Driven {
        ending,
        text,
        blockers,
    }
}

impl Driver<'_> {
    async fn converse(
        &mut self,
        operation: &mut Operation,
        number: checker::Operation,
        text: &mut String,
    ) -> Receipt {
        let world = self.drive.access.world.clone();
        let mut answer = Answer::Done;
        for _ in 0..REQUESTS_MAX {
            let now = Timestamp::from_second(world.wall_clock()).unwrap_or(Timestamp::UNIX_EPOCH);
            let request = operation.next(answer, now);
            for event in operation.take_events() {
                let _ = writeln!(text, "{} {event}", event.level());
            }
            let request = match request {
                Request::Done(receipt) => return *receipt,
                request => self.saboteur.request(request),
            };
            answer = match request {
                Err(answer) => *answer,
                Ok(request) => {
                    world.trace(|| format!("operation {}: {}", number.0, request.name()));
                    let answer = self.perform(request, number).await.unwrap_or_else(Answer::Failed);
                    self.saboteur.answer(answer)
                }
            };
        }
        world.tell(|checker| checker.blame("I10", format!("operation {} asks for ever", number.0)));
        Receipt::default()
    }

    async fn perform(&mut self, request: Request, number: checker::Operation) -> Result<Answer, Failure> {
        let world = self.drive.access.world.clone();
        let session = &self.session;
        Ok(match request {
            Request::ReadCluster(depth) => Answer::Cluster(cluster::read_cluster(session, depth).await?),
            Request::Fetch { known, .. } => self.fetch(&known).await?,
            Request::Relate { deployed, target } => Answer::Relation(self.relation(&deployed, &target)),
            Request::ReadFiles { revision, .. } => Answer::Files {
                files: self.read_files(&revision)?,
                protect: Vec::new(),
            },
            Request::Prepare { hosts, state } => {
                lock::prepare(session, self.drive.lock, hosts.as_deref(), state.as_deref()).await?;
                Answer::Done
            }
            Request::AcquireLock(_) => {
                let (style, wait) = (self.drive.lock, self.drive.lock_wait);
                let busy = lock::acquire(&mut self.session, style, wait, &mut self.candidates).await?;
                Answer::Lock(match busy {
                    Some(holder) => LockAnswer::Busy(holder),
                    None => LockAnswer::Held {
                        candidates: self.candidates.clone(),
                        since_ms: 1,
                    },
                })
            }
            Request::Observe(scope) => {
                world.tell(|checker| checker.observe_begins(number));
                let observed = observe::observe(session, &scope).await?;
                world.tell(|checker| checker.observe_ends(number));
                Answer::Observed(Box::new(observed))
            }
            Request::Commit(commitment) => {
                self.commitments += 1;
                if commitment.transactions.len() > 1 {
                    world.count("commitments of several transactions");
                }
                let answer = commit::commit(session, &commitment, self.commitments).await;
                self.is_ambiguous |= matches!(answer, CommitAnswer::Unknown(_));
                self.second_session(&answer).await;
                Answer::Commit(answer)
            }
            Request::Rehearse { .. } => unreachable!("no actor asks the server about a plan"),
            // Every node of the simulator has an open ACL.
            Request::CheckAccess(_) => Answer::Denied(Vec::new()),
            Request::Settle => {
                world.count("settled");
                let held = commit::settle(session, &self.candidates).await?;
                Answer::Settled {
                    held,
                    cluster: cluster::read_cluster(session, Depth::Hosts).await?,
                }
            }
            Request::Inquire => {
                world.count("inquired");
                self.inquire().await?
            }
            Request::ReadBack(plan) => Answer::Differing(observe::differing(session, &plan).await?),
            Request::Release => {
                lock::give_back(session, &mut self.candidates).await?;
                Answer::Done
            }
            Request::Done(_) => unreachable!("the loop ends before"),
        })
    }

    /// The bug: when the session is lost, the sync opens another one, makes its candidates anew, and goes on.
    async fn second_session(&mut self, answer: &CommitAnswer) {
        let is_lost = matches!(answer, CommitAnswer::Unknown(_)) && self.session.is_over();
        if self.drive.access.bug != Some(Bug::SecondSession) || !is_lost {
            return;
        }
        if let Ok(session) = Session::open(&self.drive.access).await {
            self.session = session;
            lock::make_anew(&self.session, &self.candidates).await;
        }
    }

    async fn fetch(&mut self, known: &KnownCommits) -> Result<Answer, Failure> {
        let world = self.drive.access.world.clone();
        world
            .sleep(world.between(5 * MILLISECOND, 80 * MILLISECOND))
            .await;
        let fails = world.with(|inner| inner.rates.git);
        if self.drive.access.is_faulty && world.per_mille(fails) {
            world.count("fault: git");
            return Err(Failure::new("cannot fetch"));
        }
        let tip = self.drive.repository.tip();
        let target = revision(self.drive.revision.as_ref().unwrap_or(&tip.revision));
        // As the program does: a tip whose root the cluster tells is not fetched before its history is asked for.
        let root = known.root_of(&target).filter(|_| self.drive.revision.is_none());
        if root.is_none() {
            self.drive.mirror.fetch(&self.drive.repository);
        }
        let root = root.cloned();
        Ok(Answer::Fetched {
            revision: target,
            repository: root.unwrap_or_else(|| revision(&self.drive.repository.root())),
        })
    }

    fn relation(&mut self, deployed: &Revision, target: &Revision) -> Relation {
        if !self.drive.mirror.knows(target.as_str()) {
            self.drive.mirror.fetch(&self.drive.repository);
        }
        if !self.drive.mirror.knows(deployed.as_str()) {
            return Relation::Unknown;
        }
        match self.drive.repository.lies(target.as_str(), deployed.as_str()) {
            Lies::Same => Relation::Same,
            Lies::After => Relation::Forward,
            Lies::Before => Relation::Backward,
            Lies::Apart => Relation::Diverged,
        }
    }

    fn read_files(&self, revision: &Revision) -> Result<Vec<SourceFile>, Failure> {
        let commit = self.drive.repository.get(revision.as_str());
        let commit = commit.ok_or_else(|| Failure::new("the commit is not there"))?;
        let files = print::files(&commit).into_iter();
        Ok(files
            .map(|(name, text)| SourceFile {
                name,
                bytes: text.into_bytes(),
            })
            .collect())
    }

    /// Opens a new session, waits until the old one's candidates are gone, and reads the cluster.
    async fn inquire(&mut self) -> Result<Answer, Failure> {
        let access = self.drive.access.clone();
        let deadline = access.world.now() + access.session_timeout * 2 + access.request_timeout;
        loop {
            match self.inquire_once(deadline).await {
                Ok(Some(cluster)) => return Ok(Answer::Cluster(cluster)),
                Ok(None) if access.world.now() > deadline => {
                    return Err(Trouble::Deadline("waiting for the lost session to end".to_owned()).into());
                }
                Err(trouble) if access.world.now() > deadline => return Err(trouble.into()),
                Ok(None) | Err(_) => access.world.sleep(INQUIRY_PAUSE).await,
            }
        }
    }

    async fn inquire_once(&mut self, deadline: Micros) -> Result<Option<ClusterReading>, Trouble> {
        self.session.let_go();
        self.session = Session::open(&self.drive.access).await?;
        loop {
            if !lock::is_any_left(&self.session, self.drive.lock, &self.candidates).await? {
                let cluster = cluster::read_cluster(&self.session, Depth::Hosts).await?;
                self.candidates.clear();
                return Ok(Some(cluster));
            }
            if self.session.world().now() > deadline {
                return Ok(None);
            }
            self.session.world().sleep(INQUIRY_PAUSE).await;
        }
    }
}

/// Returns how a receipt ends, and adds every word of it.
fn describe(receipt: &Receipt, text: &mut String) -> (Ending, Vec<Blocker>) {
    let mut blockers = receipt.blockers.clone();
    let mut told = |failure: &Failure| {
        let _ = writeln!(
            text,
            "error: {failure}\nhint: {}",
            failure.hint.as_deref().unwrap_or_default()
        );
    };
    let ending = match &receipt.outcome {
        Outcome::InSync => Ending::InSync,
        Outcome::Planned => Ending::Planned,
        Outcome::Applied => Ending::Applied,
        Outcome::Refused(found) => {
            blockers.extend(found.iter().cloned());
            Ending::Refused
        }
        Outcome::Stale(_) => unreachable!("no actor applies a saved plan"),
        Outcome::LockHeld(holder) => {
            told(holder);
            Ending::LockHeld
        }
        Outcome::Invalid(diagnostics) => {
            diagnostics
                .iter()
                .for_each(|found| text.push_str(&found.render_masked(&[])));
            Ending::Invalid
        }
        Outcome::Failed(failure) => {
            told(failure);
            Ending::Failed
        }
        Outcome::Unknown(failure) => {
            told(failure);
            Ending::Unknown
        }
    };
    for blocker in &blockers {
        let _ = writeln!(text, "refused: {blocker}\nhint: {}", blocker.hint());
    }
    receipt.warnings.iter().for_each(|warning| {
        let _ = writeln!(text, "warning: {warning}");
    });
    if let Some(shown) = &receipt.plan {
        let mut out = String::new();
        let _ = plan::display::write_plan(&mut out, shown, &receipt.batches, &DisplayOptions::default());
        let _ = plan::json::write_plan(&mut out, shown, &receipt.batches, Secrets::Masked(&[]));
        text.push_str(&out);
    }
    (ending, blockers)
}

fn count_ending(world: &crate::world::World, ending: Ending, receipt: &Receipt) {
    world.count(match ending {
        Ending::InSync => "outcome: in sync",
        Ending::Planned => "outcome: planned",
        Ending::Applied => "outcome: applied",
        Ending::Refused => "outcome: refused",
        Ending::LockHeld => "outcome: lock held",
        Ending::Invalid => "outcome: invalid",
        Ending::Failed => "outcome: failed",
        Ending::Unknown => "outcome: unknown",
    });
    if ending == Ending::Applied && receipt.transactions > 1 {
        world.count("applied in batches");
    }
}

/// Returns the commit that a text names.
pub fn revision(text: &str) -> Revision {
    Revision::parse(text).unwrap_or_else(|| unreachable!("commits have 40 digits"))
}
