//! `doctor`: each line, well and ill, and that nothing of it changes a znode or hangs.

use std::net::TcpListener;
use std::time::Duration;

use insta::assert_snapshot;
use serde_json::Value;
use zookeeper_client::{Acl, AuthId, Permission};

use crate::scene::Scene;
use crate::support::foreign::{Foreign, wait};
use crate::support::locks::{ForeignLock, Style};
use crate::support::treekeeper::Treekeeper;

const GOOD: &str = "/a\n  n = 1\n";

/// Lines that are another text with each server and machine.
const ELSEWHERE: [&str; 3] = ["git", "server", "session"];

/// Runs it, and returns a line for each finding that is the same everywhere, without times.
fn told(scene: &Scene, arguments: &[&str], status: i32) -> String {
    let before = scene.freeze();
    let output = scene
        .treekeeper
        .run(&[&["doctor", "--json"], arguments].concat())
        .expect(status);
    assert_eq!(scene.freeze(), before, "it wrote");
    let json: Value = serde_json::from_str(&output.stdout).expect("JSON is printed");
    assert_eq!(
        (&json["schema"], &json["well"]),
        (&1.into(), &(status == 0).into())
    );
    let mut lines = String::new();
    for finding in json["findings"].as_array().expect("findings") {
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        if !ELSEWHERE.contains(&text("subject").as_str()) {
            let fix = text("fix");
            let fix = if fix.is_empty() { fix } else { format!(" | {fix}") };
            lines.push_str(&format!(
                "{} {}: {}{fix}\n",
                text("level"),
                text("subject"),
                text("text")
            ));
        }
    }
    scene.words(&without_times(&lines))
}

fn without_times(text: &str) -> String {
    let text = text.replace("less than 1 ms", "0 ms");
    let mut out = String::new();
    for part in text.split_inclusive(" ms") {
        let start = part.trim_end_matches(" ms");
        let kept = start.trim_end_matches(|character: char| character.is_ascii_digit());
        match part.ends_with(" ms") && kept.len() < start.len() {
            true => out.push_str(&format!("{kept}N ms")),
            false => out.push_str(part),
        }
    }
    out
}

#[test]
fn a_cluster_that_was_never_synced_is_well() {
    let scene = Scene::new();
    scene.commit("first", &[("a.zk", GOOD)]);
    assert_snapshot!(told(&scene, &[], 0), @"
    ok repository: fetched <first short> in N ms, 1 tree file can be read from the mirror
    ok round trip: N ms
    ok features: many reads in one request, watches that last
    ok cluster: never synced: the first sync makes what it needs
    ok access: no ACL denies anything at /, /hosts, /treekeeper and 0 top-level znodes
    warning open ACLs: everybody may change / | where others are not to be trusted: give treekeeper credentials ([auth]), then set ACLs
    ok quotas: none on managed top-level znodes
    ok lock style: zktools
    ok syncers: no other is seen
    ok clock: no write that can be seen is from the future
    ok request size: 524288 bytes, the largest transaction, get through
    ");
}

#[test]
fn a_synced_cluster_is_well() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    assert_snapshot!(told(&scene, &[], 0), @"
    ok repository: fetched <first short> in N ms, 1 tree file can be read from the mirror
    ok round trip: N ms
    ok features: many reads in one request, watches that last
    ok cluster: the state can be read, it manages 1 top-level znode
    ok access: no ACL denies anything at /, /hosts, /treekeeper and 1 top-level znode
    warning open ACLs: everybody may change /a, /, /hosts, /treekeeper/state | where others are not to be trusted: give treekeeper credentials ([auth]), then set ACLs
    ok quotas: none on managed top-level znodes
    ok lock style: zktools, as earlier syncs
    ok syncers: no other is seen
    ok clock: no write that can be seen is from the future
    ok request size: 524288 bytes, the largest transaction, get through
    ");
    let text = scene.printed(&["doctor"]);
    for start in ["ok       git ", "warning  server ", "ok       request size  "] {
        assert!(
            text.lines().any(|line| line.starts_with(start)),
            "{start}\n{text}"
        );
    }
    assert!(text.contains(" runs 3."), "{text}");
    assert!(text.lines().last().unwrap().ends_with("0 failures."), "{text}");
}

#[test]
fn what_would_refuse_a_sync_fails() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let read_only = [Acl::new(Permission::READ, AuthId::anyone())];
    wait(scene.session.client().set_acl("/a", &read_only, None)).unwrap();
    scene.session.create("/hosts-lock", b"");
    scene
        .session
        .create("/ZktoolsLocks/,hosts/by-hand--0000000000", b"");
    let lines = told(&scene, &["--lock", "kazoo"], 1);
    let ill: Vec<&str> = lines.lines().filter(|line| !line.starts_with("ok ")).collect();
    assert_snapshot!(ill.join("\n"), @r#"
    fail access: ACLs deny setting /a, creating in /a, deleting in /a | give treekeeper's identity the permission, or configure the one that has it ([auth])
    warning open ACLs: everybody may change /, /hosts, /treekeeper/state | where others are not to be trusted: give treekeeper credentials ([auth]), then set ACLs
    fail lock style: earlier syncs took the zktools lock, this configuration takes the kazoo lock | set `lock = "zktools"`, or change it once no other syncer takes the old one: `treekeeper sync --adopt`
    fail syncers: /ZktoolsLocks/,hosts/by-hand--0000000000 was left by hand and never expires | when nobody needs it any more: `treekeeper lock break NODE`
    "#);
}

#[test]
fn other_syncers_are_seen() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let line = |lines: &str| {
        let found = lines.lines().find(|line| line.contains(" syncers: "));
        found.unwrap_or_default().to_owned()
    };
    let mut lock = ForeignLock::new(Style::Zktools, &scene.connect);
    lock.hold();
    assert_snapshot!(line(&told(&scene, &[], 0)), @"warning syncers: another syncer is at work: /ZktoolsLocks/,hosts/HEX-lock--SEQUENCE | `treekeeper lock show` tells more; both exclude each other");
    lock.release();
    scene.session.create("/hosts-lock", b"");
    assert_snapshot!(line(&told(&scene, &[], 0)), @r#"warning syncers: /hosts-lock is there: a syncer that takes the kazoo lock is not excluded by the zktools lock | while such a syncer is about: `lock = "both"`; when there is none any more, delete that node"#);
}

#[test]
fn a_quota_is_told() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let (server, chroot) = scene.connect.split_once('/').unwrap();
    let bare = Foreign::connect(server);
    bare.create_if_absent("/zookeeper/quota", b"");
    for path in [
        format!("/zookeeper/quota/{chroot}"),
        format!("/zookeeper/quota/{chroot}/a"),
    ] {
        bare.create(&path, b"");
    }
    let base = format!("/zookeeper/quota/{chroot}/a");
    bare.create(
        &format!("{base}/zookeeper_limits"),
        b"count=1000,bytes=-1\x1b[31m",
    );
    bare.create(&format!("{base}/zookeeper_stats"), b"count=1,bytes=7");
    let lines = told(&scene, &[], 0);
    let line = lines.lines().find(|line| line.contains(" quotas: "));
    assert_snapshot!(line.unwrap_or_default(), @r"warning quotas: /a (limits count=1000,bytes=-1\u{1b}[31m; used count=1,bytes=7) | a sync that goes over a hard limit is refused: look with `zkCli.sh listquota PATH`");
}

