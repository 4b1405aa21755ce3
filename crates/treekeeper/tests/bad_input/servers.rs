//! Servers that misbehave: each lie, what a command ends with, and that one honest sync afterwards repairs everything.
//!
//! Every command must end by itself, within the deadlines that it is given.

use std::fs;

use memkeeper::{Server, ServerOptions};

use crate::liar::{self, BODY, ERROR, Lie, When, XID, ZXID};
use crate::support::repository::Repository;
use crate::support::treekeeper::Treekeeper;

/// A lie, and the exit codes that `status` and `sync` may end with.
type Case = (&'static str, When, Lie, &'static [i32], &'static [i32]);

const CASES: &[Case] = &include!("../data/bad/servers.in");

/// Deadlines that are short, so that the cases are.
const LIMITS: &str =
    "[limits]\nconnect_timeout = \"2s\"\nrequest_timeout = \"2s\"\nsession_timeout = \"2s\"\n";

#[test]
fn servers_that_misbehave_end_no_command_in_a_panic_or_a_hang() {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let wrong = std::sync::Mutex::new(Vec::new());
    // Most of a case is waiting for a deadline.
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(case) = CASES.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let found = wrong_of(case);
                    wrong.lock().expect("no case panics").extend(found);
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("no case panics");
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        CASES.len(),
        wrong.join("\n")
    );
    println!("bad servers: {}", CASES.len());
}

/// Returns what was not as the case says.
fn wrong_of((name, when, lie, status, sync): &Case) -> Vec<String> {
    let mut wrong = Vec::new();
    let server = Server::start(ServerOptions::default()).expect("a free loopback port");
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a\n  n = 1\n  /b\n")]);
    let honest = Treekeeper::new(&server.connect_string(), repository.path());
    honest.run(&["sync"]).expect(0);
    repository.commit(&[("a.zk", "/a\n  n = 2\n  /c\n")]);

    for (command, expected) in [("status", status), ("sync", sync)] {
        let port = liar::start(server.address(), *when, *lie);
        let lied_to = Treekeeper::new(&format!("127.0.0.1:{port}"), repository.path());
        let directory = lied_to.home().join(".config/treekeeper");
        fs::create_dir_all(&directory).expect("the home directory can be written to");
        fs::write(directory.join("treekeeper.toml"), LIMITS).expect("the home directory can be written to");
        let output = lied_to.run(&[command]);
        let first = output
            .stderr
            .lines()
            .find(|line| line.starts_with("error"))
            .unwrap_or_default();
        let is_told = output.status == 0 || !first.is_empty() || !output.log().is_empty();
        let is_panic = output.stderr.contains("panicked");
        if !expected.contains(&output.status) || is_panic || !is_told {
            wrong.push(format!(
                "{name}: {command}: exit code {}, {first}\n{}",
                output.status, output.stderr
            ));
        }
    }
    let repaired = honest.run(&["sync", "--lock-wait", "30"]);
    if repaired.status != 0 {
        wrong.push(format!("{name}: not repaired: {}", repaired.stderr));
    }
    let tree = server.with_database(|database| {
        (
            database.children("/a"),
            database.node("/a").map(|node| node.data.to_vec()),
        )
    });
    if tree != (vec!["c".to_owned()], Some(b"{\"n\":2}".to_vec())) {
        wrong.push(format!("{name}: not the tree of the commit: {tree:?}"));
    }
    wrong
}
