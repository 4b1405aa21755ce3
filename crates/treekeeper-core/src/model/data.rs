//! What a znode's data mean: nothing, raw bytes, or properties.
//!
//! How bytes become this, and this becomes bytes, is `codec`'s business.

use super::{Text, Value};

/// A node's properties, sorted by key (code points), keys unique.
///
/// Keys of symbolic links end in ` ->`, keys of property links in ` =>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(Vec<(Text, Value)>);

impl Properties {
    /// Returns the properties in `entries`; of equal keys the last wins.
    pub fn from_entries(mut entries: Vec<(Text, Value)>) -> Properties {
        let sorted = entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !sorted {
            // A stable sort keeps the order of equal keys, so that the last of them can win.
            entries.sort_by(|left, right| left.0.cmp(&right.0));
            entries.reverse();
            entries.dedup_by(|next, kept| next.0 == kept.0);
            entries.reverse();
        }
        Properties(entries)
    }

    /// Returns the value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let place = self
            .0
            .binary_search_by(|entry| entry.0.as_bytes().cmp(key.as_bytes()))
            .ok()?;
        Some(&self.0[place].1)
    }

    /// Sets `key` to `value`.
    pub fn set(&mut self, key: Text, value: Value) {
        match self.0.binary_search_by(|entry| entry.0.cmp(&key)) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self
            .0
            .binary_search_by(|entry| entry.0.as_bytes().cmp(key.as_bytes()))
            .ok()?;
        Some(self.0.remove(place).1)
    }

    /// Returns the entries in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(Text, Value)> + DoubleEndedIterator {
        self.0.iter()
    }

    /// Returns the number of properties.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are no properties.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the entries, in order of their keys.
    pub fn into_entries(self) -> Vec<(Text, Value)> {
        self.0
    }
}

/// The meaning of a znode's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeData {
    /// A JSON object; null, empty and blank data are the empty one.
    Properties(Properties),
    /// Anything else: bytes that the original shows as a byte-string `string_value`.
    Raw(Box<[u8]>),
}

impl NodeData {
    /// Returns the properties as the original shows them: raw data are the byte string `string_value`.
    pub fn into_properties(self) -> Properties {
        match self {
            NodeData::Properties(properties) => properties,
            NodeData::Raw(bytes) => Properties(vec![(Text::from("string_value"), Value::Bytes(bytes))]),
        }
    }
}
