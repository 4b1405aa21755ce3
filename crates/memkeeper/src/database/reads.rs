//! Requests that change nothing in the tree; a watch may be left.

use super::nodes::{Node, Nodes};
use super::watches::{Mode, WatchTables};
use super::{ConnectionId, ErrorCode, Identity, MultiResult, Permissions, Reads, Response, Stat, access};

/// Whether a read leaves a watch, and whose.
pub(super) type Watcher = Option<ConnectionId>;

/// A reader: what it sees and who it is.
pub(super) struct Reader<'a> {
    pub nodes: &'a Nodes,
    pub identities: &'a [Identity],
}

impl Reader<'_> {
    /// Tells a stat; the watch is left whether the node exists or not, and nobody is refused.
    pub fn exists(
        &self,
        path: &str,
        watcher: Watcher,
        watches: &mut WatchTables,
    ) -> Result<Response, ErrorCode> {
        if path.contains('\0') {
            return Err(ErrorCode::BadArguments);
        }
        if let Some(connection) = watcher {
            watches.data.add(path, connection, Mode::Once);
        }
        let node = self.nodes.at(path).ok_or(ErrorCode::NoNode)?;
        Ok(Response::Stat(node.stat()))
    }

    /// Reads data.
    pub fn data(
        &self,
        path: &str,
        watcher: Watcher,
        watches: &mut WatchTables,
    ) -> Result<Response, ErrorCode> {
        let node = self.readable(path)?;
        if let Some(connection) = watcher {
            watches.data.add(path, connection, Mode::Once);
        }
        Ok(Response::Data(node.data.clone(), node.stat()))
    }

    /// Lists children.
    pub fn children(
        &self,
        path: &str,
        watcher: Watcher,
        watches: &mut WatchTables,
    ) -> Result<(Vec<String>, Stat), ErrorCode> {
        let node = self.readable(path)?;
        if let Some(connection) = watcher {
            watches.child.add(path, connection, Mode::Once);
        }
        Ok((names(node), node.stat()))
    }

    /// Reads an ACL; hashes are shown to those who may change it.
    pub fn acl(&self, path: &str) -> Result<Response, ErrorCode> {
        let node = self.nodes.at(path).ok_or(ErrorCode::NoNode)?;
        let either = Permissions(Permissions::READ.0 | Permissions::ADMIN.0);
        access::check(&node.acls, either, self.identities)?;
        let acls = match access::check(&node.acls, Permissions::ADMIN, self.identities) {
            Ok(()) => node.acls.to_vec(),
            Err(_) => access::masked(&node.acls),
        };
        Ok(Response::Acl(acls, node.stat()))
    }

    /// Counts descendants.
    pub fn descendants(&self, path: &str) -> Result<Response, ErrorCode> {
        self.readable(path)?;
        if path.is_empty() {
            // The real server counts the paths that begin with the one asked for and a slash: here that's all.
            return Ok(count(self.nodes.count()));
        }
        let node = self.nodes.find(path).ok_or(ErrorCode::NoNode)?;
        Ok(count(self.nodes.descendants(node)))
    }

    /// Answers one operation of a multi-read; nothing to one that reads nothing.
    pub fn one_of_many(&self, read: &Reads) -> Option<MultiResult> {
        let result = match read {
            Reads::Data(path) => self
                .readable(path)
                .map(|node| MultiResult::Data(node.data.clone(), node.stat())),
            Reads::Children(path) => self.readable(path).map(|node| MultiResult::Children(names(node))),
            Reads::Misplaced => return None,
        };
        Some(result.unwrap_or_else(|error| MultiResult::Error(Some(error))))
    }

    fn readable(&self, path: &str) -> Result<&Node, ErrorCode> {
        let node = self.nodes.at(path).ok_or(ErrorCode::NoNode)?;
        access::check(&node.acls, Permissions::READ, self.identities)?;
        Ok(node)
    }
}

fn count(nodes: usize) -> Response {
    Response::Count(i32::try_from(nodes).unwrap_or(i32::MAX))
}

fn names(node: &Node) -> Vec<String> {
    node.children.keys().map(|name| String::from(&**name)).collect()
}
