//! The law of the canary: a value under a name that sounds secret is in no output of any command but those that print
//! data, in no file that treekeeper leaves, and in no znode of its own.

use std::fs;
use std::path::Path;

use zookeeper_client::{Acl, AuthId, Permission};

use crate::scene::Scene;
use crate::support::foreign::wait;
use crate::support::treekeeper::Output;

/// What must not be seen: of text, and of a number.
const CANARIES: [&str; 2] = ["canary-7f3a", "73371337"];

/// What was run, and what told a secret.
#[derive(Default)]
struct Law {
    faults: Vec<String>,
    /// Outputs that showed that something is secret.
    masked: usize,
}

impl Law {
    /// Runs a command, also with `-v`, and looks at all that it writes.
    fn run(&mut self, scene: &Scene, arguments: &[&str]) -> Output {
        let output = scene.treekeeper.run(&[arguments, &["-v"]].concat());
        let what = arguments.join(" ");
        for text in [&output.stdout, &output.stderr] {
            self.judge(&what, text);
            let is_masked =
                text.contains("•••") || text.contains("\\u2022\\u2022") || text.contains("\"secret");
            self.masked += usize::from(is_masked);
        }
        output
    }

    fn judge(&mut self, what: &str, text: &str) {
        for line in text
            .lines()
            .filter(|line| CANARIES.iter().any(|it| line.contains(it)))
        {
            self.faults.push(format!("{what}: {line}"));
        }
    }

    /// Looks at every file below a directory; git's own objects are compressed commits, which hold what was committed.
    fn judge_files(&mut self, directory: &Path) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() {
                self.judge_files(&path);
            } else if path.extension().is_none_or(|end| end != "zk") {
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
                self.judge(&path.display().to_string(), &text);
            }
        }
    }

    /// Looks at treekeeper's own nodes, and at the locks.
    fn judge_own_nodes(&mut self, scene: &Scene) {
        for root in ["/treekeeper", "/hosts", "/ZktoolsLocks"] {
            for node in scene.session.dump(root) {
                self.judge(&node.path, &String::from_utf8_lossy(&node.data));
            }
        }
    }

    fn hold(mut self, scene: &Scene, masked_min: usize) {
        self.judge_files(scene.treekeeper.home());
        self.judge_own_nodes(scene);
        assert!(
            self.faults.is_empty(),
            "secrets are told:\n{}",
            self.faults.join("\n")
        );
        assert!(
            self.masked >= masked_min,
            "only {} outputs showed a mask",
            self.masked
        );
    }
}

/// A tree with secrets of every kind of value, at every depth, of the built-in names and one of the configuration's.
fn tree(suffix: &str) -> String {
    let [text, number] = CANARIES;
    format!(
        "/a\n  n = '{suffix}'\n  password = '{text}-{suffix}'\n  api_token = {number}{}\n  house_number = u'{text}-{suffix}'\n  \
         list = [{{'secret': ['{text}-{suffix}', {number}]}}]\n  private_key = {{'pem': '{text}-{suffix}'}}\n  \
         /b-{suffix}\n    credentials = ('{text}', {number})\n    passwd = '{text}' * 2\n",
        suffix.len()
    )
}

fn overlay(suffix: &str) -> String {
    format!(
        "/a\n  client_secret = '{}-{suffix}'\n/o\n  pwd = '{}'\n",
        CANARIES[0], CANARIES[0]
    )
}

/// A cluster at one tree, and a commit with another in which every secret differs.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.configure("[secrets]\nnames = ['house_number']\n");
    scene.commit("first", &[("a.zk", &tree("one")), ("o.zkx", &overlay("one"))]);
    scene.treekeeper.run(&["sync"]).expect(0);
    scene.commit(
        "second",
        &[("a.zk", &tree("three")), ("o.zkx", &overlay("three"))],
    );
    scene
}

/// Every way to look at a plan, a tree or a cluster.
const LOOKS: &[&[&str]] = &[
    &["plan"],
    &["plan", "--json"],
    &["plan", "--format", "markdown"],
    &["plan", "--check"],
    &["plan", "--check", "--json"],
    &["plan", "--check", "--format", "markdown"],
    &["plan", "--out", "plan.json"],
    &["plan", "--out", "other.json", "--json"],
    &["plan", "--show-secrets"],
    &["sync", "--dry-run"],
    &["sync", "--dry-run", "--json"],
    &["sync", "--dry-run", "--check"],
    &["sync", "--dry-run", "--check", "--json"],
    &["sync", "--dry-run", "--check", "--format", "markdown"],
    &["sync", "--dry-run", "--show-secrets"],
    &["diff"],
    &["diff", "--json"],
    &["diff", "--format", "markdown"],
    &["diff", "/a", "--show-secrets"],
    &["status"],
    &["status", "--json"],
    &["history"],
    &["history", "--json"],
    &["blame", "/a"],
    &["blame", "/a", "--json"],
    &["blame", "/a", "password"],
    &["blame", "/a", "house_number"],
    &["blame", "/a", "list"],
    &["blame", "/a", "api_token", "--json"],
    &["blame", "/o", "pwd"],
    &["blame", "/a", "absent"],
    &["rollback", "1", "--dry-run"],
    &["rollback", "1", "--dry-run", "--json"],
    &["export", "--snapshot", "snapshot.json"],
    &["export", "--snapshot", "-"],
    &["plan", "--against", "snapshot.json"],
    &["plan", "--against", "snapshot.json", "--json"],
    &["plan", "--against", "snapshot.json", "--format", "markdown"],
    &["doctor"],
    &["doctor", "--json"],
    &["lock", "show"],
    &["lock", "show", "--json"],
    &["config", "show"],
    &["config", "show", "--json"],
    &["explain", "TK1007"],
    &["import", "f.zk", "--dry-run"],
    &["import", "f.zk", "--dry-run", "--json"],
    &["import", "f.zk", "--dry-run", "--trim", "--at", "/a"],
    &["validate", "f.zk"],
    &["validate", "f.zk", "--json"],
    &["validate", "f.zk", "--format", "sarif"],
];

