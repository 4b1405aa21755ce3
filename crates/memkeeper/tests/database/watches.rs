//! Who is told of what, and when a watch is over.

use crate::script::play;

#[test]
fn a_watch_is_told_once() {
    insta::assert_snapshot!(play("
        ada create /a
        bob get -w /a
        bob ls -w /a
        bob exists -w /later
        bob exists -w /a
        ada set /a x
        ada set /a y
        ada create /a/b
        ada create /a/c
        ada create /later
        ada delete /later
    "), @r#"
    ada create /a
        2: /a
    bob get -w /a
        3: "", c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    bob ls -w /a
        3: [], c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    bob exists -w /later
        3: no node
    bob exists -w /a
        3: c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    ada set /a x
        4: c2 m4 p2 at 0/0 versions 1/0/0 1 bytes 0 children
        bob is told: /a DataChanged
    ada set /a y
        5: c2 m5 p2 at 0/0 versions 2/0/0 1 bytes 0 children
    ada create /a/b
        6: /a/b
        bob is told: /a ChildrenChanged
    ada create /a/c
        7: /a/c
    ada create /later
        8: /later
        bob is told: /later Created
    ada delete /later
        9: done
    "#);
}

#[test]
fn a_deletion_is_told_once_to_whoever_watches_data_and_children() {
    insta::assert_snapshot!(play("
        ada create /a
        bob get -w /a
        bob ls -w /a
        eve ls -w /
        ada delete /a
    "), @r#"
    ada create /a
        2: /a
    bob get -w /a
        3: "", c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    bob ls -w /a
        3: [], c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    eve ls -w /
        4: [a, zookeeper], c0 m0 p2 at 0/0 versions 0/0/0 0 bytes 2 children
    ada delete /a
        5: done
        bob is told: /a Deleted
        eve is told: / ChildrenChanged
    "#);
}

#[test]
fn a_read_that_fails_leaves_no_watch_but_exists_does() {
    insta::assert_snapshot!(play("
        bob get -w /a
        bob ls -w /a
        bob watched /a any
        bob exists -w /a
        bob watched /a data
        bob watched /a children
        ada create /a
    "), @"
    bob get -w /a
        1: no node
    bob ls -w /a
        1: no node
    bob watched /a any
        1: no watcher
    bob exists -w /a
        1: no node
    bob watched /a data
        1: done
    bob watched /a children
        1: no watcher
    ada create /a
        3: /a
        bob is told: /a Created
    ");
}

#[test]
fn persistent_watches_stay() {
    insta::assert_snapshot!(play("
        ada create /a
        bob watch /a
        ada set /a x
        ada set /a y
        ada create /a/b
        ada set /a/b x
        ada delete /a/b
        ada delete /a
        ada create /a
        bob unwatch /a any
        bob unwatch /a any
        ada set /a z
    "), @"
    ada create /a
        2: /a
    bob watch /a
        3: done
    ada set /a x
        4: c2 m4 p2 at 0/0 versions 1/0/0 1 bytes 0 children
        bob is told: /a DataChanged
    ada set /a y
        5: c2 m5 p2 at 0/0 versions 2/0/0 1 bytes 0 children
        bob is told: /a DataChanged
    ada create /a/b
        6: /a/b
        bob is told: /a ChildrenChanged
    ada set /a/b x
        7: c6 m7 p6 at 0/0 versions 1/0/0 1 bytes 0 children
    ada delete /a/b
        8: done
        bob is told: /a ChildrenChanged
    ada delete /a
        9: done
        bob is told: /a Deleted
    ada create /a
        10: /a
        bob is told: /a Created
    bob unwatch /a any
        10: done
    bob unwatch /a any
        10: no watcher
    ada set /a z
        11: c10 m11 p10 at 0/0 versions 1/0/0 1 bytes 0 children
    ");
}

#[test]
fn recursive_watches_see_nodes_below_and_no_lists_of_children() {
    insta::assert_snapshot!(play("
        ada create /a
        bob watch -r /a
        ada create /a/b
        ada create /a/b/c
        ada set /a/b/c x
        ada delete /a/b/c
        ada set /a x
        ada create /b
    "), @"
    ada create /a
        2: /a
    bob watch -r /a
        3: done
    ada create /a/b
        4: /a/b
        bob is told: /a/b Created
    ada create /a/b/c
        5: /a/b/c
        bob is told: /a/b/c Created
    ada set /a/b/c x
        6: c5 m6 p5 at 0/0 versions 1/0/0 1 bytes 0 children
        bob is told: /a/b/c DataChanged
    ada delete /a/b/c
        7: done
        bob is told: /a/b/c Deleted
    ada set /a x
        8: c2 m8 p4 at 0/0 versions 1/1/0 1 bytes 1 children
        bob is told: /a DataChanged
    ada create /b
        9: /b
    ");
}

#[test]
fn a_one_shot_watch_takes_the_place_of_a_persistent_one() {
    insta::assert_snapshot!(play("
        ada create /a
        bob watch /a
        bob get -w /a
        ada set /a x
        ada set /a y
        ada create /a/b
        ada create /a/c
    "), @r#"
    ada create /a
        2: /a
    bob watch /a
        3: done
    bob get -w /a
        3: "", c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    ada set /a x
        4: c2 m4 p2 at 0/0 versions 1/0/0 1 bytes 0 children
        bob is told: /a DataChanged
    ada set /a y
        5: c2 m5 p2 at 0/0 versions 2/0/0 1 bytes 0 children
    ada create /a/b
        6: /a/b
        bob is told: /a ChildrenChanged
    ada create /a/c
        7: /a/c
        bob is told: /a ChildrenChanged
    "#);
}

#[test]
fn watches_are_removed_by_kind() {
    insta::assert_snapshot!(play("
        ada create /a
        bob get -w /a
        bob ls -w /a
        bob unwatch /a children
        ada create /a/b
        bob watched /a children
        bob watched /a data
        bob unwatch /a children
        bob unwatch /a data
        ada set /a x
    "), @r#"
    ada create /a
        2: /a
    bob get -w /a
        3: "", c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    bob ls -w /a
        3: [], c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    bob unwatch /a children
        3: done
    ada create /a/b
        4: /a/b
    bob watched /a children
        4: no watcher
    bob watched /a data
        4: done
    bob unwatch /a children
        4: no watcher
    bob unwatch /a data
        4: done
    ada set /a x
        5: c2 m5 p4 at 0/0 versions 1/1/0 1 bytes 1 children
    "#);
}

#[test]
fn whoever_may_not_read_a_node_is_told_nothing() {
    insta::assert_snapshot!(play("
        ada auth digest ada:secret
        ada create /a x as auth::rwcda
        bob exists -w /a
        ada exists -w /a
        ada set /a y
        bob exists -w /b
        ada create /b x as auth::rwcda
    "), @"
    ada auth digest ada:secret
        0: done
    ada create /a x as auth::rwcda
        2: /a
    bob exists -w /a
        3: c2 m2 p2 at 0/0 versions 0/0/0 1 bytes 0 children
    ada exists -w /a
        3: c2 m2 p2 at 0/0 versions 0/0/0 1 bytes 0 children
    ada set /a y
        4: c2 m4 p2 at 0/0 versions 1/0/0 1 bytes 0 children
        ada is told: /a DataChanged
    bob exists -w /b
        4: no node
    ada create /b x as auth::rwcda
        5: /b
    ");
}

#[test]
fn watches_that_are_left_anew_tell_at_once_what_was_missed() {
    insta::assert_snapshot!(play("
        ada create /same
        ada create /set
        ada create /grown
        ada create /gone
        bob connect 10000
        bob leave
        ada set /set x
        ada create /grown/child
        ada delete /gone
        ada create /new
        bob back
        bob rewatch since 6 data /same data /set data /gone children /same children /grown children /gone exists /new exists /not persistent /p recursive /r
        ada set /same x
        ada create /same/child
        ada create /not
        ada create /p
        ada create /r
        ada create /r/x
        ada set /set y
    "), @"
    ada create /same
        2: /same
    ada create /set
        3: /set
    ada create /grown
        4: /grown
    ada create /gone
        5: /gone
    bob connect 10000
    bob leave
    ada set /set x
        7: c3 m7 p3 at 0/0 versions 1/0/0 1 bytes 0 children
    ada create /grown/child
        8: /grown/child
    ada delete /gone
        9: done
    ada create /new
        10: /new
    bob back
    bob rewatch since 6 data /same data /set data /gone children /same children /grown children /gone exists /new exists /not persistent /p recursive /r
        10: done
        bob is told: /set DataChanged
        bob is told: /gone Deleted
        bob is told: /new Created
        bob is told: /grown ChildrenChanged
        bob is told: /gone Deleted
    ada set /same x
        11: c2 m11 p2 at 0/0 versions 1/0/0 1 bytes 0 children
        bob is told: /same DataChanged
    ada create /same/child
        12: /same/child
        bob is told: /same ChildrenChanged
    ada create /not
        13: /not
        bob is told: /not Created
    ada create /p
        14: /p
        bob is told: /p Created
    ada create /r
        15: /r
        bob is told: /r Created
    ada create /r/x
        16: /r/x
        bob is told: /r/x Created
    ada set /set y
        17: c3 m17 p3 at 0/0 versions 2/0/0 1 bytes 0 children
    ");
}

#[test]
fn watches_go_with_the_connection() {
    insta::assert_snapshot!(play("
        ada create /a
        bob get -w /a
        bob watch -r /a
        bob leave
        bob back
        ada set /a x
        bob watched /a any
    "), @r#"
    ada create /a
        2: /a
    bob get -w /a
        3: "", c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children
    bob watch -r /a
        3: done
    bob leave
    bob back
    ada set /a x
        4: c2 m4 p2 at 0/0 versions 1/0/0 1 bytes 0 children
    bob watched /a any
        4: no watcher
    "#);
}
