//! Freeing a range: its pages go, whatever regions they are in.
//!
//! What must always hold: no memory is needed but for a region, or a large leaf,
//! that reaches over an end of the range; frames and tables go back through a
//! batch, after the flush.

use core::error::Error;
use core::fmt;

use x86_64::VirtAddr;

use super::Half;
use super::range::{NotWholePages, whole_pages};
use super::region::Backing;
use crate::flush::FlushBatch;
use crate::frames::Shortage;
use crate::memory::Memory;

/// Why [`Space::free_range`](super::Space::free_range) refused. Nothing has
/// changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FreeRangeError {
    /// The range is not whole pages: a multiple of 4 KiB, and not 0.
    Unaligned {
        /// Where it starts.
        start: VirtAddr,
        /// Its bytes.
        size: u64,
    },
    /// The range does not end in the half.
    OutsideHalf {
        /// The first number behind it.
        end: u64,
    },
    /// A region of the range is fixed: it stays for ever.
    Fixed {
        /// Its base.
        base: VirtAddr,
    },
    /// Not enough frames for the record of a split region and the tables of
    /// split large pages.
    OutOfFrames(Shortage),
}

impl fmt::Display for FreeRangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaligned { start, size } => NotWholePages(*start, *size).fmt(f),
            Self::OutsideHalf { end } => {
                write!(f, "a range that ends at {end:#x} leaves the half")
            }
            Self::Fixed { base } => {
                write!(f, "the region at {:#x} is fixed and stays", base.as_u64())
            }
            Self::OutOfFrames(shortage) => {
                write!(f, "splitting regions and large pages {shortage}")
            }
        }
    }
}

impl Error for FreeRangeError {}

impl Half {
    /// Gives back every page of a range, and what there is of regions in it.
    pub(super) fn free_range(
        &mut self,
        start: VirtAddr,
        size: u64,
        memory: &Memory,
    ) -> Result<u64, FreeRangeError> {
        self.check(memory);
        let (start, end) =
            whole_pages(start, size).ok_or(FreeRangeError::Unaligned { start, size })?;
        // A record of somebody else's mapping may lie anywhere in the half.
        if end > self.bounds(Backing::Fixed).1 {
            return Err(FreeRangeError::OutsideHalf { end });
        }
        self.check_none_fixed(start, end)
            .map_err(|base| FreeRangeError::Fixed { base })?;
        let behind = self.base_behind(start, end);
        self.prepare((start, end), behind.as_slice(), 0, memory)
            .map_err(FreeRangeError::OutOfFrames)?;
        let mut batch = FlushBatch::new(self.scope, memory);
        // Gaps and guards have no leaf, and no region of the range is fixed.
        self.unmap(start, end, &mut batch);
        self.cut_out(start, end, &mut batch);
        Ok(self.finish(&mut batch))
    }

    /// Checks that no region with an address in a range is fixed; names the first
    /// that is.
    pub(super) fn check_none_fixed(&self, start: u64, end: u64) -> Result<(), VirtAddr> {
        let mut next = self.first_in(start, end);
        while let Some(region) = next {
            if region.backing == Backing::Fixed {
                return Err(region.base);
            }
            next = self.first_in(region.end(), end);
        }
        Ok(())
    }
}
