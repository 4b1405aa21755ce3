//! The git adapter on real repositories: what is fetched, resolved, read, refused and repaired.
//!
//! No network: ssh is a script, and everything else is a local path.

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use support::repository::{Repository, text_of};
use treekeeper::git::{
    Environment, GitError, GitOptions, Limit, Mirror, ReadLimits, Relation, escape, read_directory,
    read_files,
};
use treekeeper_core::model::Revision;

/// Returns options for `url` with a mirror, a HOME and a PATH of the test's own, and no pause.
fn options_for(repository: &Repository, url: &str, variables: &[(&str, &str)]) -> GitOptions {
    let mut options = GitOptions::new(url, repository.place("state/mirror")).unwrap();
    let fixed = [
        ("HOME", repository.home().to_str().unwrap().to_owned()),
        ("PATH", std::env::var("PATH").unwrap()),
    ];
    let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
    options.environment = Environment::from_iter(fixed.into_iter().chain(variables));
    options.retry_pause = Duration::ZERO;
    options
}

fn options(repository: &Repository) -> GitOptions {
    options_for(repository, &repository.url(), &[])
}

/// Returns the mirror of a repository, fetched.
fn fetched(repository: &Repository) -> Mirror {
    let mut mirror = Mirror::open(options(repository)).unwrap();
    mirror.fetch().unwrap();
    mirror
}

/// Fetches, resolves and reads, and returns `NAME=TEXT` of each file or the message and its hint.
fn read(options: GitOptions) -> String {
    read_with(options, &ReadLimits::default())
}

fn read_with(options: GitOptions, limits: &ReadLimits) -> String {
    let files = Mirror::open(options).and_then(|mut mirror| {
        mirror.fetch()?;
        let revision = mirror.resolve(None)?;
        mirror.read(&revision, limits)
    });
    match files {
        Ok(files) => {
            let texts = files
                .iter()
                .map(|file| format!("{}={}", file.name, String::from_utf8_lossy(&file.bytes)));
            texts.collect::<Vec<_>>().join(" ")
        }
        Err(error) => told(&error),
    }
}

/// Returns an error's message and hint.
fn told(error: &GitError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}

/// Returns the message with the temporary directory's name taken out.
fn without_place(repository: &Repository, message: &str) -> String {
    message.replace(repository.place("").to_str().unwrap(), "PLACE/")
}

fn revision(id: &str) -> Revision {
    Revision::parse(id).unwrap()
}

/// Writes a script that stands in for ssh: it ignores the host, logs the call and runs the command here.
fn fake_ssh(repository: &Repository, name: &str) -> String {
    let log = repository.place("ssh.log");
    let text = format!(
        "test \"$1\" = -G && exit 1\necho \"$*\" >> '{}'\nfor command; do :; done\nexec sh -c \"$command\"",
        log.display()
    );
    repository.script(name, &text).to_str().unwrap().to_owned()
}

#[test]
fn first_and_second_fetch_and_a_new_commit() {
    let repository = Repository::new();
    let first = repository.commit(&[
        ("b.zk", "/b"),
        ("a.zkx", "/x"),
        ("a.zk", "/a"),
        ("baz.txt", "no"),
        (".zk", "/z"),
    ]);
    let mut mirror = fetched(&repository);
    assert_eq!(mirror.resolve(None).unwrap(), revision(&first));
    mirror.fetch().unwrap();
    assert_eq!(mirror.resolve(None).unwrap(), revision(&first));
    assert_eq!(read(options(&repository)), ".zk=/z a.zk=/a b.zk=/b a.zkx=/x");

    let second = repository.commit(&[
        ("a.zk", "/a2"),
        ("empty.zk", ""),
        ("sub/c.zk", "/c"),
        ("A.ZK", "no"),
    ]);
    mirror.fetch().unwrap();
    assert_eq!(mirror.resolve(None).unwrap(), revision(&second));
    assert_eq!(read(options(&repository)), "a.zk=/a2 empty.zk=");
    let files = mirror.read(&revision(&first), &ReadLimits::default()).unwrap();
    assert_eq!(files.len(), 4, "an older commit can still be read");
}

