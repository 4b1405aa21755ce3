//! Tests of the parser: what files mean is held by the conformance cases; here is what is said about wrong ones.

use super::*;

fn parsed(name: &str, bytes: &[u8], limits: &ParseLimits) -> (FileTree, Vec<Diagnostic>) {
    parse(
        Arc::new(SourceFile {
            name: name.to_owned(),
            bytes: bytes.to_vec(),
        }),
        limits,
    )
}

/// Returns code, line and column of every diagnostic.
fn codes_within(limits: &ParseLimits, bytes: &[u8]) -> String {
    let (_, diagnostics) = parsed("t.zk", bytes, limits);
    let told = diagnostics.iter().map(|diagnostic| {
        let (line, column) = diagnostic.place();
        format!("{} {line}:{column}", diagnostic.code.0)
    });
    told.collect::<Vec<_>>().join(", ")
}

fn codes(text: &str) -> String {
    codes_within(&ParseLimits::default(), text.as_bytes())
}

fn rendered(text: &str) -> String {
    let (_, diagnostics) = parsed("t.zk", text.as_bytes(), &ParseLimits::default());
    diagnostics
        .iter()
        .map(Diagnostic::render)
        .collect::<Vec<_>>()
        .join("\n\n")
}

#[test]
fn every_error_of_a_file_is_told_in_order() {
    insta::assert_snapshot!(
        codes("/a b\n  x = 1\n/b\n  y\n  l -> a b\n  x = 1\n  x = 2\n    deep = 1\n/b\n  x = 1\nz = 1\n/..\n/c/./d\n"),
        @"TK0101 1:1, TK0101 4:3, TK0102 5:3, TK0106 7:3, TK0105 9:1, TK0107 11:1, TK0109 12:2, TK0109 13:4"
    );
}

#[test]
fn what_hangs_on_a_broken_line_is_not_told_again() {
    for (text, told) in [
        (
            "/a b\n  /c\n    x = 1\n    x = 1\n  /c\n/d\n  x = 1\n",
            "TK0101 1:1",
        ),
        (
            "/a\n  x = 1\n    y = 1\n    y = 2\n      z = 1\n  w = 1\n",
            "TK0104 3:5",
        ),
        ("/a\n    /b\n  /c\n    x = 1\n  y = 1\n", "TK0103 3:1"),
        ("  /a\n/b\n  x = 1\n/c\n", "TK0103 2:1"),
        ("x = 1\n  y = 2\n", "TK0107 1:1"),
        ("/a\n  v = [1,\n    2,\n  ]\n  w = 1\n", "TK0201 2:10"),
        ("/a\n  x =\n    y = 1\n  z = 1\n", "TK0101 2:3"),
        ("/a\n/a\n  x = 1\n  x = 2\n", "TK0105 2:1"),
    ] {
        assert!(codes(text).ends_with(told), "{text}: {}", codes(text));
        assert!(!codes(text).contains(','), "{text}: {}", codes(text));
    }
}

#[test]
fn bytes_that_are_no_text_are_told_with_their_place() {
    let limits = ParseLimits::default();
    assert_eq!(
        codes_within(&limits, b"/a\n  x = '\xff'\n# \xc3\n/b\0c\n"),
        "TK0110 2:8, TK0110 3:3, TK0112 4:3"
    );
    assert_eq!(codes_within(&limits, b"\xef\xbb\xbf/a\n"), "TK0111 1:1");
}

#[test]
fn each_limit_is_the_greatest_value_that_is_taken() {
    let limits = ParseLimits {
        file_bytes: 60,
        line_bytes: 20,
        depth: 3,
        path_bytes: 9,
        znodes: 4,
        node_data_bytes: 12,
        child_names_bytes: 8,
        diagnostics: 2,
    };
    for (text, told) in [
        (" ".repeat(60).as_str(), ""),
        (&" ".repeat(61), "TK0401 1:1"),
        (&format!("#{}", "x".repeat(19)), ""),
        (&format!("#{}", "x".repeat(20)), "TK0402 1:1"),
        ("/a\n /b\n  /c\n", ""),
        ("/a\n /b\n  /c\n   /d\n    /e\n", "TK0403 4:4"),
        ("/a/b/c/d\n", "TK0403 1:1"),
        ("/a\n /bcdef", ""),
        ("/a\n /bcdefgh", "TK0404 2:2"),
        ("/a\n/b\n/c\n/d\n", ""),
        ("/a\n/b\n/c\n/d\n/e\n/f\n", "TK0405 5:1"),
        ("/a\n x = '1234'\n", ""),
        ("/a\n x = '12345'\n", "TK0406 1:1"),
        ("/abcd\n/efgh\n", ""),
        ("/abcd\n/efgh\n/i\n/j\n", "TK0407 3:1"),
        ("a\nb\nc\nd\n", "TK0101 1:1, TK0101 2:1, TK0408 5:1"),
    ] {
        assert_eq!(codes_within(&limits, text.as_bytes()), told, "{text}");
    }
}

