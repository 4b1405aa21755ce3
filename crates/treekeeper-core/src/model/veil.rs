//! A veil over secrets: data in which each secret is replaced by its keyed hash, so that it can be compared and not read.
//!
//! Two trees under the same veil differ exactly where the trees do.

use super::secret::{MASK, looks_secret};
use super::{DesiredTree, HashKey, NodeData, Text, Tree, Value, decode, write_json};

/// What is veiled, and under which key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veil {
    key: HashKey,
    names: Vec<String>,
}

impl Veil {
    /// Returns the veil over properties that look secret, also by these names.
    pub fn new(key: HashKey, names: Vec<String>) -> Veil {
        Veil { key, names }
    }

    /// Returns the key.
    pub fn key(&self) -> &HashKey {
        &self.key
    }

    /// Returns the names that look secret beside the built-in ones.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns data that mean the same, but for the secrets.
    pub fn over(&self, data: &[u8]) -> Vec<u8> {
        let meaning = decode(data);
        if matches!(meaning, NodeData::Raw(_)) && !self.hides(&Text::from("string_value")) {
            return data.to_vec();
        }
        let mut json = Vec::new();
        write_json(&self.entries(meaning.into_properties().into_entries()), &mut json);
        json
    }

    /// Returns the tree under the veil.
    pub fn over_tree(&self, desired: &DesiredTree) -> DesiredTree {
        let mut tree: Tree<_> = desired.tree.clone();
        for id in desired.tree.walk() {
            let content = tree.content_mut(id);
            content.data = self.over(&content.data).into();
        }
        DesiredTree {
            tree,
            roots: desired.roots.clone(),
        }
    }

    fn entries(&self, entries: Vec<(Text, Value)>) -> Value {
        let veiled = |(key, value): (Text, Value)| {
            let value = if self.hides(&key) {
                self.hashed(&value)
            } else {
                self.value(value)
            };
            (key, value)
        };
        Value::Object(entries.into_iter().map(veiled).collect())
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Object(entries) => self.entries(entries),
            plain => plain,
        }
    }

    fn hashed(&self, value: &Value) -> Value {
        let mut bytes = Vec::new();
        match value {
            // JSON has no byte strings; these two are different data.
            Value::Bytes(raw) => bytes.extend_from_slice(raw),
            value => write_json(value, &mut bytes),
        }
        let hash = self.key.short(&bytes);
        Value::String(Text::from(format!("{MASK}{hash}").as_str()))
    }

    /// Tells whether the value of the property is veiled; the target of a link never is.
    fn hides(&self, key: &Text) -> bool {
        let key = key.to_str_lossy();
        !key.ends_with(" ->") && !key.ends_with(" =>") && looks_secret(&key, &self.names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn veil() -> Veil {
        Veil::new(HashKey::new([7; 16]), vec!["pin".to_owned()])
    }

    fn over(data: &str) -> String {
        String::from_utf8(veil().over(data.as_bytes())).unwrap()
    }

    #[test]
    fn secrets_are_hashed_wherever_they_are_nested_and_nothing_else_is() {
        let told = over(
            r#"{"a":[{"password":"x"}],"n":1,"password":"x","password =>":"/b c","pin":[1],"t":{"token":null}}"#,
        );
        let hash = veil().key().short(b"\"x\"");
        assert_eq!(told.matches(&hash).count(), 2, "{told}");
        assert!(!told.contains("\"x\"") && !told.contains("[1]"), "{told}");
        assert!(
            told.contains(r#""password =>":"/b c""#) && told.contains("\"n\":1"),
            "{told}"
        );
    }

    #[test]
    fn equal_secrets_are_equal_and_others_differ() {
        assert_eq!(over(r#"{"pin": 1}"#), over(r#"{"pin":1}"#));
        assert_ne!(over(r#"{"pin":1}"#), over(r#"{"pin":"1"}"#));
    }

    #[test]
    fn raw_data_stay_unless_their_one_property_is_named() {
        assert_eq!(over("raw bytes"), "raw bytes");
        assert_eq!(over(""), "{}");
        let named = Veil::new(HashKey::new([7; 16]), vec!["string_value".to_owned()]);
        assert!(!String::from_utf8_lossy(&named.over(b"raw bytes")).contains("raw"));
    }
}
