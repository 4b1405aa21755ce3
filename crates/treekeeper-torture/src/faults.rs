//! T1 and T2: every frame of a sync meets every fault, alone and in pairs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::bugs::Binary;
use crate::client::{Client, Kind};
use crate::look::{self, Look, Meanings, Version};
use crate::program::{Ended, Process, Program};
use crate::proxy::{Hook, MODES, Mode, Proxy, Script};
use crate::random::Random;
use crate::repository::Repository;
use crate::servers::{SESSION, Servers};
use crate::shapes::{self, Shape};
use crate::tally::{Summary, Tally};
use crate::work::side_by_side;

/// Sessions that can be waited for, and a client that gives up soon.
const IMPATIENT: &str = "session_timeout = \"2s\"\nrequest_timeout = \"4s\"\nconnect_timeout = \"4s\"\n";
/// Longer than such a session lives.
const STALL: Duration = Duration::from_millis(3_000);
/// A sync without faults waits so long for the lock of one that was killed.
const CLEAN: [&str; 3] = ["sync", "--lock-wait", "60"];
/// What stands in every chroot and is none of treekeeper's business.
const BYSTANDERS: [&str; 3] = ["/foreign", "/foreign/node", "/hosts/web-1"];

/// One case: a shape and the faults that its sync meets; the client dies at the last of them, or doesn't.
#[derive(Clone, Debug)]
struct Case {
    shape: usize,
    faults: BTreeMap<usize, Mode>,
    dies: bool,
}

/// A shape that is ready to be played.
struct Prepared {
    shape: Shape,
    repository: Repository,
    old: Option<String>,
    new: String,
    /// All nodes of the deployed cluster, parents first.
    template: Vec<(String, Vec<u8>)>,
    meanings: Meanings,
    /// How many frames a sync without faults sends.
    frames: usize,
}

/// How much is tried.
#[derive(Clone, Debug)]
pub struct Amount {
    /// All shapes, frames and ways; else every frame of one transaction with three ways, and a sample of the others.
    pub is_whole: bool,
    /// How many of the others a sample takes.
    pub sample: usize,
    /// How many random pairs.
    pub pairs: usize,
    /// The seed of samples and pairs.
    pub seed: u64,
    /// How many cases are played at once.
    pub threads: usize,
    /// Plays this case alone, such as `batched/12:Late,15:After/dies`.
    pub only: Option<String>,
}

/// The ways that differ for a client that is dead when the frame goes on.
const DEAD_MODES: [Mode; 6] = [
    Mode::Before,
    Mode::BeforeReset,
    Mode::After,
    Mode::AfterReset,
    Mode::HalfFrame,
    Mode::Late,
];

/// Plays single faults, or pairs if any are asked for.
pub fn run(binary: &Binary, amount: &Amount) -> Summary {
    let servers = Servers::one();
    let bench = Bench::new(binary, servers.addresses());
    let cases = match &amount.only {
        Some(name) => vec![bench.parse(name)],
        None if amount.pairs > 0 => bench.pairs(amount),
        None if amount.is_whole => bench.singles(),
        None => bench.sample(amount),
    };
    let tally = Tally::new(if amount.pairs > 0 { "pairs" } else { "faults" });
    let queue = Mutex::new(cases.into_iter());
    side_by_side(0..amount.threads, |_| {
        let mut worker = Worker::default();
        loop {
            let next = queue.lock().expect("no thread has failed").next();
            let Some(case) = next else { return };
            bench.play(&mut worker, &case, &tally);
        }
    });
    tally.summary(["cases", "faults"])
}

/// The server and the shapes.
struct Bench {
    binary: Binary,
    address: String,
    prepared: Vec<Prepared>,
    chroots: AtomicU64,
}

/// What one thread keeps: a treekeeper for each shape.
#[derive(Default)]
struct Worker {
    programs: BTreeMap<usize, Program>,
}

