//! The pipes of one child process, read and fed in turn by one thread that never waits longer than it was told.
//!
//! Knows nothing of limits: who asks for the next event decides whether there is to be one.

use std::io::{self, ErrorKind, Read, Write};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};

/// Read at once.
const BUFFER_BYTES: usize = 256 << 10;
/// As much as a pipe may hold for any user: the fuller it gets, the less often the two ends wait for each other.
#[cfg(target_os = "linux")]
const PIPE_BYTES: usize = 1 << 20;

/// What came of a child's pipes.
pub(super) enum Event<'a> {
    /// It printed.
    Stdout(&'a [u8]),
    /// It complained.
    Stderr(&'a [u8]),
    /// It took a part of its input, or a pipe was closed.
    Moved,
    /// Nothing, for the time that was given.
    Quiet,
}

/// The ends of the pipes to a child that are open still.
pub(super) struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    /// What the child has still to be told, the last part of it.
    input: Vec<u8>,
    told: usize,
    buffer: Vec<u8>,
}

impl Pipes {
    /// Takes the pipes of `child`, which is to read `input` if it has a standard input to be written to.
    ///
    /// # Errors
    /// A pipe that can't be made not to block.
    pub(super) fn new(child: &mut Child, input: Vec<u8>) -> io::Result<Pipes> {
        let pipes = Pipes {
            stdin: child.stdin.take().filter(|_| !input.is_empty()),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            input,
            told: 0,
            buffer: vec![0; BUFFER_BYTES],
        };
        #[cfg(target_os = "linux")]
        if let Some(stdout) = &pipes.stdout {
            // What is refused stays as it was made.
            let _ = rustix::pipe::fcntl_setpipe_size(stdout, PIPE_BYTES);
        }
        // The child has ends of its own, which go on blocking.
        pipes
            .stdin
            .iter()
            .try_for_each(|pipe| ioctl_fionbio(pipe, true))?;
        pipes
            .stdout
            .iter()
            .try_for_each(|pipe| ioctl_fionbio(pipe, true))?;
        pipes
            .stderr
            .iter()
            .try_for_each(|pipe| ioctl_fionbio(pipe, true))?;
        Ok(pipes)
    }

    /// Tells whether the child can print nothing more.
    pub(super) fn are_closed(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Returns the next thing that happens within `patience`.
    ///
    /// # Errors
    /// A system that can't wait for pipes.
    pub(super) fn next(&mut self, patience: Duration) -> io::Result<Event<'_>> {
        let [out, err, into] = self.ready(patience)?;
        if out {
            return Ok(match read(&mut self.stdout, &mut self.buffer) {
                Some(length) => Event::Stdout(&self.buffer[..length]),
                None => Event::Moved,
            });
        }
        if err {
            return Ok(match read(&mut self.stderr, &mut self.buffer) {
                Some(length) => Event::Stderr(&self.buffer[..length]),
                None => Event::Moved,
            });
        }
        if into {
            self.feed();
            return Ok(Event::Moved);
        }
        Ok(Event::Quiet)
    }

    /// Waits until one of the pipes is ready: of standard output, of standard error, of standard input.
    fn ready(&self, patience: Duration) -> io::Result<[bool; 3]> {
        let stdout = self.stdout.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN));
        let stderr = self.stderr.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN));
        let stdin = self.stdin.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT));
        let are_open = [stdout.is_some(), stderr.is_some(), stdin.is_some()];
        let mut polled: Vec<_> = [stdout, stderr, stdin].into_iter().flatten().collect();
        let patience = Timespec {
            tv_sec: patience.as_secs() as _,
            tv_nsec: patience.subsec_nanos() as _,
        };
        match poll(&mut polled, Some(&patience)) {
            // A signal came between: the caller looks at its clock and asks again.
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // Closed ends and errors are ready too: reading or writing tells them.
        let mut polled = polled.iter();
        Ok(are_open.map(|is_open| is_open && polled.next().is_some_and(|pipe| !pipe.revents().is_empty())))
    }

    /// Writes as much of the input as the child takes now.
    fn feed(&mut self) {
        let Some(stdin) = &mut self.stdin else {
            return;
        };
        match stdin.write(&self.input[self.told..]) {
            Ok(written) => self.told += written,
            Err(error) if is_passing(&error) => {}
            // A child that stops reading has failed, and says so in its status.
            Err(_) => self.told = self.input.len(),
        }
        if self.told == self.input.len() {
            self.stdin = None;
        }
    }
}

/// Reads from a pipe that is ready, and lets go of it once nothing can come any more.
fn read(pipe: &mut Option<impl Read>, buffer: &mut [u8]) -> Option<usize> {
    match pipe.as_mut()?.read(buffer) {
        Ok(length) if length > 0 => Some(length),
        Err(error) if is_passing(&error) => None,
        _ => {
            *pipe = None;
            None
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn pipes(script: &str, input: Vec<u8>) -> (Child, Pipes) {
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pipes = Pipes::new(&mut child, input).unwrap();
        (child, pipes)
    }

    /// Follows a child to its end, and returns what it printed and complained.
    fn all(script: &str, input: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
        let (mut child, mut pipes) = pipes(script, input);
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        while !pipes.are_closed() {
            match pipes.next(Duration::from_secs(60)).unwrap() {
                Event::Stdout(bytes) => stdout.extend_from_slice(bytes),
                Event::Stderr(bytes) => stderr.extend_from_slice(bytes),
                Event::Moved => {}
                Event::Quiet => panic!("{script} says nothing"),
            }
        }
        drop(pipes);
        child.wait().unwrap();
        (stdout, stderr)
    }

    #[test]
    fn more_than_a_pipe_holds_goes_in_and_comes_out() {
        let input: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_be_bytes).collect();
        assert!(all("cat", input.clone()).0 == input);
        let (stdout, stderr) = all("tee /dev/stderr", input.clone());
        assert!(stdout == input && stderr == input);
    }

    #[test]
    fn a_child_that_reads_nothing_is_followed_all_the_same() {
        let (stdout, _) = all("exec <&-; echo done", vec![b'x'; 1 << 20]);
        assert_eq!(stdout, b"done\n");
    }

    #[test]
    fn silence_is_told_and_ends_the_wait() {
        let (mut child, mut pipes) = pipes("read line", Vec::new());
        let event = pipes.next(Duration::ZERO).unwrap();
        assert!(matches!(event, Event::Quiet | Event::Moved));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
