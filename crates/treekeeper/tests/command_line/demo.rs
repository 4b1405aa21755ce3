//! `demo`: every line of the story, and that it leaves nothing behind, wherever it plays and however it ends.

use insta::assert_snapshot;

use crate::foreground::Foreground;
use crate::scene::{machine, scrubbed};
use crate::support::foreign::Foreign;
use crate::support::repository::Repository;
use crate::support::server::Server;
use crate::support::treekeeper::Treekeeper;

/// Where a demo puts its files, and what must be empty afterwards.
struct Stage {
    treekeeper: Treekeeper,
    place: Repository,
}

impl Stage {
    fn new() -> Stage {
        let place = Repository::new();
        std::fs::create_dir(place.place("files")).expect("a new directory");
        let files = place.place("files").display().to_string();
        Stage {
            treekeeper: Treekeeper::offline().with_environment("TMPDIR", &files),
            place,
        }
    }

    fn with_environment(mut self, name: &str, value: &str) -> Stage {
        self.treekeeper = self.treekeeper.with_environment(name, value);
        self
    }

    /// Lets `git revert` run a script before it does anything.
    fn with_revert(self, script: &str) -> Stage {
        let path = self
            .place
            .path_with_git(&format!("case $1 in revert) {script} ;; esac"));
        self.with_environment("PATH", &path)
    }

    fn assert_left_nothing(&self) {
        let files = std::fs::read_dir(self.place.place("files")).expect("the directory stays");
        let left: Vec<_> = files.collect();
        assert!(left.is_empty(), "files stay: {left:?}");
    }
}

/// Replaces what differs from run to run: the port, the random name, this machine and times.
fn words(text: &str) -> String {
    let without = |text: &str, before: &str, is_part: fn(char) -> bool, word: &str| {
        let mut pieces = text.split(before);
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |out, piece| {
            format!("{out}{before}{word}{}", piece.trim_start_matches(is_part))
        })
    };
    let text = without(&unfolded(text), "127.0.0.1:", |c| c.is_ascii_digit(), "PORT");
    let text = without(&text, "treekeeper-demo-", |c| c.is_ascii_hexdigit(), "NAME");
    scrubbed(&text.replace(&machine(), "MACHINE"))
}

/// Joins lines again that were too long for a terminal: where they are folded hangs on the machine's name.
fn unfolded(text: &str) -> String {
    let mut last = 0;
    let mut out = String::new();
    for line in text.lines() {
        match line.strip_prefix("       ") {
            Some(rest) if last > 60 => out = format!("{} {rest}\n", out.trim_end()),
            _ => out = format!("{out}{line}\n"),
        }
        last = line.len();
    }
    out
}

