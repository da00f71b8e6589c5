//! Exercise 6d ★★: the same fault for ever.
//!
//! On a machine with two processors, both can fault at the same page. The second one
//! finds the page mapped, has nothing to do, and says `Ok`. But a page that is there
//! is not always good: if its entry does not allow the access, `Ok` sends the
//! processor back to the same instruction, which faults again, for ever.
//!
//! Let `resolve` say `Ok` at a page that is there only if the access works now, and
//! `Unexplained` otherwise.
//!
//! Hint: compare what the access needs (`PRESENT`, and `WRITABLE` for a write) with
//! the entry's flags. There are two errors that no flag shows as missing: a reserved
//! bit (`MALFORMED_TABLE` in the error code), and a fetch from a page with
//! `NO_EXECUTE`.

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
pub fn resolve(
    address: u64,
    _code: PageFaultErrorCode,
    frames: &mut Frames,
) -> Result<(), Refusal> {
    if !REGION.contains(&address) {
        return Err(Refusal::NoRegion);
    }
    let entry = entry(address, frames).ok_or(Refusal::OutOfFrames)?;
    if !entry.is_unused() {
        return Ok(()); // somebody else was faster
    }
    let frame = zeroed(frames).ok_or(Refusal::OutOfFrames)?;
    let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE;
    entry.set_frame(frame, flags);
    Ok(())
}
