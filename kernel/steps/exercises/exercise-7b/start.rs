//! Exercise 7b ★★: who frees the zero frame.
//!
//! A page that was only read is mapped to the zero frame, which belongs to no page:
//! many use it at the same time, and the kernel keeps it for ever. Step 7 never
//! unmaps anything. Whoever adds that must know which frames are a page's own.
//!
//! The function below frees whatever the entry holds. Mend it, for pages that were
//! only read and for pages that were written. A page that was only read is unmapped
//! and flushed as well; nothing is freed then, and that is `Ok(())`.
//!
//! Hint: what is it that makes a frame the page's own? Two lines are enough, and the
//! parameter that is not used yet.

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
    _zero_frame: PhysFrame,
    frames: &mut Frames,
) -> Result<(), FreeError> {
    let Some(entry) = entry(address, frames).filter(|entry| !entry.is_unused()) else {
        return Ok(()); // never accessed
    };
    let frame = PhysFrame::containing_address(entry.addr());
    entry.set_unused();
    tlb::flush(VirtAddr::new(address));
    frames.free(frame)
}
