//! `explain`: what it prints, and the failures of the adapters that it must know; no server is needed.

use insta::assert_snapshot;
use treekeeper::git::GitError;
use treekeeper::zk::ZkError;
use treekeeper_core::explain::find;

use crate::support::treekeeper::Treekeeper;

#[test]
fn a_diagnostic_is_explained_with_an_example_and_the_fix() {
    let treekeeper = Treekeeper::offline();
    assert_snapshot!(treekeeper.stdout(&["explain", "TK0302"]), @r"
    TK0302 root-twice: a top-level node that two .zk files define

    A `.zk` file owns the top-level znodes that it defines: what it does not name
    there is deleted. Two owners would delete each other's znodes, as they did in
    the original.

    Wrong, a.zk:

        /cms
          threads = 3

    Wrong, b.zk:

        /cms
          /providers

    Right, a.zk:

        /cms
          threads = 3

    Right, b.zkx:

        /cms
          /providers

    Fix: join the two definitions, or rename one file to `.zkx` to lay it over the
    other.
    ");
    assert_snapshot!(treekeeper.stdout(&["explain", "tk0404"]), @r"
    TK0404 path-too-long: a path longer than limits.path_bytes

    A path is sent with every request about its node, and locks and hosts add to it.

    Wrong, with limits.path_bytes = 10:

        /cms
          /providers

    Right, with limits.path_bytes = 10:

        /cms
          /hosts

    Fix: shorten the names, or raise `path_bytes` in `[limits]` of treekeeper.toml.
    ");
}

#[test]
fn a_refusal_is_found_by_its_name() {
    let treekeeper = Treekeeper::offline();
    let page = treekeeper.stdout(&["explain", "delete-budget"]);
    assert_snapshot!(page, @r"
    TK1007 delete-budget: the plan deletes more znodes than the policy allows (exit code 3)

    Most mass deletions are accidents: a file that was renamed, a directory that
    moved, a merge that lost half of the tree. A plan that deletes more than both
    `znodes_max` and `percent_max` of `[delete]` is refused.

    Example:

        $ treekeeper sync
        refused[TK1007]: the plan deletes 40 znodes, the budget is 30 of 100 managed ones
        hint: read the plan (`treekeeper plan`), then allow it once: add `--allow-delete 40` to `treekeeper sync`

    Fix: read the plan; if all of it is meant, allow so many deletions once with
    `--allow-delete N`.
    ");
    assert_eq!(treekeeper.stdout(&["explain", "Delete", "budget"]), page);
    assert_eq!(treekeeper.stdout(&["explain", "TK1007"]), page);
}

#[test]
fn without_a_code_all_are_listed() {
    assert_snapshot!(Treekeeper::offline().stdout(&["explain"]), @r"
    TK0101  unrecognized-line        a line that is neither a node, a property, a link nor a comment
    TK0102  bad-link                 a line with an arrow that is no link: no name, no target, or too many words
    TK0103  indent                   an indent that fits none of the lines above
    TK0104  below-property           a line that is indented below a property
    TK0105  duplicate-node           a node that is there already
    TK0106  duplicate-property       a property that is there already
    TK0107  root-property            a property that belongs to no node
    TK0108  bad-name                 a name that a server refuses, or that deceives readers
    TK0109  relative-name            a node called `.` or `..`
    TK0110  not-utf8                 a file that is not UTF-8
    TK0111  byte-order-mark          a file that begins with a byte order mark
    TK0112  nul-byte                 a NUL byte
    TK0113  lone-string-value        a lone string_value that is not a byte string
    TK0114  bytes-beside-properties  a byte string that is not UTF-8 beside other properties
    TK0115  bad-target               the target of a link that holds a character that moves, hides or reorders text
    TK0201  syntax                   the value is not an expression, or not a whole one
    TK0202  name-in-value            the value uses a name; only True, False and None have a value
    TK0203  call                     the value calls something; calls are never evaluated
    TK0204  attribute                the value asks for an attribute; attributes are never evaluated
    TK0205  unsupported-python       the value uses a part of Python that no value needs
    TK0206  bad-string               a string of the value is malformed
    TK0207  bad-number               a number of the value is malformed
    TK0208  wrong-types              an operator does not take these types
    TK0209  arithmetic               the value cannot be computed
    TK0210  format-string            a format string and its arguments do not fit
    TK0211  missing-key              an index or key is not there
    TK0212  not-text                 a byte string is not text where text is needed
    TK0213  value-too-large          the value is larger than a limit allows
    TK0214  not-json                 the value cannot be stored as JSON
    TK0301  reserved-node            a reserved top-level node
    TK0302  root-twice               a top-level node that two .zk files define
    TK0303  overlays-differ          a property that two overlays set to different values
    TK0304  missing-parent           a node written as a path whose parent no file defines
    TK0305  node-twice               a node that is defined twice, once as a path
    TK0401  file-too-long            a file longer than limits.file_bytes
    TK0402  line-too-long            a line longer than limits.line_bytes
    TK0403  too-deep                 a node deeper than limits.depth
    TK0404  path-too-long            a path longer than limits.path_bytes
    TK0405  too-many-nodes           more nodes than limits.znodes
    TK0406  data-too-long            data of a node longer than limits.node_data_bytes
    TK0407  child-names-too-long     names of one node's children longer than limits.child_names_bytes
    TK0408  too-many-errors          more errors than limits.diagnostics
    TK1001  stopped                  the cluster is stopped (exit code 5)
    TK1002  not-converged            a host has not yet reached the version that it should run (exit code 4)
    TK1003  history                  the deployed commit is not an ancestor of the new one (exit code 3)
    TK1004  other-repository         the tree was deployed from another repository (exit code 3)
    TK1005  other-lock               earlier syncs of this tree took another lock (exit code 3)
    TK1006  pinned                   the cluster is held at a commit (exit code 3)
    TK1007  delete-budget            the plan deletes more znodes than the policy allows (exit code 3)
    TK1008  lock-held                somebody else holds the cluster lock (exit code 6)
    TK1009  plan-stale               what a plan rests on has moved (exit code 7)
    TK1010  reserved                 a znode that is not written by hand (exit code 3)
    TK1012  protected                the plan deletes a znode that is protected (exit code 3)
    TK1013  no-files                 a commit without tree files would prune everything (exit code 3)
    TK1101  outcome-unknown          nobody could find out whether it was applied (exit code 8)
    TK1102  session-lost             the ZooKeeper session was lost
    TK1103  unreachable              no ZooKeeper server could be reached in time
    TK1104  denied                   an ACL denies it
    TK1105  auth-failed              the server refused the credentials
    TK1106  no-node                  there is no such znode
    TK1107  no-chroot                the chroot of the connection string does not exist
    TK1108  deadline                 ZooKeeper did not answer in time
    TK1109  server-refused           the server or the client named another error
    TK1110  configuration            the configuration cannot be used as it is
    TK1111  lock-lost                the cluster lock was taken away while the plan was applied
    TK1112  too-large                one change fits into no transaction
    TK1113  obstacle                 the plan cannot be applied as the tree is
    TK1114  hosts-version            `/hosts` says no version that can be understood
    TK1115  state-unreadable         treekeeper's notes cannot be read
    TK1116  connection-breaks        the connection broke each time that the plan was sent
    TK1117  nothing-to-resume        there is no version to put back, or none is missing
    TK1118  broken-link              a link leads nowhere or in a circle
    TK1119  no-property              the znode has no such property
    TK1120  no-way-back              the history does not reach so far
    TK1121  plan-file                a file is no plan that can be applied
    TK1122  not-accepted             the server would refuse the plan
    TK1123  snapshot-file            a file is no snapshot that a plan can be made over
    TK1124  snapshot-lacks           the snapshot does not hold a znode that the commit defines
    TK1127  nothing-to-compare       there is nothing to hold the live tree against
    TK1130  no-candidate             what is to be removed is no candidate of a lock, or another one by now
    TK1201  git-argument             a URL, a name or a directory that git is not given
    TK1202  git-missing              the git command could not be run
    TK1203  mirror                   the mirror of the repository cannot be used
    TK1204  fetch-failed             git could not fetch, or had to be stopped
    TK1205  no-revision              no branch, tag or commit has this name
    TK1206  no-directory             the directory of the tree files is not in the commit
    TK1207  not-a-file               something named like a tree file is not a regular file
    TK1208  too-much-text            the tree files are too many or too large
    TK1209  file-system              a file or a directory could not be read or written
    ");
}

#[test]
fn an_unknown_code_is_wrong_usage_and_gets_suggestions() {
    let treekeeper = Treekeeper::offline();
    let said = |arguments: &[&str]| treekeeper.run(arguments).expect(64).stderr;
    assert_snapshot!(said(&["explain", "not-convergd"]), @r"
    error: there is no code or name `not-convergd`
    hint: perhaps `treekeeper explain TK1002` (not-converged) or `treekeeper explain TK0214` (not-json); `treekeeper explain` lists them all
    ");
    assert_snapshot!(said(&["explain", "TK0199"]), @r"
    error: there is no code or name `TK0199`
    hint: perhaps `treekeeper explain TK0109` (relative-name) or `treekeeper explain TK0101` (unrecognized-line) or `treekeeper explain TK0102` (bad-link); `treekeeper explain` lists them all
    ");
    assert_snapshot!(said(&["explain", "\u{1b}[31mxyz"]), @r"
    error: there is no code or name `\u{1b}[31mxyz`
    hint: `treekeeper explain` lists them all
    ");
}

#[test]
fn an_exit_code_is_explained_with_the_refusals_that_end_with_it() {
    let treekeeper = Treekeeper::offline();
    assert_snapshot!(treekeeper.stdout(&["explain", "3"]), @r"
    exit code 3: refused by policy

    TK1003  history           the deployed commit is not an ancestor of the new one (exit code 3)
    TK1004  other-repository  the tree was deployed from another repository (exit code 3)
    TK1005  other-lock        earlier syncs of this tree took another lock (exit code 3)
    TK1006  pinned            the cluster is held at a commit (exit code 3)
    TK1007  delete-budget     the plan deletes more znodes than the policy allows (exit code 3)
    TK1010  reserved          a znode that is not written by hand (exit code 3)
    TK1012  protected         the plan deletes a znode that is protected (exit code 3)
    TK1013  no-files          a commit without tree files would prune everything (exit code 3)
    ");
    assert_snapshot!(treekeeper.stdout(&["explain", "exit code 64"]), @"exit code 64: wrong usage");
    assert_snapshot!(treekeeper.stdout(&["explain", "--json", "exit", "6"]), @r#"
    {
      "codes": [
        "TK1008"
      ],
      "exit": 6,
      "meaning": "the cluster lock is held by another",
      "schema": 1
    }
    "#);
}

#[test]
fn json_holds_the_same_texts() {
    let treekeeper = Treekeeper::offline();
    assert_snapshot!(treekeeper.stdout(&["explain", "--json", "TK0107"]), @r#"
    {
      "code": "TK0107",
      "fix": "indent the property below the node that it belongs to.",
      "name": "root-property",
      "samples": [
        {
          "kind": "wrong",
          "label": "",
          "text": "threads = 3\n/cms\n"
        },
        {
          "kind": "right",
          "label": "",
          "text": "/cms\n  threads = 3\n"
        }
      ],
      "schema": 1,
      "text": "The root of the tree has no properties, so a property is indented below a node.",
      "title": "a property that belongs to no node"
    }
    "#);
    let all: serde_json::Value = serde_json::from_str(&treekeeper.stdout(&["explain", "--json"])).unwrap();
    let lines = treekeeper.stdout(&["explain"]).lines().count();
    assert_eq!(all["codes"].as_array().map(Vec::len), Some(lines));
    assert_eq!(all["schema"], 1);
}

#[test]
fn the_help_of_explain() {
    let help = Treekeeper::offline().stdout(&["explain", "-h"]);
    let (own, _) = help.split_once("Global options").unwrap();
    assert_snapshot!(own, @r"
    Explain a code such as TK0104, or a refusal such as stopped; without one, list them all

    Usage: treekeeper explain [OPTIONS] [CODE]...

    Arguments:
      [CODE]...  The code, the name or an exit code; words of a name may stand apart [default: list them
                 all]

    Options:
      -h, --help  Print help (see more with '--help')
    ");
}

/// Returns the name that explains an error: a new kind does not compile before it has one.
fn name_of_zk(error: &ZkError) -> &'static str {
    match error {
        ZkError::Unreachable { .. } => "unreachable",
        ZkError::Configuration(_) => "configuration",
        ZkError::AuthFailed => "auth-failed",
        ZkError::Denied { .. } => "denied",
        ZkError::NoNode(_) => "no-node",
        ZkError::NoChroot(_) => "no-chroot",
        ZkError::SessionLost(_) => "session-lost",
        ZkError::Deadline { .. } => "deadline",
        ZkError::Ambiguous(_) => "outcome-unknown",
        ZkError::Other { .. } => "server-refused",
    }
}

/// As [`name_of_zk`].
fn name_of_git(error: &GitError) -> &'static str {
    match error {
        GitError::UrlRefused { .. } | GitError::NameRefused { .. } | GitError::PathRefused { .. } => {
            "git-argument"
        }
        GitError::GitMissing | GitError::Process { .. } => "git-missing",
        GitError::MirrorOccupied { .. } | GitError::MirrorBusy { .. } | GitError::MirrorDamaged { .. } => {
            "mirror"
        }
        GitError::Io { .. } => "file-system",
        GitError::FetchFailed { .. } | GitError::LimitExceeded { .. } => "fetch-failed",
        GitError::NotFetched { .. }
        | GitError::RepositoryEmpty { .. }
        | GitError::NoDefaultBranch { .. }
        | GitError::BranchMissing { .. }
        | GitError::RevisionMissing { .. }
        | GitError::RevisionAmbiguous { .. } => "no-revision",
        GitError::DirectoryMissing { .. } | GitError::NotADirectory { .. } => "no-directory",
        GitError::NotAFile { .. } | GitError::FileNameNotUtf8 { .. } => "not-a-file",
        GitError::FileTooLarge { .. } | GitError::TreeTooLarge { .. } | GitError::TooManyFiles { .. } => {
            "too-much-text"
        }
    }
}

fn check(name: &str, code: &str, said: &str) {
    let entry = find(name).unwrap_or_else(|| panic!("nothing explains {name}"));
    let example = &entry.samples[0].text;
    let said = format!("error[{code}]: {said}");
    assert!(example.contains(&said), "{name}: {said}\n{example}");
    assert_eq!(entry.code, code);
}

#[test]
fn failures_of_zookeeper_are_explained_in_their_own_words() {
    let reading = || "reading /cms".to_owned();
    let errors = [
        ZkError::Unreachable {
            servers: "127.0.0.1:2181".to_owned(),
            reason: "connection refused".to_owned(),
            tls: false,
        },
        ZkError::Configuration("the connection string has no server".to_owned()),
        ZkError::AuthFailed,
        ZkError::Denied {
            action: "reading",
            path: "/cms/secret".to_owned(),
        },
        ZkError::NoNode("/cms".to_owned()),
        ZkError::NoChroot("/prod".to_owned()),
        ZkError::SessionLost(reading()),
        ZkError::Deadline {
            action: reading(),
            limit: std::time::Duration::from_secs(60),
        },
        ZkError::Ambiguous("writing /hosts".to_owned()),
        ZkError::Other {
            action: "writing /cms".to_owned(),
            reason: "quota exceeded".to_owned(),
        },
    ];
    for error in &errors {
        check(name_of_zk(error), error.code().0, &error.to_string());
    }
}

#[test]
fn failures_of_git_are_explained_in_their_own_words() {
    let errors = [
        GitError::NameRefused {
            name: "--upload-pack=x".to_owned(),
        },
        GitError::GitMissing,
        GitError::MirrorOccupied {
            path: "/srv/trees".into(),
        },
        GitError::Io {
            action: "look at",
            path: "trees".into(),
            source: std::io::ErrorKind::NotFound.into(),
        },
        GitError::FetchFailed {
            url: "https://git.example.com/trees.git".to_owned(),
            attempts: 4,
            detail: "Could not resolve host".to_owned(),
        },
        GitError::BranchMissing {
            branch: "prod".to_owned(),
            available: vec!["main".to_owned(), "staging".to_owned()],
        },
        GitError::DirectoryMissing {
            path: "trees".to_owned(),
            revision: "c0ffee1decaf".to_owned(),
        },
        GitError::NotAFile {
            path: "b.zk".to_owned(),
            kind: treekeeper::git::EntryKind::Symlink,
        },
        GitError::FileTooLarge {
            path: "big.zk".to_owned(),
            bytes: 300_000_000,
            bytes_max: 268_435_456,
        },
    ];
    for error in &errors {
        check(name_of_git(error), error.code().0, &error.to_string());
    }
}
