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
        ("'abcdef'[1:4]", "'bcd'"),
        ("'abcdef'[::-2]", "'fdb'"),
        ("[1, 2, 3][-1]", "3"),
        ("{1: 'a', 1.0: 'b', True: 'c'}", "{1: 'c'}"),
        ("1 < 2.5 < 3", "True"),
        ("9007199254740993 == 9007199254740992.0", "False"),
        ("(1, 2) == [1, 2]", "False"),
        ("1 # a comment", "1"),
        ("7.0 // -2", "-4.0"),
        ("-1 ** 99999999999999999999", "-1"),
    ] {
        assert_eq!(repr(expression), expected, "{expression}");
    }
}

#[test]
fn refusals_say_what_to_write_instead() {
    let shown: Vec<String> = [
        "foo", "true", "null", "localhost:8080", "10.0.0.1", "__import__('os').system('x')", "None()", "a.b",
        "lambda x: 1", "[x for x in []]", "`1`", "1 is 1", "{1, 2}", "1j", "u'\\N{DASH}'", "1 < 'a'", "1/0",
        "'a' + 1", "'\\x4'", "08", "'abc", "'%s %s' % 1", "'%q' % 1", "[1][5]", "'\\xc3' + u'a'", "1 +", "(1", "1;",
    ]
    .iter()
    .map(|expression| refusal(expression))
    .collect();
    insta::assert_snapshot!(shown.join("\n"), @"");
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
        assert_eq!(repr(expression).split(':').next(), Some(expected), "{:.40}", expression);
    }
}

#[test]
fn limits_allow_what_they_say() {
    assert_eq!(evaluate(&format!("{}1{}", "[".repeat(60), "]".repeat(60))).map(|value| value.size().0), Ok(61));
    assert!(evaluate("[0]*10000").is_ok());
    assert!(evaluate("[0]*10001").is_err());
    assert!(evaluate("2**4095").is_ok());
    assert!(evaluate("2**4096").is_err());
    assert!(evaluate("'a'*65536").is_ok());
    assert!(evaluate("'a'*65537").is_err());
}