#[test]
fn a_mirror_needs_a_fetch_before_it_resolves_names() {
    let repository = Repository::new();
    let commit = repository.commit(&[("a.zk", "/a")]);
    fetched(&repository);
    let mut mirror = Mirror::open(options(&repository)).unwrap();
    assert_eq!(
        told(&mirror.resolve(None).unwrap_err()),
        "couldn't resolve HEAD: nothing was fetched yet"
    );
    assert_eq!(
        told(&mirror.resolve(Some("main")).unwrap_err()),
        "couldn't resolve main: nothing was fetched yet"
    );
    assert_eq!(mirror.resolve(Some(&commit)).unwrap(), revision(&commit));
}

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
fn a_deleted_branch_and_an_unknown_one_are_told_with_what_there_is() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    repository.git(&["branch", "live"]);
    let mut options = options(&repository);
    options.branch = Some("live".to_owned());
    assert_eq!(read(options.clone()), "a.zk=/a");
    repository.git(&["branch", "-D", "live"]);
    insta::assert_snapshot!(read(options), @r"
    branch live is not in the repository; there are: main
    hint: name a branch: --branch main
    ");
}

#[test]
fn empty_detached_and_unborn_are_told_apart() {
    let repository = Repository::new();
    insta::assert_snapshot!(without_place(&repository, &read(options(&repository))), @r"
    the repository PLACE/repository is empty: it has no branches
    hint: push a branch with tree files: git push origin main
    ");
    repository.commit(&[("a.zk", "/a")]);
    assert_eq!(read(options(&repository)), "a.zk=/a");
    repository.git(&["checkout", "--quiet", "--detach"]);
    insta::assert_snapshot!(without_place(&repository, &read(options(&repository))), @r"
    the remote HEAD of PLACE/repository is detached, it names no branch; there are: main
    hint: name a branch: --branch main
    ");
    repository.git(&["symbolic-ref", "HEAD", "refs/heads/none"]);
    insta::assert_snapshot!(without_place(&repository, &read(options(&repository))), @r"
    the remote HEAD of PLACE/repository names a branch that doesn't exist; there are: main
    hint: name a branch: --branch main
    ");
    let mut named = options(&repository);
    named.branch = Some("main".to_owned());
    assert_eq!(read(named), "a.zk=/a");
}

#[test]
fn revisions_are_branches_tags_or_commits_and_nothing_else() {
    let repository = Repository::new();
    let first = repository.commit(&[("a.zk", "/a")]);
    repository.git(&["tag", "-a", "-m", "x", "v1"]);
    repository.git(&["branch", "v2"]);
    let second = repository.commit(&[("a.zk", "/b")]);
    repository.git(&["tag", "v2"]);
    let mut mirror = fetched(&repository);
    let mut resolve = |name: &str| match mirror.resolve(Some(name)) {
        Ok(revision) if revision.as_str() == first => "first".to_owned(),
        Ok(revision) if revision.as_str() == second => "second".to_owned(),
        Ok(revision) => revision.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(resolve("v1"), "first");
    assert_eq!(resolve("main"), "second");
    assert_eq!(resolve(&first), "first");
    assert_eq!(resolve(&first[..9]), "first");
    assert_eq!(resolve("refs/tags/v2"), "second");
    assert_eq!(
        resolve("v2"),
        "v2 is ambiguous: a branch and a tag have this name"
    );
    assert_eq!(
        resolve("none"),
        "none is not a branch, tag or commit of the repository"
    );
    let absent = "0".repeat(40);
    assert_eq!(
        resolve(&absent),
        format!("{absent} is not a branch, tag or commit of the repository")
    );
    for name in [
        "-x",
        "--upload-pack=touch x",
        "main~1",
        "main:a.zk",
        "HEAD^{tree}",
        "@{-1}",
        "",
    ] {
        assert_eq!(
            resolve(name),
            format!("{name:?} is not a branch, tag or commit id")
        );
    }
    assert_eq!(
        resolve("HEAD"),
        "HEAD is not a branch, tag or commit of the repository"
    );
}

#[test]
fn moved_and_deleted_tags_follow_the_remote() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    repository.git(&["tag", "moves"]);
    repository.git(&["tag", "goes"]);
    let mut mirror = fetched(&repository);
    let second = repository.commit(&[("a.zk", "/b")]);
    repository.git(&["tag", "-f", "moves"]);
    repository.git(&["tag", "-d", "goes"]);
    mirror.fetch().unwrap();
    assert_eq!(mirror.resolve(Some("moves")).unwrap(), revision(&second));
    assert!(matches!(
        mirror.resolve(Some("goes")),
        Err(GitError::RevisionMissing { .. })
    ));
}

#[test]
fn history_is_same_forward_backward_diverged_or_unknown() {
    let repository = Repository::new();
    let root = repository.commit(&[("a.zk", "/a")]);
    let old = repository.commit(&[("a.zk", "/b")]);
    let mut mirror = fetched(&repository);
    repository.git(&["reset", "--quiet", "--hard", &root]);
    let forced = repository.commit(&[("a.zk", "/c")]);
    mirror.fetch().unwrap();
    assert_eq!(
        mirror.resolve(None).unwrap(),
        revision(&forced),
        "the fetch is forced"
    );
    let mut relation = |from: &str, to: &str| mirror.relation(&revision(from), &revision(to)).unwrap();
    assert_eq!(relation(&old, &old), Relation::Same);
    assert_eq!(relation(&root, &forced), Relation::Forward);
    assert_eq!(relation(&old, &root), Relation::Backward);
    assert_eq!(relation(&old, &forced), Relation::Diverged);
    assert_eq!(relation(&"0".repeat(40), &forced), Relation::Unknown);
    assert_eq!(mirror.root_commit(&revision(&forced)).unwrap(), revision(&root));
}

#[test]
fn the_smallest_root_is_the_identity_of_joined_histories() {
    let repository = Repository::new();
    let one = repository.commit(&[("a.zk", "/a")]);
    repository.git(&["checkout", "--quiet", "--orphan", "other"]);
    let other = repository.commit(&[("b.zk", "/b")]);
    repository.git(&["checkout", "--quiet", "main"]);
    repository.git(&[
        "merge",
        "--quiet",
        "--allow-unrelated-histories",
        "-m",
        "join",
        "other",
    ]);
    let mut mirror = fetched(&repository);
    let tip = mirror.resolve(None).unwrap();
    assert_eq!(
        mirror.root_commit(&tip).unwrap(),
        revision(&one).min(revision(&other))
    );
}

#[test]
fn a_commit_says_who_when_and_what_and_is_escaped_to_be_printed() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let commit = repository.commit_index("subject \x1b[31mred\n\nbody");
    let info = fetched(&repository).commit_info(&revision(&commit)).unwrap();
    assert_eq!(
        (info.author.as_str(), info.date.as_str()),
        ("Ada <ada@example.com>", "2026-01-02T03:04:05+01:00")
    );
    assert_eq!(info.subject, "subject \x1b[31mred");
    assert_eq!(escape(&info.subject), "subject \\u{1b}[31mred");
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
fn ids_of_sha256_work_too() {
    let repository = Repository::with_format("sha256");
    let commit = repository.commit(&[("a.zk", "/a")]);
    assert_eq!(commit.len(), 64);
    assert_eq!(read(options(&repository)), "a.zk=/a");
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
fn ssh_is_what_the_environment_says() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let ssh = fake_ssh(&repository, "fake");
    let path = repository.url();
    for url in [
        format!("git+ssh://git@example.invalid{path}"),
        format!("git@example.invalid:{path}"),
    ] {
        assert_eq!(
            read(options_for(&repository, &url, &[("GIT_SSH_COMMAND", &ssh)])),
            "a.zk=/a"
        );
    }
    assert!(text_of(&repository.place("ssh.log")).contains("git@example.invalid git-upload-pack"));
}

#[test]
fn ssh_is_what_the_user_s_configuration_says() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let ssh = fake_ssh(&repository, "configured");
    fs::write(
        repository.home().join(".gitconfig"),
        format!("[core]\n\tsshCommand = {ssh} --mine\n"),
    )
    .unwrap();
    let url = format!("ssh://example.invalid{}", repository.url());
    assert_eq!(read(options_for(&repository, &url, &[])), "a.zk=/a");
    assert!(text_of(&repository.place("ssh.log")).starts_with("--mine "));
}

#[test]
fn plain_ssh_never_asks_at_the_terminal() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let ssh = fake_ssh(&repository, "ssh");
    let directory = Path::new(&ssh).parent().unwrap().to_str().unwrap();
    let path = format!("{directory}:{}", std::env::var("PATH").unwrap());
    let url = format!("ssh://example.invalid{}", repository.url());
    assert_eq!(
        read(options_for(&repository, &url, &[("PATH", &path)])),
        "a.zk=/a"
    );
    assert!(text_of(&repository.place("ssh.log")).starts_with("-o BatchMode=yes "));
}

#[test]
fn a_failing_fetch_is_tried_four_times_and_the_old_mirror_stays() {
    let repository = Repository::new();
    let commit = repository.commit(&[("a.zk", "/a")]);
    fetched(&repository);
    let log = repository.place("calls");
    let ssh = repository.script(
        "down",
        &format!(
            "test \"$1\" = -G || echo x >> '{}'\necho down >&2\nexit 255",
            log.display()
        ),
    );
    let mut options = options_for(
        &repository,
        "ssh://example.invalid/x",
        &[("GIT_SSH_COMMAND", ssh.to_str().unwrap())],
    );
    options.branch = Some("main".to_owned());
    let mut mirror = Mirror::open(options.clone()).unwrap();
    insta::assert_snapshot!(told(&mirror.fetch().unwrap_err()), @r"
    couldn't fetch ssh://example.invalid/x in 4 attempts: down; fatal: Could not read from remote repository.; Please make sure you have the correct access rights; and the repository exists.
    hint: see whether git itself gets there as this user: git ls-remote ssh://example.invalid/x
    ");
    assert_eq!(text_of(&log), "x\n".repeat(4));
    assert_eq!(mirror.resolve(Some(&commit)).unwrap(), revision(&commit));

    options.retries = 0;
    let message = Mirror::open(options).unwrap().fetch().unwrap_err().to_string();
    assert!(message.contains("in 1 attempt:"), "{message}");
}

#[test]
fn a_later_attempt_may_succeed() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let log = repository.place("calls");
    let text = format!(
        "test \"$1\" = -G && exit 1\necho x >> '{0}'\ntest $(wc -l < '{0}') -lt 3 && exit 255\n\
         for command; do :; done\nexec sh -c \"$command\"",
        log.display()
    );
    let ssh = repository.script("flaky", &text);
    let url = format!("ssh://example.invalid{}", repository.url());
    let mut options = options_for(&repository, &url, &[("GIT_SSH_COMMAND", ssh.to_str().unwrap())]);
    options.branch = Some("main".to_owned());
    assert_eq!(read(options), "a.zk=/a");
}

#[test]
fn a_silent_remote_is_killed_with_all_that_it_started() {
    let repository = Repository::new();
    let pid = repository.place("pid");
    let ssh = repository.script(
        "mute",
        &format!(
            "test \"$1\" = -G && exit 1\necho $$ > '{}'\nexec sleep 600",
            pid.display()
        ),
    );
    let mut options = options_for(
        &repository,
        "ssh://example.invalid/x",
        &[("GIT_SSH_COMMAND", ssh.to_str().unwrap())],
    );
    options.retries = 0;
    options.limits.idle_max = Some(Duration::from_millis(500));
    insta::assert_snapshot!(told(&Mirror::open(options.clone()).unwrap().fetch().unwrap_err()), @r"
    git ls-remote was stopped: its silence is over the limit of 500ms
    hint: if the repository is to be trusted, raise idle_max in [git] of treekeeper.toml
    ");
    let process = format!("/proc/{}/cmdline", text_of(&pid).trim());
    let killed = Instant::now();
    while text_of(Path::new(&process)).contains("600") {
        assert!(
            killed.elapsed() < Duration::from_secs(5),
            "ssh outlived its group"
        );
        std::thread::yield_now();
    }
    options.limits.idle_max = None;
    options.fetch_max = Duration::from_millis(300);
    let error = Mirror::open(options).unwrap().fetch().unwrap_err();
    assert!(
        matches!(
            error,
            GitError::LimitExceeded {
                limit: Limit::Wall,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_repository_over_the_file_limit_is_refused_and_leaves_nothing() {
    let repository = Repository::new();
    // Text that doesn't compress: digits of a simple generator.
    let mut seed = 1_u64;
    let noise: String = (0..300_000)
        .map(|_| {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            char::from(b'!' + (seed >> 58) as u8)
        })
        .collect();
    repository.commit(&[("a.zk", &noise)]);
    let mut options = options(&repository);
    options.limits.file_bytes_max = Some(100 << 10);
    let mut mirror = Mirror::open(options.clone()).unwrap();
    insta::assert_snapshot!(told(&mirror.fetch().unwrap_err()), @r"
    git fetch was stopped: the size of a file that it wrote is over the limit of 102400 bytes
    hint: if the repository is to be trusted, raise file_bytes_max in [git] of treekeeper.toml
    ");
    assert!(!options.mirror.exists());
    options.limits.file_bytes_max = Some(0);
    options.limits.address_space_bytes_max = None;
    options.limits.cpu_seconds_max = None;
    options.limits.open_files_max = None;
    options.limits.wall_max = None;
    assert!(read(options).starts_with("a.zk="));
}

#[test]
fn the_shell_s_limits_reach_git() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let limits = repository.place("limits");
    let text = format!(
        "test \"$1\" = -G && exit 1\n(ulimit -v; ulimit -f; ulimit -n; ulimit -t; env) > '{}'\n\
         for command; do :; done\nexec sh -c \"$command\"",
        limits.display()
    );
    let ssh = repository.script("look", &text);
    let url = format!("ssh://example.invalid{}", repository.url());
    let variables = [
        ("GIT_SSH_COMMAND", ssh.to_str().unwrap()),
        ("LANG", "de_DE"),
        ("GIT_DIR", "/x"),
        ("no_proxy", "h"),
    ];
    assert_eq!(read(options_for(&repository, &url, &variables)), "a.zk=/a");
    let seen = text_of(&limits);
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!(lines[..4], ["2097152", "4194304", "256", "300"]);
    for expected in [
        "LC_ALL=C",
        "GIT_TERMINAL_PROMPT=0",
        "GIT_ALLOW_PROTOCOL=ssh:https",
        "no_proxy=h",
    ] {
        assert!(lines.contains(&expected), "{expected} is not in {seen}");
    }
    assert!(
        !lines
            .iter()
            .any(|line| line.starts_with("LANG=") || *line == "GIT_DIR=/x"),
        "{seen}"
    );
}

#[test]
fn a_damaged_mirror_is_made_again() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let mirror_path = options(&repository).mirror;
    let is_damaged_by = |damage: &dyn Fn(&Path)| {
        let mut mirror = fetched(&repository);
        let marker = mirror_path.join("old");
        fs::write(&marker, "").unwrap();
        damage(&mirror_path);
        // Once found by the fetch, once by the reading.
        if mirror
            .resolve(None)
            .and_then(|tip| mirror.read(&tip, &ReadLimits::default()))
            .is_ok()
            && marker.exists()
        {
            mirror.fetch().unwrap();
        }
        assert!(!marker.exists(), "the mirror was not made again");
        assert_eq!(read(options(&repository)), "a.zk=/a");
    };
    is_damaged_by(&|mirror| fs::remove_dir_all(mirror.join("objects/pack")).unwrap());
    is_damaged_by(&|mirror| fs::remove_file(mirror.join("HEAD")).unwrap());
    is_damaged_by(&|mirror| fs::write(mirror.join("config"), "[").unwrap());
    is_damaged_by(&|mirror| fs::write(mirror.join("shallow"), "").unwrap());
    is_damaged_by(&|mirror| fs::write(mirror.join("objects/info/alternates"), "/tmp\n").unwrap());
    is_damaged_by(&|mirror| {
        for entry in fs::read_dir(mirror.join("objects/pack")).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "pack") {
                let mut bytes = fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle..].fill(0);
                fs::remove_file(&path).unwrap();
                fs::write(&path, bytes).unwrap();
            }
        }
    });
}

#[test]
fn a_blob_that_is_not_what_its_id_says_is_never_returned() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a"), ("b.zk", "/b")]);
    let mut mirror = fetched(&repository);
    let tip = mirror.resolve(None).unwrap();
    // A loose object of b's text under a's name: git reads it without a word.
    let place = options(&repository).mirror;
    let (a, b) = (
        repository.git(&["rev-parse", "HEAD:a.zk"]),
        repository.git(&["rev-parse", "HEAD:b.zk"]),
    );
    let loose = |id: &str, base: &Path| base.join("objects").join(&id[..2]).join(&id[2..]);
    for id in [&a, &b] {
        repository.git(&["cat-file", "-e", id]);
    }
    let git_directory = repository.path().join(".git");
    fs::remove_dir_all(place.join("objects/pack")).unwrap();
    for line in repository
        .git(&["rev-list", "--objects", "--no-object-names", "--all"])
        .lines()
    {
        let from = loose(line, &git_directory);
        let to = loose(line, &place);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        let from = if line == a {
            loose(&b, &git_directory)
        } else {
            from
        };
        fs::copy(from, to).unwrap();
    }
    let files = mirror.read(&tip, &ReadLimits::default()).unwrap();
    assert_eq!(files[0].bytes, b"/a", "the mirror was made again");
    assert!(!loose(&a, &place).exists());
}

#[test]
fn what_a_killed_git_leaves_is_swept_away() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let mut mirror = fetched(&repository);
    let place = options(&repository).mirror;
    let rest = [
        place.join("packed-refs.lock"),
        place.join("refs/heads/main.lock"),
        place.join("objects/pack/tmp_pack_x"),
    ];
    for path in &rest {
        fs::write(path, "").unwrap();
    }
    let half = repository.place("state/mirror.new");
    fs::create_dir(&half).unwrap();
    let commit = repository.commit(&[("a.zk", "/b")]);
    mirror.fetch().unwrap();
    assert_eq!(mirror.resolve(None).unwrap(), revision(&commit));
    assert!(rest.iter().all(|path| !path.exists()) && !half.exists());
}

