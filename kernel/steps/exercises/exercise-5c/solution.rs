//! Solution of exercise 5c: the flush that was forgotten.

use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::structures::paging::PhysFrame;

use crate::machine::{Frames, entry};

/// Unmaps the page that contains an address. Returns the frame that it was mapped to.
///
/// # Safety
///
/// No reference points into the page.
pub unsafe fn unmap(address: u64, frames: &mut Frames) -> Option<PhysFrame> {
    let entry = entry(address, frames).filter(|entry| !entry.is_unused())?;
    let frame = PhysFrame::containing_address(entry.addr());
    entry.set_unused();
    // After the entry is changed: a flush before would let the processor read the old entry
    // once more. Before the frame is returned: nobody else can have it yet.
    tlb::flush(VirtAddr::new(address));
    Some(frame)
}
