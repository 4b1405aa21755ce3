//! `man`: a page for every command, made of the texts of the help.

// A broken case must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]

use std::fs;

use crate::support::treekeeper::Treekeeper;

/// Returns the names of the commands, as the help lists them.
fn commands(treekeeper: &Treekeeper) -> Vec<String> {
    let help = treekeeper.stdout(&["-h"]);
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    // What goes on below the name of a command is indented more.
    lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_manual_page_for_each_command() {
    let treekeeper = Treekeeper::offline();
    let said = treekeeper.run(&["man", "pages/man1"]).expect(0);
    let pages = treekeeper.home().join("pages/man1");
    let count = fs::read_dir(&pages).unwrap().count();
    assert_eq!(said.stderr, format!("Wrote {count} pages into pages/man1.\n"));
    let commands = commands(&treekeeper);
    assert!(commands.len() > 15 && commands.len() < count, "{commands:?}");
    for command in commands.iter().filter(|command| *command != "help") {
        let page = fs::read_to_string(pages.join(format!("treekeeper-{command}.1"))).unwrap();
        assert!(page.contains(&format!(".TH treekeeper-{command} 1")), "{page}");
    }
    let sync = fs::read_to_string(pages.join("treekeeper-sync.1")).unwrap();
    assert!(
        sync.contains("allow\\-delete") && sync.contains("\\-zookeeper"),
        "{sync}"
    );
    assert!(pages.join("treekeeper-lock-show.1").exists());
}

#[test]
fn without_a_directory_the_page_of_the_program_is_printed() {
    let treekeeper = Treekeeper::offline();
    let page = treekeeper.stdout(&["man"]);
    assert!(page.contains("treekeeper\\-lock(1)"), "{page}");
    treekeeper.run(&["man", "."]).expect(0);
    let written = fs::read_to_string(treekeeper.home().join("treekeeper.1")).unwrap();
    assert_eq!(page, written);
}

#[test]
fn a_directory_that_cannot_be_made_is_told() {
    let treekeeper = Treekeeper::offline();
    treekeeper.file("occupied", "");
    let said = treekeeper.run(&["man", "occupied"]).expect(1).stderr;
    insta::assert_snapshot!(said, @"error: cannot write occupied: File exists (os error 17)");
}
