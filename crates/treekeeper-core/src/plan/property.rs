//! What a set changes, property by property.
//!
//! Compares meanings only; how a property is shown, and which is secret, is the business of those who show it.

use std::cmp::Ordering;

use crate::model::{Properties, Text, Value, decode};

/// A property that differs.
#[derive(Clone, Debug, PartialEq)]
pub enum PropertyChange {
    /// Only the new data have it.
    Add(Text, Value),
    /// Both have it, with these values: old, new.
    Change(Text, Value, Value),
    /// Only the old data have it.
    Remove(Text, Value),
}

impl PropertyChange {
    /// Returns the property's key.
    pub fn key(&self) -> &Text {
        match self {
            PropertyChange::Add(key, _)
            | PropertyChange::Change(key, ..)
            | PropertyChange::Remove(key, _) => key,
        }
    }
}

/// All properties that differ, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PropertyChanges {
    /// Those that differ.
    pub changes: Vec<PropertyChange>,
    /// The number of those that don't.
    pub unchanged: usize,
}

/// Returns how the properties in `old` differ from those in `new`, both raw data of a znode.
///
/// Data that hold no properties count as a byte string called `string_value`, as in the original.
pub fn property_changes(old: &[u8], new: &[u8]) -> PropertyChanges {
    changes(decode(old).into_properties(), decode(new).into_properties())
}

fn changes(old: Properties, new: Properties) -> PropertyChanges {
    let mut found = PropertyChanges::default();
    let mut old = old.into_entries().into_iter().peekable();
    let mut new = new.into_entries().into_iter().peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return found,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.0.cmp(&new.0),
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        match (before, after) {
            (Some((_, before)), Some((_, after))) if before == after => found.unchanged += 1,
            (Some((key, before)), Some((_, after))) => {
                found.changes.push(PropertyChange::Change(key, before, after));
            }
            (Some((key, value)), None) => found.changes.push(PropertyChange::Remove(key, value)),
            (None, Some((key, value))) => found.changes.push(PropertyChange::Add(key, value)),
            (None, None) => {}
        }
    }
}
