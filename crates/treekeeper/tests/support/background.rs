//! Runs the binary under test while the test goes on: to hold it, to kill it, to look at what it has done so far.

use std::io::Read;
use std::process::{Child, Command};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::treekeeper::{Output, Treekeeper};

/// How long one command may take.
const RUN_TIME_MAX: Duration = Duration::from_secs(180);

/// A command that has been started.
pub struct Background {
    child: Child,
    outputs: Option<[JoinHandle<String>; 2]>,
}

impl Background {
    /// Starts a command.
    pub fn start(treekeeper: &Treekeeper, arguments: &[&str]) -> Background {
        let mut child = treekeeper
            .command(arguments)
            .spawn()
            .expect("treekeeper can be started");
        let stdout = child.stdout.take().expect("its output is a pipe");
        let stderr = child.stderr.take().expect("its output is a pipe");
        let outputs = Some([
            std::thread::spawn(|| read(stdout)),
            std::thread::spawn(|| read(stderr)),
        ]);
        Background { child, outputs }
    }

    /// Waits until it ends; one that doesn't end fails the test.
    pub fn finish(mut self) -> Output {
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(
                begin.elapsed() < RUN_TIME_MAX,
                "treekeeper didn't end within {} s",
                RUN_TIME_MAX.as_secs()
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        let [stdout, stderr] = self
            .outputs
            .take()
            .expect("finished once")
            .map(|text| text.join().expect("text"));
        Output {
            status: status.code().unwrap_or(-1),
            stdout,
            stderr,
        }
    }

    /// Tells whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("a child can be waited for")
            .is_none()
    }

    /// Kills it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Stops it as a paused machine would be, or lets it go on.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status();
        assert!(status.expect("kill is there").success());
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut from: impl Read) -> String {
    let mut text = Vec::new();
    from.read_to_end(&mut text).expect("a pipe can be read");
    String::from_utf8(text).expect("treekeeper prints UTF-8")
}