#[test]
fn the_whole_story() {
    let stage = Stage::new();
    let output = stage.treekeeper.run(&["demo"]).expect(0);
    assert_eq!(output.stderr, "");
    stage.assert_left_nothing();
    let longest = output.stdout.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "a terminal would break {longest:?} columns");
    assert_snapshot!(words(&output.stdout), @r#"
    treekeeper keeps a ZooKeeper tree equal to files in git.
    This demo plays on an in-memory ZooKeeper at 127.0.0.1:PORT.
    Its git repository is new, and both go at the end.

    1. The tree is a file in git
       It says which znodes there should be, and which properties they hold.
       $ cat shop.zk
       /shop : web shop
         workers = 2
         /database
           pool = 10
         /preview
           percent = 5

    2. The first sync
       ZooKeeper is empty. A sync writes what differs, in one transaction, under a lock.
       $ treekeeper sync
       INFO VCS Version: HEX
       INFO ZK Version: initial
       INFO Version mismatch detected, resyncing
       INFO Importing shop.zk
       Synced to ed7ef34eadcb: 3 created, 0 changed, 0 deleted in 1 transaction.
       $ treekeeper tree /shop
       /shop : web shop
         workers = 2
         /database
           pool = 10
         /preview
           percent = 5
       # host web-1 deploys this version, and its agent says so in /hosts/web-1

    3. A change and its plan
       Commit it, look at what a sync would do, and sync.
       $ git diff -U0 | grep '^[-+] '
       -  workers = 2
       +  workers = 4
       -  /preview
       -    percent = 5
       $ git commit -qam 'Four workers, no preview'
       $ treekeeper plan
       ~ /shop
           ~ workers = 2 -> 4
             (1 unchanged)
       - /shop/preview
       Plan: 0 to create, 1 to change, 1 to delete (1 transaction, 104 bytes).
       $ treekeeper sync
       ...
       Synced to dd41396ab4cf: 0 created, 1 changed, 1 deleted in 1 transaction.

    4. A slow host holds up the next sync
       Nothing new is rolled out while a host still deploys the last change.
       $ git commit -qam 'A bigger pool'
       $ treekeeper sync
       ...
       ERROR Version mismatch detected, can't resync since host web-1 has not converged (HEX -> HEX)
       refused[TK1002]: 1 host has not converged
       hint: wait until the hosts report the version (`treekeeper status` tells what they report), or add `--force` to `treekeeper sync`
       # exit code 4
       # web-1 has caught up
       $ treekeeper sync
       ...
       Synced to 7e2d130a2ea5: 0 created, 1 changed, 0 deleted in 1 transaction.
       # web-1 follows

    5. ALL STOP
       In trouble, one command holds everything: no host deploys and no sync goes on.
       $ treekeeper stop --reason 'moving the database'
       ALL STOP: no host deploys, no sync goes on.
       hint: `treekeeper resume` ends it
       $ treekeeper sync
       CRITICAL ALL STOP, cluster version is None
       refused[TK1001]: the cluster is stopped by MACHINE since TIME: moving the database
       hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
       # exit code 5
       $ treekeeper resume
       Resumed: hosts should run HEX.
       The host has it already.

    6. Somebody edits the live tree
       A plan shows the drift, and a repair puts back what git says.
       $ treekeeper set /shop workers=99
       Done: 0 created, 1 changed, 0 deleted in 1 transaction.
       $ treekeeper plan
       ~ /shop
           ~ workers = 99 -> 4
             (1 unchanged)
       Plan: 0 to create, 1 to change, 0 to delete (1 transaction, 74 bytes).
       $ treekeeper sync --repair
       ...
       Synced to 7e2d130a2ea5: 0 created, 1 changed, 0 deleted in 1 transaction.

    7. Going back
       The bigger pool was a mistake: go back at once, and mend it in git in your own time.
       $ treekeeper rollback 1
       INFO VCS Version: HEX
       INFO ZK Version: HEX
       INFO Version mismatch detected, resyncing
       INFO Importing shop.zk
       ~ /shop/database
           ~ pool = 20 -> 10
       Plan: 0 to create, 1 to change, 0 to delete (1 transaction, 63 bytes).
       Rolled back to dd41396ab4cf: 0 created, 1 changed, 0 deleted in 1 transaction.
       The cluster is pinned at dd41396ab4cf: a plain sync is refused.
       hint: `treekeeper unpin` lets the next sync go on to the newest commit
       # web-1 follows
       $ treekeeper sync
       ...
       refused[TK1006]: the cluster is pinned at dd41396ab4cf by MACHINE since TIME
       hint: whoever pinned it knows why; an operator lifts it with `treekeeper unpin`, and the next sync then goes on to the newest commit
       # exit code 3
       $ git revert --no-edit HEAD
       [main 0d4e8cd] Revert "A bigger pool"
       ...
       $ treekeeper unpin
       Unpinned: it was pinned at dd41396ab4cf by MACHINE since TIME.
       The next sync goes on to the newest commit.
       $ treekeeper sync
       ...
       Synced to 0d4e8cd6f696: 0 created, 0 changed, 0 deleted in 1 transaction.
       # web-1 follows
       $ treekeeper status
       Converged: 1 of 1 hosts at 0d4e8cd6f696.
       version   HEX
       deployed  HEX by MACHINE at TIME
       drift     none
       lock      free
       host      web-1  0d4e8cd6f696

    What to try next:
      treekeeper demo --keep              leaves this server and repository running, to play with
      treekeeper demo -z HOST:PORT        plays on a real ZooKeeper, in a znode of its own
      treekeeper validate DIR             checks your tree files, without a server
      treekeeper dev-server --import DIR  serves them in memory, for development and CI
    README.md has a tour with a real ZooKeeper, and tells how to configure treekeeper.
    "#);
}

