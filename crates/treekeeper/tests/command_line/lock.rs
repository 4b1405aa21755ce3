//! `lock show` and `lock break`: who holds the cluster lock, and what becomes of one that is stuck.

use insta::assert_snapshot;

use treekeeper::zk::{Broken, Session, SessionOptions, break_candidate, contenders};
use treekeeper_core::model::cluster::LockStyle;

use crate::scene::Scene;
use crate::support::foreign::{Foreign, wait};
use crate::support::locks::{ForeignLock, Style};
use crate::support::server::Server;
use crate::support::treekeeper::Treekeeper;

const GOOD: &str = "/a\n  n = 1\n";
const QUEUE: &str = "/ZktoolsLocks/,hosts";

/// Returns the scene's words without ages and ports.
fn shown(scene: &Scene, arguments: &[&str]) -> String {
    without_ports(&without_ages(&scene.printed(arguments)))
}

fn without_ages(text: &str) -> String {
    let mut out = String::new();
    for part in text.split_inclusive(" ago)") {
        match part.rsplit_once('(') {
            Some((before, age)) if age.ends_with(" ago)") => out.push_str(&format!("{before}(AGE ago)")),
            _ => out.push_str(part),
        }
    }
    out
}

fn without_ports(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("127.0.0.1:") {
        let (before, after) = rest.split_at(start + "127.0.0.1:".len());
        out.push_str(&format!("{before}PORT"));
        rest = after.trim_start_matches(|character: char| character.is_ascii_digit());
    }
    out + rest
}