impl Bench {
    fn new(binary: &Binary, address: String) -> Bench {
        let mut bench = Bench {
            binary: binary.clone(),
            address,
            prepared: Vec::new(),
            chroots: AtomicU64::new(0),
        };
        let prepared: Vec<Prepared> = shapes::all()
            .into_iter()
            .map(|shape| bench.prepare(shape))
            .collect();
        bench.prepared = prepared;
        bench
    }

    fn chroot(&self) -> String {
        let path = format!("/c{}", self.chroots.fetch_add(1, Ordering::Relaxed));
        let mut client = Client::connect(&self.address, SESSION).expect("the server takes sessions");
        client
            .create(&path, b"", Kind::Persistent)
            .expect("a chroot can be made");
        let _ = client.close();
        format!("{}{path}", self.address)
    }

    /// Deploys what a shape begins with, and counts the frames of its sync.
    fn prepare(&self, shape: Shape) -> Prepared {
        let repository = Repository::new();
        let connect = self.chroot();
        // What a case begins with is right, whatever the bug.
        let honest = Binary::new(&self.binary.path);
        let program = Program::new(&honest, repository.path(), "", shape.limits, "");
        let mut client = Client::connect(&connect, SESSION).expect("the server takes sessions");
        let mut meanings = Meanings::default();
        let old = shape.old.as_ref().map(|tree| {
            let commit = repository.commit(tree);
            expect_success(&program.run(&connect, &CLEAN));
            meanings.commits.insert(commit.clone(), tree.clone());
            commit
        });
        let look = Look::take(&mut client).expect("a running server answers");
        let mut template: Vec<(String, Vec<u8>)> = vec![("/foreign".to_owned(), b"mine".to_vec())];
        template.push(("/foreign/node".to_owned(), b"\xff\x00".to_vec()));
        template.extend(
            look.nodes
                .iter()
                .map(|(path, (data, _))| (path.clone(), data.clone())),
        );
        if let Some(commit) = &old {
            let host = format!("{{\"version\": \"{commit}\"}}");
            template.push(("/hosts/web-1".to_owned(), host.into_bytes()));
            template.push(("/ZktoolsLocks".to_owned(), b"zktools ZLock dir".to_vec()));
            template.push((look::LOCK.to_owned(), b"lock".to_vec()));
        }
        template.sort();
        template.dedup_by(|one, other| one.0 == other.0);
        let new = match shape.name {
            "no-op" => old.clone().expect("something is deployed"),
            _ => repository.commit(&shape.new),
        };
        meanings.commits.insert(new.clone(), shape.after.clone());
        let mut prepared = Prepared {
            shape,
            repository,
            old,
            new,
            template,
            meanings,
            frames: 0,
        };
        prepared.frames = self.count_frames(&prepared);
        prepared
    }

    fn count_frames(&self, prepared: &Prepared) -> usize {
        let connect = self.chroot();
        let _others = prepared.restore(&connect);
        let program = Program::new(
            &Binary::new(&self.binary.path),
            prepared.repository.path(),
            "",
            prepared.shape.limits,
            "",
        );
        let proxy = Proxy::start(&connect, Script::default(), None);
        expect_success(&program.run(&proxy.connect(&connect), &CLEAN[..1]));
        proxy.frames()
    }

    /// Every frame, every way, and the client survives or dies.
    fn singles(&self) -> Vec<Case> {
        let shapes = 0..self.prepared.len();
        shapes
            .flat_map(|shape| self.singles_of(shape, &MODES, &DEAD_MODES))
            .collect()
    }

    fn singles_of(&self, shape: usize, alive: &[Mode], dead: &[Mode]) -> Vec<Case> {
        let case = |frame: usize, mode: Mode, dies: bool| Case {
            shape,
            faults: BTreeMap::from([(frame, mode)]),
            dies,
        };
        let of = |frame: usize| {
            let survivors = alive.iter().map(move |mode| case(frame, *mode, false));
            survivors.chain(dead.iter().map(move |mode| case(frame, *mode, true)))
        };
        (0..self.prepared[shape].frames).flat_map(of).collect()
    }

