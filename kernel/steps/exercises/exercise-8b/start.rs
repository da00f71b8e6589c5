//! Exercise 8b ★★: memory that is given back.
//!
//! The heap of step 8 keeps every frame that it ever touched. It could give back the
//! frames of a large free block: the region stays promised, and if the pages are
//! accessed again, each gets a new frame of zeroes.
//!
//! A block begins and ends in the middle of a page, and the rest of that page belongs
//! to somebody. The function below takes these pages too. Mend it.
//!
//! Hint: only pages that lie in the block with all their bytes may go. Round the
//! start up and the end down (`next_multiple_of`, `%`). There may be none.

use core::ops::Range;

use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::structures::paging::PhysFrame;

use crate::machine::{Frames, PAGE_SIZE, entry};

/// Gives back the frames of a free block of the heap. Its pages get new ones when they are
/// accessed again.
///
/// # Safety
///
/// Nobody needs these bytes any more: the header of the free block is not among them.
pub unsafe fn give_back(block: Range<u64>, frames: &mut Frames) {
    let first = block.start - block.start % PAGE_SIZE;
    let end = block.end.next_multiple_of(PAGE_SIZE);
    for page in (first..end).step_by(PAGE_SIZE as usize) {
        let Some(entry) = entry(page, frames).filter(|entry| !entry.is_unused()) else {
            continue; // never accessed
        };
        let frame = PhysFrame::containing_address(entry.addr());
        entry.set_unused();
        tlb::flush(VirtAddr::new(page));
        frames.free(frame).expect("the page's own frame");
    }
}
