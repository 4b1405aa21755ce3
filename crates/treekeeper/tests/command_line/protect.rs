//! What is never deleted: by the configuration, by the repository, by what the cluster remembers; and what never deletes
//! anything: an empty commit, a directory that is not there, a mirror that is damaged.

use std::fs;

use insta::assert_snapshot;
use serde_json::json;

use crate::scene::Scene;

const ALL: &str = "/roles\n  /db\n  /web\n/tmp\n  /x\n";
const LESS: &str = "/roles\n  /db\n/tmp\n";
const PROTECT: (&str, &str) = ("treekeeper.toml", "[delete]\nprotect = ['/roles/**']\n");

#[test]
fn what_the_configuration_protects_is_not_deleted() {
    let scene = Scene::synced(&[("a.zk", ALL)]);
    scene.configure("[delete]\nprotect = ['/roles/*']\n");
    scene.commit("less", &[("a.zk", LESS)]);
    assert_snapshot!(scene.refusal(&["sync", "--allow-delete", "100"], 3), @r"
    INFO VCS Version: <less>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    refused[TK1012]: the plan deletes /roles/web, protected by /roles/* in [delete] of the configuration
    hint: whoever owns this machine's configuration takes the glob out of `protect` in [delete] (`--allow-delete` does not lift it)
    ");
    assert_snapshot!(scene.both(&scene.treekeeper.run(&["plan"]).expect(0)), @r"
    - /roles/web
    - /tmp/x
    ! /roles/web must not be deleted: it is protected by /roles/* in [delete] of the configuration
    Plan: 0 to create, 0 to change, 2 to delete (1 transaction, N bytes). It cannot be applied.
    A sync would be refused now:
      - [TK1012] the plan deletes /roles/web, protected by /roles/* in [delete] of the configuration
    hint: whoever owns this machine's configuration takes the glob out of `protect` in [delete] (`--allow-delete` does not lift it)
    ");
    let dry = scene.treekeeper.run(&["sync", "--dry-run", "--force"]).expect(3);
    assert!(
        dry.stdout.contains("! /roles/web must not be deleted"),
        "{}",
        dry.stdout
    );
    scene.configure("");
    scene.treekeeper.run(&["sync"]).expect(0);
}

#[test]
fn a_commit_cannot_lift_a_protection_and_use_that_at_once() {
    let scene = Scene::synced(&[("a.zk", ALL), PROTECT]);
    assert_eq!(
        scene.session.json("/treekeeper/state")["protected"],
        json!(["/roles/**"])
    );
    scene.commit("protected", &[("a.zk", LESS), PROTECT]);
    assert_snapshot!(scene.refusal(&["sync"], 3), @r"
    INFO VCS Version: <protected>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    refused[TK1012]: the plan deletes /roles/web, protected by /roles/** in treekeeper.toml of the repository
    hint: take the glob out of treekeeper.toml in a commit that deletes nothing of it, sync that, and delete in a later commit (`--allow-delete` does not lift it)
    ");
    scene.commit("at once", &[("a.zk", LESS)]);
    assert_snapshot!(scene.refusal(&["sync", "--allow-delete", "9"], 3), @r"
    INFO VCS Version: <at once>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    refused[TK1012]: the plan deletes /roles/web, protected by /roles/** since the deployed commit
    hint: a commit can't lift a protection and use that at once: first sync one that only takes the glob out, then one that deletes (`--allow-delete` does not lift it)
    ");
    // Neither a rollback nor an import goes around it.
    scene.treekeeper.run(&["rollback", "main"]).expect(3);
    let file = scene.treekeeper.file("roles.zk", "/roles\n  /db\n");
    let import = scene
        .treekeeper
        .run(&["import", file.to_str().unwrap_or_default(), "--trim"])
        .expect(3);
    assert_snapshot!(scene.words(&import.stderr), @r"
    refused[TK1012]: the plan deletes /roles/web, protected by /roles/** since the deployed commit
    hint: a commit can't lift a protection and use that at once: first sync one that only takes the glob out, then one that deletes (`--allow-delete` does not lift it)
    ");
    // Two commits, one after the other, do.
    scene.commit("lifted", &[("a.zk", ALL)]);
    scene.treekeeper.run(&["sync"]).expect(0);
    scene.commit("less", &[("a.zk", LESS)]);
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_eq!(scene.session.try_get("/roles/web").map(drop), None);
}

#[test]
fn settings_of_the_repository_that_hold_anything_else() {
    let scene = Scene::synced(&[("a.zk", ALL)]);
    let refused = |text: &str| {
        scene.commit("bad", &[("a.zk", LESS), ("treekeeper.toml", text)]);
        scene.refusal(&["sync"], 1)
    };
    assert_snapshot!(refused("zookeeper = 'evil:2181'\n"), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: <first>
    error[TK1110]: treekeeper.toml:1 in commit <bad short>: unknown field `zookeeper`, expected `delete`
    hint: in the repository this file holds `protect` of [delete] and nothing else; the rest belongs into the configuration of the machine that syncs
    ");
    assert_snapshot!(refused("[delete]\nprotect = ['roles/**']\n"), @r#"
    INFO VCS Version: <bad>
    INFO ZK Version: <first>
    error[TK1110]: treekeeper.toml:2 in commit <bad short>: "roles/**" in `protect`: a glob begins with a slash, such as /roles/**
    hint: in the repository this file holds `protect` of [delete] and nothing else; the rest belongs into the configuration of the machine that syncs
    "#);
    scene.configure("[delete]\nprotect = ['/a//b']\n");
    assert_snapshot!(scene.refusal(&["sync"], 1), @r#"error[TK1110]: the configuration: "/a//b" in `protect`: there is nothing between two slashes, or after the last one"#);
}

#[test]
fn a_commit_without_tree_files_deletes_nothing() {
    let scene = Scene::synced(&[("a.zk", ALL)]);
    let tree = scene.freeze_tree();
    scene.commit("empty", &[("README.md", "nothing here")]);
    let refused = scene.refusal(&["sync", "--prune-roots"], 3);
    assert_snapshot!(refused, @r"
    INFO VCS Version: <empty>
    INFO ZK Version: <first>
    refused[TK1013]: the commit has no tree files, and pruning would delete all that earlier ones defined: 2 top-level znodes
    hint: if the files have moved, name their directory with `--path`; to delete everything, commit files that say so, or sync without `--prune-roots`, which leaves the znodes as orphans
    ");
    assert_eq!(
        scene.refusal(&["sync", "--prune-roots", "--allow-delete", "100"], 3),
        refused
    );
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <empty>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    note: /roles is no longer in the files and stays; `treekeeper sync --repair --prune-roots` deletes it
    note: /tmp is no longer in the files and stays; `treekeeper sync --repair --prune-roots` deletes it
    Synced to <empty short>: 0 created, 0 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(scene.freeze_tree(), tree);
}

#[test]
fn a_directory_that_is_not_there_deletes_nothing() {
    let scene = Scene::synced(&[("a.zk", ALL)]);
    scene.commit("second", &[("a.zk", LESS)]);
    assert_snapshot!(scene.refusal(&["sync", "--path", "trees", "--prune-roots"], 1), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    error[TK1206]: directory trees is not in commit <second>
    hint: set the directory that holds the tree files with --path
    ");
}

#[test]
fn a_damaged_mirror_deletes_nothing() {
    let scene = Scene::synced(&[("a.zk", ALL)]);
    scene.configure("[git]\nretry_pause = '10ms'\n");
    scene.commit(
        "second",
        &[("a.zk", "/roles\n  /db\n  /web\n  /new\n/tmp\n  /x\n")],
    );
    let mirrors = scene.treekeeper.home().join(".local/state/treekeeper/mirrors");
    let objects = |directory: &std::path::Path| {
        let mut found = vec![directory.to_owned()];
        let mut files = Vec::new();
        while let Some(directory) = found.pop() {
            for entry in fs::read_dir(directory).expect("a directory").flatten() {
                match entry.path() {
                    path if path.is_dir() => found.push(path),
                    path if path.to_string_lossy().contains("objects") => files.push(path),
                    _ => {}
                }
            }
        }
        files
    };
    let damaged = objects(&mirrors);
    assert!(!damaged.is_empty(), "no objects below {}", mirrors.display());
    for path in damaged {
        fs::remove_file(path).expect("a file of ours");
    }
    let tree = scene.freeze_tree();
    // The mirror is made anew, and what it holds is the commit whole.
    scene.treekeeper.run(&["sync"]).expect(0);
    let after = scene.freeze_tree();
    assert!(tree.keys().all(|path| after.contains_key(path)), "{after:?}");
    assert!(after.contains_key("/roles/new"));
}