#[test]
fn a_mirror_of_another_repository_is_used_and_its_refs_are_gone() {
    let (one, other) = (Repository::new(), Repository::new());
    one.commit(&[("a.zk", "/a")]);
    one.git(&["branch", "only-here"]);
    let commit = other.commit(&[("b.zk", "/b")]);
    fetched(&one);
    let mut options = options_for(&one, &other.url(), &[]);
    assert_eq!(read(options.clone()), "b.zk=/b");
    options.branch = Some("only-here".to_owned());
    assert!(read(options.clone()).starts_with("branch only-here is not in the repository; there are: main"));
    options.branch = None;
    let mut mirror = Mirror::open(options).unwrap();
    mirror.fetch().unwrap();
    fetched(&one);
    assert_eq!(
        mirror.resolve(None).unwrap(),
        revision(&commit),
        "another process's fetch changes nothing"
    );
}

#[test]
fn a_directory_that_is_no_mirror_of_ours_is_left_alone() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let place = options(&repository).mirror;
    fs::create_dir_all(&place).unwrap();
    assert_eq!(
        read(options(&repository)),
        "a.zk=/a",
        "an empty directory is fine"
    );
    fs::remove_dir_all(&place).unwrap();
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("thesis.txt"), "x").unwrap();
    insta::assert_snapshot!(without_place(&repository, &read(options(&repository))), @r"
    PLACE/state/mirror exists and is not a mirror made by treekeeper
    hint: name another directory with --tree-directory, or move PLACE/state/mirror away
    ");
    assert_eq!(text_of(&place.join("thesis.txt")), "x");
}