/// A demo on a real cluster by mistake would be an accident: only the flag leads there.
#[test]
fn neither_environment_nor_configuration_leads_it_anywhere_else() {
    let stage = Stage::new();
    let treekeeper = stage
        .treekeeper
        .with_environment("TREEKEEPER_ZOOKEEPER", "127.0.0.1:1")
        .with_environment("ZC_ZK_CONNECTION_STRING", "127.0.0.1:1")
        .with_environment("GIT_DIR", "/nonexistent")
        .with_environment("GIT_AUTHOR_NAME", "Somebody Else")
        .with_environment("HOME", "/nonexistent");
    let directory = treekeeper.home().join(".config/treekeeper");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("treekeeper.toml"), "zookeeper = '127.0.0.1:1'\n").unwrap();
    let told = treekeeper
        .with_environment(
            "XDG_CONFIG_HOME",
            &directory.parent().unwrap().display().to_string(),
        )
        .run(&["demo"])
        .expect(0);
    let plain = Stage::new().treekeeper.run(&["demo"]).expect(0);
    assert_eq!(words(&told.stdout), words(&plain.stdout));
}

#[test]
fn on_another_server_it_tells_the_same_and_leaves_nothing() {
    let connect = Server::shared().chroot();
    let session = Foreign::connect(&connect);
    session.create("/kept", b"by others");
    let stage = Stage::new();
    let output = stage.treekeeper.run(&["demo", "-z", &connect]).expect(0);
    assert_eq!(output.stderr, "");
    assert_eq!(session.children("/"), ["kept"]);
    stage.assert_left_nothing();

    // The chroot makes paths longer, and the first lines say where it plays; nothing else differs.
    let story = |text: &str| -> Vec<String> {
        let lines = words(text);
        let lines = lines.lines().skip(2);
        lines
            .map(|line| match line.split_once(" (1 transaction, ") {
                Some((before, _)) => before.to_owned(),
                None => line.to_owned(),
            })
            .collect()
    };
    let embedded = Stage::new().treekeeper.run(&["demo"]).expect(0);
    assert_eq!(story(&output.stdout), story(&embedded.stdout));
}

/// What somebody's server wants of clients is taken from a file that is named, and nothing else of it.
#[test]
fn with_credentials_it_is_whom_it_says_it_is() {
    let connect = Server::shared().chroot();
    let stage = Stage::new().with_environment("DEMO_SECRET", "ada:lovelace");
    let text =
        "zookeeper = '127.0.0.1:1'\n[git]\nbranch = 'absent'\n[auth]\ndigest = { env = 'DEMO_SECRET' }\n";
    let file = stage
        .treekeeper
        .file("treekeeper.toml", text)
        .display()
        .to_string();
    let arguments = ["demo", "--keep", "-z", &connect, "--config", &file];
    let mut demo = Foreground::start(&stage.treekeeper, &arguments);
    demo.line_with("Then edit");
    let session = Foreign::connect(&connect);
    let playground = format!("/{}", session.children("/").concat());
    let treekeeper = Treekeeper::without_repository(&format!("{connect}{playground}"));
    let denied = treekeeper.run(&["tree"]).expect(1).stderr;
    assert!(
        denied.starts_with("error[TK1104]: ZooKeeper denies reading"),
        "{denied}"
    );

    demo.signal("-TERM");
    assert_eq!(demo.finish(), (0, String::new()));
    assert_eq!(session.children("/"), [""; 0]);
}

