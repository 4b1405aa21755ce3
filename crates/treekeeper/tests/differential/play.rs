//! Plays a sequence on one server and writes down everything that the server says.
//!
//! One request at a time: the next one is sent when the reply to this one is there. So what a server says is a
//! matter of its behavior alone, and two transcripts can be compared line by line.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use memkeeper::database::{Create, CreateMode, Request};
use memkeeper::wire::Operation;
use memkeeper::wire::client::encode_request;

use super::client::{Client, Heard, Hello};
use super::reading::{self, Names};
use super::sequence::{Action, Leave, ROOT, Return, Sequence};

/// More than a connection can have been told since it last looked; the bound of every wait for a reply.
const EVENTS_MAX: usize = 10_000;
/// Further than any test gets.
const ZXID_AHEAD: i64 = 1 << 40;
/// The observer's session timeout; it is asked for at the end, when the sequence is played.
const OBSERVER_TIMEOUT: i32 = 60_000;
/// The frame's length, the number of the request, the number of the operation.
const REQUEST_HEADER_BYTES: usize = 12;

/// What a server said, in lines: one list for each step, and one for what was there in the end.
pub type Transcript = Vec<Vec<String>>;

/// A server, and what is done to its bytes before they are read.
#[derive(Clone, Copy)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Changes a message, so that a test can see a difference.
    pub tamper: fn(&mut Vec<u8>),
}

/// Plays a sequence below the root of this run.
pub fn play(sequence: &Sequence, server: Server, run: usize) -> Transcript {
    let root = format!("/r{run:06}");
    assert_eq!(
        root.len(),
        ROOT.len(),
        "a root keeps its length, for it is replaced in frames"
    );
    let mut player = Player::new(sequence, server, root);
    let mut transcript = vec![player.open_all()];
    for step in &sequence.steps {
        transcript.push(player.step(step.who, &step.action));
    }
    transcript.push(player.collect());
    transcript.push(player.look_around(sequence));
    transcript.push(player.close_all());
    transcript.push(player.look_around(sequence));
    player.observer.end();
    transcript
}

struct Player {
    tamper: fn(&mut Vec<u8>),
    observer: Client,
    clients: Vec<Client>,
    /// Clients whose session was given up for a new one, but lives on.
    abandoned: Vec<Client>,
    names: Names,
}

impl Player {
    /// Makes the root by a session of its own, whose transaction is where the run starts.
    fn new(sequence: &Sequence, server: Server, root: String) -> Player {
        let mut observer = Client::new(server.address, OBSERVER_TIMEOUT);
        observer.connect(fresh());
        let create = Create::open(&root, b"", CreateMode::Persistent);
        let made = observer.ask(&Request::Create(create));
        let clients = sequence
            .timeouts
            .iter()
            .map(|timeout| Client::new(server.address, *timeout));
        Player {
            tamper: server.tamper,
            observer,
            clients: clients.collect(),
            abandoned: Vec::new(),
            names: Names {
                start: reading::zxid(&made),
                sessions: Vec::new(),
                root,
            },
        }
    }

    fn open_all(&mut self) -> Vec<String> {
        (0..self.clients.len())
            .map(|who| self.greet(who, fresh()))
            .collect()
    }

    fn step(&mut self, who: usize, action: &Action) -> Vec<String> {
        match action {
            Action::Call(request) => self.call(who, request),
            Action::Bytes { operation, body } => self.send(who, *operation, xid_of(*operation), body),
            Action::Return(leave, how) => self.come_back(who, *leave, *how),
        }
    }

    fn call(&mut self, who: usize, request: &Request) -> Vec<String> {
        let mut request = request.clone();
        if let Request::SetWatches { relative_zxid, .. } = &mut request {
            *relative_zxid += self.names.start;
        }
        let operation = operation_of(&request);
        let mut frame = Vec::new();
        encode_request(&mut frame, 0, &request);
        let lines = self.send(who, operation, xid_of(operation), &frame[REQUEST_HEADER_BYTES..]);
        if request != Request::CloseSession || !self.clients[who].is_connected() {
            return lines;
        }
        // The ephemeral nodes of a session end in no order: everybody is told of them here, sorted.
        let mut lines = [lines, self.hear_the_end(who), self.collect()].concat();
        lines.sort();
        lines
    }

