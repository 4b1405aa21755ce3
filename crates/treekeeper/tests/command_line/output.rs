//! Offline commands, options and their places, quiet, colours, JSON: how the program is talked to.

use insta::assert_snapshot;

use crate::scene::Scene;
use crate::support::treekeeper::Treekeeper;

const GOOD: &str = "/a\n  n = 1\n";

#[test]
fn parse_prints_json() {
    let treekeeper = Treekeeper::offline();
    treekeeper.file("a.zk", "/b : t\n  n = 1\n  l -> /x\n  /c\n/a\n");
    assert_snapshot!(treekeeper.stdout(&["parse", "a.zk"]), @r#"{"name":"","properties":{},"children":[{"name":"a","properties":{},"children":[]},{"name":"b","properties":{"l ->":"/x","n":1,"type":"t"},"children":[{"name":"c","properties":{},"children":[]}]}]}"#);
    treekeeper.file("b.zk", "/b\n/b\n");
    let output = treekeeper.run(&["parse", "b.zk"]).expect(1);
    assert_snapshot!(output.stderr, @r"
    error[TK0105]: the node /b is there already
     --> b.zk:2:1
      |
    2 | /b
      | ^^ again here
     ::: b.zk:1:1
      |
    1 | /b
      | -- first here
      = help: put everything of the node below one line

    error: the tree files have 1 error
    ");
    assert_eq!(output.stdout, "");
}

#[test]
fn completions_are_scripts() {
    let script = Treekeeper::offline().stdout(&["completions", "bash"]);
    assert!(
        script.contains("complete -F _treekeeper") && script.contains("--allow-rewind"),
        "{script}"
    );
}

#[test]
fn global_options_stand_before_and_after_the_command() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let treekeeper = Treekeeper::offline();
    let before = treekeeper.stdout(&["--zookeeper", &scene.connect, "--json", "status"]);
    assert_eq!(
        treekeeper.stdout(&["status", "--json", "-z", &scene.connect]),
        before
    );
    assert_eq!(
        treekeeper.stdout(&["-z", &scene.connect, "status", "--json"]),
        before
    );
    // What stands after the command counts.
    assert_eq!(
        treekeeper.stdout(&["-z", "127.0.0.1:1", "status", "--json", "-z", &scene.connect]),
        before
    );
}

#[test]
fn a_flag_goes_over_the_environment_and_that_over_the_file() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    // The first line tells which cluster it is; how far the tree has drifted needs a repository.
    let status = |treekeeper: &Treekeeper, arguments: &[&str]| {
        let text = treekeeper.stdout(&[arguments, &["status"]].concat());
        text.lines().next().unwrap_or_default().to_owned()
    };
    let expected = status(&scene.treekeeper, &[]);
    assert!(expected.starts_with("At "));
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
    assert_snapshot!(said(&["synk"]), @r"
    error: unrecognized subcommand 'synk'

      tip: a similar subcommand exists: 'sync'

    Usage: treekeeper [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    assert_snapshot!(said(&["sync", "--dry"]), @r"
    error: unexpected argument '--dry' found

      tip: a similar argument exists: '--dry-run'

    Usage: treekeeper sync --dry-run

    For more information, try '--help'.
    ");
    assert_snapshot!(said(&["sync", "--lock-wait", "soon"]), @r"
    error: invalid value 'soon' for '--lock-wait <SECONDS>': invalid digit found in string

    For more information, try '--help'.
    ");
    assert_snapshot!(said(&["sync", "-q", "-v"]), @r"
    error: the argument '--quiet' cannot be used with '--verbose'

    Usage: treekeeper sync --quiet

    For more information, try '--help'.
    ");
    assert_snapshot!(said(&["status", "--lock", "flock"]), @r"
    error: invalid value 'flock' for '--lock <STYLE>'
      [possible values: zktools, kazoo, both]

    For more information, try '--help'.
    ");
    assert!(said(&[]).contains("Usage: treekeeper"));
}

#[test]
fn quiet_prints_errors_only() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    assert_eq!(scene.said(&["sync", "-q"]), "");
    assert_eq!(scene.said(&["-q", "stop"]), "");
    assert_snapshot!(scene.refusal(&["sync", "-q"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped by MACHINE since TIME
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
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
    assert_snapshot!(log.join("\n"), @r"
    INFO VCS Version: <second>
    INFO ZK Version: <first>
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    ");
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
    let refused = scene
        .treekeeper
        .run(&["--color", "always", "sync", "--branch", "x"])
        .expect(1);
    assert!(refused.stderr.contains("\u{1b}["), "{}", refused.stderr);
    let never = scene
        .treekeeper
        .run(&["--color", "never", "sync", "--branch", "x"])
        .expect(1);
    assert!(!never.stderr.contains('\u{1b}'));
}

#[test]
fn json_says_how_a_sync_ended() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", GOOD)]);
    assert_snapshot!(scene.printed(&["plan", "--json"]), @r#"
    {"codes":[],"outcome":"planned","reasons":[],"revision":"<first>","schema":1,"warnings":[],
    "plan":{"schema":1,"counts":{"create":1,"change":0,"delete":0,"unchanged":0,"managed":0},"transactions":1,"bytes":N,
    "changes":[
    {"action":"create","path":"/a","properties":[{"action":"add","key":"n","new":1}]}],
    "spared":[],
    "orphans":[],
    "obstacles":[]}
    }
    "#);
    assert_snapshot!(scene.printed(&["sync", "--json"]), @r#"
    {"codes":[],"outcome":"applied","reasons":[],"revision":"<first>","schema":1,"warnings":[],
    "plan":{"schema":1,"counts":{"create":1,"change":0,"delete":0,"unchanged":0,"managed":0},"transactions":1,"bytes":N,
    "changes":[
    {"action":"create","path":"/a","properties":[{"action":"add","key":"n","new":1}]}],
    "spared":[],
    "orphans":[],
    "obstacles":[]}
    }
    "#);
    assert_snapshot!(scene.printed(&["sync", "--json"]), @r#"
    {"codes":[],"outcome":"in-sync","reasons":[],"revision":"<first>","schema":1,"warnings":[],
    "plan":null}
    "#);
    scene.session.create("/hosts/lame", br#"{"version":"old"}"#);
    scene.commit("second", &[("a.zk", "/a\n  n = 2\n")]);
    let refused = scene.treekeeper.run(&["sync", "--json"]).expect(4);
    assert_snapshot!(scene.words(&refused.stdout), @r#"
    {"codes":["TK1002"],"outcome":"refused","reasons":["host lame has not converged (old -> <first>)"],"revision":"<second>","schema":1,"warnings":[],
    "plan":null}
    "#);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let mut child = scene.treekeeper.command(&["tree"]).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_path_of_a_znode_and_that_in_the_repository_are_two() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let node = |arguments: &[&str]| scene.treekeeper.stdout(arguments);
    // `--path` names a directory of the repository, which these commands have no use for.
    assert_eq!(node(&["--path", "trees", "tree"]), node(&["tree"]));
    assert_eq!(node(&["--path", "trees", "export"]), node(&["export"]));
    assert_eq!(node(&["get", "/a", "--path", "trees"]), node(&["get", "/a"]));
    assert_eq!(node(&["--path", "trees", "resolve", "/a"]), "/a\n");
    scene
        .treekeeper
        .run(&["set", "/a", "n=2", "--path", "trees"])
        .expect(0);
    for command in ["get", "tree", "export", "set", "resolve", "blame", "diff"] {
        let help = node(&[command, "--help"]);
        assert!(
            help.contains("--path <DIR>") && help.contains("PATH"),
            "{command}: {help}"
        );
    }
}