#[test]
fn a_secret_is_seen_nowhere() {
    let scene = scene();
    scene.treekeeper.file("f.zk", tree("five"));
    let mut law = Law::default();
    let look = |law: &mut Law| {
        LOOKS
            .iter()
            .for_each(|arguments| drop(law.run(&scene, arguments)))
    };
    look(&mut law);
    // Drift, and data that no file would write.
    let by_hand = format!(
        "{{\"password\":\"{}-hand\",\"api_token\":[{}],\"x\":{{\"token\":1}}}}",
        CANARIES[0], CANARIES[1]
    );
    scene.session.set("/a", by_hand.as_bytes());
    scene.session.create("/a/extra", by_hand.as_bytes());
    law.run(&scene, &["apply", "plan.json"]).expect(7);
    law.run(&scene, &["apply", "plan.json", "--json"]).expect(7);
    look(&mut law);
    law.run(&scene, &["apply", "plan.json"]).expect(0);
    look(&mut law);
    for arguments in [
        &["rollback", "1"][..],
        &["unpin"],
        &["sync", "--json"],
        &["sync", "--repair", "--json"],
        &["stop", "--reason", "a pause"],
        &["sync", "--json"],
        &["resume"],
        &["pause"],
        &["set", "/a", &format!("password='{}-set'", CANARIES[0])],
        &["set", "/a", &format!("password='{}-set", CANARIES[0])],
        &["set", "/a/absent", &format!("password='{}-set'", CANARIES[0])],
        &["import", "f.zk"],
        &["import", "f.zk", "--json"],
    ] {
        law.run(&scene, arguments);
    }
    // Everything is deleted: what goes is told by its name.
    scene.commit("none", &[("z.zk", "/z\n")]);
    look(&mut law);
    law.run(&scene, &["sync", "--prune-roots", "--allow-delete", "100"]);
    look(&mut law);
    law.hold(&scene, 80);
}

#[test]
fn errors_of_the_server_tell_no_secret() {
    let scene = scene();
    let mut law = Law::default();
    let asks: &[&[&str]] = &[
        &["plan", "--check"],
        &["plan", "--check", "--json"],
        &["plan", "--check", "--format", "markdown"],
        &["sync", "--dry-run", "--check"],
        &["sync"],
        &["sync", "--json"],
        &["doctor"],
    ];
    // A server that denies writing, then reading.
    for permission in [Permission::READ, Permission::WRITE] {
        let acl = [Acl::new(permission | Permission::ADMIN, AuthId::anyone())];
        wait(scene.session.client().set_acl("/a", &acl, None)).expect("the ACL can be set");
        for arguments in asks {
            let output = law.run(&scene, arguments);
            assert!(
                arguments == &["doctor"] || output.status == 1,
                "{arguments:?} {}",
                output.stderr
            );
        }
        law.run(&scene, &["diff"]);
        law.run(&scene, &["blame", "/a", "password"]);
        law.run(&scene, &["set", "/a", &format!("password='{}-set'", CANARIES[0])]);
    }
    let acl = [Acl::new(Permission::ALL, AuthId::anyone())];
    wait(scene.session.client().set_acl("/a", &acl, None)).expect("the ACL can be set");
    // A value that no server takes, and one that no JSON holds.
    let long = format!("/a\n  password = '{}' * 100000\n", CANARIES[0]);
    let not_text = format!("/a\n  password = '\\xff{}'\n", CANARIES[0]);
    let not_finite = format!("/a\n  password = ['{}', 1e999]\n", CANARIES[0]);
    for text in [long, not_text, not_finite] {
        scene.commit("bad", &[("a.zk", &text)]);
        scene.treekeeper.file("bad.zk", &text);
        for arguments in asks {
            law.run(&scene, arguments);
        }
        law.run(&scene, &["import", "bad.zk"]);
        law.run(&scene, &["validate", "bad.zk", "--format", "sarif"]);
        law.run(&scene, &["parse", "bad.zk"]);
    }
    law.hold(&scene, 8);
}
