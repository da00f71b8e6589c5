//! Solution of exercise 7b: who frees the zero frame.

use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::structures::paging::PhysFrame;

use crate::machine::{Frames, FreeError, entry};

/// Unmaps the page that contains an address, and gives back the frame that was its own.
///
/// # Safety
///
/// No reference points into the page.
pub unsafe fn unmap(
    address: u64,
    zero_frame: PhysFrame,
    frames: &mut Frames,
) -> Result<(), FreeError> {
    let Some(entry) = entry(address, frames).filter(|entry| !entry.is_unused()) else {
        return Ok(()); // never accessed
    };
    let frame = PhysFrame::containing_address(entry.addr());
    entry.set_unused();
    tlb::flush(VirtAddr::new(address));
    // The zero frame has no owner among the pages. Freed by one, it would be handed out to
    // somebody who writes to it, and all the others would read that.
    if frame == zero_frame {
        return Ok(());
    }
    frames.free(frame)
}
