//! A snapshot read back: every field is checked, since the file comes from a store that others can write.

use std::collections::BTreeSet;

use super::{FORMAT, SCHEMA, Snapshot};
use crate::model::cluster::{ClusterReading, Host, HostsNode, StateReading};
use crate::model::{
    ClusterVersion, DataVersion, HashKey, LiveNode, LiveTree, Text, Tree, Value, Veil, ZnodePath, Zxid,
    json_value, printable, write_json,
};

/// Why a file is no snapshot that this release reads; safe to print.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not JSON, or cut off.
    #[error("it is not JSON, or not all of it")]
    NotJson,
    /// JSON of something else.
    #[error("it is not a snapshot of treekeeper")]
    NotASnapshot,
    /// A snapshot of another release.
    #[error("its schema is {found}, this release reads {SCHEMA}")]
    Schema {
        /// What it says.
        found: i64,
    },
    /// A field is absent or says nothing that can be.
    #[error("{place}: {fault}")]
    Field {
        /// Which one.
        place: String,
        /// What is wrong with it.
        fault: &'static str,
    },
}

impl Snapshot {
    /// Returns what the text of a file says.
    ///
    /// # Errors
    /// Text that [`Snapshot::to_text`] did not write, or that was changed so that it makes no sense any more.
    pub fn parse(text: &[u8]) -> Result<Snapshot, SnapshotError> {
        let value = json_value(text).ok_or(SnapshotError::NotJson)?;
        let top = Fields::new(&value, "the file").map_err(|_| SnapshotError::NotASnapshot)?;
        if top.text("format").ok().as_deref() != Some(FORMAT) {
            return Err(SnapshotError::NotASnapshot);
        }
        match top.number("schema")? {
            found if found == i64::from(SCHEMA) => {}
            found => return Err(SnapshotError::Schema { found }),
        }
        let secrets = Fields::new(top.get("secrets")?, "secrets")?;
        let key =
            HashKey::parse(&secrets.text("key")?).ok_or_else(|| secrets.fault("key", "it is no key"))?;
        Ok(Snapshot {
            taken: top.text("taken")?,
            by: top.text("by")?,
            veil: Veil::new(key, secrets.texts("names")?),
            cluster: cluster(&top)?,
            others: top.texts("others")?.into_iter().collect::<BTreeSet<_>>(),
            live: live(top.list("nodes")?)?,
        })
    }
}

/// An object of the file, with the words for where it is.
struct Fields<'a> {
    entries: &'a [(Text, Value)],
    place: String,
}

impl<'a> Fields<'a> {
    fn new(value: &'a Value, place: &str) -> Result<Fields<'a>, SnapshotError> {
        match value {
            Value::Object(entries) => Ok(Fields {
                entries,
                place: place.to_owned(),
            }),
            _ => Err(SnapshotError::Field {
                place: place.to_owned(),
                fault: "it is not an object",
            }),
        }
    }

    fn fault(&self, key: &str, fault: &'static str) -> SnapshotError {
        SnapshotError::Field {
            place: format!("{key} of {}", self.place),
            fault,
        }
    }

    fn find(&self, key: &str) -> Option<&'a Value> {
        let entries = self.entries;
        entries
            .iter()
            .find(|(name, _)| *name == *key)
            .map(|(_, value)| value)
    }

    fn get(&self, key: &str) -> Result<&'a Value, SnapshotError> {
        self.find(key).ok_or_else(|| self.fault(key, "it is not there"))
    }

    fn number(&self, key: &str) -> Result<i64, SnapshotError> {
        match self.get(key)? {
            Value::Int(number) => Ok(*number),
            _ => Err(self.fault(key, "it is not a whole number")),
        }
    }

    fn version(&self, key: &str) -> Result<DataVersion, SnapshotError> {
        let number = i32::try_from(self.number(key)?);
        let number = number.map_err(|_| self.fault(key, "it is no data version"))?;
        Ok(DataVersion(number))
    }

    fn text(&self, key: &str) -> Result<String, SnapshotError> {
        text(self.get(key)?).ok_or_else(|| self.fault(key, "it is not text"))
    }

    fn list(&self, key: &str) -> Result<&'a [Value], SnapshotError> {
        match self.get(key)? {
            Value::Array(items) => Ok(items),
            _ => Err(self.fault(key, "it is not a list")),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, SnapshotError> {
        let texts = self.list(key)?.iter().map(text).collect::<Option<Vec<_>>>();
        texts.ok_or_else(|| self.fault(key, "not all of it is text"))
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.as_str().map(str::to_owned),
        _ => None,
    }
}

