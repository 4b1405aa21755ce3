//! The TCP server: connections around one database, and faults on purpose.
//!
//! It listens on the loopback interface unless it is told otherwise in so many words. Everything is bounded: frames,
//! connections, what a client leaves unread, and the memory of all of them together. What a request does to the tree
//! is never decided here.

mod connection;
mod faults;
mod outbox;
mod state;
mod words;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

pub use faults::{Counted, Fault, Faults};

use crate::database::{Database, DatabaseOptions};
use crate::wire;
use state::Shared;

/// How long to wait after the system refused to accept a connection: it is out of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Who may connect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// Programs on this machine: an address that others could reach is refused.
    #[default]
    Loopback,
    /// Everybody who reaches the address. There is no encryption, and all is lost when the server ends.
    Everybody,
}

/// How a server listens, and its bounds.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Where to listen; port 0 is a free one.
    pub listen: SocketAddr,
    /// Who may connect.
    pub exposure: Exposure,
    /// What the database starts with.
    pub database: DatabaseOptions,
    /// How often time passes for sessions, containers and TTL nodes.
    pub tick: Duration,
    /// How long a connection may take to send its first frame.
    pub greeting_max: Duration,
    /// The most bytes of a frame (`jute.maxbuffer`); a longer one ends the connection.
    pub frame_bytes_max: usize,
    /// The most connections; further ones are dropped at once.
    pub connections_max: usize,
    /// The most bytes that one connection may leave unread; then it is cut. It also bounds a single reply.
    pub unread_bytes_max: usize,
    /// The most bytes that all connections together may have in buffers; who would exceed it is cut.
    pub buffered_bytes_max: usize,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            exposure: Exposure::Loopback,
            database: DatabaseOptions::default(),
            tick: Duration::from_millis(50),
            greeting_max: Duration::from_secs(10),
            frame_bytes_max: wire::FRAME_BYTES_MAX,
            connections_max: 1000,
            unread_bytes_max: 64 << 20,
            buffered_bytes_max: 256 << 20,
        }
    }
}

/// A running server, on a thread of its own; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    /// Dropping it ends the server.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts a server with an empty database.
    ///
    /// # Errors
    /// The address is taken, is not this machine's, or can be reached by others without [`Exposure::Everybody`].
    pub fn start(options: ServerOptions) -> io::Result<Server> {
        let database = Database::new(options.database.clone());
        Server::start_with(database, options)
    }

    /// Starts a server with a database that has something in it already.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with(database: Database, options: ServerOptions) -> io::Result<Server> {
        check_exposure(options.listen, options.exposure)?;
        let listener = std::net::TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let options = ServerOptions {
            listen: address,
            ..options
        };
        let shared = Arc::new(Shared::new(database, options));
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("memkeeper".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    // Registering a listener that is open already fails only when the runtime is broken.
                    if let Ok(listener) = TcpListener::from_std(listener) {
                        accept(listener, served, async { drop(stopped.await) }).await;
                    }
                });
            })?;
        Ok(Server {
            address,
            shared,
            running: Some(Running { stop, thread }),
        })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns where it listens, as clients want it: `127.0.0.1:2181`.
    pub fn connect_string(&self) -> String {
        self.address.to_string()
    }

    /// Runs `look` on the database while no request is served; watches that it fires are sent.
    pub fn with_database<T>(&self, look: impl FnOnce(&mut Database) -> T) -> T {
        self.shared.with_database(look)
    }

    /// Returns the faults of this server, to plan some.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Ends the server and its connections; the database can still be looked at.
    pub fn stop(&mut self) {
        if let Some(Running { stop, thread }) = self.running.take() {
            drop(stop);
            // A panic of the thread was printed by itself, and there is nothing left to end.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Serves `database` on `listener` until `shutdown` is ready.
///
/// # Errors
/// The listener can be reached by others without [`Exposure::Everybody`].
pub async fn serve(
    listener: TcpListener,
    database: Database,
    options: ServerOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let listen = listener.local_addr()?;
    check_exposure(listen, options.exposure)?;
    let options = ServerOptions { listen, ..options };
    accept(listener, Arc::new(Shared::new(database, options)), shutdown).await;
    Ok(())
}

fn check_exposure(listen: SocketAddr, exposure: Exposure) -> io::Result<()> {
    if exposure == Exposure::Loopback && !listen.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{listen} can be reached from other machines, and that was not asked for"),
        ));
    }
    Ok(())
}

/// Accepts connections and lets time pass. Its end ends every connection.
async fn accept(listener: TcpListener, shared: Arc<Shared>, shutdown: impl Future<Output = ()>) {
    let mut connections = JoinSet::new();
    let mut ticks = interval(shared.options.tick.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) if connections.len() < shared.options.connections_max => {
                    connections.spawn(connection::run(stream, address, Arc::clone(&shared)));
                }
                Ok(_) => {}
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
            _ = ticks.tick() => shared.tick(),
            () = &mut shutdown => return,
        }
    }
}

/// Locks a mutex; a test that panicked with the database at hand must not take the server down.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
