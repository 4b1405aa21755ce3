//! Tests of layers: files are written as a small text, the result and the refusals are compared as text.
//!
//! The text is not the tree-file language: properties hold JSON, and `b"..."` is a byte string.

use std::fmt::Write;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{RootScope, Text, Value, json_value};
use crate::treefile::{FileNode, FileProperty, SourceFile};

/// Reads the small text: two blanks a level, `/name` a node, `key = JSON` a property.
fn file(name: &str, text: &str) -> FileTree {
    let node = |name: &str, at| FileNode {
        name: name.into(),
        properties: vec![],
        children: vec![],
        at,
    };
    let mut nodes = vec![node("", 0)];
    let mut path = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim();
        let indent = line.len() - line.trim_start().len();
        let here = at + indent as u32;
        at += line.len() as u32;
        path.truncate(indent / 2 + 1);
        let parent = *path.last().unwrap();
        if let Some(name) = content.strip_prefix('/') {
            path.push(nodes.len());
            let id = nodes.len() as u32;
            nodes[parent].children.push(id);
            nodes.push(node(name, here));
        } else if let Some((key, value)) = content.rsplit_once(" = ") {
            let value = match value.strip_prefix("b\"") {
                Some(bytes) => Value::Bytes(bytes.trim_end_matches('"').as_bytes().into()),
                None if value == "BAD" => Value::Bytes(Box::from(&b"\xff"[..])),
                // Not every JSON text is an object, so the value is read as a part of one.
                None => match json_value(format!("{{\"x\":{value}}}").as_bytes()).unwrap() {
                    Value::Object(mut entries) => entries.remove(0).1,
                    other => other,
                },
            };
            nodes[parent].properties.push(FileProperty {
                key: Text::from(key),
                value,
                at: here,
            });
        }
    }
    FileTree {
        source: Arc::new(SourceFile {
            name: name.into(),
            bytes: text.as_bytes().into(),
        }),
        nodes,
    }
}

fn show(desired: &DesiredTree) -> String {
    let mut out = String::new();
    for id in desired.tree.walk() {
        let data = String::from_utf8_lossy(&desired.tree.content(id).data).into_owned();
        writeln!(out, "{} {data}", desired.tree.path(id)).unwrap();
    }
    for (name, scope) in &desired.roots {
        write!(out, "{name}: {scope:?}, ").unwrap();
    }
    out
}

fn refusals(diagnostics: &[Diagnostic]) -> String {
    let place = |label: &crate::treefile::Label| {
        let start = label.span.start;
        let line = label.source.bytes[..start]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        let text = String::from_utf8_lossy(&label.source.bytes[label.span.clone()]).into_owned();
        format!("{}:{line} `{text}` {}", label.source.name, label.text)
    };
    let mut out = String::new();
    for found in diagnostics {
        writeln!(out, "{} {}", found.code.0, found.message).unwrap();
        writeln!(out, "  at {}", place(&found.primary)).unwrap();
        if let Some(secondary) = &found.secondary {
            writeln!(out, "  and {}", place(secondary)).unwrap();
        }
        writeln!(out, "  help: {}", found.help.as_deref().unwrap_or("-")).unwrap();
    }
    out
}

fn merged_with(overlay: Overlay, limits: &LayerLimits, files: &[(&str, &str)]) -> String {
    let files = files.iter().map(|(name, text)| file(name, text)).collect();
    match merge(files, overlay, limits) {
        Ok(desired) => show(&desired),
        Err(diagnostics) => refusals(&diagnostics),
    }
}

fn merged(overlay: Overlay, files: &[(&str, &str)]) -> String {
    merged_with(overlay, &LayerLimits::default(), files)
}

