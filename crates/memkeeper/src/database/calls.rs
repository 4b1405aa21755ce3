//! One request in, one reply out.

use super::commit::Caller;
use super::reads::Reader;
use super::watches::Mode;
use super::writes::Done;
use super::{
    AddWatchMode, ConnectionId, Create, CreateReply, Database, ErrorCode, EventKind, Millis, MultiResult,
    Notification, Reply, Request, Response, SessionId, Unread, Watches, Write, access,
};

type Outcome = Result<Response, ErrorCode>;

impl Database {
    /// Answers a request; the session's time begins anew.
    ///
    /// A connection whose session is over, or that is not known, is told [`ErrorCode::SessionExpired`].
    pub fn call(&mut self, connection: ConnectionId, request: Request, now: Millis) -> Reply {
        let session = self.session_of(connection);
        let Some(session) = session.filter(|session| self.sessions.touch(*session, now)) else {
            return self.reply(Err(ErrorCode::SessionExpired));
        };
        if let Request::Auth { scheme, credential } = &request {
            // The real server answers this before anything that knows transactions.
            let result = self.authenticate(connection, scheme, credential);
            return Reply { zxid: 0, result };
        }
        let caller = Caller {
            connection,
            session,
            now,
        };
        let result = self.answer(caller, request);
        self.reply(result)
    }

    /// Answers a request that could not be read with `error`; the session's time begins anew.
    ///
    /// A write takes a transaction as every failed one does.
    pub fn refuse(
        &mut self,
        connection: ConnectionId,
        unread: Unread,
        error: ErrorCode,
        now: Millis,
    ) -> Reply {
        let ping = self.call(connection, Request::Ping, now);
        if ping.result.is_ok() && unread == Unread::Write {
            self.last_zxid += 1;
        }
        self.reply(ping.result.and(Err(error)))
    }

    fn reply(&self, result: Outcome) -> Reply {
        let zxid = self.last_zxid;
        Reply { zxid, result }
    }

    fn answer(&mut self, caller: Caller, request: Request) -> Outcome {
        match request {
            Request::Create(create) => self.create(caller, &create),
            Request::Delete(delete) => {
                self.transact(caller, |tree, moment, journal| {
                    tree.delete(&delete, moment, journal)
                })?;
                Ok(Response::Empty)
            }
            Request::SetData(set) => {
                let done = self.transact(caller, |tree, moment, journal| {
                    tree.set_data(&set, moment, journal)
                })?;
                Ok(Response::Stat(done))
            }
            Request::SetAcl { path, acls, version } => {
                let set = (path.as_str(), acls.as_slice(), version);
                let stat =
                    self.transact(caller, |tree, moment, journal| tree.set_acl(set, moment, journal))?;
                Ok(Response::Stat(stat))
            }
            Request::Check(check) => {
                self.transact(caller, |tree, moment, _| tree.check(&check, moment))?;
                Ok(Response::Empty)
            }
            Request::Multi(writes) => Ok(Response::Multi(self.multi(caller, &writes))),
            Request::Reconfig => self.transact(caller, |_, _, _| Err(ErrorCode::ReconfigDisabled)),
            Request::CloseSession => {
                self.end_session(caller.session);
                Ok(Response::Empty)
            }
            Request::SetWatches { .. }
            | Request::AddWatch { .. }
            | Request::RemoveWatches { .. }
            | Request::CheckWatches { .. } => self.watch(caller.connection, request),
            _ => self.read(caller, request),
        }
    }

    fn create(&mut self, caller: Caller, create: &Create) -> Outcome {
        let (path, stat) = self.transact(caller, |tree, moment, journal| {
            tree.create(create, moment, journal)
        })?;
        Ok(match create.reply {
            CreateReply::Path => Response::Path(path),
            CreateReply::PathAndStat => Response::Created(path, stat),
        })
    }

    /// Applies all or nothing; the reply as such is no error in either case.
    fn multi(&mut self, caller: Caller, writes: &[Write]) -> Vec<MultiResult> {
        let results = self.transact(caller, |tree, moment, journal| {
            let mut results = Vec::with_capacity(writes.len());
            for write in writes {
                match tree.write(write, moment, journal) {
                    Ok(done) => results.push(multi_result(write, done)),
                    Err(error) => return Err(failed(writes.len(), results.len(), error)),
                }
            }
            Ok(results)
        });
        results.unwrap_or_else(|errors| errors)
    }

    fn watch(&mut self, connection: ConnectionId, request: Request) -> Outcome {
        let known = match request {
            Request::SetWatches {
                relative_zxid,
                watches,
            } => {
                self.set_watches(connection, relative_zxid, &watches);
                true
            }
            Request::AddWatch { path, mode } => {
                self.watches.add_persistent(&path, connection, mode);
                true
            }
            Request::RemoveWatches { path, kind } => self.watches.remove(&path, connection, kind),
            // The real server looks for the parent of the path, and while there are recursive watches for all above
            // it, and breaks off where there is none.
            Request::CheckWatches { path, .. } if !path.is_empty() && !path.contains('/') => {
                return Err(ErrorCode::MarshallingError);
            }
            Request::CheckWatches { path, kind } => match self.watches.is_watched(&path, kind) {
                false if self.watches.has_recursive() && !path.is_empty() && !path.starts_with('/') => {
                    return Err(ErrorCode::MarshallingError);
                }
                is_watched => is_watched,
            },
            _ => false,
        };
        match known {
            true => Ok(Response::Empty),
            false => Err(ErrorCode::NoWatcher),
        }
    }