#[test]
fn the_lock_is_waited_for_and_then_told() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    fetched(&repository);
    let lock = fs::File::open(repository.place("state/mirror.lock")).unwrap();
    lock.lock().unwrap();
    let mut options = options(&repository);
    options.fetch_max = Duration::from_millis(100);
    let error = Mirror::open(options.clone()).unwrap().fetch().unwrap_err();
    assert!(matches!(error, GitError::MirrorBusy { .. }), "{error}");
    assert_eq!(
        without_place(&repository, &error.hint().unwrap()),
        "see who holds it: fuser PLACE/state/mirror.lock"
    );
    drop(lock);
    options.fetch_max = Duration::from_secs(60);
    assert_eq!(read(options), "a.zk=/a");
}

#[test]
fn a_git_that_outlives_its_treekeeper_holds_the_lock() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let (here, go) = (repository.place("here"), repository.place("go"));
    let text = format!(
        "test \"$1\" = -G && exit 1\n: > '{}'\nuntil test -e '{}'; do sleep 0.02; done\n\
         for command; do :; done\nexec sh -c \"$command\"",
        here.display(),
        go.display()
    );
    let ssh = repository.script("slow", &text);
    let url = format!("ssh://example.invalid{}", repository.url());
    let options = options_for(&repository, &url, &[("GIT_SSH_COMMAND", ssh.to_str().unwrap())]);
    let fetching = std::thread::spawn(move || read(options));
    while !here.exists() {
        std::thread::yield_now();
    }
    // Standard input of every git on the way to the remote is the lock's file itself.
    let lock = repository.place("state/mirror.lock").canonicalize().unwrap();
    let holders = fs::read_dir("/proc").unwrap().flatten().filter(|process| {
        let is_git = text_of(&process.path().join("comm")).trim() == "git";
        is_git && fs::read_link(process.path().join("fd/0")).is_ok_and(|file| file == lock)
    });
    assert_eq!(holders.count(), 1);
    fs::write(go, "").unwrap();
    assert_eq!(fetching.join().unwrap(), "a.zk=/a");
}

