//! The law of escapes, for what comes out of git and out of files: authors, subjects, names of branches and files, saved
//! plans and snapshots.

use std::fs;

use crate::escapes::{HOSTILE, Law, NAME, plant, taint_history, taint_state};
use crate::scene::Scene;

/// Gives the newest commit an author and a subject that nobody should trust.
fn amend(scene: &Scene) {
    let author = format!(
        "{} <{}@example.com>",
        HOSTILE.replace(['<', '>', '\r'], ""),
        "a\u{202e}\u{ad}"
    );
    scene.repository.git(&[
        "commit",
        "--quiet",
        "--amend",
        "--allow-empty",
        "-m",
        HOSTILE,
        "--author",
        &author,
    ]);
}

#[test]
fn authors_and_subjects_are_told_escaped() {
    let scene = Scene::synced(&[("a.zk", "/a\n  n = 1\n")]);
    let file = format!("{NAME}.zk");
    scene.commit(
        "next",
        &[("a.zk", "/a\n  n = 2\n"), (&file, "/b\n  password = '1'\n")],
    );
    amend(&scene);
    let mut law = Law::default();
    for arguments in [
        &["plan"][..],
        &["blame", "/a"],
        &["blame", "/a", "n"],
        &["blame", "/b", "--json"],
        &["sync", "-v"],
        &["blame", "/b"],
        &["blame", "/b", "password"],
        &["blame", "/b", HOSTILE],
        &["blame", HOSTILE],
        &["blame", &format!("/{NAME}")],
        &["status"],
        &["history"],
        &["rollback", "1", "--dry-run"],
        &["rollback", "1"],
        &["plan"],
        &["unpin"],
        &["sync"],
    ] {
        law.run(&scene, arguments);
    }
    let said = scene.treekeeper.stdout(&["blame", "/b"]);
    assert!(
        said.contains(r"x\u{1b}[31m") && said.contains(r"a\u{202e}\u{ad}@example.com"),
        "{said}"
    );
    taint_state(&scene, &["by", "at"]);
    taint_history(&scene);
    for arguments in [
        &["blame", "/b"][..],
        &["blame", "/b", "--json"],
        &["history"],
        &["history", "--json"],
    ] {
        law.run(&scene, arguments);
    }
    scene.repository.git(&["branch", "b\u{202e}\u{ad}<b>@ops"]);
    for arguments in [
        &["plan", "--branch", "absent"][..],
        &["plan", "--branch", "absent", "--format", "markdown"],
        &["plan", "--branch", "b\u{202e}\u{ad}<b>@ops"],
        &["plan", "--path", "d\u{202e}", "--format", "markdown"],
        &["doctor", "--branch", "absent"],
    ] {
        law.run(&scene, arguments);
    }
    law.hold(15);
}

#[test]
fn names_of_files_and_the_repositorys_settings_are_told_escaped() {
    let scene = Scene::synced(&[("a.zk", "/a\n  n = 1\n")]);
    let mut law = Law::default();
    let file = format!("{NAME}.zk");
    let glob = format!(
        "[delete]\nprotect = [\"/a/{}\"]\n",
        NAME.replace('\u{202e}', "\\u202E")
    );
    let key = "\"x\u{202e}\u{ad}\" = 1\n";
    scene.session.create(&format!("/a/{NAME}"), b"{}");
    for files in [
        &[(&*file, "/a\n  n = \u{202e}\n  <b>@ops\n")][..],
        &[(&*file, "/a\n"), ("b.zk", "/a\n")],
        &[("a.zk", "/a\n"), ("treekeeper.toml", &glob)],
        &[("a.zk", "/a\n"), ("treekeeper.toml", key)],
        &[
            ("a.zk", "/a\n"),
            ("treekeeper.toml", "[delete]\nprotect = ['x\u{202e}']\n"),
        ],
    ] {
        scene.commit("hostile", files);
        let names = files.iter().map(|(name, _)| *name);
        fs::read_dir(scene.treekeeper.home())
            .unwrap()
            .flatten()
            .for_each(|entry| drop(fs::remove_file(entry.path())));
        names
            .zip(files)
            .for_each(|(name, (_, text))| drop(scene.treekeeper.file(name, text)));
        for arguments in [
            &["plan"][..],
            &["plan", "--json"],
            &["plan", "--format", "markdown"],
            &["sync", "--dry-run", "--force", "--repair"],
            &["sync", "--dry-run", "--force", "--format", "markdown"],
            &["validate", "."],
            &["validate", ".", "--format", "json"],
            &["validate", ".", "--format", "sarif"],
        ] {
            law.run(&scene, arguments);
        }
    }
    law.hold(20);
}

#[test]
fn saved_plans_and_snapshots_hold_nothing_raw() {
    let scene = Scene::synced(&[("a.zk", "/a\n  n = 1\n")]);
    plant(&scene);
    taint_state(&scene, &["by", "at"]);
    scene.commit(
        "next",
        &[
            ("a.zk", "/a\n  n = u'\\x1b[31m\\u202e\\xad'\n"),
            (&format!("{NAME}.zk"), "/b\n"),
        ],
    );
    amend(&scene);
    let home = scene.treekeeper.home().to_owned();
    let read = |name: &str| fs::read_to_string(home.join(name)).unwrap_or_default();
    let mut law = Law::default();
    for arguments in [
        &["plan", "--out", "plan.json"][..],
        &["export", "--snapshot", "snapshot.json"],
        &["plan", "--against", "snapshot.json"],
        &["plan", "--against", "snapshot.json", "--json"],
        &["plan", "--against", "snapshot.json", "--format", "markdown"],
        &["apply", "plan.json"],
        &["apply", "plan.json", "--force"],
        &["apply", HOSTILE],
        &["plan", "--against", HOSTILE],
    ] {
        law.run(&scene, arguments);
    }
    for name in ["plan.json", "snapshot.json"] {
        assert!(read(name).contains("202e"), "{name}: {}", read(name));
        law.judge_text(name, &read(name));
    }
    // What somebody has written into such a file.
    let raw = "x\u{202e}\u{ad}<b>@ops";
    let actor = crate::scene::machine();
    let tainted = read("snapshot.json").replace(&actor, raw);
    assert!(tainted.contains(raw), "{tainted}");
    scene.treekeeper.file("tainted.json", tainted);
    scene
        .treekeeper
        .file("kind.json", format!("{{\"kind\":\"{raw}\",\"schema\":1}}"));
    scene
        .treekeeper
        .file("format.json", format!("{{\"format\":\"{raw}\",\"{raw}\":1}}"));
    for arguments in [
        &["plan", "--against", "tainted.json"][..],
        &["plan", "--against", "tainted.json", "--format", "markdown"],
        &["plan", "--against", "tainted.json", "--json"],
        &["plan", "--against", "format.json"],
        &["plan", "--against", "kind.json", "--format", "markdown"],
        &["apply", "kind.json"],
        &["apply", "format.json"],
    ] {
        law.run(&scene, arguments);
    }
    law.hold(8);
}
