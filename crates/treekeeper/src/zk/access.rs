//! Finds out beforehand which changes of a plan an ACL would deny.
//!
//! Batches cannot be taken back, so they are asked about first. What cannot be judged from here (how a server maps
//! `sasl` and `x509` identities) is taken for allowed: the server has the last word.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use treekeeper_core::model::{ZnodePath, printable};
use treekeeper_core::plan::{self, BatchLimits, Change, Plan};
use zookeeper_client::{Acl, Permission};

use super::{Session, ZkError, rehearse};

/// ACLs read at once.
const IN_FLIGHT_MAX: usize = 128;
/// With more nodes than this the server is asked about whole parts of the plan first.
const ASKED_ONE_BY_ONE_MAX: usize = 200;
/// Parts of a plan that it is asked about at once.
const PARTS_IN_FLIGHT_MAX: usize = 4;
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
/// The server is asked about many changes at once, by transactions that it judges and cannot apply; ACLs are read only
/// of what is left.
///
/// # Errors
/// A lost session or the request deadline.
pub async fn denied(session: &Session, plan: &Plan) -> Result<Vec<String>, ZkError> {
    let mut needs = needs(plan);
    if needs.len() > ASKED_ONE_BY_ONE_MAX {
        take_allowed(session, plan, &mut needs).await?;
    }
    if needs.is_empty() {
        return Ok(Vec::new());
    }
    let identities = identities(session).await;
    let mut needs: Vec<_> = needs.into_iter().collect();
    needs.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
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

/// Takes from `needs` those of the parts of the plan that the server would accept: nothing of them is denied.
async fn take_allowed(
    session: &Session,
    plan: &Plan,
    needs: &mut HashMap<ZnodePath, Needs>,
) -> Result<(), ZkError> {
    // What fits into no request is refused before; its ACLs are asked for all the same.
    let batches = plan::batches(plan, &BatchLimits::default()).unwrap_or_default();
    let ranges = batches.into_iter().map(|batch| batch.range);
    let parts = plan::independent(&plan.changes, ranges)
        .into_iter()
        .map(|places| {
            let changes = places.into_iter().map(|place| plan.changes[place].clone());
            Plan {
                changes: changes.collect(),
                ..Plan::default()
            }
        });
    let asked = parts
        .filter(|part| !part.changes.is_empty())
        .map(async |part| Ok((rehearse::accepts(session, &part).await?, part)));
    let mut answers = stream::iter(asked).buffered(PARTS_IN_FLIGHT_MAX);
    while let Some((is_accepted, part)) = answers.try_next().await? {
        if is_accepted {
            take(needs, &part);
        }
    }
    Ok(())
}

/// Takes from `needs` what the server has allowed.
fn take(needs: &mut HashMap<ZnodePath, Needs>, allowed: &Plan) {
    for (path, allowed) in self::needs(allowed) {
        let Entry::Occupied(mut entry) = needs.entry(path) else {
            continue;
        };
        let left = entry.get_mut();
        left.write &= !allowed.write;
        left.create &= !allowed.create;
        left.delete &= !allowed.delete;
        if !(left.write || left.create || left.delete) {
            entry.remove();
        }
    }
}

/// How far our identity reaches, by what ACLs say.
#[derive(Debug, Default)]
pub struct Reach {
    /// What is denied, a line for each, such as `setting /cms`.
    pub denied: Vec<String>,
    /// Nodes that everybody may change.
    pub open: Vec<String>,
    /// Nodes whose ACL may not be read.
    pub hidden: Vec<String>,
}

/// Returns how far we reach at nodes that a sync writes: each is read, set, and has children created and deleted.
///
/// Nodes that are not there are passed over.
///
/// # Errors
/// A lost session or the request deadline.
pub async fn reach(session: &Session, nodes: &[ZnodePath]) -> Result<Reach, ZkError> {
    let identities = identities(session).await;
    let mut answers = stream::iter(nodes.iter().map(|path| acl_of(session, path))).buffered(IN_FLIGHT_MAX);
    let mut reach = Reach::default();
    while let Some(answer) = answers.next().await {
        let (path, acls) = answer?;
        let shown = printable(path.as_str()).into_owned();
        let acls = match acls {
            Found::Absent => continue,
            Found::Hidden => {
                reach.hidden.push(shown);
                continue;
            }
            Found::Acls(acls) => acls,
        };
        let changes = [Permission::WRITE, Permission::CREATE, Permission::DELETE];
        let is_open =
            |acl: &Acl| acl.scheme() == "world" && changes.iter().any(|one| acl.permission().has(*one));
        if acls.iter().any(is_open) {
            reach.open.push(shown.clone());
        }
        let Some(identities) = &identities else { continue };
        let wanted = [
            (Permission::READ, "reading"),
            (Permission::WRITE, "setting"),
            (Permission::CREATE, "creating in"),
            (Permission::DELETE, "deleting in"),
        ];
        for (permission, action) in wanted {
            let allows = |acl: &Acl| acl.permission().has(permission) && may_be_us(acl, identities);
            if !acls.iter().any(allows) {
                reach.denied.push(format!("{action} {shown}"));
            }
        }
    }
    Ok(reach)
}

enum Found {
    Absent,
    Hidden,
    Acls(Vec<Acl>),
}

async fn acl_of<'a>(session: &Session, path: &'a ZnodePath) -> Result<(&'a ZnodePath, Found), ZkError> {
    let request = || session.client.get_acl(path.as_str());
    let found = match session.repeat("reading the ACL of", path.as_str(), request).await {
        Ok((acls, _)) => Found::Acls(acls),
        Err(ZkError::NoNode(_)) => Found::Absent,
        Err(ZkError::Denied { .. }) => Found::Hidden,
        Err(error) => return Err(error),
    };
    Ok((path, found))
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
    let has = |wanted: &str, fits: &dyn Fn(&str) -> bool| {
        identities
            .iter()
            .any(|(known, name)| known == wanted && fits(name))
    };
    if has("super", &|_| true) {
        return true;
    }
    match scheme {
        "world" => true,
        // `whoAmI` tells the user of a digest without its hash.
        "digest" => has("digest", &|name| name == id.split(':').next().unwrap_or(id)),
        "ip" => has("ip", &|address| is_in_network(address, id)),
        // Servers can be told to map these names to others.
        "sasl" | "x509" => has(scheme, &|_| true),
        "auth" => false,
        _ => true,
    }
}

