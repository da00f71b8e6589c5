//! Chance: what every other policy has to be better than.

use super::{Candidate, Choice, Policy};

/// Pages that the hand passes at most before it takes one.
const MOST_PASSED: u64 = 64;

/// Takes a page and passes a random number of them, whatever was accessed. The same
/// seed makes the same choices.
#[derive(Clone, Copy, Debug)]
pub struct Random {
    state: u64,
    to_pass: u64,
}

impl Random {
    /// Choices by this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // Xorshift never leaves 0.
        let state = if seed == 0 { 1 } else { seed };
        Self { state, to_pass: 0 }
    }
}

impl Policy for Random {
    #[inline]
    fn choose(&mut self, _: &Candidate) -> Choice {
        if let Some(left) = self.to_pass.checked_sub(1) {
            self.to_pass = left;
            return Choice::Pass;
        }
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.to_pass = self.state % MOST_PASSED;
        Choice::Take
    }
}
