//! The tree as the recorded transactions make it, with what the checker must remember of each node.

use std::collections::BTreeMap;

use memkeeper::database::{Applied, Data, Transaction};
use serde_json::Value;

use crate::commit::{Properties, STRING_VALUE};

/// What a node's data mean (TREE_FORMAT.md 4).
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A JSON object, or nothing.
    Properties(Properties),
    /// Anything else.
    Raw(Vec<u8>),
}

impl Content {
    /// Returns what `data` mean.
    pub fn of(data: &[u8]) -> Content {
        let text = data.trim_ascii();
        if text.is_empty() || text == b"null" {
            return Content::Properties(Properties::new());
        }
        match serde_json::from_slice(text) {
            Ok(Value::Object(properties)) => Content::Properties(properties),
            _ => Content::Raw(data.to_vec()),
        }
    }

    /// Returns what a file's properties become when they are stored.
    pub fn stored(properties: &Properties) -> Content {
        match (properties.len(), properties.get(STRING_VALUE)) {
            (1, Some(Value::String(text))) => Content::Raw(text.as_bytes().to_vec()),
            _ => Content::Properties(properties.clone()),
        }
    }
}

/// One node.
#[derive(Clone, Debug)]
pub struct Node {
    /// What its data mean.
    pub content: Content,
    /// The session that owns it, 0 if none.
    pub owner: i64,
    /// How often it was set.
    pub version: i32,
    /// The transaction that last set it.
    pub mzxid: i64,
}

/// The tree after the transactions seen so far.
#[derive(Debug, Default)]
pub struct Mirror {
    /// Every node but the root and `/zookeeper`.
    pub nodes: BTreeMap<String, Node>,
    /// The last transaction.
    pub zxid: i64,
    /// When somebody who is no sync last touched a path.
    touched: BTreeMap<String, i64>,
}

impl Mirror {
    /// Applies a transaction.
    pub fn apply(&mut self, transaction: &Transaction) {
        self.zxid = transaction.zxid;
        for change in &transaction.changes {
            match change {
                Applied::Created(path, data, owner) => {
                    self.nodes
                        .insert(path.clone(), node(data, *owner, transaction.zxid));
                }
                Applied::Set(path, data) => {
                    if let Some(node) = self.nodes.get_mut(path) {
                        node.content = Content::of(data);
                        node.version += 1;
                        node.mzxid = transaction.zxid;
                    }
                }
                Applied::AclSet(_) => {}
                Applied::Deleted(path) => {
                    self.nodes.remove(path);
                }
            }
        }
    }

    /// Remembers that these paths were changed by somebody who is no sync.
    pub fn touch(&mut self, transaction: &Transaction) {
        for change in &transaction.changes {
            self.touched.insert(path_of(change).to_owned(), transaction.zxid);
        }
    }

    /// Returns when somebody who is no sync last touched this very path.
    pub fn touched_at(&self, path: &str) -> i64 {
        self.touched.get(path).copied().unwrap_or(0)
    }

    /// Tells whether somebody who is no sync touched the path, or one below it, after a transaction.
    pub fn is_touched(&self, path: &str, after: i64) -> bool {
        self.touched_at(path) > after || below(&self.touched, path).any(|(_, zxid)| *zxid > after)
    }

    /// Returns the nodes below a path.
    pub fn below<'a>(&'a self, path: &str) -> impl Iterator<Item = (&'a String, &'a Node)> {
        below(&self.nodes, path)
    }

    /// Returns the names and nodes of the direct children.
    pub fn children<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, &'a Node)> {
        self.below(path).filter_map(move |(child, node)| {
            let name = &child[path.len() + 1..];
            (!name.contains('/')).then_some((name, node))
        })
    }

    /// Returns a property of a node.
    pub fn property(&self, path: &str, name: &str) -> Option<&Value> {
        match &self.nodes.get(path)?.content {
            Content::Properties(properties) => properties.get(name),
            Content::Raw(_) => None,
        }
    }

    /// Returns the properties of a node.
    pub fn properties(&self, path: &str) -> Option<&Properties> {
        match &self.nodes.get(path)?.content {
            Content::Properties(properties) => Some(properties),
            Content::Raw(_) => None,
        }
    }
}

fn node(data: &Data, owner: i64, zxid: i64) -> Node {
    Node {
        content: Content::of(data),
        owner,
        version: 0,
        mzxid: zxid,
    }
}

fn below<'a, T>(map: &'a BTreeMap<String, T>, path: &str) -> impl Iterator<Item = (&'a String, &'a T)> {
    let (start, end) = (format!("{path}/"), format!("{path}0"));
    map.range(start..end)
}

/// Returns the path that a change is about.
pub fn path_of(change: &Applied) -> &str {
    match change {
        Applied::Created(path, ..)
        | Applied::Set(path, _)
        | Applied::AclSet(path)
        | Applied::Deleted(path) => path,
    }
}
