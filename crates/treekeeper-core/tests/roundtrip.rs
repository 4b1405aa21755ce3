//! Laws of the tree language, on random input: what is printed parses back, what is encoded decodes, and no bytes
//! make the parser or a diagnostic panic.

// A broken case or strategy must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use treekeeper_core::model::{
    DataVersion, LiveNode, LiveTree, NodeId, Properties, Text, Value, Zxid, decode, encode, json_value,
    write_json,
};
use treekeeper_core::treefile::{FileTree, ParseLimits, PrintOptions, SourceFile, canonical, parse, print};

fn live(data: Vec<u8>) -> LiveNode {
    LiveNode {
        data: data.into(),
        version: DataVersion(0),
        czxid: Zxid(1),
        mzxid: Zxid(1),
        mtime_ms: 0,
        ephemeral_owner: None,
    }
}

fn parsed(bytes: Vec<u8>) -> (FileTree, Vec<treekeeper_core::treefile::Diagnostic>) {
    parse(
        Arc::new(SourceFile {
            name: "t.zk".to_owned(),
            bytes,
        }),
        &ParseLimits::default(),
    )
}

/// Any text, lone surrogates included.
fn any_text() -> impl Strategy<Value = Text> {
    vec(
        prop_oneof![
            0_u32..0x80,
            0x80_u32..0x800,
            0xD800_u32..0xE000,
            0x1_0000_u32..0x11_0000
        ],
        0..8,
    )
    .prop_map(Text::from_code_points)
}

/// Text that files can hold.
fn file_text() -> impl Strategy<Value = Text> {
    any::<String>().prop_map(Text::from)
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Int),
        (-5_i64..5).prop_map(Value::Int),
        "-?[1-9][0-9]{20,40}".prop_map(|digits| Value::BigInt(digits.into())),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Value::Float),
    ]
}

fn value<T: Strategy<Value = Text> + Clone + 'static>(text: T) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        text.clone().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let object = btree_map(text.clone(), inner.clone(), 0..4);
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::Array),
            object.prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn properties() -> impl Strategy<Value = Properties> {
    let texts = prop_oneof![any_text().boxed(), "[a-z]{1,4}".prop_map(Text::from).boxed()].boxed();
    btree_map(texts.clone(), value(texts), 0..5)
        .prop_map(|entries| Properties::from_entries(entries.into_iter().collect()))
}

/// Data of a node that files can hold: properties, links of both kinds, a type of any kind, or raw bytes.
fn importable_data() -> impl Strategy<Value = Vec<u8>> {
    let key = prop_oneof![
        "[a-z=:/'\"#\u{e9}-]{1,5}",
        Just("type".to_owned()),
        Just("string_value".to_owned())
    ];
    let named = btree_map(key, value(file_text().boxed()), 0..4);
    let links = btree_map("[a-z:/.]{1,4} [-=]>", "[a-z/.]{1,6}", 0..2);
    let object = (named, links).prop_filter_map("storable", |(named, links)| {
        let named = named.into_iter().map(|(key, value)| (Text::from(key), value));
        let links = links
            .into_iter()
            .map(|(key, target)| (Text::from(key), Value::String(Text::from(target))));
        let properties = Properties::from_entries(named.chain(links).collect());
        encode(&properties).ok()
    });
    prop_oneof![4 => object, 1 => vec(any::<u8>(), 0..20)]
}

#[derive(Clone, Debug)]
struct Plant {
    data: Vec<u8>,
    children: Vec<(String, Plant)>,
}

fn plant() -> impl Strategy<Value = Plant> {
    let leaf = importable_data().prop_map(|data| Plant {
        data,
        children: Vec::new(),
    });
    leaf.prop_recursive(4, 16, 4, |inner| {
        let children = btree_map("[a-z:=#.'\u{e9}-][a-z:0-9-]{0,3}", inner, 0..4);
        (importable_data(), children).prop_map(|(data, children)| Plant {
            data,
            children: children.into_iter().collect(),
        })
    })
}

fn grow(tree: &mut LiveTree, parent: NodeId, plant: &Plant) {
    for (name, child) in plant
        .children
        .iter()
        .filter(|(name, _)| name != "." && name != "..")
    {
        let id = tree.add(parent, name.as_str(), live(child.data.clone()));
        grow(tree, id, child);
    }
}

/// Returns path and data of every node below the root, as the meaning of its data.
fn meaning(tree: &LiveTree) -> Vec<(String, Properties)> {
    let nodes = tree.walk();
    nodes
        .map(|id| {
            (
                tree.path(id).to_string(),
                decode(&tree.content(id).data).into_properties(),
            )
        })
        .collect()
}

