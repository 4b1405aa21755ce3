//! One seed from its first draw to the last judgement: chaos, calm, and what must hold then.

use std::cell::Cell;
use std::rc::Rc;

use treekeeper_core::model::Bump;
use treekeeper_core::model::cluster::LockStyle;
use treekeeper_core::model::protect::Glob;

use crate::actors::{self, Ask, Scene, Setting};
use crate::checker::{Checker, Ending};
use crate::driver::{Drive, Driven};
use crate::random::Random;
use crate::repository::{Mirror, Repository};
use crate::sabotage::Bug;
use crate::world::{Executor, MILLISECOND, Micros, Rates, SECOND, Tracing, World};
use crate::{Counts, Violation, driver, generate};

/// How seeds are played.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A bug on purpose, which the checker must find.
    pub bug: Option<Bug>,
    /// Whether every event is printed.
    pub is_printed: bool,
}

/// Plays a seed and returns what was counted, or what is wrong.
///
/// # Errors
/// The first violation, with the events before it.
pub fn run(seed: u64, options: &Options) -> Result<Counts, Box<Violation>> {
    let tracing = if options.is_printed {
        Tracing::Print
    } else {
        Tracing::Off
    };
    match play(seed, options, tracing) {
        // The same seed is the same run: once more, with the last events kept.
        Err(_) if tracing == Tracing::Off => play(seed, options, Tracing::Last),
        played => played,
    }
}

fn play(seed: u64, options: &Options, tracing: Tracing) -> Result<Counts, Box<Violation>> {
    let mut random = Random::new(seed);
    let repository = Repository::new(generate::first(&mut random));
    let (mut setting, rates) = setting(&mut random, options);
    let span = random.between(5, 25) * SECOND;
    let root = (random.below(8) == 0).then(|| format!("/{}", random.pick(&["app", "db", "web"])));
    if random.below(3) == 0 {
        setting.bump = Bump::Tree;
    }
    setting.protect = root
        .iter()
        .filter_map(|root| Glob::parse(&format!("{root}/**")).ok())
        .collect();
    let checker = Checker::new(repository.clone(), root);
    let world = World::new(random, checker, tracing);
    world.with(|inner| inner.request_bytes_max = setting.request_bytes_max);
    let scene = Rc::new(Scene {
        world: world.clone(),
        repository,
        is_calm: Cell::new(false),
        setting,
    });
    let mut executor = Executor::new(world.clone());
    executor.run(story(scene, rates, span));
    match world.violation() {
        Some(violation) => Err(Box::new(Violation { seed, ..violation })),
        None => Ok(world.with(|inner| std::mem::take(&mut inner.counts))),
    }
}

/// Draws what a seed decides beforehand.
fn setting(random: &mut Random, options: &Options) -> (Setting, Rates) {
    let style = *random.pick(&[
        LockStyle::Zktools,
        LockStyle::Zktools,
        LockStyle::Kazoo,
        LockStyle::Both,
    ]);
    let mut locks = vec![style; random.between(1, 3) as usize];
    if random.below(8) == 0 {
        locks[0] = LockStyle::Zktools;
    }
    let is_small = random.below(2) == 0;
    let (transaction_bytes_max, operations_max) = if is_small {
        (
            random.between(2_000, 3_500) as usize,
            // Either bound comes first in some of the seeds.
            *random.pick(&[4, 8, 12, 200]),
        )
    } else {
        (1 << 19, 5_000)
    };
    let setting = Setting {
        locks,
        session_timeout: random.between(400, 3_000) * MILLISECOND,
        transaction_bytes_max,
        operations_max,
        request_bytes_max: if is_small {
            // Room for the state, the entry of the history and the biggest node, and little more: who counts too little
            // is found out.
            transaction_bytes_max + 1_700
        } else {
            1_048_575
        },
        deletes_max: random.between(1, 12) as usize,
        bump: Bump::Commit,
        protect: Vec::new(),
        bug: options.bug,
    };
    let rates = match random.below(4) {
        0 => Rates::default(),
        1 => Rates {
            per_call: 4,
            per_commit: 40,
            git: 10,
        },
        2 => Rates {
            per_call: 15,
            per_commit: 150,
            git: 30,
        },
        _ => Rates {
            per_call: 40,
            per_commit: 300,
            git: 30,
        },
    };
    (setting, rates)
}

