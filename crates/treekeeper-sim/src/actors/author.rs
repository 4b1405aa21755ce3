//! Pushes commits while everybody else works: mostly good ones, now and then a broken one or a rewritten history.

use std::rc::Rc;

use super::Scene;
use crate::generate;
use crate::world::MILLISECOND;

/// Pushes until the scene is calm.
pub async fn author(scene: Rc<Scene>) {
    let world = &scene.world;
    while !scene.is_calm.get() {
        world
            .sleep(world.between(300 * MILLISECOND, 3_000 * MILLISECOND))
            .await;
        let tip = scene.repository.tip();
        let (commit, what) = match world.below(20) {
            0 | 1 => (
                world.draw(|random| generate::broken(random, &tip)),
                "pushed: broken",
            ),
            2 => {
                let line = scene.repository.line(&tip.revision);
                let older = &line[world.below(line.len() as u64) as usize];
                let Some(base) = scene.repository.get(older) else {
                    continue;
                };
                if world.below(3) == 0 {
                    world.trace(|| format!("the branch is reset to {older}"));
                    world.count("pushed: reset");
                    scene.repository.force(older);
                    continue;
                }
                (
                    world.draw(|random| generate::next(random, &base)),
                    "pushed: rewritten",
                )
            }
            3..=5 => (
                world.draw(|random| generate::quiet(random, &tip)),
                "pushed: quiet",
            ),
            _ => (world.draw(|random| generate::next(random, &tip)), "pushed"),
        };
        world.count(what);
        world.trace(|| format!("{what} {}", commit.revision));
        scene.repository.push(commit);
    }
}
