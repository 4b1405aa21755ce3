//! The adapter to ZooKeeper: sessions, reading trees, the lock, and transactions.
//!
//! Floor 3. It does what it is asked and reports what it saw; what to do next is decided in `treekeeper-core`.
//! It never imports `git`, `engine` or `cli`. Only `commit`, `prepare`, `lock` and `operator` write,
//! and `playground`, which knows no other znodes than the demo's own; what `rehearse` sends cannot be applied.

mod access;
mod cluster;
mod commit;
mod error;
mod history;
mod lock;
mod observe;
mod operator;
mod playground;
mod rehearse;
mod session;
mod trouble;

pub use access::denied;
pub use cluster::{read_cluster, read_links};
pub use commit::{commit, settle};
pub use error::ZkError;
pub use history::{Recorded, read_history};
pub use lock::{Contender, HeldLock, acquire, contenders, prepare};
pub use observe::{ReadMethod, differing, observe, top_level};
pub use operator::{VersionChange, change_host_property, change_version};
pub use playground::{Playground, converge};
pub use rehearse::rehearse;
pub use session::{Credentials, Session, SessionOptions, TlsFiles, split};
pub use trouble::trouble_listener;
