//! Solution of exercise 7c: fault-around.

use core::ops::Range;

use x86_64::structures::paging::{PageTableFlags, PhysFrame};

use crate::machine::{Frames, PAGE_SIZE, entry};

/// How many pages at most one page fault maps.
pub const AROUND: u64 = 8;

/// Resolves the first read of a page of a region: the zero frame, without the right to write.
pub fn resolve_read(
    address: u64,
    region: &Range<u64>,
    zero_frame: PhysFrame,
    frames: &mut Frames,
) -> Option<()> {
    let flags = PageTableFlags::PRESENT | PageTableFlags::NO_EXECUTE;

    // An aligned block of 8 pages lies in one table of level 1: the page that faults may need
    // a new table, its neighbours never another one.
    let block = address - address % (AROUND * PAGE_SIZE);
    let start = block.max(region.start);
    let end = (block + AROUND * PAGE_SIZE).min(region.end);
    for page in (start..end).step_by(PAGE_SIZE as usize) {
        let entry = entry(page, frames)?;
        // A neighbour may have been written before: its frame holds what was written.
        if entry.is_unused() {
            entry.set_frame(zero_frame, flags);
        }
    }
    Some(()) // no flush: the processor keeps no translation of a page that is not present
}
