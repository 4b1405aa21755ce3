//! A TCP proxy on loopback that breaks a connection at the k-th frame of a client, in a way that is asked for.
//!
//! It knows frames and nothing else of ZooKeeper: every frame of a client counts, but for pings, which come when they
//! like. It never changes a byte.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The opcode of a ping.
const PING: i32 = 11;
/// How long a late frame waits for the client to come again on another connection.
const COMEBACK_TIME_MAX: Duration = Duration::from_secs(2);

/// How a connection is broken at a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Both ends are closed before the server gets it.
    Before,
    /// The same, and both ends see a reset.
    BeforeReset,
    /// The server has answered; the reply is swallowed and both ends are closed.
    After,
    /// The same, and both ends see a reset.
    AfterReset,
    /// The server gets half of it.
    HalfFrame,
    /// The client gets half of the reply.
    HalfReply,
    /// It waits longer than the session lives, and then goes through.
    Stall,
    /// The client's end is closed; once the client has come again on another connection, the frame goes through on
    /// the old one.
    Late,
}

/// All of them.
pub const MODES: [Mode; 8] = [
    Mode::Before,
    Mode::BeforeReset,
    Mode::After,
    Mode::AfterReset,
    Mode::HalfFrame,
    Mode::HalfReply,
    Mode::Stall,
    Mode::Late,
];

/// What is to happen at which frame.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The ways by the frame's number, from 0.
    pub faults: BTreeMap<usize, Mode>,
    /// How long a stalled frame waits.
    pub stall: Duration,
}

/// Something that is done when a fault's frame has come, before its fate.
pub type Hook = Box<dyn Fn() + Send + Sync>;

/// A running proxy; dropping it cuts every connection.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    script: Script,
    hook: Option<Hook>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    frames: usize,
    faults: usize,
    connections: usize,
    over: bool,
    open: Vec<Weak<Pair>>,
}

/// The two ends of one connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// What the reply of a faulted request meets.
    trap: Mutex<Option<(i32, Mode)>>,
}

