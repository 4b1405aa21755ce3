//! A real git repository in a temporary directory, as an operator's host would serve it.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A repository with a work tree and one branch, `main`.
pub struct Repository {
    directory: TempDir,
}

impl Repository {
    /// Makes an empty repository.
    pub fn new() -> Repository {
        let directory = tempfile::Builder::new()
            .prefix("treekeeper-git-")
            .tempdir()
            .expect("a temporary directory");
        let repository = Repository { directory };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// Returns where it is, which serves as its URL.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Commits exactly these files (name, text) in place of what was there, and returns the commit's id.
    ///
    /// A commit that changes nothing is made all the same: only its id differs.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        for entry in fs::read_dir(self.path()).expect("the work tree can be listed") {
            let entry = entry.expect("the work tree can be listed");
            if entry.file_name() == ".git" {
                continue;
            }
            let is_directory = entry.file_type().expect("an entry has a type").is_dir();
            let remove = if is_directory {
                fs::remove_dir_all(entry.path())
            } else {
                fs::remove_file(entry.path())
            };
            remove.expect("the work tree can be emptied");
        }
        for (name, text) in files {
            let file = self.path().join(name);
            fs::create_dir_all(file.parent().expect("a file has a directory"))
                .expect("a directory can be made");
            fs::write(file, text).expect("a file can be written");
        }
        self.git(&["add", "--all", "--force", "."]);
        // The directory's name makes the root commit this repository's own: it is a repository's identity.
        let message = format!("a tree of {}", self.path().display());
        self.git(&["commit", "--quiet", "--allow-empty", "--message", &message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Lets the branch name this commit, as a push does.
    pub fn point_at(&self, commit: &str) {
        self.git(&["reset", "--quiet", "--hard", commit]);
    }

    /// Runs git in the repository and returns its output; a failure is a panic.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs([
                ("GIT_AUTHOR_NAME", "Tester"),
                ("GIT_AUTHOR_EMAIL", "tester@example.com"),
            ])
            .envs([
                ("GIT_COMMITTER_NAME", "Tester"),
                ("GIT_COMMITTER_EMAIL", "tester@example.com"),
            ])
            .envs([
                ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
                ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"),
            ])
            .output()
            .expect("git can be started");
        assert!(
            output.status.success(),
            "git {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("git prints text")
    }
}
