//! A machine that runs treekeeper again and again: syncs, plans, edits; what an operator would do after a refusal.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use treekeeper_core::gate::Blocker;
use treekeeper_core::layer::{LayerLimits, merge_at};
use treekeeper_core::model::cluster::LockStyle;
use treekeeper_core::model::{Bump, Overlay, RootScope, Text, Value, ZnodePath};
use treekeeper_core::operation::{Context, Edit, EditOptions, Mode, Operation, SyncOptions};
use treekeeper_core::plan::{BatchLimits, DeleteBudget, Trim};
use treekeeper_core::treefile::{ParseLimits, SourceFile, parse};

use super::Scene;
use crate::checker::{self, Permit};
use crate::driver::{Access, Drive, Driven, run};
use crate::repository::Mirror;
use crate::sabotage::Bug;
use crate::world::{MILLISECOND, Micros, SECOND};

/// What a sync is asked to do.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// A plan, or a dry run.
    pub mode: Option<Mode>,
    /// `--force`.
    pub force: bool,
    /// `--repair`.
    pub repair: bool,
    /// `rollback` to this commit.
    pub rollback: Option<String>,
    /// `--adopt`.
    pub adopt: bool,
    /// `--allow-rewind`.
    pub any_history: bool,
    /// `--prune-roots`.
    pub prune_roots: bool,
    /// `--allow-delete`.
    pub allow_delete: Option<usize>,
    /// `--lock-wait`.
    pub lock_wait: Micros,
    /// Whether faults may hit.
    pub is_faulty: bool,
}

/// Runs treekeeper until the scene is calm.
pub async fn treekeeper(scene: Rc<Scene>, lock: LockStyle) {
    let world = &scene.world;
    let mut mirror = Mirror::default();
    let mut ask = Ask::default();
    loop {
        world
            .sleep(world.between(20 * MILLISECOND, 1_200 * MILLISECOND))
            .await;
        if scene.is_calm.get() {
            return;
        }
        if world.below(20) == 0 {
            mirror = Mirror::default();
        }
        let (operation, number) = if world.below(8) == 0 {
            edit(&scene, lock)
        } else {
            ask = drawn(&scene, ask);
            sync(&scene, lock, &ask)
        };
        let drive = drive(&scene, lock, &ask, number, &mut mirror);
        match world.crashable(run(operation, number, drive)).await {
            Some(driven) => ask = after(&scene, &driven),
            None => {
                world.count("crashes");
                world.tell(|checker| checker.crashed(number));
                ask = Ask::default();
            }
        }
    }
}

/// Draws what the next sync is asked, beside what an operator grants after the last one.
fn drawn(scene: &Rc<Scene>, granted: Ask) -> Ask {
    let world = &scene.world;
    let mode = match world.below(12) {
        0 => Some(Mode::Plan),
        1 => Some(Mode::DryRun),
        _ => None,
    };
    let lock_wait = if world.below(3) == 0 {
        world.between(0, 3 * SECOND)
    } else {
        0
    };
    let rollback = (world.below(10) == 0).then(|| {
        let line = scene.repository.line(&scene.repository.tip().revision);
        line[world.below(line.len() as u64) as usize].clone()
    });
    Ask {
        mode,
        rollback,
        force: granted.force || world.below(12) == 0,
        repair: world.below(6) == 0,
        prune_roots: world.below(8) == 0,
        lock_wait,
        is_faulty: true,
        ..granted
    }
}

/// Returns what an operator grants after a refusal, now and then.
fn after(scene: &Rc<Scene>, driven: &Driven) -> Ask {
    let mut ask = Ask::default();
    for blocker in driven.blockers.iter().filter(|_| scene.world.below(3) == 0) {
        match blocker {
            Blocker::Stopped { .. } | Blocker::NotConverged { .. } => ask.force = true,
            Blocker::History { .. } => ask.any_history = true,
            Blocker::OtherRepository { .. } | Blocker::OtherLock { .. } => ask.adopt = true,
            Blocker::TooManyDeletes { planned, .. } => ask.allow_delete = Some(*planned),
            // Nothing grants what is protected, and what the operator does about a pin is the operator's own.
            Blocker::Pinned { .. } | Blocker::Protected { .. } | Blocker::NoFiles { .. } => {}
        }
    }
    ask
}

