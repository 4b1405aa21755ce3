//! A cluster, a repository and treekeeper between them, and what a test compares: words and untouched znodes.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::support::foreign::Foreign;
use crate::support::repository::Repository;
use crate::support::server::Server;
use crate::support::treekeeper::{Output, Treekeeper};

/// One test's world.
pub struct Scene {
    /// `127.0.0.1:PORT/tN`.
    pub connect: String,
    /// Somebody else's session.
    pub session: Foreign,
    /// What is synced.
    pub repository: Repository,
    /// The program.
    pub treekeeper: Treekeeper,
    commits: RefCell<Vec<(String, String)>>,
}

/// Every znode as it was: data, when it was created and when it was last written to.
pub type Frozen = BTreeMap<String, (Vec<u8>, i64, i64)>;

impl Scene {
    /// Begins with an empty chroot and an empty repository.
    pub fn new() -> Scene {
        Scene::on(&Server::shared().chroot())
    }

    /// Begins on this connect string.
    pub fn on(connect: &str) -> Scene {
        let repository = Repository::new();
        Scene {
            connect: connect.to_owned(),
            session: Foreign::connect(connect),
            treekeeper: Treekeeper::new(connect, repository.path()),
            repository,
            commits: RefCell::default(),
        }
    }

    /// Begins with one commit, `first`, that is synced already.
    pub fn synced(files: &[(&str, &str)]) -> Scene {
        let scene = Scene::new();
        scene.commit("first", files);
        scene.treekeeper.run(&["sync"]).expect(0);
        scene
    }

    /// Writes the user's configuration file.
    pub fn configure(&self, text: &str) {
        let directory = self.treekeeper.home().join(".config/treekeeper");
        std::fs::create_dir_all(&directory).expect("the home directory can be written to");
        std::fs::write(directory.join("treekeeper.toml"), text)
            .expect("the home directory can be written to");
    }

    /// Commits exactly these files; `name` stands for the commit's id in texts from here on.
    pub fn commit(&self, name: &str, files: &[(&str, &str)]) -> String {
        let id = self.repository.commit(files);
        self.name(name, &id);
        id
    }

    /// Lets `name` stand for an id.
    pub fn name(&self, name: &str, id: &str) {
        self.commits.borrow_mut().push((name.to_owned(), id.to_owned()));
    }

    /// Returns every znode as it is.
    pub fn freeze(&self) -> Frozen {
        let nodes = self.session.dump("/").into_iter();
        nodes
            .map(|node| (node.path, (node.data, node.stat.czxid, node.stat.mzxid)))
            .collect()
    }

    /// Returns every znode but `/hosts`, treekeeper's own and the lock's.
    pub fn freeze_tree(&self) -> Frozen {
        let own = ["/hosts", "/treekeeper", "/ZktoolsLocks", "/hosts-lock"];
        let is_own = |path: &str| {
            own.iter()
                .any(|root| path == *root || path.starts_with(&format!("{root}/")))
        };
        self.freeze()
            .into_iter()
            .filter(|(path, _)| !is_own(path))
            .collect()
    }

    /// Runs a command that must end with `status` and write nothing at all, and returns its standard error.
    pub fn refusal(&self, arguments: &[&str], status: i32) -> String {
        let before = self.freeze();
        let output = self.treekeeper.run(arguments).expect(status);
        assert_eq!(self.freeze(), before, "it wrote, and said:\n{}", output.stderr);
        assert_eq!(output.stdout, "", "a refusal prints no data");
        self.words(&output.stderr)
    }

