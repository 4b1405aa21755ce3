//! How the repository is reached: a local path, ssh with a stand-in, and retries of a fetch that fails.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use insta::assert_snapshot;

use crate::scene::Scene;
use crate::support::treekeeper::Treekeeper;

const GOOD: &str = "/a\n  n = 1\n";

/// Stands in for ssh: notes its arguments and runs the remote command on this machine.
fn fake_ssh(treekeeper: &Treekeeper) -> PathBuf {
    let log = treekeeper.home().join("ssh.log");
    let script = format!(
        "#!/bin/sh\necho \"$@\" >>'{}'\nfor command; do :; done\nexec sh -c \"$command\"\n",
        log.display()
    );
    let path = treekeeper.file("fake-ssh", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
        .expect("the home directory can be written to");
    path
}

fn ssh_log(treekeeper: &Treekeeper) -> String {
    std::fs::read_to_string(treekeeper.home().join("ssh.log")).unwrap_or_default()
}

#[test]
fn a_local_path_and_a_bare_clone_of_it() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let bare = scene.treekeeper.home().join("bare.git");
    scene
        .repository
        .git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    assert_snapshot!(scene.said(&["sync", "--url", bare.to_str().unwrap()]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <first>
    ");
    assert_snapshot!(scene.said(&["sync", "--url", "bare.git"]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <first>
    ");
    let url = format!("file://{}", bare.display());
    assert_snapshot!(scene.said(&["sync", "--url", &url]), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <first>
    ");
}

#[test]
fn ssh_by_git_ssh_command() {
    let scene = Scene::new();
    let treekeeper = Treekeeper::without_repository(&scene.connect);
    let ssh = fake_ssh(&treekeeper);
    let treekeeper = treekeeper.with_environment("GIT_SSH_COMMAND", ssh.to_str().unwrap());
    scene.commit("first", &[("a.zk", GOOD)]);
    let url = format!("ssh://git@git.example.com{}", scene.repository.path().display());
    let output = treekeeper.run(&["sync", "--url", &url]).expect(0);
    assert_snapshot!(scene.words(&output.stderr), @r"
    INFO VCS Version: <first>
    INFO ZK Version: initial
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <first short>: 1 created, 0 changed, 0 deleted in 1 transaction.
    ");
    let log = ssh_log(&treekeeper);
    assert!(
        log.contains("git@git.example.com") && log.contains("git-upload-pack"),
        "{log}"
    );
    let url = format!("git@git.example.com:{}", scene.repository.path().display());
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    treekeeper.run(&["sync", "--url", &url]).expect(0);
    assert_eq!(scene.session.text("/a"), r#"{"n":2}"#);
}

#[test]
fn ssh_by_core_ssh_command() {
    let scene = Scene::new();
    let ssh = fake_ssh(&scene.treekeeper);
    scene.treekeeper.file(
        ".gitconfig",
        format!("[core]\n\tsshCommand = {}\n", ssh.display()),
    );
    scene.commit("first", &[("a.zk", GOOD)]);
    let url = format!("ssh://git@git.example.com{}", scene.repository.path().display());
    scene.treekeeper.run(&["sync", "--url", &url]).expect(0);
    assert!(ssh_log(&scene.treekeeper).contains("git-upload-pack"));
}

#[test]
fn ssh_that_fails_says_what_ssh_said() {
    let scene = Scene::new();
    let script = "#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n";
    let path = scene.treekeeper.file("ssh", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    scene.treekeeper.file(
        ".gitconfig",
        format!("[core]\n\tsshCommand = {}\n", path.display()),
    );
    scene.configure("[git]\nretry_pause = '1ms'\n");
    assert_snapshot!(scene.refusal(&["sync", "--url", "git@git.example.com:trees"], 1), @r"
    error[TK1204]: couldn't fetch git@git.example.com:trees in 4 attempts: Host key verification failed; fatal: Could not read from remote repository
    hint: as this user, connect once with ssh and check the host key before you accept it
    ");
}

#[test]
fn a_fetch_is_tried_four_times() {
    let scene = Scene::new();
    let log = scene.treekeeper.home().join("ssh.log");
    // The third retry succeeds.
    let script = format!(
        "#!/bin/sh\necho x >>'{0}'\nif [ $(wc -l <'{0}') -lt 4 ]; then exit 255; fi\nfor c; do :; done\nexec sh -c \"$c\"\n",
        log.display()
    );
    let path = scene.treekeeper.file("ssh", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    scene.treekeeper.file(
        ".gitconfig",
        format!("[core]\n\tsshCommand = {}\n", path.display()),
    );
    scene.configure("[git]\nretry_pause = '20ms'\n");
    scene.commit("first", &[("a.zk", GOOD)]);
    let url = format!("ssh://git@git.example.com{}", scene.repository.path().display());
    scene.treekeeper.run(&["sync", "--url", &url]).expect(0);
    let calls = ssh_log(&scene.treekeeper).lines().count();
    assert!(calls >= 4, "{calls}");

    std::fs::write(
        &path,
        format!("#!/bin/sh\necho x >>'{}'\nexit 255\n", log.display()),
    )
    .unwrap();
    std::fs::remove_file(&log).unwrap();
    scene.refusal(&["sync", "--url", &url], 1);
    assert_eq!(
        ssh_log(&scene.treekeeper).lines().count(),
        4,
        "one attempt and three retries"
    );
    scene.configure("[git]\nretries = 0\n");
    std::fs::remove_file(&log).unwrap();
    assert_snapshot!(scene.refusal(&["sync", "--url", &url], 1), @r"
    error[TK1204]: couldn't fetch ssh://git@git.example.comREPOSITORY in 1 attempt: fatal: Could not read from remote repository
    hint: see whether git itself gets there as this user: git ls-remote ssh://git@git.example.comREPOSITORY
    ");
    assert_eq!(ssh_log(&scene.treekeeper).lines().count(), 1);
}

#[test]
fn the_mirror_stands_where_it_is_told() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", GOOD)]);
    let place = scene.treekeeper.home().join("tree");
    scene.said(&["sync", "-t", place.to_str().unwrap()]);
    assert!(place.join("HEAD").is_file());
    // The work tree of the original is left alone.
    let old = scene.treekeeper.home().join("old");
    std::fs::create_dir(&old).unwrap();
    std::fs::write(old.join("a.zk"), "old").unwrap();
    scene.said(&["sync", "-t", old.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(old.join("a.zk")).unwrap(), "old");
    assert!(old.join("treekeeper.git/HEAD").is_file());
}

#[test]
fn hooks_and_aliases_of_the_repository_are_never_run() {
    let scene = Scene::new();
    let touched = scene.treekeeper.home().join("touched");
    for hook in [
        "post-checkout",
        "reference-transaction",
        "post-update",
        "fsmonitor",
    ] {
        let path = scene.repository.path().join(".git/hooks").join(hook);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\ntouch {}\n", touched.display())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let hooks = scene.treekeeper.home().join("hooks");
    std::fs::rename(scene.repository.path().join(".git/hooks"), &hooks).unwrap();
    scene.treekeeper.file(
        ".gitconfig",
        format!("[core]\n\thooksPath = {}\n", hooks.display()),
    );
    scene.commit("first", &[("a.zk", GOOD)]);
    scene.said(&["sync"]);
    assert!(!touched.exists());
}

#[test]
fn a_fetch_that_is_cut_anywhere_deletes_nothing() {
    const STEP: usize = 37;
    const TRIES_MAX: usize = 200;
    let scene = Scene::new();
    let cut = scene.treekeeper.file("cut", "1000000");
    // Only `dd` holds the way back, so that its end is the end of the connection.
    let script = format!(
        "#!/bin/sh\ntest \"$1\" = -G && exit 1\nfor command; do :; done\npipe='{home}'/pipe.$$\nmkfifo \"$pipe\"\nexec 4<&0\n\
         sh -c \"$command\" <&4 >\"$pipe\" 2>/dev/null 4<&- &\n\
         exec dd bs=1 count=\"$(cat '{home}/cut')\" <\"$pipe\" 2>/dev/null 4<&-\n",
        home = scene.treekeeper.home().display()
    );
    let ssh = scene.treekeeper.file("cut-ssh", script);
    std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).expect("a file of ours");
    scene.configure(&format!(
        "[git]\nretries = 0\nurl = 'ssh://git@git.example.com{}'\n",
        scene.repository.path().display()
    ));
    let treekeeper = Treekeeper::without_repository(&scene.connect)
        .with_environment("GIT_SSH_COMMAND", &ssh.display().to_string())
        .with_environment("HOME", &scene.treekeeper.home().display().to_string());
    let first = scene.commit("first", &[("a.zk", "/a\n  /b\n"), ("c.zk", "/c\n  n = 1\n")]);
    treekeeper.run(&["sync"]).expect(0);
    let second = scene.commit("second", &[("a.zk", "/a\n  /new\n"), ("c.zk", "/c\n  n = 2\n")]);
    let before = scene.freeze();
    let mut failures = Vec::new();
    for bytes in (0..TRIES_MAX).map(|number| number * STEP) {
        std::fs::write(&cut, bytes.to_string()).expect("a file of ours");
        let output = treekeeper.run(&["sync", "--prune-roots", "--force", "--allow-delete", "100"]);
        if output.status == 0 {
            break;
        }
        assert_eq!(output.status, 1, "cut after {bytes} bytes: {}", output.stderr);
        assert_eq!(
            scene.freeze(),
            before,
            "cut after {bytes} bytes: {}",
            output.stderr
        );
        let said = output
            .stderr
            .lines()
            .any(|line| line.starts_with("error[TK1204]: couldn't fetch "));
        let hinted = output.stderr.lines().any(|line| line.starts_with("hint: "));
        assert!(said && hinted, "cut after {bytes} bytes: {}", output.stderr);
        // The last good state is still there to be looked at.
        treekeeper.run(&["diff", "--exit-code"]).expect(0);
        failures.push(bytes);
    }
    assert!(failures.len() > 10 && failures.len() < TRIES_MAX, "{failures:?}");
    assert_eq!(
        scene.session.json("/hosts")["version"],
        second,
        "after {first} it goes on"
    );
    assert_eq!(scene.session.children("/a"), ["new"]);
}
