//! A TCP proxy on loopback that understands just enough of ZooKeeper's frames to break a connection at a known one.
//!
//! It counts the multis that write something (a check-only multi is a barrier, and is forwarded unseen) and does to
//! the k-th of them, from 0, what the test has scripted. It never changes a byte of a frame.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything here is waited for; a test that needs longer has gone wrong.
const WAIT_MAX: Duration = Duration::from_secs(90);
/// No frame of a test is longer.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The opcode of a connect request, which is the first frame of a connection and carries none.
pub const CONNECT: i32 = 0;
/// The opcode of a ping.
pub const PING: i32 = 11;
/// The opcode of a check, inside a multi.
const CHECK: i32 = 13;
/// The opcode of a multi that may write.
pub const MULTI: i32 = 14;

/// What happens to one writing multi.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It goes through.
    Forward,
    /// The connection is cut before the server gets it.
    Cut,
    /// The server gets half of it, and then the connection is cut.
    Half,
    /// It goes through, with as many more as are named; their replies are swallowed, and then the connection is cut.
    Swallow {
        /// How many multis go through, this one included.
        multis: usize,
    },
    /// As `Swallow` of one, and from then on no connection comes through, until `light`.
    SwallowAndDark,
    /// As `Cut`, and from then on no connection comes through, until `light`.
    Dark,
}

/// A running proxy; dropping it cuts every connection.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What to do to which writing multi; one that is absent goes through.
    script: BTreeMap<usize, Step>,
    /// Writing multis seen.
    multis: usize,
    /// Frames of clients seen, by opcode.
    frames: BTreeMap<i32, usize>,
    /// The multi that is held now.
    held: Option<usize>,
    dark: bool,
    over: bool,
    sockets: Vec<TcpStream>,
}

enum Step {
    Hold,
    Do(Then),
}

/// Replies that the other direction of a connection must not let through.
#[derive(Default)]
struct Swallowing {
    /// The transaction ids of the first and, once it is known, the last.
    range: Mutex<Option<(i32, Option<i32>)>>,
}