/// Everything that happens in a run.
async fn story(scene: Rc<Scene>, rates: Rates, span: Micros) {
    let world = &scene.world;
    world.with(|inner| inner.rates = rates);
    let mut tasks = Vec::new();
    for (index, lock) in scene.setting.locks.iter().enumerate() {
        let name = format!("treekeeper {index}");
        tasks.push(world.spawn(&name, actors::treekeeper(scene.clone(), *lock)));
    }
    tasks.push(world.spawn("author", actors::author(scene.clone())));
    let chances = world.draw(|random| [0; 4].map(|_: u64| random.below(3)));
    if chances[0] == 0 {
        tasks.push(world.spawn("zktools", actors::zktools(scene.clone())));
    }
    if chances[1] == 0 {
        tasks.push(world.spawn("kazoo", actors::kazoo(scene.clone())));
    }
    if chances[2] > 0 {
        tasks.push(world.spawn("editor", actors::editor(scene.clone())));
    }
    if world.below(6) == 0 {
        tasks.push(world.spawn("chronicler", actors::chronicler(scene.clone())));
    }
    tasks.push(world.spawn("operator", actors::operator(scene.clone())));
    for index in 0..chances[3] + 1 {
        let name = format!("host-{index}");
        tasks.push(world.spawn(&name, actors::agent(scene.clone(), name.clone())));
    }
    let end = world.now() + span;
    while world.now() < end {
        world.sleep(world.between(SECOND, 6 * SECOND)).await;
        if rates.per_call > 0 && world.below(4) == 0 {
            world.count("outages");
            world.with(|inner| inner.counts.add("faults", 1));
            world.outage(world.between(50 * MILLISECOND, 4 * SECOND));
        }
    }
    scene.is_calm.set(true);
    world.with(|inner| inner.rates = Rates::default());
    while !tasks.iter().all(|task| world.is_over(*task)) {
        world.sleep(100 * MILLISECOND).await;
    }
    // Every session that was left behind has ended by then.
    world.sleep(10 * SECOND).await;
    aftermath(&scene).await;
}

/// Without faults: one sync repairs everything, and a second one finds nothing to do.
async fn aftermath(scene: &Rc<Scene>) {
    let world = &scene.world;
    actors::resume(scene).await;
    actors::unpin(scene).await;
    actors::unprotect(scene).await;
    let tip = scene.repository.tip();
    if tip.broken.is_some() || world.below(2) == 0 {
        let fixed = world.draw(|random| generate::next(random, &tip));
        scene.repository.push(fixed);
    }
    let revision = scene.repository.tip().revision.clone();
    let ask = Ask {
        adopt: true,
        any_history: true,
        allow_delete: Some(1_000),
        ..Ask::default()
    };
    let (plain, number) = clean(scene, &ask).await;
    world.tell(|checker| {
        checker.judge_success(
            number,
            plain.ending,
            &[Ending::Applied, Ending::InSync],
            &plain.text,
        );
        checker.judge_end(&revision, false);
    });
    let ask = Ask { repair: true, ..ask };
    let (repaired, number) = clean(scene, &ask).await;
    world.tell(|checker| {
        checker.judge_success(number, repaired.ending, &[Ending::Applied], &repaired.text);
        checker.judge_end(&revision, true);
    });
    let (again, number) = clean(scene, &Ask { adopt: false, ..ask }).await;
    world.tell(|checker| {
        checker.judge_success(number, again.ending, &[Ending::Applied], &again.text);
        checker.judge_idle(number);
    });
}

async fn clean(scene: &Rc<Scene>, ask: &Ask) -> (Driven, crate::checker::Operation) {
    let lock = scene.setting.locks[0];
    let mut mirror = Mirror::default();
    let (operation, number) = actors::sync(scene, lock, ask);
    let drive: Drive<'_> = actors::drive(scene, lock, ask, number, &mut mirror);
    (driver::run(operation, number, drive).await, number)
}
