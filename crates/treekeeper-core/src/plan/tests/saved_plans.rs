//! Plans in files: how they read, what is refused, and that whatever moved is found.

use super::*;
use crate::model::cluster::{ClusterReading, ClusterState, HostsNode, LockStyle, StateReading};
use crate::model::{Bump, HashKey, Overlay, Revision};
use crate::plan::saved::{Basis, Remaining, SavedFault, SavedOptions, SavedPlan, Saving, write};

const COMMIT: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const ROOT: &str = "cccccccccccccccccccccccccccccccccccccccc";
const CANARY: &str = "canary-7f3a";

fn revision(text: &str) -> Revision {
    Revision::parse(text).unwrap()
}

/// A cluster whose `/hosts` is at a data version, and whose state, if there is one, was created by a transaction.
fn cluster(hosts: Option<(&str, i32)>, state: Option<(i32, i64, u64)>) -> ClusterReading {
    let hosts_node = hosts.map(|(version, at)| {
        HostsNode::new(format!("{{\"version\":{version}}}").as_bytes(), DataVersion(at))
    });
    let state = state.map_or(StateReading::Absent, |(at, czxid, generation)| {
        let mut state = ClusterState::initial(LockStyle::Zktools, "somebody", "once");
        state.created = Some(Zxid(czxid));
        state.generation = generation;
        StateReading::Present(Box::new(state), DataVersion(at))
    });
    ClusterReading {
        hosts_node,
        hosts: Vec::new(),
        state,
        history: None,
    }
}

fn usual() -> ClusterReading {
    cluster(Some(("\"v1\"", 4)), Some((7, 0x51, 3)))
}

fn text(plan: &Plan, cluster: &ClusterReading) -> String {
    let mut text = String::new();
    let saving = Saving {
        treekeeper: "0.1.0",
        at: "2026-01-02T03:04:05Z",
        by: "ada@ops-1",
        zookeeper: "zk1:2181/prod",
        revision: &revision(COMMIT),
        basis: &Basis::new(revision(ROOT), cluster),
        path: ".",
        overlay: Overlay::Merge,
        prune_roots: false,
        bump: Bump::Commit,
        refused_by: &["the cluster is stopped".to_owned()],
        key: HashKey::new([7; 16]),
        secret_names: &["house".to_owned()],
    };
    write(&mut text, plan, &saving).unwrap();
    text
}

fn saved(plan: &Plan) -> SavedPlan {
    SavedPlan::read(&text(plan, &usual())).unwrap()
}

fn files() -> DesiredTree {
    desired(
        &[
            ("/a", "{\"n\":2}"),
            (
                "/a/db",
                "{\"house\":\"canary-7f3a\",\"password\":\"canary-7f3a\",\"user\":\"caf\u{e9}\"}",
            ),
            ("/a/new", "{\"list\":[{\"token\":\"canary-7f3a\"}],\"n\":1.5}"),
            ("/a/new/below", ""),
        ],
        &[],
    )
}

const LIVE: [(&str, &str); 6] = [
    ("/a", "{\"n\":1}"),
    (
        "/a/db",
        "{\"password\":\"canary-7f3a-old\",\"user\":\"caf\u{e9}\"}",
    ),
    ("/a/old", "{\"password\":\"canary-7f3a\"}"),
    ("/a/old/below", ""),
    ("/a/stays", ""),
    ("/a/stays/session!", ""),
];

fn plan(nodes: &[(&str, &str)]) -> Plan {
    diff(&files(), &live(nodes), &DiffOptions::default())
}

