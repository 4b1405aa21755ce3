//! The one source of chance in a run: everything that a seed decides is drawn here, in one order.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Draws numbers from a seed.
#[derive(Debug)]
pub struct Random {
    source: ChaCha8Rng,
    text_bytes: usize,
}

impl Random {
    /// Returns the source that `seed` names.
    pub fn new(seed: u64) -> Random {
        Random {
            source: ChaCha8Rng::seed_from_u64(seed),
            // Not drawn: the other seeds are what they would be without it.
            text_bytes: if seed % 8 == 3 { 700 } else { 0 },
        }
    }

    /// Returns how many bytes a long text has in this run; in most there are no long ones.
    ///
    /// Long texts make plans that are several times what a transaction may hold.
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// Returns a number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The bias is below one in a billion for the small bounds of a simulation.
        self.source.next_u64() % bound.max(1)
    }

    /// Returns a number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Tells yes so many times in a thousand.
    pub fn per_mille(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }

    /// Returns one of `items`, which has at least one.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// Returns so many lower-case hexadecimal digits.
    pub fn hexadecimal(&mut self, digits: usize) -> String {
        let mut text = String::new();
        while text.len() < digits {
            text.push_str(&format!("{:016x}", self.source.next_u64()));
        }
        text.truncate(digits);
        text
    }
}