#[test]
fn lock_show_names_the_holder_and_those_who_wait() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    assert_snapshot!(shown(&scene, &["lock", "show"]), @"The zktools lock is free.");
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    scene.session.create_candidate(
        "/ZktoolsLocks/,hosts/0123456789abcdef0123456789abcdef-lock--",
        b"{\"by\":\"jim\"}",
    );
    scene
        .session
        .create("/ZktoolsLocks/,hosts/by-hand--9999999999", b"\x1b[31m");
    assert_snapshot!(shown(&scene, &["lock", "show"]), @r#"
    The zktools lock is held, 2 wait for it.
    holds  /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE
           since TIME (AGE ago), session 0xSESSION, from 127.0.0.1:PORT
           data 0
    waits  /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE
           since TIME (AGE ago), session 0xSESSION, from 127.0.0.1:PORT
           data {"by":"jim"}
    waits  /ZktoolsLocks/,hosts/by-hand--9999999999
           since TIME (AGE ago), left by hand (not ephemeral: it will never expire)
           data \u{1b}[31m
    "#);
    assert_snapshot!(shown(&scene, &["lock", "show", "--json"]), @r#"
    {
      "contenders": [
        {
          "address": "127.0.0.1:PORT",
          "created_ms": MILLISECONDS,
          "data": "0",
          "ephemeral": true,
          "lock": "zktools",
          "node": "/ZktoolsLocks/,hosts/HEX-lock--SEQUENCE",
          "role": "holds",
          "session": "0xSESSION"
        },
        {
          "address": "127.0.0.1:PORT",
          "created_ms": MILLISECONDS,
          "data": "{\"by\":\"jim\"}",
          "ephemeral": true,
          "lock": "zktools",
          "node": "/ZktoolsLocks/,hosts/HEX-lock--SEQUENCE",
          "role": "waits",
          "session": "0xSESSION"
        },
        {
          "address": null,
          "created_ms": MILLISECONDS,
          "data": "\\u{1b}[31m",
          "ephemeral": false,
          "lock": "zktools",
          "node": "/ZktoolsLocks/,hosts/by-hand--9999999999",
          "role": "waits",
          "session": null
        }
      ],
      "lock": "zktools",
      "schema": 1
    }
    "#);
    lock.release();
    assert_snapshot!(shown(&scene, &["lock", "show"]), @r#"
    The zktools lock is held, 1 waits for it.
    holds  /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE
           since TIME (AGE ago), session 0xSESSION, from 127.0.0.1:PORT
           data {"by":"jim"}
    waits  /ZktoolsLocks/,hosts/by-hand--9999999999
           since TIME (AGE ago), left by hand (not ephemeral: it will never expire)
           data \u{1b}[31m
    "#);
}

#[test]
fn lock_show_of_both_queues() {
    let scene = Scene::new();
    assert_snapshot!(shown(&scene, &["lock", "show", "--lock", "both"]), @r"
    The zktools lock is free.
    The kazoo lock is free.
    ");
    let mut kazoo = ForeignLock::new(Style::Kazoo, &scene.connect);
    kazoo.hold();
    let both = shown(&scene, &["lock", "show", "--lock", "both"]);
    assert!(
        both.starts_with("The zktools lock is free.\nThe kazoo lock is held.\nholds  /hosts-lock/"),
        "{both}"
    );
    let other = shown(&scene, &["lock", "show"]);
    assert!(
        other.contains(
            "The kazoo lock is held. This configuration takes the zktools lock and does not wait for it."
        ),
        "{other}"
    );
}

#[test]
fn a_candidate_left_by_hand_is_broken() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.commit("next", &[("a.zk", "/a\n  n = 2\n")]);
    let path = format!("{QUEUE}/by-hand--0000000000");
    scene.session.create(&path, b"jim was here");
    let before = scene.freeze();
    assert_snapshot!(scene.said(&["lock", "break", "by-hand--0000000000"]), @r"
    Removed /ZktoolsLocks/,hosts/by-hand--0000000000: the zktools lock is free.
    note: it was left by hand; a syncer that is not treekeeper and counts on it does not look again: make sure that none is at work
    ");
    let mut after = before;
    after.remove(&path);
    let children = |frozen: &crate::scene::Frozen| frozen.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        children(&scene.freeze()),
        children(&after),
        "exactly one znode went"
    );
    scene.treekeeper.run(&["sync"]).expect(0);
}

#[test]
fn a_holder_and_one_who_waits_are_broken_by_their_paths() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    let session = Foreign::connect(&scene.connect);
    let candidate = |data: &[u8]| {
        let prefix = format!("{QUEUE}/0123456789abcdef0123456789abcdef-lock--");
        session.create_candidate(&prefix, data)
    };
    let waits = candidate(br#"{"by":"jim@web-1","pid":42}"#);
    let then = candidate(br#"{"by":"ada@web-2","pid":43}"#);
    assert_snapshot!(scene.said(&["lock", "break", &waits]), @r"
    Removed /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE: the zktools lock is held by /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE.
    note: a treekeeper of jim@web-1 (process 42) waited with it, and gives up now
    ");
    let holder = scene.session.children(QUEUE);
    let holder = holder.iter().find(|name| !then.ends_with(name.as_str())).unwrap();
    assert_snapshot!(scene.said(&["lock", "break", holder]), @r"
    Removed /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE: the zktools lock is held by /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE.
    note: it was not held by a treekeeper: another syncer does not look at its lock again and may still write; make sure that it has ended
    ");
    assert_snapshot!(scene.printed(&["lock", "break", &then, "--json"]), @r#"
    {
      "contenders": [],
      "removed": {
        "created_ms": MILLISECONDS,
        "data": "{\"by\":\"ada@web-2\",\"pid\":43}",
        "ephemeral": true,
        "lock": "zktools",
        "node": "/ZktoolsLocks/,hosts/HEX-lock--SEQUENCE",
        "session": "0xSESSION"
      },
      "schema": 1
    }
    "#);
    assert!(scene.session.children(QUEUE).is_empty());
}

#[test]
fn what_a_treekeeper_holds_is_told_when_it_is_broken() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let prefix = format!("{QUEUE}/0123456789abcdef0123456789abcdef-lock--");
    let path = scene
        .session
        .create_candidate(&prefix, b"{\"by\":\"jim\x1b[31m@web-1\",\"pid\":42}");
    scene
        .session
        .set(&path, br#"{"by":"jim\u001b[31m@web-1","pid":42}"#);
    assert_snapshot!(scene.said(&["lock", "break", &path]), @r"
    Removed /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE: the zktools lock is free.
    note: it was held by a treekeeper of jim\u{1b}[31m@web-1 (process 42): if that still runs, its next transaction fails and it writes nothing more; what it has left half done, the next sync finishes
    ");
}

#[test]
fn nothing_but_a_candidate_is_ever_removed() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.session.create("/hosts-lock", b"");
    scene.session.create("/hosts-lock/junk", b"");
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    assert_snapshot!(scene.refusal(&["lock", "break", "/a"], 64), @r"
    error[TK1130]: /a is no candidate of a lock: candidates stand directly below /ZktoolsLocks/,hosts and /hosts-lock
    hint: `treekeeper lock show` lists them
    ");
    for other in [
        "/ZktoolsLocks",
        "/ZktoolsLocks/,hosts",
        "/ZktoolsLocks/,hosts/",
        "/ZktoolsLocks/,hosts/x/y",
        "/hosts-lock",
        "/hosts",
        "/",
        "",
        "/ZktoolsLocks/,hosts/../../a",
        "../a",
    ] {
        scene.refusal(&["lock", "break", other], 64);
    }
    assert_snapshot!(scene.refusal(&["lock", "break", "0123456789abcdef0123456789abcdef-lock--0000000009"], 1), @r"
    error[TK1130]: no lock has a candidate HEX-lock--SEQUENCE; nothing was removed
    hint: `treekeeper lock show` lists them: it may have gone by itself
    ");
    // kazoo does not count it, so it is in nobody's way and nobody's candidate.
    scene.refusal(&["lock", "break", "/hosts-lock/junk"], 1);
    scene.refusal(&["lock", "break", ".."], 1);
}

#[test]
fn a_candidate_with_children_is_told_about() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let path = format!("{QUEUE}/by-hand--0000000000");
    scene.session.create(&path, b"");
    scene.session.create(&format!("{path}/child"), b"");
    assert_snapshot!(scene.refusal(&["lock", "break", "by-hand--0000000000"], 1), @"
    error[TK1130]: the candidate by-hand--0000000000 has children, which no locker makes; nothing was removed
    hint: look what they are: `zkCli.sh ls /ZktoolsLocks/,hosts/by-hand--0000000000`, then `zkCli.sh deleteall /ZktoolsLocks/,hosts/by-hand--0000000000`
    ");
}

#[test]
fn one_name_in_both_queues_must_be_told_apart() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.session.create("/hosts-lock", b"");
    for queue in [QUEUE, "/hosts-lock"] {
        scene.session.create(&format!("{queue}/x__lock__0000000000"), b"");
    }
    assert_snapshot!(scene.refusal(&["lock", "break", "x__lock__0000000000"], 1), @r"
    error[TK1130]: both locks have a candidate x__lock__0000000000
    hint: name it by its whole path, as `treekeeper lock show` prints it
    ");
    scene.said(&["lock", "break", "/hosts-lock/x__lock__0000000000"]);
    assert_eq!(scene.session.children(QUEUE).len(), 1);
}

#[test]
fn a_candidate_that_is_not_the_one_that_was_looked_at_stays() {
    let connect = Server::shared().chroot();
    let somebody = Foreign::connect(&connect);
    for path in ["/ZktoolsLocks", QUEUE] {
        somebody.create(path, b"");
    }
    let path = format!("{QUEUE}/by-hand--0000000000");
    let look_then = |meanwhile: &dyn Fn()| {
        let options = SessionOptions {
            connect: connect.clone(),
            ..SessionOptions::default()
        };
        let session = wait(Session::open(&options)).unwrap();
        let seen = wait(contenders(&session, LockStyle::Both)).unwrap();
        meanwhile();
        let broken = wait(break_candidate(&session, &seen[0])).unwrap();
        wait(session.close());
        broken
    };
    somebody.create(&path, b"");
    let again = || {
        somebody.delete(&path);
        somebody.create(&path, b"");
    };
    assert_eq!(look_then(&again), Broken::Changed, "another one stands there");
    let write = || {
        somebody.set(&path, b"x");
    };
    assert_eq!(look_then(&write), Broken::Changed, "somebody wrote to it");
    assert!(somebody.exists(&path));
    assert_eq!(look_then(&|| somebody.delete(&path)), Broken::Gone);
    somebody.create(&path, b"");
    assert_eq!(look_then(&|| {}), Broken::Removed);
    assert!(!somebody.exists(&path));
}

#[test]
fn the_help_of_lock_break() {
    assert_snapshot!(first_lines(&Treekeeper::offline().stdout(&["lock", "break", "--help"])), @"
    Remove exactly one candidate of the lock, for good

    A treekeeper that held the lock by it is fenced: its next transaction fails and nothing more of it
    is written; what it has left half done, the next sync finishes. Other syncers don't look at their
    lock again: make sure that they have ended, or they go on writing beside the next one.

    A candidate of a client that died goes by itself, when its session ends.

    Usage: treekeeper lock break [OPTIONS] <NODE>

    Arguments:
      <NODE>
              The candidate as `lock show` prints it: its path, or only its name

    Options:
      -h, --help
              Print help (see a summary with '-h')
    ");
    assert_snapshot!(first_lines(&Treekeeper::offline().stdout(&["lock", "--help"])), @"
    Look at the cluster lock, and remove a candidate that is stuck

    Usage: treekeeper lock [OPTIONS] <COMMAND>

    Commands:
      show   Show who holds the lock and who waits: node, session, address if the server tells it, age,
             data
      break  Remove exactly one candidate of the lock, for good
      help   Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')
    ");
}

/// Returns the help up to the options that every command has.
fn first_lines(help: &str) -> String {
    help.split("Global options:")
        .next()
        .unwrap_or(help)
        .trim_end()
        .to_owned()
}
