//! Solution of exercise 8b: memory that is given back.

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
    // Inwards: the pages at both ends hold bytes of others. In a block within one page, `first`
    // comes after `end`, and the range between them is empty.
    let first = block.start.next_multiple_of(PAGE_SIZE);
    let end = block.end - block.end % PAGE_SIZE;
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
