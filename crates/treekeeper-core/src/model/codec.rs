//! Node data as bytes: what the original's `encode` and `decode` do (TREE_FORMAT.md 4).

use super::{NodeData, Properties, Value};

/// Why properties cannot be stored in a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A lone `string_value` that is not a byte string.
    #[error("a lone string_value must be a byte string")]
    StringValueNotBytes,
    /// A byte string that is not UTF-8 where JSON needs text.
    #[error("the byte string in {key:?} is not UTF-8")]
    NotUtf8 {
        /// The property that holds it.
        key: String,
    },
}

/// Returns what `data` mean.
pub fn decode(data: &[u8]) -> NodeData {
    let _ = data;
    todo!("helper")
}

/// Returns the bytes to store for `properties`: canonical JSON (sorted keys, compact, ASCII), or the bytes of a lone
/// `string_value`.
pub fn encode(properties: &Properties) -> Result<Vec<u8>, EncodeError> {
    let _ = properties;
    todo!("helper")
}

/// Parses one JSON text as Python 2's `json.loads` does.
pub fn json_value(text: &[u8]) -> Option<Value> {
    let _ = text;
    todo!("helper")
}

/// Appends `value` as canonical JSON.
pub fn write_json(value: &Value, out: &mut Vec<u8>) {
    let _ = (value, out);
    todo!("helper")
}
