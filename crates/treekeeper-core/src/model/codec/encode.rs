//! Properties to bytes, and values to canonical JSON.

use super::json;
use crate::model::{Properties, Text, Value};

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

/// Returns the bytes to store for `properties`: canonical JSON (sorted keys, compact, ASCII), or the bytes of a lone
/// `string_value`.
pub fn encode(properties: &Properties) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(2 + 24 * properties.len());
    encode_entries(properties.iter().map(|(key, value)| (key, value)), &mut out)?;
    Ok(out)
}

/// Appends what [`encode`] returns for properties of these entries, which are in the order of their keys.
pub fn encode_entries<'a>(
    entries: impl ExactSizeIterator<Item = (&'a Text, &'a Value)>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let is_lone = entries.len() == 1;
    let mut entries = entries.peekable();
    if let Some((_, value)) = entries.next_if(|entry| is_lone && *entry.0 == "string_value") {
        return match value {
            Value::Bytes(bytes) => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Value::Null => Ok(()),
            _ => Err(EncodeError::StringValueNotBytes),
        };
    }
    out.push(b'{');
    entries.try_fold(b"".as_slice(), |comma, (key, value)| {
        out.extend_from_slice(comma);
        json::write_text(key.as_bytes(), out);
        out.push(b':');
        if write_value(value, out) {
            Ok(b",".as_slice())
        } else {
            let key = key.to_str_lossy().into_owned();
            Err(EncodeError::NotUtf8 { key })
        }
    })?;
    out.push(b'}');
    Ok(())
}

/// Appends `value` as canonical JSON; what is not UTF-8 in a byte string becomes U+FFFD.
pub fn write_json(value: &Value, out: &mut Vec<u8>) {
    write_value(value, out);
}

/// Appends `value` and tells whether every byte string in it was UTF-8.
fn write_value(value: &Value, out: &mut Vec<u8>) -> bool {
    let mut utf8 = true;
    match value {
        Value::Null => json::write_null(out),
        Value::Bool(value) => json::write_bool(*value, out),
        Value::Int(number) => json::write_int(*number, out),
        Value::BigInt(digits) => out.extend_from_slice(digits.as_bytes()),
        Value::Float(number) => json::write_float(*number, out),
        Value::String(text) => json::write_text(text.as_bytes(), out),
        Value::Bytes(bytes) => {
            utf8 = std::str::from_utf8(bytes).is_ok();
            json::write_text(String::from_utf8_lossy(bytes).as_bytes(), out);
        }
        Value::Array(items) => json::write_array(items, out, |item, out| utf8 &= write_value(item, out)),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.as_bytes(), value));
            json::write_object(entries, out, |value, out| utf8 &= write_value(value, out));
        }
    }
    utf8
}