    /// Runs a first sync that must end with `status` and leave nothing but what it needs to take the lock.
    pub fn first_refusal(&self, arguments: &[&str], status: i32) -> String {
        let before = self.freeze_tree();
        let output = self.treekeeper.run(arguments).expect(status);
        assert_eq!(
            self.freeze_tree(),
            before,
            "it wrote, and said:\n{}",
            output.stderr
        );
        if let Some((data, _)) = self.session.try_get("/hosts") {
            assert_eq!(String::from_utf8_lossy(&data), r#"{"version":"initial"}"#);
        }
        self.words(&output.stderr)
    }

    /// Runs a command that must succeed and returns what it says on standard error.
    pub fn said(&self, arguments: &[&str]) -> String {
        self.words(&self.treekeeper.run(arguments).expect(0).stderr)
    }

    /// Runs a command that must succeed and returns its standard output.
    pub fn printed(&self, arguments: &[&str]) -> String {
        self.words(&self.treekeeper.stdout(arguments))
    }

    /// Returns both streams of a run as one text.
    pub fn both(&self, output: &Output) -> String {
        self.words(&format!("{}{}", output.stdout, output.stderr))
    }

    /// Replaces what differs from run to run by words.
    pub fn words(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, id) in self.commits.borrow().iter() {
            text = text
                .replace(id.as_str(), &format!("<{name}>"))
                .replace(&id[..12], &format!("<{name} short>"));
        }
        let (server, chroot) = self.connect.split_once('/').unwrap_or((&self.connect, ""));
        let mut replace = |from: &str, to: &str| {
            if !from.is_empty() {
                text = text.replace(from, to);
            }
        };
        replace(&self.connect, "SERVER/CHROOT");
        replace(server, "SERVER");
        if !chroot.is_empty() {
            replace(&format!("/{chroot}/"), "/CHROOT/");
        }
        replace(&self.treekeeper.home().display().to_string(), "HOME");
        replace(&self.repository.path().display().to_string(), "REPOSITORY");
        replace(machine().as_str(), "MACHINE");
        // The bytes of a plan grow with the chroot, which is another one every time.
        let text = without_number(&text, " transaction, ", " bytes)");
        scrubbed(&without_number(&text, "\"bytes\":", ",\n"))
    }
}

/// Replaces the first number between `before` and `after`.
fn without_number(text: &str, before: &str, after: &str) -> String {
    let number = text
        .find(before)
        .map(|start| start + before.len())
        .and_then(|start| {
            let end = start + text[start..].find(|character: char| !character.is_ascii_digit())?;
            (start < end && text[end..].starts_with(after)).then_some(start..end)
        });
    match number {
        Some(number) => format!("{}N{}", &text[..number.start], &text[number.end..]),
        None => text.to_owned(),
    }
}

/// Returns who we are where no user is named, which treekeeper tells: the machine's name is in it.
pub fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() {
        String::new()
    } else {
        format!("unknown@{}", name.trim())
    }
}

/// Replaces session ids, other ids, times and sequence numbers.
pub fn scrubbed(text: &str) -> String {
    let is_word = |character: char| character.is_ascii_alphanumeric() || "-:.".contains(character);
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let end = rest[start..]
            .find(|character| !is_word(character))
            .map_or(rest.len(), |length| start + length);
        out.push_str(&rest[..start]);
        out.push_str(&scrubbed_word(&rest[start..end]));
        rest = &rest[end..];
    }
    out + rest
}

fn scrubbed_word(word: &str) -> String {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (core, tail) = match word.trim_end_matches(['.', ':', '-']) {
        "" => (word, ""),
        core => word.split_at(core.len()),
    };
    let is_time = core.len() >= 20
        && core.ends_with('Z')
        && core.as_bytes()[10] == b'T'
        && digits(&core[..4])
        && core.as_bytes()[13] == b':';
    let core = if is_time {
        "TIME".to_owned()
    } else if core.strip_prefix("0x").is_some_and(is_hex) {
        "0xSESSION".to_owned()
    } else if core.len() >= 32 && is_hex(core) {
        "HEX".to_owned()
    } else if core.split_once("-lock--").is_some_and(|(id, _)| id.len() == 32) {
        "HEX-lock--SEQUENCE".to_owned()
    } else if digits(core) && core.len() >= 13 {
        "MILLISECONDS".to_owned()
    } else {
        core.to_owned()
    };
    core + tail
}