fn json(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_json(value, &mut bytes);
    bytes
}

fn cluster(top: &Fields<'_>) -> Result<ClusterReading, SnapshotError> {
    let mut reading = ClusterReading {
        hosts_node: None,
        hosts: Vec::new(),
        state: StateReading::Absent,
        history: None,
    };
    if *top.get("hosts")? != Value::Null {
        let hosts = Fields::new(top.get("hosts")?, "hosts")?;
        let version = (Text::from("version"), hosts.get("version")?.clone());
        let data = json(&Value::Object(vec![version]));
        reading.hosts_node = Some(HostsNode::new(&data, hosts.version("data_version")?));
        for item in hosts.list("hosts")? {
            let host = Fields::new(item, "a host")?;
            reading.hosts.push(Host {
                name: host.text("name")?,
                version: host.find("version").map(ClusterVersion::from_value),
                error: host.find("error").and_then(text),
            });
        }
    }
    if *top.get("state")? != Value::Null {
        let (state, roots) = (json(top.get("state")?), json(top.get("roots")?));
        // Nobody writes by a snapshot, so the versions of treekeeper's own nodes don't matter.
        let state = StateReading::new(&state, DataVersion(0), Zxid(0));
        reading.state = state.with_roots(Some((&roots, DataVersion(0))));
        if reading.state.state().is_none() {
            return Err(top.fault("state", "it is none that this release reads"));
        }
    }
    Ok(reading)
}

fn live(nodes: &[Value]) -> Result<LiveTree, SnapshotError> {
    let mut tree = Tree::new(LiveNode::unread());
    let mut counts = Vec::with_capacity(nodes.len());
    for (place, item) in nodes.iter().enumerate() {
        let mut node = Fields::new(item, &format!("znode {}", place + 1))?;
        let path = node.text("path")?;
        let path = ZnodePath::parse(&path).map_err(|_| node.fault("path", "it is no znode's path"))?;
        node.place = format!("znode {}", printable(path.as_str()));
        let (Some(parent), Some(name)) = (
            path.parent().and_then(|parent| tree.find(&parent)),
            path.names().last(),
        ) else {
            return Err(node.fault("path", "the znode above is not before it"));
        };
        if tree.child(parent, name).is_some() {
            return Err(node.fault("path", "it was there before"));
        }
        let content = content(&node)?;
        let id = tree.add(parent, name, content);
        counts.push((id, node.number("children")?));
    }
    let short = counts
        .iter()
        .find(|(id, count)| usize::try_from(*count) != Ok(tree.children(*id).len()));
    match short {
        None => Ok(tree),
        Some((id, _)) => Err(SnapshotError::Field {
            place: format!("children of znode {}", printable(tree.path(*id).as_str())),
            fault: "it is not the number of those that the file has",
        }),
    }
}

fn content(node: &Fields<'_>) -> Result<LiveNode, SnapshotError> {
    let data = match (node.find("properties"), node.find("hex")) {
        (Some(properties @ Value::Object(_)), None) => json(properties),
        (Some(_), _) => return Err(node.fault("properties", "it is not an object")),
        (None, Some(hex)) => text(hex)
            .and_then(|text| unhexed(&text))
            .ok_or_else(|| node.fault("hex", "it is not hexadecimal"))?,
        (None, None) => Vec::new(),
    };
    Ok(LiveNode {
        data: data.into(),
        version: node.version("version")?,
        czxid: Zxid(node.number("czxid")?),
        mzxid: Zxid(0),
        mtime_ms: 0,
        ephemeral_owner: match node.find("ephemeral") {
            None => None,
            Some(_) => Some(node.number("ephemeral")?),
        },
    })
}

fn unhexed(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}
