//! Real git repositories in temporary directories, with everything fixed that could differ between machines.
//!
//! Nothing of treekeeper is used here, so that it can't hide its own faults.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A repository with a work tree, and a home directory beside it.
pub struct Repository {
    directory: TempDir,
}

impl Repository {
    /// Makes a repository without commits; its branch is `main`.
    pub fn new() -> Repository {
        Repository::with_format("sha1")
    }

    /// Makes a repository whose ids are `sha1` or `sha256`.
    pub fn with_format(format: &str) -> Repository {
        let repository = Repository {
            directory: TempDir::new().unwrap(),
        };
        for name in ["repository", "home", "bin"] {
            fs::create_dir(repository.directory.path().join(name)).unwrap();
        }
        repository.git(&[
            "init",
            "--quiet",
            "--template=",
            "--initial-branch=main",
            "--object-format",
            format,
        ]);
        repository
    }

    /// Returns the work tree; its `.git` makes it a repository to fetch from.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("repository")
    }

    /// Returns the path as text, to be used as a URL.
    pub fn url(&self) -> String {
        self.path().to_str().unwrap().to_owned()
    }

    /// Returns a HOME for git.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    /// Returns a place that doesn't exist yet, for a mirror or whatever a test needs.
    pub fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes an executable script and returns its path.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Puts a git before the real one that runs `script` first, and returns the PATH that finds it.
    pub fn path_with_git(&self, script: &str) -> String {
        let git = self.script("git", &format!("{script}\nPATH=${{PATH#*:}} exec git \"$@\""));
        let first = git.parent().expect("a script is in a directory");
        format!(
            "{}:{}",
            first.display(),
            std::env::var("PATH").unwrap_or_default()
        )
    }

    /// Makes `files` the whole tree of a new commit on the checked-out branch, and returns the commit's id.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        self.git(&["rm", "-r", "--force", "--quiet", "--ignore-unmatch", "."]);
        for (name, text) in files {
            let path = self.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        self.git(&["add", "--all", "--force", "."]);
        // The directory's name makes the root commit this repository's own: it is a repository's identity.
        self.commit_index(&format!("a tree of {}", self.path().display()))
    }

    /// Commits what is staged, and returns the commit's id.
    pub fn commit_index(&self, subject: &str) -> String {
        self.git(&["commit", "--quiet", "--allow-empty", "-m", subject]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Commits a tree that no work tree could hold: `entries` is what `git mktree` reads, NULs at the ends of lines.
    pub fn commit_entries(&self, entries: &[u8]) -> String {
        let tree = self.git_with(&["mktree", "-z", "--missing"], entries);
        let parent = self.git(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
        let commit = self.git(&["commit-tree", "-p", &parent, "-m", "odd", &tree]);
        self.git(&["update-ref", "HEAD", &commit]);
        commit
    }

    /// Lets the branch name this commit, as a push does.
    pub fn point_at(&self, commit: &str) {
        self.git(&["reset", "--quiet", "--hard", commit]);
    }

    /// Runs git in the repository and returns what it prints, without the end of the line.
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, b"")
    }

    /// Runs git with something to read.
    pub fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.current_dir(self.path()).env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C");
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "Ada")
                .env(format!("GIT_{who}_EMAIL"), "ada@example.com");
            command.env(format!("GIT_{who}_DATE"), "2026-01-02T03:04:05+01:00");
        }
        command
    }
}

/// Returns all text of a file, or nothing if there is none.
pub fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
