//! What of a commit is read, and what refuses it.
//!
//! Nothing about transports and the mirror on disk.

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use support::mirror::{fetched, options, read, read_with, told, without_place};
use support::repository::Repository;
use treekeeper::git::{GitError, ReadLimits, read_directory, read_files};

#[test]
fn a_directory_of_the_repository_is_read_and_nothing_below_it() {
    let repository = Repository::new();
    repository.commit(&[
        ("top.zk", "/t"),
        ("a/b/c.zk", "/c"),
        ("a/b/d/e.zk", "/e"),
        ("f", "x"),
    ]);
    let in_directory = |path: &str| {
        let mut options = options(&repository);
        options.path = path.to_owned();
        read(options).replace(&repository.git(&["rev-parse", "HEAD"]), "ID")
    };
    assert_eq!(in_directory("a/b"), "c.zk=/c");
    assert_eq!(in_directory("./a//b/"), "c.zk=/c");
    assert_eq!(in_directory("a"), "");
    insta::assert_snapshot!(in_directory("a/x"), @r"
    directory a/x is not in commit ID
    hint: set the directory that holds the tree files with --path
    ");
    insta::assert_snapshot!(in_directory("f"), @r"
    f is a file in commit ID, not a directory
    hint: set the directory that holds the tree files with --path
    ");
    insta::assert_snapshot!(in_directory("../a"), @"the directory in the repository \"../a\" is not a relative path without `..`");
}

#[test]
fn whatever_is_named_like_a_tree_file_and_is_none_refuses_the_commit() {
    let repository = Repository::new();
    let commit = repository.commit(&[("a.zk", "/a"), ("secret", "not to be shown")]);
    let file = repository.git(&["rev-parse", "HEAD:a.zk"]);
    let tree = repository.git(&["rev-parse", "HEAD^{tree}"]);
    let refused = |entry: &[u8]| {
        repository.commit_entries(&[format!("100644 blob {file}\ta.zk\0").as_bytes(), entry].concat());
        read(options(&repository))
    };
    insta::assert_snapshot!(refused(format!("120000 blob {file}\tx.zk\0").as_bytes()), @r"
    x.zk is a symbolic link, not a regular file
    hint: commit the text itself in place of the link x.zk
    ");
    insta::assert_snapshot!(refused(format!("160000 commit {commit}\tx.zkx\0").as_bytes()), @r"
    x.zkx is a submodule, not a regular file
    hint: rename x.zkx so that it doesn't end in .zk or .zkx
    ");
    insta::assert_snapshot!(refused(format!("040000 tree {tree}\tx.zk\0").as_bytes()), @r"
    x.zk is a directory, not a regular file
    hint: rename x.zk so that it doesn't end in .zk or .zkx
    ");
    insta::assert_snapshot!(refused([format!("100644 blob {file}\t").as_bytes(), b"\xff\x1b.zk\0"].concat().as_slice()), @r"
    the file name \xff\u{1b}.zk is not UTF-8
    hint: rename the file with git mv
    ");
    insta::assert_snapshot!(refused(format!("120000 blob {file}\t\x1b[2J\u{202e}.zk\0").as_bytes()), @r"
    \u{1b}[2J\u{202e}.zk is a symbolic link, not a regular file
    hint: commit the text itself in place of the link \u{1b}[2J\u{202e}.zk
    ");
    // The same things with other names are nobody's business here.
    let other = [
        format!("120000 blob {file}\tlink\0").into_bytes(),
        format!("160000 commit {commit}\tmodule\0").into_bytes(),
        format!("100644 blob {file}\t").into_bytes(),
        b"\xff.txt\0".to_vec(),
        format!("100755 blob {file}\tz y\n.zk\0").into_bytes(),
    ];
    assert_eq!(refused(&other.concat()), "a.zk=/a z y\n.zk=/a");
}

#[test]
fn duplicate_entries_are_refused_by_git_s_own_check() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let file = repository.git(&["rev-parse", "HEAD:a.zk"]);
    repository.commit_entries(format!("100644 blob {file}\ta.zk\0100644 blob {file}\ta.zk\0").as_bytes());
    let message = read(options(&repository));
    assert!(message.contains("duplicateEntries"), "{message}");
}

#[test]
fn sizes_are_checked_before_anything_is_read() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "12345"), ("b.zk", "1234"), ("big.txt", "12345678")]);
    let limited = |file_bytes_max, total_bytes_max, files_max| {
        read_with(
            options(&repository),
            &ReadLimits {
                file_bytes_max,
                total_bytes_max,
                files_max,
            },
        )
    };
    assert_eq!(limited(5, 9, 2), "a.zk=12345 b.zk=1234");
    insta::assert_snapshot!(limited(4, 9, 2), @r"
    a.zk has 5 bytes, 4 are allowed
    hint: split the file, or raise file_bytes_max in [limits]
    ");
    insta::assert_snapshot!(limited(5, 8, 2), @r"
    the tree files have 9 bytes together, 8 are allowed
    hint: raise repository_bytes_max in [limits]
    ");
    insta::assert_snapshot!(limited(5, 9, 1), @"there are 2 tree files, 1 are allowed");
}

#[test]
fn big_files_and_many_files_come_whole() {
    let repository = Repository::new();
    let big = "/x\n".repeat(200_000);
    let names: Vec<String> = (0..500).map(|index| format!("f{index:03}.zk")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    files.push(("big.zk", &big));
    repository.commit(&files);
    let mut mirror = fetched(&repository);
    let tip = mirror.resolve(None).unwrap();
    let read = mirror.read(&tip, &ReadLimits::default()).unwrap();
    assert_eq!(read.len(), 501);
    assert_eq!(read[0].bytes, big.as_bytes());
    assert!(read[1..].iter().all(|file| file.name.as_bytes() == file.bytes));
}

#[test]
fn files_of_a_directory_follow_the_same_rules() {
    let repository = Repository::new();
    let directory = repository.place("files");
    fs::create_dir_all(directory.join("sub")).unwrap();
    for (name, text) in [
        ("b.zk", "/b"),
        ("a.zkx", "/x"),
        ("a.zk", "/a"),
        ("c.txt", "/c"),
        ("sub/d.zk", "/d"),
    ] {
        fs::write(directory.join(name), text).unwrap();
    }
    let limits = ReadLimits::default();
    let names = |files: Vec<treekeeper_core::treefile::SourceFile>| {
        files
            .into_iter()
            .map(|file| file.name)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        names(read_directory(&directory, &limits).unwrap()),
        "a.zk b.zk a.zkx"
    );
    let named = [directory.join("c.txt"), directory.join("a.zk")];
    assert_eq!(names(read_files(&named, &limits).unwrap()), "c.txt a.zk");
    let small = ReadLimits {
        file_bytes_max: 1,
        ..ReadLimits::default()
    };
    assert!(matches!(
        read_directory(&directory, &small),
        Err(GitError::FileTooLarge { bytes: 2, .. })
    ));
    symlink(directory.join("a.zk"), directory.join("l.zk")).unwrap();
    insta::assert_snapshot!(without_place(&repository, &told(&read_directory(&directory, &limits).unwrap_err())), @r"
    PLACE/files/l.zk is a symbolic link, not a regular file
    hint: commit the text itself in place of the link PLACE/files/l.zk
    ");
    let error = read_directory(&repository.place("none"), &limits).unwrap_err();
    insta::assert_snapshot!(without_place(&repository, &error.to_string()), @"couldn't read PLACE/none");
    assert!(std::error::Error::source(&error).is_some());
}
