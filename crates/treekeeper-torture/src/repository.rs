//! A bare git repository with one tree file a commit.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::tree::Tree;

/// A repository in a temporary directory.
pub struct Repository {
    directory: TempDir,
}

impl Repository {
    /// Returns an empty repository.
    pub fn new() -> Repository {
        let directory = tempfile::Builder::new()
            .prefix("treekeeper-torture-")
            .tempdir()
            .expect("a temporary directory");
        let repository = Repository { directory };
        let status = repository
            .git(&[
                "init",
                "--quiet",
                "--bare",
                "--template=",
                "--initial-branch=main",
                ".",
            ])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "git can make a repository"
        );
        repository
    }

    /// Returns the path, which is its URL.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Makes a tree the newest commit of the branch, and returns the commit's id.
    pub fn commit(&self, tree: &Tree) -> String {
        let text = tree.text();
        // The directory's name makes the root commit this repository's own: it is a repository's identity.
        let message = format!("a tree of {}", self.path().display());
        let has_parent = self.path().join("refs/heads/main").exists();
        let from = if has_parent {
            "from refs/heads/main^0\n"
        } else {
            ""
        };
        let stream = format!(
            "commit refs/heads/main\nmark :1\ncommitter Ada <ada@example.com> 1767225600 +0000\ndata {}\n{message}\n{from}\
             deleteall\nM 644 inline app.zk\ndata {}\n{text}\nget-mark :1\n",
            message.len(),
            text.len()
        );
        let mut child = self
            .git(&["fast-import", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git can be started");
        let mut input = child.stdin.take().expect("its input is a pipe");
        input.write_all(stream.as_bytes()).expect("git reads its input");
        drop(input);
        let output = child.wait_with_output().expect("a child can be waited for");
        assert!(output.status.success(), "git takes the commit");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn git(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }
}
