//! How git is run: ssh, limits, retries, refused URLs, passwords and the user's configuration.
//!
//! No network: ssh is a script, and everything else is a local path.

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use support::mirror::{fetched, options, options_for, read, revision, told};
use support::repository::{Repository, text_of};
use treekeeper::git::{GitError, GitOptions, Limit, Mirror};

/// Writes a script that stands in for ssh: it ignores the host, logs the call and runs the command here.
fn fake_ssh(repository: &Repository, name: &str) -> String {
    let log = repository.place("ssh.log");
    let text = format!(
        "test \"$1\" = -G && exit 1\necho \"$*\" >> '{}'\nfor command; do :; done\nexec sh -c \"$command\"",
        log.display()
    );
    repository.script(name, &text).display().to_string()
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
    couldn't fetch ssh://example.invalid/x in 4 attempts: down; fatal: Could not read from remote repository
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
    hint: the remote said nothing for so long: see whether git itself gets there as this user: git ls-remote URL
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
    hint: if the repository is to be trusted, raise repository_bytes in [limits] of treekeeper.toml
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
