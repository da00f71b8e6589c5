//! Growing an allocation in place.
//!
//! What must always hold: only regions grow that hold nothing until they are
//! touched, so that growing needs no memory; the addresses were nobody's.

use core::error::Error;
use core::fmt;

use x86_64::VirtAddr;

use super::Half;
use super::range::{NoAllocation, NothingHolds};
use super::region::{Backing, Region};
use crate::memory::Memory;
use crate::object::MOST_PAGES;
use crate::paging::LeafSize;

/// Bytes of a page.
const PAGE: u64 = LeafSize::Size4KiB.bytes();

/// Why [`Space::grow`](super::Space::grow) refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrowError {
    /// What is to come is not whole pages: a multiple of 4 KiB, and not 0.
    Unaligned {
        /// Its bytes.
        by: u64,
    },
    /// No region holds the address.
    NoRegion {
        /// The address.
        address: VirtAddr,
    },
    /// The address lies inside an allocation.
    NotTheBase {
        /// Where that allocation starts.
        base: VirtAddr,
    },
    /// The last region of the allocation has memory from the start, or is
    /// somebody else's: only demand, zero, object and guard regions grow.
    NotLazy {
        /// The region's base.
        base: VirtAddr,
        /// Its backing.
        backing: Backing,
    },
    /// It would map pages that no object can have.
    NoSuchPages {
        /// The number of the first page that is to come.
        first: u64,
    },
    /// The half ends before the allocation would.
    OutsideHalf {
        /// The first number behind the half.
        limit: u64,
    },
    /// A region lies in the way.
    InTheWay {
        /// Its base.
        base: VirtAddr,
    },
}

impl fmt::Display for GrowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned { by } => write!(
                f,
                "{by:#x} bytes are not whole pages: it must be a multiple of 0x1000, and not 0"
            ),
            Self::NoRegion { address } => NothingHolds(address.as_u64()).fmt(f),
            Self::NotTheBase { base } => write!(
                f,
                "that is inside the allocation at {:#x}, which grows by its base",
                base.as_u64()
            ),
            Self::NotLazy { base, backing } => write!(
                f,
                "the region at {:#x} has {backing} backing and does not grow: only demand, zero, object and guard regions do",
                base.as_u64()
            ),
            Self::NoSuchPages { first } => write!(
                f,
                "the pages from {first} on reach past the end of any object"
            ),
            Self::OutsideHalf { limit } => {
                write!(f, "the half ends at {limit:#x}, before the region would")
            }
            Self::InTheWay { base } => {
                write!(f, "the region at {:#x} is in the way", base.as_u64())
            }
        }
    }
}

impl Error for GrowError {}

impl Half {
    /// Makes the last region of an allocation larger, and returns it.
    pub(super) fn grow(
        &mut self,
        base: VirtAddr,
        by: u64,
        memory: &Memory,
    ) -> Result<Region, GrowError> {
        self.check(memory);
        if by == 0 || !by.is_multiple_of(4096) {
            return Err(GrowError::Unaligned { by });
        }
        let mut last = self.last_part(base)?;
        if !last.backing.is_lazy() {
            let Region { base, backing, .. } = last;
            return Err(GrowError::NotLazy { base, backing });
        }
        if let Backing::Object {
            offset_in_pages, ..
        } = last.backing
        {
            let first = offset_in_pages + last.size / PAGE;
            if by / PAGE > MOST_PAGES.saturating_sub(first) {
                return Err(GrowError::NoSuchPages { first });
            }
        }
        let (_, limit) = self.bounds(last.backing);
        if by > limit - last.end() {
            return Err(GrowError::OutsideHalf { limit });
        }
        if let Some(other) = self.first_in(last.end(), last.end() + by) {
            return Err(GrowError::InTheWay { base: other.base });
        }
        last.size += by;
        self.regions
            .update(last.base.as_u64(), |record| record.region = last);
        Ok(last)
    }

    /// The last region of the allocation that begins at `base`.
    fn last_part(&self, base: VirtAddr) -> Result<Region, GrowError> {
        let mut last = self.allocation_at(base).map_err(|error| match error {
            NoAllocation::NoRegion => GrowError::NoRegion { address: base },
            NoAllocation::NotTheBase(base) => GrowError::NotTheBase { base },
        })?;
        while let Some(next) = self.region_at_number(last.end())
            && next.source == last.source
        {
            last = next;
        }
        Ok(last)
    }
}