#[test]
fn files_join_and_overlays_add_without_trimming() {
    insta::assert_snapshot!(merged(Overlay::Merge, &[
        ("x.zkx", "/foo\n  /beep\n    a = 1\n/only\n"),
        ("foo.zk", "/foo\n  b = 2\n  a = 1\n  /bar\n"),
        ("bar.zk", "/bar\n  string_value = b\"raw\"\n"),
    ]), @r#"
    /bar raw
    /foo {"a":1,"b":2}
    /foo/bar {}
    /foo/beep {"a":1}
    /only {}
    bar: Trim, foo: Trim, only: Keep,
    "#);
}

const BASE: (&str, &str) = ("a.zk", "/foo\n  a = 1\n  b = 2\n  /bar\n    c = 3\n");

#[test]
fn merge_sets_property_by_property_and_a_bare_node_changes_nothing() {
    insta::assert_snapshot!(merged(Overlay::Merge, &[
        BASE,
        ("x.zkx", "/foo\n  /bar\n    c = 4\n    d = 5\n"),
        ("y.zkx", "/foo\n  b = 9\n  /bar\n    c = 4\n"),
    ]), @r#"
    /foo {"a":1,"b":9}
    /foo/bar {"c":4,"d":5}
    foo: Trim,
    "#);
}

#[test]
fn replace_takes_all_properties_of_the_last_file_even_none() {
    insta::assert_snapshot!(merged(Overlay::Replace, &[
        BASE,
        ("y.zkx", "/foo\n  b = 9\n"),
        ("x.zkx", "/foo\n  z = 1\n  /bar\n"),
    ]), @r#"
    /foo {"b":9}
    /foo/bar {}
    foo: Trim,
    "#);
}

#[test]
fn overlays_that_differ_are_refused_with_both_places() {
    insta::assert_snapshot!(merged(Overlay::Merge, &[
        BASE,
        ("x.zkx", "/foo\n  a = 1\n  n = 1\n  l -> = \"/x\"\n"),
        ("y.zkx", "/foo\n  a = 2\n  n = 1.0\n  l -> = \"/y\"\n"),
    ]), @"
    TK0303 two overlays set a of /foo to different values
      at y.zkx:2 `a` set to another value here
      and x.zkx:2 `a` first set here
      help: leave the property to one of the two files
    TK0303 two overlays set l -> of /foo to different values
      at y.zkx:4 `l` set to another value here
      and x.zkx:4 `l` first set here
      help: leave the property to one of the two files
    TK0303 two overlays set n of /foo to different values
      at y.zkx:3 `n` set to another value here
      and x.zkx:3 `n` first set here
      help: leave the property to one of the two files
    ");
}

#[test]
fn every_mistake_of_every_file_is_told() {
    insta::assert_snapshot!(merged(Overlay::Merge, &[
        ("a.zk", "/foo\n/hosts\n  /x\n/treekeeper/x\n/role-locks\n  /db\n"),
        ("b.zk", "/bar\n/foo\n  /quux\n/p/q\n"),
        ("x.zkx", "/hosts-lock\n/bar\n  string_value = 7\n  /c\n    string_value = \"text\"\n"),
    ]), @r#"
    TK0301 the top-level node /treekeeper is reserved
      at a.zk:4 `/treekeeper/x` no tree file may define it
      help: reserved are /zookeeper, /treekeeper, /hosts, /ZktoolsLocks, /hosts-lock, /agent-locks: choose another name
    TK0301 the top-level node /hosts is reserved
      at a.zk:2 `/hosts` no tree file may define it
      help: reserved are /zookeeper, /treekeeper, /hosts, /ZktoolsLocks, /hosts-lock, /agent-locks: choose another name
    TK0302 the top-level node /foo is defined by two .zk files
      at b.zk:2 `/foo` defined again here
      and a.zk:1 `/foo` first defined here
      help: join the two definitions, or rename this file to .zkx to lay it over the other
    TK0304 the parent of /p/q is not defined
      at b.zk:4 `/p/q` no file defines /p
      help: define /p in this file, and write this node below it
    TK0301 the top-level node /hosts-lock is reserved
      at x.zkx:1 `/hosts-lock` no tree file may define it
      help: reserved are /zookeeper, /treekeeper, /hosts, /ZktoolsLocks, /hosts-lock, /agent-locks: choose another name
    TK0113 the properties of /bar cannot be stored: a lone string_value must be a byte string
      at x.zkx:3 `string_value` this one
      help: write a string without the prefix u, or add another property
    TK0113 the properties of /bar/c cannot be stored: a lone string_value must be a byte string
      at x.zkx:5 `string_value` this one
      help: write a string without the prefix u, or add another property
    "#);
}

#[test]
fn a_path_as_a_name_stands_below_its_parent_wherever_that_is_written() {
    insta::assert_snapshot!(merged(Overlay::Merge, &[
        ("a.zk", "/b/c/d\n  /e/f\n/b/c\n  /d/e\n"),
        ("b.zk", "/b\n  x = 1\n"),
        ("x.zkx", "/b/c/d\n  y = 2\n/b//c\n  z = 3\n"),
    ]), @r#"
    /b {"x":1}
    /b/c {"z":3}
    /b/c/d {"y":2}
    /b/c/d/e {}
    /b/c/d/e/f {}
    b: Trim,
    "#);
}

#[test]
fn duplicates_through_paths_are_refused() {
    insta::assert_snapshot!(merged(Overlay::Merge, &[
        ("a.zk", "/a\n  /b\n/a/b\n//\n"),
        ("x.zkx", "/c\n  /d\n/c/d\n  p = 1\n"),
    ]), @"
    TK0108 a node has no name
      at a.zk:4 `//` only slashes
      help: write the name after the slash
    TK0305 the node /a/b is defined twice
      at a.zk:3 `/a/b` defined again here
      and a.zk:2 `/b` first defined here
      help: join the two definitions
    TK0305 the node /c/d is defined twice
      at x.zkx:3 `/c/d` defined again here
      and x.zkx:2 `/d` first defined here
      help: join the two definitions
    ");
}

#[test]
fn at_a_base_parents_may_live_and_names_are_free() {
    let base = ZnodePath::parse("/base").unwrap();
    let files = || vec![file("-", "/a/b/c\n  p = 1\n/hosts\n/a/b/d\n")];
    let graft = merge_at(files(), Overlay::Merge, &LayerLimits::default(), &base).unwrap();
    insta::assert_snapshot!(format!("{}\n{:?}", show(&graft.desired), graft.live_parents), @r#"
    /a 
    /a/b 
    /a/b/c {"p":1}
    /a/b/d {}
    /hosts {}
    a: Trim, hosts: Trim, 
    ["/a", "/a/b"]
    "#);
    let reserved = ZnodePath::parse("/hosts/x").unwrap();
    let refused = merge_at(files(), Overlay::Merge, &LayerLimits::default(), &reserved).unwrap_err();
    assert_eq!(refused.iter().filter(|found| found.code.0 == "TK0301").count(), 3);
}

#[test]
fn each_limit_holds_to_the_last_byte() {
    let text = "/ab\n  p = 1\n  /cd\n    /ef\n  /gh\n";
    let exact = LayerLimits {
        znodes: 4,
        depth: 3,
        path_bytes: 9,
        node_data_bytes: 7,
        child_names_bytes: 4,
    };
    let judge = |limits: LayerLimits| merged_with(Overlay::Merge, &limits, &[("a.zk", text)]);
    assert!(judge(exact.clone()).starts_with("/ab"));
    let below = [
        judge(LayerLimits {
            znodes: 3,
            ..exact.clone()
        }),
        judge(LayerLimits {
            depth: 2,
            ..exact.clone()
        }),
        judge(LayerLimits {
            path_bytes: 8,
            ..exact.clone()
        }),
        judge(LayerLimits {
            node_data_bytes: 6,
            ..exact.clone()
        }),
        judge(LayerLimits {
            child_names_bytes: 3,
            ..exact
        }),
    ];
    insta::assert_snapshot!(below.concat(), @"
    TK0405 the files define 4 znodes
      at a.zk:5 `/gh` at most 3 are allowed
      help: the limit is configured as limits.znodes
    TK0403 the node is 3 levels deep
      at a.zk:4 `/ef` at most 2 are allowed
      help: the limit is configured as limits.depth
    TK0404 the path has 9 bytes
      at a.zk:4 `/ef` at most 8 are allowed
      help: the limit is configured as limits.path_bytes
    TK0406 the data of /ab have 7 bytes
      at a.zk:1 `/ab` at most 6 are allowed
      help: the limit is configured as limits.node_data_bytes
    TK0407 the names of the children of /ab have 4 bytes
      at a.zk:1 `/ab` at most 3 are allowed
      help: the limit is configured as limits.child_names_bytes
    ");
}

#[test]
fn bytes_that_are_no_text_are_refused_where_json_needs_text() {
    insta::assert_snapshot!(merged(Overlay::Merge, &[
        ("a.zk", "/a\n  string_value = BAD\n"),
        ("x.zkx", "/a\n  other = 1\n"),
    ]), @r#"
    TK0114 the properties of /a cannot be stored: the byte string in "string_value" is not UTF-8
      at a.zk:2 `string_value` this one
      help: leave out the bytes that are not UTF-8, or make it the only property
    "#);
}

/// Nodes of a file, as paths and properties: a node's parents are among them.
fn definitions() -> impl Strategy<Value = std::collections::BTreeMap<Vec<u8>, Vec<(u8, u8)>>> {
    let path = proptest::collection::vec(0..3u8, 1..4);
    let properties =
        proptest::collection::btree_map(0..3u8, 0..2u8, 0..3).prop_map(|map| map.into_iter().collect());
    proptest::collection::btree_map(path, properties, 0..8).prop_map(|nodes| {
        let mut all = nodes.clone();
        for path in nodes.keys() {
            for length in 1..path.len() {
                all.entry(path[..length].to_vec()).or_default();
            }
        }
        all
    })
}

/// Writes definitions as a file; `flat` writes each node as a path of its own.
fn written(name: &str, nodes: &std::collections::BTreeMap<Vec<u8>, Vec<(u8, u8)>>, flat: bool) -> FileTree {
    let mut text = String::new();
    for (path, properties) in nodes {
        let names: Vec<String> = path.iter().map(|name| format!("n{name}")).collect();
        let (indent, name) = match flat {
            true => (0, names.join("/")),
            false => (2 * (path.len() - 1), names.last().unwrap().clone()),
        };
        writeln!(text, "{:indent$}/{name}", "").unwrap();
        for (key, value) in properties {
            writeln!(text, "{:indent$}  k{key} = {value}", "").unwrap();
        }
    }
    file(name, &text)
}

proptest! {
    #[test]
    fn overlays_give_what_laying_maps_over_maps_gives(
        base in definitions(),
        first in definitions(),
        second in definitions(),
        replace in any::<bool>(),
        flat in any::<bool>(),
    ) {
        let mut expected: std::collections::BTreeMap<Vec<u8>, std::collections::BTreeMap<u8, u8>> = base
            .iter().map(|(path, properties)| (path.clone(), properties.iter().copied().collect())).collect();
        for (path, properties) in first.iter().chain(&second) {
            let node = expected.entry(path.clone()).or_default();
            if replace {
                node.clear();
            }
            node.extend(properties.iter().copied());
        }
        let conflict = !replace && first.iter().any(|(path, properties)| {
            let other = second.get(path).map_or(&[][..], |found| found);
            properties.iter().any(|(key, value)| other.iter().any(|(k, v)| k == key && v != value))
        });
        let files = vec![
            written("c.zkx", &second, flat),
            written("b.zkx", &first, false),
            written("a.zk", &base, flat),
        ];
        let overlay = if replace { Overlay::Replace } else { Overlay::Merge };
        match merge(files, overlay, &LayerLimits::default()) {
            Err(found) => prop_assert!(conflict && found.iter().all(|it| it.code.0 == "TK0303")),
            Ok(desired) => {
                prop_assert!(!conflict);
                let mut text = String::new();
                for (path, properties) in &expected {
                    let pairs: Vec<_> = properties.iter().map(|(k, v)| format!("\"k{k}\":{v}")).collect();
                    path.iter().for_each(|name| write!(text, "/n{name}").unwrap());
                    writeln!(text, " {{{}}}", pairs.join(",")).unwrap();
                }
                prop_assert!(show(&desired).starts_with(&text), "{}\n{text}", show(&desired));
                prop_assert_eq!(desired.tree.len(), expected.len());
                for (name, scope) in &desired.roots {
                    let number: u8 = name[1..].parse().unwrap();
                    prop_assert_eq!(*scope == RootScope::Trim, base.contains_key(&vec![number]));
                }
            }
        }
    }
}