    /// Sends a frame and writes down everything up to its reply.
    fn send(&mut self, who: usize, operation: i32, xid: Option<i32>, body: &[u8]) -> Vec<String> {
        let client = &mut self.clients[who];
        if !client.is_connected() {
            return vec!["not connected".to_owned()];
        }
        let xid = xid.unwrap_or_else(|| client.next_xid());
        let mut frame = Vec::new();
        let length = i32::try_from(8 + body.len()).expect("a frame is small");
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&xid.to_be_bytes());
        frame.extend_from_slice(&operation.to_be_bytes());
        frame.extend_from_slice(body);
        client.say(&replaced(frame, ROOT, &self.names.root));
        let mut lines = self.hear_reply(who, operation);
        if ends(operation, &lines) {
            lines.extend(self.hear_the_end(who));
        }
        lines
    }

    fn hear_reply(&mut self, who: usize, operation: i32) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < EVENTS_MAX {
            match self.clients[who].hear() {
                Heard::Message(mut message) => {
                    (self.tamper)(&mut message);
                    lines.push(self.names.message(&message, operation));
                    if !reading::is_event(&message) {
                        break;
                    }
                }
                Heard::End => {
                    lines.push("the connection ends".to_owned());
                    break;
                }
                Heard::Silence => {
                    lines.push("SILENCE".to_owned());
                    break;
                }
            }
        }
        lines
    }

    fn hear_the_end(&mut self, who: usize) -> Vec<String> {
        let names = &self.names;
        hear_out(&mut self.clients[who], names)
    }

    fn come_back(&mut self, who: usize, leave: Leave, how: Return) -> Vec<String> {
        let client = &mut self.clients[who];
        let hello = match how {
            Return::Fresh => fresh(),
            Return::Proper => Hello {
                session: client.session,
                password: client.password(),
                zxid: 0,
            },
            Return::Forged => Hello {
                session: client.session,
                password: vec![7; 16],
                zxid: 0,
            },
            Return::Ahead => Hello {
                session: client.session,
                password: client.password(),
                zxid: ZXID_AHEAD,
            },
        };
        // A new session has nothing to do with the old connection: nobody would cut that.
        let leave = if how == Return::Fresh {
            Leave::HangUp
        } else {
            leave
        };
        let mut lines = Vec::new();
        if leave == Leave::HangUp && client.is_connected() {
            client.finish();
            lines.extend(self.hear_the_end(who));
        }
        let mut left = self.clients[who].leave_behind();
        lines.push(self.greet(who, hello));
        if left.is_connected() {
            if how == Return::Ahead {
                left.finish();
            }
            lines.extend(hear_out(&mut left, &self.names));
        }
        if how == Return::Fresh {
            self.abandoned.push(left);
        }
        lines
    }

    fn greet(&mut self, who: usize, hello: Hello) -> String {
        let heard = self.clients[who].connect(hello);
        let session = self.clients[who].session;
        if session != 0 && !self.names.sessions.contains(&session) {
            self.names.sessions.push(session);
        }
        match heard {
            Heard::Message(message) => {
                let line = self.names.greeting(&message);
                if line.contains("password blank") {
                    return [vec![line], self.hear_the_end(who)].concat().join(", ");
                }
                line
            }
            Heard::End => "no greeting".to_owned(),
            Heard::Silence => "SILENCE instead of a greeting".to_owned(),
        }
    }

    /// Has everybody told what they don't know yet.
    fn collect(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for who in 0..self.clients.len() {
            if self.clients[who].is_connected() {
                let told = self.call(who, &Request::Ping);
                lines.extend(told.into_iter().map(|line| format!("{who}: {line}")));
            }
        }
        lines
    }

    /// Looks at the stat of every node that the sequence names, as somebody whom no ACL keeps from it.
    fn look_around(&mut self, sequence: &Sequence) -> Vec<String> {
        let mut lines = Vec::new();
        let count = Request::GetAllChildrenNumber {
            path: self.names.root.clone(),
        };
        let answer = self.observer.ask(&count);
        lines.push(self.names.message(&answer, operation_of(&count)));
        for path in paths(sequence) {
            let exists = Request::Exists {
                path: path.replace(ROOT, &self.names.root),
                watch: false,
            };
            let mut answer = self.observer.ask(&exists);
            (self.tamper)(&mut answer);
            let line = self.names.message(&answer, operation_of(&exists));
            lines.push(format!("{path}: {line}"));
        }
        lines
    }

    /// Ends every session, so that the next sequence finds none and none expires while it is played.
    fn close_all(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        self.clients.append(&mut self.abandoned);
        for who in 0..self.clients.len() {
            if !self.clients[who].is_connected() {
                lines.extend(self.come_back(who, Leave::HangUp, Return::Proper));
            }
            lines.extend(self.call(who, &Request::CloseSession));
        }
        lines
    }
}

