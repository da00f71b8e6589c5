//! Exercise 7c ★★★: fault-around.
//!
//! Whoever reads one page often reads the next ones too. Mapping the zero frame costs
//! an entry and no memory, and a page fault costs far more. So one page fault of a
//! read may map several pages: in the aligned block of 8 pages that contains the
//! address, all those that are in the region and whose entry is unused.
//!
//! The function below maps one page. Mend it. A page outside of the region must stay
//! unmapped, and a page that has a frame of its own must keep it.
//!
//! Hint: the block begins at the address rounded down to `AROUND * PAGE_SIZE`. The
//! region cuts it at both ends: `max` and `min`. `step_by` takes a `usize`.

use core::ops::Range;

use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use crate::machine::{Frames, entry};

/// How many pages at most one page fault maps.
pub const AROUND: u64 = 8;

/// Resolves the first read of a page of a region: the zero frame, without the right to write.
pub fn resolve_read(
    address: u64,
    _region: &Range<u64>,
    zero_frame: PhysFrame,
    frames: &mut Frames,
) -> Option<()> {
    let flags = PageTableFlags::PRESENT | PageTableFlags::NO_EXECUTE;
    entry(address, frames)?.set_frame(zero_frame, flags);
    Some(())
}
