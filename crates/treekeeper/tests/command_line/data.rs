//! `get`, `set`, `ln`, `resolve`, `tree`, `export` and `import`: the live tree by hand, there and back.

use insta::assert_snapshot;

use crate::scene::Scene;
use crate::support::locks::{ForeignLock, Style};

const TREE: &str = "\
/app : service
  name = 'x'
  threads = 3
  far => /db port
  home -> /db
  /web
    n = 1
/db
  port = 5432
  /one
";

#[test]
fn get_prints_properties_and_follows_links() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    assert_snapshot!(scene.printed(&["get", "/app"]), @"");
    assert_snapshot!(scene.printed(&["get", "/app", "name"]), @"");
    assert_snapshot!(scene.printed(&["get", "/app", "far"]), @"");
    assert_snapshot!(scene.printed(&["get", "/app/home"]), @"");
    assert_snapshot!(scene.printed(&["get", "/app/home/one"]), @"");
    assert_snapshot!(scene.printed(&["get", "/app/web/../../db/", "port"]), @"");
    assert_snapshot!(scene.printed(&["resolve", "/app/home/one"]), @"");
    assert_snapshot!(scene.printed(&["resolve", "/app/../db"]), @"");
}

#[test]
fn what_is_not_there_is_told() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    scene.session.create("/loop", br#"{"a ->":"/loop/b","b ->":"/loop/a","bad =>":"/nowhere x"}"#);
    assert_snapshot!(scene.refusal(&["get", "/nowhere"], 1), @"");
    assert_snapshot!(scene.refusal(&["get", "/app", "colour"], 1), @"");
    assert_snapshot!(scene.refusal(&["get", "/loop", "bad"], 1), @"");
    assert_snapshot!(scene.refusal(&["resolve", "/loop/a"], 1), @"");
    assert_snapshot!(scene.refusal(&["resolve", "/app/nothing"], 1), @"");
    assert_snapshot!(scene.refusal(&["tree", "/nowhere"], 1), @"");
    assert_snapshot!(scene.refusal(&["export", "/nowhere"], 1), @"");
    assert_snapshot!(scene.refusal(&["get", "app"], 64), @"");
    assert_snapshot!(scene.refusal(&["tree", "app"], 64), @"");
    assert_snapshot!(scene.refusal(&["tree", "/a//b"], 64), @"");
}

#[test]
fn set_changes_properties_and_leaves_the_others() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    assert_snapshot!(scene.said(&["set", "/app", "threads=4", "colour='red'"]), @"");
    assert_snapshot!(scene.printed(&["get", "/app"]), @"");
    assert_snapshot!(scene.said(&["set", "/app", "threads=4"]), @"");
    assert_snapshot!(scene.said(&["set", "/app/home", "port = 1"]), @"");
    assert_snapshot!(scene.printed(&["get", "/db"]), @"");
}

#[test]
fn set_refuses_what_it_must() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    assert_snapshot!(scene.refusal(&["set", "/hosts", "version='x'"], 3), @"");
    assert_snapshot!(scene.refusal(&["set", "/treekeeper/state", "schema=1"], 3), @"");
    assert_snapshot!(scene.refusal(&["set", "/ZktoolsLocks", "x=1"], 3), @"");
    assert_snapshot!(scene.refusal(&["set", "/nowhere", "x=1"], 1), @"");
    assert_snapshot!(scene.refusal(&["set", "/app", "x"], 64), @"");
    assert_snapshot!(scene.refusal(&["set", "/app", "=1"], 64), @"");
    assert_snapshot!(scene.refusal(&["set", "/app"], 64), @"");
    scene.session.create("/broken", br#"{"bad =>":"/nowhere x"}"#);
    assert_snapshot!(scene.refusal(&["set", "/broken", "x=1"], 1), @"");
}

#[test]
fn set_on_hosts_and_their_nodes() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    scene.session.create("/hosts/web-1", b"{\"version\":\"old\"}");
    scene.said(&["set", "/hosts/web-1", "note='x'"]);
    assert_eq!(scene.session.text("/hosts/web-1"), r#"{"note":"x","version":"old"}"#);
    scene.said(&["set", "/hosts", "owner='jim'"]);
    assert_eq!(scene.session.json("/hosts")["owner"], "jim");
}