#[test]
fn a_saved_plan_is_readable_and_holds_no_secret() {
    let text = text(&plan(&LIVE), &usual());
    assert!(!text.contains(CANARY), "{text}");
    assert!(text.is_ascii());
    insta::assert_snapshot!(text, @r#"
    {
    "kind":"treekeeper-plan",
    "schema":1,
    "treekeeper":"0.1.0",
    "created":{"at":"2026-01-02T03:04:05Z","by":"ada@ops-1"},
    "zookeeper":"zk1:2181/prod",
    "repository":"cccccccccccccccccccccccccccccccccccccccc",
    "commit":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "options":{"path":".","overlay":"merge","prune_roots":false,"bump":"commit"},
    "key":"07070707070707070707070707070707",
    "hosts":{"version":"v1","data_version":4},
    "state":{"data_version":7,"czxid":81},
    "counts":{"create":2,"change":2,"delete":2,"unchanged":0,"managed":4},
    "refused_by":[
    "the cluster is stopped"],
    "operations":[
    {"action":"create","path":"/a/new","parent_czxid":101,"data":"576d1bceb2ca00ad","properties":{"list":[{"token":"\u2022\u2022\u2022cf1b3d39"}],"n":1.5}},
    {"action":"create","path":"/a/new/below","data":"85b3be3ed0b39abf","properties":{}},
    {"action":"change","path":"/a","version":1,"czxid":101,"data":"c75b63df012aca28","properties":{"n":2}},
    {"action":"change","path":"/a/db","version":2,"czxid":102,"data":"cc195b4960a22266","properties":{"house":{"secret":"cf1b3d3912220964"},"password":{"secret":"cf1b3d3912220964"},"user":"caf\u00e9"}},
    {"action":"delete","path":"/a/old/below","version":4,"czxid":104},
    {"action":"delete","path":"/a/old","version":3,"czxid":103}],
    "spared":[
    {"path":"/a/stays","reason":"holds-ephemeral"},
    {"path":"/a/stays/session","reason":"ephemeral","session":"0xe6"}],
    "orphans":[],
    "digest":"sha256:8d228d6fc7c123c6213dfe2fc5986cabdbdb43f955d52066974c9987c79e58f5"}
    "#);
}

#[test]
fn what_is_read_is_what_was_written() {
    let plan = plan(&LIVE);
    let saved = saved(&plan);
    assert_eq!(saved.revision, revision(COMMIT));
    assert_eq!(saved.repository, revision(ROOT));
    assert_eq!(saved.options.path, ".");
    assert_eq!(saved.created.by, "ada@ops-1");
    assert_eq!(saved.moved_tree(&plan, &live(&LIVE), Remaining::Whole), []);
    assert_eq!(saved.moved_cluster(&usual()), []);
    let empty = Plan::default();
    assert_eq!(
        self::saved(&empty).moved_tree(&empty, &live(&[]), Remaining::Whole),
        []
    );
}

#[test]
fn an_edited_file_is_refused_and_one_with_other_blanks_is_not() {
    let text = text(&plan(&LIVE), &usual());
    for same in [
        text.replace('\n', "\r\n"),
        text.replace(",\n", ",\n    "),
        text.replace("\",\"", "\" ,\t\""),
    ] {
        assert_eq!(SavedPlan::read(&same), SavedPlan::read(&text));
    }
    let edits = [
        ("\"version\":2", "\"version\":3"),
        ("/a/old", "/a/odd"),
        ("\"action\":\"delete\"", "\"action\":\"change\""),
        ("caf\\u00e9", "caf \\u00e9"),
        (COMMIT, ROOT),
        ("the cluster is stopped", "the cluster is fine"),
        ("0707", "0708"),
        ("sha256:", "sha256:0"),
        ("\"prune_roots\":false", "\"prune_roots\":true"),
    ];
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        assert_eq!(
            SavedPlan::read(&text.replacen(from, to, 1)),
            Err(SavedFault::Digest),
            "{from} -> {to}"
        );
    }
}

