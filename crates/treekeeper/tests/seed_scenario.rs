//! Plays the story of the document that the project comes from, log line by log line and tree by tree.
//!
//! The version strings of the story stand for commit ids.

mod support;

use support::foreign::Foreign;
use support::locks::{ForeignLock, KazooProcess, Style};
use support::original::{Extra, import};
use support::repository::Repository;
use support::server::Server;
use support::treekeeper::Treekeeper;

const FOO: &str = "/foo\n  /bar";
const BAR_WITH_HAM: &str = "/bar\n  /bar\n  /ham";
const BAR: &str = "/bar\n  /bar";
const IGNORED: &str = "I should be ignored.y";

#[test]
fn the_story_of_the_seed_with_merged_overlays() {
    tell("merge");
}

#[test]
fn the_story_of_the_seed_with_replacing_overlays() {
    tell("replace");
}

/// The cluster and the repository of the story.
struct Story {
    session: Foreign,
    connect: String,
    repository: Repository,
    treekeeper: Treekeeper,
    /// The story's version strings and the commits that they stand for.
    commits: Vec<(&'static str, String)>,
}

impl Story {
    fn begin(overlay: &str) -> Story {
        let connect = Server::shared().chroot();
        let repository = Repository::new();
        let treekeeper = Treekeeper::new(&connect, repository.path()).with(&["--overlay", overlay]);
        Story {
            session: Foreign::connect(&connect),
            connect,
            repository,
            treekeeper,
            commits: Vec::new(),
        }
    }

    fn commit(&mut self, version: &'static str, files: &[(&str, &str)]) {
        self.commits.push((version, self.repository.commit(files)));
    }

    /// Imports `/hosts` at one version with these hosts, as the document does, trimming what else is there.
    fn set_hosts(&self, version: &str, hosts: &[(&str, &str)]) {
        let mut text = format!("/hosts\n  version = u'{}'\n", self.commit_of(version));
        for (host, version) in hosts {
            text.push_str(&format!(
                "  /{host}\n    version = u'{}'\n",
                self.commit_of(version)
            ));
        }
        import(&self.session, &text, Extra::Trimmed, &|_| {});
    }

    /// Runs a sync that must end with `status` and log exactly these lines.
    fn sync(&self, arguments: &[&str], status: i32, log: &[&str]) {
        let output = self.treekeeper.run(&[&["sync"], arguments].concat());
        let said: Vec<String> = output.log().iter().map(|line| self.words(line)).collect();
        assert_eq!(said, log, "all that it said:\n{}", self.words(&output.stderr));
        output.expect(status);
    }

    fn tree(&self) -> String {
        self.words(&self.treekeeper.stdout(&["tree"]))
    }

    fn commit_of(&self, version: &str) -> &str {
        let found = self.commits.iter().find(|(known, _)| *known == version);
        found
            .map(|(_, commit)| commit.as_str())
            .expect("the version was committed")
    }

