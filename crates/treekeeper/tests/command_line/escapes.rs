//! The law of escapes: whatever others write into names, values, commits, hosts and locks, no output of any command
//! moves a cursor, colours, hides or reorders text.

use std::fs;

use crate::scene::Scene;
use crate::support::treekeeper::{Output, Treekeeper};

/// Moves the cursor (ESC, C1), reorders, hides and is not seen.
pub const HOSTILE: &str =
    "x\x1b[31m\u{9b}2J\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}\u{3164}\u{fe0f}<b>@ops\r\x07y";
/// What a server takes in a name.
pub const NAME: &str = "n\u{202e}ame\u{feff}\u{ad}\u{3164}<b>`@ops";

/// Tells whether a character may not reach a terminal as it is.
fn is_wild(character: char) -> bool {
    (character.is_control() && character != '\n')
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'
                ..='\u{180f}'
        )
        || matches!(
            character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        )
        || matches!(character, '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Every run, and what got out of it.
#[derive(Default)]
pub struct Law {
    runs: usize,
    /// Runs that showed some of the hostile text, escaped.
    showed: usize,
    faults: Vec<String>,
}

impl Law {
    /// Judges what a run wrote.
    pub fn judge(&mut self, arguments: &[&str], output: &Output) {
        self.runs += 1;
        let both = [("stdout", &output.stdout), ("stderr", &output.stderr)];
        for (stream, text) in both {
            self.judge_text(&format!("{arguments:?} {stream}"), text);
        }
        if arguments.contains(&"markdown") {
            self.judge_markdown(&format!("{arguments:?}"), &output.stdout);
        }
    }

    /// Judges a text, such as that of a file.
    pub fn judge_text(&mut self, what: &str, text: &str) {
        let text = text.replace("\r\n", "\n");
        self.showed += usize::from(text.contains("202e") || text.contains("1b["));
        if let Some(wild) = text.chars().find(|character| is_wild(*character)) {
            let line = text.lines().find(|line| line.contains(wild)).unwrap_or_default();
            self.faults.push(format!("{what}: {line:?}"));
        }
        // In JSON a backslash is two.
        let twice = match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(_) => r"\\\\u{",
            Err(_) => r"\\u{",
        };
        for line in text.lines().filter(|line| line.contains(twice)) {
            self.faults.push(format!("{what} escapes twice: {line:?}"));
        }
    }

    /// Judges a comment: outside of code there are no tags but its own, and nobody is called.
    fn judge_markdown(&mut self, what: &str, text: &str) {
        let mut fence: Option<&str> = None;
        for line in text.lines() {
            let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
            match fence {
                Some(open) if ticks == open && line == open => fence = None,
                Some(_) => {}
                None if ticks.len() >= 3 => fence = Some(ticks),
                None => {
                    let bare = without_spans(line);
                    let own = ["<details>", "</details>", "<summary>The whole plan</summary>"];
                    if !own.contains(&&*bare) && bare.contains(['<', '>', '@']) {
                        self.faults.push(format!("{what} commands a code host: {line:?}"));
                    }
                }
            }
        }
        if fence.is_some() {
            self.faults.push(format!("{what} leaves a fence open"));
        }
    }

    /// Runs a command and judges what it writes.
    pub fn run(&mut self, scene: &Scene, arguments: &[&str]) {
        let output = scene.treekeeper.run(arguments);
        self.judge(arguments, &output);
    }

    /// Fails unless the law holds, and was tried by at least so many outputs.
    pub fn hold(self, showed_min: usize) {
        let Law { runs, showed, faults } = self;
        assert!(
            faults.is_empty(),
            "{} of {runs} runs:\n{}",
            faults.len(),
            faults.join("\n")
        );
        assert!(
            showed >= showed_min,
            "only {showed} outputs of {runs} runs showed any of it"
        );
    }
}

/// Returns a line without its code spans: a run of backticks ends at the next one as long.
fn without_spans(line: &str) -> String {
    let Some(start) = line.find('`') else {
        return line.to_owned();
    };
    let rest = &line[start..];
    let ticks = rest.len() - rest.trim_start_matches('`').len();
    let (open, inside) = rest.split_at(ticks);
    let mut at = 0;
    while let Some(found) = inside[at..].find('`') {
        let tail = &inside[at + found..];
        let length = tail.len() - tail.trim_start_matches('`').len();
        if length == ticks {
            return line[..start].to_owned() + &without_spans(&tail[length..]);
        }
        at += found + length;
    }
    line[..start].to_owned() + open + &without_spans(inside)
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}

