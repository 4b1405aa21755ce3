//! ALL STOP: who raised it, when and why, and which hosts say that something is wrong with them.

use serde::{Deserialize, Serialize};

use super::{ClusterReading, Host, HostsNode};
use crate::model::{ClusterVersion, printable};

/// Hosts with an error that are told at once; more would hide the first.
pub const ERRORS_TOLD_MAX: usize = 10;
/// Characters of a host's error that are told.
const ERROR_CHARACTERS_MAX: usize = 200;

/// Who stopped the cluster, and what to go back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopNote {
    /// What the operator said.
    pub reason: Option<String>,
    /// Who it was.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
    /// The version that was replaced, as JSON text.
    pub replaced: Option<String>,
    /// The data version that `/hosts` got by this stop: at another one somebody else has written there since.
    #[serde(default)]
    pub hosts_data_version: Option<i32>,
}

impl StopNote {
    /// Returns who, when and why, as the end of a sentence about a stop; safe to print.
    pub fn told(&self) -> String {
        let why = self
            .reason
            .as_deref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        printable(&format!("by {} since {}{why}", self.by, self.at)).into_owned()
    }

    /// Tells whether this is the note of the stop that `/hosts` is at, and not of an earlier one.
    pub fn is_of(&self, hosts: &HostsNode) -> bool {
        hosts.version == Ok(ClusterVersion::Stop)
            && self
                .hosts_data_version
                .is_none_or(|version| version == hosts.data_version.0)
    }
}

/// A host that says that something went wrong; all of it is safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AilingHost {
    /// Name of its node.
    pub name: String,
    /// The version that it reports.
    pub version: Option<ClusterVersion>,
    /// What went wrong, cut if it is long.
    pub error: String,
}

impl AilingHost {
    /// Returns the hosts of a reading that say so.
    pub fn of(reading: &ClusterReading) -> Vec<AilingHost> {
        let ailing = |host: &Host| {
            Some(AilingHost {
                name: host.name.clone(),
                version: host.version.clone(),
                error: host.error_cut()?,
            })
        };
        reading.hosts.iter().filter_map(ailing).collect()
    }
}

impl Host {
    /// Returns what it says went wrong, cut if it is long.
    pub fn error_cut(&self) -> Option<String> {
        let error = self.error.as_deref()?;
        let cut: String = error.chars().take(ERROR_CHARACTERS_MAX).collect();
        let rest = if cut.len() < error.len() { "..." } else { "" };
        Some(format!("{cut}{rest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DataVersion;

    fn note(hosts_data_version: Option<i32>) -> StopNote {
        StopNote {
            reason: None,
            by: "jim".to_owned(),
            at: "1970-01-01T00:00:00Z".to_owned(),
            replaced: None,
            hosts_data_version,
        }
    }

    #[test]
    fn a_note_tells_nothing_of_a_later_stop() {
        let hosts = |json: &str, version| HostsNode::new(json.as_bytes(), DataVersion(version));
        let stopped = hosts("{\"version\":null}", 7);
        assert!(note(Some(7)).is_of(&stopped));
        assert!(!note(Some(6)).is_of(&stopped));
        assert!(!note(Some(7)).is_of(&hosts("{\"version\":\"v\"}", 7)));
        assert!(
            note(None).is_of(&stopped),
            "a note that does not say so is taken for what it is"
        );
    }

    #[test]
    fn long_errors_are_cut() {
        let host = |error: &str| Host {
            name: "web".to_owned(),
            version: None,
            error: Some(error.to_owned()),
        };
        assert_eq!(host("disk").error_cut().as_deref(), Some("disk"));
        let cut = host(&"é".repeat(1_000)).error_cut().unwrap();
        assert_eq!(cut, format!("{}...", "é".repeat(200)));
    }
}
