//! Transactions of several operations, and reads of several nodes.

use crate::script::play;

#[test]
fn all_of_a_multi_has_one_transaction_and_sees_what_came_before() {
    insta::assert_snapshot!(play("
        ada multi create /a x; create /a/b; set /a y 0; check /a 1; create -s /a/s-; delete /a/b
        ada get /a
        ada ls /a
    "), @r#"
    ada multi create /a x; create /a/b; set /a y 0; check /a 1; create -s /a/s-; delete /a/b
        2:
        /a
        /a/b
        set, c2 m2 p2 at 0/0 versions 1/1/0 1 bytes 1 children
        checked
        /a/s-0000000001
        deleted
    ada get /a
        2: "y", c2 m2 p2 at 0/0 versions 1/3/0 1 bytes 1 children
    ada ls /a
        2: [s-0000000001], c2 m2 p2 at 0/0 versions 1/3/0 1 bytes 1 children
    "#);
}

#[test]
fn of_a_failed_multi_nothing_stays() {
    insta::assert_snapshot!(play("
        ada create /a one
        ada create /a/b
        ada create -s /a/s-
        ada multi create /a/c; set /a two; delete /a/b; create -s /a/s-; check /a 7; create /a/d
        ada get /a
        ada ls /a
        ada create -s /a/s-
    "), @r#"
    ada create /a one
        2: /a
    ada create /a/b
        3: /a/b
    ada create -s /a/s-
        4: /a/s-0000000001
    ada multi create /a/c; set /a two; delete /a/b; create -s /a/s-; check /a 7; create /a/d
        5:
        error 0
        error 0
        error 0
        error 0
        error -103
        error -2
    ada get /a
        5: "one", c2 m2 p4 at 0/0 versions 0/2/0 3 bytes 2 children
    ada ls /a
        5: [b, s-0000000001], c2 m2 p4 at 0/0 versions 0/2/0 3 bytes 2 children
    ada create -s /a/s-
        6: /a/s-0000000002
    "#);
}

#[test]
fn the_first_operation_that_fails_is_told_whichever_it_is() {
    insta::assert_snapshot!(play("
        ada create /a
        ada create /a/b
        ada create -e /e
        ada multi create /a; check /none
        ada multi create /new; create /none/x; create /new
        ada multi delete /a
        ada multi create /e/x
        ada multi set /a x 9
        ada multi create bad
        ada multi create -t 0 /t
        ada exists /new
    "), @"
    ada create /a
        2: /a
    ada create /a/b
        3: /a/b
    ada create -e /e
        4: /e
    ada multi create /a; check /none
        5:
        error -110
        error -2
    ada multi create /new; create /none/x; create /new
        6:
        error 0
        error -101
        error -2
    ada multi delete /a
        7:
        error -111
    ada multi create /e/x
        8:
        error -108
    ada multi set /a x 9
        9:
        error -103
    ada multi create bad
        10:
        error -8
    ada multi create -t 0 /t
        11:
        error -8
    ada exists /new
        11: no node
    ");
}

#[test]
fn watches_of_a_failed_multi_keep_silent() {
    insta::assert_snapshot!(play("
        bob create /a
        bob get -w /a
        bob ls -w /a
        ada multi set /a x; create /a/b; check /a 9
        ada multi set /a x; create /a/b; check /a 1
    "), @r#"
    bob create /a
        2: /a
    bob get -w /a
        2: "", c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    bob ls -w /a
        2: [], c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    ada multi set /a x; create /a/b; check /a 9
        4:
        error 0
        error 0
        error -103
    ada multi set /a x; create /a/b; check /a 1
        5:
        set, c2 m5 p2 at 0/0 versions 1/0/0 1 bytes 0 children
        /a/b
        checked
        bob is told: /a DataChanged
        bob is told: /a ChildrenChanged
    "#);
}

#[test]
fn containers_and_nodes_with_a_ttl_tell_their_stat() {
    insta::assert_snapshot!(play("
        at 50
        ada multi create /plain; create -e /e; create -c /c; create -t 9 /t; create -s -t 9 /t-
    "), @"
    at 50
    ada multi create /plain; create -e /e; create -c /c; create -t 9 /t; create -s -t 9 /t-
        2:
        /plain
        /e
        /c, c2 m2 p2 at 50/50 versions 0/0/0 0 bytes 0 children
        /t, c2 m2 p2 at 50/50 versions 0/0/0 0 bytes 0 children
        /t-0000000004, c2 m2 p2 at 50/50 versions 0/0/0 0 bytes 0 children
    ");
}

#[test]
fn a_multi_of_nothing_but_checks_changes_nothing() {
    insta::assert_snapshot!(play("
        ada create /a
        ada multi check /a 0; check /
        ada exists /a
    "), @"
    ada create /a
        2: /a
    ada multi check /a 0; check /
        3:
        checked
        checked
    ada exists /a
        3: c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    ");
}

#[test]
fn reads_of_a_multi_fail_each_for_itself() {
    insta::assert_snapshot!(play("
        ada create /a x
        ada create /a/b
        ada create /secret x as digest:eve:hash:r
        ada read get /a; get /none; ls /a; get /secret; ls /a/b
        ada read get /a; check /a; ls /a
    "), @r#"
    ada create /a x
        2: /a
    ada create /a/b
        3: /a/b
    ada create /secret x as digest:eve:hash:r
        4: /secret
    ada read get /a; get /none; ls /a; get /secret; ls /a/b
        4:
        "x", c2 m2 p3 at 0/0 versions 0/1/0 1 bytes 1 children
        error -101
        [b]
        error -102
        []
    ada read get /a; check /a; ls /a
        4: broken off after
        "x", c2 m2 p3 at 0/0 versions 0/1/0 1 bytes 1 children
    "#);
}
