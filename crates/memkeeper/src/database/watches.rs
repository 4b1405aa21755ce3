//! Who watches what.
//!
//! This is ZooKeeper 3.8's bookkeeping with its surprises: a connection has one watch per path and table, so that
//! a one-shot watch replaces a persistent one.

use std::collections::{BTreeMap, BTreeSet};

use super::{AddWatchMode, ConnectionId, EventKind, WatchKind};

/// How long a watch lasts and how far it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Once,
    Persistent,
    Recursive,
}

/// The watches on nodes themselves and those on children, apart as the server has them.
#[derive(Debug, Default)]
pub(super) struct WatchTables {
    pub data: WatchTable,
    pub child: WatchTable,
}

/// The watches of one sort.
#[derive(Debug, Default)]
pub(super) struct WatchTable {
    by_path: BTreeMap<String, BTreeMap<ConnectionId, Mode>>,
    by_connection: BTreeMap<ConnectionId, BTreeSet<String>>,
    /// While there are none, nobody looks at the nodes above.
    recursive: usize,
}

impl WatchTables {
    /// Leaves a persistent watch; it is in both tables.
    pub fn add_persistent(&mut self, path: &str, connection: ConnectionId, mode: AddWatchMode) {
        let mode = match mode {
            AddWatchMode::Persistent => Mode::Persistent,
            AddWatchMode::PersistentRecursive => Mode::Recursive,
        };
        self.data.add(path, connection, mode);
        self.child.add(path, connection, mode);
    }

    /// Removes the watches of a kind and tells whether there was one.
    pub fn remove(&mut self, path: &str, connection: ConnectionId, kind: WatchKind) -> bool {
        let mut removed = false;
        if kind != WatchKind::Data {
            removed |= self.child.remove(path, connection);
        }
        if kind != WatchKind::Children {
            removed |= self.data.remove(path, connection);
        }
        removed
    }

    /// Tells whether a path is watched.
    ///
    /// ZooKeeper 3.8.0 doesn't look whose watch it is (ZOOKEEPER-4475 and its kin came later).
    pub fn is_watched(&self, path: &str, kind: WatchKind) -> bool {
        (kind != WatchKind::Data && self.child.by_path.contains_key(path))
            || (kind != WatchKind::Children && self.data.by_path.contains_key(path))
    }

    /// Tells whether anybody watches a subtree.
    pub fn has_recursive(&self) -> bool {
        self.data.recursive > 0 || self.child.recursive > 0
    }

    /// Forgets a connection.
    pub fn forget(&mut self, connection: ConnectionId) {
        self.data.forget(connection);
        self.child.forget(connection);
    }

    /// Counts the watches.
    pub fn count(&self) -> usize {
        self.data.count() + self.child.count()
    }
}

impl WatchTable {
    /// Leaves a watch in place of any other of this connection on the path.
    pub fn add(&mut self, path: &str, connection: ConnectionId, mode: Mode) {
        let watchers = self.by_path.entry(path.to_owned()).or_default();
        let before = watchers.insert(connection, mode);
        self.recursive += usize::from(mode == Mode::Recursive);
        self.recursive -= usize::from(before == Some(Mode::Recursive));
        if before.is_none() {
            self.by_connection
                .entry(connection)
                .or_default()
                .insert(path.to_owned());
        }
    }

    fn remove(&mut self, path: &str, connection: ConnectionId) -> bool {
        let Some(watchers) = self.by_path.get_mut(path) else {
            return false;
        };
        let Some(mode) = watchers.remove(&connection) else {
            return false;
        };
        if watchers.is_empty() {
            self.by_path.remove(path);
        }
        self.recursive -= usize::from(mode == Mode::Recursive);
        self.unlink(path, connection);
        true
    }

    fn unlink(&mut self, path: &str, connection: ConnectionId) {
        if let Some(paths) = self.by_connection.get_mut(&connection) {
            paths.remove(path);
            if paths.is_empty() {
                self.by_connection.remove(&connection);
            }
        }
    }

    fn forget(&mut self, connection: ConnectionId) {
        for path in self.by_connection.remove(&connection).unwrap_or_default() {
            self.remove(&path, connection);
        }
    }

    fn count(&self) -> usize {
        self.by_connection.values().map(BTreeSet::len).sum()
    }

    /// Returns who is to be told, and removes the watches that are over.
    pub fn trigger(&mut self, path: &str, kind: EventKind) -> BTreeSet<ConnectionId> {
        let mut told = BTreeSet::new();
        let mut over = Vec::new();
        for (connection, mode) in self.by_path.get(path).into_iter().flatten() {
            match mode {
                Mode::Recursive if kind == EventKind::ChildrenChanged => continue,
                Mode::Once => over.push(*connection),
                Mode::Recursive | Mode::Persistent => {}
            }
            told.insert(*connection);
        }
        for connection in over {
            self.remove(path, connection);
        }
        if self.recursive > 0 && kind != EventKind::ChildrenChanged {
            self.tell_recursive(path, &mut told);
        }
        told
    }

    fn tell_recursive(&self, path: &str, told: &mut BTreeSet<ConnectionId>) {
        let mut above = path;
        while above != "/" {
            above = super::paths::parent(above);
            for (connection, mode) in self.by_path.get(above).into_iter().flatten() {
                if *mode == Mode::Recursive {
                    told.insert(*connection);
                }
            }
        }
    }
}
