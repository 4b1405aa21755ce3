//! Snapshots: what they hold, that nothing is lost by writing and reading, and that plans over them are the live ones.

use std::collections::BTreeSet;

use super::Snapshot;
use crate::model::cluster::{ClusterReading, ClusterState, Host, HostsNode, LockStyle, StateReading};
use crate::model::{
    ClusterVersion, DataVersion, DesiredNode, DesiredTree, HashKey, LiveNode, LiveTree, RootScope, Text,
    Tree, Veil, ZnodePath, Zxid,
};
use crate::plan::{Change, DiffOptions, diff};

const CANARY: &str = "canary-7f3a";

fn node(data: &[u8], czxid: i64) -> LiveNode {
    LiveNode {
        data: data.into(),
        version: DataVersion(3),
        czxid: Zxid(czxid),
        mzxid: Zxid(czxid),
        mtime_ms: 0,
        ephemeral_owner: None,
    }
}

fn live() -> LiveTree {
    let mut tree = Tree::new(LiveNode::unread());
    let cms = tree.add(
        tree.root(),
        "cms",
        node(
            format!("{{\"password\":\"{CANARY}\",\"threads\":3,\"deep\":[{{\"token\":\"{CANARY}\"}}]}}")
                .as_bytes(),
            7,
        ),
    );
    let providers = tree.add(cms, "providers", node(b"", 8));
    let provider = LiveNode {
        ephemeral_owner: Some(0x1_0000_0abc),
        ..node(b"{\"pid\":1}", 9)
    };
    tree.add(providers, "192.0.2.1:80", provider);
    tree.add(cms, "raw", node(b"\xff\x00", 10));
    tree
}

fn cluster() -> ClusterReading {
    let mut state = ClusterState::initial(LockStyle::Kazoo, "ada@ops-1", "2026-01-02T03:04:05Z");
    state.commit = Some("c0ffee".repeat(6) + "c0ff");
    state.roots = BTreeSet::from(["cms".to_owned()]);
    state.remember("0123", 1, "an outcome that nobody needs");
    ClusterReading {
        hosts_node: Some(HostsNode::new(b"{\"version\":null,\"other\":1}", DataVersion(5))),
        hosts: vec![Host {
            name: "web-1".to_owned(),
            version: Some(ClusterVersion::Text(Text::from("old"))),
            error: Some("no \"space\"\u{202e}".to_owned()),
        }],
        state: StateReading::Present(Box::new(state), DataVersion(2)),
        history: None,
    }
}

fn snapshot() -> Snapshot {
    let veil = Veil::new(HashKey::new([7; 16]), vec!["pin".to_owned()]);
    let others = BTreeSet::from(["scratch".to_owned()]);
    let taken = "2026-01-02T03:04:05Z".to_owned();
    Snapshot::new(taken, "ada@ops-1".to_owned(), veil, cluster(), others, live())
}

