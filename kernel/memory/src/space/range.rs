//! Ranges of pages: what all operations on part of a region, or on several
//! regions in a row, ask first, what they reserve, and the words in which they
//! refuse.
//!
//! What must always hold: a range is whole 4 KiB pages, at least one, and lies
//! in regions without a gap, before anything in it changes; what was reserved for
//! a change that is refused goes back.

use core::fmt;

use x86_64::VirtAddr;

use super::Half;
use super::region::Region;
use crate::frames::{OutOfFrames, Shortage};
use crate::memory::Memory;

/// What is said of a range that is not whole pages: its start and its bytes.
pub(super) struct NotWholePages(pub(super) VirtAddr, pub(super) u64);

/// What is said of a number that no region holds. Behind the low half it is no
/// address.
pub(super) struct NothingHolds(pub(super) u64);

/// Why an address is not the base of an allocation.
pub(super) enum NoAllocation {
    /// No region holds it.
    NoRegion,
    /// It lies inside the allocation that starts here.
    NotTheBase(VirtAddr),
}

impl fmt::Display for NotWholePages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(start, size) = self;
        write!(
            f,
            "{:#x} and {size:#x} are not whole pages: both must be multiples of 0x1000, and the size not 0",
            start.as_u64()
        )
    }
}

impl fmt::Display for NothingHolds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no region holds {:#x}", self.0)
    }
}

/// The range as numbers, if it is whole 4 KiB pages and not empty. The end of one
/// that passes all numbers is the last: no region reaches as far, so that there is
/// a gap before.
pub(super) fn whole_pages(start: VirtAddr, size: u64) -> Option<(u64, u64)> {
    let whole = start.is_aligned(4096_u64) && size.is_multiple_of(4096) && size > 0;
    whole.then(|| (start.as_u64(), start.as_u64().saturating_add(size)))
}

impl Half {
    /// Hands all regions of a range to `check`, in order.
    ///
    /// # Errors
    ///
    /// What `no_region` makes of the first number without one, or what `check`
    /// says.
    pub(super) fn check_regions<E>(
        &self,
        start: u64,
        end: u64,
        no_region: impl FnOnce(u64) -> E,
        check: impl Fn(&Region) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut address = start;
        while address < end {
            let Some(record) = self.regions.find(address) else {
                return Err(no_region(address));
            };
            check(&record.region)?;
            address = record.region.end();
        }
        Ok(())
    }

    /// The first region of the allocation that begins at `base`.
    pub(super) fn allocation_at(&self, base: VirtAddr) -> Result<Region, NoAllocation> {
        let region = self.region_at(base).ok_or(NoAllocation::NoRegion)?;
        match region.allocation() {
            first if first == base => Ok(region),
            first => Err(NoAllocation::NotTheBase(first)),
        }
    }

    /// Reserves what a change of a range needs: records of regions that begin at
    /// `bases`, and `tables` that are kept back; large leaves that reach over an
    /// end of the range are split.
    ///
    /// # Errors
    ///
    /// What there is, and what it takes; nothing has changed then.
    pub(super) fn prepare(
        &mut self,
        (start, end): (u64, u64),
        bases: &[u64],
        tables: u64,
        memory: &Memory,
    ) -> Result<(), Shortage> {
        let reserved = memory.with_frames(|frames| self.regions.reserve(bases, frames));
        let prepared = reserved.and_then(|()| {
            memory.keep_back(tables)?;
            let split = self.split_around(start, end, memory);
            split.inspect_err(|OutOfFrames| memory.let_go(tables))
        });
        prepared.map_err(|OutOfFrames| {
            self.give_back_spares(memory);
            let records = self.regions.nodes_for(bases);
            memory.shortage(records + tables + self.tables_to_split(start, end))
        })
    }

    /// Gives the records back that were reserved and not used, and those that are
    /// not in use any more.
    pub(super) fn give_back_spares(&mut self, memory: &Memory) {
        memory.with_frames(|frames| self.regions.give_back_spares(frames));
    }
}
