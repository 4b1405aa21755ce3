//! The program itself, from start to end: plans, syncs, start-up, memory.
//!
//! `git fetch` is git's work: it is measured by itself, of a repository that has nothing new, and subtracted.

use std::process::Command;

use treekeeper::engine::{self, RepositorySource, World};
use treekeeper::git::{GitOptions, Mirror, ReadLimits};
use treekeeper::zk::ReadMethod;
use treekeeper_core::layer::{LayerLimits, Overlay};
use treekeeper_core::model::cluster::LockStyle;
use treekeeper_core::operation::{Bump, Context, Mode, Operation, Outcome, SyncOptions};
use treekeeper_core::plan::{BatchLimits, DeleteBudget};
use treekeeper_core::treefile::ParseLimits;

use crate::measure::{Budget, Report, Samples, timed};
use crate::process::{self, Whose};
use crate::server::{runtime, session_options};
use crate::support::proxy::{MULTI, PING, Proxy};
use crate::support::repository::Repository;
use crate::support::treekeeper::Treekeeper;
use crate::tree_text::tree_text;
use crate::{Options, SEED};

/// The share of the nodes that a changed commit changes.
const CHANGED_PERCENT: usize = 1;
/// Runs whose processor time is added up, since the kernel tells hundredths of a second.
const PROCESSOR_RUNS: usize = 100;

/// A repository, its mirror, and a place in ZooKeeper that is synced from it.
pub struct Program {
    treekeeper: Treekeeper,
    repository: Repository,
    connect: String,
    texts: [String; 2],
}

impl Program {
    /// Commits the tree and syncs it for the first time.
    pub fn new(options: &Options, connect: &str, report: &mut Report) -> Program {
        let repository = Repository::new();
        let mirror = repository.place("mirror.git").display().to_string();
        let program = Program {
            treekeeper: Treekeeper::offline().with(&[
                "--url",
                &repository.url(),
                "--tree-directory",
                &mirror,
            ]),
            repository,
            connect: connect.to_owned(),
            texts: [0, 1].map(|revision| tree_text(options.znodes, SEED, revision, CHANGED_PERCENT)),
        };
        program.commit(0);
        let seconds = process::run(&mut program.command(&["sync"]));
        report.tell(
            "first sync into an empty chroot, with its clone",
            format!("{:.0} ms", seconds * 1e3),
        );
        program
    }

    /// Measures `plan` of nothing changed and of a part changed, against the seconds of reading the tree.
    pub fn plan(&self, options: &Options, read: f64, report: &mut Report) {
        let works = [("plan, nothing changed", 0), ("plan, 1 % changed", 1)];
        for (work, text) in works {
            if text > 0 {
                self.commit(text);
            }
            let runs = self.beside_fetch(options, || process::run(&mut self.command(&["plan"])));
            report.add(
                work,
                runs.0.ms(),
                against_read(read, &runs.1),
                (runs.0.median() - runs.1.median()) / read,
                Budget::AtMost(1.6),
            );
        }
    }

    /// Measures a whole `sync` of a part changed, and returns its seconds without the fetch.
    pub fn sync(&self, options: &Options, read: f64, report: &mut Report) -> f64 {
        let mut text = 1;
        let (syncs, fetches) = self.beside_fetch(options, || {
            text = 1 - text;
            self.commit(1 - text);
            process::run(&mut self.command(&["sync"]))
        });
        let net = syncs.median() - fetches.median();
        report.add(
            "sync, 1 % changed, less 100 ms",
            syncs.ms(),
            against_read(read, &fetches),
            (net - 0.1) / read,
            Budget::AtMost(2.5),
        );
        net
    }

    /// Measures a sync that finds nothing to do: its requests and its processor time.
    pub fn nothing(&self, report: &mut Report) {
        let proxy = Proxy::start(&self.connect);
        process::run(&mut self.command_at(&proxy.connect(&self.connect), &["sync"]));
        let requests: usize = (1..=MULTI_READ_MAX)
            .filter(|opcode| *opcode != PING)
            .map(|opcode| proxy.frames(opcode))
            .sum();
        assert_eq!(proxy.frames(MULTI), 0, "there is nothing to write");
        report.add(
            "sync, nothing to do: requests to ZooKeeper",
            requests.to_string(),
            "-".to_owned(),
            requests as f64,
            Budget::AtMost(3.0),
        );
        let (start, sync) = (
            self.start_up_processor_ms(),
            self.child(&["nothing", &self.connect]),
        );
        report.add(
            "sync, nothing to do: our processor time in ms",
            format!("{sync:.2} + start-up {start:.2}"),
            "-".to_owned(),
            sync + start,
            Budget::AtMost(5.0),
        );
    }

    fn start_up_processor_ms(&self) -> f64 {
        let before = process::processor_seconds(Whose::Childrens);
        for _ in 0..PROCESSOR_RUNS {
            process::run(&mut self.command(&["--version"]));
        }
        (process::processor_seconds(Whose::Childrens) - before) * 1e3 / PROCESSOR_RUNS as f64
    }

