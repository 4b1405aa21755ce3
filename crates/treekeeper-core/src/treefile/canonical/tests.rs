//! What the canonical form looks like, and the laws that it keeps over random files.

use std::sync::Arc;

use insta::assert_snapshot;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn source(text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile {
        name: "t.zk".to_owned(),
        bytes: text.into(),
    })
}

fn formatted(text: &str) -> String {
    match canonical(&source(text), &ParseLimits::default()) {
        Ok(text) => text,
        Err(diagnostics) => diagnostics.iter().map(Diagnostic::render).collect(),
    }
}

/// Shows where lines end.
fn ends(text: &str) -> String {
    formatted(text).replace('\n', "|\n")
}

#[test]
fn levels_have_two_blanks_and_signs_one_on_each_side() {
    let text = "   /cms:z4m\n   /web :  z4m cms\n       threads=3\n       main->/db\n       \
                workers=>/defaults   threads\n       /sub\n            x\t=\t1,  2 # two\n   /:: t\n";
    assert_snapshot!(formatted(text), @r"
    /cms:z4m
    /web : z4m cms
      threads = 3
      main -> /db
      workers => /defaults   threads
      /sub
        x = 1,  2 # two
    /: : t
    ");
}

#[test]
fn what_an_author_wrote_in_a_value_stays() {
    let text = "/a\n  s=u\"it's\"\n  n=0x10\n  m = {'b':1,'a':[ 2 ]}\n  t='''a  b'''\n  p => /b q /dropped\n  k='a'*3\n";
    assert_snapshot!(formatted(&text.replace("  s=", "  s =").replace("  t=", "  t =").replace("  k=", "  k =")), @r#"
    /a
      s = u"it's"
      n = 0x10
      m = {'b':1,'a':[ 2 ]}
      t = '''a  b'''
      p => /b q /dropped
      k = 'a'*3
    "#);
}

#[test]
fn comments_go_with_what_they_stand_at() {
    let text = "# head\n\n#about a\n/a\n# about x\n    x = 1\n    # y = 2\n    /b\n        # z = 3\n  # about c\n    /c\n      \
                # empty\n\n    # last of a\n# about d\n/d\n    n = 1\n  # odd\n";
    assert_snapshot!(formatted(text), @r"
    # head

    #about a
    /a
      # about x
      x = 1
      # y = 2
      /b
        # z = 3
      # about c
      /c
        # empty

      # last of a
    # about d
    /d
      n = 1
    # odd
    ");
}

#[test]
fn blank_lines_stay_between_statements_only() {
    assert_snapshot!(ends("\n \t\n/a\n\n\n  x = 1   \r\n\r\n/b\r\n\n\n"), @r"
    /a|
    |
    |
      x = 1|
    |
    /b|
    ");
    assert_eq!(ends(""), "");
    assert_eq!(ends("\r\n \n"), "");
    assert_eq!(ends("# only"), "# only|\n");
}

#[test]
fn a_file_with_errors_has_no_canonical_form() {
    assert_snapshot!(formatted("/a\n  x = f()\n"), @r"
    error[TK0203]: a call is not evaluated
     --> t.zk:2:7
      |
    2 |   x = f()
      |       ^^^
      = help: only values and operators are evaluated, never calls
    ");
}

#[test]
fn a_line_that_would_grow_over_its_limit_is_told() {
    let limits = ParseLimits {
        line_bytes: 4,
        ..ParseLimits::default()
    };
    let told = canonical(&source("/a\n x=1\n"), &limits).map_err(|told| told[0].code.0);
    assert_eq!(told, Err("TK0402"));
}

fn line() -> impl Strategy<Value = String> {
    let sign = prop_oneof![Just("="), Just("->"), Just("=>"), Just(":"), Just("=="), Just("")];
    let blank = || "[ \t\x0b\r]{0,2}";
    let statement = (
        "[ ]{0,3}",
        "[/a-c:=>-]{1,3}",
        blank(),
        sign,
        blank(),
        "[/0-9a-c'\" #:,-]{0,5}",
        blank(),
    )
        .prop_map(|(indent, name, before, sign, after, rest, end)| {
            format!("{indent}{name}{before}{sign}{after}{rest}{end}")
        });
    let ordinary = ("[ ]{0,3}", "/[a-e]|[f-k] ?= ?1|[l-p] ?-> ?/a|[q-t]=>/a b")
        .prop_map(|(indent, text)| indent + &text);
    let silent = ("[ \t]{0,4}", "(#[ -~\u{e9}\r]{0,4})?\r?").prop_map(|(indent, text)| indent + &text);
    prop_oneof![4 => ordinary, 1 => statement, 2 => silent]
}

/// Makes most files right: lines with errors are taken out.
fn file() -> impl Strategy<Value = String> {
    vec(line(), 0..14).prop_map(|mut lines| {
        while !lines.is_empty() {
            let (_, told) = parse(source(&lines.join("\n")), &ParseLimits::default());
            let Some(first) = told.first() else { break };
            lines.remove(first.place().0 - 1);
        }
        lines.join("\n")
    })
}

/// Found by the law below: a znode below one that has a sibling property in between.
#[test]
fn a_comment_before_a_statement_that_opens_a_level_stays_with_it() {
    let limits = ParseLimits::default();
    let once = canonical(&source("/a\n  /a\n  f=1\n\t\t\t #\n   /a"), &limits).expect("no errors");
    assert_eq!(once, "/a\n  /a\n  f = 1\n    #\n    /a\n");
    let twice = canonical(&source(&once), &limits).expect("no errors");
    assert_eq!(twice, once);
}

/// Returns what a law of comments looks at.
fn comments(text: &str) -> Vec<&str> {
    let contents = text.split('\n').map(|line| Content::new(line).text);
    contents.filter(|text| text.starts_with('#')).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn formatting_keeps_the_meaning_and_the_comments_and_does_so_once(text in file()) {
        let limits = ParseLimits::default();
        let once = canonical(&source(&text), &limits);
        let Ok(once) = once else { return Err(TestCaseError::fail(format!("{once:?}"))) };
        let (before, _) = parse(source(&text), &limits);
        let (after, _) = parse(source(&once), &limits);
        prop_assert!(same_meaning(&before, &after), "{text:?}\n{once:?}");
        prop_assert_eq!(comments(&once), comments(&text));
        let twice = canonical(&source(&once), &limits).map_err(|_| TestCaseError::fail("once is wrong"))?;
        prop_assert_eq!(&twice, &once, "{:?}", text);
        prop_assert!(once.lines().all(|line| Content::new(line).indent.is_multiple_of(2)));
    }
}