#[test]
fn a_transaction_that_servers_would_drop_is_known_before() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    scene.configure("[limits]\ntransaction_bytes = 3000000\n");
    let lines = told(&scene, &[], 1);
    let line = lines.lines().find(|line| line.contains(" request size: "));
    assert_snapshot!(line.unwrap_or_default(), @"fail request size: the server drops a request of 3000000 bytes, which a transaction may have | lower `transaction_bytes` in [limits], or raise jute.maxbuffer on every server");
}

#[test]
fn a_server_that_never_answers_is_a_line_and_no_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let treekeeper = Treekeeper::without_repository(&address);
    treekeeper.file("k.toml", "[limits]\nconnect_timeout = '1s'\n");
    let started = std::time::Instant::now();
    let output = treekeeper.run(&["doctor", "--config", "k.toml"]).expect(1);
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "each question has a deadline"
    );
    let text = output.stdout.replace(&address, "SERVER");
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("ok       git "))
        .collect();
    assert_snapshot!(lines.join("\n"), @"
    warning  repository  none is configured: sync, plan and drift need one
             fix: give --url GIT_URL, or set `url` in [git] of treekeeper.toml
    warning  server      SERVER does not tell its release (srvr)
             fix: allow the word in its zoo.cfg: 4lw.commands.whitelist=srvr (`cons` too lets `lock show` tell addresses)
    fail     session     cannot reach ZooKeeper at SERVER: no answer within 1 s
             fix: check --zookeeper (or TREEKEEPER_ZOOKEEPER), that a server listens there, and that it doesn't speak TLS ([auth.tls])
    1 well, 2 warnings, 1 failure.
    ");
}

#[test]
fn without_git_it_says_so() {
    let scene = Scene::synced(&[("a.zk", GOOD)]);
    let treekeeper = Treekeeper::without_repository(&scene.connect).with_environment("PATH", "/nonexistent");
    let output = treekeeper.run(&["doctor"]).expect(1);
    let lines: Vec<&str> = output.stdout.lines().take(4).collect();
    assert_snapshot!(lines.join("\n"), @"
    fail     git           couldn't find the git command
             fix: install git, or put its directory into PATH
    warning  repository    none is configured: sync, plan and drift need one
             fix: give --url GIT_URL, or set `url` in [git] of treekeeper.toml
    ");
}