#[test]
fn what_is_no_plan_of_this_release_is_refused_with_a_next_step() {
    let text = text(&plan(&LIVE), &usual());
    let said = |text: &str| match SavedPlan::read(text) {
        Ok(_) => "fine".to_owned(),
        Err(fault) => format!("{fault}\nhint: {}", fault.hint()),
    };
    insta::assert_snapshot!(said(""), @"
    it is not a plan that `treekeeper plan --out` wrote (line 1, column 0)
    hint: name a file that `treekeeper plan --out FILE` wrote
    ");
    insta::assert_snapshot!(said("{\"schema\":1}"), @"
    it is not a plan that `treekeeper plan --out` wrote (line 1, column 12)
    hint: name a file that `treekeeper plan --out FILE` wrote
    ");
    insta::assert_snapshot!(said("{\"kind\":\"\u{202e}x\",\"schema\":1}"), @r"
    it is not a plan that `treekeeper plan --out` wrote (its kind is `\u{202e}x`)
    hint: name a file that `treekeeper plan --out FILE` wrote
    ");
    insta::assert_snapshot!(said(&text.replace("\"schema\":1", "\"schema\":2")), @"
    its schema is 2, this release reads 1
    hint: make it anew with this release: `treekeeper plan --out FILE`
    ");
    insta::assert_snapshot!(said(&text[..text.len() / 2]), @r"
    it is not a plan that `treekeeper plan --out` wrote (line 18, column 0)
    hint: name a file that `treekeeper plan --out FILE` wrote
    ");
    insta::assert_snapshot!(said(&text.replace("v1", "v2")), @"
    its digest doesn't fit what it holds: it was edited or damaged
    hint: a plan is applied as it was made or not at all; make it anew: `treekeeper plan --out FILE`
    ");
}

#[test]
fn a_word_that_this_release_does_not_know_is_not_taken_for_another() {
    let read = |overlay, bump| {
        let text = format!(r#"{{"path":".","overlay":"{overlay}","prune_roots":false,"bump":"{bump}"}}"#);
        serde_json::from_str::<SavedOptions>(&text).is_ok()
    };
    assert!(read("replace", "tree"));
    assert!(!read("Merge", "tree"));
    assert!(!read("replace", "host"));
}

/// Returns what has moved between the usual tree and `nodes`.
fn moved(nodes: &[(&str, &str)]) -> String {
    let saved = saved(&plan(&LIVE));
    let found = saved.moved_tree(&plan(nodes), &live(nodes), Remaining::Whole);
    found.iter().map(|moved| format!("{moved}\n")).collect()
}

/// The usual tree but for one node.
fn but(path: &str, data: Option<&'static str>) -> Vec<(&'static str, &'static str)> {
    let nodes = LIVE
        .iter()
        .filter(|(other, _)| data.is_some() || !other.starts_with(path));
    nodes
        .map(|(other, old)| (*other, if *other == path { data.unwrap_or(old) } else { old }))
        .collect()
}

#[test]
fn every_kind_of_move_is_told() {
    // Numbers of versions and creations are those of the places in the list.
    let mut longer = vec![("/a", "{\"n\":1}"), ("/a/0", "")];
    longer.extend(&LIVE[1..]);
    insta::assert_snapshot!(moved(&longer), @"
    /a/0: expected nothing to do, found data version 2 of a znode that the files don't define
    /a/db: expected data version 2 of the znode created by 0x66, found data version 3 of one created by 0x67: it was deleted and made anew
    /a/old: expected data version 3 of the znode created by 0x67, found data version 4 of one created by 0x68: it was deleted and made anew
    /a/old/below: expected data version 4 of the znode created by 0x68, found data version 5 of one created by 0x69: it was deleted and made anew
    ");
    insta::assert_snapshot!(moved(&but("/a/old/below", None)), @"/a/old/below: expected data version 4, found no znode");
    insta::assert_snapshot!(moved(&but("/a", Some("{\"n\":2}"))), @"/a: expected data to be changed, found that the commit leaves it: this release or configuration reads it in another way");
    let mut more = LIVE.to_vec();
    more.extend([("/a/new", ""), ("/a/old/session!", ""), ("/a/third", "")]);
    insta::assert_snapshot!(moved(&more), @"
    /a/new: expected no znode, found data version 7
    /a/old: expected a znode that may be deleted, found that something below it must stay: ephemeral znodes, or agents that stand in line
    /a/third: expected nothing to do, found data version 9 of a znode that the files don't define
    ");
}

#[test]
fn a_commit_that_reads_differently_is_told() {
    let saved = saved(&plan(&LIVE));
    let other = desired(
        &[
            ("/a", "{\"n\":3}"),
            ("/a/db", "{}"),
            ("/a/new", ""),
            ("/a/new/below", ""),
        ],
        &[],
    );
    let live = live(&LIVE);
    let found = saved.moved_tree(
        &diff(&other, &live, &DiffOptions::default()),
        &live,
        Remaining::Whole,
    );
    let told: String = found.iter().map(|moved| format!("{moved}\n")).collect();
    insta::assert_snapshot!(told, @"
    /a: expected the data that the plan shows, found other data: this release or configuration reads the commit in another way
    /a/db: expected the data that the plan shows, found other data: this release or configuration reads the commit in another way
    /a/new: expected the data that the plan shows, found other data: this release or configuration reads the commit in another way
    ");
}

#[test]
fn what_batches_have_done_has_not_moved() {
    let saved = saved(&plan(&LIVE));
    let rest = but("/a/old", None);
    let (plan, live) = (plan(&rest), live(&rest));
    // The places in the list moved up, and with them the versions of what is spared only.
    assert_eq!(saved.moved_tree(&plan, &live, Remaining::Rest), []);
    assert_eq!(saved.moved_tree(&plan, &live, Remaining::Whole).len(), 2);
}

#[test]
fn the_clusters_own_nodes_are_compared() {
    let saved = |cluster: &ClusterReading| SavedPlan::read(&text(&Plan::default(), cluster)).unwrap();
    let told = |before: &ClusterReading, now: &ClusterReading| -> String {
        let found = saved(before).moved_cluster(now);
        found.iter().map(|moved| format!("{moved}\n")).collect()
    };
    insta::assert_snapshot!(told(&usual(), &cluster(Some(("null", 5)), Some((8, 0x51, 3)))), @"
    /hosts: expected version v1 at data version 4, found version None at data version 5
    /treekeeper/state: expected data version 7, found data version 8
    ");
    insta::assert_snapshot!(told(&usual(), &cluster(None, Some((0, 0x99, 0)))), @"
    /hosts: expected version v1 at data version 4, found no znode
    /treekeeper/state: expected data version 7 of the znode created by 0x51, found data version 0 of the znode created by 0x99
    ");
    insta::assert_snapshot!(told(&usual(), &cluster(Some(("\"v1\"", 4)), None)), @"/treekeeper/state: expected data version 7, found no znode");
    let never = cluster(None, None);
    let prepared = cluster(Some(("\"initial\"", 0)), Some((0, 0x99, 0)));
    assert_eq!(told(&never, &prepared), "");
    insta::assert_snapshot!(told(&never, &cluster(Some(("\"v1\"", 0)), Some((1, 0x99, 1)))), @"
    /hosts: expected no znode, found version v1 at data version 0
    /treekeeper/state: expected no znode, found data version 1
    ");
    assert_ne!(told(&prepared, &never), "");
}
