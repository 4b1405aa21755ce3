//! Runs every command of docs/operating.md and docs/ci.md, in order, and compares what it prints with what the page says.
//!
//! A block of `console` holds commands after `$ ` (going on after `> `), what they print, and `[exit code N]` where
//! that isn't 0. A comment `<!-- zookeeper: ... -->` is what somebody else does to the cluster meanwhile; see `meanwhile`.
//! `TREEKEEPER_WRITE_DOCS=1` writes what was printed into the page, to be read before it is committed.

// A broken story must end the test, in helpers as well.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::foreign::Foreign;
use support::repository::Repository;
use support::server::Server;

const OPERATING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
const CI: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ci.md");

/// What the page shows instead of what differs from run to run.
const ZOOKEEPER: &str = "zk1:2181/prod";
const URL: &str = "git@git.example.com:ops/trees.git";
const ACTOR: &str = "ada@ops-1";

/// A piece of the page.
enum Piece {
    /// Lines that are only read.
    Text(String),
    /// What somebody does to the cluster.
    Meanwhile(String),
    /// A command and what it prints.
    Command { lines: Vec<String>, printed: String },
}

fn pieces(page: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut in_console = false;
    for line in page.lines() {
        if line.starts_with("```") {
            in_console = line == "```console";
            pieces.push(Piece::Text(line.to_owned()));
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| in_console) {
            pieces.push(Piece::Command {
                lines: vec![command.to_owned()],
                printed: String::new(),
            });
        } else if in_console {
            let Some(Piece::Command { lines, printed }) = pieces.last_mut() else {
                panic!("a console begins with a command: {line}");
            };
            match line.strip_prefix("> ") {
                Some(more) if printed.is_empty() => lines.push(more.to_owned()),
                _ => printed.push_str(&format!("{line}\n")),
            }
        } else if let Some(done) = line.strip_prefix("<!-- zookeeper: ") {
            pieces.push(Piece::Meanwhile(done.strip_suffix(" -->").unwrap().to_owned()));
        } else {
            pieces.push(Piece::Text(line.to_owned()));
        }
    }
    pieces
}

/// The operator's machine, and the cluster.
struct Desk {
    session: Foreign,
    /// Sessions that end only with the test.
    others: Vec<Foreign>,
    connect: String,
    repository: Repository,
    home: PathBuf,
    /// Where a command of the page left the shell.
    directory: PathBuf,
}

impl Desk {
    fn new() -> Desk {
        let connect = Server::shared().chroot();
        let repository = Repository::new();
        repository.git(&["config", "receive.denyCurrentBranch", "updateInstead"]);
        repository.git(&["commit", "--quiet", "--allow-empty", "-m", "Trees"]);
        let home = repository.home();
        std::os::unix::fs::symlink(
            env!("CARGO_BIN_EXE_treekeeper"),
            repository.place("bin").join("treekeeper"),
        )
        .unwrap();
        let configuration = home.join(".config/treekeeper");
        fs::create_dir_all(&configuration).unwrap();
        let text = format!(
            "zookeeper = \"{connect}\"\n\n[git]\nurl = \"{}\"\n",
            repository.url()
        );
        fs::write(configuration.join("treekeeper.toml"), text).unwrap();
        repository.git(&[
            "clone",
            "--quiet",
            &repository.url(),
            home.join("trees").to_str().unwrap(),
        ]);
        Desk {
            session: Foreign::connect(&connect),
            others: Vec::new(),
            directory: home.join("trees"),
            home,
            connect,
            repository,
        }
    }

    /// Plays what somebody else does: `create PATH [DATA]`, `set PATH DATA`, `delete PATH`, `converge HOST` (to the
    /// version of `/hosts`), `candidate PREFIX [DATA]` (of a lock; its session goes on).
    fn meanwhile(&mut self, words: &str) {
        let mut words = words.splitn(3, ' ');
        let (verb, path) = (words.next().unwrap(), words.next().unwrap());
        let data = words.next().unwrap_or_default().as_bytes();
        match verb {
            "create" => self.session.create(path, data),
            "set" => {
                self.session.set(path, data);
            }
            "delete" => self.session.delete(path),
            "candidate" => {
                let other = Foreign::connect(&self.connect);
                other.create_candidate(path, data);
                self.others.push(other);
            }
            "converge" => {
                let version = &self.session.json("/hosts")["version"];
                let data = serde_json::json!({ "version": version }).to_string();
                self.session.set(path, data.as_bytes());
            }
            other => panic!("nobody knows how to {other}"),
        }
    }

    /// Runs a command of the page in a shell, and returns what it prints, standard error first come first.
    fn run(&mut self, command: &str) -> String {
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.repository.place("bin");
        let left = self.home.join("left-in");
        let script = format!(
            "{{ {command}\n}} 2>&1; code=$?; pwd > '{}'; exit $code",
            left.display()
        );
        let output = Command::new("sh")
            .args(["-c", &script])
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", &self.home)
            .env("USER", "ada")
            .env("LC_ALL", "C.UTF-8")
            .env("COLUMNS", "100")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(["AUTHOR", "COMMITTER"].into_iter().flat_map(|who| {
                [
                    (format!("GIT_{who}_NAME"), "Ada"),
                    (format!("GIT_{who}_EMAIL"), "ada@example.com"),
                    (format!("GIT_{who}_DATE"), "2026-01-02T03:04:05+01:00"),
                ]
            }))
            .output()
            .unwrap();
        self.directory = PathBuf::from(fs::read_to_string(left).unwrap().trim_end());
        let mut printed = self.replaced(&String::from_utf8(output.stdout).unwrap());
        if !printed.is_empty() && !printed.ends_with('\n') {
            printed.push('\n');
        }
        match output.status.code().unwrap() {
            0 => printed,
            code => format!("{printed}[exit code {code}]\n"),
        }
    }

