//! How sessions begin, come back and end, and what goes with them.

use std::net::{IpAddr, Ipv4Addr};

use memkeeper::database::{Connect, Connected, Database, DatabaseOptions, SessionId};

use crate::script::play;

#[test]
fn a_timeout_is_granted_within_bounds() {
    insta::assert_snapshot!(play("
        ada connect 1
        bob connect 5000
        eve connect 999999
    "), @"
    ada connect 1
        granted 400
    bob connect 5000
        granted 5000
    eve connect 999999
        granted 60000
    ");
}

#[test]
fn ephemeral_nodes_end_with_their_session_in_one_transaction() {
    insta::assert_snapshot!(play("
        ada create /a
        ada create -e /a/e
        ada create -s -e /a/s-
        ada exists /a/e
        ada mine /
        ada mine /a/s
        ada mine /b
        bob mine /
        bob ls -w /a
        bob get -w /a/e
        ada close
        ada ping
        bob ls /a
    "), @r#"
    ada create /a
        2: /a
    ada create -e /a/e
        3: /a/e
    ada create -s -e /a/s-
        4: /a/s-0000000001
    ada exists /a/e
        4: c3 m3 p3 at 0/0 versions 0/0/0 0 bytes 0 children owner 1
    ada mine /
        4: [/a/e, /a/s-0000000001]
    ada mine /a/s
        4: [/a/s-0000000001]
    ada mine /b
        4: []
    bob mine /
        5: []
    bob ls -w /a
        5: [e, s-0000000001], c2 m2 p4 at 0/0 versions 0/2/0 0 bytes 2 children
    bob get -w /a/e
        5: "", c3 m3 p3 at 0/0 versions 0/0/0 0 bytes 0 children owner 1
    ada close
        6: done
        bob is told: /a/e Deleted
        bob is told: /a ChildrenChanged
    ada ping
        6: session expired
    bob ls /a
        6: [], c2 m2 p6 at 0/0 versions 0/4/0 0 bytes 0 children
    "#);
}

#[test]
fn a_session_that_says_nothing_expires() {
    insta::assert_snapshot!(play("
        at 0
        ada connect 4000
        ada create -e /ada
        bob connect 8000
        bob create -e /bob
        at 3000
        ada ping
        at 6999
        tick
        at 7000
        tick
        bob ls /
        at 14999
        tick
        at 15000
        tick
        bob back
    "), @"
    at 0
    ada connect 4000
        granted 4000
    ada create -e /ada
        2: /ada
    bob connect 8000
        granted 8000
    bob create -e /bob
        4: /bob
    at 3000
    ada ping
        4: done
    at 6999
    tick
    at 7000
    tick
        ada's session ends
    bob ls /
        5: [bob, zookeeper], c0 m0 p5 at 0/0 versions 0/2/0 0 bytes 2 children
    at 14999
    tick
    at 15000
    tick
        bob's session ends
    bob back
        Expired
    ");
}

#[test]
fn a_session_comes_back_with_its_password_alone() {
    insta::assert_snapshot!(play("
        ada create -e /a
        ada leave
        ada forge
        ada back
        ada exists /a
        ada back
        ada mine /
    "), @"
    ada create -e /a
        2: /a
    ada leave
    ada forge
        Expired
    ada back
    ada exists /a
        2: c2 m2 p2 at 0/0 versions 0/0/0 0 bytes 0 children owner 1
    ada back
    ada mine /
        2: [/a]
    ");
}

#[test]
fn an_ephemeral_node_that_somebody_deletes_is_no_longer_its_owners() {
    insta::assert_snapshot!(play("
        ada create -e /a
        bob delete /a
        bob create /a
        ada mine /
        ada close
        bob exists /a
    "), @"
    ada create -e /a
        2: /a
    bob delete /a
        4: done
    bob create /a
        5: /a
    ada mine /
        5: []
    ada close
        6: done
    bob exists /a
        6: c5 m5 p5 at 0/0 versions 0/0/0 0 bytes 0 children
    ");
}

/// Opens a session, or comes back to one that another database has given.
fn come(database: &mut Database, session: SessionId, password: &[u8], last_zxid_seen: i64) -> Connected {
    let connect = Connect {
        last_zxid_seen,
        timeout: 10_000,
        session,
        password: password.to_vec(),
        read_only: false,
    };
    database.connect(&connect, IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}

#[test]
fn who_comes_from_a_forgotten_server_is_told_that_the_session_is_gone() {
    let mut first = Database::new(DatabaseOptions::begun_at(1_700_000_000_000));
    let Connected::Open {
        session, password, ..
    } = come(&mut first, SessionId::NONE, &[0; 16], 0)
    else {
        panic!("a new session opens");
    };
    let mut next = Database::new(DatabaseOptions::begun_at(1_700_000_000_001));
    let others = come(&mut next, SessionId::NONE, &[0; 16], 0);
    assert!(matches!(others, Connected::Open { session: theirs, .. } if theirs != session));
    assert_eq!(
        come(&mut next, session, &password, first.last_zxid()),
        Connected::Expired
    );

    // A server that counts from 0 turns it away without a word, as a real one does that is behind.
    let mut behind = Database::new(DatabaseOptions::default());
    assert_eq!(
        come(&mut behind, session, &password, first.last_zxid()),
        Connected::Ahead
    );
}