    /// Every frame of one transaction in three ways, and some of everything else.
    fn sample(&self, amount: &Amount) -> Vec<Case> {
        let mut random = Random::new(amount.seed, 0);
        let mut others = self.singles();
        random.shuffle(&mut others);
        others.truncate(amount.sample);
        let mut cases = self.singles_of(1, &[Mode::Before, Mode::After], &[Mode::After]);
        cases.extend(others);
        cases
    }

    /// Random pairs of faults; the client dies at the second of every other pair.
    fn pairs(&self, amount: &Amount) -> Vec<Case> {
        let pair = |number: usize| {
            let mut random = Random::new(amount.seed, number as u64);
            let shape = random.below(self.prepared.len());
            let dies = random.below(2) == 1;
            let first = random.below(self.prepared[shape].frames);
            // After a fault more frames follow: those of the new connection.
            let second = first + 1 + random.below(self.prepared[shape].frames + 6 - first);
            let last = if dies { &DEAD_MODES[..] } else { &MODES[..] };
            let faults = BTreeMap::from([(first, random.pick(&MODES)), (second, random.pick(last))]);
            Case { shape, faults, dies }
        };
        (0..amount.pairs).map(pair).collect()
    }

    fn name(&self, case: &Case) -> String {
        let faults: Vec<String> = case
            .faults
            .iter()
            .map(|(at, mode)| format!("{at}:{mode:?}"))
            .collect();
        let ending = if case.dies { "dies" } else { "survives" };
        format!(
            "{}/{}/{ending}",
            self.prepared[case.shape].shape.name,
            faults.join(",")
        )
    }

    fn parse(&self, name: &str) -> Case {
        let parts: Vec<&str> = name.split('/').collect();
        let [shape, faults, ending] = parts[..] else {
            panic!("a case is SHAPE/FRAME:MODE[,FRAME:MODE]/survives|dies");
        };
        let by_name = |shape: &str| self.prepared.iter().position(|known| known.shape.name == shape);
        let fault = |text: &str| {
            let (at, mode) = text.split_once(':').expect("FRAME:MODE");
            let known = MODES.iter().find(|known| format!("{known:?}") == mode);
            (
                at.parse().expect("a number"),
                *known.expect("a mode that there is"),
            )
        };
        Case {
            shape: by_name(shape).expect("a shape that there is"),
            faults: faults.split(',').map(fault).collect(),
            dies: ending == "dies",
        }
    }

    fn play(&self, worker: &mut Worker, case: &Case, tally: &Tally) {
        let prepared = &self.prepared[case.shape];
        let connect = self.chroot();
        let others = prepared.restore(&connect);
        let program = worker.programs.entry(case.shape).or_insert_with(|| {
            let repository = prepared.repository.path();
            Program::new(&self.binary, repository, "", prepared.shape.limits, IMPATIENT)
        });
        let mut client = Client::connect(&connect, SESSION).expect("the server takes sessions");
        let before = Look::take(&mut client).expect("a running server answers");

        let (ended, faults) = faulted(program, &connect, case);
        let mut violations = ended.faults.clone();
        let look = Look::take(&mut client).expect("a running server answers");
        violations.extend(look::judge(&look, &prepared.meanings));
        if ended.code.is_some() {
            violations.extend(look::judge_told(&ended, &look, &before.version(), &prepared.new));
            if ended.code == Some(6) {
                violations.push("I12: it was refused the lock, which only itself could hold".to_owned());
            }
        }
        tally.note(&format!("left {}", left(&look, prepared)));
        tally.note(&match ended.code {
            Some(code) => format!("ended with exit code {code}"),
            None => "killed".to_owned(),
        });

        let ended = program.run(&connect, &CLEAN);
        let whole = Look::take(&mut client).expect("a running server answers");
        violations.extend(look::judge_clean(
            &ended,
            &whole,
            &prepared.new,
            &prepared.meanings,
        ));
        violations.extend(prepared.judge_once(&whole));
        let ended = program.run(&connect, &CLEAN);
        let idle = Look::take(&mut client).expect("a running server answers");
        violations.extend(look::judge_idle(&ended, &whole, &idle));
        violations.extend(look::judge_bystanders(&before, &idle, &prepared.bystanders()));
        tally.case(&self.name(case), faults, violations);
        let _ = client.close();
        drop(others);
    }
}

