//! `get`, `set`, `ln`, `resolve`, `tree`, `export` and `import`: the live tree by hand, there and back.

use insta::assert_snapshot;

use crate::scene::Scene;
use crate::support::locks::{ForeignLock, Style};

const TREE: &str = "\
/app : service
  name = 'x'
  threads = 3
  far => /db port
  main -> /db
  /web
    n = 1
/db
  port = 5432
  /one
";

#[test]
fn get_prints_properties_and_follows_links() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    assert_snapshot!(scene.printed(&["get", "/app"]), @r#"{"far =>":"/db port","main ->":"/db","name":"x","threads":3,"type":"service"}"#);
    assert_snapshot!(scene.printed(&["get", "/app", "name"]), @r#""x""#);
    assert_snapshot!(scene.printed(&["get", "/app", "far"]), @"5432");
    assert_snapshot!(scene.printed(&["get", "/app/main"]), @r#"{"port":5432}"#);
    assert_snapshot!(scene.printed(&["get", "/app/main/one"]), @"{}");
    assert_snapshot!(scene.printed(&["get", "/app/web/../../db/", "port"]), @"5432");
    assert_snapshot!(scene.printed(&["resolve", "/app/main/one"]), @"/db/one");
    assert_snapshot!(scene.printed(&["resolve", "/app/../db"]), @"/db");
}

#[test]
fn what_is_not_there_is_told() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    scene.session.create(
        "/loop",
        br#"{"a ->":"/loop/b","b ->":"/loop/a","bad =>":"/nowhere x"}"#,
    );
    assert_snapshot!(scene.refusal(&["get", "/nowhere"], 1), @"error[TK1106]: there is no znode /nowhere");
    assert_snapshot!(scene.refusal(&["get", "/app", "colour"], 1), @"error[TK1119]: /app has no property colour");
    assert_snapshot!(scene.refusal(&["get", "/loop", "bad"], 1), @r#"error[TK1118]: the property link "bad =>" cannot be followed: there is no znode /nowhere"#);
    assert_snapshot!(scene.refusal(&["resolve", "/loop/a"], 1), @"error[TK1118]: links lead in a circle: /loop/a -> /loop/b -> /loop/a");
    assert_snapshot!(scene.refusal(&["resolve", "/app/nothing"], 1), @"error[TK1106]: there is no znode /app/nothing");
    assert_snapshot!(scene.refusal(&["tree", "/nowhere"], 1), @"error[TK1106]: there is no znode /nowhere");
    assert_snapshot!(scene.refusal(&["export", "/nowhere"], 1), @"error[TK1106]: there is no znode /nowhere");
    assert_snapshot!(scene.refusal(&["get", "app"], 64), @r#"error: "app" is not a znode's path: it does not start with /"#);
    assert_snapshot!(scene.refusal(&["tree", "app"], 64), @r#"error: "app" is not a znode's path: it does not start with /"#);
    assert_snapshot!(scene.refusal(&["tree", "/a//b"], 1), @"error[TK1106]: there is no znode /a/b");
}

#[test]
fn set_changes_properties_and_leaves_the_others() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    assert_snapshot!(scene.said(&["set", "/app", "threads=4", "colour='red'"]), @"Done: 0 created, 1 changed, 0 deleted in 1 transaction.");
    assert_snapshot!(scene.printed(&["get", "/app"]), @r#"{"colour":"red","far =>":"/db port","main ->":"/db","name":"x","threads":4,"type":"service"}"#);
    assert_snapshot!(scene.said(&["set", "/app", "threads=4"]), @"Done: 0 created, 0 changed, 0 deleted.");
    assert_snapshot!(scene.said(&["set", "/app/main", "port = 1"]), @"Done: 0 created, 1 changed, 0 deleted in 1 transaction.");
    assert_snapshot!(scene.printed(&["get", "/db"]), @r#"{"port":1}"#);
}

#[test]
fn set_refuses_what_it_must() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    assert_snapshot!(scene.refusal(&["set", "/hosts", "version='x'"], 3), @r"
    refused[TK1010]: the version of /hosts is not set like a property
    hint: use `treekeeper stop`, `resume VERSION` or `pause`
    ");
    assert_snapshot!(scene.refusal(&["set", "/treekeeper/state", "schema=1"], 3), @"refused[TK1010]: /treekeeper/state is reserved and not written by hand");
    assert_snapshot!(scene.refusal(&["set", "/ZktoolsLocks", "x=1"], 3), @"refused[TK1010]: /ZktoolsLocks is reserved and not written by hand");
    assert_snapshot!(scene.refusal(&["set", "/nowhere", "x=1"], 1), @"error[TK1106]: there is no znode /nowhere");
    assert_snapshot!(scene.refusal(&["set", "/app", "x"], 64), @r#"error: "x" is not of the form KEY=EXPR"#);
    assert_snapshot!(scene.refusal(&["set", "/app", "=1"], 64), @r#"error: "=1" has no key before the ="#);
    assert_snapshot!(scene.refusal(&["set", "/app"], 64), @r"
    error: the following required arguments were not provided:
      <KEY=EXPR>...

    Usage: treekeeper set <PATH> <KEY=EXPR>...

    For more information, try '--help'.
    ");
    scene.session.create("/broken", br#"{"bad =>":"/nowhere x"}"#);
    assert_snapshot!(scene.refusal(&["set", "/broken", "x=1"], 1), @r#"error[TK1118]: the property link "bad =>" cannot be followed: there is no znode /nowhere"#);
}

#[test]
fn set_on_hosts_and_their_nodes() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    scene.session.create("/hosts/web-1", b"{\"version\":\"old\"}");
    scene.said(&["set", "/hosts/web-1", "note='x'"]);
    assert_eq!(
        scene.session.text("/hosts/web-1"),
        r#"{"note":"x","version":"old"}"#
    );
    scene.said(&["set", "/hosts", "owner='jim'"]);
    assert_eq!(scene.session.json("/hosts")["owner"], "jim");
}

#[test]
fn links_are_set_where_they_are_named() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    assert_snapshot!(scene.said(&["ln", "/db/one", "/app/first"]), @"Done: 0 created, 1 changed, 0 deleted in 1 transaction.");
    scene.said(&["ln", "/db/", "/app/one"]);
    scene.said(&["ln", "../db", "/app/relative"]);
    assert_snapshot!(scene.printed(&["get", "/app"]), @r#"{"far =>":"/db port","first ->":"/db/one","main ->":"/db","name":"x","one ->":"/db/one","relative ->":"../db","threads":3,"type":"service"}"#);
    assert_snapshot!(scene.printed(&["resolve", "/app/first"]), @"/db/one");
    assert_snapshot!(scene.printed(&["resolve", "/app/relative/one"]), @"/db/one");
    assert_snapshot!(scene.refusal(&["ln", "", "/app/x"], 64), @"error: a link's name and target are not empty and hold no blanks");
    assert_snapshot!(scene.refusal(&["ln", "/db", "/app/"], 64), @r#"error: "/app/" does not name a link: give the path of a znode, a slash, and the link's name"#);
    assert_snapshot!(scene.refusal(&["ln", "/db", "/nowhere/x"], 1), @r"
    error[TK1106]: there is no znode /nowhere
    hint: create it first, or correct the path
    ");
    assert_snapshot!(scene.refusal(&["ln", "/db", "/hosts-lock/x"], 3), @"refused[TK1010]: /hosts-lock is reserved and not written by hand");
}

#[test]
fn what_is_exported_imports_back() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    let text = scene.treekeeper.stdout(&["export", "/app"]);
    assert_snapshot!(text, @r"
    /app : service
      far => /db port
      name = u'x'
      threads = 3
      main -> /db
      /web
        n = 1
    ");
    assert_eq!(scene.treekeeper.stdout(&["tree", "/app"]), text);
    let file = scene.treekeeper.home().join("app.zk");
    scene
        .treekeeper
        .stdout(&["export", "/app", "--output", file.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let before = scene.freeze_tree();
    assert_snapshot!(scene.said(&["import", file.to_str().unwrap(), "--trim"]), @"Done: 0 created, 0 changed, 0 deleted.");
    assert_eq!(scene.freeze_tree(), before);
    scene.session.create("/elsewhere", b"{}");
    assert_snapshot!(scene.said(&["import", file.to_str().unwrap(), "--at", "/elsewhere"]), @"Done: 2 created, 0 changed, 0 deleted in 1 transaction.");
    assert_eq!(scene.treekeeper.stdout(&["export", "/elsewhere/app"]), text);
}

#[test]
fn an_import_trims_only_when_told_and_only_below_what_it_names() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    let file = scene.treekeeper.file("f.zk", "/app\n  n = 2\n  /new\n");
    let file = file.to_str().unwrap();
    let before = scene.freeze();
    let dry = scene
        .treekeeper
        .run(&["import", file, "--trim", "--dry-run"])
        .expect(0);
    assert_snapshot!(scene.both(&dry), @r"
    ~ /app
        - far => /db port
        - main -> /db
        + n = 2
        - name = 'x'
        - threads = 3
        - type = 'service'
    + /app/new
    - /app/web
    Plan: 1 to create, 1 to change, 1 to delete (1 transaction, N bytes).
    ");
    assert_eq!(scene.freeze(), before);
    assert_snapshot!(scene.said(&["import", file]), @"Done: 1 created, 1 changed, 0 deleted in 1 transaction.");
    assert_eq!(scene.session.children("/app"), ["new", "web"]);
    assert_snapshot!(scene.said(&["import", file, "--trim"]), @"Done: 0 created, 0 changed, 1 deleted in 1 transaction.");
    assert_eq!(scene.session.children("/app"), ["new"]);
    assert!(scene.session.exists("/db/one"));
}

#[test]
fn an_import_is_refused_like_a_sync() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    let import = |text: &str, arguments: &[&str], status| {
        let file = scene.treekeeper.file("f.zk", text);
        scene.refusal(&[&["import", file.to_str().unwrap()], arguments].concat(), status)
    };
    assert_snapshot!(import("/app\n  what is this\n", &[], 1), @r"
    error[TK0101]: this is neither a node nor a property nor a link
     --> f.zk:2:3
      |
    2 |   what is this
      |   ^^^^^^^^^^^^
      = help: write `/name`, `name = value`, `name -> /target` or `name => /target property`

    error: the tree files have 1 error; nothing was written
    ");
    assert_snapshot!(import("/hosts\n", &[], 1), @r"
    error[TK0301]: the top-level node /hosts is reserved
     --> f.zk:1:1
      |
    1 | /hosts
      | ^^^^^^ no tree file may define it
      = help: reserved are /zookeeper, /treekeeper, /hosts, /ZktoolsLocks, /hosts-lock, /agent-locks: choose another name

    error: the tree files have 1 error; nothing was written
    ");
    assert_snapshot!(import("/x\n", &["--at", "/hosts"], 3), @"refused[TK1010]: /hosts is reserved and not written by hand");
    assert_snapshot!(import("/x\n", &["--at", "/nowhere"], 1), @"error[TK1113]: /nowhere does not exist, and no file defines it");
    assert_snapshot!(scene.refusal(&["import", "absent.zk"], 1), @"error: cannot read absent.zk: No such file or directory (os error 2)");
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    assert_snapshot!(import("/x\n", &[], 6), @r#"
    ERROR Refused to update zookeeper tree, couldn't obtain cluster lock
    refused[TK1008]: the lock is held by /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE (session 0xSESSION, data "0")
    hint: `treekeeper lock show` tells more; to wait for it, add `--lock-wait SECONDS`; if it is stuck: `treekeeper lock break /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE`
    "#);
    assert_snapshot!(scene.refusal(&["set", "/app", "n=1"], 6), @r#"
    ERROR Refused to update zookeeper tree, couldn't obtain cluster lock
    refused[TK1008]: the lock is held by /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE (session 0xSESSION, data "0")
    hint: `treekeeper lock show` tells more; to wait for it, add `--lock-wait SECONDS`; if it is stuck: `treekeeper lock break /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE`
    "#);
    lock.release();
    scene.said(&["stop", "--reason", "fire"]);
    assert_snapshot!(import("/x\n", &[], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped by MACHINE since TIME: fire
    hint: an operator lifts it with `treekeeper resume`
    ");
    assert_snapshot!(scene.refusal(&["set", "/app", "n=1"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped by MACHINE since TIME: fire
    hint: an operator lifts it with `treekeeper resume`
    ");
    assert_snapshot!(scene.refusal(&["ln", "/db", "/app/l"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped by MACHINE since TIME: fire
    hint: an operator lifts it with `treekeeper resume`
    ");
}

#[test]
fn an_import_has_the_delete_budget() {
    let children: String = (0..30).map(|number| format!("  /c{number}\n")).collect();
    let scene = Scene::synced(&[("a.zk", &format!("/a\n{children}"))]);
    let file = scene.treekeeper.file("f.zk", "/a\n");
    let file = file.to_str().unwrap();
    assert_snapshot!(scene.refusal(&["import", file, "--trim"], 3), @r"
    refused[TK1007]: the plan deletes 30 znodes, the budget is 20 of 31 managed ones
    hint: read the plan (`--dry-run`), then allow it once: add `--allow-delete 30`
    ");
    assert_snapshot!(scene.said(&["import", file, "--trim", "--allow-delete", "30"]), @"Done: 0 created, 0 changed, 30 deleted in 1 transaction.");
}

#[test]
fn an_import_never_makes_or_marks_hosts() {
    let scene = Scene::new();
    let file = scene.treekeeper.file("f.zk", "/a\n");
    scene.said(&["import", file.to_str().unwrap()]);
    assert_eq!(scene.session.children("/"), ["ZktoolsLocks", "a"]);
    scene.session.create("/hosts", br#"{"version":"v1"}"#);
    let file = scene.treekeeper.file("g.zk", "/b\n");
    scene.said(&["import", file.to_str().unwrap()]);
    assert_eq!(scene.session.text("/hosts"), r#"{"version":"v1"}"#);
}

#[test]
fn tree_shows_ephemerals_and_export_does_not() {
    let scene = Scene::synced(&[("a.zk", "/a\n")]);
    scene.session.create_ephemeral("/a/alive", b"{\"pid\": 1}");
    scene.session.create("/raw", b"bytes \xff");
    assert_snapshot!(scene.printed(&["tree", "/a"]), @r"
    /a
      /alive
        pid = 1
    ");
    assert_snapshot!(scene.printed(&["export", "/a"]), @"/a");
    assert_snapshot!(scene.printed(&["export", "/a", "--ephemeral", "--name", "b"]), @r"
    /b
      /alive
        pid = 1
    ");
    assert_snapshot!(scene.printed(&["tree", "/raw"]), @r"
    /raw
      string_value = 'bytes \xff'
    ");
    let plain = scene.printed(&["tree", "--plain"]);
    assert!(
        !plain.contains("/treekeeper") && plain.contains("version = '<first>'"),
        "{plain}"
    );
    assert!(
        scene
            .printed(&["tree", "--all"])
            .contains("/treekeeper\n  /history\n")
    );
}

#[test]
fn the_live_tree_as_json() {
    let scene = Scene::new();
    scene.session.create("/a", br#"{"n":1,"link ->":"/b"}"#);
    scene.session.create("/a/raw", b"\xff\x1b[31m");
    scene.session.create_ephemeral("/a/web-1", b"");
    assert_snapshot!(scene.printed(&["tree", "--json"]), @r#"{"schema":1,"path":"/","tree":{"name":"","ephemeral":false,"properties":{},"children":[{"name":"a","ephemeral":false,"properties":{"link ->":"/b","n":1},"children":[{"name":"raw","ephemeral":false,"properties":{"string_value":"\ufffd\u001b[31m"},"children":[]},{"name":"web-1","ephemeral":true,"properties":{},"children":[]}]}]}}"#);
    assert_snapshot!(scene.printed(&["tree", "/a/raw", "--json"]), @r#"{"schema":1,"path":"/a/raw","tree":{"name":"raw","ephemeral":false,"properties":{"string_value":"\ufffd\u001b[31m"},"children":[]}}"#);
    assert_snapshot!(scene.printed(&["resolve", "/a/raw", "--json"]), @r#"
    {
      "path": "/a/raw",
      "schema": 1
    }
    "#);
    assert_snapshot!(scene.refusal(&["export", "/a", "--json"], 64), @"
    error: an exported tree is a tree file, not JSON
    hint: `treekeeper tree --json` prints the live tree as JSON
    ");
}

#[test]
fn an_export_that_no_tree_file_may_hold_says_so() {
    let scene = Scene::synced(&[("a.zk", "/a\n")]);
    scene.session.create("/agent-locks", b"");
    let hint = "hint: no tree file may define /ZktoolsLocks, /agent-locks, /hosts: take that out, or export one top-level \
                znode at a time, such as `treekeeper export /cms`\n";
    assert_eq!(scene.said(&["export"]), hint);
    assert_eq!(scene.said(&["export", "--output", "all.zk"]), hint);
    assert_eq!(scene.said(&["export", "-q"]), "");
    assert_eq!(scene.said(&["export", "/a"]), "");
}
