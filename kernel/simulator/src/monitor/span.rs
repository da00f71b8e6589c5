//! Ranges of numbers that may be addresses, and the places in them that a
//! command accesses.

use memory::Access;
use memory::space::{Backing, Half, Rights};
use x86_64::VirtAddr;

use super::error::Error;

/// Bytes of a page.
pub(super) const PAGE: u64 = 4096;

/// Where the next access is made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stride {
    /// At the start of each page after the first access.
    Pages,
    /// So many bytes further on.
    Bytes(u64),
}

/// A range of numbers that may be addresses, `first` to `last` inclusive, and the places
/// in it that are accessed.
#[derive(Clone, Copy, Debug)]
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
            let address = VirtAddr::try_new(here).ok();
            let Some(region) = address.and_then(|address| half.region_at(address)) else {
                break;
            };
            let is_read_only = region.rights != Rights::ReadWrite;
            if region.backing == Backing::Guard || access == Access::Write && is_read_only {
                break;
            }
            place = self.place_from(region.end());
        }
        place
    }
}
