//! The program itself, from start to end: plans, syncs, start-up, memory.
//!
//! `git fetch` is git's work: it is measured by itself, of a repository that has nothing new, and subtracted.

use std::cell::Cell;
use std::process::Command;

use treekeeper::engine::{self, RepositorySource, World};
use treekeeper::git::{GitError, GitOptions, Mirror, ReadLimits};
use treekeeper::zk::ReadMethod;
use treekeeper_core::layer::LayerLimits;
use treekeeper_core::model::cluster::LockStyle;
use treekeeper_core::model::{Bump, Overlay};
use treekeeper_core::operation::{Context, Mode, Operation, Outcome, SyncOptions};
use treekeeper_core::plan::{BatchLimits, DeleteBudget};
use treekeeper_core::treefile::ParseLimits;

use crate::measure::{Budget, Report, Samples, timed};
use crate::process::{self, Whose};
use crate::server::{Reader, runtime, session_options};
use crate::support::proxy::{MULTI, PING, Proxy};
use crate::support::repository::Repository;
use crate::support::treekeeper::Treekeeper;
use crate::support::zookeeper::ZooKeeper;
use crate::tree_text::tree_text;
use crate::{Options, SEED};

/// The share of the nodes that a changed commit changes.
pub const CHANGED_PERCENT: usize = 1;
/// Runs whose processor time is added up, since the kernel tells hundredths of a second.
const PROCESSOR_RUNS: usize = 100;

/// A repository, its mirror, and a place in ZooKeeper that is synced from it.
pub struct Program {
    treekeeper: Treekeeper,
    repository: Repository,
    connect: String,
    texts: [String; 2],
    /// Which of the texts was committed last.
    text: Cell<usize>,
}

impl Program {
    /// Commits a tree of so many znodes; nothing is synced yet.
    pub fn new(znodes: usize, connect: &str) -> Program {
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
            texts: [0, 1].map(|revision| tree_text(znodes, SEED, revision, CHANGED_PERCENT)),
            text: Cell::new(0),
        };
        program.commit(&program.texts[0]);
        program
    }

    /// Measures `plan` of nothing changed and of a part changed, turn by turn with reading the tree.
    pub fn plan(&self, options: &Options, report: &mut Report) {
        for (work, remote) in [("plan, nothing changed", "look"), ("plan, 1 % changed", "fetch")] {
            let mut reads = Vec::new();
            let (plans, remotes) = self.beside(options, remote, || {
                reads.push(self.read());
                process::run(&mut self.command(&["plan"]))
            });
            let reads = Samples::new(reads);
            report.add(
                work,
                plans.ms(),
                against_read(&reads, remote, &remotes),
                (plans.median() - remotes.median()) / reads.median(),
                Budget::AtMost(1.6),
            );
            self.commit_other();
        }
    }

    /// Measures a whole `sync` of a part changed, and returns its seconds without the fetch.
    pub fn sync(&self, options: &Options, report: &mut Report) -> f64 {
        let mut reads = Vec::new();
        let (syncs, fetches) = self.alternately(options, |program| {
            reads.push(program.read());
            process::run(&mut program.command(&["sync"]))
        });
        let reads = Samples::new(reads);
        let net = syncs.median() - fetches.median();
        report.add(
            "sync, 1 % changed, less 100 ms",
            syncs.ms(),
            against_read(&reads, "fetch", &fetches),
            (net - 0.1) / reads.median(),
            Budget::AtMost(2.5),
        );
        net
    }

    /// Runs `work` after each of several commits that change a part, beside fetches of nothing.
    pub fn alternately(
        &self,
        options: &Options,
        mut work: impl FnMut(&Program) -> f64,
    ) -> (Samples, Samples) {
        self.beside(options, "fetch", || {
            self.commit_other();
            work(self)
        })
    }

    /// Measures the printing of a plan that creates all znodes, before anything was synced.
    pub fn plan_of_all(&self, znodes: usize, report: &mut Report) {
        for (form, arguments) in [("text", &["plan"][..]), ("JSON", &["plan", "--json"])] {
            let seconds = process::run(&mut self.command(arguments));
            let peak = process::peak_memory(&mut self.command(arguments));
            report.tell(
                &format!("plan of {znodes} creates as {form}"),
                format!("{seconds:.2} s, at most {:.0} MB of memory", peak as f64 / 1e6),
            );
        }
    }

    /// Measures every kind of sync: its time, its peak memory, its requests.
    pub fn kinds(&self, zookeeper: &ZooKeeper, options: &Options, report: &mut Report) {
        let all = tree_text(options.znodes, SEED, 2, 100);
        let kinds: [(&str, &str, &[&str]); 5] = [
            ("first", self.texts[0].as_str(), &["sync"]),
            ("nothing changed", self.texts[0].as_str(), &["sync"]),
            ("1 % changed", self.texts[1].as_str(), &["sync"]),
            ("all changed", all.as_str(), &["sync"]),
            (
                "all deleted",
                "# nothing\n",
                &["sync", "--prune-roots", "--allow-delete", "100000000"],
            ),
        ];
        let bound = (2 * self.texts[0].len() + 600 * options.znodes) as f64;
        let mut seconds = vec![Vec::new(); kinds.len()];
        for _ in 0..options.runs {
            let connect = zookeeper.chroot();
            for (place, (_, text, arguments)) in kinds.iter().enumerate() {
                self.commit(text);
                seconds[place].push(process::run(&mut self.command_at(&connect, arguments)));
            }
        }
        let connect = zookeeper.chroot();
        for ((kind, text, arguments), seconds) in kinds.into_iter().zip(seconds) {
            self.commit(text);
            let proxy = Proxy::start(&connect);
            let peak = process::peak_memory(&mut self.command_at(&proxy.connect(&connect), arguments));
            let (times, requests) = (Samples::new(seconds).ms(), requests(&proxy));
            report.tell(
                &format!("sync, {kind}, its fetch included"),
                format!(
                    "{times}, {requests} requests, of them {} that write",
                    proxy.multis()
                ),
            );
            report.add(
                &format!("peak memory of a sync, {kind}"),
                format!("{:.1} MB", peak as f64 / 1e6),
                format!("2 x text + 600 bytes a znode: {:.1} MB", bound / 1e6),
                peak as f64 / bound,
                Budget::AtMost(1.0),
            );
        }
    }

    /// Deletes the whole tree, so that the server holds no more from part to part.
    pub fn empty_again(&self, znodes: usize) {
        self.commit("# nothing\n");
        let all = znodes.to_string();
        process::run(&mut self.command(&["sync", "--prune-roots", "--allow-delete", &all]));
    }

    /// Measures a sync that finds nothing to do: its requests and its processor time.
    pub fn nothing(&self, report: &mut Report) {
        let proxy = Proxy::start(&self.connect);
        process::run(&mut self.command_at(&proxy.connect(&self.connect), &["sync"]));
        let requests = requests(&proxy);
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

    /// Commits the one of the two texts that was not committed last.
    pub fn commit_other(&self) {
        self.text.set(1 - self.text.get());
        self.commit(&self.texts[self.text.get()]);
    }

    /// Commits a text and fetches it, so that it is in the mirror.
    fn commit(&self, text: &str) {
        self.repository.commit(&[("tree.zk", text)]);
        self.remote("fetch");
    }

    /// Returns the program on this tree's place.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_at(&self.connect, arguments)
    }

    /// Returns the program on another place, or by another way.
    pub fn command_at(&self, connect: &str, arguments: &[&str]) -> Command {
        let mut command = self.treekeeper.command(arguments);
        command.env("TREEKEEPER_ZOOKEEPER", connect);
        command
    }

    /// Returns the seconds of reading the whole tree, in a process that is as new as the program's.
    fn read(&self) -> f64 {
        self.child(&["read", &self.connect])
    }

    /// Returns the seconds of what is asked of the remote: a `look`, or a `fetch` of nothing.
    pub fn remote(&self, work: &str) -> f64 {
        self.child(&[work])
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

    /// Returns the times of `work`, and beside them those of what it asks of the remote: a look, or a fetch of nothing.
    pub fn beside(
        &self,
        options: &Options,
        remote: &str,
        mut work: impl FnMut() -> f64,
    ) -> (Samples, Samples) {
        let (works, remotes) = (0..options.runs).map(|_| (work(), self.remote(remote))).unzip();
        (Samples::new(works), Samples::new(remotes))
    }
}