#[test]
fn urls_are_refused_before_anything_runs() {
    let repository = Repository::new();
    let hostile = format!("--upload-pack=touch {}", repository.place("hit").display());
    for url in [
        hostile.as_str(),
        "ext::sh -c touch% hit",
        "git://h/x",
        "http://h/x",
        "fd::3",
        "ssh://-oProxyCommand=x/y",
    ] {
        let error = GitOptions::new(url, repository.place("state/mirror")).unwrap_err();
        assert!(matches!(error, GitError::UrlRefused { .. }), "{url}");
    }
    insta::assert_snapshot!(
        GitOptions::new("http://me:secret@h/x", "m").unwrap_err(),
        @r#"refused the git URL "http://***@h/x": http:// lets anyone on the way change the tree; allowed are ssh://HOST/PATH, USER@HOST:PATH, https://HOST/PATH and a local path"#
    );
    let mut options = options(&repository);
    options.branch = Some("--upload-pack=x".to_owned());
    insta::assert_snapshot!(Mirror::open(options).unwrap_err(), @r#""--upload-pack=x" is not a branch, tag or commit id"#);
    assert!(!repository.place("state").exists());
}

#[test]
fn the_user_s_configuration_can_not_open_other_transports() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let hit = repository.place("hit");
    let text = format!(
        "[url \"ext::sh -c touch% {}% \"]\n\tinsteadOf = ssh://example.invalid/\n[protocol \"ext\"]\n\tallow = always\n",
        hit.display()
    );
    fs::write(repository.home().join(".gitconfig"), text).unwrap();
    let mut options = options_for(&repository, "ssh://example.invalid/x", &[]);
    options.retries = 0;
    let message = read(options);
    assert!(message.contains("transport 'ext' not allowed"), "{message}");
    assert!(!hit.exists());
}

