//! The four things that others call "version", each with a name of its own.

use std::fmt;

use super::Value;

/// A git commit id: 40 or 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(Box<str>);

impl Revision {
    /// Returns the revision that `text` names, if it is a whole commit id.
    pub fn parse(text: &str) -> Option<Revision> {
        let whole = matches!(text.len(), 40 | 64)
            && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        whole.then(|| Revision(text.into()))
    }

    /// Returns all digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Revision {
    /// Writes all digits, or as many as the precision asks for (`{:.12}`).
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// What `/hosts` says that hosts should run, or what a host says that it runs: compared by type and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterVersion {
    /// JSON null: ALL STOP.
    Stop,
    /// JSON false: hosts hold, a sync goes on without asking for convergence.
    Paused,
    /// A string: a commit id, `initial`, or whatever an operator wrote.
    Text(super::Text),
    /// An integer or a floating-point number.
    Number(Value),
    /// Anything else (true, a list, an object): never a version that can be synced from.
    Invalid(Value),
}

impl ClusterVersion {
    /// Returns the version that a property's value means.
    pub fn from_value(value: &Value) -> ClusterVersion {
        match value {
            Value::Null => ClusterVersion::Stop,
            Value::Bool(false) => ClusterVersion::Paused,
            Value::String(text) => ClusterVersion::Text(text.clone()),
            Value::Int(_) | Value::BigInt(_) | Value::Float(_) => ClusterVersion::Number(value.clone()),
            Value::Bool(true) | Value::Bytes(_) | Value::Array(_) | Value::Object(_) => {
                ClusterVersion::Invalid(value.clone())
            }
        }
    }

    /// Returns the commit that this version names, if it is a whole commit id.
    pub fn revision(&self) -> Option<Revision> {
        match self {
            ClusterVersion::Text(text) => Revision::parse(text.as_str()?),
            _ => None,
        }
    }

    /// Returns the version as it is shown where there is little room: twelve digits of a commit.
    pub fn short(&self) -> String {
        match self.revision() {
            Some(revision) => format!("{revision:.12}"),
            None => self.to_string(),
        }
    }

    /// Tells whether this version names `revision`.
    pub fn is(&self, revision: &Revision) -> bool {
        matches!(self, ClusterVersion::Text(text) if *text == *revision.as_str())
    }
}

/// A znode's data version, as its Stat says; it starts at 0 again when a node is deleted and created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataVersion(pub i32);

/// A ZooKeeper transaction id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zxid(pub i64);

impl fmt::Display for ClusterVersion {
    /// Writes what Python's `str` shows, as the original's log lines do; control characters are escaped.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterVersion::Stop => formatter.write_str("None"),
            ClusterVersion::Paused => formatter.write_str("False"),
            ClusterVersion::Text(text) => write!(formatter, "{}", super::printable(&text.to_str_lossy())),
            ClusterVersion::Number(value) | ClusterVersion::Invalid(value) => {
                let mut json = Vec::new();
                super::write_json(value, &mut json);
                formatter.write_str(&String::from_utf8_lossy(&json))
            }
        }
    }
}