#[test]
fn links_are_set_where_they_are_named() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    assert_snapshot!(scene.said(&["ln", "/db/one", "/app/first"]), @"");
    scene.said(&["ln", "/db/one/", "/app/"]);
    scene.said(&["ln", "../db", "/app/relative"]);
    assert_snapshot!(scene.printed(&["get", "/app"]), @"");
    assert_snapshot!(scene.printed(&["resolve", "/app/first"]), @"");
    assert_snapshot!(scene.printed(&["resolve", "/app/relative/one"]), @"");
    assert_snapshot!(scene.refusal(&["ln", "", "/app/x"], 64), @"");
    assert_snapshot!(scene.refusal(&["ln", "/db", "/nowhere/x"], 1), @"");
    assert_snapshot!(scene.refusal(&["ln", "/db", "/hosts-lock/x"], 3), @"");
}

#[test]
fn what_is_exported_imports_back() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    let text = scene.treekeeper.stdout(&["export", "/app"]);
    assert_snapshot!(text, @"");
    assert_eq!(scene.treekeeper.stdout(&["tree", "/app"]), text);
    let file = scene.treekeeper.home().join("app.zk");
    scene.treekeeper.stdout(&["export", "/app", "--output", file.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let before = scene.freeze_tree();
    assert_snapshot!(scene.said(&["import", file.to_str().unwrap(), "--trim"]), @"");
    assert_eq!(scene.freeze_tree(), before);
    scene.session.create("/elsewhere", b"{}");
    assert_snapshot!(scene.said(&["import", file.to_str().unwrap(), "--at", "/elsewhere"]), @"");
    assert_eq!(scene.treekeeper.stdout(&["export", "/elsewhere/app"]), text);
}

#[test]
fn an_import_trims_only_when_told_and_only_below_what_it_names() {
    let scene = Scene::synced(&[("a.zk", TREE)]);
    let file = scene.treekeeper.file("f.zk", "/app\n  n = 2\n  /new\n");
    let file = file.to_str().unwrap();
    let before = scene.freeze();
    let dry = scene.treekeeper.run(&["import", file, "--trim", "--dry-run"]).expect(0);
    assert_snapshot!(scene.both(&dry), @"");
    assert_eq!(scene.freeze(), before);
    assert_snapshot!(scene.said(&["import", file]), @"");
    assert_eq!(scene.session.children("/app"), ["new", "web"]);
    assert_snapshot!(scene.said(&["import", file, "--trim"]), @"");
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
    assert_snapshot!(import("/app\n  what is this\n", &[], 1), @"");
    assert_snapshot!(import("/hosts\n", &[], 1), @"");
    assert_snapshot!(import("/x\n", &["--at", "/hosts"], 3), @"");
    assert_snapshot!(import("/x\n", &["--at", "/nowhere"], 1), @"");
    assert_snapshot!(scene.refusal(&["import", "absent.zk"], 1), @"");
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    assert_snapshot!(import("/x\n", &[], 6), @"");
    assert_snapshot!(scene.refusal(&["set", "/app", "n=1"], 6), @"");
    lock.release();
    scene.said(&["stop", "--reason", "fire"]);
    assert_snapshot!(import("/x\n", &[], 5), @"");
    assert_snapshot!(scene.refusal(&["set", "/app", "n=1"], 5), @"");
    assert_snapshot!(scene.refusal(&["ln", "/db", "/app/l"], 5), @"");
}

#[test]
fn an_import_has_the_delete_budget() {
    let children: String = (0..30).map(|number| format!("  /c{number}\n")).collect();
    let scene = Scene::synced(&[("a.zk", &format!("/a\n{children}"))]);
    let file = scene.treekeeper.file("f.zk", "/a\n");
    let file = file.to_str().unwrap();
    assert_snapshot!(scene.refusal(&["import", file, "--trim"], 3), @"");
    assert_snapshot!(scene.said(&["import", file, "--trim", "--allow-delete", "30"]), @"");
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
    assert_snapshot!(scene.printed(&["tree", "/a"]), @"");
    assert_snapshot!(scene.printed(&["export", "/a"]), @"");
    assert_snapshot!(scene.printed(&["export", "/a", "--ephemeral", "--name", "b"]), @"");
    assert_snapshot!(scene.printed(&["tree", "/raw"]), @"");
    let plain = scene.printed(&["tree", "--plain"]);
    assert!(!plain.contains("/treekeeper") && plain.contains("version = '<first>'"), "{plain}");
    assert!(scene.printed(&["tree", "--all"]).contains("/treekeeper\n  /state\n"));
}
