//! What stands in a sync's way at ZooKeeper: hosts, versions, the lock, a stop, wrong settings.

use insta::assert_snapshot;

use crate::scene::Scene;
use crate::support::locks::{ForeignLock, Style};
use crate::support::treekeeper::Treekeeper;

const GOOD: &str = "/a\n  n = 1\n";
const NEXT: &str = "/a\n  n = 2\n";

/// A synced cluster with a newer commit that waits.
fn waiting() -> Scene {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.commit("next", &[("a.zk", NEXT)]);
    scene
}

fn set_version(scene: &Scene, json: &str) {
    scene
        .session
        .set("/hosts", format!("{{\"version\":{json}}}").as_bytes());
}

#[test]
fn zookeeper_that_cannot_be_reached() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", GOOD)]);
    scene.configure("[limits]\nconnect_timeout = '1s'\n");
    // Port 1 of the loopback address: nobody listens there.
    let said = |arguments: &[&str]| {
        let output = scene
            .treekeeper
            .run(&[arguments, &["--zookeeper", "127.0.0.1:1,127.0.0.1:2/x"]].concat());
        scene.words(&output.expect(1).stderr)
    };
    assert_snapshot!(said(&["sync"]), @r"
    error[TK1103]: cannot reach ZooKeeper at 127.0.0.1:1,127.0.0.1:2: no server opens a session: Connection refused
    hint: check --zookeeper (or TREEKEEPER_ZOOKEEPER), that a server listens there, and that it doesn't speak TLS ([auth.tls])
    ");
    assert_snapshot!(said(&["status"]), @r"
    error[TK1103]: cannot reach ZooKeeper at 127.0.0.1:1,127.0.0.1:2: no server opens a session: Connection refused
    hint: check --zookeeper (or TREEKEEPER_ZOOKEEPER), that a server listens there, and that it doesn't speak TLS ([auth.tls])
    ");
    assert_snapshot!(said(&["stop"]), @r"
    error[TK1103]: cannot reach ZooKeeper at 127.0.0.1:1,127.0.0.1:2: no server opens a session: Connection refused
    hint: check --zookeeper (or TREEKEEPER_ZOOKEEPER), that a server listens there, and that it doesn't speak TLS ([auth.tls])
    ");
}

#[test]
fn a_chroot_that_is_not_there() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", GOOD)]);
    let wrong = format!("{}/nowhere", scene.connect);
    let said = |arguments: &[&str]| {
        let before = scene.freeze();
        let output = scene
            .treekeeper
            .run(&[arguments, &["--zookeeper", &wrong]].concat())
            .expect(1);
        assert_eq!(scene.freeze(), before);
        scene.words(&output.stderr)
    };
    assert_snapshot!(said(&["sync"]), @r"
    error[TK1107]: the chroot /CHROOT/nowhere does not exist
    hint: create it: `zkCli.sh create /CHROOT/nowhere`, or correct the connection string
    ");
    for arguments in [
        &["tree"][..],
        &["status"],
        &["stop"],
        &["pause"],
        &["lock", "show"],
        &["get", "/"],
    ] {
        assert_eq!(said(arguments), said(&["sync"]), "{arguments:?}");
    }
}

#[test]
fn all_stop() {
    let scene = waiting();
    set_version(&scene, "null");
    assert_snapshot!(scene.refusal(&["sync"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped since TIME, by a host or by hand
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
    assert_snapshot!(scene.refusal(&["sync", "--repair", "--allow-rewind", "--adopt"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped since TIME, by a host or by hand
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
    assert_snapshot!(scene.refusal(&["sync", "--dry-run"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped since TIME, by a host or by hand
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
    assert_snapshot!(scene.both(&scene.treekeeper.run(&["plan"]).expect(0)), @r"
    ~ /a
        ~ n = 1 -> 2
    Plan: 0 to create, 1 to change, 0 to delete (1 transaction, N bytes).
    A sync would be refused now:
      - [TK1001] the cluster is stopped since TIME, by a host or by hand
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
    assert_snapshot!(scene.said(&["sync", "--force"]), @r"
    CRITICAL ALL STOP, cluster version is None
    INFO VCS Version: <next>
    INFO ZK Version: None
    INFO Version mismatch detected, resyncing
    INFO Importing a.zk
    Synced to <next short>: 0 created, 1 changed, 0 deleted in 1 transaction.
    ");
}

#[test]
fn all_stop_needs_no_git() {
    let scene = waiting();
    set_version(&scene, "null");
    let output = scene
        .treekeeper
        .run(&["sync", "--url", "/does/not/exist"])
        .expect(5);
    assert_eq!(output.log(), ["CRITICAL ALL STOP, cluster version is None"]);
}

#[test]
fn a_stop_with_a_reason_tells_it() {
    let scene = waiting();
    scene
        .treekeeper
        .run(&["stop", "--reason", "disk \u{1b}[31mfire"])
        .expect(0);
    assert_snapshot!(scene.refusal(&["sync"], 5), @r"
    CRITICAL ALL STOP, cluster version is None
    refused[TK1001]: the cluster is stopped by MACHINE since TIME: disk \u{1b}[31mfire
    hint: an operator lifts it with `treekeeper resume`; with `--force` added, `treekeeper sync` goes on in spite of it
    ");
}

#[test]
fn versions_that_are_none_at_all() {
    let scene = waiting();
    for (json, arguments) in [
        ("true", &["sync"][..]),
        ("[1]", &["sync"]),
        ("{}", &["sync"]),
        ("true", &["sync", "--force"]),
    ] {
        set_version(&scene, json);
        let said = scene.refusal(arguments, 1);
        assert!(said.contains(json), "{said}");
    }
    set_version(&scene, "true");
    assert_snapshot!(scene.refusal(&["sync"], 1), @r"
    error[TK1114]: the version of /hosts is true, which is neither a string, a number, None nor False
    hint: an operator sets it: `treekeeper resume VERSION`, with the commit that the hosts run
    ");
    set_version(&scene, "[\"a\", 1]");
    assert_snapshot!(scene.refusal(&["sync"], 1), @r#"
    error[TK1114]: the version of /hosts is ["a",1], which is neither a string, a number, None nor False
    hint: an operator sets it: `treekeeper resume VERSION`, with the commit that the hosts run
    "#);
}

#[test]
fn hosts_without_a_version() {
    let scene = waiting();
    scene.session.set("/hosts", br#"{"owner":"jim"}"#);
    assert_snapshot!(scene.refusal(&["sync"], 1), @r"
    error[TK1114]: /hosts has no version
    hint: an operator sets it: `treekeeper resume VERSION`, with the commit that the hosts run
    ");
    assert_eq!(
        scene.refusal(&["sync", "--force"], 1),
        scene.refusal(&["sync"], 1)
    );
    scene.session.set("/hosts", b"");
    assert_eq!(
        scene.refusal(&["sync", "--dry-run"], 1),
        scene.refusal(&["sync"], 1)
    );
}

#[test]
fn hosts_with_raw_data() {
    let scene = waiting();
    scene.session.set("/hosts", b"raw words");
    assert_snapshot!(scene.refusal(&["sync"], 1), @r"
    error[TK1114]: /hosts holds data that are not a JSON object
    hint: an operator looks at it (`treekeeper tree /hosts`) and sets it: `treekeeper resume VERSION`
    ");
    assert_eq!(
        scene.refusal(&["sync", "--force"], 1),
        scene.refusal(&["sync"], 1)
    );
}

#[test]
fn hosts_that_lag_are_all_told_in_order() {
    let scene = waiting();
    let first = scene.repository.git(&["rev-parse", "HEAD~1"]);
    let at = |version: &str| format!("{{\"version\":\"{version}\"}}");
    scene.session.create("/hosts/zeta", at("old").as_bytes());
    scene.session.create("/hosts/alpha", b"{}");
    scene.session.create("/hosts/beta", at(first.trim()).as_bytes());
    scene.session.create("/hosts/gamma", br#"{"version":7}"#);
    assert_snapshot!(scene.refusal(&["sync"], 4), @r"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    ERROR Version mismatch detected, can't resync since host alpha has not converged (no version -> <first>)
    ERROR Version mismatch detected, can't resync since host gamma has not converged (7 -> <first>)
    ERROR Version mismatch detected, can't resync since host zeta has not converged (old -> <first>)
    refused[TK1002]: 3 hosts have not converged
    hint: wait until the hosts report the version (`treekeeper status` tells what they report), or add `--force` to `treekeeper sync`
    ");
    assert_snapshot!(scene.refusal(&["sync", "--dry-run"], 4), @r"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    ERROR Version mismatch detected, can't resync since host alpha has not converged (no version -> <first>)
    ERROR Version mismatch detected, can't resync since host gamma has not converged (7 -> <first>)
    ERROR Version mismatch detected, can't resync since host zeta has not converged (old -> <first>)
    refused[TK1002]: 3 hosts have not converged
    hint: wait until the hosts report the version (`treekeeper status` tells what they report), or add `--force` to `treekeeper sync`
    ");
    assert_snapshot!(scene.both(&scene.treekeeper.run(&["plan"]).expect(0)), @r"
    ~ /a
        ~ n = 1 -> 2
    Plan: 0 to create, 1 to change, 0 to delete (1 transaction, N bytes).
    A sync would be refused now:
      - [TK1002] host alpha has not converged (no version -> <first>)
      - [TK1002] host gamma has not converged (7 -> <first>)
      - [TK1002] host zeta has not converged (old -> <first>)
    hint: wait until the hosts report the version (`treekeeper status` tells what they report), or add `--force` to `treekeeper sync`
    ");
    scene.treekeeper.run(&["sync", "--force"]).expect(0);
}

#[test]
fn a_held_lock() {
    let scene = waiting();
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    assert_snapshot!(scene.refusal(&["sync"], 6), @r#"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    ERROR Refused to update zookeeper tree, couldn't obtain cluster lock
    refused[TK1008]: the lock is held by /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE (session 0xSESSION, data "0")
    hint: `treekeeper lock show` tells more; to wait for it, add `--lock-wait SECONDS`; if it is stuck: `treekeeper lock break /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE`
    "#);
    assert_snapshot!(scene.refusal(&["sync", "--force", "--lock-wait", "1"], 6), @r#"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    ERROR Refused to update zookeeper tree, couldn't obtain cluster lock
    refused[TK1008]: the lock is held by /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE (session 0xSESSION, data "0"), still after 1 s
    hint: `treekeeper lock show` tells more; to wait for it, add `--lock-wait SECONDS`; if it is stuck: `treekeeper lock break /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE`
    "#);
    lock.release();
    scene.treekeeper.run(&["sync"]).expect(0);
}

#[test]
fn a_candidate_left_by_hand() {
    let scene = waiting();
    scene
        .session
        .create("/ZktoolsLocks/,hosts/by-hand--0000000000", b"jim was here");
    assert_snapshot!(scene.refusal(&["sync"], 6), @r#"
    INFO VCS Version: <next>
    INFO ZK Version: <first>
    ERROR Refused to update zookeeper tree, couldn't obtain cluster lock
    refused[TK1008]: the lock is held by /ZktoolsLocks/,hosts/by-hand--0000000000, left by hand (not ephemeral: it will never expire; data "jim was here")
    hint: `treekeeper lock show` tells more; when nobody needs it any more: `treekeeper lock break /ZktoolsLocks/,hosts/by-hand--0000000000`
    "#);
}

#[test]
fn several_refusals_at_once() {
    let scene = waiting();
    scene.session.create("/hosts/lame", br#"{"version":"old"}"#);
    let first = scene.repository.git(&["rev-parse", "HEAD~1"]);
    scene.treekeeper.run(&["sync", "--force"]).expect(0);
    scene.repository.point_at(first.trim());
    assert_snapshot!(scene.refusal(&["sync"], 4), @r"
    INFO VCS Version: <first>
    INFO ZK Version: <next>
    ERROR Version mismatch detected, can't resync since host lame has not converged (old -> <next>)
    refused[TK1002]: 1 host has not converged
    refused[TK1003]: <first short> is older than the deployed commit <next short>
    hint: wait until the hosts report the version (`treekeeper status` tells what they report), or add `--force` to `treekeeper sync`
    hint: if the history was changed on purpose: `treekeeper sync --allow-rewind`
    ");
}

#[test]
fn configuration_that_is_wrong() {
    let scene = Scene::new();
    let said = |text: &str| {
        scene.configure(text);
        let output = scene.treekeeper.run(&["sync"]).expect(1);
        assert_eq!(scene.freeze().len(), 1);
        scene.words(&output.stderr)
    };
    assert_snapshot!(said("lock = 'kazoo'\nlokc_wait = '3s'\n"), @"error[TK1110]: HOME/.config/treekeeper/treekeeper.toml:2:1: unknown field `lokc_wait`, expected one of `zookeeper`, `overlay`, `lock`, `lock_wait`, `bump`, `git`, `delete`, `secrets`, `limits`, `auth`");
    assert_snapshot!(said("[git]\nurl = 'x'\nbrunch = 'main'\n"), @"error[TK1110]: HOME/.config/treekeeper/treekeeper.toml:3:1: unknown field `brunch`, expected one of `url`, `branch`, `path`, `mirror`, `history`, `retries`, `retry_pause`");
    assert_snapshot!(said("lock = 'flock'\n"), @"error[TK1110]: HOME/.config/treekeeper/treekeeper.toml:1:8: unknown variant `flock`, expected one of `zktools`, `kazoo`, `both`");
    assert_snapshot!(said("lock = \n"), @"error[TK1110]: HOME/.config/treekeeper/treekeeper.toml:1:8: string values must be quoted, expected literal string");
    assert_snapshot!(said("lock_wait = 'soon'\n"), @r#"error[TK1110]: lock_wait = "soon" is not a duration such as "30s""#);
    scene.configure("");
    let output = scene.treekeeper.run(&["sync", "--zookeeper", ","]).expect(1);
    assert_snapshot!(output.stderr, @r#"error[TK1110]: no server in the connection string ",""#);
}

#[test]
fn a_configuration_file_that_is_not_there() {
    let scene = Scene::new();
    let output = scene
        .treekeeper
        .run(&["sync", "--config", "absent.toml"])
        .expect(1);
    assert_snapshot!(output.stderr, @"error[TK1110]: cannot read absent.toml: No such file or directory (os error 2)");
    // The working directory is never searched.
    scene.treekeeper.file("treekeeper.toml", "nonsense");
    scene.commit("first", &[("a.zk", GOOD)]);
    scene.treekeeper.run(&["sync"]).expect(0);
}

#[test]
fn credentials_never_leave_the_machine_in_the_clear() {
    let treekeeper = Treekeeper::offline().with_environment("ZK_SECRET", "keeper:canary-secret");
    let config = treekeeper.file("keeper.toml", "[auth.digest]\nenv = 'ZK_SECRET'\n");
    let config = config.to_str().unwrap();
    let output = treekeeper
        .run(&["--config", config, "-z", "zk.example.com:2181", "tree"])
        .expect(1);
    assert_snapshot!(output.stderr, @"error[TK1110]: credentials would go to zk.example.com:2181 in the clear: use TLS, or set `allow_plaintext = true` in [auth]");
}

#[test]
fn a_state_of_another_release() {
    let scene = waiting();
    scene.session.set("/treekeeper/state", br#"{"schema":99}"#);
    assert_snapshot!(scene.refusal(&["sync"], 1), @r"
    error[TK1115]: cannot read /treekeeper/state: its schema is 99, this release reads 1
    hint: use the release of treekeeper that wrote it, or newer; if it was damaged by hand, delete it: the next sync makes it anew
    ");
    assert_snapshot!(scene.printed(&["status"]), @r"
    Broken: cannot read /treekeeper/state: its schema is 99, this release reads 1.
    version   <first>
    drift     not known: cannot read /treekeeper/state: its schema is 99, this release reads 1
    lock      free
    ");
    scene.session.set("/treekeeper/state", b"not json");
    assert_snapshot!(scene.refusal(&["sync"], 1), @r"
    error[TK1115]: cannot read /treekeeper/state: expected ident at line 1 column 2
    hint: use the release of treekeeper that wrote it, or newer; if it was damaged by hand, delete it: the next sync makes it anew
    ");
}

#[test]
fn a_first_sync_that_meets_a_held_lock_leaves_initial() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", GOOD)]);
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    assert_snapshot!(scene.first_refusal(&["sync"], 6), @r#"
    INFO VCS Version: <first>
    INFO ZK Version: initial
    ERROR Refused to update zookeeper tree, couldn't obtain cluster lock
    refused[TK1008]: the lock is held by /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE (session 0xSESSION, data "0")
    hint: `treekeeper lock show` tells more; to wait for it, add `--lock-wait SECONDS`; if it is stuck: `treekeeper lock break /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE`
    "#);
    assert_eq!(scene.session.text("/hosts"), r#"{"version":"initial"}"#);
}

#[test]
fn pruning_at_an_equal_version_says_why_nothing_went() {
    let scene = Scene::synced(&[("a.zk", "/a\n"), ("b.zk", "/b\n")]);
    scene.commit("less", &[("a.zk", "/a\n")]);
    scene.said(&["sync"]);
    assert_snapshot!(scene.said(&["sync", "--prune-roots"]), @r"
    INFO VCS Version: <less>
    INFO ZK Version: <less>
    hint: an equal version is not synced again, so nothing was pruned: add `--repair`
    ");
    scene.said(&["sync", "--prune-roots", "--repair"]);
    assert!(!scene.session.exists("/b"));
}