impl Proxy {
    /// Starts a proxy before the only server of a connect string.
    pub fn start(connect: &str, script: Script, hook: Option<Hook>) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let port = listener.local_addr().expect("a bound address").port();
        let shared = Arc::new(Shared {
            server: hosts_of(connect).to_owned(),
            script,
            hook,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = shared.clone();
        thread::spawn(move || accept(&listener, &accepting));
        Proxy { port, shared }
    }

    /// Returns the connect string that leads through the proxy to the same chroot.
    pub fn connect(&self, connect: &str) -> String {
        through(self.port, connect)
    }

    /// Returns how many frames of clients came, pings aside.
    pub fn frames(&self) -> usize {
        self.shared.lock().frames
    }

    /// Returns how many faults were met.
    pub fn faults(&self) -> usize {
        self.shared.lock().faults
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.over = true;
        for pair in state.open.drain(..) {
            if let Some(pair) = pair.upgrade() {
                pair.close();
            }
        }
        drop(state);
        self.shared.changed.notify_all();
        // The accepting thread looks up when somebody comes.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts a frame and returns the fault that it meets.
    fn judge(&self) -> Option<Mode> {
        let mut state = self.lock();
        let fault = self.script.faults.get(&state.frames).copied();
        state.frames += 1;
        state.faults += usize::from(fault.is_some());
        drop(state);
        if let (Some(_), Some(hook)) = (fault, &self.hook) {
            hook();
        }
        fault
    }

    /// Waits until `done`, or the time is over, or the proxy is.
    fn wait(&self, limit: Duration, done: impl Fn(&State) -> bool) {
        let end = Instant::now() + limit;
        let mut state = self.lock();
        while !done(&state) && !state.over {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = match self.changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

impl Pair {
    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// Lets both ends see a reset, once both threads have let go: closing without lingering sends one.
    fn reset(&self) {
        for end in [&self.client, &self.server] {
            let _ = SockRef::from(end).set_linger(Some(Duration::ZERO));
            // Wakes the other thread, and sends nothing.
            let _ = end.shutdown(Shutdown::Read);
        }
    }

    fn trap(&self) -> MutexGuard<'_, Option<(i32, Mode)>> {
        self.trap
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        if shared.lock().over {
            return;
        }
        let Ok(server) = TcpStream::connect(&shared.server) else {
            continue;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let pair = Arc::new(Pair {
            client,
            server,
            trap: Mutex::default(),
        });
        let mut state = shared.lock();
        state.connections += 1;
        state.open.push(Arc::downgrade(&pair));
        drop(state);
        shared.changed.notify_all();
        let (requests, replies) = (pair.clone(), pair);
        let shared = shared.clone();
        thread::spawn(move || carry_requests(requests, &shared));
        thread::spawn(move || carry_replies(replies));
    }
}

/// Carries a client's frames to the server until the connection ends or meets its fault.
fn carry_requests(pair: Arc<Pair>, shared: &Shared) {
    let mut first = true;
    while let Some(frame) = read_frame(&pair.client) {
        let is_ping = !first && integer(&frame, 8) == PING;
        // The reply of a connect request has no id; it is the first.
        let id = if first { None } else { Some(integer(&frame, 4)) };
        first = false;
        let fault = if is_ping { None } else { shared.judge() };
        let Some(mode) = fault else {
            if (&pair.server).write_all(&frame).is_err() {
                break;
            }
            continue;
        };
        match mode {
            Mode::Before => break,
            Mode::BeforeReset => return pair.reset(),
            Mode::HalfFrame => {
                let _ = (&pair.server).write_all(&frame[..frame.len() / 2]);
                break;
            }
            Mode::After | Mode::AfterReset | Mode::HalfReply => {
                *pair.trap() = Some((id.unwrap_or(0), mode));
                if (&pair.server).write_all(&frame).is_err() {
                    break;
                }
                // The other thread ends the connection at the reply; nothing more goes through meanwhile.
                return;
            }
            Mode::Stall => {
                shared.wait(shared.script.stall, |_| false);
                if (&pair.server).write_all(&frame).is_err() {
                    break;
                }
            }
            Mode::Late => return deliver_late(&pair, &frame, shared),
        }
    }
    pair.close();
}

/// Delivers a frame on a connection whose client has gone, and come again on another.
fn deliver_late(pair: &Pair, frame: &[u8], shared: &Shared) {
    let seen = shared.lock().connections;
    let _ = pair.client.shutdown(Shutdown::Both);
    shared.wait(COMEBACK_TIME_MAX, |state| state.connections > seen);
    // Long enough for the new connection to be granted the session.
    shared.wait(Duration::from_millis(100), |_| false);
    let _ = (&pair.server).write_all(frame);
    shared.wait(Duration::from_millis(300), |_| false);
    pair.close();
}

/// Carries the server's frames to the client, but for the reply that a fault waits for.
fn carry_replies(pair: Arc<Pair>) {
    let mut first = true;
    while let Some(frame) = read_frame(&pair.server) {
        let id = if first { 0 } else { integer(&frame, 4) };
        first = false;
        let trap = *pair.trap();
        match trap {
            Some((wanted, mode)) if wanted == id => {
                if mode == Mode::HalfReply {
                    let _ = (&pair.client).write_all(&frame[..frame.len() / 2]);
                }
                *pair.trap() = None;
                if mode == Mode::AfterReset {
                    return pair.reset();
                }
                break;
            }
            _ => {
                if (&pair.client).write_all(&frame).is_err() {
                    break;
                }
            }
        }
    }
    pair.close();
}

/// Returns the servers of a connect string.
pub fn hosts_of(connect: &str) -> &str {
    connect.split('/').next().unwrap_or_default()
}

/// Returns the connect string that leads through a loopback port to the same chroot.
pub fn through(port: u16, connect: &str) -> String {
    format!("127.0.0.1:{port}{}", &connect[hosts_of(connect).len()..])
}

/// Reads one frame with its length; `None` when the connection is over.
pub fn read_frame(mut from: &TcpStream) -> Option<Vec<u8>> {
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
pub fn integer(frame: &[u8], at: usize) -> i32 {
    frame
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(-1, i32::from_be_bytes)
}
