//! Syncers of the ancestor: node by node at any version, `/hosts` last (TREE_FORMAT.md 8); one for each lock.

use std::rc::Rc;

use memkeeper::database::CreateMode;
use serde_json::{Map, Value};

use super::{Plain, Scene};
use crate::checker::Who;
use crate::commit::{Commit, Properties, STRING_VALUE};
use crate::world::{MILLISECOND, SECOND};

/// Syncs with zktools' lock until the scene is calm.
pub async fn zktools(scene: Rc<Scene>) {
    legacy(
        scene,
        "/ZktoolsLocks/,hosts",
        |id| format!("{id}-lock--"),
        |name| name.rsplit('-').next().unwrap_or(name).to_owned(),
    )
    .await;
}

/// Syncs with kazoo's lock until the scene is calm.
pub async fn kazoo(scene: Rc<Scene>) {
    legacy(
        scene,
        "/hosts-lock",
        |id| format!("{id}__lock__"),
        |name| name.rsplit("__lock__").next().unwrap_or(name).to_owned(),
    )
    .await;
}

async fn legacy(scene: Rc<Scene>, directory: &str, prefix: fn(&str) -> String, key: fn(&str) -> String) {
    let world = &scene.world;
    while !scene.is_calm.get() {
        world.sleep(world.between(200 * MILLISECOND, 4 * SECOND)).await;
        let client = Plain::open(&scene, Who::Legacy, world.between(SECOND, 3 * SECOND)).await;
        let Some(commit) = target(&scene, &client).await else {
            client.close().await;
            continue;
        };
        client
            .create("/ZktoolsLocks", b"zktools ZLock dir", CreateMode::Persistent)
            .await;
        client.create(directory, b"lock", CreateMode::Persistent).await;
        let id = world.draw(|random| random.hexadecimal(32));
        let path = format!("{directory}/{}", prefix(&id));
        let Some(candidate) = client.create(&path, b"0", CreateMode::EphemeralSequential).await else {
            client.close().await;
            continue;
        };
        let ours = key(candidate.rsplit('/').next().unwrap_or_default());
        let is_first = client
            .children(directory)
            .await
            .iter()
            .all(|name| key(name) >= ours);
        if is_first {
            write(&scene, &client, &commit).await;
        }
        client.delete(&candidate).await;
        client.close().await;
    }
}

/// Returns what there is to deploy, if the cluster is not stopped and has converged.
async fn target(scene: &Rc<Scene>, client: &Plain) -> Option<Rc<Commit>> {
    if client.data("/hosts").await.is_none() {
        client
            .create("/hosts", br#"{"version":"initial"}"#, CreateMode::Persistent)
            .await;
    }
    let version = version(client, "/hosts").await?;
    let commit = scene.repository.tip();
    // The ancestor goes against history without asking; that would only hide what treekeeper does.
    let line = scene.repository.line(&commit.revision);
    let is_after = version
        .as_str()
        .is_none_or(|deployed| deployed == "initial" || line.iter().any(|one| one == deployed));
    if version.is_null() || version == commit.revision.as_str() || commit.broken.is_some() || !is_after {
        return None;
    }
    if version != Value::Bool(false) {
        for host in client.children("/hosts").await {
            if self::version(client, &format!("/hosts/{host}")).await? != version {
                return None;
            }
        }
    }
    Some(commit)
}

async fn version(client: &Plain, path: &str) -> Option<Value> {
    let (data, _) = client.data(path).await?;
    let properties: Map<String, Value> = serde_json::from_slice(&data).ok()?;
    properties.get("version").cloned()
}

async fn write(scene: &Rc<Scene>, client: &Plain, commit: &Commit) {
    for file in &commit.files {
        for (path, properties) in &file.nodes {
            let data = encoded(properties);
            if !client.set(path, &data, -1).await {
                client.create(path, &data, CreateMode::Persistent).await;
            }
            if client.is_over() {
                return;
            }
            if file.name.ends_with(".zk") {
                trim(client, path, file.nodes.keys()).await;
            }
        }
    }
    let Some((data, _)) = client.data("/hosts").await else {
        return;
    };
    let Ok(Value::Object(mut hosts)) = serde_json::from_slice(&data) else {
        return;
    };
    hosts.insert("version".to_owned(), Value::from(commit.revision.as_str()));
    if client
        .set("/hosts", Value::Object(hosts).to_string().as_bytes(), -1)
        .await
    {
        scene.world.count("legacy syncs");
    }
}

fn encoded(properties: &Properties) -> Vec<u8> {
    match (properties.len(), properties.get(STRING_VALUE)) {
        (1, Some(Value::String(text))) => text.as_bytes().to_vec(),
        _ => Value::Object(properties.clone()).to_string().into_bytes(),
    }
}

/// Deletes the children that the file does not have, but nothing ephemeral.
async fn trim(client: &Plain, path: &str, wanted: impl Iterator<Item = &String> + Clone) {
    for name in client.children(path).await {
        let child = format!("{path}/{name}");
        if !wanted.clone().any(|wanted| *wanted == child) {
            delete_all(client, &child).await;
        }
    }
}

async fn delete_all(client: &Plain, path: &str) {
    let mut all = vec![path.to_owned()];
    let mut index = 0;
    while index < all.len() {
        let parent = all[index].clone();
        all.extend(
            client
                .children(&parent)
                .await
                .into_iter()
                .map(|name| format!("{parent}/{name}")),
        );
        index += 1;
    }
    for path in all.iter().rev() {
        let is_ephemeral = client
            .data(path)
            .await
            .is_some_and(|(_, stat)| stat.ephemeral_owner != 0);
        if !is_ephemeral {
            client.delete(path).await;
        }
    }
}
