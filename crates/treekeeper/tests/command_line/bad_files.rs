//! Commits whose tree files are wrong: each is refused with its place, and nothing is written.

use std::fs;

use insta::assert_snapshot;

use crate::scene::Scene;

const GOOD: &str = "/a\n  n = 1\n";

/// Refuses a commit of these files twice: on an empty cluster, and on one that is synced.
fn refused(files: &[(&str, &str)]) -> String {
    let empty = Scene::new();
    empty.commit("bad", files);
    let first = empty.refusal(&["sync"], 1);
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.commit("bad", files);
    let later = scene.refusal(&["sync"], 1);
    assert_eq!(later, first.replace("initial", "<first>"));
    first
}

/// Refuses a commit that was made by hand.
fn refused_after(make: impl FnOnce(&Scene)) -> String {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    make(&scene);
    let id = scene.repository.git(&["rev-parse", "HEAD"]);
    scene.name("bad", id.trim());
    scene.refusal(&["sync"], 1)
}

#[test]
fn a_syntax_error_in_one_of_ten_files() {
    let names: Vec<String> = (0..10).map(|number| format!("{number}.zk")).collect();
    let texts: Vec<String> = (0..10)
        .map(|number| format!("/root{number}\n  n = {number}\n"))
        .collect();
    let mut files: Vec<(&str, &str)> = names
        .iter()
        .zip(&texts)
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    files[6].1 = "/root6\n  n = 6\n  what is this\n";
    assert_snapshot!(refused(&files), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: initial
    error[TK0101]: this is neither a node nor a property nor a link
     --> 6.zk:3:3
      |
    3 |   what is this
      |   ^^^^^^^^^^^^
      = help: write `/name`, `name = value`, `name -> /target` or `name => /target property`

    error: the tree files have 1 error; nothing was written
    ");
}

#[test]
fn several_errors_are_all_told() {
    let files = [
        ("a.zk", "/a\n    n = 1\n  m = 2\n"),
        ("b.zk", "/b\n  x = 1\n  x = 2\n/b\n"),
        ("c.zk", "n = 1\n"),
    ];
    assert_snapshot!(refused(&files), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: initial
    error[TK0103]: this indent fits no line above
     --> a.zk:3:1
      |
    3 |   m = 2
      | ^^
      = help: the lines above allow an indent of 0, or a deeper one than the last line's

    error[TK0106]: the property x is there already
     --> b.zk:3:3
      |
    3 |   x = 2
      |   ^ again here
     ::: b.zk:2:3
      |
    2 |   x = 1
      |   - first here
      = help: keep one of the two lines

    error[TK0105]: the node /b is there already
     --> b.zk:4:1
      |
    4 | /b
      | ^^ again here
     ::: b.zk:1:1
      |
    1 | /b
      | -- first here
      = help: put everything of the node below one line

    error[TK0107]: this property belongs to no node
     --> c.zk:1:1
      |
    1 | n = 1
      | ^^^^^
      = help: indent it below the node that it belongs to; the root can have no properties

    error: the tree files have 4 errors; nothing was written
    ");
}

#[test]
fn one_root_in_two_files() {
    assert_snapshot!(refused(&[("a.zk", "/a\n  n = 1\n"), ("b.zk", "/b\n/a\n  m = 1\n")]), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: initial
    error[TK0302]: the top-level node /a is defined by two .zk files
     --> b.zk:2:1
      |
    2 | /a
      | ^^ defined again here
     ::: a.zk:1:1
      |
    1 | /a
      | -- first defined here
      = help: join the two definitions, or rename this file to .zkx to lay it over the other

    error: the tree files have 1 error; nothing was written
    ");
}

#[test]
fn reserved_roots() {
    let names = [
        "zookeeper",
        "treekeeper",
        "hosts",
        "ZktoolsLocks",
        "hosts-lock",
        "agent-locks",
    ];
    for name in names {
        let scene = Scene::synced(&[("a.zk", GOOD)]);
        scene.commit("bad", &[("a.zk", GOOD), ("r.zk", &format!("/{name}\n  /x\n"))]);
        let said = scene.refusal(&["sync"], 1);
        assert!(said.contains(&format!("/{name}")), "{said}");
        assert!(said.contains("r.zk:1:1"), "{said}");
        scene.commit("worse", &[("a.zk", GOOD), ("r.zkx", &format!("/{name}\n  /x\n"))]);
        assert!(
            scene.refusal(&["sync", "--force"], 1).contains("r.zkx:1:1"),
            "{name}"
        );
    }
    assert_snapshot!(refused(&[("a.zk", "/a\n"), ("r.zk", "/hosts\n  version = 1\n")]), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: initial
    error[TK0301]: the top-level node /hosts is reserved
     --> r.zk:1:1
      |
    1 | /hosts
      | ^^^^^^ no tree file may define it
      = help: reserved are /zookeeper, /treekeeper, /hosts, /ZktoolsLocks, /hosts-lock, /agent-locks: choose another name

    error: the tree files have 1 error; nothing was written
    ");
}

#[test]
fn a_symbolic_link_named_like_a_tree_file_is_never_opened() {
    let said = refused_after(|scene| {
        let secret = scene.treekeeper.file("secret", "canary-of-the-target");
        std::os::unix::fs::symlink(secret, scene.repository.path().join("b.zk")).unwrap();
        scene.repository.git(&["add", "b.zk"]);
        scene.repository.git(&["commit", "--quiet", "--message", "link"]);
    });
    assert!(!said.contains("canary"), "{said}");
    assert_snapshot!(said, @r"
    INFO VCS Version: <bad>
    INFO ZK Version: <first>
    error[TK1207]: b.zk is a symbolic link, not a regular file
    hint: commit the text itself in place of the link b.zk
    ");
}

#[test]
fn a_submodule_named_like_a_tree_file() {
    let said = refused_after(|scene| {
        let head = scene.repository.git(&["rev-parse", "HEAD"]);
        let entry = format!("160000,{},b.zk", head.trim());
        scene
            .repository
            .git(&["update-index", "--add", "--cacheinfo", &entry]);
        scene
            .repository
            .git(&["commit", "--quiet", "--message", "submodule"]);
    });
    assert_snapshot!(said, @r"
    INFO VCS Version: <bad>
    INFO ZK Version: <first>
    error[TK1207]: b.zk is a submodule, not a regular file
    hint: rename b.zk so that it doesn't end in .zk or .zkx
    ");
}

#[test]
fn a_directory_named_like_a_tree_file() {
    assert_snapshot!(refused(&[("a.zk", GOOD), ("b.zk/c.zk", GOOD)]), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: initial
    error[TK1207]: b.zk is a directory, not a regular file
    hint: rename b.zk so that it doesn't end in .zk or .zkx
    ");
}

#[test]
fn a_file_that_is_not_utf8() {
    let said = refused_after(|scene| {
        fs::write(
            scene.repository.path().join("b.zk"),
            b"/b\n  n = 1\n  # caf\xe9\n",
        )
        .unwrap();
        scene.repository.git(&["add", "b.zk"]);
        scene.repository.git(&["commit", "--quiet", "--message", "latin"]);
    });
    assert_snapshot!(said, @r"
    INFO VCS Version: <bad>
    INFO ZK Version: <first>
    error[TK0110]: the file is not UTF-8: byte 18 begins no character
     --> b.zk:3:8
      |
    3 |   # caf�
      |        ^
      = help: save the file as UTF-8

    error: the tree files have 1 error; nothing was written
    ");
}

#[test]
fn names_that_the_server_refuses() {
    assert_snapshot!(refused(&[("a.zk", "/a\n  /b\u{1f600}\n  /c\u{7f}\n  /..\n  /d\u{202e}\n")]), @r#"
    INFO VCS Version: <bad>
    INFO ZK Version: initial
    error[TK0108]: a node's name cannot hold the character U+1F600
     --> a.zk:2:5
      |
    2 |   /b😀
      |     ^
      = help: ZooKeeper refuses control characters and all above U+D7FF but U+F900 to U+FFEF; treekeeper also those that hide or reorder text

    error[TK0108]: a node's name cannot hold the character U+007F
     --> a.zk:3:5
      |
    3 |   /c\u{7f}
      |     ^^^^^^
      = help: ZooKeeper refuses control characters and all above U+D7FF but U+F900 to U+FFEF; treekeeper also those that hide or reorder text

    error[TK0109]: a node cannot be called ".."
     --> a.zk:4:4
      |
    4 |   /..
      |    ^^
      = help: only the targets of links may hold . and ..

    error[TK0108]: a node's name cannot hold the character U+202E
     --> a.zk:5:5
      |
    5 |   /d\u{202e}
      |     ^^^^^^^^
      = help: ZooKeeper refuses control characters and all above U+D7FF but U+F900 to U+FFEF; treekeeper also those that hide or reorder text

    error: the tree files have 4 errors; nothing was written
    "#);
}

#[test]
fn data_over_the_limit() {
    let value = "x".repeat(60_000);
    let lines: String = (0..5)
        .map(|number| format!("  p{number} = '{value}'\n"))
        .collect();
    assert_snapshot!(refused(&[("a.zk", &format!("/a\n  /b\n{}", lines.replace("  p", "    p")))]), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: initial
    error[TK0406]: the node's data have 300041 bytes, 262144 are allowed
     --> a.zk:2:3
      |
    2 |   /b
      |   ^^
      = help: spread the properties over several nodes, or raise `limits.node_data_bytes`

    error: the tree files have 1 error; nothing was written
    ");
}

#[test]
fn a_line_over_the_limit() {
    let said = refused(&[("a.zk", &format!("/a\n  p = '{}'\n", "x".repeat(70_000)))]);
    assert!(said.len() < 2_000, "a long line is cut: {} bytes", said.len());
    assert_snapshot!(said.replace(&"x".repeat(40), "x*40"), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: initial
    error[TK0402]: the line has 70008 bytes, 65536 are allowed
     --> a.zk:2:3
      |
    2 |   p = 'x*40x*40xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
      |   ^
      = help: split the value over several properties, or raise `limits.line_bytes`

    error: the tree files have 1 error; nothing was written
    ");
}

#[test]
fn code_in_a_value_is_never_run() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let touched = scene.treekeeper.home().join("touched");
    let code = format!(
        "/a\n  n = __import__('os').system('touch {}')\n",
        touched.display()
    );
    scene.commit("bad", &[("a.zk", &code)]);
    assert_snapshot!(scene.refusal(&["sync"], 1), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: <first>
    error[TK0203]: a call is not evaluated
     --> a.zk:2:7
      |
    2 |   n = __import__('os').system('touch HOME/touched')
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: only values and operators are evaluated, never calls

    error: the tree files have 1 error; nothing was written
    ");
    assert!(!touched.exists());
}

#[test]
fn numbers_that_would_never_end() {
    assert_snapshot!(refused(&[("a.zk", "/a\n  n = 9**9**9\n")]), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: initial
    error[TK0213]: the integer has more than 4096 bits
     --> a.zk:2:7
      |
    2 |   n = 9**9**9
      |       ^^^^^^^
      = help: write the value itself instead of computing it, or make it smaller

    error: the tree files have 1 error; nothing was written
    ");
}

#[test]
fn overlays_that_contradict_each_other() {
    let files = [
        ("a.zk", GOOD),
        ("b.zkx", "/a\n  n = 2\n"),
        ("c.zkx", "/a\n  n = 3\n"),
    ];
    assert_snapshot!(refused(&files), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: initial
    error[TK0303]: two overlays set n of /a to different values
     --> c.zkx:2:3
      |
    2 |   n = 3
      |   ^ set to another value here
     ::: b.zkx:2:3
      |
    2 |   n = 2
      |   - first set here
      = help: leave the property to one of the two files

    error: the tree files have 1 error; nothing was written
    ");
}

#[test]
fn force_does_not_lift_a_wrong_file() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.commit("bad", &[("a.zk", "what is this\n")]);
    assert_snapshot!(scene.refusal(&["sync", "--force", "--repair"], 1), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: <first>
    error[TK0101]: this is neither a node nor a property nor a link
     --> a.zk:1:1
      |
    1 | what is this
      | ^^^^^^^^^^^^
      = help: write `/name`, `name = value`, `name -> /target` or `name => /target property`

    error: the tree files have 1 error; nothing was written
    ");
    let planned = scene.treekeeper.run(&["plan"]).expect(1);
    assert_snapshot!(scene.both(&planned), @r"
    error[TK0101]: this is neither a node nor a property nor a link
     --> a.zk:1:1
      |
    1 | what is this
      | ^^^^^^^^^^^^
      = help: write `/name`, `name = value`, `name -> /target` or `name => /target property`

    error: the tree files have 1 error; nothing was written
    ");
    let dry = scene.treekeeper.run(&["sync", "--dry-run"]).expect(1);
    assert_snapshot!(scene.both(&dry), @r"
    INFO VCS Version: <bad>
    INFO ZK Version: <first>
    error[TK0101]: this is neither a node nor a property nor a link
     --> a.zk:1:1
      |
    1 | what is this
      | ^^^^^^^^^^^^
      = help: write `/name`, `name = value`, `name -> /target` or `name => /target property`

    error: the tree files have 1 error; nothing was written
    ");
}
