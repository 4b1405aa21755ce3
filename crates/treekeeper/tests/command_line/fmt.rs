//! `fmt`: what it writes, what it leaves alone, and what it says; no server and no repository is needed.

// A broken case must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Stdio;

use insta::assert_snapshot;

use crate::support::treekeeper::{Output, Treekeeper};

const UNTIDY: &str = "# top\n/a\n\tx=1\n\n\ty ->/b\r\n\t/sub:t  \n";
const TIDY: &str = "# top\n/a\n  x = 1\n\n  y -> /b\n  /sub:t\n";

/// A directory with an untidy file, a tidy overlay, and a file that is no tree file.
fn trees() -> Treekeeper {
    let treekeeper = Treekeeper::offline();
    fs::create_dir(treekeeper.home().join("trees")).unwrap();
    treekeeper.file("trees/a.zk", UNTIDY);
    treekeeper.file("trees/b.zkx", TIDY);
    treekeeper.file("trees/notes", UNTIDY);
    treekeeper
}

fn text(treekeeper: &Treekeeper, name: &str) -> String {
    fs::read_to_string(treekeeper.home().join(name)).unwrap()
}

fn piped(treekeeper: &Treekeeper, arguments: &[&str], input: &str) -> Output {
    let mut child = treekeeper
        .command(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Output {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn a_directory_is_formatted_once() {
    let treekeeper = trees();
    let output = treekeeper.run(&["fmt", "trees"]).expect(0);
    assert_eq!(output.stdout, "");
    assert_snapshot!(output.stderr, @r"
    formatted trees/a.zk
    Formatted 1 of 2 files.
    ");
    assert_eq!(text(&treekeeper, "trees/a.zk"), TIDY);
    assert_eq!(text(&treekeeper, "trees/notes"), UNTIDY);
    assert_snapshot!(treekeeper.run(&["fmt", "trees"]).expect(0).stderr, @"Formatted 0 of 2 files.");
    let names: Vec<_> = fs::read_dir(treekeeper.home().join("trees")).unwrap().collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn check_shows_and_writes_nothing() {
    let treekeeper = trees();
    let output = treekeeper.run(&["fmt", "--check", "trees"]).expect(2);
    assert_snapshot!(output.stdout, @r"
    trees/a.zk
       3 - \u{9}x=1
         +   x = 1
       5 - \u{9}y ->/b\u{d}
         +   y -> /b
       6 - \u{9}/sub:t\u{20}\u{20}
         +   /sub:t
    ");
    assert_snapshot!(output.stderr, @r"
    error: 1 of 2 files not in canonical form
    hint: `treekeeper fmt` with the same paths puts them right
    ");
    assert_eq!(text(&treekeeper, "trees/a.zk"), UNTIDY);
    let output = treekeeper.run(&["fmt", "--check", "--json", "trees"]).expect(2);
    assert_snapshot!(output.stdout, @r#"
    {
      "diagnostics": [],
      "files": [
        {
          "file": "trees/a.zk",
          "state": "not-canonical"
        },
        {
          "file": "trees/b.zkx",
          "state": "canonical"
        }
      ],
      "schema": 1
    }
    "#);
    let output = treekeeper.run(&["fmt", "--check", "trees/b.zkx"]).expect(0);
    assert_eq!(output.stdout + &output.stderr, "");
}

#[test]
fn files_with_errors_are_left_and_the_others_are_formatted() {
    let treekeeper = trees();
    let wrong = "/c\n\tx=f()\n\ty  = 1\n";
    treekeeper.file("trees/c.zk", wrong);
    let output = treekeeper.run(&["fmt", "trees"]).expect(1);
    assert_snapshot!(output.stderr, @r"
    formatted trees/a.zk
    Formatted 1 of 3 files.
    error[TK0203]: a call is not evaluated
     --> trees/c.zk:2:4
      |
    2 |  x=f()
      |    ^^^
      = help: only values and operators are evaluated, never calls

    error: the tree files have 1 error; files with errors are left as they are
    ");
    assert_eq!(text(&treekeeper, "trees/c.zk"), wrong);
    assert_eq!(text(&treekeeper, "trees/a.zk"), TIDY);
    assert_eq!(treekeeper.run(&["fmt", "--check", "trees"]).expect(1).stdout, "");
    assert_snapshot!(treekeeper.run(&["fmt", "--json", "trees"]).expect(1).stdout, @r#"
    {
      "diagnostics": [
        {
          "code": "TK0203",
          "column": 4,
          "file": "trees/c.zk",
          "help": "only values and operators are evaluated, never calls",
          "line": 2,
          "message": "a call is not evaluated"
        }
      ],
      "files": [
        {
          "file": "trees/a.zk",
          "state": "canonical"
        },
        {
          "file": "trees/c.zk",
          "state": "invalid"
        },
        {
          "file": "trees/b.zkx",
          "state": "canonical"
        }
      ],
      "schema": 1
    }
    "#);
}

#[test]
fn standard_input_goes_to_standard_output() {
    let treekeeper = Treekeeper::offline();
    let output = piped(&treekeeper, &["fmt", "-"], UNTIDY).expect(0);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), (TIDY, ""));
    assert_eq!(piped(&treekeeper, &["fmt", "-"], TIDY).expect(0).stdout, TIDY);
    let output = piped(&treekeeper, &["fmt", "-"], "what\n").expect(1);
    assert_eq!(output.stdout, "");
    assert_snapshot!(output.stderr, @r"
    error[TK0101]: this is neither a node nor a property nor a link
     --> <stdin>:1:1
      |
    1 | what
      | ^^^^
      = help: write `/name`, `name = value`, `name -> /target` or `name => /target property`

    error: the tree files have 1 error; files with errors are left as they are
    ");
    assert_snapshot!(piped(&treekeeper, &["fmt", "--check", "-"], "/a  \n").expect(2).stdout, @r"
    <stdin>
       1 - /a\u{20}\u{20}
         + /a
    ");
    assert_snapshot!(piped(&treekeeper, &["fmt", "--json", "-"], TIDY).expect(64).stderr, @"error: - prints the formatted text, which --json has no place for");
}

#[test]
fn permissions_stay_and_a_link_is_refused() {
    let treekeeper = trees();
    let file = treekeeper.home().join("trees/a.zk");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let inode = fs::metadata(&file).unwrap().ino();
    treekeeper.run(&["fmt", "-q", "trees/a.zk"]).expect(0);
    let after = fs::metadata(&file).unwrap();
    assert_eq!(after.mode() & 0o7777, 0o640);
    assert_ne!(
        after.ino(),
        inode,
        "a file is replaced in one step, never written over"
    );
    treekeeper.file("trees/target", UNTIDY);
    symlink("target", treekeeper.home().join("trees/link.zk")).unwrap();
    let refused = treekeeper.run(&["fmt", "trees"]).expect(1);
    assert_snapshot!(refused.stderr, @r"
    error[TK1207]: trees/link.zk is a symbolic link, not a regular file
    hint: commit the text itself in place of the link trees/link.zk
    ");
    assert_eq!(
        treekeeper.run(&["fmt", "trees/link.zk"]).expect(1).stderr,
        refused.stderr
    );
    assert_eq!(text(&treekeeper, "trees/target"), UNTIDY);
}

#[test]
fn nothing_is_shown_raw_and_no_secret_at_all() {
    let treekeeper = Treekeeper::offline();
    let hostile = treekeeper.file(
        "\u{202e}b.zk",
        "/a\n password='canary'\n # \u{1b}[31m\n api_key = canary()\n",
    );
    let hostile = hostile.to_str().unwrap();
    let wrong = treekeeper.run(&["fmt", "--check", hostile]).expect(1);
    let json = treekeeper.run(&["fmt", "--check", "--json", hostile]).expect(1);
    treekeeper.file("\u{202e}b.zk", "/a\n password='canary'\n # \u{1b}[31m\n");
    let differs = treekeeper.run(&["fmt", "--check", hostile]).expect(2);
    for said in [&wrong, &json, &differs] {
        let said = format!("{}{}", said.stdout, said.stderr);
        assert!(
            !said.contains(['\u{1b}', '\u{202e}']) && !said.contains("canary"),
            "{said}"
        );
    }
    assert_snapshot!(differs.stdout.replace(&treekeeper.home().display().to_string(), "HOME"), @r"
    HOME/\u{202e}b.zk
       2 -  password=•••
         +   password = •••
       3 -  # \u{1b}[31m
         +   # \u{1b}[31m
    ");
}

#[test]
fn the_help_shows_examples() {
    let help = Treekeeper::offline().stdout(&["fmt", "-h"]);
    let (own, _) = help.split_once("Global options").unwrap();
    assert_snapshot!(own, @r"
    Put tree files into canonical form: indents, blanks around signs, line ends; comments and values
    stay

    Usage: treekeeper fmt [OPTIONS] <PATH>...

    Arguments:
      <PATH>...  Tree files, directories of them (only files directly in them), or - for standard input

    Options:
          --check  Write nothing; show what is not in canonical form, and exit with 2 if anything is not
      -h, --help   Print help (see more with '--help')
    ");
    assert_snapshot!(&help[help.find("Examples").unwrap()..], @r"
    Examples:
      treekeeper fmt trees                 format trees/*.zk and trees/*.zkx
      treekeeper fmt --check trees         for CI: show what differs, write nothing, exit with 2
      treekeeper fmt - < a.zk              for editors: from standard input to standard output

    A file with errors is left as it is and its errors are printed (exit code 1). Symbolic links are
    refused, as a commit
    that holds one is.
    ");
}
