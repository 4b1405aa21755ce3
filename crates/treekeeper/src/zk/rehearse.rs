//! Sends transactions that cannot be applied, so that the server itself says whether it would accept them.
//!
//! Each ends with a check of a znode that is not there: a server judges operations in their order, so if that check is
//! the first to fail, everything before it would have been applied, and nothing was (measured by the tests: no znode's
//! `mzxid` moves). This room writes nothing by construction; the check is added here and nowhere else.

use std::time::{Duration, Instant};

use treekeeper_core::model::cluster::{HOSTS_PATH, ROOTS_PATH, STATE_PATH};
use treekeeper_core::model::history::HISTORY_PATH;
use treekeeper_core::operation::{Commitment, OpFault, Transaction, Verdict};
use treekeeper_core::plan::Plan;
use zookeeper_client::{CreateMode, Error, MultiWriteError, MultiWriter};

use super::cluster::fixed;
use super::commit::fill;
use super::error::{is_definite, op_fault};
use super::lock::exists;
use super::{Session, ZkError};

/// How often one transaction is sent while connections break: as nothing is applied, that harms nobody.
const TRIES_MAX: usize = 20;

/// A node that a first sync makes before anything else, with its data.
type Absent<'a> = (&'static str, &'a [u8]);

/// Asks about every transaction, until one would be refused.
///
/// `hosts` and `state` are the data of those nodes if they are absent; the first transaction is asked about as if it
/// made them.
///
/// # Errors
/// A lost session, the request deadline, a server that applies what cannot hold.
pub async fn rehearse(
    session: &Session,
    hosts: Option<&[u8]>,
    state: Option<&[u8]>,
    commitment: &Commitment,
) -> Result<Verdict, ZkError> {
    let absent = absent(session, hosts, state).await?;
    for (index, transaction) in commitment.transactions.iter().enumerate() {
        let first = if index == 0 { absent.as_slice() } else { &[] };
        let Some((operation, cause)) = judge(session, first, transaction, &commitment.plan).await? else {
            continue;
        };
        let place = operation.map(|operation| operation.checked_sub(first.len()));
        return Ok(match (place, operation) {
            (Some(None), Some(operation)) => Verdict::Unprepared(fixed(first[operation].0), cause),
            (place, _) => Verdict::Rejected {
                transaction: index,
                operation: place.flatten(),
                cause,
            },
        });
    }
    Ok(Verdict::Accepted)
}

/// Tells whether the server would accept changes of `plan` by themselves, as one transaction.
///
/// # Errors
/// As [`rehearse`].
pub(super) async fn accepts(session: &Session, plan: &Plan) -> Result<bool, ZkError> {
    let transaction = Transaction {
        head: Vec::new(),
        changes: 0..plan.changes.len(),
        tail: Vec::new(),
    };
    Ok(judge(session, &[], &transaction, plan).await?.is_none())
}

/// Returns which of the nodes that `zk::prepare` makes, the lock's apart, are not there.
async fn absent<'a>(
    session: &Session,
    hosts: Option<&'a [u8]>,
    state: Option<&'a [u8]>,
) -> Result<Vec<Absent<'a>>, ZkError> {
    let mut wanted: Vec<Absent<'a>> = Vec::new();
    wanted.extend(hosts.map(|data| (HOSTS_PATH, data)));
    if let Some(data) = state {
        wanted.extend([
            ("/treekeeper", b"{}".as_slice()),
            (STATE_PATH, data),
            (ROOTS_PATH, b"{}"),
            (HISTORY_PATH, b"{}"),
        ]);
    }
    let mut absent = Vec::new();
    for (path, data) in wanted {
        if !exists(session, path).await? {
            absent.push((path, data));
        }
    }
    Ok(absent)
}

/// Sends one transaction; returns which operation would be refused and why, `None` if none would.
async fn judge(
    session: &Session,
    first: &[Absent<'_>],
    transaction: &Transaction,
    plan: &Plan,
) -> Result<Option<(Option<usize>, OpFault)>, ZkError> {
    let deadline = Instant::now() + session.request_timeout;
    let last = first.len() + transaction.head.len() + transaction.changes.len() + transaction.tail.len();
    for _ in 0..TRIES_MAX {
        let writer = match encode(session, first, transaction, plan) {
            Ok(writer) => writer,
            // A path that the client itself refuses.
            Err(error) => return Ok(Some((None, op_fault(&error)))),
        };
        let mut writer = writer;
        match session
            .once("asking about", "the plan", deadline, writer.commit())
            .await?
        {
            Ok(_) => {
                return Err(ZkError::Other {
                    action: "asking about the plan".to_owned(),
                    reason: "the server applied a transaction that checks a znode which is not there; \
                             don't trust this server"
                        .to_owned(),
                });
            }
            Err(MultiWriteError::OperationFailed { index, source }) if is_definite(&source) => {
                return Ok((index != last).then(|| (Some(index), op_fault(&source))));
            }
            Err(MultiWriteError::RequestFailed { source }) if is_definite(&source) => {
                return Ok(Some((None, op_fault(&source))));
            }
            Err(error) => {
                let error = Error::from(error);
                if session.client.state().is_terminated() {
                    return Err(ZkError::SessionLost(format!("asking about the plan: {error}")));
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    Err(ZkError::Other {
        action: "asking about the plan".to_owned(),
        reason: format!("the connection broke {TRIES_MAX} times"),
    })
}

fn encode<'a>(
    session: &'a Session,
    first: &[Absent<'_>],
    transaction: &Transaction,
    plan: &Plan,
) -> Result<MultiWriter<'a>, Error> {
    let mut writer = session.client.new_multi_writer();
    let options = CreateMode::Persistent.with_acls(session.acls());
    for (path, data) in first {
        writer.add_create(path, data, &options)?;
    }
    fill(&mut writer, session, transaction, plan)?;
    writer.add_check_version(&never(), 0)?;
    Ok(writer)
}

/// Returns a path where nothing is: nobody else knows it.
fn never() -> String {
    format!("/treekeeper-rehearsal-{}", uuid::Uuid::new_v4().simple())
}
