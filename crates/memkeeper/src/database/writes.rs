//! Operations that change the tree, each checked and applied at once, with a journal to undo them by.
//!
//! The order of the checks is the real server's: it decides which error a client sees.
//! Watches, sessions and transaction ids are not known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::access::{self, AclTable};
use super::data::Data;
use super::nodes::{Node, NodeId, Nodes, Owner};
use super::{
    Acl, Applied, Check, Create, CreateMode, Delete, ErrorCode, Identity, Millis, Permissions, SessionId,
    SetData, Stat, Write, paths,
};

/// The longest TTL, in milliseconds: the real server keeps it in five bytes.
const TTL_MAX: i64 = 0xff_ffff_ffff;

/// What is the same for all operations of one transaction.
pub(super) struct Moment<'a> {
    pub zxid: i64,
    pub now: Millis,
    pub session: SessionId,
    pub identities: &'a [Identity],
    pub extended_types: bool,
}

/// What an operation did.
pub(super) enum Done {
    Created(String, Stat),
    Deleted,
    Set(Stat),
    Checked,
}

/// A change that was made, and how to take it back.
pub(super) struct Step {
    pub applied: Applied,
    /// Of what was created or deleted.
    pub owner: Owner,
    /// The node's, for who may be told.
    pub acls: Arc<[Acl]>,
    /// The parent's, where it changed too.
    pub parent_acls: Arc<[Acl]>,
    undo: Undo,
}

/// What was there before.
enum Undo {
    Detach {
        parent: Parent,
    },
    Attach {
        parent: Parent,
        node: Node,
    },
    Data {
        node: NodeId,
        data: Data,
        version: i32,
        mzxid: i64,
        mtime: Millis,
    },
    /// Never in a multi, so that nothing after it can fail.
    Nothing,
}

/// A parent as it was.
struct Parent {
    id: NodeId,
    creations: i32,
    pzxid: i64,
}

impl Step {
    /// Returns a change that the parent has no part in.
    fn alone(applied: Applied, node: &Node, undo: Undo) -> Step {
        Step {
            applied,
            owner: node.owner,
            acls: node.acls.clone(),
            parent_acls: node.acls.clone(),
            undo,
        }
    }
}

/// The tree and what its nodes share.
#[derive(Debug)]
pub(super) struct Tree {
    pub nodes: Nodes,
    acls: AclTable,
}

impl Tree {
    /// Returns the tree of a new server.
    pub fn new() -> Tree {
        let mut acls = AclTable::default();
        let open = acls.share(Acl::open());
        let mut nodes = Nodes::new(node(&open, 0));
        nodes.attach(Nodes::ROOT, "zookeeper", node(&open, 0));
        if let Some(zookeeper) = nodes.find("/zookeeper") {
            let mut readable = Acl::open();
            readable
                .iter_mut()
                .for_each(|acl| acl.permissions = Permissions::READ);
            let readable = acls.share(readable);
            nodes.attach(zookeeper, "config", node(&readable, -1));
            nodes.attach(zookeeper, "quota", node(&open, 0));
        }
        Tree { nodes, acls }
    }

    /// Applies one operation of a multi.
    pub fn write(
        &mut self,
        write: &Write,
        moment: &Moment<'_>,
        journal: &mut Vec<Step>,
    ) -> Result<Done, ErrorCode> {
        match write {
            Write::Create(create) => {
                let (path, stat) = self.create(create, moment, journal)?;
                Ok(Done::Created(path, stat))
            }
            Write::Delete(delete) => self.delete(delete, moment, journal).map(|()| Done::Deleted),
            Write::SetData(set) => self.set_data(set, moment, journal).map(Done::Set),
            Write::Check(check) => self.check(check, moment).map(|()| Done::Checked),
        }
    }

    /// Takes changes back, the last one first.
    pub fn undo(&mut self, journal: Vec<Step>) {
        for step in journal.into_iter().rev() {
            let (Applied::Created(path, ..)
            | Applied::Set(path, _)
            | Applied::AclSet(path)
            | Applied::Deleted(path)) = &step.applied;
            let name = paths::split(path).map_or("", |(_, name)| name);
            match step.undo {
                Undo::Detach { parent } => {
                    self.nodes.detach(parent.id, name);
                    self.restore(&parent);
                }
                Undo::Attach { parent, node } => {
                    self.nodes.attach(parent.id, name, node);
                    self.restore(&parent);
                }
                Undo::Data {
                    node,
                    data,
                    version,
                    mzxid,
                    mtime,
                } => {
                    let node = self.nodes.get_mut(node);
                    (node.data, node.version, node.mzxid, node.mtime) = (data, version, mzxid, mtime);
                }
                Undo::Nothing => {}
            }
        }
    }