    fn words(&self, text: &str) -> String {
        self.commits
            .iter()
            .fold(text.to_owned(), |text, (version, commit)| {
                text.replace(commit.as_str(), version)
            })
    }
}

fn tell(overlay: &str) {
    let mut story = Story::begin(overlay);
    story.session.create("/extra_thing_that_should_be_ignored", b"{}");
    first_sync(&mut story);
    a_node_deleted_in_git_disappears(&mut story);
    a_dry_run_changes_nothing(&mut story);
    a_lagging_host_refuses(&mut story);
    a_held_lock_refuses(&story);
    an_overlay_adds_and_trims_nothing(&mut story);
    all_stop(&mut story);
}

fn first_sync(story: &mut Story) {
    story.commit(
        "deadbeef",
        &[("foo.zk", FOO), ("bar.zk", BAR_WITH_HAM), ("baz.txt", IGNORED)],
    );
    story.sync(
        &[],
        0,
        &[
            "INFO VCS Version: deadbeef",
            "INFO ZK Version: initial",
            "INFO Version mismatch detected, resyncing",
            "INFO Importing bar.zk",
            "INFO Importing foo.zk",
        ],
    );
    assert_eq!(
        story.tree(),
        "\
/ZktoolsLocks
  string_value = 'zktools ZLock dir'
  /,hosts
    string_value = 'lock'
/bar
  /bar
  /ham
/extra_thing_that_should_be_ignored
/foo
  /bar
/hosts
  version = u'deadbeef'
"
    );
    story.sync(
        &[],
        0,
        &["INFO VCS Version: deadbeef", "INFO ZK Version: deadbeef"],
    );
}

fn a_node_deleted_in_git_disappears(story: &mut Story) {
    story.commit(
        "0defaced",
        &[("foo.zk", FOO), ("bar.zk", BAR), ("baz.txt", IGNORED)],
    );
    story.sync(
        &[],
        0,
        &[
            "INFO VCS Version: 0defaced",
            "INFO ZK Version: deadbeef",
            "INFO Version mismatch detected, resyncing",
            "INFO Importing bar.zk",
            "INFO Importing foo.zk",
        ],
    );
    assert_eq!(
        story.tree(),
        "\
/ZktoolsLocks
  string_value = 'zktools ZLock dir'
  /,hosts
    string_value = 'lock'
/bar
  /bar
/extra_thing_that_should_be_ignored
/foo
  /bar
/hosts
  version = u'0defaced'
"
    );
    story.sync(
        &[],
        0,
        &["INFO VCS Version: 0defaced", "INFO ZK Version: 0defaced"],
    );
}

fn a_dry_run_changes_nothing(story: &mut Story) {
    story.commit(
        "feed1234",
        &[("foo.zk", FOO), ("bar.zk", BAR), ("baz.txt", IGNORED)],
    );
    let before = story.session.mzxids("/");
    for _ in 0..2 {
        story.sync(
            &["--dry-run"],
            0,
            &[
                "INFO VCS Version: feed1234",
                "INFO ZK Version: 0defaced",
                "INFO Version mismatch detected, resyncing",
                "INFO Importing bar.zk (dry run, no action taken)",
                "INFO Importing foo.zk (dry run, no action taken)",
            ],
        );
        assert_eq!(story.session.mzxids("/"), before);
    }
    story.sync(
        &[],
        0,
        &[
            "INFO VCS Version: feed1234",
            "INFO ZK Version: 0defaced",
            "INFO Version mismatch detected, resyncing",
            "INFO Importing bar.zk",
            "INFO Importing foo.zk",
        ],
    );
}

fn a_lagging_host_refuses(story: &mut Story) {
    story.set_hosts("feed1234", &[("1.2.3.4", "feed1234"), ("1.2.3.5", "0defaced")]);
    story.commit(
        "cafecafe",
        &[("foo.zk", FOO), ("bar.zk", BAR), ("baz.txt", IGNORED)],
    );
    story.sync(
        &[],
        4,
        &[
            "INFO VCS Version: cafecafe",
            "INFO ZK Version: feed1234",
            "ERROR Version mismatch detected, can't resync since host 1.2.3.5 has not converged \
             (0defaced -> feed1234)",
        ],
    );
    story.sync(&["--force"], 0, &RESYNC_TO_CAFECAFE);
}

const RESYNC_TO_CAFECAFE: [&str; 5] = [
    "INFO VCS Version: cafecafe",
    "INFO ZK Version: feed1234",
    "INFO Version mismatch detected, resyncing",
    "INFO Importing bar.zk",
    "INFO Importing foo.zk",
];

fn a_held_lock_refuses(story: &Story) {
    const REFUSED: [&str; 3] = [
        "INFO VCS Version: cafecafe",
        "INFO ZK Version: feed1234",
        "ERROR Refused to update zookeeper tree, couldn't obtain cluster lock",
    ];
    story.set_hosts("feed1234", &[("1.2.3.4", "feed1234"), ("1.2.3.5", "feed1234")]);
    let mut lock = ForeignLock::new(Style::Zktools, &story.connect);
    lock.hold();
    story.sync(&[], 6, &REFUSED);
    lock.release();
    let kazoo = KazooProcess::start(Style::Zktools, &story.connect);
    assert!(kazoo.is_held());
    story.sync(&[], 6, &REFUSED);
    kazoo.release();
    story.sync(&[], 0, &RESYNC_TO_CAFECAFE);
}

fn an_overlay_adds_and_trims_nothing(story: &mut Story) {
    story.set_hosts("cafecafe", &[("1.2.3.4", "cafecafe"), ("1.2.3.5", "cafecafe")]);
    let files = [
        ("foo.zkx", "/foo\n  /beep"),
        ("foo.zk", FOO),
        ("bar.zk", BAR),
        ("baz.txt", IGNORED),
    ];
    story.commit("aceace42", &files);
    story.sync(
        &[],
        0,
        &[
            "INFO VCS Version: aceace42",
            "INFO ZK Version: cafecafe",
            "INFO Version mismatch detected, resyncing",
            "INFO Importing bar.zk",
            "INFO Importing foo.zk",
            "INFO Importing foo.zkx",
        ],
    );
    assert_eq!(
        story.tree(),
        "\
/ZktoolsLocks
  string_value = 'zktools ZLock dir'
  /,hosts
    string_value = 'lock'
/bar
  /bar
/extra_thing_that_should_be_ignored
/foo
  /bar
  /beep
/hosts
  version = u'aceace42'
  /1.2.3.4
    version = u'cafecafe'
  /1.2.3.5
    version = u'cafecafe'
"
    );
}

fn all_stop(story: &mut Story) {
    story.session.set("/hosts", br#"{"version":null}"#);
    story.commit("caca8765", &[("foo.zk", FOO)]);
    let before = story.session.mzxids("/");
    story.sync(&[], 5, &["CRITICAL ALL STOP, cluster version is None"]);
    assert_eq!(story.session.mzxids("/"), before);
}
