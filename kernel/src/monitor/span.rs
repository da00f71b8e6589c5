//! Ranges of numbers that may be addresses, and the places in them that a
//! command accesses.

use memory::Access;
use memory::space::{Backing, Half, Rights};

use super::arguments::canonical;
use super::error::Error;

/// Bytes of a page.
pub(super) const PAGE: u64 = 4096;

/// Where the next access is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stride {
    /// At the start of each page after the first access.
    Pages,
    /// So many bytes further on.
    Bytes(u64),
}

/// A range of numbers that may be addresses, `first` to `last` inclusive, and
/// the places in it that are accessed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The first number.
    pub(super) first: u64,
    /// The last number.
    pub(super) last: u64,
    stride: Stride,
}

impl Span {
    pub(super) fn new<'a>(first: u64, size: u64, stride: Stride) -> Result<Self, Error<'a>> {
        let past = size
            .checked_sub(1)
            .ok_or(Error::OutOfRange("<size>", 0, 1, u64::MAX))?;
        let last = first
            .checked_add(past)
            .ok_or(Error::PastTheEnd(first, size))?;
        Ok(Self {
            first,
            last,
            stride,
        })
    }

    /// Bytes of the range.
    pub(super) fn size(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// How many places there are.
    pub(super) fn count(&self) -> u64 {
        let steps = match self.stride {
            Stride::Pages => self.last / PAGE - self.first / PAGE,
            Stride::Bytes(bytes) => (self.last - self.first) / bytes,
        };
        steps.saturating_add(1)
    }

    /// The first place at `bound` or above; `bound` is not below the range.
    fn place_from(&self, bound: u64) -> Option<u64> {
        let place = match self.stride {
            _ if bound == self.first => Some(bound),
            Stride::Pages => bound.checked_next_multiple_of(PAGE),
            Stride::Bytes(bytes) => (bound - self.first)
                .checked_next_multiple_of(bytes)
                .and_then(|offset| self.first.checked_add(offset)),
        };
        place.filter(|place| *place <= self.last)
    }

    /// All places, in rising order.
    pub(super) fn places(self) -> impl Iterator<Item = u64> {
        let mut next = Some(self.first);
        core::iter::from_fn(move || {
            let place = next?;
            next = place
                .checked_add(1)
                .and_then(|bound| self.place_from(bound));
            Some(place)
        })
    }

    /// The first place at which regions refuse the access, whatever frames there are.
    pub(super) fn first_refused(&self, half: &Half, access: Access) -> Option<u64> {
        let mut place = Some(self.first);
        while let Some(here) = place {
            let region = canonical(here).and_then(|address| half.region_at(address));
            let Some(region) = region else { break };
            let is_read_only = region.rights != Rights::ReadWrite;
            if region.backing == Backing::Guard || access == Access::Write && is_read_only {
                break;
            }
            place = self.place_from(region.end());
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn places(first: u64, size: u64, stride: Stride) -> Vec<u64> {
        let span = Span::new(first, size, stride).expect("the range is one of numbers");
        let places: Vec<u64> = span.places().collect();
        assert_eq!(span.count(), places.len() as u64);
        places
    }

    #[test_case]
    fn a_range_has_one_place_in_each_page_that_it_touches() {
        assert_eq!(places(0x1000, 1, Stride::Pages), [0x1000]);
        assert_eq!(places(0x1ffe, 3, Stride::Pages), [0x1ffe, 0x2000]);
        assert_eq!(
            places(0x1005, 0x2000, Stride::Pages),
            [0x1005, 0x2000, 0x3000]
        );
    }

    #[test_case]
    fn a_stride_counts_from_the_first_place() {
        assert_eq!(places(5, 10, Stride::Bytes(4)), [5, 9, 13]);
        assert_eq!(places(5, 9, Stride::Bytes(4)), [5, 9, 13]);
        assert_eq!(places(5, 8, Stride::Bytes(4)), [5, 9]);
        assert_eq!(
            places(u64::MAX - 2, 3, Stride::Bytes(2)),
            [u64::MAX - 2, u64::MAX]
        );
        assert_eq!(places(u64::MAX, 1, Stride::Pages), [u64::MAX]);
    }

    #[test_case]
    fn a_range_past_the_last_number_is_none() {
        assert!(matches!(
            Span::new(u64::MAX, 2, Stride::Pages),
            Err(Error::PastTheEnd(..))
        ));
        assert!(matches!(
            Span::new(1, 0, Stride::Pages),
            Err(Error::OutOfRange(..))
        ));
    }
}
