//! The cluster lock as others take it: the zktools way, the kazoo way, and kazoo itself in a process of its own.
//!
//! The order rules are written from TREE_FORMAT.md 8, not from treekeeper: two mistakes of one hand would agree.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::foreign::Foreign;

const ZKTOOLS_ROOT: &str = "/ZktoolsLocks";
const ZKTOOLS_LOCK: &str = "/ZktoolsLocks/,hosts";
const KAZOO_LOCK: &str = "/hosts-lock";
const KAZOO_MARK: &str = "__lock__";

/// How a contender names its candidate and tells who is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `/ZktoolsLocks/,hosts/<hex>-lock--<sequence>`.
    Zktools,
    /// `/hosts-lock/<hex>__lock__<sequence>`.
    Kazoo,
}

impl Style {
    /// Returns the word that stands for this style in `--lock` and in the Python helper.
    pub fn word(self) -> &'static str {
        match self {
            Style::Zktools => "zktools",
            Style::Kazoo => "kazoo",
        }
    }

    fn directory(self) -> &'static str {
        match self {
            Style::Zktools => ZKTOOLS_LOCK,
            Style::Kazoo => KAZOO_LOCK,
        }
    }

    /// Returns the text by which candidates are ordered; None for a child that doesn't count.
    fn order(self, name: &str) -> Option<&str> {
        match self {
            // Every child counts, by the text after its last dash, or by its whole name.
            Style::Zktools => Some(name.rsplit('-').next().unwrap_or(name)),
            Style::Kazoo => {
                let (_, sequence) = name.split_once(KAZOO_MARK)?;
                (sequence.len() == 10 && sequence.bytes().all(|byte| byte.is_ascii_digit()))
                    .then_some(sequence)
            }
        }
    }
}

/// A contender for the cluster lock with a session of its own.
pub struct ForeignLock {
    session: Foreign,
    style: Style,
    candidate: Option<String>,
}

impl ForeignLock {
    /// Opens a session and makes the lock's nodes if they are absent, as the original's constructor does.
    pub fn new(style: Style, connect: &str) -> ForeignLock {
        let session = Foreign::connect(connect);
        match style {
            Style::Zktools => {
                session.create_if_absent(ZKTOOLS_ROOT, b"zktools ZLock dir");
                session.create_if_absent(ZKTOOLS_LOCK, b"lock");
            }
            Style::Kazoo => session.create_if_absent(KAZOO_LOCK, b""),
        }
        ForeignLock {
            session,
            style,
            candidate: None,
        }
    }

    /// Takes the lock, which must be free.
    pub fn hold(&mut self) {
        assert!(
            self.try_hold(),
            "the {} lock is held by another: {:?}",
            self.style.word(),
            self.candidates()
        );
    }

    /// Tries to take the lock without waiting; false leaves nothing behind.
    pub fn try_hold(&mut self) -> bool {
        assert!(self.candidate.is_none(), "this contender holds the lock already");
        let prefix = match self.style {
            Style::Zktools => format!("{ZKTOOLS_LOCK}/{}-lock--", unique_hex()),
            Style::Kazoo => format!("{KAZOO_LOCK}/{}{KAZOO_MARK}", unique_hex()),
        };
        let path = self.session.create_candidate(&prefix, b"0");
        let first = self.candidates().into_iter().next();
        if first.as_deref() == path.rsplit('/').next() {
            self.candidate = Some(path);
            return true;
        }
        self.session.delete(&path);
        false
    }

    /// Returns the path of the candidate while the lock is held.
    pub fn candidate(&self) -> &str {
        self.candidate.as_deref().expect("the lock is held")
    }

    /// Returns the session that owns the candidate.
    pub fn session(&self) -> &Foreign {
        &self.session
    }

    /// Gives the lock back.
    pub fn release(&mut self) {
        let path = self.candidate.take().expect("the lock is held");
        self.session.delete(&path);
    }

    /// Returns the children that count, the holder first.
    fn candidates(&self) -> Vec<String> {
        let mut names = self.session.children(self.style.directory());
        names.retain(|name| self.style.order(name).is_some());
        names.sort_by(|one, other| self.style.order(one).cmp(&self.style.order(other)));
        names
    }
}

/// Returns 32 hexadecimal digits that no other contender of this machine uses now.
fn unique_hex() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(
        "{:016x}{:016x}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

/// A contender written with kazoo, in a Python process.
pub struct KazooProcess {
    process: Child,
    held: bool,
}

impl KazooProcess {
    /// Starts the helper and waits for its word.
    pub fn start(style: Style, connect: &str) -> KazooProcess {
        let mut process = Command::new(python())
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/support/kazoo_lock.py"
            ))
            .args([style.word(), connect])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python can be started");
        let mut word = String::new();
        let output = process.stdout.take().expect("its output is a pipe");
        BufReader::new(output)
            .read_line(&mut word)
            .expect("its output can be read");
        let held = match word.trim() {
            "held" => true,
            "refused" => false,
            other => panic!("the kazoo helper said {other:?}; its complaint is above"),
        };
        KazooProcess { process, held }
    }

    /// Tells whether it got the lock.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Lets it give the lock back and end.
    pub fn release(mut self) {
        drop(self.process.stdin.take());
        let status = self.process.wait().expect("a child can be waited for");
        assert!(status.success(), "the kazoo helper ended with {status}");
    }
}

impl Drop for KazooProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns a Python that has kazoo, or fails with how to get one.
pub fn python() -> PathBuf {
    if let Some(python) = std::env::var_os("TREEKEEPER_TEST_PYTHON") {
        return python.into();
    }
    let python = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../venv/bin/python");
    assert!(
        python.is_file(),
        "this test needs Python with kazoo: run `scripts/test-python`, which makes target/venv, \
         or set TREEKEEPER_TEST_PYTHON"
    );
    python
}