/// Puts the hostile text wherever somebody else may write.
pub fn plant(scene: &Scene) {
    let value = quoted(HOSTILE);
    let session = &scene.session;
    session.create(&format!("/a/{NAME}"), format!("{{{value}:{value}}}").as_bytes());
    session.create(&format!("/a/{NAME}/raw"), HOSTILE.as_bytes());
    session.create_ephemeral(&format!("/a/e{NAME}"), HOSTILE.as_bytes());
    session.set(
        "/a",
        format!("{{\"n\":{value},\"link ->\":{value},\"of =>\":{value}}}").as_bytes(),
    );
    session.create(&format!("/{NAME}"), b"");
    session.create(
        &format!("/hosts/{NAME}"),
        format!("{{\"version\":{value},\"error\":{value}}}").as_bytes(),
    );
    session.create(
        "/hosts/other",
        format!("{{\"version\":[{value}],\"error\":[{value}]}}").as_bytes(),
    );
}

/// Lets the state say hostile things.
pub fn taint_state(scene: &Scene, keys: &[&str]) {
    let mut state = scene.session.json("/treekeeper/state");
    for key in keys {
        state[key] = match *key {
            "pinned" => serde_json::json!({ "commit": HOSTILE, "by": HOSTILE, "at": HOSTILE }),
            _ => HOSTILE.into(),
        };
    }
    scene
        .session
        .set("/treekeeper/state", state.to_string().as_bytes());
}

/// Lets every entry of the history say hostile things.
pub fn taint_history(scene: &Scene) {
    for name in scene.session.children("/treekeeper/history") {
        let path = format!("/treekeeper/history/{name}");
        let mut entry = scene.session.json(&path);
        for value in entry
            .as_object_mut()
            .into_iter()
            .flat_map(|entry| entry.values_mut())
        {
            if value.is_string() {
                *value = HOSTILE.into();
            }
        }
        scene.session.set(&path, entry.to_string().as_bytes());
    }
}

