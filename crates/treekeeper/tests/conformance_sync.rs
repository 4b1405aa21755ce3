//! Plays the original's sync scenarios on a server with real git repositories.
//!
//! A scenario's version strings stand for commit ids: what goes in is put into commit ids, what comes out is put
//! back into version strings.

mod support;

use std::fs;

use serde_json::{Map, Value};
use support::cases::{Different, bytes, list, play_all, same, string};
use support::foreign::Foreign;
use support::locks::{ForeignLock, Style};
use support::original::{Extra, import};
use support::repository::Repository;
use support::server::{Kind, Server};
use support::treekeeper::Treekeeper;

/// Scenarios that treekeeper answers differently on purpose.
const DIFFERENT: &[Different] = &[
    (
        "sync-first-run-dry",
        "a dry run writes nothing: neither /hosts nor the lock's nodes (TREE_FORMAT.md 9)",
    ),
    (
        "sync-false-is-force-dry",
        "a dry run writes nothing: not the lock's nodes (TREE_FORMAT.md 9)",
    ),
    (
        "sync-host-without-version",
        "such a host has not converged and is named, where the original crashes",
    ),
    (
        "sync-lock-held",
        "a dry run takes no lock and doesn't look at it (DESIGN.md 1)",
    ),
];

#[test]
fn syncs_log_and_leave_what_the_original_does() {
    play_all(
        &format!("sync on {}", Kind::chosen().name()),
        include_str!("data/sync.json"),
        DIFFERENT,
        play,
    );
}

/// A scenario that is being played.
struct Scenario {
    session: Foreign,
    ephemerals: Foreign,
    connect: String,
    style: Style,
    repository: Repository,
    treekeeper: Treekeeper,
    commits: Commits,
    lock: Option<ForeignLock>,
    /// The place of the branch's commit in the scenario's history.
    position: usize,
    /// True while the branch names a commit older than one that it named before.
    rewound: bool,
}

/// Version strings and the commits that they stand for, in the order of the scenario.
struct Commits(Vec<(String, String)>);

impl Commits {
    /// Makes every commit of the scenario before its first step: a tree may name a version before git does.
    fn make(steps: &[Value], repository: &Repository) -> Commits {
        let mut commits: Vec<(String, String)> = Vec::new();
        for step in steps.iter().filter(|step| step["op"] == "git") {
            let version = string(step, "version");
            if commits.iter().any(|(known, _)| known == version) {
                continue;
            }
            let files = step["files"].as_object().expect("a git step has files");
            let files: Vec<(&str, &str)> = files
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str().expect("a file is text")))
                .collect();
            commits.push((version.to_owned(), repository.commit(&files)));
        }
        Commits(commits)
    }

    fn position(&self, version: &str) -> usize {
        self.0
            .iter()
            .position(|(known, _)| known == version)
            .expect("every version was committed")
    }

    /// Puts version strings in place of commit ids.
    fn words(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (version, commit)| {
            text.replace(commit, version)
        })
    }

    /// Puts commit ids in place of version strings in a node's properties.
    fn revise(&self, properties: &mut Map<String, Value>) {
        if let Some(Value::String(text)) = properties.get_mut("version")
            && let Some((_, commit)) = self.0.iter().find(|(version, _)| version == text)
        {
            text.clone_from(commit);
        }
    }

    /// Does the same for a node's data.
    fn revise_data(&self, data: Vec<u8>) -> Vec<u8> {
        match serde_json::from_slice(&data) {
            Ok(Value::Object(mut properties)) => {
                self.revise(&mut properties);
                Value::Object(properties).to_string().into_bytes()
            }
            _ => data,
        }
    }
}

fn play(case: &Value) -> Result<(), String> {
    let mut scenario = Scenario::prepare(case);
    for (number, step) in list(case, "steps").iter().enumerate() {
        scenario
            .step(step)
            .map_err(|difference| format!("step {number} ({}): {difference}", step["op"]))?;
    }
    Ok(())
}

impl Scenario {
    fn prepare(case: &Value) -> Scenario {
        let connect = Server::shared().chroot();
        let style = if case["lock_style"] == "kazoo" {
            Style::Kazoo
        } else {
            Style::Zktools
        };
        let steps = list(case, "steps");
        let repository = Repository::new();
        let commits = Commits::make(steps, &repository);
        let fails = steps.iter().any(|step| step.get("failures").is_some());
        let treekeeper = if fails {
            treekeeper_over_ssh(&connect, &repository)
        } else {
            Treekeeper::new(&connect, repository.path())
        };
        Scenario {
            session: Foreign::connect(&connect),
            ephemerals: Foreign::connect(&connect),
            treekeeper: treekeeper.with(&["--overlay", "replace", "--lock", style.word()]),
            connect,
            style,
            repository,
            commits,
            lock: None,
            position: 0,
            rewound: false,
        }
    }

