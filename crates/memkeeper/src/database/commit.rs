//! Transactions: the id that each takes, and what follows from its changes.
//!
//! Everything that changes the tree goes through here. A request that fails takes an id too, as in the real server.

use super::nodes::{Nodes, Owner};
use super::writes::{Moment, Step, Tree};
use super::{Applied, ConnectionId, Database, Millis, SessionId, Transaction};

/// Who makes a request, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub connection: ConnectionId,
    pub session: SessionId,
    pub now: Millis,
}

impl Database {
    /// Makes one transaction of what `apply` does, or nothing if it fails.
    pub(super) fn transact<T, E>(
        &mut self,
        caller: Caller,
        apply: impl FnOnce(&mut Tree, &Moment<'_>, &mut Vec<Step>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.last_zxid += 1;
        let moment = Moment {
            zxid: self.last_zxid,
            now: caller.now,
            session: caller.session,
            identities: self.sessions.identities(caller.connection),
            extended_types: self.options.extended_types,
        };
        let mut journal = Vec::new();
        let result = apply(&mut self.tree, &moment, &mut journal);
        match result.is_ok() {
            true => self.commit(caller.session, journal),
            false => self.tree.undo(journal),
        }
        result
    }

    /// Ends a session and deletes its ephemeral nodes in one transaction.
    pub(super) fn end_session(&mut self, session: SessionId) {
        let Some(ended) = self.sessions.close(session) else {
            return;
        };
        self.delete_all(session, ended.ephemerals.iter().map(String::as_str));
        // Its connection was told first what became of its own nodes.
        if let Some(connection) = ended.connection {
            self.disconnect(connection);
        }
    }

    /// Deletes nodes in one transaction, whatever their ACLs say.
    pub(super) fn delete_all<'a>(&mut self, session: SessionId, paths: impl Iterator<Item = &'a str>) {
        self.last_zxid += 1;
        let mut journal = Vec::new();
        for path in paths {
            self.tree.remove(path, self.last_zxid, &mut journal);
        }
        self.commit(session, journal);
    }

    /// Tells everybody what a transaction did, once it stands.
    pub(super) fn commit(&mut self, session: SessionId, journal: Vec<Step>) {
        for step in &journal {
            self.register(step);
            self.fire(step);
        }
        if self.options.record {
            self.transactions.push(Transaction {
                zxid: self.last_zxid,
                session,
                changes: journal.into_iter().map(|step| step.applied).collect(),
            });
        }
    }

    /// Keeps the lists of nodes that go by themselves.
    fn register(&mut self, step: &Step) {
        let (path, created) = match &step.applied {
            Applied::Created(path, ..) => (path, true),
            Applied::Deleted(path) => (path, false),
            Applied::Set(..) | Applied::AclSet(_) => return,
        };
        let list = match step.owner {
            Owner::Nobody => return,
            Owner::Session(session) => match self.sessions.get_mut(session) {
                Some(session) => &mut session.ephemerals,
                None => return,
            },
            Owner::Container | Owner::Ttl(_) => &mut self.transient,
        };
        match created {
            true => list.insert(path.clone()),
            false => list.remove(path),
        };
    }

    /// Deletes containers that had children and TTL nodes whose time is over, each in its own transaction.
    pub(super) fn delete_transient(&mut self, now: Millis) {
        let due = self
            .transient
            .iter()
            .filter(|path| is_due(&self.tree.nodes, path, now));
        for path in due.cloned().collect::<Vec<_>>() {
            self.delete_all(SessionId::NONE, std::iter::once(path.as_str()));
        }
    }
}

fn is_due(nodes: &Nodes, path: &str, now: Millis) -> bool {
    let Some(node) = nodes.at(path).filter(|node| node.children.is_empty()) else {
        return false;
    };
    match node.owner {
        Owner::Container => node.creations > 0,
        Owner::Ttl(ttl) => now.saturating_sub(node.mtime) > ttl,
        Owner::Nobody | Owner::Session(_) => false,
    }
}