/// Returns a sync that has not begun, and tells the checker of it.
pub fn sync(scene: &Rc<Scene>, lock: LockStyle, ask: &Ask) -> (Operation, checker::Operation) {
    let mode = ask.mode.unwrap_or(Mode::Apply);
    scene.world.count(match mode {
        Mode::Apply => "syncs",
        Mode::DryRun => "dry runs",
        Mode::Plan => "plans",
    });
    if ask.rollback.is_some() {
        scene.world.count("rollbacks");
    }
    let options = SyncOptions {
        mode,
        force: ask.force,
        repair: ask.repair,
        rollback: ask.rollback.is_some(),
        within: None,
        bump: if scene.is_calm.get() {
            Bump::Commit
        } else {
            scene.setting.bump
        },
        adopt: ask.adopt,
        any_history: ask.any_history,
        prune_roots: ask.prune_roots,
        fixed_revision: ask.rollback.is_some(),
        overlay: Overlay::Merge,
        parse_limits: ParseLimits::default(),
        layer_limits: LayerLimits::default(),
    };
    let permit = Permit {
        is_edit: false,
        force: ask.force,
        any_history: ask.any_history || ask.rollback.is_some(),
        is_rollback: ask.rollback.is_some(),
        bumps_by_tree: !scene.is_calm.get() && scene.setting.bump == Bump::Tree,
        prune_roots: ask.prune_roots,
        locks: locks(lock),
        is_dry: mode != Mode::Apply,
    };
    let number = scene.world.tell(|checker| checker.begin(permit));
    (
        Operation::sync(options, context(scene, lock, ask.allow_delete)),
        number,
    )
}

/// Returns how an operation reaches the world.
pub fn drive<'a>(
    scene: &Rc<Scene>,
    lock: LockStyle,
    ask: &Ask,
    number: checker::Operation,
    mirror: &'a mut Mirror,
) -> Drive<'a> {
    Drive {
        access: Access {
            world: scene.world.clone(),
            who: checker::Who::Treekeeper(number),
            session_timeout: scene.setting.session_timeout,
            request_timeout: 10 * SECOND,
            is_faulty: ask.is_faulty,
            bug: scene.setting.bug,
        },
        lock,
        lock_wait: ask.lock_wait,
        repository: scene.repository.clone(),
        mirror,
        revision: ask.rollback.clone(),
    }
}

fn locks(style: LockStyle) -> usize {
    match style {
        LockStyle::Zktools | LockStyle::Kazoo => 1,
        LockStyle::Both => 2,
    }
}

fn context(scene: &Rc<Scene>, lock: LockStyle, allow_delete: Option<usize>) -> Context {
    let setting = &scene.setting;
    // The bug: what is counted is half of what is sent.
    let off = if setting.bug == Some(Bug::SizesHalved) {
        2
    } else {
        1
    };
    let transaction_bytes_max = setting.transaction_bytes_max * off;
    Context {
        sync_id: scene.world.draw(|random| random.hexadecimal(32)),
        actor: "somebody@somewhere".to_owned(),
        lock,
        lock_wait: Duration::ZERO,
        delete_budget: DeleteBudget {
            znodes_max: setting.deletes_max,
            percent_max: 30,
        },
        allow_delete,
        protect: if scene.is_calm.get() {
            Vec::new()
        } else {
            setting.protect.clone()
        },
        secrets: Vec::new(),
        batch_limits: BatchLimits {
            transaction_bytes_max,
            transaction_operations_max: setting.operations_max,
            batch_bytes_max: transaction_bytes_max,
            batch_operations_max: setting.operations_max,
            request_bytes_max: setting.request_bytes_max * off,
            ..BatchLimits::default()
        },
    }
}

/// Returns a `set` or an `import` of a node of the newest commit.
fn edit(scene: &Rc<Scene>, lock: LockStyle) -> (Operation, checker::Operation) {
    let world = &scene.world;
    world.count("edits");
    let tip = scene.repository.tip();
    let paths: Vec<&String> = tip.desired.nodes.keys().collect();
    let base = match paths.is_empty() {
        true => "/app".to_owned(),
        false => world.draw(|random| (*random.pick(&paths)).clone()),
    };
    let base = ZnodePath::parse(&base).unwrap_or_else(|_| unreachable!("a path of the generator"));
    let edit = if world.below(2) == 0 {
        let value = Value::String(Text::from(format!("{}", world.below(1_000)).as_str()));
        Edit::Properties(vec![(Text::from("edited"), value)])
    } else {
        imported(&base, world.below(100))
    };
    let is_dry = world.below(8) == 0;
    let permit = Permit {
        is_edit: true,
        locks: locks(lock),
        is_dry,
        ..Permit::default()
    };
    let number = world.tell(|checker| checker.begin(permit));
    let options = EditOptions {
        dry_run: is_dry,
        base,
        edit,
    };
    (Operation::edit(options, context(scene, lock, Some(100))), number)
}

fn imported(base: &ZnodePath, value: u64) -> Edit {
    let text = format!("/imported\n  n = {value}\n  /x\n  /y : queue\n");
    let source = SourceFile {
        name: "import.zk".to_owned(),
        bytes: text.into_bytes(),
    };
    let (tree, _) = parse(Arc::new(source), &ParseLimits::default());
    let merged = merge_at(vec![tree], Overlay::Merge, &LayerLimits::default(), base);
    let mut graft = merged.unwrap_or_else(|_| unreachable!("a right file"));
    graft
        .desired
        .roots
        .values_mut()
        .for_each(|scope| *scope = RootScope::Trim);
    let trim = if value.is_multiple_of(2) {
        Trim::ByRoot
    } else {
        Trim::Never
    };
    Edit::Tree(graft, trim)
}