#[test]
fn passwords_are_in_no_message() {
    let repository = Repository::new();
    // Nothing listens on this port: it fails without a network.
    let mut options = options_for(&repository, "https://me:s3cr%65t@127.0.0.1:1/x.git", &[]);
    options.retries = 0;
    assert!(!format!("{options:?}").contains("s3cr"));
    let message = read(options);
    assert!(
        message.starts_with("couldn't fetch https://***@127.0.0.1:1/x.git in 1 attempt: "),
        "{message}"
    );
    assert!(!message.contains("s3cr") && !message.contains("me:"), "{message}");

    // A URL that only the user's configuration knows is masked as well.
    let text = "[url \"https://me:s3cret@127.0.0.1:1/\"]\n\tinsteadOf = https://example.invalid/\n";
    fs::write(repository.home().join(".gitconfig"), text).unwrap();
    let mut options = options_for(&repository, "https://example.invalid/x.git", &[]);
    options.retries = 0;
    let message = read(options);
    assert!(
        message.starts_with("couldn't fetch https://example.invalid/x.git"),
        "{message}"
    );
    assert!(!message.contains("s3cret"), "{message}");
}

#[test]
fn hooks_and_the_working_directory_s_repository_are_not_used() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let hit = repository.place("hit");
    let hook = repository.script("reference-transaction", &format!("touch '{}'", hit.display()));
    let hooks = hook.parent().unwrap().to_str().unwrap();
    fs::write(
        repository.home().join(".gitconfig"),
        format!("[core]\n\thooksPath = {hooks}\n"),
    )
    .unwrap();
    assert_eq!(read(options(&repository)), "a.zk=/a");
    assert!(!hit.exists());
}