/// Tells whether `address` is in `network`, which is an address or `ADDRESS/BITS`; true for what is neither.
fn is_in_network(address: &str, network: &str) -> bool {
    let (base, bits) = network.split_once('/').unwrap_or((network, "128"));
    let (Ok(address), Ok(base), Ok(bits)) = (address.parse(), base.parse(), bits.parse::<u32>()) else {
        return true;
    };
    let same_start = |left: &[u8], right: &[u8]| {
        let bit = |bytes: &[u8], index: usize| bytes[index / 8] >> (7 - index % 8) & 1;
        (0..left.len() * 8)
            .take(bits as usize)
            .all(|index| bit(left, index) == bit(right, index))
    };
    match (address, base) {
        (IpAddr::V4(left), IpAddr::V4(right)) => same_start(&left.octets(), &right.octets()),
        (IpAddr::V6(left), IpAddr::V6(right)) => same_start(&left.octets(), &right.octets()),
        _ => false,
    }
}

/// Returns what the plan needs of nodes that exist already.
fn needs(plan: &Plan) -> HashMap<ZnodePath, Needs> {
    let mut created = HashSet::new();
    let mut needs: HashMap<ZnodePath, Needs> = HashMap::new();
    for change in &plan.changes {
        match change {
            Change::Create { path, .. } => {
                if let Some(parent) = path.parent().filter(|parent| !created.contains(&parent)) {
                    needs.entry(parent).or_default().create = true;
                }
                created.insert(path);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        assert!(is_in_network("127.0.0.1", "127.0.0.1"));
        assert!(is_in_network("10.1.2.3", "10.0.0.0/8"));
        assert!(!is_in_network("11.1.2.3", "10.0.0.0/8"));
        assert!(!is_in_network("10.1.2.3", "10.1.2.4/31"));
        assert!(is_in_network("::1", "::1"));
        assert!(!is_in_network("127.0.0.1", "::1"));
        assert!(
            is_in_network("127.0.0.1", "what is this"),
            "the server has the last word"
        );
    }
}
