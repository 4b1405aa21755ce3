//! The adapter to ZooKeeper: sessions, reading trees, the lock, and transactions.
//!
//! Floor 3. It does what it is asked and reports what it saw; what to do next is decided in `treekeeper-core`.
//! It never imports `git`, `engine` or `cli`. Only `commit`, `prepare`, `lock`, `contenders` and `operator` write,
//! and `playground`, which knows no other znodes than the demo's own; what `rehearse` sends cannot be applied.

mod access;
mod cluster;
mod commit;
mod contenders;
mod differing;
mod error;
mod four_letters;
mod hints;
mod history;
mod lock;
mod observe;
mod operator;
mod playground;
mod probe;
mod progress;
mod rehearse;
mod session;
mod trouble;

pub use access::{Reach, denied, reach};
pub use cluster::{read_cluster, read_links};
pub use commit::{commit, settle};
pub use contenders::{Broken, Contender, break_candidate, contenders, lock_nodes};
pub use differing::differing;
pub use error::ZkError;
pub use four_letters::addresses;
pub use hints::Hints;
pub use history::{Recorded, read_history};
pub use lock::{HeldLock, acquire, prepare};
pub use observe::{ReadMethod, observe, observe_more, top_level};
pub use operator::{VersionChange, change_host_property, change_version};
pub use playground::{Playground, converge};
pub use probe::{
    Quota, ServerAnswer, ServerFacts, newest_write_ms, quotas, reads_many_at_once, round_trip, servers,
    takes_bytes, watches_last,
};
pub use progress::{Amount, Progress, Work};
pub use rehearse::rehearse;
pub use session::{Credentials, Session, SessionOptions, TlsFiles, split};
pub use trouble::trouble_listener;
