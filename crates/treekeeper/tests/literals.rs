//! Literals against CPython: what both read, both must take for the same value.
//!
//! The literals are generated from a fixed seed, of what means the same in Python 2, whose language tree files have,
//! and in Python 3, which evaluates them here: no bare octal numbers, no long integers, and escapes of more than ASCII
//! only in `u''`. One in four is damaged, to see where only one of the two refuses it.
//! `TREEKEEPER_LITERALS=50000 cargo test -p treekeeper --test literals -- --nocapture` is the long form.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use treekeeper_core::model::{Value, write_json};
use treekeeper_core::treefile::expression::evaluate_property;

const PROGRAM: &str = include_str!("data/literal_eval.py");
/// How many literals are compared where nobody says a number.
const LITERALS: usize = 5_000;
const DEPTH_MAX: usize = 4;

/// A generator that needs no more than to be the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

#[test]
fn what_cpython_reads_too_means_the_same() {
    let count = std::env::var("TREEKEEPER_LITERALS").map_or(LITERALS, |text| text.parse().expect("a number"));
    let mut random = Random(7);
    let literals: Vec<String> = (0..count).map(|_| literal(&mut random)).collect();
    let theirs = evaluated_by_cpython(&literals);
    assert_eq!(theirs.len(), count, "a line for each literal");
    let (mut both, mut neither, mut different) = (0, 0, Vec::new());
    for (literal, theirs) in literals.iter().zip(&theirs) {
        let mut steps = usize::MAX;
        let ours = evaluate_property(literal, "key", &mut steps)
            .ok()
            .map(|value| shown(&value));
        match (ours, theirs.as_str()) {
            (None, "") => neither += 1,
            (Some(ours), theirs) if !theirs.is_empty() => {
                both += 1;
                if ours != theirs {
                    different.push(format!("{literal}\n  CPython: {theirs}\n  ours:    {ours}"));
                }
            }
            _ => {}
        }
    }
    println!(
        "literals compared with CPython: {count}, both read {both}, neither {neither}, {} differences",
        different.len()
    );
    assert!(
        different.is_empty(),
        "{} differences:\n{}",
        different.len(),
        different.join("\n")
    );
    assert!(both * 4 > count * 3, "only {both} of {count} are read by both");
}

