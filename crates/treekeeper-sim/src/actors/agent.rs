//! A host: an ephemeral node below `/hosts` that follows the version, lags, dies and comes back.

use std::rc::Rc;

use memkeeper::database::CreateMode;
use serde_json::{Map, Value};

use super::{Plain, Scene};
use crate::checker::Who;
use crate::world::{MILLISECOND, SECOND};

/// Follows the version until the scene is calm.
pub async fn agent(scene: Rc<Scene>, name: String) {
    let world = &scene.world;
    while !scene.is_calm.get() {
        world.sleep(world.between(10 * MILLISECOND, SECOND)).await;
        let timeout = world.between(500 * MILLISECOND, 2 * SECOND);
        let client = Plain::open(&scene, Who::Agent, timeout).await;
        live(&scene, &client, &name).await;
        if world.below(2) == 0 || scene.is_calm.get() {
            client.close().await;
        } else {
            world.count("host died");
            world.crash();
            world.sleep(timeout).await;
        }
    }
}

async fn live(scene: &Rc<Scene>, client: &Plain, name: &str) {
    let world = &scene.world;
    let path = format!("/hosts/{name}");
    let mut running = Value::Null;
    while !scene.is_calm.get() && !client.is_over() {
        let span = if world.below(30) == 0 {
            4 * SECOND
        } else {
            400 * MILLISECOND
        };
        world.sleep(world.between(20 * MILLISECOND, span)).await;
        if world.per_mille(15) {
            return;
        }
        let Some((data, _)) = client.data("/hosts").await else {
            continue;
        };
        let Ok(Value::Object(hosts)) = serde_json::from_slice(&data) else {
            continue;
        };
        if world.per_mille(4) {
            stop(scene, client, hosts).await;
            continue;
        }
        let wanted = hosts.get("version").cloned().unwrap_or_default();
        if !matches!(wanted, Value::Null | Value::Bool(_)) {
            running = wanted;
        }
        if running.is_null() {
            continue;
        }
        let data = format!("{{\"version\":{running}}}");
        if !client.set(&path, data.as_bytes(), -1).await {
            client.create(&path, data.as_bytes(), CreateMode::Ephemeral).await;
        }
    }
}

/// Raises ALL STOP as the ancestor's agents do: what was read is written back with the version None.
async fn stop(scene: &Rc<Scene>, client: &Plain, mut hosts: Map<String, Value>) {
    hosts.insert("version".to_owned(), Value::Null);
    hosts.insert("stopped by".to_owned(), Value::from("an agent"));
    if client
        .set("/hosts", Value::Object(hosts).to_string().as_bytes(), -1)
        .await
    {
        scene.world.count("all stop by a host");
    }
}
