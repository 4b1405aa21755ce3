//! `validate --format`: the same findings for people, for programs and for code hosts; no server is needed.

// A broken case must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::treekeeper::{Output, Treekeeper};

/// Two files of one name in two directories, with a fault each alone and one together.
fn trees() -> Treekeeper {
    let treekeeper = Treekeeper::offline();
    for directory in ["one", "the other"] {
        fs::create_dir(treekeeper.home().join(directory)).unwrap();
    }
    treekeeper.file("one/a.zk", "/a\n  é = 'é\u{1f600}' + f()\n  token = canary\n");
    treekeeper.file("the other/a.zk", "/b\n  x = 1\n  x = 2\n/a\n");
    treekeeper
}

fn sarif(output: &Output) -> Value {
    let log: Value = serde_json::from_str(&output.stdout).unwrap();
    check_log(&log);
    log
}

#[test]
fn sarif_names_rules_places_and_messages() {
    let treekeeper = trees();
    let output = treekeeper
        .run(&["validate", "--format", "sarif", "one/a.zk", "the other/a.zk"])
        .expect(1);
    assert_eq!(output.stderr, "");
    assert!(!output.stdout.contains("canary"), "{}", output.stdout);
    let log = sarif(&output);
    assert_snapshot!(format!("{:#}", log["runs"][0]["results"]), @r#"
    [
      {
        "level": "error",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": "one/a.zk",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 18,
                "startColumn": 15,
                "startLine": 2
              }
            }
          }
        ],
        "message": {
          "text": "a call is not evaluated; help: only values and operators are evaluated, never calls"
        },
        "ruleId": "TK0203",
        "ruleIndex": 17
      },
      {
        "level": "error",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": "one/a.zk",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "startLine": 3
              }
            }
          }
        ],
        "message": {
          "text": "the value of token cannot be read; what is wrong with it may be secret"
        },
        "ruleId": "TK0202",
        "ruleIndex": 16
      },
      {
        "level": "error",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": "the%20other/a.zk",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 4,
                "startColumn": 3,
                "startLine": 3
              }
            }
          }
        ],
        "message": {
          "text": "the property x is there already; help: keep one of the two lines"
        },
        "relatedLocations": [
          {
            "message": {
              "text": "first here"
            },
            "physicalLocation": {
              "artifactLocation": {
                "uri": "the%20other/a.zk",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 4,
                "startColumn": 3,
                "startLine": 2
              }
            }
          }
        ],
        "ruleId": "TK0106",
        "ruleIndex": 5
      },
      {
        "level": "error",
        "locations": [
          {
            "physicalLocation": {
              "artifactLocation": {
                "uri": "the%20other/a.zk",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 3,
                "startColumn": 1,
                "startLine": 4
              }
            }
          }
        ],
        "message": {
          "text": "the top-level node /a is defined by two .zk files; help: join the two definitions, or rename this file to .zkx to lay it over the other"
        },
        "relatedLocations": [
          {
            "message": {
              "text": "first defined here"
            },
            "physicalLocation": {
              "artifactLocation": {
                "uri": "one/a.zk",
                "uriBaseId": "%SRCROOT%"
              },
              "region": {
                "endColumn": 3,
                "startColumn": 1,
                "startLine": 1
              }
            }
          }
        ],
        "ruleId": "TK0302",
        "ruleIndex": 30
      }
    ]
    "#);
    let driver = &log["runs"][0]["tool"]["driver"];
    assert_eq!(driver["version"], env!("CARGO_PKG_VERSION"));
    let rules = driver["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["id"] == "TK0106").unwrap();
    assert_snapshot!(format!("{rule:#}"), @r#"
    {
      "defaultConfiguration": {
        "level": "error"
      },
      "fullDescription": {
        "text": "A node has each property once. The type behind a node's name is the property `type`."
      },
      "help": {
        "text": "TK0106 duplicate-property: a property that is there already\n\nA node has each property once. The type behind a node's name is the property\n`type`.\n\nWrong:\n\n    /cms : z4m\n      type = 'web'\n\nRight:\n\n    /cms : web\n\nFix: keep one of the two lines.\n"
      },
      "id": "TK0106",
      "name": "duplicate-property",
      "shortDescription": {
        "text": "a property that is there already"
      }
    }
    "#);
    let rest = treekeeper
        .run(&["validate", "--format", "sarif", "one"])
        .expect(1);
    let uri = "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri";
    assert_eq!(sarif(&rest).pointer(uri).unwrap(), "one/a.zk");
}

#[test]
fn sarif_of_right_files_has_no_results() {
    let treekeeper = Treekeeper::offline();
    let file = treekeeper.file("a.zk", "/a\n");
    let log = sarif(
        &treekeeper
            .run(&["validate", "--format=sarif", file.to_str().unwrap()])
            .expect(0),
    );
    assert_eq!(log["runs"][0]["results"], Value::Array(Vec::new()));
}

/// Every example of the catalogue that needs no limit is a log that the format allows.
#[test]
fn sarif_holds_for_every_diagnostic() {
    let treekeeper = Treekeeper::offline();
    let mut given = BTreeSet::new();
    let entries = treekeeper_core::explain::entries();
    for entry in entries
        .iter()
        .filter(|entry| entry.is_diagnostic() && entry.samples[0].label.is_empty())
    {
        treekeeper.file("a.zk", &entry.samples[0].text);
        let log = sarif(
            &treekeeper
                .run(&["validate", "--format", "sarif", "a.zk"])
                .expect(1),
        );
        for result in log["runs"][0]["results"].as_array().unwrap() {
            given.insert(result["ruleId"].as_str().unwrap().to_owned());
        }
    }
    assert!(given.len() > 20, "{given:?}");
}

#[test]
fn hostile_names_are_escaped_in_every_format() {
    let treekeeper = Treekeeper::offline();
    let name = "\u{202e}\u{1b}[31m a.zk";
    treekeeper.file(name, "/a\n  x\u{9b}\u{202e}y = 1\n  x\u{9b}\u{202e}y = 2\n");
    for format in ["text", "json", "sarif"] {
        let output = treekeeper.run(&["validate", "--format", format, name]).expect(1);
        let said = output.stdout + &output.stderr;
        assert!(
            !said.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
            "{format}: {said}"
        );
    }
    let output = treekeeper.run(&["validate", "--format", "sarif", name]).expect(1);
    let log = sarif(&output);
    let result = &log["runs"][0]["results"][0];
    assert_snapshot!(result["message"]["text"].as_str().unwrap(), @r"the property x\u{9b}\u{202e}y is there already; help: keep one of the two lines");
    assert_snapshot!(result["locations"][0]["physicalLocation"], @r#"{"artifactLocation":{"uri":"%E2%80%AE%1B%5B31m%20a.zk","uriBaseId":"%SRCROOT%"},"region":{"endColumn":7,"startColumn":3,"startLine":3}}"#);
}

#[test]
fn json_is_a_format_and_two_formats_are_wrong_usage() {
    let treekeeper = trees();
    let by_flag = treekeeper.run(&["validate", "--json", "one"]).expect(1).stdout;
    let by_format = treekeeper
        .run(&["validate", "--format", "json", "one"])
        .expect(1)
        .stdout;
    assert_eq!(by_flag, by_format);
    assert_snapshot!(by_format, @r#"
    {
      "diagnostics": [
        {
          "code": "TK0203",
          "column": 14,
          "file": "a.zk",
          "help": "only values and operators are evaluated, never calls",
          "line": 2,
          "message": "a call is not evaluated"
        },
        {
          "code": "TK0202",
          "column": 11,
          "file": "a.zk",
          "help": null,
          "line": 3,
          "message": "the value of token cannot be read; what is wrong with it may be secret"
        }
      ],
      "files": 1,
      "schema": 1,
      "znodes": 1
    }
    "#);
    assert_eq!(
        treekeeper
            .run(&["validate", "--format", "json", "--json", "one"])
            .expect(1)
            .stdout,
        by_flag
    );
    let said = treekeeper
        .run(&["validate", "--format", "sarif", "--json", "one"])
        .expect(64);
    assert_snapshot!(said.stderr, @"error: --json is --format json: give one of the two");
    let text = treekeeper.run(&["validate", "--format", "text", "one"]).expect(1);
    assert_eq!(text.stderr, treekeeper.run(&["validate", "one"]).expect(1).stderr);
}

#[test]
fn the_help_of_validate() {
    let help = Treekeeper::offline().stdout(&["validate", "-h"]);
    let (own, _) = help.split_once("Global options").unwrap();
    assert_snapshot!(own, @r"
    Parse and merge tree files offline, and report everything that is wrong with them

    Usage: treekeeper validate [OPTIONS] <PATH>...

    Arguments:
      <PATH>...  Tree files, or one directory of them

    Options:
          --format <FORMAT>  How to report [default: text] [possible values: text, json, sarif]
      -h, --help             Print help (see more with '--help')
    ");
    assert_snapshot!(&help[help.find("Examples").unwrap()..], @r"
    Examples:
      treekeeper validate trees                   for people and pre-commit hooks
      treekeeper validate --format sarif trees    for code hosts that show errors beside the lines

    Exit codes: 0 nothing is wrong, 1 something is; `treekeeper explain CODE` tells more about an error.
    ");
}

/// Holds a log to what the schema of SARIF 2.1.0 asks of the objects that are used; others are not allowed there.
fn check_log(log: &Value) {
    keys(log, &["$schema", "version", "runs"], &[]);
    assert_eq!(log["version"], "2.1.0");
    for run in list(&log["runs"]) {
        keys(run, &["tool", "columnKind", "results"], &[]);
        assert_eq!(run["columnKind"], "utf16CodeUnits");
        keys(&run["tool"], &["driver"], &[]);
        let driver = &run["tool"]["driver"];
        keys(driver, &["name", "version", "rules"], &[]);
        let rules = list(&driver["rules"]);
        rules.iter().for_each(check_rule);
        let ids: BTreeSet<&str> = rules.iter().filter_map(|rule| rule["id"].as_str()).collect();
        assert_eq!(ids.len(), rules.len(), "rules are unique");
        list(&run["results"])
            .iter()
            .for_each(|result| check_result(result, rules));
    }
}

fn check_rule(rule: &Value) {
    let texts = ["shortDescription", "fullDescription", "help"];
    keys(
        rule,
        &[&["id", "name", "defaultConfiguration"][..], &texts].concat(),
        &[],
    );
    for text in texts {
        keys(&rule[text], &["text"], &[]);
        assert!(!rule[text]["text"].as_str().unwrap().is_empty());
    }
    keys(&rule["defaultConfiguration"], &["level"], &[]);
}

fn check_result(result: &Value, rules: &[Value]) {
    let needed = ["ruleId", "ruleIndex", "level", "message", "locations"];
    keys(result, &needed, &["relatedLocations"]);
    let index = result["ruleIndex"].as_u64().unwrap() as usize;
    assert_eq!(rules[index]["id"], result["ruleId"]);
    assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
    keys(&result["message"], &["text"], &[]);
    for location in list(&result["locations"]) {
        keys(location, &["physicalLocation"], &[]);
        check_place(&location["physicalLocation"]);
    }
    for location in result["relatedLocations"].as_array().into_iter().flatten() {
        keys(location, &["physicalLocation", "message"], &[]);
        check_place(&location["physicalLocation"]);
    }
}

fn check_place(place: &Value) {
    keys(place, &["artifactLocation", "region"], &[]);
    let artifact = &place["artifactLocation"];
    keys(artifact, &["uri"], &["uriBaseId"]);
    let uri = artifact["uri"].as_str().unwrap();
    assert!(
        uri.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte)),
        "{uri}"
    );
    let region = &place["region"];
    keys(region, &["startLine"], &["startColumn", "endColumn"]);
    assert!(region["startLine"].as_u64() >= Some(1));
    if let Some(start) = region["startColumn"].as_u64() {
        assert!(
            start >= 1 && region["endColumn"].as_u64() >= Some(start),
            "{region}"
        );
    }
}

fn list(value: &Value) -> &[Value] {
    value
        .as_array()
        .map_or_else(|| panic!("no list: {value}"), Vec::as_slice)
}

/// Fails unless the object has all `needed` keys, and beside them `allowed` ones only.
fn keys(object: &Value, needed: &[&str], allowed: &[&str]) {
    let found: BTreeSet<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = needed.iter().chain(allowed).copied().collect();
    assert!(
        needed.iter().all(|key| found.contains(key)) && found.is_subset(&known),
        "{object}"
    );
}
