//! What a database says, as text.
//!
//! A reply begins with the transaction that it knows of.

use memkeeper::database::{Acl, Data, ErrorCode, Identity, MultiResult, Reply, Response, Stat};

/// Returns a reply as text.
pub fn reply(reply: &Reply) -> String {
    let text = match &reply.result {
        Ok(response) => self::response(response),
        Err(error) => error.to_string(),
    };
    // Several results stand below.
    let space = if text.starts_with('\n') { "" } else { " " };
    format!("{}:{space}{text}", reply.zxid)
}

fn response(response: &Response) -> String {
    match response {
        Response::Empty => "done".to_owned(),
        Response::Path(path) => path.clone(),
        Response::Created(path, it) => format!("{path}, {}", stat(it)),
        Response::Stat(it) => stat(it),
        Response::Data(it, of) => format!("{}, {}", data(it), stat(of)),
        Response::Acl(list, of) => format!("{}, {}", acls(list), stat(of)),
        Response::Children(names) | Response::Paths(names) => list(names),
        Response::ChildrenAndStat(names, of) => format!("{}, {}", list(names), stat(of)),
        Response::Count(count) => count.to_string(),
        Response::Multi(results) => several(results),
        Response::BrokenMulti(results) => format!("broken off after{}", several(results)),
        Response::Identities(who) => list(&who.iter().map(identity).collect::<Vec<_>>()),
    }
}

fn several(results: &[MultiResult]) -> String {
    results.iter().map(|it| format!("\n{}", result(it))).collect()
}

fn result(result: &MultiResult) -> String {
    match result {
        MultiResult::Path(path) => path.clone(),
        MultiResult::Created(path, it) => format!("{path}, {}", stat(it)),
        MultiResult::Deleted => "deleted".to_owned(),
        MultiResult::Set(it) => format!("set, {}", stat(it)),
        MultiResult::Checked => "checked".to_owned(),
        MultiResult::Data(it, of) => format!("{}, {}", data(it), stat(of)),
        MultiResult::Children(names) => list(names),
        MultiResult::Error(error) => {
            format!("error {}", error.map_or(0, ErrorCode::code))
        }
    }
}

/// Returns all of a stat: transactions and times of the node, its data and its children, then versions and counts.
fn stat(stat: &Stat) -> String {
    let owner = match stat.ephemeral_owner {
        0 => String::new(),
        owner => format!(" owner {:x}", owner & 0xffff),
    };
    format!(
        "c{} m{} p{} at {}/{} versions {}/{}/{} {} bytes {} children{owner}",
        stat.czxid,
        stat.mzxid,
        stat.pzxid,
        stat.ctime,
        stat.mtime,
        stat.version,
        stat.cversion,
        stat.aversion,
        stat.data_length,
        stat.num_children
    )
}

fn data(data: &Data) -> String {
    match data.is_null() {
        true => "null".to_owned(),
        false => format!("{:?}", String::from_utf8_lossy(data)),
    }
}

fn acls(acls: &[Acl]) -> String {
    let letters = |acl: &Acl| {
        let has = |bit: &usize| acl.permissions.0 & (1 << bit) != 0;
        (0.."rwcda".len())
            .filter(has)
            .map(|bit| &"rwcda"[bit..=bit])
            .collect::<String>()
    };
    let one = |acl: &Acl| format!("{}:{}", identity(&acl.identity), letters(acl));
    list(&acls.iter().map(one).collect::<Vec<_>>())
}

fn identity(identity: &Identity) -> String {
    format!("{}:{}", identity.scheme, identity.id)
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}
