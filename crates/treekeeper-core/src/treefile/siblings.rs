//! Finds the second of two equal names below one node.
//!
//! Most nodes have few names, and files written by machines have them sorted: neither case hashes or allocates.

use std::collections::BTreeMap;

/// How many unsorted names are compared one by one before an index is built.
const LINEAR_MAX: usize = 16;

/// The names that a node has so far, and where each stands.
#[derive(Debug)]
pub(super) struct Siblings<K> {
    entries: Vec<(K, u32)>,
    sorted: bool,
    index: BTreeMap<K, u32>,
}

impl<K: Copy + Ord> Siblings<K> {
    /// Returns no names.
    pub(super) fn new() -> Siblings<K> {
        Siblings {
            entries: Vec::new(),
            sorted: true,
            index: BTreeMap::new(),
        }
    }

    /// Forgets all names and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.sorted = true;
        if !self.index.is_empty() {
            self.index.clear();
        }
    }

    /// Adds `name`, which stands at `at`; of a name that is there already, returns where it stands.
    pub(super) fn add(&mut self, name: K, at: u32) -> Result<(), u32> {
        if self.sorted {
            if self.entries.last().is_some_and(|last| last.0 >= name) {
                if let Ok(place) = self.entries.binary_search_by(|entry| entry.0.cmp(&name)) {
                    return Err(self.entries[place].1);
                }
                self.sorted = false;
            }
        } else if self.entries.len() <= LINEAR_MAX {
            if let Some(entry) = self.entries.iter().find(|entry| entry.0 == name) {
                return Err(entry.1);
            }
        } else {
            if self.index.len() < self.entries.len() {
                self.index.extend(self.entries.iter().copied());
            }
            if let Some(first) = self.index.get(&name) {
                return Err(*first);
            }
            self.index.insert(name, at);
        }
        self.entries.push((name, at));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_two_equal_names_is_found_in_any_order() {
        for step in [1_usize, 7, 99] {
            let mut siblings = Siblings::new();
            for place in 0..100 {
                assert_eq!(siblings.add(place * step % 100, place as u32), Ok(()));
                for earlier in 0..=place {
                    assert_eq!(siblings.add(earlier * step % 100, 500), Err(earlier as u32));
                }
            }
        }
    }
}
