//! Whether guessed children are all that a node has, and nothing else.
//!
//! A node's answer tells how many children it has, and the transaction that last changed which (its pzxid). If that many
//! guessed names exist and each was created no later than that transaction, each was there at that moment already: what
//! is deleted and made anew is younger. So they were all of the children, as a listing at that moment would have said.
//! That a session never sees an older state than it has seen, whichever server answers, is ZooKeeper's promise.

use std::collections::HashMap;

use treekeeper_core::model::NodeId;

/// The children that were guessed of nodes, until all of them have answered.
#[derive(Default)]
pub(super) struct Families(HashMap<NodeId, Family>);

struct Family {
    /// How many of the children have not answered.
    left: usize,
    /// The transaction that last changed which children there are, as the parent told.
    pzxid: i64,
    is_wrong: bool,
}

/// What is known of a family after an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not all of it has answered, or it was right.
    Fine,
    /// All of it has answered, and the node must be asked for its children.
    Wrong,
}

impl Families {
    /// Adds as many guessed children of `parent` as it has, by its answer with this pzxid.
    pub(super) fn add(&mut self, parent: NodeId, children: usize, pzxid: i64) {
        let family = Family {
            left: children,
            pzxid,
            is_wrong: false,
        };
        self.0.insert(parent, family);
    }

    /// Takes the answer for one of the children: the transaction that created it, if it exists.
    pub(super) fn answer(&mut self, parent: NodeId, czxid: Option<i64>) -> Verdict {
        let Some(family) = self.0.get_mut(&parent) else {
            return Verdict::Fine;
        };
        family.left -= 1;
        family.is_wrong |= czxid.is_none_or(|czxid| czxid > family.pzxid);
        if family.left > 0 {
            return Verdict::Fine;
        }
        let is_wrong = family.is_wrong;
        self.0.remove(&parent);
        if is_wrong { Verdict::Wrong } else { Verdict::Fine }
    }
}

#[cfg(test)]
mod tests {
    use treekeeper_core::model::Tree;

    use super::*;

    /// Returns what is known after the last answer for a family of a parent with pzxid 7.
    fn verdict(children: &[Option<i64>]) -> Verdict {
        let parent = Tree::new(()).root();
        let mut families = Families::default();
        families.add(parent, children.len(), 7);
        let answers = children.iter().map(|czxid| families.answer(parent, *czxid));
        let mut verdicts: Vec<_> = answers.collect();
        let last = verdicts.pop().unwrap();
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Fine));
        assert!(families.0.is_empty());
        last
    }

    #[test]
    fn children_that_were_there_when_the_parent_answered_are_all_of_them() {
        assert_eq!(verdict(&[Some(7), Some(3), Some(-1)]), Verdict::Fine);
    }

    #[test]
    fn a_child_that_is_gone_or_younger_proves_nothing() {
        for wrong in [None, Some(8)] {
            assert_eq!(verdict(&[wrong]), Verdict::Wrong);
            assert_eq!(verdict(&[wrong, Some(3)]), Verdict::Wrong);
            assert_eq!(verdict(&[Some(3), wrong]), Verdict::Wrong);
        }
    }
}