#[test]
fn nothing_that_others_write_reaches_a_terminal_raw() {
    let scene = Scene::synced(&[("a.zk", "/a\n  n = 1\n")]);
    plant(&scene);
    let mut law = Law::default();
    let escaped = r"  n = '\x1b[31m\u202e'".replace("'\\x", "u'\\x");
    scene.commit("next", &[("a.zk", &format!("/a\n{escaped}\n")), ("b.zk", "/b\n")]);
    let looks: &[&[&str]] = &[
        &["status"],
        &["status", "--json"],
        &["-v", "status"],
        &["plan"],
        &["plan", "--json"],
        &["plan", "--format", "markdown"],
        &["diff"],
        &["diff", "--json"],
        &["diff", "--format", "markdown"],
        &["sync"],
        &["sync", "--dry-run", "--force"],
        &["sync", "--dry-run", "--force", "--check", "--format", "markdown"],
        &["sync", "--dry-run", "--force", "--json"],
        &["tree"],
        &["tree", "--plain"],
        &["tree", "--all"],
        &["export", "/a"],
        &["get", "/a"],
        &["get", "/a", "n"],
        &["get", "/a", "of"],
        &["get", "/a", HOSTILE],
        &["get", HOSTILE],
        &["get", &format!("/{HOSTILE}")],
        &["get", "/a/link"],
        &["resolve", &format!("/{NAME}")],
        &["resolve", "/a/link/x"],
        &["set", &format!("/a/{HOSTILE}"), "n=1"],
        &["set", "/a", &format!("{HOSTILE}=1")],
        &["set", "/a", &format!("n={HOSTILE}")],
        &["ln", HOSTILE, HOSTILE],
        &["ln", "/a", &format!("/a/{HOSTILE}")],
        &["lock", "show"],
        &["lock", "show", "--json"],
        &["lock", "break", HOSTILE],
        &["lock", "break", &format!("/ZktoolsLocks/,hosts/{HOSTILE}")],
        &["doctor"],
        &["doctor", "--json"],
        &["history"],
        &["history", "--json"],
        &["rollback", HOSTILE],
        &["unpin", "--json"],
        &["explain", HOSTILE],
        &["import", HOSTILE],
        &["import", "-", "--at", &format!("/{HOSTILE}")],
        &["plan", "--branch", HOSTILE],
        &["plan", "--format", "markdown", "--branch", HOSTILE],
        &["plan", "--revision", HOSTILE],
        &["plan", "--path", HOSTILE],
        &["plan", "--url", &format!("/tmp/{HOSTILE}")],
        &["plan", "--url", &format!("https://{HOSTILE}/x")],
        &["plan", "--tree-directory", &format!("/proc/{HOSTILE}")],
        &["status", "--zookeeper", &format!("127.0.0.1:1/{HOSTILE}")],
        &["status", "--zookeeper", &format!("127.0.0.1:1,{HOSTILE}:1")],
        &["config", "show", "--config", HOSTILE],
        &["config", "show", "--url", &format!("/tmp/{HOSTILE}")],
        &["config", "show", "--branch", HOSTILE],
        &["config", "show", "--json", "--branch", HOSTILE],
        &["validate", HOSTILE],
        &["fmt", "--check", HOSTILE],
        &["parse", HOSTILE],
        &[HOSTILE],
        &["status", &format!("--{HOSTILE}")],
        &["lock", HOSTILE],
        &["sync", "--lock-wait", HOSTILE],
    ];
    for arguments in looks {
        law.run(&scene, arguments);
    }
    // A lock held by somebody hostile, and one left by hand.
    let queue = "/ZktoolsLocks/,hosts";
    scene
        .session
        .create(&format!("{queue}/{NAME}--0000000000"), HOSTILE.as_bytes());
    for arguments in [
        &["sync", "--force"][..],
        &["status"],
        &["lock", "show"],
        &["lock", "show", "--json"],
        &["doctor"],
        &["lock", "break", &format!("{NAME}--0000000000")],
    ] {
        law.run(&scene, arguments);
    }
    let candidate = scene.session.create_candidate(
        &format!("{queue}/0123456789abcdef0123456789abcdef-lock--"),
        format!("{{\"by\":{},\"pid\":1}}", quoted(HOSTILE)).as_bytes(),
    );
    for arguments in [
        &["lock", "show"][..],
        &["sync", "--force"],
        &["lock", "break", &candidate],
    ] {
        law.run(&scene, arguments);
    }
    // Stops, and a state that says hostile things.
    for arguments in [
        &["stop", "--reason", HOSTILE][..],
        &["sync"],
        &["plan"],
        &["plan", "--json"],
        &["import", "-"],
        &["status"],
        &["status", "--json"],
        &["pause"],
        &["resume", HOSTILE],
        &["resume"],
        &["status"],
    ] {
        law.run(&scene, arguments);
    }
    taint_state(&scene, &["by", "at", "pinned", "sync_id"]);
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["sync"],
        &["doctor"],
        &["stop"],
        &["resume"],
    ] {
        law.run(&scene, arguments);
    }
    taint_history(&scene);
    for arguments in [&["history"][..], &["history", "--json"], &["status"]] {
        law.run(&scene, arguments);
    }
    taint_state(&scene, &["commit", "repository", "to", "from"]);
    for arguments in [&["status"][..], &["plan"], &["sync"], &["sync", "--force"]] {
        law.run(&scene, arguments);
    }
    taint_state(&scene, &["phase"]);
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["sync"],
        &["doctor"],
        &["stop"],
    ] {
        law.run(&scene, arguments);
    }
    scene.session.set(
        "/hosts",
        format!("{{\"version\":[{}]}}", quoted(HOSTILE)).as_bytes(),
    );
    for arguments in [&["status"][..], &["sync"], &["doctor"], &["resume"]] {
        law.run(&scene, arguments);
    }
    law.hold(41);
}

#[test]
fn hostile_files_are_told_escaped() {
    let treekeeper = Treekeeper::offline();
    let mut law = Law::default();
    let texts = [
        format!("/a\n  n = {HOSTILE}\n"),
        format!("/a{HOSTILE}\n"),
        format!("/a\n  {HOSTILE} = 1\n"),
        format!("# {HOSTILE}\n/a\n   x =1\n"),
        "/a\n  n = u'\\x1b[31m\\u202e'\n".to_owned(),
        format!("/a : {HOSTILE}\n"),
    ];
    let name = format!("{NAME}.zk");
    for text in &texts {
        fs::write(treekeeper.home().join(&name), text).unwrap();
        for arguments in [
            &["validate", &name][..],
            &["validate", ".", "--format", "json"],
            &["validate", ".", "--format", "sarif"],
            &["fmt", "--check", &name],
            &["parse", &name],
        ] {
            let output = treekeeper.run(arguments);
            law.judge(arguments, &output);
        }
    }
    fs::write(
        treekeeper.home().join("k.toml"),
        format!(
            "zookeeper = {}\n[secrets]\nnames = [{}]\n",
            quoted("x\u{202e}:1"),
            quoted("\u{1b}[31m")
        ),
    )
    .unwrap();
    fs::write(treekeeper.home().join("wrong.toml"), "lo\u{202e}ck = 1\n").unwrap();
    for arguments in [
        &["config", "show", "--config", "k.toml"][..],
        &["config", "show", "--config", "k.toml", "--json"],
        &["config", "show", "--config", "wrong.toml"],
        &["status", "--config", "k.toml"],
    ] {
        let output = treekeeper.run(arguments);
        law.judge(arguments, &output);
    }
    law.hold(16);
}
