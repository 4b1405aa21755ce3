//! A command that goes on until it is told to end: what it says is read line by line.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::support::treekeeper::Treekeeper;

/// How long a line, or the end, may take.
const TIME_MAX: Duration = Duration::from_secs(60);

/// A running command; it is killed when it is dropped.
pub struct Foreground {
    child: Child,
    lines: Receiver<String>,
}

impl Foreground {
    /// Starts a command.
    pub fn start(treekeeper: &Treekeeper, arguments: &[&str]) -> Foreground {
        let mut child = treekeeper
            .command(arguments)
            .spawn()
            .expect("treekeeper can be started");
        let stdout = child.stdout.take().expect("its output is a pipe");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let _ = sender.send(line.expect("treekeeper prints UTF-8"));
            }
        });
        Foreground { child, lines }
    }

    /// Reads standard output up to the first line that holds these words, and returns it.
    pub fn line_with(&mut self, words: &str) -> String {
        let until = Instant::now() + TIME_MAX;
        loop {
            let rest = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(rest) {
                Ok(line) if line.contains(words) => return line,
                Ok(_) => {}
                Err(_) => panic!("it never said {words:?}, but: {}", self.stderr()),
            }
        }
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Waits for the end, and returns the exit code and standard error.
    pub fn finish(mut self) -> (i32, String) {
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(begin.elapsed() < TIME_MAX, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        };
        (status.code().unwrap_or(-1), self.stderr())
    }

    fn stderr(&mut self) -> String {
        let _ = self.child.kill();
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut text).expect("treekeeper prints UTF-8");
        }
        text
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