impl Client {
    /// Asks as the observer, who has no watches and is never refused.
    fn ask(&mut self, request: &Request) -> Vec<u8> {
        let mut frame = Vec::new();
        encode_request(&mut frame, self.next_xid(), request);
        self.say(&frame);
        match self.hear() {
            Heard::Message(message) => message,
            Heard::End | Heard::Silence => panic!("the server doesn't answer the observer"),
        }
    }

    fn end(&mut self) {
        self.ask(&Request::CloseSession);
    }
}

fn fresh() -> Hello {
    Hello {
        session: 0,
        password: vec![0; 16],
        zxid: 0,
    }
}

/// Writes down what a connection still says before it ends.
fn hear_out(client: &mut Client, names: &Names) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < EVENTS_MAX {
        match client.hear() {
            Heard::Message(message) => lines.push(names.message(&message, 0)),
            Heard::End => break,
            Heard::Silence => {
                lines.push("SILENCE instead of the end".to_owned());
                return lines;
            }
        }
    }
    lines.push("the end".to_owned());
    lines
}

/// Tells whether a reply is the last one: of a session's end, and the refusals that a server doesn't forgive.
fn ends(operation: i32, lines: &[String]) -> bool {
    let last = lines.last().map_or("", String::as_str);
    let is_unforgiven = ["error -112", "error -115"]
        .iter()
        .any(|error| last.ends_with(error));
    let is_unknown = Operation::from_code(operation).is_none() && last.ends_with("error -6");
    is_unforgiven || is_unknown
}

fn operation_of(request: &Request) -> i32 {
    match request {
        Request::Unknown(code) => *code,
        known => Operation::of(known).map_or(0, Operation::code),
    }
}

/// Returns the number that clients give to requests of a kind, if they have one of their own.
fn xid_of(operation: i32) -> Option<i32> {
    match Operation::from_code(operation)? {
        Operation::Ping => Some(-2),
        Operation::Auth => Some(-4),
        Operation::SetWatches | Operation::SetWatches2 => Some(-8),
        _ => None,
    }
}

fn replaced(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let mut at = 0;
    while let Some(rest) = bytes.get_mut(at..at + from.len()) {
        if rest == from.as_bytes() {
            rest.copy_from_slice(to.as_bytes());
            at += from.len();
        } else {
            at += 1;
        }
    }
    bytes
}

/// Returns the valid paths below the root that a sequence writes to, sorted.
fn paths(sequence: &Sequence) -> BTreeSet<String> {
    use memkeeper::database::Write;
    let of_write = |write: &Write| match write {
        Write::Create(create) => create.path.clone(),
        Write::Delete(delete) => delete.path.clone(),
        Write::SetData(set) => set.path.clone(),
        Write::Check(check) => check.path.clone(),
    };
    let mut paths = BTreeSet::from([ROOT.to_owned()]);
    for step in &sequence.steps {
        match &step.action {
            Action::Call(Request::Create(create)) => drop(paths.insert(create.path.clone())),
            Action::Call(Request::SetData(set)) => drop(paths.insert(set.path.clone())),
            Action::Call(Request::SetAcl { path, .. }) => drop(paths.insert(path.clone())),
            Action::Call(Request::Multi(writes)) => paths.extend(writes.iter().map(of_write)),
            _ => {}
        }
    }
    paths.retain(|path| path.starts_with(ROOT));
    paths
}
