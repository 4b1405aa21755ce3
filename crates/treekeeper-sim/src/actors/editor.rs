//! Somebody who changes nodes by hand, managed ones and others, breaks locks, and deletes what others need.

use std::rc::Rc;

use memkeeper::database::CreateMode;
use serde_json::Value;

use super::{Plain, Scene};
use crate::checker::Who;
use crate::world::{MILLISECOND, SECOND};

const HISTORY: &str = "/treekeeper/history";

/// Edits until the scene is calm.
pub async fn editor(scene: Rc<Scene>) {
    let world = &scene.world;
    while !scene.is_calm.get() {
        let client = Plain::open(&scene, Who::Foreign, SECOND).await;
        for _ in 0..world.between(1, 6) {
            world
                .sleep(world.between(20 * MILLISECOND, 1_500 * MILLISECOND))
                .await;
            if scene.is_calm.get() || client.is_over() {
                break;
            }
            match world.below(24) {
                0 => break_lock(&scene, &client, "/ZktoolsLocks/,hosts").await,
                1 => break_lock(&scene, &client, "/hosts-lock").await,
                2 => annotate(&scene, &client).await,
                3 if world.below(3) == 0 => remove_state(&scene, &client).await,
                _ => edit(&scene, &client).await,
            }
        }
        client.close().await;
    }
}

/// Fills the history with entries, about as many as it keeps, and takes some of them away now and then.
pub async fn chronicler(scene: Rc<Scene>) {
    let world = &scene.world;
    let client = Plain::open(&scene, Who::Foreign, SECOND).await;
    client.create("/treekeeper", b"{}", CreateMode::Persistent).await;
    client.create(HISTORY, b"{}", CreateMode::Persistent).await;
    for number in 1..world.between(97, 112) {
        let path = format!("{HISTORY}/{number:010}");
        client.create(&path, b"{}", CreateMode::Persistent).await;
    }
    client.close().await;
    while !scene.is_calm.get() {
        world.sleep(world.between(300 * MILLISECOND, 3 * SECOND)).await;
        let client = Plain::open(&scene, Who::Foreign, SECOND).await;
        let names = client.children(HISTORY).await;
        if let Some(name) = names.first() {
            client.delete(&format!("{HISTORY}/{name}")).await;
            world.count("history: entry removed");
        }
        client.close().await;
    }
}

/// Takes away what the state remembers to be protected, as nobody should.
pub async fn unprotect(scene: &Rc<Scene>) {
    let client = Plain::open(scene, Who::Foreign, SECOND).await;
    if let Some((data, stat)) = client.data("/treekeeper/state").await
        && let Ok(Value::Object(mut state)) = serde_json::from_slice(&data)
        && state.remove("protected").is_some()
    {
        scene.world.count("protection remembered");
        let data = Value::Object(state).to_string();
        client
            .set("/treekeeper/state", data.as_bytes(), stat.version)
            .await;
    }
    client.close().await;
    scene.world.tell(|checker| checker.unprotected());
}

async fn edit(scene: &Rc<Scene>, client: &Plain) {
    let world = &scene.world;
    let tip = scene.repository.tip();
    let paths: Vec<&String> = tip.desired.nodes.keys().collect();
    if paths.is_empty() {
        return;
    }
    let path = if world.below(6) == 0 {
        "/foreign".to_owned()
    } else {
        world.draw(|random| random.pick(&paths).to_string())
    };
    let data = format!("{{\"edited\":{}}}", world.below(1_000));
    let child = format!(
        "{path}/{}",
        world.draw(|random| *random.pick(&["a", "b", "x", "y"]))
    );
    let what = match world.below(6) {
        0 | 1 if client.set(&path, data.as_bytes(), -1).await => "edit: set",
        2 if client
            .create(&child, data.as_bytes(), CreateMode::Persistent)
            .await
            .is_some() =>
        {
            "edit: create"
        }
        3 if client
            .create(&child, data.as_bytes(), CreateMode::Ephemeral)
            .await
            .is_some() =>
        {
            "edit: ephemeral"
        }
        4 if client.delete(&path).await => "edit: delete",
        5 if client
            .create(&path, data.as_bytes(), CreateMode::Persistent)
            .await
            .is_some() =>
        {
            "edit: create root"
        }
        _ => return,
    };
    world.count(what);
}

/// Deletes a candidate, or asks its owner politely to go, as zktools does.
async fn break_lock(scene: &Rc<Scene>, client: &Plain, directory: &str) {
    let names = client.children(directory).await;
    let Some(name) = names.first() else { return };
    let path = format!("{directory}/{name}");
    if scene.world.below(2) == 0 {
        client.delete(&path).await;
        scene.world.count("lock broken");
    } else {
        client.set(&path, b"unlock", -1).await;
        scene.world.count("lock revoked");
    }
}

/// Changes another property of `/hosts`, at the version that was read.
async fn annotate(scene: &Rc<Scene>, client: &Plain) {
    let Some((data, stat)) = client.data("/hosts").await else {
        return;
    };
    let Ok(Value::Object(mut hosts)) = serde_json::from_slice(&data) else {
        return;
    };
    hosts.insert("note".to_owned(), Value::from(scene.world.below(1_000)));
    if client
        .set(
            "/hosts",
            Value::Object(hosts).to_string().as_bytes(),
            stat.version,
        )
        .await
    {
        scene.world.count("hosts annotated");
    }
}

async fn remove_state(scene: &Rc<Scene>, client: &Plain) {
    let path = if scene.world.below(2) == 0 {
        "/treekeeper/state"
    } else {
        "/treekeeper/roots"
    };
    if client.delete(path).await {
        scene.world.count("state removed");
    }
}