#[test]
fn a_snapshot_holds_what_a_plan_needs_and_no_secret() {
    let text = snapshot().to_text();
    assert!(!text.contains(CANARY), "{text}");
    assert!(text.is_ascii());
    insta::assert_snapshot!(text, @r#"
    {
    "format": "treekeeper-snapshot",
    "schema": 1,
    "taken": "2026-01-02T03:04:05Z",
    "by": "ada@ops-1",
    "secrets": {"key": "07070707070707070707070707070707", "names": ["pin"]},
    "hosts": {"version": null, "data_version": 5, "hosts": [
    {"name": "web-1", "version": "old", "error": "no \"space\"\u202e"}
    ]},
    "state": {"schema":1,"repository":null,"generation":0,"phase":"clean","commit":"c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff","from":null,"to":null,"sync_id":"","step":0,"steps":0,"pinned":null,"stop":null,"by":"ada@ops-1","at":"2026-01-02T03:04:05Z","lock":"kazoo","grants":{"commit":"","allow_delete":null,"allow_rewind":false,"adopt":false,"prune_roots":false},"outcomes":[]},
    "roots": {"roots":["cms"],"orphans":[]},
    "others": ["scratch"],
    "nodes": [
    {"path": "/cms", "version": 3, "czxid": 7, "children": 2, "properties": {"deep":[{"token":"\u2022\u2022\u2022cf1b3d3912220964"}],"password":"\u2022\u2022\u2022cf1b3d3912220964","threads":3}},
    {"path": "/cms/providers", "version": 3, "czxid": 8, "children": 1},
    {"path": "/cms/providers/192.0.2.1:80", "version": 3, "czxid": 9, "children": 0, "ephemeral": 4294970044, "properties": {"pid":1}},
    {"path": "/cms/raw", "version": 3, "czxid": 10, "children": 0, "hex": "ff00"}
    ]
    }
    "#);
}

#[test]
fn what_was_written_is_read() {
    let text = snapshot().to_text();
    let read = Snapshot::parse(text.as_bytes()).unwrap();
    assert_eq!(read.to_text(), text);
    assert_eq!(read.cluster.version(), Ok(ClusterVersion::Stop));
    assert_eq!(read.cluster.hosts, cluster().hosts);
    assert_eq!(
        read.cluster.state.state().map(|state| state.lock),
        Some(LockStyle::Kazoo)
    );
    let now = "2026-01-02T03:05:05Z".parse().unwrap();
    assert_eq!(read.age_seconds(now), Some(60));
    let never = ClusterReading {
        hosts_node: None,
        hosts: Vec::new(),
        state: StateReading::Absent,
        history: None,
    };
    let empty = Snapshot {
        cluster: never.clone(),
        ..snapshot()
    };
    assert_eq!(
        Snapshot::parse(empty.to_text().as_bytes()).unwrap().cluster,
        never
    );
}

#[test]
fn files_that_are_none_are_refused_at_the_place_that_is_wrong() {
    let text = snapshot().to_text();
    let said = |old: &str, new: &str| {
        let wrong = text.replacen(old, new, 1);
        assert_ne!(wrong, text, "{old}");
        Snapshot::parse(wrong.as_bytes()).unwrap_err().to_string()
    };
    let faults = [
        said("\n]\n}\n", ""),
        said("treekeeper-snapshot", "treekeeper-plan"),
        said("\"schema\": 1,\n\"taken\"", "\"schema\": 2,\n\"taken\""),
        said("\"key\": \"07", "\"key\": \"zz"),
        said("\"others\": [\"scratch\"]", "\"others\": [1]"),
        said("\"hosts\": [", "\"hosts\": [1, "),
        said("\"lock\":\"kazoo\"", "\"lock\":\"flock\""),
        said("\"path\": \"/cms\"", "\"path\": \"cms\""),
        said("\"path\": \"/cms/raw\"", "\"path\": \"/lb/raw\""),
        said("\"path\": \"/cms/raw\"", "\"path\": \"/cms/providers\""),
        said("\"children\": 2", "\"children\": 1"),
        said("\"version\": 3,", "\"version\": 3.5,"),
        said("\"hex\": \"ff00\"", "\"hex\": \"ff0\""),
        said("\"properties\": {\"deep\"", "\"properties\": 1, \"x\": {\"deep\""),
        said("\"ephemeral\": 4294970044", "\"ephemeral\": true"),
        Snapshot::parse(b"[1]").unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(faults.join("\n"), @r"
    it is not JSON, or not all of it
    it is not a snapshot of treekeeper
    its schema is 2, this release reads 1
    key of secrets: it is no key
    others of the file: not all of it is text
    a host: it is not an object
    state of the file: it is none that this release reads
    path of znode 1: it is no znode's path
    path of znode /lb/raw: the znode above is not before it
    path of znode /cms/providers: it was there before
    children of znode /cms: it is not the number of those that the file has
    version of znode /cms: it is not a whole number
    hex of znode /cms/raw: it is not hexadecimal
    properties of znode /cms: it is not an object
    ephemeral of znode /cms/providers/192.0.2.1:80: it is not a whole number
    it is not a snapshot of treekeeper
    ");
}

#[test]
fn what_is_asked_for_is_observed_and_nothing_else() {
    let snapshot = snapshot();
    let path = |path: &str| ZnodePath::parse(path).unwrap();
    let paths = |paths: &[&str]| {
        let asked: Vec<_> = paths.iter().map(|text| path(text)).collect();
        snapshot.observe(&asked).map(|tree| {
            let ids: Vec<_> = tree.walk().collect();
            ids.into_iter()
                .map(|id| tree.path(id).to_string())
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(
        paths(&["/cms", "/nowhere"]).unwrap(),
        [
            "/cms",
            "/cms/providers",
            "/cms/providers/192.0.2.1:80",
            "/cms/raw"
        ]
    );
    assert_eq!(
        paths(&["/cms/providers"]).unwrap(),
        ["/cms", "/cms/providers", "/cms/providers/192.0.2.1:80"]
    );
    assert_eq!(paths(&["/cms", "/scratch"]), Err(path("/scratch")));
}

/// Returns a tree that defines `/cms` with these data, and `/cms/raw`.
fn desired(data: &str) -> DesiredTree {
    let content = |data: &[u8]| DesiredNode { data: data.into() };
    let mut tree = Tree::new(content(b""));
    let cms = tree.add(tree.root(), "cms", content(data.as_bytes()));
    tree.add(cms, "raw", content(b"\xff\x00"));
    let roots = [("cms".into(), RootScope::Trim)];
    DesiredTree {
        tree,
        roots: roots.into(),
    }
}

#[test]
fn plans_over_a_snapshot_change_what_live_plans_change() {
    let snapshot = snapshot();
    let read = Snapshot::parse(snapshot.to_text().as_bytes()).unwrap();
    let observed = read.observe(&[ZnodePath::parse("/cms").unwrap()]).unwrap();
    let said = |changes: &[Change]| {
        let said = |change: &Change| match change {
            Change::Create { path, .. } => format!("create {path}"),
            Change::Set {
                path, version, czxid, ..
            } => format!("set {path} {version:?} {czxid:?}"),
            Change::Delete { path, version, czxid } => format!("delete {path} {version:?} {czxid:?}"),
        };
        changes.iter().map(said).collect::<Vec<_>>()
    };
    let same = format!("{{\"deep\":[{{\"token\":\"{CANARY}\"}}],\"password\":\"{CANARY}\",\"threads\":3}}");
    let mut changed = 0;
    for data in [
        same.clone(),
        same.replace("threads\":3", "threads\":4"),
        same.replacen(CANARY, "other", 1),
        same.replace("\"password\":", "\"user\":"),
        same.replace("\"threads\":3", "\"pin\":3"),
        "{}".to_owned(),
    ] {
        let wanted = desired(&data);
        let on_live = diff(&wanted, &live(), &DiffOptions::default());
        let on_snapshot = diff(&read.veil.over_tree(&wanted), &observed, &DiffOptions::default());
        assert_eq!(said(&on_live.changes), said(&on_snapshot.changes), "{data}");
        assert_eq!(on_live.spared, on_snapshot.spared);
        changed += usize::from(
            on_live
                .changes
                .iter()
                .any(|change| matches!(change, Change::Set { .. })),
        );
    }
    assert_eq!(changed, 5);
}
