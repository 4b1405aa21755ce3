//! An operator: stops, pauses, and puts a version back when the cluster has been stopped for a while.

use std::rc::Rc;

use super::Scene;
use crate::checker::Who;
use crate::driver::{Access, Command, Session, command};
use crate::world::{MILLISECOND, SECOND};

/// Looks after the cluster until the scene is calm.
pub async fn operator(scene: Rc<Scene>) {
    let world = &scene.world;
    while !scene.is_calm.get() {
        world.sleep(world.between(500 * MILLISECOND, 3 * SECOND)).await;
        let wanted = match world.below(12) {
            0 => Command::Stop,
            1 => Command::Pause,
            2..=7 => Command::Resume,
            8..=9 => Command::Unpin,
            _ => continue,
        };
        let outcome = world.crashable(act(&scene, wanted, true)).await;
        if outcome.is_none() {
            world.count("operator crashed");
        }
    }
}

/// Ends a stop, without faults.
pub async fn resume(scene: &Rc<Scene>) {
    act(scene, Command::Resume, false).await;
}

/// Lifts a pin, without faults.
pub async fn unpin(scene: &Rc<Scene>) {
    act(scene, Command::Unpin, false).await;
}

async fn act(scene: &Rc<Scene>, wanted: Command, is_faulty: bool) {
    let access = Access {
        world: scene.world.clone(),
        who: if wanted == Command::Resume {
            Who::Resume
        } else {
            Who::Operator
        },
        session_timeout: scene.setting.session_timeout,
        request_timeout: 10 * SECOND,
        is_faulty,
        bug: None,
    };
    let Ok(session) = Session::open(&access).await else {
        return;
    };
    if command(&session, wanted).await == Ok(true) {
        scene.world.count(match wanted {
            Command::Stop => "operator: stop",
            Command::Pause => "operator: pause",
            Command::Resume => "operator: resume",
            Command::Unpin => "operator: unpin",
        });
    }
    session.close().await;
}
