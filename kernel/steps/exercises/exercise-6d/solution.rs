//! Solution of exercise 6d: the same fault for ever.

use core::ops::Range;

use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PageTableFlags;

use crate::machine::{Frames, entry, zeroed};

/// The addresses that memory is promised for. All of them may be read and written.
pub const REGION: Range<u64> = 0x80_0000_0000..0x80_0000_8000;

/// Why a page fault was not resolved.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    NoRegion,
    OutOfFrames,
    Unexplained, // the page is there, and its entry does not allow the access
}

/// Gives the page of an access a frame, if the region promises one.
pub fn resolve(address: u64, code: PageFaultErrorCode, frames: &mut Frames) -> Result<(), Refusal> {
    if !REGION.contains(&address) {
        return Err(Refusal::NoRegion);
    }
    let entry = entry(address, frames).ok_or(Refusal::OutOfFrames)?;
    if !entry.is_unused() {
        let mut needed = PageTableFlags::PRESENT;
        needed.set(PageTableFlags::WRITABLE, code.contains(PageFaultErrorCode::CAUSED_BY_WRITE));
        // No page of the region is executable, and a reserved bit is wrong for every access.
        let hopeless = PageFaultErrorCode::INSTRUCTION_FETCH | PageFaultErrorCode::MALFORMED_TABLE;
        // To return from a page fault is a promise that the same access works now.
        return match entry.flags().contains(needed) && !code.intersects(hopeless) {
            true => Ok(()), // somebody else was faster
            false => Err(Refusal::Unexplained),
        };
    }
    let frame = zeroed(frames).ok_or(Refusal::OutOfFrames)?;
    let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE;
    entry.set_frame(frame, flags);
    Ok(())
}
