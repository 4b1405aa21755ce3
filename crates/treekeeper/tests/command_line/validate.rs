//! `validate`: the same findings for people, for programs and for code hosts; no server is needed.

// A broken case must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]

use std::fs;

use insta::assert_snapshot;

use crate::sarif::sarif;
use crate::support::treekeeper::Treekeeper;

/// Two files of one name in two directories, with a fault each alone and one together.
pub fn trees() -> Treekeeper {
    let treekeeper = Treekeeper::offline();
    for directory in ["one", "the other"] {
        fs::create_dir(treekeeper.home().join(directory)).unwrap();
    }
    treekeeper.file("one/a.zk", "/a\n  é = 'é\u{1f600}' + f()\n  token = canary\n");
    treekeeper.file("the other/a.zk", "/b\n  x = 1\n  x = 2\n/a\n");
    treekeeper
}

#[test]
fn validate_reads_files_and_directories() {
    let treekeeper = Treekeeper::offline();
    std::fs::create_dir(treekeeper.home().join("trees")).unwrap();
    treekeeper.file("trees/a.zk", "/a\n  n = 1\n");
    treekeeper.file("trees/b.zkx", "/a\n  m = 1\n/b\n");
    treekeeper.file("trees/readme", "not a tree file\n");
    assert_snapshot!(treekeeper.stdout(&["validate", "trees"]), @"Valid: 2 files, 2 znodes.");
    assert_snapshot!(treekeeper.stdout(&["validate", "trees/a.zk"]), @"Valid: 1 file, 1 znode.");
    assert_snapshot!(treekeeper.stdout(&["validate", "trees", "--json"]), @r#"
    {
      "diagnostics": [],
      "files": 2,
      "protect": [],
      "schema": 1,
      "znodes": 2
    }
    "#);
    treekeeper.file("trees/c.zk", "/a\n  what is this\n");
    let output = treekeeper.run(&["validate", "trees"]).expect(1);
    assert_snapshot!(output.stderr, @r"
    error[TK0101]: this is neither a node nor a property nor a link
     --> c.zk:2:3
      |
    2 |   what is this
      |   ^^^^^^^^^^^^
      = help: write `/name`, `name = value`, `name -> /target` or `name => /target property`

    error[TK0302]: the top-level node /a is defined by two .zk files
     --> c.zk:1:1
      |
    1 | /a
      | ^^ defined again here
     ::: a.zk:1:1
      |
    1 | /a
      | -- first defined here
      = help: join the two definitions, or rename this file to .zkx to lay it over the other

    error: the tree files have 2 errors
    ");
    assert_eq!(output.stdout, "");
    let output = treekeeper.run(&["validate", "--json", "trees"]).expect(1);
    assert_snapshot!(output.stdout, @r#"
    {
      "diagnostics": [
        {
          "code": "TK0101",
          "column": 3,
          "file": "c.zk",
          "help": "write `/name`, `name = value`, `name -> /target` or `name => /target property`",
          "line": 2,
          "message": "this is neither a node nor a property nor a link"
        },
        {
          "code": "TK0302",
          "column": 1,
          "file": "c.zk",
          "help": "join the two definitions, or rename this file to .zkx to lay it over the other",
          "line": 1,
          "message": "the top-level node /a is defined by two .zk files"
        }
      ],
      "files": 3,
      "protect": [],
      "schema": 1,
      "znodes": 0
    }
    "#);
    assert_eq!(output.stderr, "");
    assert_snapshot!(treekeeper.run(&["validate", "absent.zk"]).expect(1).stderr, @"error[TK1209]: couldn't look at absent.zk: No such file or directory (os error 2)");
    assert_snapshot!(treekeeper.run(&["validate"]).expect(64).stderr, @r"
    error: the following required arguments were not provided:
      <PATH>...

    Usage: treekeeper validate <PATH>...

    For more information, try '--help'.
    ");
}

#[test]
fn hostile_names_are_escaped_in_every_format() {
    let treekeeper = Treekeeper::offline();
    let name = "\u{202e}\u{1b}[31m a.zk";
    treekeeper.file(name, "/a\n  x\u{9b}\u{202e}y = 1\n  x\u{9b}\u{202e}y = 2\n");
    for format in ["text", "json", "sarif"] {
        let output = treekeeper.run(&["validate", "--format", format, name]).expect(1);
        let said = output.stdout + &output.stderr;
        assert!(
            !said.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
            "{format}: {said}"
        );
    }
    let output = treekeeper.run(&["validate", "--format", "sarif", name]).expect(1);
    let log = sarif(&output);
    let result = &log["runs"][0]["results"][0];
    assert_snapshot!(result["message"]["text"].as_str().unwrap(), @r"the property x\u{9b}\u{202e}y is there already; help: keep one of the two lines");
    assert_snapshot!(result["locations"][0]["physicalLocation"], @r#"{"artifactLocation":{"uri":"%E2%80%AE%1B%5B31m%20a.zk","uriBaseId":"%SRCROOT%"},"region":{"endColumn":7,"startColumn":3,"startLine":3}}"#);
}

#[test]
fn json_is_a_format_and_two_formats_are_wrong_usage() {
    let treekeeper = trees();
    let by_flag = treekeeper.run(&["validate", "--json", "one"]).expect(1).stdout;
    let by_format = treekeeper
        .run(&["validate", "--format", "json", "one"])
        .expect(1)
        .stdout;
    assert_eq!(by_flag, by_format);
    assert_snapshot!(by_format, @r#"
    {
      "diagnostics": [
        {
          "code": "TK0203",
          "column": 14,
          "file": "a.zk",
          "help": "only values and operators are evaluated, never calls",
          "line": 2,
          "message": "a call is not evaluated"
        },
        {
          "code": "TK0202",
          "column": 11,
          "file": "a.zk",
          "help": null,
          "line": 3,
          "message": "the value of token cannot be read; what is wrong with it may be secret"
        }
      ],
      "files": 1,
      "protect": [],
      "schema": 1,
      "znodes": 1
    }
    "#);
    assert_eq!(
        treekeeper
            .run(&["validate", "--format", "json", "--json", "one"])
            .expect(1)
            .stdout,
        by_flag
    );
    let said = treekeeper
        .run(&["validate", "--format", "sarif", "--json", "one"])
        .expect(64);
    assert_snapshot!(said.stderr, @"error: --json is --format json: give one of the two");
    let text = treekeeper.run(&["validate", "--format", "text", "one"]).expect(1);
    assert_eq!(text.stderr, treekeeper.run(&["validate", "one"]).expect(1).stderr);
}

#[test]
fn the_help_of_validate() {
    let help = Treekeeper::offline().stdout(&["validate", "-h"]);
    let (own, _) = help.split_once("Global options").unwrap();
    assert_snapshot!(own, @r"
    Parse and merge tree files offline, and report everything that is wrong with them

    Usage: treekeeper validate [OPTIONS] <PATH>...

    Arguments:
      <PATH>...  Tree files and the repository's treekeeper.toml, or one directory of them

    Options:
          --format <FORMAT>  How to report [default: text] [possible values: text, json, sarif]
      -h, --help             Print help (see more with '--help')
    ");
    assert_snapshot!(&help[help.find("Examples").unwrap()..], @r"
    Examples:
      treekeeper validate trees                   for people and pre-commit hooks
      treekeeper validate --format sarif trees    for code hosts that show errors beside the lines

    Exit codes: 0 nothing is wrong, 1 something is; `treekeeper explain CODE` tells more about an error.
    ");
}

/// Returns a directory with one tree file and these settings of the repository.
fn with_settings(text: &str) -> Treekeeper {
    let treekeeper = Treekeeper::offline();
    fs::create_dir(treekeeper.home().join("trees")).unwrap();
    treekeeper.file("trees/a.zk", "/a\n");
    treekeeper.file("trees/treekeeper.toml", text);
    treekeeper
}

#[test]
fn the_settings_beside_the_files_are_read_as_a_sync_reads_them() {
    let treekeeper = with_settings("[delete]\nprotect = ['/a/**', '/roles/*']\n");
    assert_snapshot!(treekeeper.stdout(&["validate", "trees"]), @"Valid: 1 file, 1 znode; treekeeper.toml protects 2 globs.");
    assert_snapshot!(treekeeper.stdout(&["validate", "trees", "--json"]), @r#"
    {
      "diagnostics": [],
      "files": 1,
      "protect": [
        "/a/**",
        "/roles/*"
      ],
      "schema": 1,
      "znodes": 1
    }
    "#);
    let named = ["validate", "trees/a.zk", "trees/treekeeper.toml"];
    assert_eq!(
        treekeeper.stdout(&named),
        treekeeper.stdout(&["validate", "trees"])
    );
    assert_snapshot!(treekeeper.stdout(&["validate", "trees/treekeeper.toml"]), @"Valid: 0 files, 0 znodes; treekeeper.toml protects 2 globs.");
    // Alone it is no tree file, and a link is not followed.
    fs::remove_file(treekeeper.home().join("trees/treekeeper.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", treekeeper.home().join("trees/treekeeper.toml")).unwrap();
    assert_snapshot!(treekeeper.run(&["validate", "trees"]).expect(1).stderr, @r"
    error[TK1207]: trees/treekeeper.toml is a symbolic link, not a regular file
    hint: commit the text itself in place of the link trees/treekeeper.toml
    ");
}

#[test]
fn settings_that_a_sync_would_refuse_are_diagnostics_with_their_place() {
    let said = |text: &str| with_settings(text).run(&["validate", "trees"]).expect(1).stderr;
    assert_snapshot!(said("[delete]\nprotect = ['/a', 'roles/**']\n"), @r#"
    error[TK1110]: "roles/**" in `protect`: a glob begins with a slash, such as /roles/**
     --> treekeeper.toml:2:18
      |
    2 | protect = ['/a', 'roles/**']
      |                  ^^^^^^^^^^
      = help: in the repository this file holds `protect` of [delete] and nothing else; the rest belongs into the configuration of the machine that syncs

    error: the tree files have 1 error
    "#);
    assert_snapshot!(said("# ours\nzookeeper = 'evil:2181'\n"), @r"
    error[TK1110]: unknown field `zookeeper`, expected `delete`
     --> treekeeper.toml:2:1
      |
    2 | zookeeper = 'evil:2181'
      | ^^^^^^^^^
      = help: in the repository this file holds `protect` of [delete] and nothing else; the rest belongs into the configuration of the machine that syncs

    error: the tree files have 1 error
    ");
    assert_snapshot!(said("[delete\n"), @r"
    error[TK1110]: unclosed table, expected `]`
     --> treekeeper.toml:1:8
      |
    1 | [delete
      |        ^
      = help: in the repository this file holds `protect` of [delete] and nothing else; the rest belongs into the configuration of the machine that syncs

    error: the tree files have 1 error
    ");
    assert!(said("[delete]\nprotect = 'x'\n").contains(" --> treekeeper.toml:2:11\n"));
    let treekeeper = with_settings("[delete]\nprotect = ['/a', 'roles/**']\n");
    treekeeper.file("trees/b.zk", "/b\n  ?\n");
    let told = treekeeper.run(&["validate", "--json", "trees"]).expect(1).stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let codes: Vec<_> = told["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| &found["code"])
        .collect();
    assert_eq!(codes, ["TK0101", "TK1110"]);
    let log = sarif(
        &treekeeper
            .run(&["validate", "--format", "sarif", "trees"])
            .expect(1),
    );
    let result = &log["runs"][0]["results"][1];
    assert_snapshot!(result["locations"][0]["physicalLocation"], @r#"{"artifactLocation":{"uri":"trees/treekeeper.toml","uriBaseId":"%SRCROOT%"},"region":{"endColumn":28,"startColumn":18,"startLine":2}}"#);
    let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][rule]["id"], "TK1110");
}
