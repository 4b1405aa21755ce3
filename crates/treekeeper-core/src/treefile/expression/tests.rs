//! What expressions mean, and what is said of those that mean nothing.

use super::*;

fn repr(expression: &str) -> String {
    match evaluate(expression) {
        Ok(value) => value.repr(),
        Err(error) => format!("{}: {}", error.code.0, error.message),
    }
}

/// Returns `code [what it is about] message (help)`.
fn refusal(expression: &str) -> String {
    let error = evaluate(expression).map(|value| value.repr()).unwrap_err();
    let about = expression.get(error.span.clone()).unwrap_or("?");
    let help = error.help.map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{} [{about}] {}{help}", error.code.0, error.message)
}

#[test]
fn values_are_those_of_python_2() {
    for (expression, expected) in [
        ("1/2", "0"),
        ("-7/2", "-4"),
        ("-7%3", "2"),
        ("-7.5%2", "0.5"),
        ("2**-1", "0.5"),
        ("-2**2", "-4"),
        ("2**3**2", "512"),
        ("1<<63", "9223372036854775808L"),
        ("-1<<63", "-9223372036854775808"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("-(9223372036854775808)", "-9223372036854775808L"),
        ("10L-9", "1L"),
        ("True+1", "2"),
        ("True&False", "False"),
        ("0 and foo", "0"),
        ("1 if 0 else 2 if 0 else 3", "3"),
        ("1, 2", "(1, 2)"),
        ("1,", "(1,)"),
        ("010", "8"),
        ("09.5", "9.5"),
        ("'a' u'b'", "u'ab'"),
        ("ur'\\u0041\\x'", "u'A\\\\x'"),
        ("'%s' % 0.1234567890123456", "'0.123456789012'"),
        ("'%s' % 1e11", "'1e+11'"),
        ("'%s' % 99999999999.0", "'99999999999.0'"),
        ("'%s %s' % ('a', u'b')", "u'a b'"),
        ("'%05d' % -42", "'-0042'"),
        ("'%#x' % 255", "'0xff'"),
        ("'%#06x' % 255", "'0x00ff'"),
        ("'%g' % 1e-5", "'1e-05'"),
        ("'%-5s|' % 'a'", "'a    |'"),
        ("'%(a)s' % {'a': 1}", "'1'"),
        ("'%%' % []", "'%'"),
        ("'%.0d|' % 0", "'|'"),
        ("-9223372036854775808 % -1", "0L"),
        ("'abcdef'[1:4]", "'bcd'"),
        ("'abcdef'[::-2]", "'fdb'"),
        ("[1, 2, 3][-1]", "3"),
        ("{1: 'a', 1.0: 'b', True: 'c'}", "{1: 'c'}"),
        ("1 < 2.5 < 3", "True"),
        ("9007199254740993 == 9007199254740992.0", "False"),
        ("(1, 2) == [1, 2]", "False"),
        ("1 # a comment", "1"),
        ("7.0 // -2", "-4.0"),
        ("-1 ** 99999999999999999999", "-1L"),
    ] {
        assert_eq!(repr(expression), expected, "{expression}");
    }
}

#[test]
fn refusals_say_what_to_write_instead() {
    let shown: Vec<String> = [
        "foo",
        "true",
        "null",
        "localhost:8080",
        "10.0.0.1",
        "__import__('os').system('x')",
        "None()",
        "a.b",
        "lambda x: 1",
        "[x for x in []]",
        "`1`",
        "1 is 1",
        "{1, 2}",
        "1j",
        "u'\\N{DASH}'",
        "1 < 'a'",
        "1/0",
        "'a' + 1",
        "'\\x4'",
        "08",
        "'abc",
        "'%s %s' % 1",
        "'%q' % 1",
        "[1][5]",
        "'\\xc3' + u'a'",
        "1 +",
        "(1",
        "1;",
    ]
    .iter()
    .map(|expression| refusal(expression))
    .collect();
    insta::assert_snapshot!(shown.join("\n"), @r"
    TK0202 [foo] the name foo has no value (text needs quotes: 'foo')
    TK0202 [true] the name true has no value (write True)
    TK0202 [null] the name null has no value (write None)
    TK0201 [:] `:` is not expected here (text needs quotes: 'localhost:8080')
    TK0201 [.0] `.0` is not expected here (text needs quotes: '10.0.0.1')
    TK0203 [__import__('os').system('x')] a call is not evaluated (only values and operators are evaluated, never calls)
    TK0203 [None()] a call is not evaluated (only values and operators are evaluated, never calls)
    TK0204 [a.b] an attribute is not evaluated (text needs quotes: '...')
    TK0205 [lambda] lambda is not evaluated here
    TK0205 [for] comprehensions are not evaluated here
    TK0205 [`] backquotes are not evaluated here
    TK0205 [is] `is` is not evaluated here (compare with == or !=)
    TK0205 [{1,] sets are not evaluated here (write a list: [...])
    TK0205 [1j] complex numbers are not values of properties
    TK0205 [u'\N{DASH}'] \N{...} names of characters are not known here (write the character itself, or its \u escape)
    TK0208 [1 < 'a'] int and str have no order (compare values of one type)
    TK0209 [1/0] division by zero
    TK0208 ['a' + 1] str + int has no value (to put a value into text write '...%s' % value)
    TK0206 ['\x4'] \x needs 2 hexadecimal digits after it (for a backslash itself write \\)
    TK0207 [08] 08 is not a number (a leading 0 makes it octal: write 8, or '08' for text)
    TK0206 ['abc] the string has no end quote (add ' at its end)
    TK0210 ['%s %s' % 1] there are not enough arguments for the format string
    TK0210 ['%q' % 1] %q is no conversion (write %s for any value, %d for integers, %% for the sign itself)
    TK0211 [[1][5]] the index is out of range: there are 1 elements
    TK0212 ['\xc3' + u'a'] byte 0 of the byte string is not ASCII, so it cannot meet unicode (write both as u'...')
    TK0201 [] the expression ends too early
    TK0201 [] `)` is missing at the end
    TK0201 [;] `;` is not expected here
    ");
}

#[test]
fn limits_are_checked_before_the_work() {
    let brackets = "[".repeat(100_000);
    let signs = "-".repeat(60_000) + "1";
    let chain = "1".to_owned() + &"+1".repeat(20_000);
    for (expression, expected) in [
        ("9**9**9", "TK0213"),
        ("'x'*10**9", "TK0213"),
        ("1<<10**9", "TK0213"),
        ("'%1000000000d' % 1", "TK0213"),
        ("'%.*f' % (10**9, 1)", "TK0213"),
        ("[0]*10**9", "TK0213"),
        ("[[0]*1000]*1000", "TK0213"),
        ("['a'*60000]*1000", "TK0213"),
        (brackets.as_str(), "TK0213"),
        (signs.as_str(), "TK0213"),
        (chain.as_str(), "20001"),
    ] {
        assert_eq!(
            repr(expression).split(':').next(),
            Some(expected),
            "{:.40}",
            expression
        );
    }
}

#[test]
fn what_a_committer_tried_is_refused_in_time() {
    let conversions = "%(a).0s".repeat(9_000);
    for expression in [
        format!("'{conversions}' % {{'a': [0]*9000}}"),
        "'%(a)s %s' % {'a': 1}".to_owned(),
        "u'%.0s' % '\\xe9'".to_owned(),
        "'a\rb'".to_owned(),
    ] {
        assert!(evaluate(&expression).is_err(), "{expression:.40}");
    }
    assert_eq!(repr("len"), "TK0202: the name len has no value");
    assert_eq!(
        evaluate("'%.65000f' % 1.5").map(|value| value.size().1),
        Ok(65_002)
    );
    assert!(evaluate("('a'*32700+'b') in u'a'*65000").is_ok());
}

#[test]
fn a_file_shares_its_steps() {
    let mut steps = 1_000;
    assert!(evaluate_within("'a'*60000", &mut steps).is_ok());
    assert!(evaluate_within("'a'*60000", &mut steps).is_ok_and(|_| true) || steps == 0);
    assert!(evaluate_within("'a'*2", &mut steps).is_err());
    assert!(evaluate_within("'a'", &mut steps).is_ok());
}

#[test]
fn limits_allow_what_they_say() {
    assert_eq!(
        evaluate(&format!("{}1{}", "[".repeat(64), "]".repeat(64))).map(|value| value.size().0),
        Ok(65)
    );
    assert!(evaluate(&format!("{}1{}", "[".repeat(65), "]".repeat(65))).is_err());
    assert!(evaluate("[0]*10000").is_ok());
    assert!(evaluate("[0]*10001").is_err());
    assert!(evaluate("2**4095").is_ok());
    assert!(evaluate("2**4096").is_err());
    assert!(evaluate("'a'*65536").is_ok());
    assert!(evaluate("'a'*65537").is_err());
}

/// Python itself, over every single-expression case of the corpus.
#[test]
fn reprs_are_those_of_python_2_in_the_whole_corpus() {
    let corpus: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/data/parse.json")).unwrap();
    let mut compared = 0;
    for case in corpus["cases"].as_array().unwrap() {
        let Some(text) = case["input"].as_str() else {
            continue;
        };
        let Some(expression) = text
            .strip_prefix("/n\n  v = ")
            .and_then(|rest| rest.strip_suffix('\n'))
        else {
            continue;
        };
        let Some(py) = case["expect"]["children"][0]["properties"]["v"]["py"].as_str() else {
            continue;
        };
        if !expression.contains('\n') {
            assert_eq!(repr(expression.trim()), py, "{}: {expression}", case["name"]);
            compared += 1;
        }
    }
    assert!(compared > 150, "{compared}");
}

proptest::proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,200}") {
        let _ = evaluate(&text);
    }

    #[test]
    fn no_soup_of_tokens_panics(
        tokens in proptest::collection::vec(proptest::sample::select(SOUP.to_vec()), 0..40)
    ) {
        if let Ok(value) = evaluate(&tokens.join(" ")) {
            let _ = value.to_value();
        }
    }
}

const SOUP: [&str; 48] = [
    "1",
    "0",
    "-7",
    "10L",
    "2.5",
    "1e400",
    "'a'",
    "u'\\xe9'",
    "'\\xc3'",
    "'%s'",
    "'%*d'",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "+",
    "-",
    "*",
    "**",
    "/",
    "//",
    "%",
    "<<",
    ">>",
    "&",
    "|",
    "^",
    "~",
    "<",
    "==",
    "in",
    "not",
    "and",
    "or",
    "if",
    "else",
    "None",
    "True",
    "x",
    ".",
    "1j",
    "'''b'''",
    "9999999999999999999",
    "'%(k)s'",
];
