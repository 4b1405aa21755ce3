//! Sends transactions, several in flight, and settles what became of them, as `zk::commit` does.

use std::collections::VecDeque;

use memkeeper::database::{
    Check, Create, CreateMode, Delete, ErrorCode, MultiResult, Request, Response, SetData, Write,
};
use treekeeper_core::model::{ZnodePath, Zxid};
use treekeeper_core::operation::{CommitAnswer, Commitment, Op, OpFault, Transaction};
use treekeeper_core::plan::{Change, Plan};

use super::session::{Session, Trouble};
use crate::sabotage::Bug;
use crate::world::{Lost, MILLISECOND, Outcome, Sent};

/// Barriers tried while connections break.
const BARRIERS_MAX: usize = 50;

/// What a reply says of a transaction.
enum Verdict {
    Applied(Option<Zxid>),
    Rejected(Option<usize>, ErrorCode),
    Unknown(String),
}

/// Applies the commitment's transactions in order: the first alone, then at most `in_flight_max` at once.
pub async fn commit(session: &Session, commitment: &Commitment, number: usize) -> CommitAnswer {
    let mut waiting: VecDeque<(usize, &Transaction)> = commitment.transactions.iter().enumerate().collect();
    let mut in_flight = VecDeque::new();
    let mut last_zxid = None;
    let mut trouble: Option<CommitAnswer> = None;
    let mut room = 1;
    loop {
        while trouble.is_none() && in_flight.len() < room {
            let Some((index, transaction)) = waiting.pop_front() else {
                break;
            };
            let request = encode(transaction, &commitment.plan);
            let sent = session
                .operation()
                .map(|operation| Sent::Transaction(operation, number, index));
            let fault = session
                .meet_fault(session.world().with(|inner| inner.rates.per_commit))
                .await;
            let deadline = session.in_world_time(session.deadline());
            let answering = session
                .world()
                .send(session.client, request.clone(), sent, fault, deadline);
            in_flight.push_back((index, request, answering));
            session.meet_fault_after(fault).await;
        }
        let Some((index, request, answering)) = in_flight.pop_front() else {
            break;
        };
        let mut outcome = answering.await;
        if matches!(outcome, Err(Lost::Connection)) && session.access.bug == Some(Bug::BlindRetry) {
            outcome = session.world().call(session.client, request).await;
        }
        if trouble.is_some() {
            continue;
        }
        match verdict(outcome) {
            Verdict::Applied(zxid) => {
                last_zxid = zxid.or(last_zxid);
                room = commitment.in_flight_max.max(1);
            }
            Verdict::Rejected(operation, code) => {
                trouble = Some(CommitAnswer::Rejected {
                    transaction: index,
                    operation,
                    cause: op_fault(code),
                });
            }
            Verdict::Unknown(reason) => trouble = Some(CommitAnswer::Unknown(reason)),
        }
    }
    trouble.unwrap_or(CommitAnswer::Applied { zxid: last_zxid })
}

fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Ok(Ok(Response::Multi(results))) => {
            let is_failed = results
                .iter()
                .any(|result| matches!(result, MultiResult::Error(_)));
            if !is_failed {
                return Verdict::Applied(results.iter().rev().find_map(|result| match result {
                    MultiResult::Set(stat) => Some(Zxid(stat.mzxid)),
                    _ => None,
                }));
            }
            let first = results
                .iter()
                .enumerate()
                .find_map(|(index, result)| match result {
                    MultiResult::Error(Some(code)) => Some((index, *code)),
                    _ => None,
                });
            match first {
                Some((index, code)) => Verdict::Rejected(Some(index), code),
                None => Verdict::Unknown("a multi that failed nowhere".to_owned()),
            }
        }
        Ok(Err(code)) if code != ErrorCode::SessionExpired => Verdict::Rejected(None, code),
        other => Verdict::Unknown(format!("{other:?}")),
    }
}

fn op_fault(code: ErrorCode) -> OpFault {
    match code {
        ErrorCode::NoNode => OpFault::NoNode,
        ErrorCode::NodeExists => OpFault::NodeExists,
        ErrorCode::BadVersion => OpFault::BadVersion,
        ErrorCode::NotEmpty => OpFault::NotEmpty,
        ErrorCode::NoAuth => OpFault::NoAuth,
        ErrorCode::NoChildrenForEphemerals => OpFault::NoChildrenForEphemerals,
        other => OpFault::Other(other.to_string()),
    }
}

fn encode(transaction: &Transaction, plan: &Plan) -> Request {
    let changes = plan.changes[transaction.changes.clone()].iter().map(|change| {
        let path = change.path().as_str().to_owned();
        match change {
            Change::Create { data, .. } => Write::Create(Create::open(path, data, CreateMode::Persistent)),
            Change::Set { data, version, .. } => Write::SetData(SetData {
                path,
                data: data[..].into(),
                version: version.0,
            }),
            Change::Delete { version, .. } => Write::Delete(Delete {
                path,
                version: version.0,
            }),
        }
    });
    let head = transaction.head.iter().map(write);
    Request::Multi(
        head.chain(changes)
            .chain(transaction.tail.iter().map(write))
            .collect(),
    )
}

fn write(op: &Op) -> Write {
    let path = op.path().as_str().to_owned();
    match op {
        Op::Create(_, data) => Write::Create(Create::open(path, data, CreateMode::Persistent)),
        Op::Check(_, version) => Write::Check(Check {
            path,
            version: version.0,
        }),
        Op::Set(_, data, version) => Write::SetData(SetData {
            path,
            data: data[..].into(),
            version: version.0,
        }),
        Op::Delete(_, version) => Write::Delete(Delete {
            path,
            version: version.0,
        }),
    }
}

/// Writes a barrier behind everything in flight and tells whether all candidates are still there.
pub async fn settle(session: &Session, candidates: &[ZnodePath]) -> Result<bool, Trouble> {
    let deadline = session.deadline();
    for _ in 0..BARRIERS_MAX {
        let check = |path: &ZnodePath| {
            Write::Check(Check {
                path: path.as_str().to_owned(),
                version: 0,
            })
        };
        let request = Request::Multi(candidates.iter().map(check).collect());
        match verdict(session.once("settling", request, None, deadline).await?) {
            Verdict::Applied(_) => return Ok(true),
            Verdict::Rejected(Some(_), ErrorCode::NoNode | ErrorCode::BadVersion) => return Ok(false),
            Verdict::Rejected(_, code) => return Err(Trouble::SessionLost(format!("settling: {code}"))),
            Verdict::Unknown(reason) if session.is_over() => {
                return Err(Trouble::SessionLost(format!("settling: {reason}")));
            }
            Verdict::Unknown(_) => session.world().sleep(50 * MILLISECOND).await,
        }
    }
    Err(Trouble::Other("settling: too many barriers were lost".to_owned()))
}
