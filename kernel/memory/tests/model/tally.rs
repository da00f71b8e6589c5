//! How often each outcome of a fault was seen.

use std::collections::BTreeMap;

use faultline_memory::Outcome;

/// How often each outcome was seen.
#[derive(Default)]
pub struct Tally(BTreeMap<usize, u64>);

impl Tally {
    pub fn count(&mut self, outcome: Outcome) {
        *self.0.entry(index(outcome)).or_default() += 1;
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        for (&outcome, &times) in &other.0 {
            *self.0.entry(outcome).or_default() += times;
        }
    }

    pub fn of(&self, outcome: Outcome) -> u64 {
        self.0.get(&index(outcome)).copied().unwrap_or(0)
    }
}

fn index(outcome: Outcome) -> usize {
    let place = Outcome::ALL.iter().position(|&other| other == outcome);
    place.expect("an outcome of the list")
}
