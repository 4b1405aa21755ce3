//! Sends transactions, and tells what is known of them afterwards.
//!
//! Only an error code inside a reply means "not applied"; everything else is unknown, and is said to be
//! (RELIABILITY.md, fact 1). Nothing is ever sent twice from here.

use std::collections::VecDeque;
use std::time::Instant;

use futures_util::stream::{FuturesOrdered, StreamExt};
use treekeeper_core::model::{ZnodePath, Zxid};
use treekeeper_core::operation::{CommitAnswer, Commitment, Op, OpFault, Transaction};
use treekeeper_core::plan::{Change, Plan};
use zookeeper_client::{CreateMode, CreateOptions, Error, MultiWriteError, MultiWriteResult, MultiWriter};

use super::error::{is_definite, op_fault};
use super::{Session, ZkError};

/// Barriers tried while connections break.
const BARRIERS_MAX: usize = 50;

/// Applies the commitment's transactions in order: the first alone, then at most `in_flight_max` at once.
pub async fn commit(session: &Session, commitment: &Commitment) -> CommitAnswer {
    let mut waiting: VecDeque<(usize, &Transaction)> = commitment.transactions.iter().enumerate().collect();
    let mut in_flight = FuturesOrdered::new();
    let mut last_zxid = None;
    let mut trouble: Option<CommitAnswer> = None;
    let mut room = 1;
    loop {
        while trouble.is_none() && in_flight.len() < room {
            let Some((index, transaction)) = waiting.pop_front() else {
                break;
            };
            let deadline = Instant::now() + session.request_timeout;
            // The request is on its way from here on; the future only waits for the reply.
            let sent = encode(session, transaction, &commitment.plan).map(|mut writer| writer.commit());
            in_flight.push_back(async move {
                match sent {
                    Ok(reply) => (index, session.once("applying", "the plan", deadline, reply).await),
                    // A path that the client itself refuses was never sent.
                    Err(source) => (index, Ok(Err(MultiWriteError::RequestFailed { source }))),
                }
            });
        }
        let Some((index, reply)) = in_flight.next().await else {
            break;
        };
        if trouble.is_some() {
            // The first trouble tells the story; later transactions are chained to fail after it.
            continue;
        }
        match reply {
            Ok(Ok(results)) => {
                last_zxid = results.iter().filter_map(zxid).next_back().or(last_zxid);
                room = commitment.in_flight_max.max(1);
                session
                    .progress
                    .advance(commitment.transactions[index].changes.len());
            }
            Ok(Err(MultiWriteError::OperationFailed {
                index: operation,
                source,
            })) if is_definite(&source) => {
                trouble = Some(rejected(index, Some(operation), op_fault(&source)));
            }
            Ok(Err(MultiWriteError::RequestFailed { source })) if is_definite(&source) => {
                trouble = Some(rejected(index, None, OpFault::Other(source.to_string())));
            }
            Ok(Err(error)) => trouble = Some(CommitAnswer::Unknown(error.to_string())),
            Err(deadline) => trouble = Some(CommitAnswer::Unknown(deadline.to_string())),
        }
    }
    trouble.unwrap_or(CommitAnswer::Applied { zxid: last_zxid })
}

fn rejected(transaction: usize, operation: Option<usize>, cause: OpFault) -> CommitAnswer {
    CommitAnswer::Rejected {
        transaction,
        operation,
        cause,
    }
}

fn zxid(result: &MultiWriteResult) -> Option<Zxid> {
    match result {
        MultiWriteResult::SetData { stat } => Some(Zxid(stat.mzxid)),
        _ => None,
    }
}

fn encode<'a>(
    session: &'a Session,
    transaction: &Transaction,
    plan: &Plan,
) -> Result<MultiWriter<'a>, Error> {
    let mut writer = session.client.new_multi_writer();
    fill(&mut writer, session, transaction, plan)?;
    Ok(writer)
}

/// Adds the operations of a transaction, in order.
pub(super) fn fill(
    writer: &mut MultiWriter<'_>,
    session: &Session,
    transaction: &Transaction,
    plan: &Plan,
) -> Result<(), Error> {
    let options = CreateMode::Persistent.with_acls(session.acls());
    for op in &transaction.head {
        add(writer, op, &options)?;
    }
    for change in &plan.changes[transaction.changes.clone()] {
        match change {
            Change::Create { path, data, .. } => writer.add_create(path.as_str(), data, &options)?,
            Change::Set {
                path, data, version, ..
            } => {
                writer.add_set_data(path.as_str(), data, Some(version.0))?;
            }
            Change::Delete { path, version, .. } => writer.add_delete(path.as_str(), Some(version.0))?,
        }
    }
    transaction
        .tail
        .iter()
        .try_for_each(|op| add(writer, op, &options))
}

fn add(writer: &mut MultiWriter<'_>, op: &Op, options: &CreateOptions<'_>) -> Result<(), Error> {
    match op {
        Op::Create(path, data) => writer.add_create(path.as_str(), data, options),
        Op::Check(path, version) => writer.add_check_version(path.as_str(), version.0),
        Op::Set(path, data, version) => writer.add_set_data(path.as_str(), data, Some(version.0)),
        Op::Delete(path, version) => writer.add_delete(path.as_str(), Some(version.0)),
    }
}

/// Writes a barrier behind everything in flight and tells whether all candidates are still there.
///
/// A check-only transaction is a logged write: when its answer is here, everything that this session sent before is
/// decided.
///
/// # Errors
/// A lost session or the request deadline: then only a new session can tell.
pub async fn settle(session: &Session, candidates: &[ZnodePath]) -> Result<bool, ZkError> {
    let deadline = Instant::now() + session.request_timeout;
    for _ in 0..BARRIERS_MAX {
        let mut writer = session.client.new_multi_writer();
        for candidate in candidates {
            writer
                .add_check_version(candidate.as_str(), 0)
                .map_err(|error| ZkError::of("checking", candidate.as_str(), &error))?;
        }
        match session
            .once("settling", "the plan", deadline, writer.commit())
            .await?
        {
            Ok(_) => return Ok(true),
            Err(MultiWriteError::OperationFailed {
                source: Error::NoNode | Error::BadVersion,
                ..
            }) => {
                return Ok(false);
            }
            Err(error) => {
                let error = Error::from(error);
                if session.client.state().is_terminated() || is_definite(&error) {
                    return Err(ZkError::SessionLost(format!("settling: {error}")));
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
    Err(ZkError::Other {
        action: "settling".to_owned(),
        reason: format!("{BARRIERS_MAX} barriers were lost"),
    })
}
