//! The clock: a page that was accessed since the hand last passed has a second
//! chance.

use super::{Candidate, Choice, Policy};

/// Takes the first page that was not accessed for a lap; after one lap in which all
/// were, there is one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Policy for Clock {
    #[inline]
    fn choose(&mut self, page: &Candidate) -> Choice {
        if page.is_accessed {
            Choice::Age
        } else {
            Choice::Take
        }
    }
}