    /// Puts the page's names in the place of this run's.
    fn replaced(&self, text: &str) -> String {
        let text = text
            .replace(&self.connect, ZOOKEEPER)
            .replace(&self.repository.url(), URL)
            .replace(self.home.to_str().unwrap(), "~");
        let words = text.split_inclusive(|end: char| end.is_whitespace() || "(),;'\"`".contains(end));
        words.map(replaced_word).collect()
    }
}

/// Tells whether a word is how long a sync took.
fn is_duration(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = word.strip_suffix('s').and_then(|number| number.split_once('.'));
    number.is_some_and(|(whole, part)| digits(whole) && digits(part))
}

/// Replaces what is a time, an age, a session, an address, a person at a machine, a candidate's unique name, or a
/// secret's hash.
fn replaced_word(word: &str) -> String {
    let core = word.trim_end_matches(|end: char| end.is_whitespace() || "(),;'\"`:.".contains(end));
    let end = &word[core.len()..];
    let is_time = core.len() == 20 && core.ends_with('Z') && core.as_bytes()[10] == b'T';
    let is_hex = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_age = core
        .strip_suffix(['s', 'm', 'h'])
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    let core = if is_time {
        "2026-01-02T03:04:05Z".to_owned()
    } else if core.starts_with("0x") && end.starts_with(')') {
        "0x2a".to_owned()
    } else if is_duration(core) {
        // As wide as the others, so that the columns stay.
        "0.01s".to_owned()
    } else if core.starts_with("0x") && core.len() > 10 {
        "0x1000000abcd0001".to_owned()
    } else if core.len() == 8 && core.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        // The new secret's hash ends the line, and is another one.
        match end.starts_with(')') {
            true => "5e6f7a8b".to_owned(),
            false => "1a2b3c4d".to_owned(),
        }
    } else if core.starts_with("127.0.0.1:") {
        "192.0.2.7:40312".to_owned()
    } else if is_age {
        "12m".to_owned()
    } else if core.starts_with("ada@") && !core.ends_with(".com") {
        ACTOR.to_owned()
    } else {
        core.split('/')
            .map(|name| match name.split_once('-') {
                Some((id, rest)) if is_hex(id) => format!("0123456789abcdef0123456789abcdef-{rest}"),
                _ => name.to_owned(),
            })
            .collect::<Vec<_>>()
            .join("/")
    };
    format!("{core}{end}")
}

#[test]
fn every_command_of_the_operators_page_does_what_the_page_says() {
    play(OPERATING, &mut Desk::new(), 25);
}

#[test]
fn every_command_of_the_page_on_ci_does_what_the_page_says() {
    let mut desk = Desk::new();
    desk.run(
        "printf '/cms : z4m cms\n  password = %s\n  threads = 3\n  /providers\n    /blue\n    /green\n' \"'hunter2'\" > cms.zk",
    );
    desk.run("git add . && git commit --quiet --message Trees && git push --quiet");
    play(CI, &mut desk, 10);
}

#[test]
fn the_workflow_runs_no_command_that_the_page_does_not_run() {
    let page = fs::read_to_string(CI).unwrap();
    let run: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    let in_workflow: Vec<&str> = page
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("- run: "))
        .collect();
    assert!(in_workflow.len() > 4, "{in_workflow:?}");
    for command in in_workflow {
        assert!(run.contains(&command), "{command}");
    }
}

/// Runs every command of a page.
fn play(path: &str, desk: &mut Desk, commands_min: usize) {
    let page = fs::read_to_string(path).unwrap();
    let mut written = String::new();
    let (mut commands, mut different) = (0, Vec::new());
    for piece in pieces(&page) {
        match piece {
            Piece::Text(line) => written.push_str(&format!("{line}\n")),
            Piece::Meanwhile(words) => {
                desk.meanwhile(&words);
                written.push_str(&format!("<!-- zookeeper: {words} -->\n"));
            }
            Piece::Command { lines, printed } => {
                commands += 1;
                let now = desk.run(&lines.join("\n"));
                if now != printed {
                    different.push(format!(
                        "$ {}\n{now}--- the page says:\n{printed}",
                        lines.join("\n> ")
                    ));
                }
                written.push_str(&format!("$ {}\n{now}", lines.join("\n> ")));
            }
        }
    }
    if std::env::var_os("TREEKEEPER_WRITE_DOCS").is_some() {
        fs::write(Path::new(path), written).unwrap();
    }
    assert!(commands > commands_min, "only {commands} commands were found");
    assert!(different.is_empty(), "{}", different.join("\n"));
}
