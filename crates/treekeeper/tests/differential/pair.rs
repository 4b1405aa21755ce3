//! A real ZooKeeper and a memkeeper that have gone through the same: what one says, the other has to say.
//!
//! Their transactions are counted from their first one, so nothing may happen to one that does not happen to both:
//! sessions don't expire here, and no container is swept.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use memkeeper::database::DatabaseOptions;
use memkeeper::{Server, ServerOptions};

use super::play::{self, Transcript};
use super::sequence::Sequence;
use super::support::zookeeper::ZooKeeper;

/// Longer than a test, in milliseconds.
const NEVER: u64 = 86_400_000;
/// So long that no session expires while a sequence is played.
const SESSION_TIMEOUT_MIN: i32 = 30_000;
const SESSION_TIMEOUT_MAX: i32 = 60_000;

/// Whether the servers know nodes with a TTL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Types {
    /// They do.
    Extended,
    /// They don't, as Apache ZooKeeper comes.
    Plain,
}

/// Two servers with one history.
pub struct Pair {
    zookeeper: ZooKeeper,
    memkeeper: Server,
    runs: usize,
}

/// Where two servers differ.
#[derive(Debug)]
pub struct Difference {
    /// Which list of the transcripts.
    pub at: usize,
    /// What ZooKeeper says.
    pub zookeeper: Vec<String>,
    /// What memkeeper says.
    pub memkeeper: Vec<String>,
}

impl Types {
    /// Returns the kind of servers that a seed is played on.
    pub fn of(seed: u64) -> Types {
        if seed.is_multiple_of(2) {
            Types::Extended
        } else {
            Types::Plain
        }
    }
}

impl Pair {
    /// Returns the pair of a kind, which all tests share, when nobody else plays on it.
    pub fn lock(types: Types) -> MutexGuard<'static, Pair> {
        static PAIRS: [OnceLock<Mutex<Pair>>; 2] = [const { OnceLock::new() }; 2];
        PAIRS[types as usize]
            .get_or_init(|| Mutex::new(Pair::start(types)))
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn start(types: Types) -> Pair {
        let lines = [format!("minSessionTimeout={SESSION_TIMEOUT_MIN}")];
        let extended = types == Types::Extended;
        let properties = [
            format!("-Dzookeeper.extendedTypesEnabled={extended}"),
            format!("-Dznode.container.checkIntervalMs={NEVER}"),
        ];
        let options = ServerOptions {
            database: DatabaseOptions {
                session_timeout_min: SESSION_TIMEOUT_MIN,
                session_timeout_max: SESSION_TIMEOUT_MAX,
                extended_types: extended,
                ..DatabaseOptions::default()
            },
            tick: Duration::from_millis(NEVER),
            ..ServerOptions::default()
        };
        Pair {
            zookeeper: ZooKeeper::start_with(&lines, &properties),
            memkeeper: Server::start(options).expect("a free loopback port"),
            runs: 0,
        }
    }

    /// Plays a sequence on both and returns how many requests were answered, or where they differ first.
    pub fn compare(&mut self, sequence: &Sequence) -> Result<usize, Difference> {
        self.compare_with(sequence, |_| {})
    }

    /// The same, but every message of memkeeper is changed before it is read.
    pub fn compare_with(
        &mut self,
        sequence: &Sequence,
        tamper: fn(&mut Vec<u8>),
    ) -> Result<usize, Difference> {
        let (zookeeper, memkeeper) = self.play(sequence, tamper);
        let pairs = zookeeper.iter().zip(&memkeeper);
        let different = pairs.enumerate().find(|(_, (one, other))| one != other);
        match different {
            None => Ok(zookeeper.iter().map(Vec::len).sum()),
            Some((at, (zookeeper, memkeeper))) => Err(Difference {
                at,
                zookeeper: zookeeper.clone(),
                memkeeper: memkeeper.clone(),
            }),
        }
    }

    fn play(&mut self, sequence: &Sequence, tamper: fn(&mut Vec<u8>)) -> (Transcript, Transcript) {
        let run = self.runs;
        self.runs += 1;
        let real = play::Server {
            address: self.zookeeper.address().parse().expect("an address"),
            tamper: |_| {},
        };
        let ours = play::Server {
            address: self.memkeeper.address(),
            tamper,
        };
        (play::play(sequence, real, run), play::play(sequence, ours, run))
    }
}