#[test]
fn after_an_interruption_it_leaves_nothing() {
    let connect = Server::shared().chroot();
    let session = Foreign::connect(&connect);
    let stage = Stage::new();
    let go_on = stage.place.place("go-on");
    let wait = format!(
        "for _ in $(seq 600); do [ ! -e {} ] || break; sleep 0.1; done",
        go_on.display()
    );
    let stage = stage.with_revert(&wait);
    let mut demo = Foreground::start(&stage.treekeeper, &["demo", "-z", &connect]);
    demo.line_with("git revert");
    assert_eq!(session.children("/").len(), 1, "it plays below one znode");
    demo.signal("-INT");
    std::fs::write(go_on, "").unwrap();
    let said = "The demo was interrupted; what it had made is removed.\n";
    assert_eq!(demo.finish(), (1, said.to_owned()));
    assert_eq!(session.children("/"), [""; 0]);
    stage.assert_left_nothing();
}

#[test]
fn a_command_that_ends_otherwise_than_told_is_named_and_nothing_is_left() {
    let connect = Server::shared().chroot();
    let stage = Stage::new();
    let stage = stage.with_revert("echo no such luck; exit 9");
    let output = stage.treekeeper.run(&["demo", "-z", &connect]).expect(1);
    assert_snapshot!(
        output.stderr,
        @r#"error: the demo's chapter "Going back" failed: `git revert --no-edit HEAD` ended with 9, not with 0"#
    );
    let end: Vec<&str> = output.stdout.lines().rev().take(3).collect();
    assert_eq!(
        end,
        [
            "   # exit code 9",
            "   no such luck",
            "   $ git revert --no-edit HEAD"
        ]
    );
    assert_eq!(Foreign::connect(&connect).children("/"), [""; 0]);
}

#[test]
fn what_is_missing_is_told() {
    let stage = Stage::new();
    let empty = stage.place.place("empty").display().to_string();
    let without_git = Stage::new().with_environment("PATH", &empty);
    assert_snapshot!(without_git.treekeeper.run(&["demo"]).expect(1).stderr, @r"
    error[TK1202]: couldn't find the git command
    hint: install git, or put its directory into PATH
    ");

    let nowhere = Treekeeper::offline().with_environment("TMPDIR", "/nonexistent");
    assert_snapshot!(words(&nowhere.run(&["demo"]).expect(1).stderr), @r"
    error: cannot write /nonexistent/treekeeper-demo-NAME: No such file or directory (os error 2)
    hint: the demo needs a directory for temporary files: name another one in TMPDIR
    ");

    let chroot = format!("{}/absent", Server::shared().address());
    assert_snapshot!(stage.treekeeper.run(&["demo", "-z", &chroot]).expect(1).stderr, @r"
    error[TK1107]: the chroot /absent does not exist
    hint: create it: `zkCli.sh create /absent`, or correct the connection string
    ");
    stage.assert_left_nothing();
}

#[test]
fn kept_it_can_be_played_with_until_ctrl_c() {
    let stage = Stage::new();
    let mut demo = Foreground::start(&stage.treekeeper, &["demo", "--keep"]);
    let repository = demo.line_with("  cd ");
    let repository = repository.trim().trim_start_matches("cd ");
    let alias = demo.line_with("  alias treekeeper='");
    let alias = alias
        .trim()
        .trim_start_matches("alias treekeeper=")
        .trim_matches('\'');
    demo.line_with("Then edit");

    let script = format!(
        "cd {repository} && sed 's/workers = 4/workers = 5/' shop.zk > new && mv new shop.zk && \
         git commit -qam More && {alias} plan"
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &script])
        .env("TREEKEEPER_ZOOKEEPER", "127.0.0.1:1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    let planned = String::from_utf8(output.stdout).unwrap();
    assert!(planned.contains("workers = 4 -> 5"), "{planned}");

    demo.signal("-INT");
    assert_eq!(demo.finish(), (0, String::new()));
    stage.assert_left_nothing();
}
