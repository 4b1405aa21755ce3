//! What is played to two servers: steps of a few connections.
//!
//! Only data. Every path is below [`ROOT`], which the player replaces by a node of its own for each run, byte for
//! byte, so that one sequence can be played again and again.

use memkeeper::database::{Request, Write};

/// Where a sequence plays. Other roots have the same length, so that bytes can be replaced in encoded frames.
pub const ROOT: &str = "/r000000";

/// Steps of a few connections, each with a session.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// The session timeout that each connection asks for.
    pub timeouts: Vec<i32>,
    /// What they do, one after another.
    pub steps: Vec<Step>,
}

/// One thing that one connection does.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which connection.
    pub who: usize,
    /// What it does.
    pub action: Action,
}

/// What a connection can do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Sends a request. The zxid of `setWatches` counts from the start of the run.
    Call(Request),
    /// Sends a frame that may be no proper request.
    Bytes {
        /// The number of the operation.
        operation: i32,
        /// What follows the header.
        body: Vec<u8>,
    },
    /// Ends the connection and begins another.
    Return(Leave, Return),
}

/// How a connection ends before the next one begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The client closes it.
    HangUp,
    /// The client opens the next one first: the server has to cut the old one.
    Stay,
}

/// What the new connection says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// The session and its password.
    Proper,
    /// The session and a wrong password.
    Forged,
    /// The session, and that it has seen transactions which nobody made yet.
    Ahead,
    /// No session: a new one is asked for.
    Fresh,
}

impl Sequence {
    /// Returns every sequence with one step or one operation of a multi less, and before them those with many steps
    /// less: what a difference is made smaller with.
    pub fn smaller(&self) -> Vec<Sequence> {
        let mut smaller = Vec::new();
        let mut size = self.steps.len() / 2;
        while size > 0 {
            for start in (0..self.steps.len()).step_by(size) {
                let mut sequence = self.clone();
                sequence.steps.drain(start..(start + size).min(self.steps.len()));
                smaller.push(sequence);
            }
            size /= 2;
        }
        for (index, step) in self.steps.iter().enumerate() {
            let Action::Call(Request::Multi(writes)) = &step.action else {
                continue;
            };
            for left_out in 0..writes.len() {
                let mut fewer: Vec<Write> = writes.clone();
                fewer.remove(left_out);
                let mut sequence = self.clone();
                sequence.steps[index].action = Action::Call(Request::Multi(fewer));
                smaller.push(sequence);
            }
        }
        smaller
    }
}
