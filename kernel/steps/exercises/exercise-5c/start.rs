//! Exercise 5c ★★: the flush that was forgotten.
//!
//! The processor keeps translations it has used in its TLB, and looks there first.
//! It does not notice when an entry in memory changes. So a page that was unmapped
//! still answers, out of the TLB, and shows what the frame's next owner puts there.
//!
//! Mend `unmap`: when it returns, nobody may reach the frame through the page.
//!
//! Hint: `x86_64::instructions::tlb::flush` is INVLPG, for one page.

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
    Some(frame)
}