fn planted(file: &FileTree, tree: &mut LiveTree, parent: NodeId, node: usize) {
    for child in &file.nodes[node].children {
        let read = &file.nodes[*child as usize];
        let entries = read
            .properties
            .iter()
            .map(|property| (property.key.clone(), property.value.clone()));
        let data = encode(&Properties::from_entries(entries.collect())).unwrap();
        let id = tree.add(parent, &*read.name, live(data));
        planted(file, tree, id, *child as usize);
    }
}

/// Tells whether a node's own line could be taken for a property or a link, as `/a=b` is.
fn ambiguous(tree: &LiveTree) -> bool {
    tree.walk().any(|id| {
        let name = tree.name(id);
        name.contains('=') || name.contains("->")
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_back_to_the_same_tree(plant in plant(), plain: bool) {
        let mut tree = LiveTree::new(live(Vec::new()));
        let root = tree.root();
        grow(&mut tree, root, &plant);
        let options = PrintOptions { plain, strict: true, ..PrintOptions::default() };
        match print(&tree, root, &options) {
            Ok(text) => {
                let (file, told) = parsed(text.into_bytes());
                prop_assert!(told.is_empty());
                let mut back = LiveTree::new(live(Vec::new()));
                planted(&file, &mut back, root, 0);
                prop_assert_eq!(meaning(&back), meaning(&tree));
                let text = String::from_utf8_lossy(&file.source.bytes);
                let formatted = canonical(&file.source, &ParseLimits::default());
                prop_assert_eq!(formatted.map_err(|_| ()), Ok(text.trim_start_matches('\n').to_owned()));
            }
            Err(error) => prop_assert!(odd(&tree), "{}", error),
        }
        let view = print(&tree, root, &PrintOptions { plain, ..PrintOptions::default() });
        prop_assert!(view.is_ok());
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same(properties in properties()) {
        if let Ok(data) = encode(&properties) {
            prop_assert!(data.is_ascii());
            prop_assert_eq!(decode(&data).into_properties(), properties);
        }
    }

    #[test]
    fn raw_data_stay_as_they_are(data: Vec<u8>) {
        let properties = decode(&data).into_properties();
        if let Some(Value::Bytes(bytes)) = properties.get("string_value") {
            prop_assert_eq!(&bytes[..], &data[..]);
        }
        let stored = encode(&properties).unwrap();
        prop_assert_eq!(decode(&stored).into_properties(), properties);
    }

    #[test]
    fn json_that_is_written_reads_back(value in value(any_text().boxed())) {
        let mut text = Vec::new();
        write_json(&value, &mut text);
        prop_assert_eq!(json_value(&text), Some(value));
    }

    #[test]
    fn no_bytes_make_the_reader_of_json_panic(bytes in "[\\[\\]{}\",:0-9eE.+\\\\uIN a-f-]{0,30}") {
        let _ = json_value(bytes.as_bytes());
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
        check_places(bytes)?;
    }

    #[test]
    fn no_lines_make_the_parser_panic(lines in vec("[ \t]{0,4}[/a=:>\u{e9}#'\"\\[(0-9.\u{1}\u{202e}\r -]{0,8}", 0..12)) {
        check_places(lines.join("\n").into_bytes())?;
    }
}

/// What no file can hold, of what the strategies make: names that read as properties or are refused, and a lone
/// `string_value` of JSON.
fn odd(tree: &LiveTree) -> bool {
    let lone = |properties: &Properties| {
        properties.len() == 1
            && properties
                .get("string_value")
                .is_some_and(|value| !matches!(value, Value::Bytes(_)))
    };
    let key = |key: &Text| key.to_str_lossy().contains(['=', '-', '/', ':', '#']);
    let properties = meaning(tree);
    ambiguous(tree)
        || properties
            .iter()
            .any(|(_, properties)| lone(properties) || properties.iter().any(|it| key(&it.0)))
}

fn check_places(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let length = bytes.len();
    let (tree, diagnostics) = parsed(bytes);
    prop_assert!(!tree.nodes.is_empty());
    for diagnostic in &diagnostics {
        let labels = [Some(&diagnostic.primary), diagnostic.secondary.as_ref()];
        for label in labels.into_iter().flatten() {
            prop_assert!(label.span.start <= label.span.end && label.span.end <= length);
        }
        let (line, column) = diagnostic.place();
        let lines: Vec<&[u8]> = tree.source.bytes.split(|byte| *byte == b'\n').collect();
        prop_assert!((1..=lines.len()).contains(&line));
        prop_assert!((1..=lines[line - 1].len() + 1).contains(&column));
        let text = diagnostic.render();
        prop_assert!(
            text.chars()
                .all(|character| character == '\n' || !character.is_control())
        );
    }
    Ok(())
}