impl Proxy {
    /// Starts a proxy before the server of a connect string, whose chroot is of no interest.
    pub fn start(connect: &str) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let port = listener.local_addr().expect("a bound address").port();
        let server = connect.split('/').next().expect("a connect string").to_owned();
        let shared = Arc::new(Shared {
            server,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = shared.clone();
        thread::spawn(move || accept(&listener, &accepting));
        Proxy { port, shared }
    }

    /// Returns the connect string that leads through the proxy to the same chroot.
    pub fn connect(&self, connect: &str) -> String {
        let chroot = connect.find('/').map_or("", |start| &connect[start..]);
        format!("127.0.0.1:{}{chroot}", self.port)
    }

    /// Scripts what happens to the k-th writing multi.
    pub fn script(&self, multi: usize, then: Then) {
        self.shared.lock().script.insert(multi, Step::Do(then));
    }

    /// Scripts that the k-th writing multi waits until the test releases it.
    pub fn hold(&self, multi: usize) {
        self.shared.lock().script.insert(multi, Step::Hold);
    }

    /// Waits until the k-th writing multi is held.
    pub fn wait_held(&self, multi: usize) {
        self.shared.wait(&format!("multi {multi} to come"), |state| {
            state.held == Some(multi)
        });
    }

    /// Lets the held multi meet its fate.
    pub fn release(&self, multi: usize, then: Then) {
        let mut state = self.shared.lock();
        assert_eq!(state.held, Some(multi), "this multi is not held");
        state.script.insert(multi, Step::Do(then));
        self.shared.changed.notify_all();
    }

    /// Waits for the k-th writing multi, does `work`, and forwards it.
    pub fn at(&self, multi: usize, work: impl FnOnce()) {
        self.wait_held(multi);
        work();
        self.release(multi, Then::Forward);
    }

    /// Waits until so many writing multis have been seen.
    pub fn wait_multis(&self, multis: usize) {
        self.shared
            .wait(&format!("{multis} multis"), |state| state.multis >= multis);
    }

    /// Waits until no connection comes through.
    pub fn wait_dark(&self) {
        self.shared.wait("darkness", |state| state.dark);
    }

    /// Lets connections through again.
    pub fn light(&self) {
        self.shared.lock().dark = false;
    }

    /// Returns how many multis wrote, or tried to.
    pub fn multis(&self) -> usize {
        self.shared.lock().multis
    }

    /// Returns how many frames of clients had this opcode.
    pub fn frames(&self, opcode: i32) -> usize {
        self.shared.lock().frames.get(&opcode).copied().unwrap_or(0)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.over = true;
        for socket in state.sockets.drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
        drop(state);
        self.shared.changed.notify_all();
        // The accepting thread looks up when somebody comes.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    /// A test that failed while it held the lock has said so; the others go on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn wait(&self, what: &str, done: impl Fn(&State) -> bool) {
        let limit = Instant::now() + WAIT_MAX;
        let mut state = self.lock();
        while !done(&state) {
            let left = limit.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "the proxy waited {} s for {what} in vain",
                WAIT_MAX.as_secs()
            );
            state = match self.changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// Counts a frame, and returns what is to happen to it once the test has decided.
    fn judge(&self, opcode: i32, writes: bool) -> Then {
        let mut state = self.lock();
        *state.frames.entry(opcode).or_default() += 1;
        if !writes {
            return Then::Forward;
        }
        let multi = state.multis;
        state.multis += 1;
        self.changed.notify_all();
        let limit = Instant::now() + WAIT_MAX;
        loop {
            match state.script.get(&multi) {
                None => return Then::Forward,
                Some(Step::Do(then)) => {
                    let then = *then;
                    if state.held == Some(multi) {
                        state.held = None;
                    }
                    if matches!(then, Then::Dark | Then::SwallowAndDark) {
                        state.dark = true;
                    }
                    self.changed.notify_all();
                    return then;
                }
                Some(Step::Hold) if state.over || Instant::now() > limit => return Then::Cut,
                Some(Step::Hold) => {
                    state.held = Some(multi);
                    self.changed.notify_all();
                    state = match self.changed.wait_timeout(state, Duration::from_secs(1)) {
                        Ok((state, _)) => state,
                        Err(poisoned) => poisoned.into_inner().0,
                    };
                }
            }
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        let mut state = shared.lock();
        if state.over {
            return;
        }
        if state.dark {
            continue;
        }
        let Ok(server) = TcpStream::connect(&shared.server) else {
            continue;
        };
        let copies = [
            client.try_clone(),
            server.try_clone(),
            client.try_clone(),
            server.try_clone(),
        ];
        let [Ok(client_copy), Ok(server_copy), Ok(client_kept), Ok(server_kept)] = copies else {
            continue;
        };
        state.sockets.extend([client_kept, server_kept]);
        drop(state);
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let swallowing = Arc::new(Swallowing::default());
        let (towards, back) = (swallowing.clone(), swallowing);
        let shared = shared.clone();
        thread::spawn(move || {
            forward_requests(client, server, &shared, &towards);
        });
        thread::spawn(move || forward_replies(server_copy, client_copy, &back));
    }
}

fn cut(one: &TcpStream, other: &TcpStream) {
    let _ = one.shutdown(Shutdown::Both);
    let _ = other.shutdown(Shutdown::Both);
}

/// Carries a client's frames to the server, each as the script says.
fn forward_requests(mut client: TcpStream, mut server: TcpStream, shared: &Shared, swallowing: &Swallowing) {
    let mut first = true;
    // How many more multis go through before the connection is to end.
    let mut to_swallow: Option<usize> = None;
    while let Some(frame) = read_frame(&mut client) {
        let opcode = if first { CONNECT } else { integer(&frame, 8) };
        first = false;
        let writes = opcode == MULTI && writes(&frame);
        let then = shared.judge(opcode, writes);
        match then {
            Then::Forward => {}
            Then::Cut | Then::Dark => break,
            Then::Half => {
                let _ = server.write_all(&frame[..frame.len() / 2]);
                break;
            }
            Then::Swallow { multis } => {
                swallowing.begin(integer(&frame, 4));
                to_swallow = Some(multis);
            }
            Then::SwallowAndDark => {
                swallowing.begin(integer(&frame, 4));
                to_swallow = Some(1);
            }
        }
        if let (true, Some(left)) = (writes, &mut to_swallow) {
            *left -= 1;
            if *left == 0 {
                swallowing.end(integer(&frame, 4));
            }
        }
        if server.write_all(&frame).is_err() {
            break;
        }
        if to_swallow == Some(0) {
            // The other direction cuts when the last reply has come; nothing more goes through meanwhile.
            return;
        }
    }
    cut(&client, &server);
}

/// Carries the server's frames to the client, but for those that are to be swallowed.
fn forward_replies(mut server: TcpStream, mut client: TcpStream, swallowing: &Swallowing) {
    let mut first = true;
    while let Some(frame) = read_frame(&mut server) {
        let id = if first { 0 } else { integer(&frame, 4) };
        match swallowing.judge(id) {
            _ if first => {}
            Swallow::Nothing => {}
            Swallow::This => continue,
            Swallow::Last => break,
        }
        first = false;
        if client.write_all(&frame).is_err() {
            break;
        }
    }
    cut(&client, &server);
}

enum Swallow {
    Nothing,
    This,
    Last,
}

impl Swallowing {
    fn lock(&self) -> MutexGuard<'_, Option<(i32, Option<i32>)>> {
        self.range
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn begin(&self, id: i32) {
        *self.lock() = Some((id, None));
    }

    fn end(&self, id: i32) {
        if let Some((_, last)) = &mut *self.lock() {
            *last = Some(id);
        }
    }

    /// Ids of requests count up; those of pings and watches are negative.
    fn judge(&self, id: i32) -> Swallow {
        match *self.lock() {
            Some((_, Some(last))) if id == last => Swallow::Last,
            Some((first, _)) if id >= first => Swallow::This,
            _ => Swallow::Nothing,
        }
    }
}

/// Reads one frame with its length; `None` when the connection is over.
fn read_frame(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut frame = vec![0; 4];
    from.read_exact(&mut frame).ok()?;
    let length = usize::try_from(integer(&frame, 0))
        .ok()
        .filter(|length| *length <= FRAME_BYTES_MAX)?;
    frame.resize(4 + length, 0);
    from.read_exact(&mut frame[4..]).ok()?;
    Some(frame)
}

/// Returns the big-endian integer at a place of a frame; -1 where the frame is too short.
fn integer(frame: &[u8], at: usize) -> i32 {
    frame
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(-1, i32::from_be_bytes)
}

/// Tells whether a multi holds anything but checks: length, id and opcode, then type, done and error of each
/// operation before it.
fn writes(frame: &[u8]) -> bool {
    let mut at = 12;
    loop {
        let (kind, done) = (integer(frame, at), frame.get(at + 4));
        if done != Some(&0) {
            return false;
        }
        if kind != CHECK {
            return true;
        }
        let path = usize::try_from(integer(frame, at + 9)).unwrap_or(0);
        at += 9 + 4 + path + 4;
    }
}
