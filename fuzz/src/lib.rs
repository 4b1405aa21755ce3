//! What any bytes must stand: one function for each fuzz target, which panics where a law is broken.
//!
//! `crates/treekeeper/tests/fuzz_twins.rs` includes this file and plays the same functions in the gate, over the seed
//! corpus, the inputs that were found, and random bytes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use memkeeper::database::{Connect, Connected, Database, DatabaseOptions, SessionId};
use memkeeper::wire::{self, Frame, Operation, client};
use treekeeper_core::layer::{self, Rules};
use treekeeper_core::model::{
    DataVersion, DesiredTree, LiveNode, LiveTree, ZnodePath, Zxid, decode, encode, json_value, write_json,
};
use treekeeper_core::plan::{Change, DiffOptions, Plan, diff};
use treekeeper_core::treefile::expression::{evaluate, evaluate_property};
use treekeeper_core::treefile::{FileTree, ParseLimits, SourceFile, canonical, parse, to_json};

/// The code of an expression that is more than a limit allows.
const LIMIT: &str = "TK0213";

/// A tree file: every diagnostic lies in the file and renders as safe text; what is right has a canonical form, which
/// means the same and is its own canonical form; read in pieces it desires what it desires as a whole.
pub fn tree_file(bytes: &[u8]) {
    let (tree, diagnostics) = parse(source(bytes), &ParseLimits::default());
    if diagnostics.is_empty() {
        let rules = Rules::default();
        let whole = layer::merge(vec![tree.clone()], rules.overlay, &rules.layer_limits).ok();
        let (pieced, found) = layer::read(&[source(bytes)], &rules);
        let pieced = pieced.filter(|_| found.is_empty());
        assert_eq!(pieced.as_ref().map(stored), whole.as_ref().map(stored));
    }
    for diagnostic in &diagnostics {
        for label in std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary) {
            assert!(label.span.start <= label.span.end && label.span.end <= bytes.len());
        }
        let (line, column) = diagnostic.place();
        let line = bytes
            .split(|byte| *byte == b'\n')
            .nth(line - 1)
            .expect("a line of the file");
        assert!((1..=line.len() + 1).contains(&column));
        let text = diagnostic.render();
        assert!(
            text.chars()
                .all(|character| character == '\n' || !character.is_control())
        );
    }
    let Ok(text) = canonical(&tree.source, &ParseLimits::default()) else {
        return;
    };
    let (again, found) = parse(source(text.as_bytes()), &ParseLimits::default());
    assert_eq!(found.len(), diagnostics.len());
    assert_eq!(
        meaning(&again),
        meaning(&tree),
        "the canonical form means something else"
    );
    assert_eq!(canonical(&again.source, &ParseLimits::default()).ok(), Some(text));
}

fn source(bytes: &[u8]) -> Arc<SourceFile> {
    Arc::new(SourceFile {
        name: "t.zk".to_owned(),
        bytes: bytes.to_vec(),
    })
}

/// Returns every node with its data.
fn stored(desired: &DesiredTree) -> Vec<String> {
    let tree = &desired.tree;
    let node = |id| format!("{} {:?}", tree.path(id), tree.content(id).data);
    tree.walk().map(node).collect()
}

fn meaning(tree: &FileTree) -> String {
    to_json(tree)
}

/// An expression: its value, if it has one, is written as Python would write it and reads back; what can be stored is
/// JSON that reads back.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match evaluate(text) {
        Ok(value) => {
            let repr = value.repr();
            // Infinities and NaN are written as names, which have no value.
            let is_number = !repr.contains("inf") && !repr.contains("nan");
            match evaluate(&repr) {
                Ok(again) => assert_eq!(again.repr(), repr, "of {text:?}"),
                Err(error) => assert!(!is_number || error.code.0 == LIMIT, "{repr:?}: {error}"),
            }
        }
        Err(error) => assert!(error.span.start <= error.span.end && error.span.end <= text.len()),
    }
    let mut steps = usize::MAX;
    if let Ok(value) = evaluate_property(text, "key", &mut steps) {
        let mut json = Vec::new();
        write_json(&value, &mut json);
        assert_eq!(json_value(&json), Some(value), "of {text:?}");
    }
}

