//! `validate --format sarif`: what it prints, and the shape that the format asks for.

// A broken case must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::treekeeper::{Output, Treekeeper};
use crate::validate::trees;

/// Returns a log that has the shape that the format asks for.
pub fn sarif(output: &Output) -> Value {
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