#[test]
fn a_lone_string_value_must_be_bytes_but_in_an_overlay() {
    assert_eq!(codes("/a\n  string_value = 5\n"), "TK0113 2:3");
    assert_eq!(codes("/a\n  string_value = 5\n  b = 1\n"), "");
    let (_, told) = parsed("t.zkx", b"/a\n  string_value = 5\n", &ParseLimits::default());
    assert!(told.is_empty());
}

#[test]
fn names_with_slashes_are_paths_and_keep_their_spelling() {
    let (tree, told) = parsed("t.zk", b"//a\n/b/c\n", &ParseLimits::default());
    assert!(told.is_empty());
    assert_eq!(
        tree.nodes[1..].iter().map(|node| &*node.name).collect::<Vec<_>>(),
        ["/a", "b/c"]
    );
    assert_eq!(tree.nodes[2].parts().collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(
        codes("///\n/\u{1F600}\n/a\u{7f}\n/a\u{202e}b\n"),
        "TK0108 1:1, TK0108 2:2, TK0108 3:3, TK0108 4:3"
    );
}

#[test]
fn a_diagnostic_shows_the_line_and_what_to_write() {
    insta::assert_snapshot!(rendered("/a\n\tx = 1\n\tx = 2\n"), @r"
    error[TK0106]: the property x is there already
     --> t.zk:3:2
      |
    3 |  x = 2
      |  ^ again here
     ::: t.zk:2:2
      |
    2 |  x = 1
      |  - first here
      = help: keep one of the two lines
    ");
    insta::assert_snapshot!(rendered("/a\n    /b\n  /c\n"), @r"
    error[TK0103]: this indent fits no line above
     --> t.zk:3:1
      |
    3 |   /c
      | ^^
      = help: the lines above allow an indent of 0, or a deeper one than the last line's
    ");
}

#[test]
fn control_characters_are_escaped_and_carets_stand_right() {
    insta::assert_snapshot!(rendered("/\u{e9}\u{1b}[31m\u{202e}b c\n/a\u{1b}b\n"), @r"
    error[TK0101]: this is neither a node nor a property nor a link
     --> t.zk:1:1
      |
    1 | /é\u{1b}[31m\u{202e}b c
      | ^^^^^^^^^^^^^^^^^^^^^^^
      = help: a node's name holds no spaces; write its type behind a colon: `/name : type`

    error[TK0108]: a node's name cannot hold the character U+001B
     --> t.zk:2:3
      |
    2 | /a\u{1b}b
      |   ^^^^^^
      = help: ZooKeeper refuses control characters and all above U+D7FF but U+F900 to U+FFEF; treekeeper also those that hide or reorder text
    ");
}

#[test]
fn long_lines_are_cut_around_the_place() {
    insta::assert_snapshot!(rendered(&format!("/{}\u{1}{}\n", "a".repeat(200), "b".repeat(200))), @r"
    error[TK0108]: a node's name cannot hold the character U+0001
     --> t.zk:1:202
      |
    1 | ...aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\u{1}bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb...
      |                                            ^^^^^
      = help: ZooKeeper refuses control characters and all above U+D7FF but U+F900 to U+FFEF; treekeeper also those that hide or reorder text
    ");
}

#[test]
fn secrets_are_masked_in_lines_and_messages() {
    let text = "/a\n  db_password = hunter2\n  db_password = 'hunter3'\n  TOKEN 'hunter4'\n";
    let shown = rendered(text);
    assert!(!shown.contains("hunter"));
    insta::assert_snapshot!(shown, @r"
    error[TK0202]: the value of db_password cannot be read; what is wrong with it may be secret
     --> t.zk:2:17
      |
    2 |   db_password = •••
      |                 ^^^

    error[TK0106]: the property db_password is there already
     --> t.zk:3:3
      |
    3 |   db_password = •••
      |   ^^^^^^^^^^^ again here
     ::: t.zk:2:3
      |
    2 |   db_password = •••
      |   ----------- first here
      = help: keep one of the two lines

    error[TK0101]: this is neither a node nor a property nor a link
     --> t.zk:4:3
      |
    4 |   TOKEN •••
      |   ^^^^^^^^^
      = help: write `/name`, `name = value`, `name -> /target` or `name => /target property`
    ");
}