fn evaluated_by_cpython(literals: &[String]) -> Vec<String> {
    let python = std::env::var("TREEKEEPER_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut child = Command::new(python)
        .args(["-c", PROGRAM])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 can be started");
    let mut input = child.stdin.take().expect("a pipe");
    let lines = literals.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("a child can be waited for");
    writer
        .join()
        .expect("the writer doesn't panic")
        .expect("python reads to the end");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    text.lines().map(str::to_owned).collect()
}

/// Returns JSON in the form of the program above: keys sorted by their characters.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(",")),
        Value::Object(entries) => {
            let mut entries: Vec<(String, String)> = entries
                .iter()
                .map(|(key, value)| (key.to_str_lossy().into_owned(), shown(value)))
                .collect();
            entries.sort();
            let text = |key: &str| shown(&Value::String(key.into()));
            let entries = entries
                .iter()
                .map(|(key, value)| format!("{}:{value}", text(key)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        scalar => {
            let mut json = Vec::new();
            write_json(scalar, &mut json);
            String::from_utf8_lossy(&json).into_owned()
        }
    }
}

fn literal(random: &mut Random) -> String {
    let mut text = String::new();
    value(random, 0, &mut text);
    if random.below(4) == 0 && !text.contains('\\') {
        damage(random, &mut text);
    }
    text
}

/// Writes over, takes out or puts in a character; never a backslash, which means other things in Python 3.
fn damage(random: &mut Random, text: &mut String) {
    let mut characters: Vec<char> = text.chars().collect();
    let at = random.below(characters.len() + 1);
    let other = random.pick(&[
        "'", "\"", "(", ")", "[", "]", "{", "}", ",", ":", " ", "-", "+", ".", "1", "e", "#", "u", "x",
    ]);
    let other = other.chars().next().unwrap_or(' ');
    match random.below(3) {
        0 if at < characters.len() => characters[at] = other,
        1 if at < characters.len() => drop(characters.remove(at)),
        _ => characters.insert(at, other),
    }
    *text = characters.into_iter().collect();
}

fn value(random: &mut Random, depth: usize, out: &mut String) {
    let kinds = if depth < DEPTH_MAX { 9 } else { 5 };
    match random.below(kinds) {
        0 => out.push_str(random.pick(&["None", "True", "False"])),
        1 => integer(random, out),
        2 => float(random, out),
        3 | 4 => string(random, out),
        5 => items(random, depth, out, ("[", "]")),
        6 => items(random, depth, out, ("(", ")")),
        7 => dict(random, depth, out),
        _ => {
            out.push('(');
            space(random, out);
            value(random, depth + 1, out);
            space(random, out);
            out.push(')');
        }
    }
}

fn space(random: &mut Random, out: &mut String) {
    out.push_str(random.pick(&["", "", "", " ", "  ", "\t"]));
}

fn integer(random: &mut Random, out: &mut String) {
    out.push_str(random.pick(&["", "", "-", "+", "- "]));
    let digits = random.below(1_000_000_000);
    let _ = match random.below(7) {
        0 => write!(out, "{}", random.below(10)),
        1 => write!(out, "0x{digits:x}"),
        2 => write!(out, "0X{digits:X}"),
        3 => write!(out, "0o{digits:o}"),
        4 => write!(out, "0b{:b}", digits & 0xffff),
        5 => write!(out, "{}{digits:09}{digits:09}", digits + 1),
        _ => write!(out, "{}", digits + 1),
    };
}

fn float(random: &mut Random, out: &mut String) {
    out.push_str(random.pick(&["", "", "-", "+"]));
    let (whole, part) = (random.below(100_000), random.below(1_000_000_000));
    let exponent = random.below(40) as i64 - 20;
    let _ = match random.below(8) {
        0 => write!(out, "{whole}."),
        1 => write!(out, ".{part}"),
        2 => write!(out, "{whole}e{exponent}"),
        3 => write!(out, "{whole}.{part}E{exponent:+}"),
        4 => write!(out, "0.{part:030}"),
        5 => write!(out, "{whole}{part:09}{part:09}.5"),
        6 => write!(out, "{whole}.{part}e{}", random.below(300)),
        _ => write!(out, "{whole}.{part}"),
    };
}

fn string(random: &mut Random, out: &mut String) {
    for part in 0..1 + random.below(6) / 5 {
        if part > 0 {
            out.push(' ');
        }
        one_string(random, out);
    }
}

fn one_string(random: &mut Random, out: &mut String) {
    let prefix = random.pick(&["", "", "u", "U", "r", "R"]);
    let quote = random.pick(&["'", "\"", "'", "\"", "'''", "\"\"\""]);
    let (is_unicode, is_raw) = (prefix.eq_ignore_ascii_case("u"), prefix.eq_ignore_ascii_case("r"));
    out.push_str(prefix);
    out.push_str(quote);
    for _ in 0..random.below(8) {
        let code = random.below(0x80);
        let _ = match random.below(if is_raw {
            4
        } else if is_unicode {
            12
        } else {
            9
        }) {
            0..=2 => write!(
                out,
                "{}",
                random.pick(&[
                    "a", "b", "Z", "0", " ", "/", ":", "#", "%", "{", "é", "ß", "中", "😀"
                ])
            ),
            3 => write!(
                out,
                "{}",
                random.pick(&["-", "x1", "->", "=", "None", ",", "[", "\t"])
            ),
            4 => write!(
                out,
                "\\{}",
                random.pick(&["n", "t", "r", "\\", "'", "\"", "a", "b", "f", "v"])
            ),
            5 => write!(
                out,
                "\\{}",
                random.pick(&["q", "d", " ", "/", "z", "#", "8", "9"])
            ),
            6 => write!(out, "\\x{code:02x}"),
            7 => write!(out, "\\{code:o}{}", random.pick(&["/", "z", " "])),
            8 => write!(out, "\\{code:03o}"),
            9 => write!(
                out,
                "\\u{:04x}",
                [0x20, 0xe9, 0x4e2d, 0xd7ff, 0xe000, 0xffff, 0x100][random.below(7)]
            ),
            10 => write!(
                out,
                "\\U{:08x}",
                [0x41, 0x1f600, 0x10_ffff, 0x2028][random.below(4)]
            ),
            _ => write!(out, "\\x{:02x}", 0x80 + code),
        };
    }
    out.push_str(quote);
}

fn items(random: &mut Random, depth: usize, out: &mut String, (open, close): (&str, &str)) {
    out.push_str(open);
    let count = random.below(4);
    for index in 0..count {
        if index > 0 {
            out.push(',');
        }
        space(random, out);
        value(random, depth + 1, out);
        space(random, out);
    }
    if count > 0 && random.below(2) == 0 {
        out.push(',');
    }
    out.push_str(close);
}

/// Keys that differ as texts too, so that JSON does not join them.
///
/// `True` and `False` are none of them: Python 2 writes the keys "True" and "False", Python 3 "true" and "false".
fn dict(random: &mut Random, depth: usize, out: &mut String) {
    out.push('{');
    for index in 0..random.below(4) {
        if index > 0 {
            out.push(',');
            space(random, out);
        }
        let _ = match random.below(6) {
            0 => write!(out, "{}", 10 * index + random.below(10)),
            1 => write!(out, "{index}.25"),
            2 if index == 0 => write!(out, "None"),
            3 => write!(out, "u'\\u00e9{index}'"),
            _ => write!(out, "'k{index}'"),
        };
        space(random, out);
        out.push(':');
        space(random, out);
        value(random, depth + 1, out);
    }
    out.push('}');
}
