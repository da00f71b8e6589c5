//! First in, first out: a page goes when its turn comes, however much it is used.

use super::{Candidate, Choice, Policy};

/// Takes each page as the hand meets it, whether it was accessed or not. A page that
/// came back has just been passed, and is met last; so pages go in the order in which
/// they came, as far as they came in the order of their addresses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifo;

impl Policy for Fifo {
    #[inline]
    fn choose(&mut self, _: &Candidate) -> Choice {
        Choice::Take
    }
}
