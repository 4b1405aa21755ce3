//! The queues of the cluster lock: where candidates stand, how they are named, and who of them is first.
//!
//! The order is that of the foreign lockers, so that one winner is everybody's; nothing here is created or read.

use super::cluster::LockStyle;

/// The parent of zktools' locks.
pub const ZKTOOLS_ROOT: &str = "/ZktoolsLocks";
/// Where the candidates of zktools' lock stand.
pub const ZKTOOLS_LOCK: &str = "/ZktoolsLocks/,hosts";
/// Where the candidates of kazoo's lock stand.
pub const KAZOO_LOCK: &str = "/hosts-lock";

/// A directory of candidates, and how they are named and sorted in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// `/ZktoolsLocks/,hosts`.
    Zktools,
    /// `/hosts-lock`.
    Kazoo,
}

impl Queue {
    /// Returns the queues to stand in, in the order in which they are taken.
    pub fn of(style: LockStyle) -> &'static [Queue] {
        match style {
            LockStyle::Zktools => &[Queue::Zktools],
            LockStyle::Kazoo => &[Queue::Kazoo],
            LockStyle::Both => &[Queue::Zktools, Queue::Kazoo],
        }
    }

    /// Returns the word for the lock.
    pub fn word(self) -> &'static str {
        match self {
            Queue::Zktools => "zktools",
            Queue::Kazoo => "kazoo",
        }
    }

    /// Returns where the candidates stand.
    pub fn directory(self) -> &'static str {
        match self {
            Queue::Zktools => ZKTOOLS_LOCK,
            Queue::Kazoo => KAZOO_LOCK,
        }
    }

    /// Returns the name of a candidate with this id, without the server's number.
    pub fn prefix(self, id: &str) -> String {
        match self {
            Queue::Zktools => format!("{id}-lock--"),
            Queue::Kazoo => format!("{id}__lock__"),
        }
    }

    /// Returns the text that decides who is first, or `None` for a node that the foreign locker does not count.
    ///
    /// zktools sorts every child by what follows the last `-`; kazoo (2.7.1 on) counts what ends in `__lock__` and
    /// ten digits.
    fn key(self, name: &str) -> Option<&str> {
        match self {
            Queue::Zktools => Some(name.rsplit('-').next().unwrap_or(name)),
            Queue::Kazoo => {
                let (_, sequence) = name.rsplit_once("__lock__")?;
                let digits = sequence.strip_prefix('-').unwrap_or(sequence);
                (digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(sequence)
            }
        }
    }

    /// Returns the counted names, first the holder.
    pub fn sorted(self, names: Vec<String>) -> Vec<String> {
        let mut counted: Vec<String> = names
            .into_iter()
            .filter(|name| self.key(name).is_some())
            .collect();
        counted.sort_by(|left, right| (self.key(left), left).cmp(&(self.key(right), right)));
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(queue: Queue, names: &[&str]) -> String {
        queue
            .sorted(names.iter().map(|name| (*name).to_owned()).collect())
            .join(" ")
    }

    #[test]
    fn zktools_order_is_by_the_text_after_the_last_dash_for_every_child() {
        let names = [
            "b-lock--0000000007",
            "a-read--0000000005",
            "c-lock-0000000006",
            "0",
            "foo",
        ];
        assert_eq!(
            order(Queue::Zktools, &names),
            "0 a-read--0000000005 c-lock-0000000006 b-lock--0000000007 foo"
        );
    }

    #[test]
    fn kazoo_order_counts_only_what_kazoo_counts() {
        let names = [
            "b__lock__0000000002",
            "a__lock__0000000003",
            "junk",
            "c__rlock__0000000001",
            "d__lock__1",
        ];
        assert_eq!(
            order(Queue::Kazoo, &names),
            "b__lock__0000000002 a__lock__0000000003"
        );
    }
}
