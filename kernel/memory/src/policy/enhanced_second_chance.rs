//! The clock with a preference: pages that were not written go first, since most of
//! them need not be written to a disk either.
//!
//! ```text
//!             accessed    not accessed, clean    not accessed, dirty
//!  even lap   stays       goes                   stays
//!  odd lap    aged        goes                   goes
//! ```

use super::{Candidate, Choice, Policy};

/// The enhanced second chance. Of pages that were all accessed and written it takes
/// one in the fourth lap.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnhancedSecondChance;

impl Policy for EnhancedSecondChance {
    #[inline]
    fn choose(&mut self, page: &Candidate) -> Choice {
        let is_clean_lap = page.lap.is_multiple_of(2);
        match (page.is_accessed, page.is_dirty) {
            (false, false) => Choice::Take,
            (false, true) if !is_clean_lap => Choice::Take,
            (true, _) if !is_clean_lap => Choice::Age,
            (false, true) | (true, _) => Choice::Pass,
        }
    }
}
