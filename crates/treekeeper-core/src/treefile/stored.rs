//! Whether each node of a file can be stored: what only the whole set of its properties tells.

use super::report::Report;
use super::{FileNode, FileProperty, ParseLimits};
use crate::model::{EncodeError, Properties, Value, encode};

/// Reports every node whose properties cannot be stored together.
///
/// In an overlay a lone `string_value` is taken as it is: it may stand beside properties of the tree below.
pub(super) fn check(nodes: &[FileNode], limits: &ParseLimits, report: &mut Report<'_>) {
    for node in &nodes[1..] {
        let bound: usize = node
            .properties
            .iter()
            .map(|property| bound(property.key.as_bytes()) + size(&property.value))
            .sum();
        let odd = node
            .properties
            .iter()
            .find(|property| property.key == "string_value");
        if bound <= limits.node_data_bytes && odd.is_none_or(|odd| storable(odd, node)) {
            continue;
        }
        match encode(&properties(node)) {
            Ok(data) if data.len() > limits.node_data_bytes => {
                let at = node.at as usize;
                report.data_too_long(at..at + 1 + node.name.len(), data.len(), limits.node_data_bytes);
            }
            Ok(_) => {}
            Err(error) => {
                let Some(odd) = odd else { continue };
                if error != EncodeError::StringValueNotBytes || !report.is_overlay() {
                    let at = odd.at as usize;
                    report.not_storable(at..at + "string_value".len(), &error);
                }
            }
        }
    }
}

/// Returns the node's properties as they are stored.
pub(super) fn properties(node: &FileNode) -> Properties {
    let entries = node
        .properties
        .iter()
        .map(|property| (property.key.clone(), property.value.clone()));
    Properties::from_entries(entries.collect())
}

fn storable(odd: &FileProperty, node: &FileNode) -> bool {
    match &odd.value {
        Value::Bytes(bytes) => node.properties.len() == 1 || std::str::from_utf8(bytes).is_ok(),
        Value::Null => true,
        _ => node.properties.len() > 1,
    }
}

/// Returns at least the bytes that JSON needs for text of so many.
fn bound(text: &[u8]) -> usize {
    6 * text.len() + 4
}

/// Returns at least the bytes that JSON needs for `value` and a comma, without writing it.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 6,
        Value::Int(_) => 21,
        Value::Float(_) => 26,
        Value::BigInt(digits) => digits.len() + 1,
        Value::String(text) => bound(text.as_bytes()),
        Value::Bytes(bytes) => bound(bytes),
        Value::Array(items) => 3 + items.iter().map(size).sum::<usize>(),
        Value::Object(entries) => {
            3 + entries
                .iter()
                .map(|(key, item)| bound(key.as_bytes()) + size(item))
                .sum::<usize>()
        }
    }
}
