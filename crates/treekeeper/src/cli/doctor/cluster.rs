//! What the cluster's own nodes mean: state, ACLs, quotas and locks. No question is asked here.

use treekeeper_core::model::ZnodePath;
use treekeeper_core::model::cluster::{ClusterReading, LockStyle, StateReading};
use treekeeper_core::model::lock_queue::Queue;

use super::super::ui;
use super::Finding;
use crate::zk::{Contender, Quota, Reach, ZkError};

/// Things of a kind that are told: more would hide the first.
const TOLD_MAX: usize = 5;

/// Returns the first of a list, and how many more there are.
fn some(list: &[String]) -> String {
    let told = list.iter().take(TOLD_MAX).cloned().collect::<Vec<_>>().join(", ");
    match list.len().saturating_sub(TOLD_MAX) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

fn roots(count: usize) -> String {
    ui::counted(count, "top-level znode")
}

/// Returns the top-level znodes that syncs write.
pub fn managed(cluster: &ClusterReading) -> Vec<ZnodePath> {
    let roots = cluster.state.state().map(|state| &state.roots);
    let roots = roots.into_iter().flatten();
    roots.map(|root| ZnodePath::root().join(root)).collect()
}

/// Judges `/hosts` and the state node.
pub fn state(cluster: &ClusterReading) -> Finding {
    if let Err(fault) = cluster.version() {
        return Finding::fail(
            "cluster",
            fault.to_string(),
            "set it by hand: `zkCli.sh set /hosts '{\"version\":\"...\"}'` with the commit that the hosts run",
        );
    }
    match &cluster.state {
        StateReading::Unreadable(reason) => Finding::fail(
            "cluster",
            format!("cannot read /treekeeper/state: {reason}"),
            "use the release that wrote it, or a newer one",
        ),
        StateReading::Absent if cluster.hosts_node.is_some() => Finding::ok(
            "cluster",
            "/hosts is there, and was never synced by treekeeper: the first sync adopts it",
        ),
        StateReading::Absent => Finding::ok("cluster", "never synced: the first sync makes what it needs"),
        StateReading::Present(..) if cluster.state.is_applying() => Finding::warning(
            "cluster",
            "a sync is incomplete",
            "the next one finishes it: `treekeeper sync`",
        ),
        StateReading::Present(state, _) if state.roots_version.is_none() => Finding::warning(
            "cluster",
            "/treekeeper/roots is not there, so that nobody knows which znodes are managed",
            "the next sync makes it anew: `treekeeper sync --repair`",
        ),
        StateReading::Present(state, _) => Finding::ok(
            "cluster",
            format!("the state can be read, it manages {}", roots(state.roots.len())),
        ),
    }
}

/// Judges whether ACLs let a sync do what it must.
pub fn reach(reach: &Reach, managed: usize) -> Finding {
    if !reach.denied.is_empty() {
        return Finding::fail(
            "access",
            format!("ACLs deny {}", some(&reach.denied)),
            "give treekeeper's identity the permission, or configure the one that has it ([auth])",
        );
    }
    if !reach.hidden.is_empty() {
        return Finding::warning(
            "access",
            format!("the ACL of {} may not be read", some(&reach.hidden)),
            "give treekeeper's identity the permission to read, or configure the one that has it ([auth])",
        );
    }
    Finding::ok(
        "access",
        format!(
            "no ACL denies anything at /, /hosts, /treekeeper and {}",
            roots(managed)
        ),
    )
}

/// Judges whether others may change what syncs write.
pub fn open_acls(reach: &Reach, has_credentials: bool) -> Finding {
    if reach.open.is_empty() {
        return Finding::ok("open ACLs", "none");
    }
    let fix = if has_credentials {
        "`zkCli.sh setAcl PATH auth::cdrwa` as treekeeper's identity; hosts need `w` at /hosts"
    } else {
        "where others are not to be trusted: give treekeeper credentials ([auth]), then set ACLs"
    };
    Finding::warning(
        "open ACLs",
        format!("everybody may change {}", some(&reach.open)),
        fix,
    )
}

/// Judges quotas on what syncs write.
pub fn quotas(found: Result<Vec<Quota>, ZkError>) -> Finding {
    match found {
        Ok(found) if found.is_empty() => Finding::ok("quotas", "none on managed top-level znodes"),
        Ok(found) => {
            let told: Vec<String> = found
                .iter()
                .map(|quota| format!("{} (limits {}; used {})", quota.path, quota.limits, quota.used))
                .collect();
            Finding::warning(
                "quotas",
                some(&told),
                "a sync that goes over a hard limit is refused: look with `zkCli.sh listquota PATH`",
            )
        }
        Err(error) => Finding::warning(
            "quotas",
            format!("cannot be told: {error}"),
            "let treekeeper's identity read /zookeeper/quota, or look with `zkCli.sh listquota PATH`",
        ),
    }
}

/// Judges whether the configured lock is that of the syncs before.
pub fn lock_style(cluster: &ClusterReading, ours: LockStyle) -> Finding {
    match cluster.state.state() {
        Some(state) if state.generation > 0 && state.lock != ours => Finding::fail(
            "lock style",
            format!(
                "earlier syncs took {}, this configuration takes {}",
                state.lock.locks(),
                ours.locks()
            ),
            format!(
                "set `lock = \"{}\"`, or change it once no other syncer takes the old one: `treekeeper sync --adopt`",
                state.lock
            ),
        ),
        Some(state) if state.generation > 0 => Finding::ok("lock style", format!("{ours}, as earlier syncs")),
        _ => Finding::ok("lock style", ours.to_string()),
    }
}

/// Judges who else takes a lock; `nodes` are the queues that exist.
pub fn syncers(ours: LockStyle, contenders: &[Contender], nodes: Vec<Queue>) -> Finding {
    let is_taken = |queue: &Queue| Queue::of(ours).contains(queue);
    let by_hand: Vec<String> = contenders
        .iter()
        .filter(|contender| contender.session.is_none())
        .map(|contender| treekeeper_core::model::printable(&contender.path).into_owned())
        .collect();
    if !by_hand.is_empty() {
        return Finding::fail(
            "syncers",
            format!("{} was left by hand and never expires", some(&by_hand)),
            "when nobody needs it any more: `treekeeper lock break NODE`",
        );
    }
    if let Some(other) = nodes.iter().find(|queue| !is_taken(queue)) {
        return Finding::warning(
            "syncers",
            format!(
                "{} is there: a syncer that takes the {} lock is not excluded by {}",
                other.directory(),
                other.word(),
                ours.locks()
            ),
            "while such a syncer is about: `lock = \"both\"`; when there is none any more, delete that node",
        );
    }
    let foreign = |contender: &&Contender| !contender.data.contains("\"pid\"");
    match contenders.iter().find(foreign) {
        Some(contender) => Finding::warning(
            "syncers",
            format!(
                "another syncer is at work: {}",
                treekeeper_core::model::printable(&contender.path)
            ),
            "`treekeeper lock show` tells more; both exclude each other",
        ),
        None => Finding::ok("syncers", "no other is seen"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use treekeeper_core::model::DataVersion;
    use treekeeper_core::model::cluster::{ClusterState, HostsNode};

    fn line(finding: Finding) -> String {
        let fix = finding.fix.map(|fix| format!(" | {fix}")).unwrap_or_default();
        format!("{:?}: {}{fix}", finding.level, finding.text)
    }

    fn cluster(hosts: Option<&str>, state: StateReading) -> ClusterReading {
        ClusterReading {
            hosts_node: hosts.map(|data| HostsNode::new(data.as_bytes(), DataVersion(1))),
            hosts: Vec::new(),
            state,
            history: None,
        }
    }

    fn synced(change: impl FnOnce(&mut ClusterState)) -> ClusterReading {
        let mut state = ClusterState::initial(LockStyle::Zktools, "jim", "1970-01-01T00:00:00Z");
        state.generation = 1;
        state.roots_version = Some(DataVersion(0));
        change(&mut state);
        cluster(
            Some("{\"version\":\"v\"}"),
            StateReading::Present(Box::new(state), DataVersion(0)),
        )
    }

    #[test]
    fn the_cluster_is_judged() {
        insta::assert_snapshot!(line(state(&cluster(None, StateReading::Absent))), @"Ok: never synced: the first sync makes what it needs");
        insta::assert_snapshot!(line(state(&cluster(Some("{\"version\":1}"), StateReading::Absent))), @"Ok: /hosts is there, and was never synced by treekeeper: the first sync adopts it");
        insta::assert_snapshot!(line(state(&cluster(Some("raw"), StateReading::Absent))), @r#"Fail: /hosts holds data that are not a JSON object | set it by hand: `zkCli.sh set /hosts '{"version":"..."}'` with the commit that the hosts run"#);
        let unreadable = StateReading::Unreadable("its schema is 9".to_owned());
        insta::assert_snapshot!(line(state(&cluster(None, unreadable))), @"Fail: cannot read /treekeeper/state: its schema is 9 | use the release that wrote it, or a newer one");
        insta::assert_snapshot!(line(state(&synced(|_| {}))), @"Ok: the state can be read, it manages 0 top-level znodes");
        insta::assert_snapshot!(line(state(&synced(|state| state.roots_version = None))), @"Warning: /treekeeper/roots is not there, so that nobody knows which znodes are managed | the next sync makes it anew: `treekeeper sync --repair`");
        let applying = synced(|state| state.phase = treekeeper_core::model::cluster::Phase::Applying);
        insta::assert_snapshot!(line(state(&applying)), @"Warning: a sync is incomplete | the next one finishes it: `treekeeper sync`");
    }

    #[test]
    fn access_is_judged() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut found = Reach::default();
        insta::assert_snapshot!(line(reach(&found, 2)), @"Ok: no ACL denies anything at /, /hosts, /treekeeper and 2 top-level znodes");
        insta::assert_snapshot!(line(open_acls(&found, false)), @"Ok: none");
        found.open = names(&["/a", "/b", "/c", "/d", "/e", "/f", "/g"]);
        insta::assert_snapshot!(line(open_acls(&found, false)), @"Warning: everybody may change /a, /b, /c, /d, /e and 2 more | where others are not to be trusted: give treekeeper credentials ([auth]), then set ACLs");
        insta::assert_snapshot!(line(open_acls(&found, true)), @"Warning: everybody may change /a, /b, /c, /d, /e and 2 more | `zkCli.sh setAcl PATH auth::cdrwa` as treekeeper's identity; hosts need `w` at /hosts");
        found.hidden = names(&["/a"]);
        insta::assert_snapshot!(line(reach(&found, 2)), @"Warning: the ACL of /a may not be read | give treekeeper's identity the permission to read, or configure the one that has it ([auth])");
        found.denied = names(&["setting /a", "deleting in /a"]);
        insta::assert_snapshot!(line(reach(&found, 2)), @"Fail: ACLs deny setting /a, deleting in /a | give treekeeper's identity the permission, or configure the one that has it ([auth])");
        insta::assert_snapshot!(line(quotas(Ok(Vec::new()))), @"Ok: none on managed top-level znodes");
        insta::assert_snapshot!(line(quotas(Err(ZkError::AuthFailed))), @"Warning: cannot be told: ZooKeeper refused the credentials | let treekeeper's identity read /zookeeper/quota, or look with `zkCli.sh listquota PATH`");
    }

    #[test]
    fn locks_are_judged() {
        let recorded = synced(|_| {});
        insta::assert_snapshot!(line(lock_style(&recorded, LockStyle::Zktools)), @"Ok: zktools, as earlier syncs");
        insta::assert_snapshot!(line(lock_style(&recorded, LockStyle::Both)), @r#"Fail: earlier syncs took the zktools lock, this configuration takes both locks | set `lock = "zktools"`, or change it once no other syncer takes the old one: `treekeeper sync --adopt`"#);
        let never = cluster(None, StateReading::Absent);
        insta::assert_snapshot!(line(lock_style(&never, LockStyle::Kazoo)), @"Ok: kazoo");
        let zktools = LockStyle::Zktools;
        insta::assert_snapshot!(line(syncers(zktools, &[], vec![Queue::Zktools])), @"Ok: no other is seen");
        insta::assert_snapshot!(line(syncers(zktools, &[], vec![Queue::Zktools, Queue::Kazoo])), @r#"Warning: /hosts-lock is there: a syncer that takes the kazoo lock is not excluded by the zktools lock | while such a syncer is about: `lock = "both"`; when there is none any more, delete that node"#);
        let contender = |session, data: &str| Contender {
            queue: Queue::Zktools,
            path: "/ZktoolsLocks/,hosts/x".to_owned(),
            data: data.to_owned(),
            session,
            created_ms: 0,
            czxid: 1,
            data_version: 0,
        };
        insta::assert_snapshot!(line(syncers(zktools, &[contender(Some(1), "0")], Vec::new())), @"Warning: another syncer is at work: /ZktoolsLocks/,hosts/x | `treekeeper lock show` tells more; both exclude each other");
        insta::assert_snapshot!(line(syncers(zktools, &[contender(None, "0")], Vec::new())), @"Fail: /ZktoolsLocks/,hosts/x was left by hand and never expires | when nobody needs it any more: `treekeeper lock break NODE`");
        let ours = contender(Some(1), "{\"by\":\"jim\",\"pid\":4}");
        insta::assert_snapshot!(line(syncers(zktools, &[ours], Vec::new())), @"Ok: no other is seen");
    }
}
