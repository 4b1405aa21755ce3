//! Who may do what: the schemes world, auth, digest and ip, as ZooKeeper's own providers judge them.
//!
//! Nothing here knows nodes or paths.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use sha1::{Digest, Sha1};

use super::{Acl, ErrorCode, Identity, Permissions};

/// Lists of ACLs, each kept once however many nodes have it.
#[derive(Debug, Default)]
pub(super) struct AclTable {
    known: BTreeSet<Arc<[Acl]>>,
    kept: usize,
}

impl AclTable {
    /// Returns the one copy of a list.
    pub fn share(&mut self, acls: Vec<Acl>) -> Arc<[Acl]> {
        if let Some(known) = self.known.get(acls.as_slice()) {
            return known.clone();
        }
        // Lists that no node has any more go when the table has doubled, so that they can't pile up.
        if self.known.len() >= 64 + 2 * self.kept {
            self.known.retain(|list| Arc::strong_count(list) > 1);
            self.kept = self.known.len();
        }
        let list: Arc<[Acl]> = acls.into();
        self.known.insert(list.clone());
        list
    }
}

/// Returns the identity that a connection has from its first moment.
pub(super) fn address_identity(address: IpAddr) -> Identity {
    let id = match address {
        IpAddr::V4(address) => address.to_string(),
        // Java doesn't shorten runs of zeros.
        IpAddr::V6(address) => address.segments().map(|segment| format!("{segment:x}")).join(":"),
    };
    Identity {
        scheme: "ip".to_owned(),
        id,
    }
}

/// Returns the identity that a credential proves, if the scheme is known.
pub(super) fn authenticate(
    scheme: &str,
    credential: &[u8],
    address: &Identity,
) -> Result<Identity, ErrorCode> {
    match scheme {
        "digest" => {
            let credential = String::from_utf8_lossy(credential);
            let user = credential.split(':').next().unwrap_or_default();
            let hash = base64::engine::general_purpose::STANDARD.encode(Sha1::digest(credential.as_bytes()));
            Ok(Identity {
                scheme: scheme.to_owned(),
                id: format!("{user}:{hash}"),
            })
        }
        "ip" => Ok(address.clone()),
        _ => Err(ErrorCode::AuthFailed),
    }
}

/// Returns the ACL that a node gets: without doubles, with `auth` replaced by who the caller is.
pub(super) fn resolve(acls: &[Acl], identities: &[Identity]) -> Result<Vec<Acl>, ErrorCode> {
    let mut resolved = Vec::with_capacity(acls.len());
    for (index, acl) in acls.iter().enumerate() {
        if acls[..index].contains(acl) {
            continue;
        }
        match acl.identity.scheme.as_str() {
            "world" if acl.identity.id == "anyone" => resolved.push(acl.clone()),
            "auth" => resolved.extend(resolve_auth(acl.permissions, identities)?),
            "digest" if is_digest(&acl.identity.id) => resolved.push(acl.clone()),
            "ip" if network(&acl.identity.id).is_some() => resolved.push(acl.clone()),
            _ => return Err(ErrorCode::InvalidAcl),
        }
    }
    match resolved.is_empty() {
        true => Err(ErrorCode::InvalidAcl),
        false => Ok(resolved),
    }
}

/// Fails unless the ACL grants any of `wanted` to one of the identities; an empty ACL grants everything.
pub(super) fn check(acls: &[Acl], wanted: Permissions, identities: &[Identity]) -> Result<(), ErrorCode> {
    let grants = |acl: &Acl| {
        let granted = acl.permissions.0 & wanted.0 != 0;
        granted && (is_anyone(&acl.identity) || identities.iter().any(|who| matches(who, &acl.identity)))
    };
    match acls.is_empty() || acls.iter().any(grants) {
        true => Ok(()),
        false => Err(ErrorCode::NoAuth),
    }
}

/// Returns an ACL as it is shown to those who may read but not change it.
pub(super) fn masked(acls: &[Acl]) -> Vec<Acl> {
    let mask = |acl: &Acl| {
        let mut acl = acl.clone();
        if let ("digest", Some((user, _))) = (acl.identity.scheme.as_str(), acl.identity.id.split_once(':')) {
            acl.identity.id = format!("{user}:x");
        }
        acl
    };
    acls.iter().map(mask).collect()
}

/// Returns an identity as `whoAmI` tells it: a user without the hash.
pub(super) fn named(identity: &Identity) -> Identity {
    let id = match identity.scheme.as_str() {
        "digest" if is_digest(&identity.id) => identity.id.split(':').next().unwrap_or_default().to_owned(),
        "digest" => String::new(),
        _ => identity.id.clone(),
    };
    Identity {
        scheme: identity.scheme.clone(),
        id,
    }
}

/// Only a digest proves who somebody is; an address doesn't.
fn resolve_auth(permissions: Permissions, identities: &[Identity]) -> Result<Vec<Acl>, ErrorCode> {
    let proven = identities.iter().filter(|identity| identity.scheme == "digest");
    let acls: Vec<Acl> = proven
        .map(|identity| Acl {
            permissions,
            identity: identity.clone(),
        })
        .collect();
    match acls.is_empty() {
        true => Err(ErrorCode::InvalidAcl),
        false => Ok(acls),
    }
}

fn is_anyone(identity: &Identity) -> bool {
    identity.scheme == "world" && identity.id == "anyone"
}

fn matches(who: &Identity, granted: &Identity) -> bool {
    if who.scheme != granted.scheme {
        return false;
    }
    match granted.scheme.as_str() {
        "digest" => who.id == granted.id,
        "ip" => is_within(&who.id, &granted.id),
        _ => false,
    }
}

/// Two parts at the colons, where empty parts at the end don't count.
fn is_digest(id: &str) -> bool {
    id.trim_end_matches(':').matches(':').count() == 1
}

fn is_within(address: &str, granted: &str) -> bool {
    let (Some(address), Some((network, bits))) = (ipv4(address), network(granted)) else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    address & mask == network & mask
}

/// Reads `ADDRESS` or `ADDRESS/BITS`; only version 4, as in ZooKeeper 3.8.
fn network(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        None => Some((ipv4(text)?, 32)),
        Some((address, bits)) => {
            let bits: i32 = bits.parse().ok()?;
            let bits = u32::try_from(bits).ok().filter(|bits| *bits <= 32)?;
            Some((ipv4(address)?, bits))
        }
    }
}

/// Reads four numbers with dots between; more loosely than Rust does, as Java reads integers.
fn ipv4(text: &str) -> Option<u32> {
    let octets: Vec<&str> = text.split('.').collect();
    let [a, b, c, d] = octets.as_slice() else {
        return None;
    };
    let octet = |text: &str| {
        text.parse::<i32>()
            .ok()
            .and_then(|number| u8::try_from(number).ok())
    };
    Some(u32::from_be_bytes([octet(a)?, octet(b)?, octet(c)?, octet(d)?]))
}
