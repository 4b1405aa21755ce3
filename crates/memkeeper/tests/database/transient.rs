//! Nodes that go by themselves: containers and nodes with a TTL.

use memkeeper::database::DatabaseOptions;

use crate::script::{play, play_on};

#[test]
fn a_container_goes_after_its_last_child_and_not_before_its_first() {
    insta::assert_snapshot!(play("
        bob connect 60000
        bob create -c /c
        bob exists -w /c
        tick
        bob create /c/x
        bob create /c/y
        bob delete /c/x
        tick
        bob delete /c/y
        tick
        bob exists /c
    "), @"
    bob connect 60000
        granted 60000
    bob create -c /c
        2: /c
    bob exists -w /c
        2: c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    tick
    bob create /c/x
        3: /c/x
    bob create /c/y
        4: /c/y
    bob delete /c/x
        5: done
    tick
    bob delete /c/y
        6: done
    tick
        bob is told: /c Deleted
    bob exists /c
        7: no node
    ");
}

#[test]
fn a_ttl_counts_from_the_last_write_and_not_while_there_are_children() {
    insta::assert_snapshot!(play("
        at 0
        ada connect 60000
        ada create -t 100 /t
        at 90
        ada set /t x
        at 190
        tick
        ada create /t/child
        at 500
        tick
        ada delete /t/child
        ada exists -w /t
        tick
        ada exists /t
    "), @"
    at 0
    ada connect 60000
        granted 60000
    ada create -t 100 /t
        2: /t
    at 90
    ada set /t x
        3: c2 m3 p2 at 0/90 versions 1/0/0 1 bytes 0 children
    at 190
    tick
    ada create /t/child
        4: /t/child
    at 500
    tick
    ada delete /t/child
        5: done
    ada exists -w /t
        5: c2 m3 p5 at 0/90 versions 1/2/0 1 bytes 0 children
    tick
        ada is told: /t Deleted
    ada exists /t
        6: no node
    ");
}

#[test]
fn containers_within_containers_go_one_tick_after_the_other() {
    insta::assert_snapshot!(play("
        ada create -c /out
        ada create -c /out/in
        ada create /out/in/x
        ada delete /out/in/x
        tick
        ada count /out
        tick
        ada exists /out
    "), @"
    ada create -c /out
        2: /out
    ada create -c /out/in
        3: /out/in
    ada create /out/in/x
        4: /out/in/x
    ada delete /out/in/x
        5: done
    tick
    ada count /out
        6: 0
    tick
    ada exists /out
        7: no node
    ");
}

#[test]
fn a_ttl_has_bounds_and_may_be_unknown() {
    insta::assert_snapshot!(play("
        ada create -t 0 /t
        ada create -t -1 /t
        ada create -t 1099511627776 /t
        ada create -t 1099511627775 /t
        ada exists /t
    "), @"
    ada create -t 0 /t
        2: bad arguments
    ada create -t -1 /t
        3: bad arguments
    ada create -t 1099511627776 /t
        4: bad arguments
    ada create -t 1099511627775 /t
        5: /t
    ada exists /t
        5: c5 m5 p5 at 0/0 versions 0/0/0 0 bytes 0 children
    ");
    let plain = DatabaseOptions {
        extended_types: false,
        ..DatabaseOptions::default()
    };
    insta::assert_snapshot!(play_on(plain, "
        ada create -t 5 /t
        ada create -c /c
    "), @"
    ada create -t 5 /t
        2: unimplemented
    ada create -c /c
        3: /c
    ");
}
