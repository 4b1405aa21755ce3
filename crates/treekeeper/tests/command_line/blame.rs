//! `blame`: lines, layers, commits, what is deployed and what is live.

use insta::assert_snapshot;

use crate::scene::Scene;

const BASE: &str = "# The CMS\n/cms : z4m\n  threads = 1\n  password = 'canary-7f3a'\n  /providers\n";

fn scene() -> Scene {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", BASE)]);
    scene.commit(
        "second",
        &[
            ("a.zk", BASE),
            ("o.zkx", "/cms\n  threads = 2\n  /data\n    n = 1\n"),
        ],
    );
    scene.treekeeper.run(&["sync"]).expect(0);
    scene
}

#[test]
fn a_property_is_told_with_its_line_its_commit_and_what_it_lies_over() {
    let scene = scene();
    assert_snapshot!(scene.printed(&["blame", "/cms", "threads"]), @r"
    /cms  threads = 2
    file    o.zkx:2 (overlay)
    over    a.zk:3
    commit  <second>  TIME  Ada <ada@example.com>
            a tree of REPOSITORY
    synced  <second> by MACHINE at TIME
    live    as in the files
    ");
    assert_snapshot!(scene.printed(&["blame", "/cms", "password"]), @r"
    /cms  password = •••
    file    a.zk:4
    commit  <first>  TIME  Ada <ada@example.com>
            a tree of REPOSITORY
    synced  <second> by MACHINE at TIME
    live    as in the files
    ");
    assert_snapshot!(scene.printed(&["blame", "/cms"]), @r"
    /cms
    file    a.zk:2
    and     o.zkx:1 (overlay)
    commit  <first>  TIME  Ada <ada@example.com>
            a tree of REPOSITORY
    synced  <second> by MACHINE at TIME
    live    as in the files
      password = •••  (a.zk:4)
      threads = 2  (o.zkx:2 (overlay))
      type = 'z4m'  (a.zk:2)
    ");
    assert_snapshot!(scene.printed(&["blame", "/cms/data", "n", "--json"]), @r#"
    {
      "commit": {
        "author": "Ada <ada@example.com>",
        "date": "TIME",
        "id": "<second>",
        "line": 4,
        "subject": "a tree of REPOSITORY"
      },
      "defined": true,
      "deployed": {
        "at": "TIME",
        "by": "MACHINE",
        "commit": "<second>"
      },
      "key": "n",
      "live": "same",
      "others": [],
      "path": "/cms/data",
      "place": {
        "file": "o.zkx",
        "layer": "overlay",
        "line": 4
      },
      "properties": [],
      "revision": "<second>",
      "schema": 1
    }
    "#);
}

#[test]
fn the_deployment_that_brought_a_line_is_told() {
    let scene = Scene::synced(&[("a.zk", BASE)]);
    let changed = BASE.replace("threads = 1", "threads = 4");
    scene.commit("second", &[("a.zk", &changed)]);
    scene.treekeeper.run(&["sync"]).expect(0);
    scene.commit("third", &[("a.zk", &changed), ("b.zk", "/b\n")]);
    scene.treekeeper.run(&["sync"]).expect(0);
    let brought = |arguments: &[&str]| {
        let printed = scene.printed(&[&["blame"], arguments].concat());
        let line = printed.lines().find(|line| line.starts_with("synced"));
        line.unwrap_or_default()
            .split(" by ")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(brought(&["/cms", "password"]), "synced  <first>");
    assert_eq!(brought(&["/cms", "threads"]), "synced  <second>");
    assert_eq!(brought(&["/b"]), "synced  <third>");
}

#[test]
fn drift_and_what_is_not_deployed_yet_are_told() {
    let scene = scene();
    scene.treekeeper.run(&["set", "/cms", "threads=5"]).expect(0);
    let live = |arguments: &[&str]| {
        let printed = scene.printed(&[&["blame"], arguments].concat());
        let lines = printed
            .lines()
            .filter(|line| line.starts_with("live") || line.starts_with("synced"));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(live(&["/cms", "threads"]), @r"
    synced  <second> by MACHINE at TIME
    live    differs: `treekeeper plan` shows how, `treekeeper sync --repair` mends it
    ");
    scene.session.delete("/cms/data");
    assert_snapshot!(live(&["/cms/data", "n"]), @r"
    synced  <second> by MACHINE at TIME
    live    missing: `treekeeper sync --repair` mends it
    ");
    let third = scene.commit("third", &[("a.zk", BASE), ("o.zkx", "/cms\n  threads = 3\n")]);
    assert_snapshot!(live(&["/cms", "threads", "--revision", &third]), @r"
    synced  not yet
    live    not so
    ");
}

#[test]
fn what_no_file_defines_is_told() {
    let scene = scene();
    let printed = |arguments: &[&str]| scene.printed(&[&["blame"], arguments].concat());
    scene.session.create("/scratch", b"{}");
    scene.session.create("/cms/extra", b"{\"x\":1}");
    scene.session.create_ephemeral("/cms/providers/a", b"{}");
    scene.treekeeper.run(&["set", "/cms", "colour='red'"]).expect(0);
    assert_snapshot!(printed(&["/scratch"]), @"No file of <second short> defines /scratch: it is not managed, and never touched.");
    assert_snapshot!(printed(&["/cms/extra"]), @"No file of <second short> defines /cms/extra: somebody else made it: `treekeeper plan` shows whether the next sync deletes it.");
    assert_snapshot!(printed(&["/cms/providers/a"]), @"No file of <second short> defines /cms/providers/a: it is ephemeral: session 0xSESSION made it, and it goes with it.");
    assert_snapshot!(printed(&["/hosts"]), @"No file of <second short> defines /hosts: it is reserved: treekeeper, hosts or locks keep it.");
    assert_snapshot!(printed(&["/cms", "colour"]), @"No file of <second short> sets colour of /cms: somebody else set it, and `treekeeper plan` shows whether the next sync removes it.");
    assert_snapshot!(printed(&["/scratch", "--json"]), @r#"
    {
      "defined": false,
      "path": "/scratch",
      "revision": "<second>",
      "schema": 1,
      "why": "foreign"
    }
    "#);
    scene.commit("none", &[("b.zk", "/b\n")]);
    scene.treekeeper.run(&["sync"]).expect(0);
    assert_snapshot!(printed(&["/cms"]), @"No file of <none short> defines /cms: an earlier commit defined it: `treekeeper sync --repair --prune-roots` deletes it.");
}

#[test]
fn what_is_nowhere_is_refused() {
    let scene = scene();
    assert_snapshot!(scene.refusal(&["blame", "/nowhere"], 1), @"error[TK1106]: there is no znode /nowhere");
    assert_snapshot!(scene.refusal(&["blame", "/cms", "colour"], 1), @r"
    error[TK1119]: /cms has no property colour, neither in the files nor live
    hint: see which it has: `treekeeper blame /cms`
    ");
    assert_snapshot!(scene.refusal(&["blame", "cms"], 64), @r#"error: "cms" is not a znode's path: it does not start with /"#);
    let wrong = scene.commit("wrong", &[("a.zk", "/cms\n  n = \n")]);
    assert_snapshot!(scene.refusal(&["blame", "/cms", "--revision", &wrong], 1), @r"
    error: the tree files of <wrong short> have 1 error
    hint: see them: `treekeeper plan --revision <wrong short>`
    ");
    let empty = Scene::new();
    empty.commit("only", &[("a.zk", BASE)]);
    assert_snapshot!(empty.refusal(&["blame", "/cms"], 1), @r"
    error[TK1205]: no commit is deployed
    hint: name one: `treekeeper blame PATH --revision REV`
    ");
}
