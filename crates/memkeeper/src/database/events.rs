//! Which events a change makes, and who is told.
//!
//! Debian's ZooKeeper 3.8.0 has the fix for CVE-2024-23944: a watch of somebody who may not read the node is over
//! as any other, but nothing is told.

use std::collections::BTreeSet;

use super::writes::Step;
use super::{Acl, Applied, ConnectionId, Database, EventKind, Notification, Permissions, access, paths};

impl Database {
    /// Fires the watches that wait for a change; nobody is told of one deletion twice.
    pub(super) fn fire(&mut self, step: &Step) {
        match &step.applied {
            Applied::Created(path, ..) => {
                let told = self.watches.data.trigger(path, EventKind::Created);
                self.notify(&told, EventKind::Created, path, &step.acls);
                self.fire_children(path, step);
            }
            Applied::Deleted(path) => {
                let told = self.watches.data.trigger(path, EventKind::Deleted);
                let mut others = self.watches.child.trigger(path, EventKind::Deleted);
                others.retain(|connection| !told.contains(connection));
                self.notify(&told, EventKind::Deleted, path, &step.acls);
                self.notify(&others, EventKind::Deleted, path, &step.acls);
                self.fire_children(path, step);
            }
            Applied::Set(path, _) => {
                let told = self.watches.data.trigger(path, EventKind::DataChanged);
                self.notify(&told, EventKind::DataChanged, path, &step.acls);
            }
            Applied::AclSet(_) => {}
        }
    }

    fn fire_children(&mut self, path: &str, step: &Step) {
        let parent = paths::parent(path);
        let told = self.watches.child.trigger(parent, EventKind::ChildrenChanged);
        self.notify(&told, EventKind::ChildrenChanged, parent, &step.parent_acls);
    }

    fn notify(&mut self, told: &BTreeSet<ConnectionId>, kind: EventKind, path: &str, acls: &[Acl]) {
        for connection in told {
            let identities = self.sessions.identities(*connection);
            if access::check(acls, Permissions::READ, identities).is_ok() {
                self.notifications.push(Notification {
                    connection: *connection,
                    kind,
                    path: path.to_owned(),
                });
            }
        }
    }
}