    /// Measures how long it takes to say the version.
    pub fn start_up(&self, options: &Options, report: &mut Report) {
        let runs = (0..options.runs * 4).map(|_| process::run(&mut self.command(&["--version"])));
        let runs = Samples::new(runs.collect());
        report.add(
            "start-up (`--version`) in ms",
            runs.ms(),
            "-".to_owned(),
            runs.median() * 1e3,
            Budget::AtMost(10.0),
        );
    }

    /// Measures the peak memory of a first sync, into `connect`, and of one of a part changed.
    pub fn memory(&self, connect: &str, options: &Options, report: &mut Report) {
        self.commit(0);
        let first = process::peak_memory(&mut self.command_at(connect, &["sync"]));
        self.commit(1);
        let changed = process::peak_memory(&mut self.command_at(connect, &["sync"]));
        let bound = (2 * self.texts[0].len() + 600 * options.znodes) as f64;
        for (work, peak) in [("first", first), ("1 % changed", changed)] {
            report.add(
                &format!("peak memory of a sync, {work}"),
                format!("{:.1} MB", peak as f64 / 1e6),
                format!("2 x text + 600 bytes a znode: {:.1} MB", bound / 1e6),
                peak as f64 / bound,
                Budget::AtMost(1.0),
            );
        }
    }

    /// Commits one of the two texts and fetches it, so that it is in the mirror.
    fn commit(&self, text: usize) {
        self.repository.commit(&[("tree.zk", &self.texts[text])]);
        self.fetch();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_at(&self.connect, arguments)
    }

    fn command_at(&self, connect: &str, arguments: &[&str]) -> Command {
        let mut command = self.treekeeper.command(arguments);
        command.env("TREEKEEPER_ZOOKEEPER", connect);
        command
    }

    /// Returns the seconds of a fetch.
    fn fetch(&self) -> f64 {
        self.child(&["fetch"])
    }

    /// Measures something in a process of its own: a big one starts programs more slowly than treekeeper does.
    fn child(&self, arguments: &[&str]) -> f64 {
        let mirror = self.repository.place("mirror.git").display().to_string();
        process::answer(
            Command::new(std::env::current_exe().expect("this program has a file"))
                .args([CHILD, &self.repository.url(), &mirror])
                .args(arguments),
        )
    }

    /// Returns the times of `work`, and beside them those of a fetch of nothing.
    fn beside_fetch(&self, options: &Options, mut work: impl FnMut() -> f64) -> (Samples, Samples) {
        let (works, fetches) = (0..options.runs).map(|_| (work(), self.fetch())).unzip();
        (Samples::new(works), Samples::new(fetches))
    }
}

/// No request of the protocol has a greater number that treekeeper could send.
const MULTI_READ_MAX: i32 = 110;

fn against_read(read: f64, fetches: &Samples) -> String {
    format!("read {:.1} ms, after a fetch of {}", read * 1e3, fetches.ms())
}

/// The first argument of this program where it measures for itself.
pub const CHILD: &str = "--child";

/// Measures what [`Program::child`] asks for: the seconds of a fetch, or the processor time of a sync of nothing in ms.
pub fn child(arguments: &[String]) -> f64 {
    match arguments {
        [url, mirror, work] if work == "fetch" => fetch(url, mirror),
        [url, mirror, work, connect] if work == "nothing" => nothing_processor_ms(url, mirror, connect),
        _ => panic!("unknown work: {arguments:?}"),
    }
}

fn git_options(url: &str, mirror: &str) -> GitOptions {
    GitOptions::new(url, mirror).expect("a local repository")
}

fn fetch(url: &str, mirror: &str) -> f64 {
    let mut mirror = Mirror::open(git_options(url, mirror)).expect("a mirror");
    let (seconds, fetched) = timed(|| mirror.fetch());
    fetched.expect("a local repository can be fetched");
    seconds
}

/// Runs the sync in this process: there is no other way to tell its time from that of its git commands.
fn nothing_processor_ms(url: &str, mirror: &str, connect: &str) -> f64 {
    let before = process::processor_seconds(Whose::Ours);
    for _ in 0..PROCESSOR_RUNS {
        let operation = Operation::sync(sync_options(), context());
        let source = RepositorySource::new(git_options(url, mirror), None, ReadLimits::default());
        let world = World {
            session: session_options(connect),
            lock: LockStyle::default(),
            owner: "{}".to_owned(),
            repository: Some(source),
            read_method: ReadMethod::Batched,
        };
        let receipt = runtime().block_on(engine::run(operation, world, &mut |_| {}));
        assert!(
            matches!(receipt.outcome, Outcome::InSync),
            "{:?}",
            receipt.outcome
        );
    }
    (process::processor_seconds(Whose::Ours) - before) * 1e3 / PROCESSOR_RUNS as f64
}

fn sync_options() -> SyncOptions {
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
        sync_id: "0".repeat(32),
        actor: "bench".to_owned(),
        lock: LockStyle::default(),
        lock_wait: std::time::Duration::ZERO,
        delete_budget: DeleteBudget::default(),
        allow_delete: None,
        batch_limits: BatchLimits::default(),
        protect: Vec::new(),
        secrets: Vec::new(),
    }
}
