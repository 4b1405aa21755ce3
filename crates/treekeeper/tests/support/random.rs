//! Numbers from a seed: the same on every machine and in every year.
//!
//! SplitMix64 and nothing else; no clock and no entropy.

/// A stream of numbers.
pub struct Random {
    state: u64,
}

impl Random {
    /// Returns the stream of a seed.
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// Returns any number.
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }

    /// Tells whether something that happens in `percent` of all cases happens now.
    pub fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Returns one of the items.
    pub fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    /// Returns what `make` makes, `less_than` times at most.
    pub fn list<T>(&mut self, less_than: usize, mut make: impl FnMut(&mut Random) -> T) -> Vec<T> {
        let count = self.below(less_than);
        (0..count).map(|_| make(self)).collect()
    }
}