/// Runs a sync through a proxy that breaks it as the case says.
fn faulted(program: &Program, connect: &str, case: &Case) -> (Ended, usize) {
    let process: Arc<Mutex<Option<Process>>> = Arc::default();
    let last = case.faults.len();
    let hook: Option<Hook> = case.dies.then(|| {
        let process = process.clone();
        let met = AtomicU64::new(0);
        Box::new(move || {
            if met.fetch_add(1, Ordering::Relaxed) + 1 < last as u64 {
                return;
            }
            // The lock is held until the process is known, so it is always there.
            let process = process.lock().expect("no thread has failed");
            if let Some(process) = &*process {
                process.kill();
            }
        }) as Hook
    });
    let script = Script {
        faults: case.faults.clone(),
        stall: STALL,
    };
    let mut known = process.lock().expect("no thread has failed");
    let proxy = Proxy::start(connect, script, hook);
    let running = program.start(&proxy.connect(connect), &["sync"]);
    *known = Some(running.process().clone());
    drop(known);
    let ended = running.finish();
    (ended, proxy.faults())
}

/// Returns what a fault left, in a word or two.
fn left(look: &Look, prepared: &Prepared) -> &'static str {
    match look.version() {
        Version::Marker => "a marker",
        Version::Is(commit) if commit == prepared.new => "the new tree",
        _ => "the old tree",
    }
}

fn expect_success(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "a sync without faults fails: {}", ended.text);
}

impl Prepared {
    /// Puts the deployed cluster into a chroot; the session that comes back holds the ephemeral node.
    fn restore(&self, connect: &str) -> Client {
        let mut client = Client::connect(connect, SESSION).expect("the server takes sessions");
        client
            .create_all(&self.template)
            .expect("an empty chroot takes everything");
        if let Some(path) = self.shape.ephemeral {
            client
                .create(path, b"{\"v\":1}", Kind::Ephemeral)
                .expect("its parent is deployed");
        }
        client
    }

    fn bystanders(&self) -> Vec<String> {
        let deployed = self.old.is_some();
        let mut paths: Vec<String> = BYSTANDERS[..if deployed { 3 } else { 2 }]
            .iter()
            .map(|path| (*path).to_owned())
            .collect();
        if let Some(path) = self.shape.ephemeral {
            paths.push(path.to_owned());
            // Its ancestors too, but for the root that the commit defines.
            let ancestors = path
                .match_indices('/')
                .skip(2)
                .map(|(end, _)| path[..end].to_owned());
            paths.extend(ancestors);
        }
        paths
    }

    /// I5: nothing was applied twice, by the data versions, which all began at 0.
    fn judge_once(&self, look: &Look) -> Vec<String> {
        let Some(old) = &self.shape.old else {
            return Vec::new();
        };
        let mut faults = Vec::new();
        for (path, properties) in &self.shape.after.nodes {
            let changed = old.nodes.get(path).is_some_and(|before| before != properties);
            let version = look.nodes.get(path).map(|(_, stat)| stat.version);
            if version.is_some_and(|version| version != i32::from(changed)) {
                faults.push(format!(
                    "I5: {path} was written {version:?} times, not {}",
                    i32::from(changed)
                ));
            }
        }
        let hosts = look.nodes.get(look::HOSTS).map_or(-1, |(_, stat)| stat.version);
        let expected = i32::from(self.shape.name != "no-op");
        if !self.shape.is_batched && hosts != expected {
            faults.push(format!("I5: /hosts was written {hosts} times, not {expected}"));
        }
        faults
    }
}
