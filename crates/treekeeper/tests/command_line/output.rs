//! Offline commands, options and their places, help, quiet, colours, JSON: how the program is talked to.

use insta::assert_snapshot;

use crate::scene::Scene;
use crate::support::treekeeper::Treekeeper;

const GOOD: &str = "/a\n  n = 1\n";

#[test]
fn validate_reads_files_and_directories() {
    let treekeeper = Treekeeper::offline();
    std::fs::create_dir(treekeeper.home().join("trees")).unwrap();
    treekeeper.file("trees/a.zk", GOOD);
    treekeeper.file("trees/b.zkx", "/a\n  m = 1\n/b\n");
    treekeeper.file("trees/readme", "not a tree file\n");
    assert_snapshot!(treekeeper.stdout(&["validate", "trees"]), @"");
    assert_snapshot!(treekeeper.stdout(&["validate", "trees/a.zk"]), @"");
    assert_snapshot!(treekeeper.stdout(&["validate", "trees", "--json"]), @"");
    treekeeper.file("trees/c.zk", "/a\n  what is this\n");
    let output = treekeeper.run(&["validate", "trees"]).expect(1);
    assert_snapshot!(output.stderr, @"");
    assert_eq!(output.stdout, "");
    let output = treekeeper.run(&["validate", "--json", "trees"]).expect(1);
    assert_snapshot!(output.stdout, @"");
    assert_eq!(output.stderr, "");
    assert_snapshot!(treekeeper.run(&["validate", "absent.zk"]).expect(1).stderr, @"");
    assert_snapshot!(treekeeper.run(&["validate"]).expect(64).stderr, @"");
}

#[test]
fn parse_prints_json() {
    let treekeeper = Treekeeper::offline();
    treekeeper.file("a.zk", "/b : t\n  n = 1\n  l -> /x\n  /c\n/a\n");
    assert_snapshot!(treekeeper.stdout(&["parse", "a.zk"]), @"");
    treekeeper.file("b.zk", "/b\n/b\n");
    let output = treekeeper.run(&["parse", "b.zk"]).expect(1);
    assert_snapshot!(output.stderr, @"");
    assert_eq!(output.stdout, "");
}

#[test]
fn completions_are_scripts() {
    let script = Treekeeper::offline().stdout(&["completions", "bash"]);
    assert!(script.contains("complete -F _treekeeper") && script.contains("--allow-rewind"), "{script}");
}

#[test]
fn global_options_stand_before_and_after_the_command() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let treekeeper = Treekeeper::offline();
    let before = treekeeper.stdout(&["--zookeeper", &scene.connect, "--json", "status"]);
    assert_eq!(treekeeper.stdout(&["status", "--json", "-z", &scene.connect]), before);
    assert_eq!(treekeeper.stdout(&["-z", &scene.connect, "status", "--json"]), before);
    // What stands after the command counts.
    assert_eq!(treekeeper.stdout(&["-z", "127.0.0.1:1", "status", "--json", "-z", &scene.connect]), before);
}

#[test]
fn a_flag_goes_over_the_environment_and_that_over_the_file() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let status = |treekeeper: &Treekeeper, arguments: &[&str]| treekeeper.stdout(&[arguments, &["status"]].concat());
    let expected = scene.treekeeper.stdout(&["status"]);
    let variable = |name| Treekeeper::offline().with_environment(name, &scene.connect);
    assert_eq!(status(&variable("TREEKEEPER_ZOOKEEPER"), &[]), expected);
    assert_eq!(status(&variable("ZC_ZK_CONNECTION_STRING"), &[]), expected);
    let both = variable("TREEKEEPER_ZOOKEEPER").with_environment("ZC_ZK_CONNECTION_STRING", "127.0.0.1:1");
    let file = both.file("k.toml", "zookeeper = '127.0.0.1:1'\n");
    assert_eq!(status(&both, &["--config", file.to_str().unwrap()]), expected);
    let file = Treekeeper::offline();
    let path = file.file("k.toml", format!("zookeeper = '{}'\n", scene.connect));
    assert_eq!(status(&file, &["--config", path.to_str().unwrap()]), expected);
    let wrong = Treekeeper::offline().with_environment("TREEKEEPER_ZOOKEEPER", "127.0.0.1:1");
    assert_eq!(status(&wrong, &["--zookeeper", &scene.connect]), expected);
}

#[test]
fn wrong_usage_exits_64() {
    let treekeeper = Treekeeper::offline();
    let said = |arguments: &[&str]| treekeeper.run(arguments).expect(64).stderr;
    assert_snapshot!(said(&["synk"]), @"");
    assert_snapshot!(said(&["sync", "--dry"]), @"");
    assert_snapshot!(said(&["sync", "--lock-wait", "soon"]), @"");
    assert_snapshot!(said(&["sync", "-q", "-v"]), @"");
    assert_snapshot!(said(&["status", "--lock", "flock"]), @"");
    assert!(said(&[]).contains("Usage: treekeeper"));
}

#[test]
fn the_help_of_the_program() {
    assert_snapshot!(Treekeeper::offline().stdout(&["--help"]), @"");
}

#[test]
fn the_help_of_sync() {
    assert_snapshot!(Treekeeper::offline().stdout(&["sync", "--help"]), @"");
}

#[test]
fn quiet_prints_errors_only() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    assert_eq!(scene.said(&["sync", "-q"]), "");
    assert_eq!(scene.said(&["-q", "stop"]), "");
    assert_snapshot!(scene.refusal(&["sync", "-q"], 5), @"");
    assert_eq!(scene.said(&["-q", "resume"]), "");
    assert_eq!(scene.said(&["-q", "pause"]), "");
    assert_eq!(scene.said(&["-q", "set", "/a", "n=3"]), "");
}

#[test]
fn verbose_tells_the_steps_and_the_log_stays_what_it_is() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    let output = scene.treekeeper.run(&["sync", "-v"]).expect(0);
    let said = scene.words(&output.stderr);
    let log: Vec<&str> = said.lines().filter(|line| line.starts_with("INFO ")).collect();
    assert_snapshot!(log.join("\n"), @"");
    assert!(said.contains("performing request=\"commit\""), "{said}");
}

#[test]
fn colours_come_when_they_are_asked_for() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.commit("second", &[("a.zk", "/b\n")]);
    let plain = scene.treekeeper.run(&["plan"]).expect(0);
    assert!(!plain.stdout.contains('\u{1b}'));
    let coloured = scene.treekeeper.run(&["plan", "--color", "always"]).expect(0);
    assert!(coloured.stdout.contains('\u{1b}'));
    let refused = scene.treekeeper.run(&["--color", "always", "sync", "--branch", "x"]).expect(1);
    assert!(refused.stderr.contains("\u{1b}["), "{}", refused.stderr);
    let never = scene.treekeeper.run(&["--color", "never", "sync", "--branch", "x"]).expect(1);
    assert!(!never.stderr.contains('\u{1b}'));
}

#[test]
fn json_says_how_a_sync_ended() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", GOOD)]);
    assert_snapshot!(scene.printed(&["plan", "--json"]), @"");
    assert_snapshot!(scene.printed(&["sync", "--json"]), @"");
    assert_snapshot!(scene.printed(&["sync", "--json"]), @"");
    scene.session.create("/hosts/lame", br#"{"version":"old"}"#);
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    let refused = scene.treekeeper.run(&["sync", "--json"]).expect(4);
    assert_snapshot!(scene.words(&refused.stdout), @"");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let mut child = scene.treekeeper.command(&["tree"]).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