/// Returns how many requests came through, pings and connecting not counted.
fn requests(proxy: &Proxy) -> usize {
    let opcodes = (1..=MULTI_READ_MAX).filter(|opcode| *opcode != PING);
    opcodes.map(|opcode| proxy.frames(opcode)).sum()
}

/// No request of the protocol has a greater number that treekeeper could send.
const MULTI_READ_MAX: i32 = 110;

fn against_read(reads: &Samples, remote: &str, remotes: &Samples) -> String {
    format!("read {}, after a {remote} of {}", reads.ms(), remotes.ms())
}

/// The first argument of this program where it measures for itself.
pub const CHILD: &str = "--child";

/// Measures what [`Program::child`] asks for: the seconds of a look at the remote, of a fetch or of reading the tree, or
/// the processor time of a sync of nothing in ms.
pub fn child(arguments: &[String]) -> f64 {
    match arguments {
        [url, mirror, work] if work == "look" => ask(url, mirror, |mirror| mirror.look().map(drop)),
        [url, mirror, work] if work == "fetch" => ask(url, mirror, |mirror| {
            // As the program does: what the look tells is not asked again.
            mirror.look()?;
            mirror.fetch()
        }),
        [_, _, work, connect] if work == "read" => {
            let reader = Reader::new(connect);
            let (seconds, _) = reader.read();
            reader.close();
            seconds
        }
        [url, mirror, work, connect] if work == "nothing" => nothing_processor_ms(url, mirror, connect),
        _ => panic!("unknown work: {arguments:?}"),
    }
}

fn git_options(url: &str, mirror: &str) -> GitOptions {
    GitOptions::new(url, mirror).expect("a local repository")
}

fn ask(url: &str, mirror: &str, work: impl FnOnce(&mut Mirror) -> Result<(), GitError>) -> f64 {
    let mut mirror = Mirror::open(git_options(url, mirror)).expect("a mirror");
    let (seconds, done) = timed(|| work(&mut mirror));
    done.expect("a local repository can be asked");
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