    fn restore(&mut self, parent: &Parent) {
        let node = self.nodes.get_mut(parent.id);
        (node.creations, node.pzxid) = (parent.creations, parent.pzxid);
    }

    /// Creates a node.
    pub fn create(
        &mut self,
        create: &Create,
        moment: &Moment<'_>,
        journal: &mut Vec<Step>,
    ) -> Result<(String, Stat), ErrorCode> {
        let owner = owner(create.mode, moment)?;
        let (above, _) = paths::split(&create.path).ok_or(ErrorCode::BadArguments)?;
        let acls = access::resolve(&create.acls, moment.identities)?;
        let id = self.nodes.find(above).ok_or(ErrorCode::NoNode)?;
        let parent = self.nodes.get(id);
        access::check(&parent.acls, Permissions::CREATE, moment.identities)?;
        let path = match is_sequential(create.mode) {
            true => format!("{}{:010}", create.path, parent.creations),
            false => create.path.clone(),
        };
        if !paths::is_valid(&path) {
            return Err(ErrorCode::BadArguments);
        }
        let name = paths::split(&path).map_or("", |(_, name)| name);
        if name.is_empty() || parent.children.contains_key(name) {
            return Err(ErrorCode::NodeExists);
        }
        if matches!(parent.owner, Owner::Session(_)) {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        let undo = Undo::Detach {
            parent: remembered(id, parent),
        };
        let node = Node {
            data: create.data.clone(),
            acls: self.acls.share(acls),
            children: BTreeMap::new(),
            czxid: moment.zxid,
            mzxid: moment.zxid,
            pzxid: moment.zxid,
            ctime: moment.now,
            mtime: moment.now,
            owner,
            version: 0,
            aversion: 0,
            creations: 0,
        };
        let (stat, acls) = (node.stat(), node.acls.clone());
        self.nodes.attach(id, name, node);
        let parent = self.nodes.get_mut(id);
        // The real server's counter stays where it is, and so does pzxid, when it cannot grow.
        if let Some(creations) = parent.creations.checked_add(1) {
            (parent.creations, parent.pzxid) = (creations, moment.zxid);
        }
        let applied = Applied::Created(path.clone(), create.data.clone(), stat.ephemeral_owner);
        let parent_acls = parent.acls.clone();
        journal.push(Step {
            applied,
            owner,
            acls,
            parent_acls,
            undo,
        });
        Ok((path, stat))
    }

    /// Deletes a node.
    pub fn delete(
        &mut self,
        delete: &Delete,
        moment: &Moment<'_>,
        journal: &mut Vec<Step>,
    ) -> Result<(), ErrorCode> {
        let (above, name) = paths::split(&delete.path).ok_or(ErrorCode::BadArguments)?;
        if paths::is_indelible(&delete.path) {
            return Err(ErrorCode::BadArguments);
        }
        let id = self.nodes.find(above).ok_or(ErrorCode::NoNode)?;
        let parent = self.nodes.get(id);
        access::check(&parent.acls, Permissions::DELETE, moment.identities)?;
        let child = *parent.children.get(name).ok_or(ErrorCode::NoNode)?;
        let node = self.nodes.get(child);
        check_version(node.version, delete.version)?;
        if !node.children.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        self.remove(&delete.path, moment.zxid, journal);
        Ok(())
    }

    /// Deletes a node without children, whoever may.
    pub fn remove(&mut self, path: &str, zxid: i64, journal: &mut Vec<Step>) {
        let Some((above, name)) = paths::split(path) else {
            return;
        };
        let Some(id) = self.nodes.find(above) else {
            return;
        };
        let before = remembered(id, self.nodes.get(id));
        let Some(node) = self.nodes.detach(id, name) else {
            return;
        };
        let parent = self.nodes.get_mut(id);
        parent.pzxid = zxid;
        journal.push(Step {
            applied: Applied::Deleted(path.to_owned()),
            owner: node.owner,
            acls: node.acls.clone(),
            parent_acls: parent.acls.clone(),
            undo: Undo::Attach { parent: before, node },
        });
    }

    /// Sets data.
    pub fn set_data(
        &mut self,
        set: &SetData,
        moment: &Moment<'_>,
        journal: &mut Vec<Step>,
    ) -> Result<Stat, ErrorCode> {
        let id = self.valid(&set.path)?;
        let node = self.nodes.get_mut(id);
        access::check(&node.acls, Permissions::WRITE, moment.identities)?;
        check_version(node.version, set.version)?;
        let undo = Undo::Data {
            node: id,
            data: node.data.clone(),
            version: node.version,
            mzxid: node.mzxid,
            mtime: node.mtime,
        };
        node.data = set.data.clone();
        node.version = node.version.wrapping_add(1);
        (node.mzxid, node.mtime) = (moment.zxid, moment.now);
        let applied = Applied::Set(set.path.clone(), set.data.clone());
        journal.push(Step::alone(applied, node, undo));
        Ok(node.stat())
    }

    /// Checks a version; it needs the permission to read.
    pub fn check(&self, check: &Check, moment: &Moment<'_>) -> Result<(), ErrorCode> {
        let id = self.valid(&check.path)?;
        let node = self.nodes.get(id);
        access::check(&node.acls, Permissions::READ, moment.identities)?;
        check_version(node.version, check.version)
    }

    /// Sets the ACL; it is no operation of a multi.
    pub fn set_acl(
        &mut self,
        (path, acls, version): (&str, &[Acl], i32),
        moment: &Moment<'_>,
        journal: &mut Vec<Step>,
    ) -> Result<Stat, ErrorCode> {
        if !paths::is_valid(path) {
            return Err(ErrorCode::BadArguments);
        }
        let acls = access::resolve(acls, moment.identities)?;
        let id = self.valid(path)?;
        let node = self.nodes.get_mut(id);
        access::check(&node.acls, Permissions::ADMIN, moment.identities)?;
        check_version(node.aversion, version)?;
        node.acls = self.acls.share(acls);
        node.aversion = node.aversion.wrapping_add(1);
        let applied = Applied::AclSet(path.to_owned());
        journal.push(Step::alone(applied, node, Undo::Nothing));
        Ok(node.stat())
    }

    fn valid(&self, path: &str) -> Result<NodeId, ErrorCode> {
        match paths::is_valid(path) {
            true => self.nodes.find(path).ok_or(ErrorCode::NoNode),
            false => Err(ErrorCode::BadArguments),
        }
    }
}

fn node(acls: &Arc<[Acl]>, aversion: i32) -> Node {
    Node {
        data: Data::from([]),
        acls: acls.clone(),
        children: BTreeMap::new(),
        czxid: 0,
        mzxid: 0,
        pzxid: 0,
        ctime: 0,
        mtime: 0,
        owner: Owner::Nobody,
        version: 0,
        aversion,
        creations: 0,
    }
}

fn remembered(id: NodeId, node: &Node) -> Parent {
    Parent {
        id,
        creations: node.creations,
        pzxid: node.pzxid,
    }
}

fn owner(mode: CreateMode, moment: &Moment<'_>) -> Result<Owner, ErrorCode> {
    match mode {
        CreateMode::Persistent | CreateMode::PersistentSequential => Ok(Owner::Nobody),
        CreateMode::Ephemeral | CreateMode::EphemeralSequential => Ok(Owner::Session(moment.session)),
        CreateMode::Container | CreateMode::SequentialContainer => Ok(Owner::Container),
        CreateMode::Refused(error) => Err(error),
        CreateMode::PersistentTtl(_) | CreateMode::PersistentSequentialTtl(_) if !moment.extended_types => {
            Err(ErrorCode::Unimplemented)
        }
        CreateMode::PersistentTtl(ttl) | CreateMode::PersistentSequentialTtl(ttl) => match ttl {
            1..=TTL_MAX => Ok(Owner::Ttl(ttl)),
            _ => Err(ErrorCode::BadArguments),
        },
    }
}

fn is_sequential(mode: CreateMode) -> bool {
    matches!(
        mode,
        CreateMode::PersistentSequential
            | CreateMode::EphemeralSequential
            | CreateMode::SequentialContainer
            | CreateMode::PersistentSequentialTtl(_)
    )
}

fn check_version(actual: i32, expected: i32) -> Result<(), ErrorCode> {
    match expected == -1 || expected == actual {
        true => Ok(()),
        false => Err(ErrorCode::BadVersion),
    }
}
