//! Reads the entries of the history.

use futures_util::stream::{self, StreamExt};
use treekeeper_core::model::history::{Entry, HISTORY_PATH, number};
use zookeeper_client::Stat;

use super::{Session, ZkError};

/// Reads in flight at once.
const READS_IN_FLIGHT_MAX: usize = 32;

/// An entry as it was read.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its number.
    pub number: u64,
    /// When it was written, in milliseconds since 1970 by the server's clock.
    pub created_ms: i64,
    /// What it says, or why nobody can read it.
    pub entry: Result<Entry, String>,
}

/// Returns the entries of the history, oldest first; none if there is no history.
///
/// # Errors
/// NoAuth, a missing chroot, a lost session, the request deadline.
pub async fn read_history(session: &Session) -> Result<Vec<Recorded>, ZkError> {
    let list = || session.client.list_children(HISTORY_PATH);
    let names = match session.repeat("listing", HISTORY_PATH, list).await {
        Ok(names) => names,
        Err(ZkError::NoNode(_)) => {
            let root = || session.client.check_stat("/");
            return match session.repeat("reading", "/", root).await? {
                Some(_) => Ok(Vec::new()),
                None => Err(ZkError::NoChroot(session.chroot().to_owned())),
            };
        }
        Err(error) => return Err(error),
    };
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| number(name)).collect();
    numbers.sort_unstable();
    let reads = stream::iter(numbers.into_iter().map(|number| read_entry(session, number)));
    let read: Vec<_> = reads.buffered(READS_IN_FLIGHT_MAX).collect().await;
    read.into_iter().filter_map(Result::transpose).collect()
}

/// Reads one entry; nothing if it fell out since it was listed.
async fn read_entry(session: &Session, number: u64) -> Result<Option<Recorded>, ZkError> {
    let path = format!("{HISTORY_PATH}/{}", treekeeper_core::model::history::name(number));
    let read = || session.client.get_data(&path);
    match session.repeat("reading", &path, read).await {
        Ok((data, Stat { ctime, .. })) => Ok(Some(Recorded {
            number,
            created_ms: ctime,
            entry: Entry::read(&data),
        })),
        Err(ZkError::NoNode(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
