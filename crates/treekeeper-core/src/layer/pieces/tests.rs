//! The law of pieces: however a piece is read, it means the same, and what is plainly right is read in the short way.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::read_whole;
use super::*;
use crate::treefile::SourceFile;

/// Contents of lines: right, odd and wrong ones.
const LINES: [&str; 40] = [
    "/a",
    "/b",
    "/c : some kind",
    "/b2 : \u{e9}",
    "/ab",
    "/a/b",
    "//a",
    "/hosts",
    "/zookeeper",
    "/..",
    "x = 1",
    "x = -2.50",
    "y = 'it\u{e9}\"s'",
    "y = \"\\u00e9\\x41\\n\"",
    "z = u'\\xe9 \u{1f600}'",
    "a = [1, 'b', None, ]",
    "a_b = {'b': 1, 'a': [], u'c': True}",
    "ab = {'b': 1, 'a': False, u'b!': -1}",
    "a.b = 60 * 60",
    "a! = 12345678901234567890 * 10",
    "a\"b = 1e3",
    "\u{e9} = ''",
    "x -> /a/b",
    "x => /a y",
    "x! -> /a",
    "x- => /a",
    "type = 'mine'",
    "string_value = 'raw\\xff'",
    "string_value = 'raw'",
    "string_value = u'text'",
    "string_value = None",
    "string_value = 5",
    "string_value -> /a",
    "long = 'long' * 9",
    "bad = 1 / 0",
    "bad = inf",
    "not a line",
    "# a comment",
    "",
    "tuple = (1, 2)",
];

/// Returns texts that are mostly right: the first thing said is a node, and errors are rare.
fn texts() -> impl Strategy<Value = String> {
    let content = prop_oneof![
        6 => prop::sample::select(&LINES[..6]),
        12 => prop::sample::select(&LINES[10..28]),
        2 => prop::sample::select(&LINES[..]),
    ];
    let lines = prop::collection::vec((0..4_usize, content), 0..24);
    lines.prop_map(|lines| {
        let mut text = String::from("/top\n");
        let mut deepest = 1;
        for (level, content) in lines {
            let level = if content.starts_with('/') {
                level
            } else {
                level.max(1)
            }
            .min(deepest);
            text += &format!("{}{content}\n", "  ".repeat(level));
            deepest = if content.starts_with('/') {
                level + 1
            } else {
                level.max(1)
            };
        }
        text
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let small = |of: usize| prop_oneof![3 => Just(100_000), 1 => 0..of];
    (small(4), small(12), small(8), small(60), small(8), any::<bool>()).prop_map(
        |(depth, path_bytes, znodes, node_data_bytes, child_names_bytes, of_layer)| {
            let mut rules = Rules::default();
            if of_layer {
                rules.layer_limits = LayerLimits {
                    znodes,
                    depth,
                    path_bytes,
                    node_data_bytes,
                    child_names_bytes,
                };
            } else {
                rules.parse_limits = ParseLimits {
                    znodes,
                    depth,
                    path_bytes,
                    node_data_bytes,
                    child_names_bytes,
                    ..rules.parse_limits
                };
            }
            rules
        },
    )
}

/// Returns every node with its data.
fn shown(tree: &Tree<DesiredNode>) -> Vec<String> {
    let node = |id| {
        let data = tree.content(id).data.escape_ascii();
        format!("{} {data}", tree.path(id))
    };
    tree.walk().map(node).collect()
}

fn steps_max(text: &str) -> usize {
    treefile::file_steps(text.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn pieces_mean_the_same_however_they_are_read(text in texts(), rules in rules()) {
        let short = encoded(text.as_bytes(), &rules, steps_max(&text));
        let long = merged(text.as_bytes(), &rules, steps_max(&text));
        let told = |piece: &Piece| (shown(&piece.tree), piece.steps);
        let is_written_as_path = text.contains("/a/b\n") || text.contains("//a");
        if !is_written_as_path {
            prop_assert_eq!(short.as_ref().map(told), long.as_ref().map(told));
        } else if let Some(short) = &short {
            prop_assert_eq!(Some(told(short)), long.as_ref().map(told));
        }
        let file = SourceFile { name: "a.zk".to_owned(), bytes: text.clone().into_bytes() };
        let (whole, diagnostics) = read_whole(&[Arc::new(file)], &rules);
        let whole = whole.filter(|_| diagnostics.is_empty());
        if let Some(piece) = long {
            prop_assert_eq!(Some(shown(&piece.tree)), whole.map(|whole| shown(&whole.tree)));
        }
    }
}

#[test]
fn what_is_plainly_right_is_encoded_as_it_is_read() {
    let right: Vec<&str> = LINES
        .iter()
        .copied()
        .filter(|line| !line.starts_with('/'))
        .collect();
    let is_encoded = |line: &str| {
        let text = format!("/z\n  /y : k\n    {line}\n    /x\n  w = 1\n  /b\n/a\n");
        encoded(text.as_bytes(), &Rules::default(), steps_max(&text)).is_some()
    };
    let left: Vec<&str> = right.into_iter().filter(|line| !is_encoded(line)).collect();
    assert_eq!(
        left,
        [
            "type = 'mine'",
            "string_value = 'raw\\xff'",
            "bad = 1 / 0",
            "bad = inf",
            "not a line"
        ]
    );
}
