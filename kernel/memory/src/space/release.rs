//! Giving back: whole allocations, and the frames behind pages on demand.
//!
//! What must always hold: freeing never needs memory; frames and tables go back
//! through a batch, after the flush.

use core::error::Error;
use core::fmt;

use x86_64::VirtAddr;

use super::Half;
use super::range::{NoAllocation, NotWholePages, NothingHolds, whole_pages};
use super::region::{Backing, Region};
use crate::flush::FlushBatch;
use crate::frames::{OutOfFrames, Shortage};
use crate::memory::Memory;

/// Why [`Space::free`](super::Space::free) refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FreeError {
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
    /// The region is fixed: it stays for ever.
    Fixed {
        /// Its base.
        base: VirtAddr,
    },
}

/// Why [`Space::discard`](super::Space::discard) refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiscardError {
    /// The range is not whole pages: a multiple of 4 KiB, and not 0.
    Unaligned {
        /// Where it starts.
        start: VirtAddr,
        /// Its bytes.
        size: u64,
    },
    /// No region holds this address of the range.
    NoRegion {
        /// The first such address, as a number: behind the low half it is none.
        address: u64,
    },
    /// A region of the range does not get its frames back by faults: only
    /// demand, zero and object backing do.
    NotOnDemand {
        /// The region's base.
        base: VirtAddr,
        /// Its backing.
        backing: Backing,
    },
    /// A large page is to be split, and there are not enough frames for the tables.
    OutOfFrames(Shortage),
}

impl fmt::Display for FreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRegion { address } => NothingHolds(address.as_u64()).fmt(f),
            Self::NotTheBase { base } => write!(
                f,
                "that is inside the allocation at {:#x}, which is freed by its base",
                base.as_u64()
            ),
            Self::Fixed { base } => {
                write!(f, "the region at {:#x} is fixed and stays", base.as_u64())
            }
        }
    }
}

impl fmt::Display for DiscardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned { start, size } => NotWholePages(*start, *size).fmt(f),
            Self::NoRegion { address } => NothingHolds(*address).fmt(f),
            Self::NotOnDemand { base, backing } => write!(
                f,
                "the region at {:#x} has {backing} backing, and its pages do not come back by faults: only those of demand, zero and object regions do",
                base.as_u64()
            ),
            Self::OutOfFrames(shortage) => write!(f, "splitting a large page {shortage}"),
        }
    }
}

impl Error for FreeError {}
impl Error for DiscardError {}

impl Half {
    /// Gives a whole allocation back: all regions that came of it.
    pub(super) fn free(&mut self, base: VirtAddr, memory: &Memory) -> Result<u64, FreeError> {
        self.check(memory);
        let region = self.allocation_at(base).map_err(|error| match error {
            NoAllocation::NoRegion => FreeError::NoRegion { address: base },
            NoAllocation::NotTheBase(base) => FreeError::NotTheBase { base },
        })?;
        if region.backing == Backing::Fixed {
            return Err(FreeError::Fixed { base });
        }
        let mut batch = FlushBatch::new(self.scope, memory);
        let mut next = Some(region);
        while let Some(part) = next.filter(|part| part.source == region.source) {
            self.remove_region(&part, &mut batch);
            next = self.region_at_number(part.end());
        }
        Ok(self.finish(&mut batch))
    }

    /// Gives all regions back.
    pub(super) fn remove_all(&mut self, batch: &mut FlushBatch<'_>) {
        while let Some(region) = self.regions.from(0).map(|record| record.region) {
            self.remove_region(&region, batch);
        }
        self.give_back_spares(batch.memory());
    }

    /// Unmaps a region and takes it out of the tree.
    fn remove_region(&mut self, region: &Region, batch: &mut FlushBatch<'_>) {
        if region.backing.is_managed() {
            self.unmap(region.base.as_u64(), region.end(), batch);
        }
        self.regions.remove(region.base.as_u64());
        if let Some(mapping) = region.mapping() {
            batch.mapping(mapping);
        }
    }

    /// Gives back the frames behind whole pages of demand and zero regions, and
    /// unmaps those of objects.
    pub(super) fn discard(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, DiscardError> {
        self.check(memory);
        let (start, end) =
            whole_pages(start, size).ok_or(DiscardError::Unaligned { start, size })?;
        let no_region = |address| DiscardError::NoRegion { address };
        self.check_regions(start, end, no_region, |region| match region.backing {
            Backing::Demand | Backing::Zero | Backing::Object { .. } => Ok(()),
            backing @ (Backing::Immediate
            | Backing::Device(..)
            | Backing::Guard
            | Backing::Fixed) => Err(DiscardError::NotOnDemand {
                base: region.base,
                backing,
            }),
        })?;
        if let Err(OutOfFrames) = self.split_around(start, end, memory) {
            let needed = self.tables_to_split(start, end);
            return Err(DiscardError::OutOfFrames(memory.shortage(needed)));
        }
        let mut batch = FlushBatch::new(self.scope, memory);
        self.unmap(start, end, &mut batch);
        Ok(batch.finish())
    }

    /// Finishes a batch of a change that took regions away.
    pub(super) fn finish(&mut self, batch: &mut FlushBatch<'_>) -> u64 {
        self.give_back_spares(batch.memory());
        batch.finish()
    }

    /// The region that holds this number, which may be no address.
    pub(super) fn region_at_number(&self, address: u64) -> Option<Region> {
        self.regions.find(address).map(|record| record.region)
    }
}