    fn step(&mut self, step: &Value) -> Result<(), String> {
        match string(step, "op") {
            "git" => self.git(step),
            "import" => {
                let extra = if step["trim"] == true {
                    Extra::Trimmed
                } else {
                    Extra::Kept
                };
                import(&self.session, string(step, "text"), extra, &|properties| {
                    self.commits.revise(properties)
                });
            }
            "create" => {
                let data = self.commits.revise_data(bytes(&step["data"]));
                if step["ephemeral"] == true {
                    self.ephemerals.create_ephemeral(string(step, "path"), &data);
                } else {
                    self.session.create(string(step, "path"), &data);
                }
            }
            "set" => {
                self.session.set(
                    string(step, "path"),
                    &self.commits.revise_data(bytes(&step["data"])),
                );
            }
            "delete" => self.session.delete(string(step, "path")),
            "update_properties" => self.update(step),
            "lock" => {
                let mut lock = ForeignLock::new(self.style, &self.connect);
                lock.hold();
                self.lock = Some(lock);
            }
            "unlock" => self.lock.take().expect("a lock was taken").release(),
            "sync" => return self.sync(step),
            "print_tree" => {
                let tree = self.commits.words(&self.treekeeper.stdout(&["tree"]));
                return same(
                    "the tree",
                    tree.lines().collect(),
                    string(step, "expect").lines().collect::<Vec<_>>(),
                );
            }
            other => panic!("an operation that this harness doesn't know: {other}"),
        }
        Ok(())
    }

    fn git(&mut self, step: &Value) {
        let position = self.commits.position(string(step, "version"));
        self.rewound = position < self.position;
        self.position = position;
        self.repository.point_at(&self.commits.0[position].1);
        if let Some(failures) = step.get("failures") {
            fs::write(self.treekeeper.home().join(FAILURES), failures.to_string())
                .expect("the home can be written to");
        }
    }

    fn update(&self, step: &Value) {
        let path = string(step, "path");
        let mut properties = match self.session.json(path) {
            Value::Object(properties) => properties,
            other => panic!("{path} holds {other}"),
        };
        let changes = step["properties"]
            .as_object()
            .expect("an update has properties")
            .clone();
        properties.extend(changes);
        self.commits.revise(&mut properties);
        self.session
            .set(path, Value::Object(properties).to_string().as_bytes());
    }

    fn sync(&self, step: &Value) -> Result<(), String> {
        let mut arguments = vec!["sync"];
        if step["dry_run"] == true {
            arguments.push("--dry-run");
        }
        if step["force"] == true {
            arguments.push("--force");
        }
        if self.rewound {
            arguments.push("--allow-rewind");
        }
        let output = self.treekeeper.run(&arguments);
        let log: Vec<String> = output.log().iter().map(|line| self.commits.words(line)).collect();
        let expected: Vec<&str> = list(step, "log").iter().filter_map(Value::as_str).collect();
        same(
            "the log",
            log.iter().map(String::as_str).collect(),
            expected.clone(),
        )?;
        // The original exits 0 on a refusal; treekeeper says so in its exit code.
        let refused = expected.last().is_some_and(|line| !line.starts_with("INFO "));
        let must_fail = refused || step.get("error").is_some();
        same("failing", output.status != 0, must_fail)
            .map_err(|difference| format!("{difference}\n{}", output.stderr))
    }
}

/// The file below the home directory that holds how many fetches are still to fail.
const FAILURES: &str = "failures";

/// Stands in for ssh: fails as often as the file says, then runs the remote command here.
///
/// git asks `-G` first, to find out which ssh it is; that is no fetch.
const SSH: &str = r#"#!/bin/sh
[ "$1" = -G ] && exit 0
left=$(cat "$HOME/failures" 2>/dev/null || echo 0)
if [ "$left" -gt 0 ]; then
    echo $((left - 1)) >"$HOME/failures"
    echo "ssh: connect to host git.example.com port 22: Connection refused" >&2
    exit 255
fi
for command; do :; done
exec sh -c "$command"
"#;

fn treekeeper_over_ssh(connect: &str, repository: &Repository) -> Treekeeper {
    let url = format!("ssh://git.example.com{}", repository.path().display());
    let treekeeper = Treekeeper::new(connect, url);
    let script = treekeeper.file("ssh", SSH);
    treekeeper.with_environment("GIT_SSH_COMMAND", &format!("sh {}", script.display()))
}