/// A node's data: what is read from any bytes can be stored, and then reads and is stored the same.
pub fn codec(bytes: &[u8]) {
    let properties = decode(bytes).into_properties();
    let Ok(stored) = encode(&properties) else {
        return;
    };
    let again = decode(&stored).into_properties();
    assert_eq!(encode(&again).ok().as_ref(), Some(&stored));
    assert_eq!(again.len(), properties.len());
}

/// Frames of a client: whatever they hold, memkeeper reads or refuses them, and answers; what it answers can be read.
pub fn jute(bytes: &[u8]) {
    let _ = wire::decode_connect(bytes);
    let _ = wire::decode_sasl(bytes);
    let _ = client::decode_connected(bytes);
    let _ = client::decode_event(bytes);
    let mut database = Database::new(DatabaseOptions::default());
    let connect = Connect {
        last_zxid_seen: 0,
        timeout: 10_000,
        session: SessionId::NONE,
        password: vec![0; 16],
        read_only: false,
    };
    let Connected::Open { connection, .. } = database.connect(&connect, IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
    else {
        panic!("a new session is always granted");
    };
    let mut rest = bytes;
    for now in 1..100 {
        let Ok(Frame::Whole { message, used }) = wire::next_frame(rest, wire::FRAME_BYTES_MAX) else {
            break;
        };
        rest = &rest[used..];
        let Ok((header, body)) = wire::decode_header(message) else {
            continue;
        };
        let Ok(request) = wire::decode_request(header.code, body) else {
            continue;
        };
        let mut again = Vec::new();
        client::encode_request(&mut again, header.xid, &request);
        assert!(matches!(
            wire::next_frame(&again, usize::MAX),
            Ok(Frame::Whole { .. })
        ));
        let reply = database.call(connection, request, now);
        let mut encoded = Vec::new();
        wire::encode_reply(&mut encoded, header, &reply);
        assert!(encoded.len() <= wire::encoded_reply_bytes(&reply));
        if let (Some(operation), Ok(Frame::Whole { message, .. })) = (
            Operation::from_code(header.code),
            wire::next_frame(&encoded, usize::MAX),
        ) {
            let _ = client::decode_reply(message, operation);
        }
        let _ = client::decode_reply(message, Operation::Multi);
        database.take_notifications();
    }
}

/// Two trees: a plan, applied, makes the one the other, spares what is ephemeral, and leaves nothing to plan.
///
/// Each byte of the first half adds a node to the files, each of the second half one to the server.
pub fn plan(bytes: &[u8]) {
    let (files, found) = bytes.split_at(bytes.len() / 2);
    let Some(desired) = desired(files) else {
        return;
    };
    let mut nodes = live_nodes(found);
    let options = DiffOptions::default();
    let first = diff(&desired, &live_tree(&nodes), &options);
    let before = nodes.clone();
    apply(&mut nodes, &first);
    for (path, node) in &before {
        let is_kept = node.ephemeral_owner.is_some();
        assert!(
            !is_kept || nodes.contains_key(path),
            "{path} is ephemeral, and was deleted"
        );
    }
    if first.obstacles.is_empty() {
        for id in desired.tree.walk() {
            let path = desired.tree.path(id).to_string();
            let live = nodes.get(&path).unwrap_or_else(|| panic!("{path} is not there"));
            assert_eq!(
                decode(&live.data),
                decode(&desired.tree.content(id).data),
                "{path}"
            );
        }
    }
    let second = diff(&desired, &live_tree(&nodes), &options);
    assert_eq!(second.changes, [], "a plan that was applied leaves nothing to do");
}

const NAMES: [&str; 8] = ["a", "b", "c", "a.b", "a-b", "z", "é", "hosts"];
const VALUES: [&str; 4] = ["", "  x = 1\n", "  x = 1.0\n", "  x = 'y'\n"];
const DATA: [&str; 4] = ["", "{\"x\":1}", "{ \"x\" : 1.0 }", "raw"];

/// Returns the paths that bytes stand for: each is below, beside or above the one before.
fn paths(bytes: &[u8]) -> Vec<(String, u8)> {
    let mut at: Vec<&str> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut paths = Vec::new();
    for byte in bytes.iter().take(64) {
        at.truncate(usize::from(byte >> 6).min(at.len()));
        // /hosts is nobody's to define.
        let name = NAMES[usize::from(byte >> 3) % if at.is_empty() { 7 } else { 8 }];
        at.push(name);
        let path = format!("/{}", at.join("/"));
        if seen.insert(path.clone()) {
            paths.push((path, *byte));
        }
    }
    paths
}

fn desired(bytes: &[u8]) -> Option<DesiredTree> {
    let mut paths = paths(bytes);
    paths.sort();
    let mut text = String::new();
    for (path, byte) in &paths {
        let depth = path.matches('/').count() - 1;
        let name = path.rsplit('/').next().unwrap_or_default();
        text.push_str(&format!("{:depth$}/{name}\n", ""));
        let property = VALUES[usize::from(byte & 3)];
        if !property.is_empty() {
            text.push_str(&format!("{:depth$}{property}", ""));
        }
    }
    let (tree, diagnostics) = layer::read(&[source(text.as_bytes())], &Rules::default());
    diagnostics.is_empty().then_some(tree).flatten()
}

fn live_nodes(bytes: &[u8]) -> BTreeMap<String, LiveNode> {
    let paths = paths(bytes);
    let is_parent = |path: &str| {
        let below = format!("{path}/");
        paths.iter().any(|(other, _)| other.starts_with(&below))
    };
    let node = |(path, byte): &(String, u8)| {
        let is_ephemeral = byte & 4 != 0 && !is_parent(path);
        let data = DATA[usize::from(byte & 3)];
        (
            path.clone(),
            live_node(data.as_bytes(), is_ephemeral.then_some(1)),
        )
    };
    paths
        .iter()
        .map(node)
        .chain([("/".to_owned(), live_node(b"", None))])
        .collect()
}

fn live_node(data: &[u8], ephemeral_owner: Option<i64>) -> LiveNode {
    LiveNode {
        data: data.into(),
        version: DataVersion(0),
        czxid: Zxid(1),
        mtime_ms: 0,
        mzxid: Zxid(1),
        ephemeral_owner,
    }
}

fn live_tree(nodes: &BTreeMap<String, LiveNode>) -> LiveTree {
    let mut tree = LiveTree::new(nodes["/"].clone());
    let mut paths: Vec<&String> = nodes.keys().filter(|path| *path != "/").collect();
    paths.sort_by_key(|path| (path.matches('/').count(), *path));
    for path in paths {
        let parsed = ZnodePath::parse(path).expect("a path of names that may be");
        let (above, name) = path.rsplit_once('/').unwrap_or_default();
        let above = ZnodePath::parse(if above.is_empty() { "/" } else { above }).expect("a path");
        let parent = tree.find(&above).expect("parents come first");
        assert_eq!(parsed.name(), name);
        tree.add(parent, name, nodes[path].clone());
    }
    tree
}

/// Applies a plan as a server would, which refuses what can't be.
fn apply(nodes: &mut BTreeMap<String, LiveNode>, plan: &Plan) {
    for change in &plan.changes {
        let path = change.path().to_string();
        match change {
            Change::Create { data, .. } => {
                let above = path
                    .rsplit_once('/')
                    .map_or("/", |(above, _)| if above.is_empty() { "/" } else { above });
                assert!(
                    nodes[above].ephemeral_owner.is_none(),
                    "{path} would be below an ephemeral node"
                );
                assert!(
                    nodes.insert(path.clone(), live_node(data, None)).is_none(),
                    "{path} is there already"
                );
            }
            Change::Set { data, version, .. } => {
                let node = nodes
                    .get_mut(&path)
                    .unwrap_or_else(|| panic!("{path} is not there"));
                assert_eq!(node.version, *version);
                node.data = data.clone();
                node.version.0 += 1;
            }
            Change::Delete { version, .. } => {
                let below = format!("{path}/");
                assert!(
                    !nodes.keys().any(|other| other.starts_with(&below)),
                    "{path} has children"
                );
                let node = nodes
                    .remove(&path)
                    .unwrap_or_else(|| panic!("{path} is not there"));
                assert_eq!(node.version, *version);
            }
        }
    }
}
