//! Who may do what.

use crate::script::play;

#[test]
fn each_permission_is_for_something() {
    insta::assert_snapshot!(play("
        ada create /none x as world:anyone:a
        ada get /none
        ada ls /none
        ada exists /none
        ada set /none y
        ada create /none/x
        ada check /none
        ada count /none
        ada create /r x as world:anyone:r
        ada setacl /r world:anyone:rwcda
        ada get /r
        ada create /c x as world:anyone:c
        ada create /c/x
        ada delete /c/x
        ada create /d x as world:anyone:cd
        ada create /d/x
        ada delete /d/x
        ada delete /d
    "), @r#"
    ada create /none x as world:anyone:a
        2: /none
    ada get /none
        2: no auth
    ada ls /none
        2: no auth
    ada exists /none
        2: c2 m2 p2 at 0/0 versions 0/0/0 1 bytes 0 children
    ada set /none y
        3: no auth
    ada create /none/x
        4: no auth
    ada check /none
        5: no auth
    ada count /none
        5: no auth
    ada create /r x as world:anyone:r
        6: /r
    ada setacl /r world:anyone:rwcda
        7: no auth
    ada get /r
        7: "x", c6 m6 p6 at 0/0 versions 0/0/0 1 bytes 0 children
    ada create /c x as world:anyone:c
        8: /c
    ada create /c/x
        9: /c/x
    ada delete /c/x
        10: no auth
    ada create /d x as world:anyone:cd
        11: /d
    ada create /d/x
        12: /d/x
    ada delete /d/x
        13: done
    ada delete /d
        14: done
    "#);
}

#[test]
fn a_digest_is_proven_by_its_password() {
    insta::assert_snapshot!(play("
        ada auth digest ada:secret
        ada who
        ada create /own x as auth::rwcda
        ada acl /own
        bob get /own
        bob auth digest ada:guess
        bob get /own
        bob auth digest ada:secret
        bob get /own
        ada setacl /own world:anyone:r,auth::rwcda
        eve get /own
        eve acl /own
        eve set /own x
    "), @r#"
    ada auth digest ada:secret
        0: done
    ada who
        1: [ip:10.0.0.1, digest:ada]
    ada create /own x as auth::rwcda
        2: /own
    ada acl /own
        2: [digest:ada:VTFFY3p38X0IKhZgzUit6nGpbgY=:rwcda], c2 m2 p2 at 0/0 versions 0/0/0 1 bytes 0 children
    bob get /own
        3: no auth
    bob auth digest ada:guess
        0: done
    bob get /own
        3: no auth
    bob auth digest ada:secret
        0: done
    bob get /own
        3: "x", c2 m2 p2 at 0/0 versions 0/0/0 1 bytes 0 children
    ada setacl /own world:anyone:r,auth::rwcda
        4: c2 m2 p2 at 0/0 versions 0/0/1 1 bytes 0 children
    eve get /own
        5: "x", c2 m2 p2 at 0/0 versions 0/0/1 1 bytes 0 children
    eve acl /own
        5: [world:anyone:r, digest:ada:x:rwcda], c2 m2 p2 at 0/0 versions 0/0/1 1 bytes 0 children
    eve set /own x
        6: no auth
    "#);
}

#[test]
fn identities_go_with_the_connection() {
    insta::assert_snapshot!(play("
        ada auth digest ada:secret
        ada create /own x as auth::rwcda
        ada leave
        ada back
        ada get /own
        ada auth digest ada:secret
        ada auth digest ada:secret
        ada auth digest bob:other
        ada who
        ada create /both x as auth::r
        ada acl /both
    "), @"
    ada auth digest ada:secret
        0: done
    ada create /own x as auth::rwcda
        2: /own
    ada leave
    ada back
    ada get /own
        2: no auth
    ada auth digest ada:secret
        0: done
    ada auth digest ada:secret
        0: done
    ada auth digest bob:other
        0: done
    ada who
        2: [ip:10.0.0.1, digest:ada, digest:bob]
    ada create /both x as auth::r
        3: /both
    ada acl /both
        3: [digest:ada:x:r, digest:bob:x:r], c3 m3 p3 at 0/0 versions 0/0/0 1 bytes 0 children
    ");
}

#[test]
fn an_address_is_compared_by_its_first_bits() {
    insta::assert_snapshot!(play("
        ada create /here x as ip:10.0.0.1:r
        ada create /net x as ip:10.0.0.255/24:r
        ada create /all x as ip:1.2.3.4/0:r
        ada create /other x as ip:10.0.0.2:r
        ada create /odd x as ip:10.0.0.255/25:r
        ada get /here
        ada get /net
        ada get /all
        ada get /other
        ada get /odd
        ada create /bad x as ip:10.0.0:r
        ada create /bad x as ip:10.0.0.1/33:r
    "), @r#"
    ada create /here x as ip:10.0.0.1:r
        2: /here
    ada create /net x as ip:10.0.0.255/24:r
        3: /net
    ada create /all x as ip:1.2.3.4/0:r
        4: /all
    ada create /other x as ip:10.0.0.2:r
        5: /other
    ada create /odd x as ip:10.0.0.255/25:r
        6: /odd
    ada get /here
        6: "x", c2 m2 p2 at 0/0 versions 0/0/0 1 bytes 0 children
    ada get /net
        6: "x", c3 m3 p3 at 0/0 versions 0/0/0 1 bytes 0 children
    ada get /all
        6: "x", c4 m4 p4 at 0/0 versions 0/0/0 1 bytes 0 children
    ada get /other
        6: no auth
    ada get /odd
        6: no auth
    ada create /bad x as ip:10.0.0:r
        7: invalid ACL
    ada create /bad x as ip:10.0.0.1/33:r
        8: invalid ACL
    "#);
}

#[test]
fn acls_that_cannot_be() {
    insta::assert_snapshot!(play("
        ada create /bad x as nobody:x:r
        ada create /bad x as world:everyone:r
        ada create /bad x as digest:ada:r
        ada create /bad x as auth::r
        ada create /bad x as world:anyone:r,nobody:x:r
        ada create /good x as world:anyone:r,world:anyone:r
        ada acl /good
        ada setacl /good nobody:x:r
        ada auth nonsense x
    "), @"
    ada create /bad x as nobody:x:r
        2: invalid ACL
    ada create /bad x as world:everyone:r
        3: invalid ACL
    ada create /bad x as digest:ada:r
        4: invalid ACL
    ada create /bad x as auth::r
        5: invalid ACL
    ada create /bad x as world:anyone:r,nobody:x:r
        6: invalid ACL
    ada create /good x as world:anyone:r,world:anyone:r
        7: /good
    ada acl /good
        7: [world:anyone:r], c7 m7 p7 at 0/0 versions 0/0/0 1 bytes 0 children
    ada setacl /good nobody:x:r
        8: invalid ACL
    ada auth nonsense x
        0: auth failed
    ");
}
