//! What is asked of git: a tip that is deployed is looked at, and fetched by nobody who needs no more of it.

use insta::assert_snapshot;

use crate::scene::Scene;
use crate::support::server::Server;
use crate::support::treekeeper::Treekeeper;

const FILES: &[(&str, &str)] = &[("a.zk", "/a\n  n = 1\n")];

/// Returns a cluster whose git commands are written down.
fn scene() -> Scene {
    let mut scene = Scene::on(&Server::shared().chroot());
    scene.treekeeper = somebody(&scene);
    scene.commit("first", FILES);
    scene.treekeeper.run(&["sync"]).expect(0);
    scene
}

/// Returns a program with a home and a mirror of its own, and a git that writes down which command it was given.
fn somebody(scene: &Scene) -> Treekeeper {
    let log = log(scene);
    let script = format!(
        "for word; do case $word in ls-remote|fetch|for-each-ref|rev-list|merge-base|ls-tree|cat-file) \
         echo $word >>'{log}'; break;; esac; done"
    );
    let path = scene.repository.path_with_git(&script);
    Treekeeper::new(&scene.connect, scene.repository.path()).with_environment("PATH", &path)
}

fn log(scene: &Scene) -> String {
    scene.repository.place("git.log").display().to_string()
}

/// Runs a command that must end well, and returns the git commands that it ran, sorted since some run at once.
fn git_of(scene: &Scene, treekeeper: &Treekeeper, arguments: &[&str]) -> String {
    let _ = std::fs::remove_file(log(scene));
    treekeeper.run(arguments).expect(0);
    let text = std::fs::read_to_string(log(scene)).unwrap_or_default();
    let mut commands: Vec<&str> = text.lines().collect();
    commands.sort_unstable();
    commands.join(" ")
}

#[test]
fn a_sync_of_nothing_asks_the_remote_once() {
    let scene = scene();
    let git = |arguments: &[&str]| git_of(&scene, &scene.treekeeper, arguments);
    assert_snapshot!(git(&["sync"]), @"ls-remote");
    assert_snapshot!(git(&["sync", "--branch", "main"]), @"ls-remote");
    assert_snapshot!(git(&["plan"]), @"cat-file ls-remote ls-tree");
}

#[test]
fn a_new_commit_is_fetched_and_its_history_asked_for_at_once() {
    let scene = scene();
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    let git = |arguments: &[&str]| git_of(&scene, &scene.treekeeper, arguments);
    assert_snapshot!(
        git(&["plan"]),
        @"cat-file fetch for-each-ref ls-remote ls-tree merge-base rev-list"
    );
    assert_snapshot!(
        git(&["sync"]),
        @"cat-file fetch for-each-ref ls-remote ls-tree merge-base rev-list"
    );
    assert_eq!(scene.session.text("/a"), r#"{"n":2}"#);
}

#[test]
fn who_lacks_the_deployed_commit_fetches_it() {
    let scene = scene();
    let other = somebody(&scene);
    // Its root is known all the same: the state tells it.
    assert_snapshot!(
        git_of(&scene, &other, &["plan"]),
        @"cat-file fetch for-each-ref ls-remote ls-tree"
    );
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    scene.treekeeper.run(&["sync"]).expect(0);
    // The tip is deployed, but by somebody else: the list is asked for in vain, then after the fetch.
    assert_snapshot!(
        git_of(&scene, &other, &["plan"]),
        @"cat-file fetch for-each-ref ls-remote ls-tree ls-tree"
    );
    assert_snapshot!(git_of(&scene, &other, &["sync"]), @"ls-remote");
    assert_snapshot!(scene.both(&other.run(&["plan"]).expect(0)), @"Nothing to change: 1 znode is as the files say.");
}
