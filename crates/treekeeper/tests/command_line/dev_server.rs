//! `dev-server`: who can use it, what it begins with, what it refuses.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use insta::assert_snapshot;
use memkeeper::database::{Connect, SessionId};
use memkeeper::wire::{Wants, client};

use crate::foreground::Foreground;
use crate::support::foreign::Foreign;
use crate::support::treekeeper::Treekeeper;

/// Writes tree files into a directory and returns it.
fn trees(treekeeper: &Treekeeper, files: &[(&str, &str)]) -> String {
    let directory = treekeeper.home().join("trees");
    std::fs::create_dir(&directory).expect("a new directory");
    for (name, text) in files {
        std::fs::write(directory.join(name), text).expect("a new file");
    }
    directory.display().to_string()
}

/// Starts a server and returns its address.
fn serve(treekeeper: &Treekeeper, arguments: &[&str]) -> (Foreground, String) {
    let all = [&["dev-server", "--listen", "127.0.0.1:0"], arguments].concat();
    let mut server = Foreground::start(treekeeper, &all);
    let line = server.line_with("serves");
    let address = line
        .strip_prefix("memkeeper serves at ")
        .and_then(|rest| rest.strip_suffix(" (development and tests only: everything is in memory)"));
    let address = address.unwrap_or_else(|| panic!("scripts wait for another line than {line:?}"));
    (server, address.to_owned())
}

/// Runs a server that must not start, and returns what it says.
fn refusal(treekeeper: &Treekeeper, arguments: &[&str], status: i32) -> String {
    let output = treekeeper
        .run(&[&["dev-server"], arguments].concat())
        .expect(status);
    assert_eq!(output.stdout, "");
    output
        .stderr
        .replace(&treekeeper.home().display().to_string(), "HOME")
}

#[test]
fn it_begins_with_the_imported_tree_and_every_client_can_use_it() {
    let offline = Treekeeper::offline();
    let directory = trees(
        &offline,
        &[
            ("a.zk", "/a\n  n = 1\n  /b\n"),
            ("over.zkx", "/a\n  n = 2\n/c\n  link -> /a\n"),
            ("readme.md", "no tree file"),
        ],
    );
    let (server, address) = serve(&offline, &["--import", &directory]);

    let ours = Treekeeper::without_repository(&address);
    assert_snapshot!(ours.stdout(&["tree"]), @r"
    /a
      n = 2
      /b
    /c
      link -> /a
    ");
    let foreign = Foreign::connect(&address);
    assert_eq!(foreign.children("/"), ["a", "c", "zookeeper"]);
    assert_eq!(foreign.text("/a"), r#"{"n":2}"#);
    ours.run(&["set", "/a", "n=3"]).expect(0);
    assert_eq!(foreign.text("/a"), r#"{"n":3}"#);

    server.signal("-TERM");
    assert_eq!(server.finish(), (0, "Imported 2 files, 3 znodes.\n".to_owned()));
}

#[test]
fn it_begins_empty_and_ends_on_ctrl_c() {
    let (server, address) = serve(&Treekeeper::offline(), &[]);
    assert_eq!(Foreign::connect(&address).children("/"), ["zookeeper"]);
    server.signal("-INT");
    assert_eq!(server.finish(), (0, String::new()));
}

#[test]
fn a_client_that_outlives_it_is_told_by_the_next_one_that_its_session_is_gone() {
    let offline = Treekeeper::offline();
    let (server, address) = serve(&offline, &[]);
    let foreign = Foreign::connect(&address);
    foreign.create("/a", b"");
    let connect = Connect {
        last_zxid_seen: foreign.set("/a", b"x").mzxid,
        timeout: 10_000,
        session: SessionId(foreign.session_id()),
        password: vec![0; 16],
        read_only: false,
    };
    server.signal("-TERM");
    server.finish();

    let mut next = Foreground::start(&offline, &["dev-server", "--listen", &address]);
    next.line_with("serves");
    let mut stream = TcpStream::connect(&address).expect("it accepts");
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    let mut greeting = Vec::new();
    client::encode_connect(&mut greeting, &connect, Wants::ReadOnlyByte);
    stream.write_all(&greeting).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers and hangs up");
    let answer = answer.get(4..).expect("it does not hang up without a word");
    let refused = client::decode_connected(answer).expect("a greeting");
    assert_eq!(refused.session, SessionId::NONE);
}

#[test]
fn other_machines_are_let_in_only_if_told() {
    let offline = Treekeeper::offline();
    assert_snapshot!(refusal(&offline, &["--listen", "0.0.0.0:0"], 64), @r"
    error: other machines can reach 0.0.0.0:0, and this server lets everybody read and write everything
    hint: listen at 127.0.0.1, or add --allow-remote in a network that you trust
    ");
    let mut server = Foreground::start(
        &offline,
        &["dev-server", "--listen", "0.0.0.0:0", "--allow-remote"],
    );
    server.line_with("memkeeper serves at 0.0.0.0:");
}

#[test]
fn an_address_that_is_none_or_taken_is_told() {
    let offline = Treekeeper::offline();
    assert_snapshot!(refusal(&offline, &["--listen", "nonsense"], 64), @r#"
    error: cannot listen at "nonsense": invalid socket address
    hint: give an address and a port, such as 127.0.0.1:2181 or [::1]:0
    "#);
    let (_server, address) = serve(&offline, &[]);
    let said = refusal(&offline, &["--listen", &address], 1);
    assert_snapshot!(said.replace(&address, "ADDRESS"), @r"
    error: cannot listen at ADDRESS: Address already in use (os error 98)
    hint: `--listen 127.0.0.1:0` takes a free port and prints it
    ");
}

#[test]
fn a_directory_that_cannot_be_imported_starts_no_server() {
    let offline = Treekeeper::offline();
    let import = |directory: &str| refusal(&offline, &["--listen", "127.0.0.1:0", "--import", directory], 1);
    assert_snapshot!(import("nowhere"), @"error[TK1209]: couldn't read nowhere: No such file or directory (os error 2)");
    assert_snapshot!(import(&offline.home().display().to_string()), @r"
    error: there are no tree files in HOME
    hint: only files called *.zk and *.zkx directly in it are read
    ");
    let wrong = trees(&offline, &[("a.zk", "/a\n  n = open()\n"), ("b.zk", "/a\n")]);
    assert_snapshot!(import(&wrong), @r"
    error[TK0203]: a call is not evaluated
     --> a.zk:2:7
      |
    2 |   n = open()
      |       ^^^^^^
      = help: only values and operators are evaluated, never calls

    error[TK0302]: the top-level node /a is defined by two .zk files
     --> b.zk:1:1
      |
    1 | /a
      | ^^ defined again here
     ::: a.zk:1:1
      |
    1 | /a
      | -- first defined here
      = help: join the two definitions, or rename this file to .zkx to lay it over the other

    error: the tree files have 2 errors; no server was started
    ");
}
