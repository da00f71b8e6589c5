//! Exercise 8a ★★: NX: data must not run.
//!
//! An attacker who can write bytes into a heap wants the processor to run them. So a
//! region says if it is executable, and `resolve` refuses an instruction fetch from
//! one that is not.
//!
//! It is never asked. The bytes were written before they are run, so the page is there
//! already, its entry allows the fetch, and no page fault comes. Mend that.
//!
//! Hint: a right that is missing must be missing in the entry. On x86_64 the bit has
//! the opposite sense: it forbids.

use core::ops::Range;

use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PageTableFlags;

use crate::machine::{Frames, entry, zeroed};

/// Addresses that memory is promised for.
pub struct Region {
    pub addresses: Range<u64>,
    pub writable: bool,
    pub executable: bool,
}

/// All the regions: a heap, and code.
pub static REGIONS: [Region; 2] = [
    Region { addresses: 0x80_0000_0000..0x80_0000_4000, writable: true, executable: false },
    Region { addresses: 0x80_0010_0000..0x80_0010_4000, writable: false, executable: true },
];

/// Why a page fault was not resolved.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    NoRegion,
    NotExecutable,
    NotWritable,
    OutOfFrames,
}

/// Gives the page of an access a frame, if a region promises one and allows the access.
pub fn resolve(address: u64, code: PageFaultErrorCode, frames: &mut Frames) -> Result<(), Refusal> {
    let region = REGIONS.iter().find(|region| region.addresses.contains(&address));
    let region = region.ok_or(Refusal::NoRegion)?;
    if code.contains(PageFaultErrorCode::INSTRUCTION_FETCH) && !region.executable {
        return Err(Refusal::NotExecutable);
    }
    if code.contains(PageFaultErrorCode::CAUSED_BY_WRITE) && !region.writable {
        return Err(Refusal::NotWritable);
    }

    let entry = entry(address, frames).ok_or(Refusal::OutOfFrames)?;
    let frame = zeroed(frames).ok_or(Refusal::OutOfFrames)?;
    let mut flags = PageTableFlags::PRESENT;
    flags.set(PageTableFlags::WRITABLE, region.writable);
    entry.set_frame(frame, flags);
    Ok(())
}
