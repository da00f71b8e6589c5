//! Which pages go when frames are short: one small file for each way to choose.
//!
//! In the book: chapter 16, `docs/16-policies.md`.
//!
//! A hand walks over the pages of a space, lap after lap
//! ([`Space::evict`](crate::Space::evict)), and asks the policy about each that could
//! go. What must always hold: within a few laps a policy takes a page, if there is
//! one.

mod clock;
mod enhanced_second_chance;
mod fifo;
mod random;

pub use clock::Clock;
pub use enhanced_second_chance::EnhancedSecondChance;
pub use fifo::Fifo;
pub use random::Random;

/// A page that could go, as the hand meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// It was accessed since the hand last cleared that bit.
    pub is_accessed: bool,
    /// It was written since it came.
    pub is_dirty: bool,
    /// It is a page of a file, which has its bytes as well: it takes no slot.
    pub is_of_file: bool,
    /// How often the hand has been round the space.
    pub lap: u64,
}

/// What happens to a page that could go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It goes.
    Take,
    /// It stays, and its ACCESSED bit is cleared.
    Age,
    /// It stays as it is.
    Pass,
}

/// A way to choose.
pub trait Policy {
    /// What happens to this page.
    fn choose(&mut self, page: &Candidate) -> Choice;
}
