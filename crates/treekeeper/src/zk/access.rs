//! Finds out beforehand which changes of a plan an ACL would deny.
//!
//! Batches cannot be taken back, so they are asked about first. What cannot be judged from here (`ip`, `sasl` and
//! `x509` identities) is taken for allowed: the server has the last word.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use treekeeper_core::model::{ZnodePath, printable};
use treekeeper_core::plan::{Change, Plan};
use zookeeper_client::{Acl, Permission};

use super::{Session, ZkError};

/// ACLs read at once.
const IN_FLIGHT_MAX: usize = 128;
/// Denials told; more would hide the first.
const TOLD_MAX: usize = 20;

/// What a plan needs of one node.
#[derive(Clone, Copy, Default)]
struct Needs {
    write: bool,
    create: bool,
    delete: bool,
}

/// Returns a line for each change that an ACL denies, sorted by path; empty if none is known to be denied.
///
/// # Errors
/// A lost session or the request deadline.
pub async fn denied(session: &Session, plan: &Plan) -> Result<Vec<String>, ZkError> {
    let identities = identities(session).await;
    let needs = needs(plan);
    let mut answers = stream::iter(
        needs
            .into_iter()
            .map(|(path, needs)| read_acl(session, path, needs)),
    )
    .buffered(IN_FLIGHT_MAX);
    let mut told = Vec::new();
    while let Some(answer) = answers.next().await {
        let Some((path, needs, acls)) = answer? else {
            continue;
        };
        let Some(identities) = &identities else { continue };
        let allowed = |permission| {
            acls.iter()
                .any(|acl| acl.permission().has(permission) && may_be_us(acl, identities))
        };
        let wanted = [
            (needs.write, Permission::WRITE, "setting"),
            (needs.create, Permission::CREATE, "creating in"),
            (needs.delete, Permission::DELETE, "deleting in"),
        ];
        for (_, _, action) in wanted
            .iter()
            .filter(|(needed, permission, _)| *needed && !allowed(*permission))
        {
            if told.len() < TOLD_MAX {
                told.push(format!("{action} {}", printable(path.as_str())));
            }
        }
    }
    Ok(told)
}

/// Returns the identities of this session, `None` if the server cannot tell (before 3.7).
async fn identities(session: &Session) -> Option<Vec<(String, String)>> {
    let users = session.client.list_auth_users().await.ok()?;
    Some(
        users
            .iter()
            .map(|user| (user.scheme().to_owned(), user.user().to_owned()))
            .collect(),
    )
}

fn may_be_us(acl: &Acl, identities: &[(String, String)]) -> bool {
    let (scheme, id) = (acl.scheme(), acl.id());
    match scheme {
        "world" => true,
        // `whoAmI` tells the user of a digest without its hash.
        "digest" => {
            let user = id.split(':').next().unwrap_or(id);
            identities
                .iter()
                .any(|(known, name)| known == "super" || (known == "digest" && name == user))
        }
        "auth" => false,
        _ => true,
    }
}

/// Returns what the plan needs of nodes that exist already.
fn needs(plan: &Plan) -> BTreeMap<ZnodePath, Needs> {
    let mut created = std::collections::BTreeSet::new();
    let mut needs: BTreeMap<ZnodePath, Needs> = BTreeMap::new();
    for change in &plan.changes {
        match change {
            Change::Create { path, .. } => {
                if let Some(parent) = path.parent().filter(|parent| !created.contains(parent)) {
                    needs.entry(parent).or_default().create = true;
                }
                created.insert(path.clone());
            }
            Change::Set { path, .. } => needs.entry(path.clone()).or_default().write = true,
            Change::Delete { path, .. } => {
                if let Some(parent) = path.parent() {
                    needs.entry(parent).or_default().delete = true;
                }
            }
        }
    }
    needs
}

type Answer = Result<Option<(ZnodePath, Needs, Vec<Acl>)>, ZkError>;

async fn read_acl(session: &Session, path: ZnodePath, needs: Needs) -> Answer {
    match session
        .repeat("reading the ACL of", path.as_str(), || {
            session.client.get_acl(path.as_str())
        })
        .await
    {
        Ok((acls, _)) => Ok(Some((path, needs, acls))),
        // The transaction will meet the same answer, and say so.
        Err(ZkError::NoNode(_) | ZkError::Denied { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
