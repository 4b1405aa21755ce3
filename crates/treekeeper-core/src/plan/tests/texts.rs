//! Plans as people and programs read them, and the rules that one example shows best.

use super::*;
use crate::plan::display::write_plan;

fn text_with(plan: &Plan, options: &DisplayOptions<'_>) -> String {
    let batches = batches(plan, &BatchLimits::default()).unwrap();
    let mut out = String::new();
    write_plan(&mut out, plan, &batches, options).unwrap();
    out
}

fn text(plan: &Plan) -> String {
    text_with(plan, &DisplayOptions::default())
}

fn planned(wanted: &[(&str, &str)], found: &[(&str, &str)]) -> Plan {
    diff(&desired(wanted, &[]), &live(found), &DiffOptions::default())
}

/// A plan with something of each kind.
fn of_each_kind() -> Plan {
    let wanted = [
        (
            "/app",
            r#"{"added":"new","kept":1,"list":[1,2.5,null,true],"type":"web","web ->":"/b"}"#,
        ),
        (
            "/app/db",
            r#"{"password":"hunter3","conf":{"host":"db","token":"t2"},"user":"u"}"#,
        ),
        ("/app/new", r#"{"api_key":"k","site":"caf\u00e9"}"#),
        ("/app/raw", "two"),
    ];
    let found = [
        ("/app", r#"{"gone":"old","kept":1,"list":[],"web ->":"/a"}"#),
        (
            "/app/db",
            r#"{"password":"hunter2","conf":{"host":"db","token":"t1"},"user":"u"}"#,
        ),
        ("/app/old", ""),
        ("/app/old/leaf", "{}"),
        ("/app/raw", r#"{"string_value":"one"}"#),
        ("/app/services", ""),
        ("/app/services/dead", ""),
        ("/app/services/web", ""),
        ("/app/services/web/10.0.0.1:80!", "{}"),
        ("/app/up!", "{}"),
        ("/legacy", ""),
        ("/legacy/child", ""),
    ];
    let options = DiffOptions {
        deployed_roots: names(&["app", "legacy", "absent"]),
        ..DiffOptions::default()
    };
    diff(&desired(&wanted, &[]), &live(&found), &options)
}

#[test]
fn a_plan_tells_creates_and_changes_then_deletes_then_what_stays() {
    insta::assert_snapshot!(text(&of_each_kind()), @"
    ~ /app
        + added = 'new'
        - gone = 'old'
        ~ list = [] -> [1, 2.5, None, True]
        + type = 'web'
        ~ web -> /b (was /a)
          (1 unchanged)
    ~ /app/db
        ~ conf = {'host': 'db', 'token': •••} (changed)
        ~ password = ••• (changed)
          (1 unchanged)
    + /app/new
        + api_key = •••
        + site = 'café'
    ~ /app/raw
        ~ string_value = u'one' -> 'two'
    - /app/old
    - /app/old/leaf
    - /app/services/dead
    = /app/services stays: it holds ephemeral znodes
    = /app/services/web/10.0.0.1:80 stays: it is ephemeral (session 0xe9)
    = /app/up stays: it is ephemeral (session 0xea)
    ? /legacy is no longer in the files and stays, 2 znodes (--prune-roots deletes it)
    Plan: 1 to create, 3 to change, 3 to delete (1 transaction, 425 bytes).
    ");
}

#[test]
fn secrets_are_shown_only_when_asked_for() {
    let shown = DisplayOptions {
        secrets: Secrets::Shown,
        ..DisplayOptions::default()
    };
    let text = text_with(&of_each_kind(), &shown);
    for secret in ["hunter2", "hunter3", "'t1'", "'t2'", "'k'"] {
        assert!(text.contains(secret), "{secret} in {text}");
    }
    let mut json = String::new();
    json::write_plan(
        &mut json,
        &of_each_kind(),
        &[],
        Secrets::Masked(&["user".to_owned()]),
    )
    .unwrap();
    for secret in ["hunter", "t1", "t2", "\"k\"", "\"u\""] {
        assert!(!json.contains(secret), "{secret} in {json}");
    }
}

#[test]
fn changed_secrets_are_told_apart_by_hashes() {
    let key = crate::model::HashKey::new([9; 16]);
    let told = |old: &str, new: &str| {
        let hashed = Secrets::Hashed(&[], &key);
        let options = DisplayOptions {
            secrets: hashed,
            ..DisplayOptions::default()
        };
        let wanted = desired(&[("/a", new), ("/a/b", "{\"token\":\"t1\"}")], &[]);
        let plan = diff(&wanted, &live(&[("/a", old)]), &DiffOptions::default());
        let mut out = text_with(&plan, &options);
        json::write_plan(&mut out, &plan, &[], hashed).unwrap();
        for secret in ["t1", "t2"] {
            assert!(!out.contains(secret), "{out}");
        }
        out
    };
    insta::assert_snapshot!(
        told("{\"deep\":{\"pwd\":\"t1\",\"x\":1},\"token\":\"t1\"}", "{\"deep\":{\"pwd\":\"t2\",\"x\":2},\"token\":\"t2\"}"),
        @r#"
        ~ /a
            ~ deep = {'pwd': •••304f6e7f, 'x': 1} -> {'pwd': •••cec2b965, 'x': 2}
            ~ token = ••• (changed, 304f6e7f -> cec2b965)
        + /a/b
            + token = •••
        Plan: 1 to create, 1 to change, 0 to delete (1 transaction, 146 bytes).
        {"schema":1,"counts":{"create":1,"change":1,"delete":0,"unchanged":0,"managed":1},"transactions":0,"bytes":0,
        "changes":[
        {"action":"create","path":"/a/b","properties":[{"action":"add","key":"token","secret":true,"new":"\u2022\u2022\u2022","new_hash":"304f6e7f"}]},
        {"action":"change","path":"/a","properties":[{"action":"change","key":"deep","old":{"pwd":"\u2022\u2022\u2022304f6e7f","x":1},"new":{"pwd":"\u2022\u2022\u2022cec2b965","x":2}},{"action":"change","key":"token","secret":true,"old":"\u2022\u2022\u2022","old_hash":"304f6e7f","new":"\u2022\u2022\u2022","new_hash":"cec2b965"}],"unchanged":0,"version":1,"czxid":101}],
        "spared":[],
        "orphans":[],
        "obstacles":[]}
        "#
    );
    // Equal hashes stand for equal values, wherever they are.
    let hash = key.short(b"\"t1\"");
    let swapped = told(
        "{\"a_token\":\"t1\",\"b_token\":\"t2\"}",
        "{\"a_token\":\"t2\",\"b_token\":\"t1\"}",
    );
    assert_eq!(swapped.matches(&hash[..8]).count(), 5, "{swapped}");
}

#[test]
fn a_plan_as_json_says_the_same() {
    let plan = of_each_kind();
    let mut out = String::new();
    let batches = batches(&plan, &BatchLimits::default()).unwrap();
    json::write_plan(&mut out, &plan, &batches, Secrets::Masked(&[])).unwrap();
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["schema"], 1);
    assert_eq!(value["changes"].as_array().unwrap().len(), plan.changes.len());
    insta::assert_snapshot!(out, @r#"
    {"schema":1,"counts":{"create":1,"change":3,"delete":3,"unchanged":0,"managed":6},"transactions":1,"bytes":425,
    "changes":[
    {"action":"create","path":"/app/new","properties":[{"action":"add","key":"api_key","secret":true,"new":"\u2022\u2022\u2022"},{"action":"add","key":"site","new":"caf\u00e9"}]},
    {"action":"change","path":"/app","properties":[{"action":"add","key":"added","new":"new"},{"action":"remove","key":"gone","old":"old"},{"action":"change","key":"list","old":[],"new":[1,2.5,null,true]},{"action":"add","key":"type","new":"web"},{"action":"change","key":"web ->","old":"/a","new":"/b"}],"unchanged":1,"version":1,"czxid":101},
    {"action":"change","path":"/app/db","properties":[{"action":"change","key":"conf","old":{"host":"db","token":"\u2022\u2022\u2022"},"new":{"host":"db","token":"\u2022\u2022\u2022"}},{"action":"change","key":"password","secret":true,"old":"\u2022\u2022\u2022","new":"\u2022\u2022\u2022"}],"unchanged":1,"version":2,"czxid":102},
    {"action":"change","path":"/app/raw","properties":[{"action":"change","key":"string_value","old":"one","new":{"bytes":"two"}}],"unchanged":0,"version":5,"czxid":105},
    {"action":"delete","path":"/app/services/dead","version":7,"czxid":107},
    {"action":"delete","path":"/app/old/leaf","version":4,"czxid":104},
    {"action":"delete","path":"/app/old","version":3,"czxid":103}],
    "spared":[
    {"path":"/app/services","reason":"holds-ephemeral"},
    {"path":"/app/services/web/10.0.0.1:80","reason":"ephemeral","session":"0xe9"},
    {"path":"/app/up","reason":"ephemeral","session":"0xea"}],
    "orphans":[
    {"path":"/legacy","znodes":2}],
    "obstacles":[]}
    "#);
}

#[test]
fn colours_frame_lines_and_nothing_else() {
    let plan = planned(&[("/a", "{\"x\":1}"), ("/a/b", "")], &[("/a", ""), ("/a/c", "")]);
    let ansi = text_with(
        &plan,
        &DisplayOptions {
            style: Style::Ansi,
            ..DisplayOptions::default()
        },
    );
    insta::assert_snapshot!(ansi.replace('\x1b', "ESC"), @"
    ESC[33m~ /aESC[0m
    ESC[32m    + x = 1ESC[0m
    ESC[32m+ /a/bESC[0m
    ESC[31m- /a/cESC[0m
    Plan: 1 to create, 1 to change, 1 to delete (1 transaction, 120 bytes).
    ");
    let plain = ["\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"]
        .iter()
        .fold(ansi, |text, it| text.replace(it, ""));
    assert_eq!(plain, text(&plan));
}

#[test]
fn nothing_from_outside_reaches_the_terminal_raw() {
    let found = [
        ("/a", ""),
        ("/a/\u{1b}[2J\u{202e}x\\", "\u{1b}]0;x\u{7}"),
        ("/a/e\u{200b}!", ""),
    ];
    let wanted = [(
        "/a",
        r#"{"k\u001b\u2028 = 1\nERROR x":"\u001b[2J\u202e\u200b\u00e9 \ud800","l\u0007 ->":"/\u001b"}"#,
    )];
    let plan = planned(&wanted, &found);
    insta::assert_snapshot!(text(&plan), @r"
    ~ /a
        + k\x1b\u2028 = 1\nERROR x = u'\x1b[2J\u202e\u200b\xe9 \ud800'
        + l\x07 -> /\x1b
    - /a/\x1b[2J\u202ex\\
    = /a/e\u200b stays: it is ephemeral (session 0xe3)
    Plan: 0 to create, 1 to change, 1 to delete (1 transaction, 159 bytes).
    ");
    let mut json = String::new();
    json::write_plan(&mut json, &plan, &[], Secrets::Shown).unwrap();
    assert!(json.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')));
}

#[test]
fn long_values_are_cut_in_the_middle_and_still_tell_that_they_differ() {
    let data = |middle: &str| format!("{{\"x\":\"{}{middle}{}\"}}", "a".repeat(100), "b".repeat(100));
    let (old, new) = (data("1"), data("2"));
    let plan = planned(&[("/a", &new)], &[("/a", &old)]);
    let options = DisplayOptions {
        value_width: Some(30),
        ..DisplayOptions::default()
    };
    insta::assert_snapshot!(text_with(&plan, &options), @"
    ~ /a
        ~ x = 'aaaaaaaaaaaaaaaaaaa…bbbbbbbb' (changed)
    Plan: 0 to create, 1 to change, 0 to delete (1 transaction, 249 bytes).
    ");
    let whole = text_with(
        &plan,
        &DisplayOptions {
            value_width: None,
            ..DisplayOptions::default()
        },
    );
    assert!(whole.contains("a1b") && whole.contains("a2b"));
}

#[test]
fn a_plan_of_nothing_is_one_sentence() {
    let same = [("/a", "{\"x\":1,\"y\":2}"), ("/a/b", "{}")];
    let plan = planned(&same, &[("/a", "{\"y\": 2, \"x\": 1}"), ("/a/b", "")]);
    insta::assert_snapshot!(text(&plan), @"Nothing to change: 2 znodes are as the files say.");
    assert_eq!(batches(&plan, &BatchLimits::default()), Ok(vec![]));
}

#[test]
fn a_node_below_an_ephemeral_one_is_an_obstacle() {
    let wanted = [("/a", ""), ("/a/e", ""), ("/a/e/x", ""), ("/a/e/x/y", "")];
    let plan = planned(&wanted, &[("/a", ""), ("/a/e!", "")]);
    insta::assert_snapshot!(text(&plan), @"
    ! /a/e/x cannot be created: /a/e is ephemeral and cannot have children
    Nothing can be applied.
    ");
}

#[test]
fn numbers_have_commas() {
    let big = "x".repeat(1_000_000);
    let plan = planned(&[("/a", &big)], &[]);
    assert_eq!(
        text(&plan).lines().last(),
        Some("Plan: 1 to create, 0 to change, 0 to delete (1 transaction, 1,000,067 bytes).")
    );
}

#[test]
fn pruned_orphans_are_deleted_but_for_what_must_stay() {
    let found = [
        ("/old", ""),
        ("/old/a", ""),
        ("/old/a/e!", ""),
        ("/old/b", ""),
        ("/hosts", ""),
        ("/role-locks", ""),
        ("/role-locks/db", ""),
        ("/role-locks/db/lr-1", ""),
        ("/role-locks/web", ""),
    ];
    let options = DiffOptions {
        prune: names(&["old", "hosts", "role-locks", "absent"]),
        ..DiffOptions::default()
    };
    let plan = diff(&desired(&[], &[]), &live(&found), &options);
    insta::assert_snapshot!(text(&plan), @"
    - /old/b
    - /role-locks/web
    = /old stays: it holds ephemeral znodes
    = /old/a/e stays: it is ephemeral (session 0xe3)
    = /role-locks stays: agents stand in line for it
    Plan: 0 to create, 0 to change, 2 to delete (1 transaction, 72 bytes).
    ");
}

#[test]
fn children_of_a_declared_role_lock_are_never_trimmed_nor_told() {
    let found = [
        ("/role-locks", ""),
        ("/role-locks/db", ""),
        ("/role-locks/db/declared", ""),
        ("/role-locks/db/declared/below", ""),
        ("/role-locks/db/lr-1", ""),
        ("/role-locks/x", ""),
    ];
    let plan = planned(
        &[
            ("/role-locks", ""),
            ("/role-locks/db", ""),
            ("/role-locks/db/declared", ""),
        ],
        &found,
    );
    insta::assert_snapshot!(text(&plan), @"
    - /role-locks/x
    Plan: 0 to create, 0 to change, 1 to delete (1 transaction, 47 bytes).
    ");
}

#[test]
fn live_parents_are_neither_written_nor_trimmed_and_must_exist() {
    let wanted = desired(
        &[("/a", ""), ("/a/b", "{\"x\":1}"), ("/c", ""), ("/c/d", "")],
        &[],
    );
    let options = DiffOptions {
        live_parents: vec![ZnodePath::parse("/a").unwrap(), ZnodePath::parse("/c").unwrap()],
        ..DiffOptions::default()
    };
    let found = live(&[
        ("/a", "{\"mine\":1}"),
        ("/a/b", ""),
        ("/a/b/c", ""),
        ("/a/other", ""),
    ]);
    insta::assert_snapshot!(text(&diff(&wanted, &found, &options)), @"
    ~ /a/b
        + x = 1
    - /a/b/c
    ! /c does not exist, and no file defines it
    Plan: 0 to create, 1 to change, 1 to delete (1 transaction, 72 bytes). It cannot be applied.
    ");
    let base = ZnodePath::parse("/no/base").unwrap();
    let plan = diff(
        &wanted,
        &found,
        &DiffOptions {
            base: base.clone(),
            ..options
        },
    );
    assert_eq!(plan.obstacles, [Obstacle::ParentMissing { path: base }]);
}

#[test]
fn the_delete_budget_is_the_greater_of_a_number_and_a_part() {
    let budget = DeleteBudget::default();
    assert_eq!(
        [0, 66, 67, 70, 1_000].map(|managed| budget.allowed(managed)),
        [20, 20, 20, 21, 300]
    );
    let found: Vec<String> = (0..21).map(|number| format!("/a/n{number}")).collect();
    let found: Vec<_> = [("/a", "")]
        .into_iter()
        .chain(found.iter().map(|path| (path.as_str(), "")))
        .collect();
    let plan = planned(&[("/a", "")], &found);
    assert_eq!(
        plan.over_budget(&budget, None),
        Some(OverBudget {
            planned: 21,
            allowed: 20
        })
    );
    assert_eq!(plan.over_budget(&budget, Some(21)), None);
}

#[test]
fn a_change_that_no_request_can_hold_is_named() {
    let wire = Wire::default();
    let path = ZnodePath::parse("/a").unwrap();
    let room = 1_048_575 - Wire::REQUEST - wire.create(&path, b"");
    let plan = |bytes: usize| planned(&[("/a", &"x".repeat(bytes)), ("/b", "")], &[]);
    let limits = BatchLimits::default();
    assert_eq!(
        batches(&plan(room), &limits)
            .unwrap()
            .iter()
            .map(|it| it.range.clone())
            .collect::<Vec<_>>(),
        [0..1, 1..2]
    );
    let error = batches(&plan(room + 1), &limits).unwrap_err();
    insta::assert_snapshot!(error, @"a transaction that writes /a would have 1048576 bytes, a server takes 1048575");
}
