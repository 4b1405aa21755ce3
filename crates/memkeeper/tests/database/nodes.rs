//! What writes do to a node, its parent and their stats.

use crate::script::play;

#[test]
fn a_stat_tells_of_every_kind_of_write() {
    insta::assert_snapshot!(play("
        at 1000
        ada create /a one
        ada exists /a
        at 2000
        ada set /a three
        at 3000
        ada create /a/b
        at 4000
        ada setacl /a world:anyone:rwcda
        ada delete /a/b
        ada get /a
    "), @r#"
    at 1000
    ada create /a one
        2: /a
    ada exists /a
        2: c2 m2 p2 at 1000/1000 versions 0/0/0 3 bytes 0 children
    at 2000
    ada set /a three
        3: c2 m3 p2 at 1000/2000 versions 1/0/0 5 bytes 0 children
    at 3000
    ada create /a/b
        4: /a/b
    at 4000
    ada setacl /a world:anyone:rwcda
        5: c2 m3 p4 at 1000/2000 versions 1/1/1 5 bytes 1 children
    ada delete /a/b
        6: done
    ada get /a
        6: "three", c2 m3 p6 at 1000/2000 versions 1/2/1 5 bytes 0 children
    "#);
}

#[test]
fn a_failed_write_takes_a_transaction_and_changes_nothing() {
    insta::assert_snapshot!(play("
        ada create /a
        ada set /a x 7
        ada delete /a 7
        ada check /a 7
        ada setacl /a world:anyone:r 7
        ada create /a
        ada create /b/c
        ada delete /b
        ada exists /a
    "), @"
    ada create /a
        2: /a
    ada set /a x 7
        3: bad version
    ada delete /a 7
        4: bad version
    ada check /a 7
        5: bad version
    ada setacl /a world:anyone:r 7
        6: bad version
    ada create /a
        7: node exists
    ada create /b/c
        8: no node
    ada delete /b
        9: no node
    ada exists /a
        9: c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    ");
}

#[test]
fn null_and_empty_data_are_told_apart() {
    insta::assert_snapshot!(play("
        ada create /null null
        ada create /empty
        ada get /null
        ada get /empty
        ada set /empty null
        ada get /empty
    "), @r#"
    ada create /null null
        2: /null
    ada create /empty
        3: /empty
    ada get /null
        3: null, c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    ada get /empty
        3: "", c3 m3 p3 at 0/0 versions 0/0/0 0 bytes 0 children
    ada set /empty null
        4: c3 m4 p3 at 0/0 versions 1/0/0 0 bytes 0 children
    ada get /empty
        4: null, c3 m4 p3 at 0/0 versions 1/0/0 0 bytes 0 children
    "#);
}

#[test]
fn sequence_numbers_count_creations_and_never_go_back() {
    insta::assert_snapshot!(play("
        ada create /q
        ada create -s /q/a-
        ada create /q/plain
        ada create -s /q/b-
        ada delete /q/b-0000000002
        ada create -s -e /q/c-
        ada create -s /q/
        ada create -s -c /q/d-
        ada create -s -t 9 /q/e-
        ada create -s /q/no/f-
        ada create -s /q/g-
        ada ls /q
    "), @"
    ada create /q
        2: /q
    ada create -s /q/a-
        3: /q/a-0000000000
    ada create /q/plain
        4: /q/plain
    ada create -s /q/b-
        5: /q/b-0000000002
    ada delete /q/b-0000000002
        6: done
    ada create -s -e /q/c-
        7: /q/c-0000000003
    ada create -s /q/
        8: /q/0000000004
    ada create -s -c /q/d-
        9: /q/d-0000000005
    ada create -s -t 9 /q/e-
        10: /q/e-0000000006
    ada create -s /q/no/f-
        11: no node
    ada create -s /q/g-
        12: /q/g-0000000007
    ada ls /q
        12: [0000000004, a-0000000000, c-0000000003, d-0000000005, e-0000000006, g-0000000007, plain], c2 m2 p12 at 0/0 versions 0/9/0 0 bytes 7 children
    ");
}

#[test]
fn versions_guard_each_its_own() {
    insta::assert_snapshot!(play("
        ada create /a
        ada create /a/b
        ada set /a x 1
        ada set /a x 0
        ada setacl /a world:anyone:rwcda 1
        ada setacl /a world:anyone:rwcda 0
        ada check /a 1
        ada check /a
        ada delete /a/b 1
        ada delete /a/b 0
        ada delete /a 1
    "), @"
    ada create /a
        2: /a
    ada create /a/b
        3: /a/b
    ada set /a x 1
        4: bad version
    ada set /a x 0
        5: c2 m5 p3 at 0/0 versions 1/1/0 1 bytes 1 children
    ada setacl /a world:anyone:rwcda 1
        6: bad version
    ada setacl /a world:anyone:rwcda 0
        7: c2 m5 p3 at 0/0 versions 1/1/1 1 bytes 1 children
    ada check /a 1
        8: done
    ada check /a
        9: done
    ada delete /a/b 1
        10: bad version
    ada delete /a/b 0
        11: done
    ada delete /a 1
        12: done
    ");
}

#[test]
fn a_parent_can_be_neither_deleted_nor_ephemeral() {
    insta::assert_snapshot!(play("
        ada create /a
        ada create /a/b
        ada delete /a
        ada create -e /e
        ada create /e/x
        ada count /
        ada count /a
        ada count /none
    "), @"
    ada create /a
        2: /a
    ada create /a/b
        3: /a/b
    ada delete /a
        4: not empty
    ada create -e /e
        5: /e
    ada create /e/x
        6: no children for ephemerals
    ada count /
        6: 6
    ada count /a
        6: 1
    ada count /none
        6: no node
    ");
}

#[test]
fn paths_that_no_node_can_have() {
    insta::assert_snapshot!(play("
        ada create a
        ada create /
        ada create /a/
        ada create //a
        ada create /zookeeper/../b
        ada set a x
        ada delete /
        ada delete /zookeeper
        ada delete /zookeeper/config
        ada get a
        ada exists /a//b
    "), @"
    ada create a
        2: bad arguments
    ada create /
        3: node exists
    ada create /a/
        4: no node
    ada create //a
        5: bad arguments
    ada create /zookeeper/../b
        6: no node
    ada set a x
        7: bad arguments
    ada delete /
        8: bad arguments
    ada delete /zookeeper
        9: bad arguments
    ada delete /zookeeper/config
        10: bad arguments
    ada get a
        10: no node
    ada exists /a//b
        10: no node
    ");
}