#[test]
fn a_missing_git_is_told() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let shell = fs::canonicalize("/bin/sh").unwrap();
    let bin = repository.place("bin");
    symlink(shell, bin.join("sh")).unwrap();
    insta::assert_snapshot!(read(options_for(&repository, &repository.url(), &[("PATH", bin.to_str().unwrap())])), @r"
    couldn't find the git command
    hint: install git, or put its directory into PATH
    ");
}

#[test]
fn many_packs_are_joined() {
    let repository = Repository::new();
    repository.commit(&[("a.zk", "/a")]);
    let mut mirror = fetched(&repository);
    let packs = options(&repository).mirror.join("objects/pack");
    let count = || {
        fs::read_dir(&packs)
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|end| end == "pack"))
            .count()
    };
    // One pack per object is what many small fetches leave.
    for index in 0..60 {
        let blob = repository.git_with(&["hash-object", "-w", "--stdin"], format!("{index}").as_bytes());
        let prefix = packs.join("pack");
        repository.git_with(
            &["pack-objects", "--quiet", prefix.to_str().unwrap()],
            format!("{blob}\n").as_bytes(),
        );
    }
    assert_eq!(count(), 61);
    mirror.fetch().unwrap();
    assert!(count() < 10, "{}", count());
    assert_eq!(read(options(&repository)), "a.zk=/a");
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