    /// Leaves watches, or tells at once what they would have told since the client's last transaction.
    fn set_watches(&mut self, connection: ConnectionId, seen: i64, wanted: &Watches) {
        let mut missed = Vec::new();
        for path in &wanted.data {
            match self.tree.nodes.at(path) {
                None => missed.push((EventKind::Deleted, path)),
                Some(node) if node.mzxid > seen => missed.push((EventKind::DataChanged, path)),
                Some(_) => self.watches.data.add(path, connection, Mode::Once),
            }
        }
        for path in &wanted.exist {
            match self.tree.nodes.at(path) {
                Some(_) => missed.push((EventKind::Created, path)),
                None => self.watches.data.add(path, connection, Mode::Once),
            }
        }
        for path in &wanted.child {
            match self.tree.nodes.at(path) {
                None => missed.push((EventKind::Deleted, path)),
                Some(node) if node.pzxid > seen => missed.push((EventKind::ChildrenChanged, path)),
                Some(_) => self.watches.child.add(path, connection, Mode::Once),
            }
        }
        for path in &wanted.persistent {
            self.watches
                .add_persistent(path, connection, AddWatchMode::Persistent);
        }
        for path in &wanted.persistent_recursive {
            self.watches
                .add_persistent(path, connection, AddWatchMode::PersistentRecursive);
        }
        self.notifications
            .extend(missed.into_iter().map(|(kind, path)| Notification {
                connection,
                kind,
                path: path.clone(),
            }));
    }

    fn read(&mut self, caller: Caller, request: Request) -> Outcome {
        let reader = Reader {
            nodes: &self.tree.nodes,
            identities: self.sessions.identities(caller.connection),
        };
        let watches = &mut self.watches;
        let watcher = |watch: bool| watch.then_some(caller.connection);
        match request {
            Request::Ping => Ok(Response::Empty),
            Request::Exists { path, watch } => reader.exists(&path, watcher(watch), watches),
            Request::GetData { path, watch } => reader.data(&path, watcher(watch), watches),
            Request::GetChildren { path, watch } => {
                let (names, _) = reader.children(&path, watcher(watch), watches)?;
                Ok(Response::Children(names))
            }
            Request::GetChildren2 { path, watch } => {
                let (names, stat) = reader.children(&path, watcher(watch), watches)?;
                Ok(Response::ChildrenAndStat(names, stat))
            }
            Request::GetAcl { path } => reader.acl(&path),
            Request::GetAllChildrenNumber { path } => reader.descendants(&path),
            Request::GetEphemerals { prefix } => {
                Ok(Response::Paths(self.ephemerals(caller.session, &prefix)))
            }
            Request::Sync { path } => Ok(Response::Path(path)),
            Request::MultiRead(reads) => {
                let results = reads.iter().map_while(|read| reader.one_of_many(read));
                let results = results.collect::<Vec<_>>();
                Ok(match results.len() == reads.len() {
                    true => Response::Multi(results),
                    false => Response::BrokenMulti(results),
                })
            }
            Request::WhoAmI => {
                let identities = reader.identities.iter().map(access::named);
                Ok(Response::Identities(identities.collect()))
            }
            _ => Err(ErrorCode::Unimplemented),
        }
    }

    fn ephemerals(&self, session: SessionId, prefix: &str) -> Vec<String> {
        let all = matches!(prefix.trim(), "" | "/");
        let paths = self
            .sessions
            .get(session)
            .into_iter()
            .flat_map(|session| &session.ephemerals);
        paths
            .filter(|path| all || path.starts_with(prefix))
            .cloned()
            .collect()
    }

    fn authenticate(&mut self, connection: ConnectionId, scheme: &str, credential: &[u8]) -> Outcome {
        let Some(connection) = self.sessions.connections.get_mut(&connection) else {
            return Err(ErrorCode::SessionExpired);
        };
        let identity = access::authenticate(scheme, credential, &connection.address)?;
        if !connection.identities.contains(&identity) {
            connection.identities.push(identity);
        }
        Ok(Response::Empty)
    }
}

/// In a multi the real server forgets which create was asked for: only the newer kinds of nodes have a stat.
fn multi_result(write: &Write, done: Done) -> MultiResult {
    match (done, write) {
        (Done::Created(path, stat), Write::Create(create)) if create.mode.is_extended() => {
            MultiResult::Created(path, stat)
        }
        (Done::Created(path, _), _) => MultiResult::Path(path),
        (Done::Deleted, _) => MultiResult::Deleted,
        (Done::Set(stat), _) => MultiResult::Set(stat),
        (Done::Checked, _) => MultiResult::Checked,
    }
}

/// Returns the results of a multi of which one operation failed.
fn failed(operations: usize, failed: usize, error: ErrorCode) -> Vec<MultiResult> {
    let result = |index: usize| match index.cmp(&failed) {
        std::cmp::Ordering::Less => MultiResult::Error(None),
        std::cmp::Ordering::Equal => MultiResult::Error(Some(error)),
        std::cmp::Ordering::Greater => MultiResult::Error(Some(ErrorCode::RuntimeInconsistency)),
    };
    (0..operations).map(result).collect()
}
