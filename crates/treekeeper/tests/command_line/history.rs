//! Repositories that cannot be reached or are not what was deployed, and commits that delete too much.

use std::fs;

use insta::assert_snapshot;

use crate::scene::Scene;
use crate::support::repository::Repository;

const GOOD: &str = "/a\n  n = 1\n";

/// A tree of one root with so many children.
fn tree(children: usize) -> String {
    let lines: String = (0..children).map(|number| format!("  /c{number}\n")).collect();
    format!("/a\n{lines}")
}

#[test]
fn a_repository_that_is_not_there() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.configure("[git]\nretry_pause = '10ms'\n");
    fs::remove_dir_all(scene.repository.path().join(".git")).unwrap();
    assert_snapshot!(scene.refusal(&["sync"], 1), @r"
    error[TK1204]: couldn't fetch REPOSITORY in 4 attempts: fatal: 'REPOSITORY' does not appear to be a git repository; fatal: Could not read from remote repository
    hint: see whether git itself gets there as this user: git ls-remote REPOSITORY
    ");
}

#[test]
fn a_url_that_is_not_used() {
    let scene = Scene::new();
    let run = |url: &str| scene.words(&scene.treekeeper.run(&["sync", "--url", url]).expect(1).stderr);
    assert_snapshot!(run("git://example.com/trees.git"), @r#"error[TK1201]: refused the git URL "git://example.com/trees.git": git:// lets anyone on the way change the tree; allowed are ssh://HOST/PATH, USER@HOST:PATH, https://HOST/PATH and a local path"#);
    assert_snapshot!(run("ext::sh -c touch% /tmp/x"), @r#"error[TK1201]: refused the git URL "ext::sh -c touch% /tmp/x": remote helpers (NAME::ADDRESS) could run any program; allowed are ssh://HOST/PATH, USER@HOST:PATH, https://HOST/PATH and a local path"#);
    scene.configure("[git]\nretry_pause = '1ms'\n");
    let said = run("https://user:pa55word@127.0.0.1:1/trees.git");
    // Curl's own words differ from release to release.
    assert_snapshot!(said.split("127.0.0.1 port").next().unwrap(), @"error[TK1204]: couldn't fetch https://***@127.0.0.1:1/trees.git in 4 attempts: fatal: unable to access 'https://127.0.0.1:1/trees.git/': Failed to connect to");
    assert!(scene.freeze_tree().len() == 1);
}

#[test]
fn no_repository_at_all() {
    let scene = Scene::new();
    let treekeeper = crate::support::treekeeper::Treekeeper::without_repository(&scene.connect);
    let output = treekeeper.run(&["sync"]).expect(64);
    assert_snapshot!(output.stderr, @r"
    error[TK1110]: which repository?
    hint: give --url GIT_URL, or set `url` in [git] of treekeeper.toml
    ");
}

#[test]
fn a_branch_that_is_missing() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    assert_snapshot!(scene.refusal(&["sync", "--branch", "live"], 1), @r"
    error[TK1205]: branch live is not in the repository; there are: main
    hint: name a branch: --branch main
    ");
    scene
        .repository
        .git(&["branch", "--quiet", "--move", "main", "other"]);
    assert_snapshot!(scene.refusal(&["sync", "--branch", "main"], 1), @r"
    error[TK1205]: branch main is not in the repository; there are: other
    hint: name a branch: --branch other
    ");
    assert_snapshot!(scene.refusal(&["sync", "--branch=--upload-pack=x"], 1), @r#"error[TK1201]: "--upload-pack=x" is not a branch, tag or commit id"#);
    assert_snapshot!(scene.refusal(&["sync", "--revision", "v1.0"], 1), @r"
    error[TK1205]: v1.0 is not a branch, tag or commit of the repository
    hint: list what there is: git ls-remote URL
    ");
}

#[test]
fn an_empty_repository() {
    let scene = Scene::new();
    assert_snapshot!(scene.refusal(&["sync"], 1), @r"
    error[TK1205]: the repository REPOSITORY is empty: it has no branches
    hint: push a branch with tree files: git push origin main
    ");
}

#[test]
fn a_directory_that_is_missing_or_emptied_never_means_delete_all() {
    let scene = Scene::new();
    scene.commit("first", &[("trees/a.zk", GOOD)]);
    scene.treekeeper.run(&["sync", "--path", "trees"]).expect(0);
    scene.commit("second", &[("readme", "nothing here")]);
    assert_snapshot!(scene.refusal(&["sync", "--path", "trees"], 1), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    error[TK1206]: directory trees is not in commit <second>
    hint: set the directory that holds the tree files with --path
    ");
    scene.commit("third", &[("trees", "a file")]);
    assert_snapshot!(scene.refusal(&["sync", "--path", "trees"], 1), @r"
    INFO VCS Version: <third>
    INFO ZK Version: <first>
    error[TK1206]: trees is a file in commit <third>, not a directory
    hint: set the directory that holds the tree files with --path
    ");
    assert_snapshot!(scene.refusal(&["sync", "--path", "../elsewhere"], 1), @r#"error[TK1201]: the directory in the repository "../elsewhere" is not a relative path without `..`"#);
    scene.commit("fourth", &[("trees/readme", "no tree file")]);
    let before = scene.freeze_tree();
    assert_snapshot!(scene.said(&["sync", "--path", "trees"]), @r"
    INFO VCS Version: <fourth>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    note: /a is no longer in the files and stays; `treekeeper sync --repair --prune-roots` deletes it
    Synced to <fourth short>: 0 created, 0 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(scene.freeze_tree(), before);
}

#[test]
fn a_history_that_was_rewritten() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let first = scene.repository.git(&["rev-parse", "HEAD"]);
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    scene.treekeeper.run(&["sync"]).expect(0);
    scene.repository.point_at(first.trim());
    scene.commit("third", &[("a.zk", "/a\n  n = 3\n")]);
    assert_snapshot!(scene.refusal(&["sync"], 3), @r"
    INFO VCS Version: <third>
    INFO ZK Version: <second>
    refused[TK1003]: history was rewritten: <third short> does not descend from the deployed commit <second short>
    hint: if the history was changed on purpose: `treekeeper sync --allow-rewind`
    ");
    assert_snapshot!(scene.refusal(&["sync", "--force"], 3), @r"
    INFO VCS Version: <third>
    INFO ZK Version: <second>
    refused[TK1003]: history was rewritten: <third short> does not descend from the deployed commit <second short>
    hint: if the history was changed on purpose: `treekeeper sync --allow-rewind`
    ");
    assert_snapshot!(scene.both(&scene.treekeeper.run(&["plan"]).expect(0)), @r"
    ~ /a
        ~ n = 2 -> 3
    Plan: 0 to create, 1 to change, 0 to delete (1 transaction, N bytes).
    A sync would be refused now:
      - [TK1003] history was rewritten: <third short> does not descend from the deployed commit <second short>
    hint: if the history was changed on purpose: `treekeeper sync --allow-rewind`
    ");
    assert_snapshot!(scene.said(&["sync", "--allow-rewind"]), @r"
    INFO VCS Version: <third>
    INFO ZK Version: <second>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <third short>: 0 created, 1 changed, 0 deleted in 1 transaction.
    ");
}

#[test]
fn a_deployed_commit_that_is_gone_from_the_repository() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let first = scene.repository.git(&["rev-parse", "HEAD"]);
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    scene.treekeeper.run(&["sync"]).expect(0);
    scene.repository.point_at(first.trim());
    scene.commit("third", &[("a.zk", "/a\n  n = 3\n")]);
    scene
        .repository
        .git(&["reflog", "expire", "--expire=now", "--all"]);
    scene.repository.git(&["gc", "--quiet", "--prune=now"]);
    let mirror = scene.treekeeper.home().join("fresh");
    assert_snapshot!(scene.refusal(&["sync", "--tree-directory", mirror.to_str().unwrap()], 3), @r"
    INFO VCS Version: <third>
    INFO ZK Version: <second>
    refused[TK1003]: the deployed commit <second short> is not in the repository: history was rewritten
    hint: if the history was changed on purpose: `treekeeper sync --allow-rewind`
    ");
}

#[test]
fn an_older_commit() {
    let scene = Scene::new();
    let first = scene.commit("first", &[("a.zk", GOOD)]);
    scene.treekeeper.run(&["sync"]).expect(0);
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_snapshot!(scene.refusal(&["sync", "--revision", &first], 3), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <second>
    refused[TK1003]: <first short> is older than the deployed commit <second short>
    hint: if the history was changed on purpose: `treekeeper sync --allow-rewind`
    ");
    scene.repository.point_at(&first);
    assert_snapshot!(scene.refusal(&["sync"], 3), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <second>
    refused[TK1003]: <first short> is older than the deployed commit <second short>
    hint: if the history was changed on purpose: `treekeeper sync --allow-rewind`
    ");
    assert_snapshot!(scene.said(&["sync", "--revision", &first, "--allow-rewind"]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <second>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <first short>: 0 created, 1 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(scene.session.text("/a"), r#"{"n":1}"#);
}

#[test]
fn another_repository() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let other = Repository::new();
    let id = other.commit(&[("a.zk", "/a\n  n = 5\n")]);
    scene.name("other", &id);
    let url = other.path().display().to_string();
    let said = |arguments: &[&str], status| {
        let before = scene.freeze();
        let output = scene
            .treekeeper
            .run(&[arguments, &["--url", &url]].concat())
            .expect(status);
        if status != 0 {
            assert_eq!(scene.freeze(), before);
        }
        scene.words(&output.stderr)
    };
    assert_snapshot!(said(&["sync"], 3), @r"
    INFO VCS Version: <other>
    INFO ZK Version: <first>
    refused[TK1004]: this tree was deployed from another repository (root commit <first short>, this one has <other short>)
    hint: if this one is to take over: `treekeeper sync --adopt`
    ");
    assert_snapshot!(said(&["sync", "--force", "--allow-rewind"], 3), @r"
    INFO VCS Version: <other>
    INFO ZK Version: <first>
    refused[TK1004]: this tree was deployed from another repository (root commit <first short>, this one has <other short>)
    hint: if this one is to take over: `treekeeper sync --adopt`
    ");
    assert_snapshot!(said(&["sync", "--adopt"], 0), @r"
    INFO VCS Version: <other>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <other short>: 0 created, 1 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(scene.session.text("/a"), r#"{"n":5}"#);
}

#[test]
fn another_lock_style() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    assert_snapshot!(scene.refusal(&["sync", "--lock", "kazoo"], 3), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    refused[TK1005]: earlier syncs of this tree took the zktools lock, this one would take the kazoo lock
    hint: if this one is to take over: `treekeeper sync --adopt`
    ");
    assert_snapshot!(scene.said(&["sync", "--lock", "kazoo", "--adopt"]), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <second short>: 0 created, 1 changed, 0 deleted in 1 transaction.
    ");
    assert!(scene.session.exists("/hosts-lock"));
}

#[test]
fn deletes_over_the_budget() {
    // 70 managed znodes: 30 % of them is 21.
    let scene = Scene::synced(&[("a.zk", &tree(69))]);
    scene.commit("gone", &[("a.zk", &tree(47))]);
    assert_snapshot!(scene.refusal(&["sync"], 3), @r"
    INFO VCS Version: <gone>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    refused[TK1007]: the plan deletes 22 znodes, the budget is 21 of 70 managed ones
    hint: read the plan (`treekeeper plan`), then allow it once: add `--allow-delete 22` to `treekeeper sync`
    ");
    assert_snapshot!(scene.refusal(&["sync", "--force"], 3), @r"
    INFO VCS Version: <gone>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    refused[TK1007]: the plan deletes 22 znodes, the budget is 21 of 70 managed ones
    hint: read the plan (`treekeeper plan`), then allow it once: add `--allow-delete 22` to `treekeeper sync`
    ");
    assert_snapshot!(scene.refusal(&["sync", "--allow-delete", "21"], 3), @r"
    INFO VCS Version: <gone>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    refused[TK1007]: the plan deletes 22 znodes, the budget is 21 of 70 managed ones
    hint: read the plan (`treekeeper plan`), then allow it once: add `--allow-delete 22` to `treekeeper sync`
    ");
    assert_snapshot!(scene.said(&["sync", "--allow-delete", "22"]), @r"
    INFO VCS Version: <gone>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <gone short>: 0 created, 0 changed, 22 deleted in 1 transaction.
    ");
}

#[test]
fn deletes_under_the_budget_pass() {
    let scene = Scene::synced(&[("a.zk", &tree(69))]);
    scene.commit("less", &[("a.zk", &tree(48))]);
    scene.treekeeper.run(&["sync"]).expect(0);
    let small = Scene::synced(&[("a.zk", &tree(20))]);
    small.commit("none", &[("a.zk", "/a\n")]);
    small.treekeeper.run(&["sync"]).expect(0);
    assert_eq!(small.session.children("/a").len(), 0);
}

#[test]
fn an_emptied_file_is_refused_or_leaves_an_orphan() {
    let scene = Scene::synced(&[("a.zk", &tree(30)), ("b.zk", "/b\n")]);
    scene.commit("emptied", &[("a.zk", "# nothing\n"), ("b.zk", "/b\n")]);
    let before = scene.freeze_tree();
    assert_snapshot!(scene.said(&["sync"]), @r"
    INFO VCS Version: <emptied>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    INFO Importing b.zk
    note: /a is no longer in the files and stays; `treekeeper sync --repair --prune-roots` deletes it
    Synced to <emptied short>: 0 created, 0 changed, 0 deleted in 1 transaction.
    ");
    assert_eq!(scene.freeze_tree(), before);
    assert_snapshot!(scene.refusal(&["sync", "--repair", "--prune-roots"], 3), @r"
    INFO VCS Version: <emptied>
    INFO ZK Version: <emptied>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    INFO Importing b.zk
    refused[TK1007]: the plan deletes 31 znodes, the budget is 20 of 32 managed ones
    hint: read the plan (`treekeeper plan`), then allow it once: add `--allow-delete 31` to `treekeeper sync`
    ");
}
