//! Who acts in a run: treekeepers, syncers of the ancestor, hosts, editors, operators, and whoever pushes commits.
//!
//! Each is an endless loop that ends when the scene is calm; none knows of the others.

mod agent;
mod author;
mod editor;
mod legacy;
mod operator;
mod treekeeper;

use std::cell::Cell;
use std::rc::Rc;

use memkeeper::database::{Create, CreateMode, Delete, ErrorCode, Request, Response, SetData, Stat};
use treekeeper_core::model::Bump;
use treekeeper_core::model::cluster::LockStyle;
use treekeeper_core::model::protect::Glob;

pub use agent::agent;
pub use author::author;
pub use editor::{chronicler, editor, unprotect};
pub use legacy::{kazoo, zktools};
pub use operator::{operator, resume, unpin};
pub use treekeeper::{Ask, drive, sync, treekeeper};

use crate::checker::Who;
use crate::repository::Repository;
use crate::sabotage::Bug;
use crate::world::{ClientId, MILLISECOND, Micros, World};

/// What everybody shares.
pub struct Scene {
    /// The world.
    pub world: World,
    /// The remote.
    pub repository: Repository,
    /// Set when everybody is to come to an end.
    pub is_calm: Cell<bool>,
    /// What the seed decided beforehand.
    pub setting: Setting,
}

/// What a seed decides beforehand.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The lock of each treekeeper.
    pub locks: Vec<LockStyle>,
    /// What treekeepers ask of the server.
    pub session_timeout: Micros,
    /// Bytes of a plan that is one transaction.
    pub transaction_bytes_max: usize,
    /// Operations of a transaction.
    pub operations_max: usize,
    /// Bytes of the largest request that the server takes.
    pub request_bytes_max: usize,
    /// Deletions that need no grant.
    pub deletes_max: usize,
    /// Which commits move the version.
    pub bump: Bump,
    /// What is never deleted.
    pub protect: Vec<Glob>,
    /// A bug on purpose.
    pub bug: Option<Bug>,
}

/// A session of somebody who is not treekeeper: no faults but those of the server.
pub(crate) struct Plain {
    world: World,
    client: ClientId,
}

impl Plain {
    /// Opens a session, waiting as long as no server can be reached.
    pub async fn open(scene: &Rc<Scene>, who: Who, timeout: Micros) -> Plain {
        loop {
            if let Some(client) = scene.world.open(who, timeout) {
                return Plain {
                    world: scene.world.clone(),
                    client,
                };
            }
            scene.world.sleep(100 * MILLISECOND).await;
        }
    }

    /// Asks; nothing if there was no answer or an error.
    pub async fn ask(&self, request: Request) -> Option<Response> {
        self.world.call(self.client, request).await.ok()?.ok()
    }

    /// Reads data.
    pub async fn data(&self, path: &str) -> Option<(Vec<u8>, Stat)> {
        match self
            .ask(Request::GetData {
                path: path.to_owned(),
                watch: false,
            })
            .await?
        {
            Response::Data(data, stat) => Some((data.to_vec(), stat)),
            _ => None,
        }
    }

    /// Lists children.
    pub async fn children(&self, path: &str) -> Vec<String> {
        match self
            .ask(Request::GetChildren {
                path: path.to_owned(),
                watch: false,
            })
            .await
        {
            Some(Response::Children(mut names)) => {
                names.sort_unstable();
                names
            }
            _ => Vec::new(),
        }
    }

    /// Creates a node and returns its path.
    pub async fn create(&self, path: &str, data: &[u8], mode: CreateMode) -> Option<String> {
        match self.ask(Request::Create(Create::open(path, data, mode))).await? {
            Response::Created(path, _) => Some(path),
            _ => None,
        }
    }

    /// Sets data at a version.
    pub async fn set(&self, path: &str, data: &[u8], version: i32) -> bool {
        self.ask(Request::SetData(SetData {
            path: path.to_owned(),
            data: data.into(),
            version,
        }))
        .await
        .is_some()
    }

    /// Deletes a node whatever its version; tells whether it went or was gone.
    pub async fn delete(&self, path: &str) -> bool {
        let request = Request::Delete(Delete {
            path: path.to_owned(),
            version: -1,
        });
        matches!(
            self.world.call(self.client, request).await,
            Ok(Ok(_) | Err(ErrorCode::NoNode))
        )
    }

    /// Tells whether the session is over.
    pub fn is_over(&self) -> bool {
        self.world.is_ended(self.client)
    }

    /// Ends the session.
    pub async fn close(self) {
        let _ = self.world.call(self.client, Request::CloseSession).await;
    }
}
