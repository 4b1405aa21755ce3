//! Drives a plan where no ZooKeeper is: what an operation asks of it is answered by a snapshot.

use std::sync::Arc;

use treekeeper_core::operation::{Answer, Event, Failure, Operation, Receipt, Request, Timestamp};
use treekeeper_core::snapshot::Snapshot;

use super::RepositorySource;

/// Runs `operation`, which must only look, to its end.
pub fn run_against(
    mut operation: Operation,
    snapshot: &Snapshot,
    mut repository: RepositorySource,
    tell: &mut dyn FnMut(&Event),
) -> Receipt {
    let mut answer = Answer::Done;
    loop {
        let request = operation.next(answer, Timestamp::now());
        operation.take_events().iter().for_each(&mut *tell);
        answer = match request {
            Request::Done(receipt) => return *receipt,
            request => perform(&request, snapshot, &mut repository).unwrap_or_else(Answer::Failed),
        };
    }
}

fn perform(
    request: &Request,
    snapshot: &Snapshot,
    repository: &mut RepositorySource,
) -> Result<Answer, Failure> {
    Ok(match request {
        Request::ReadCluster(_) => Answer::Cluster(snapshot.cluster.clone()),
        Request::Fetch { known, .. } => {
            let (revision, repository) = repository.fetch(known)?;
            Answer::Fetched { revision, repository }
        }
        Request::Relate { deployed, target } => Answer::Relation(repository.relation(deployed, target)?),
        Request::ReadFiles { revision, rules, .. } => {
            repository.read_desired(revision, rules, &Arc::default(), &Arc::default())?
        }
        Request::Observe(scope) => {
            let live = snapshot.observe(&scope.subtrees).map_err(|lacking| {
                let shown = treekeeper_core::model::printable(lacking.as_str()).into_owned();
                Failure::new(format!(
                    "{shown} is live, the commit defines it, and the snapshot does not hold it"
                ))
                .with_code("TK1124")
                .with_hint(format!(
                    "take one that does: `treekeeper export --snapshot FILE {shown}`"
                ))
            })?;
            Answer::Observed(Box::new(live))
        }
        other => {
            return Err(Failure::new(format!(
                "a snapshot is only good for a plan, not to {}",
                other.name()
            )));
        }
    })
}
