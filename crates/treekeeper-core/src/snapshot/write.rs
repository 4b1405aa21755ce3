//! A snapshot as text: JSON in a fixed order, one znode a line.

use super::{FORMAT, SCHEMA, Snapshot};
use crate::model::cluster::{ClusterReading, ClusterState};
use crate::model::{ClusterVersion, NodeData, NodeId, Text, Value, decode, hex, printable_json, write_json};

impl Snapshot {
    /// Returns the file's text: the same for the same snapshot.
    pub fn to_text(&self) -> String {
        let mut out = format!(
            "{{\n\"format\": \"{FORMAT}\",\n\"schema\": {SCHEMA},\n\"taken\": {},\n\"by\": {},\n",
            string(&self.taken),
            string(&self.by)
        );
        let names: Vec<String> = self.veil.names().iter().map(|name| string(name)).collect();
        out.push_str(&format!(
            "\"secrets\": {{\"key\": \"{}\", \"names\": [{}]}},\n",
            self.veil.key().hex(),
            names.join(", ")
        ));
        hosts(&self.cluster, &mut out);
        state(&self.cluster, &mut out);
        let others: Vec<String> = self.others.iter().map(|name| string(name)).collect();
        out.push_str(&format!("\"others\": [{}],\n\"nodes\": [", others.join(", ")));
        for (place, id) in self.live.walk().enumerate() {
            out.push_str(if place > 0 { ",\n" } else { "\n" });
            self.node(id, &mut out);
        }
        out.push_str("\n]\n}\n");
        out
    }

    fn node(&self, id: NodeId, out: &mut String) {
        let node = self.live.content(id);
        out.push_str(&format!(
            "{{\"path\": {}, \"version\": {}, \"czxid\": {}, \"children\": {}",
            string(self.live.path(id).as_str()),
            node.version.0,
            node.czxid.0,
            self.live.children(id).len()
        ));
        if let Some(owner) = node.ephemeral_owner {
            out.push_str(&format!(", \"ephemeral\": {owner}"));
        }
        match decode(&node.data) {
            NodeData::Raw(bytes) => out.push_str(&format!(", \"hex\": \"{}\"", hex(&bytes))),
            NodeData::Properties(properties) if properties.is_empty() => {}
            NodeData::Properties(properties) => {
                let object = Value::Object(properties.into_entries());
                out.push_str(&format!(", \"properties\": {}", json(&object)));
            }
        }
        out.push('}');
    }
}

fn hosts(cluster: &ClusterReading, out: &mut String) {
    let Some(node) = &cluster.hosts_node else {
        out.push_str("\"hosts\": null,\n");
        return;
    };
    let version = node.properties.get("version").unwrap_or(&Value::Null);
    out.push_str(&format!(
        "\"hosts\": {{\"version\": {}, \"data_version\": {}, \"hosts\": [",
        json(version),
        node.data_version.0
    ));
    for (place, host) in cluster.hosts.iter().enumerate() {
        out.push_str(if place > 0 { ",\n" } else { "\n" });
        out.push_str(&format!("{{\"name\": {}", string(&host.name)));
        if let Some(version) = &host.version {
            out.push_str(&format!(", \"version\": {}", version_json(version)));
        }
        if let Some(error) = &host.error {
            out.push_str(&format!(", \"error\": {}", string(error)));
        }
        out.push('}');
    }
    out.push_str("\n]},\n");
}

fn version_json(version: &ClusterVersion) -> String {
    match version {
        ClusterVersion::Stop => "null".to_owned(),
        ClusterVersion::Paused => "false".to_owned(),
        ClusterVersion::Text(text) => json(&Value::String(text.clone())),
        ClusterVersion::Number(value) | ClusterVersion::Invalid(value) => json(value),
    }
}

fn state(cluster: &ClusterReading, out: &mut String) {
    let Some(state) = cluster.state.state() else {
        out.push_str("\"state\": null,\n");
        return;
    };
    let text = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap_or_else(|_| unreachable!("JSON is UTF-8"));
        printable_json(&text).into_owned()
    };
    // What only the syncer that wrote it needs, or a newer release, is left out.
    let plain = ClusterState {
        outcomes: Vec::new(),
        extra: serde_json::Map::new(),
        ..state.clone()
    };
    out.push_str(&format!(
        "\"state\": {},\n\"roots\": {},\n",
        text(plain.to_bytes()),
        text(state.roots_bytes())
    ));
}

fn string(text: &str) -> String {
    json(&Value::String(Text::from(text)))
}

/// Returns a value as JSON in ASCII.
fn json(value: &Value) -> String {
    let mut bytes = Vec::new();
    write_json(value, &mut bytes);
    String::from_utf8(bytes).unwrap_or_else(|_| unreachable!("JSON is ASCII"))
}
