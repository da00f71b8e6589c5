//! Exercise 6a ★: a region's rights against those of the first access.
//!
//! The first access to a page gives it a frame, and every later one uses the same
//! entry without a fault. So the entry needs the rights of the region. The function
//! below gives it the rights that the first access happens to need.
//!
//! Read a variable, then write it, and see what becomes of the write. Mend `resolve`.
//!
//! Hint: one line of it looks at the wrong thing.

use core::ops::Range;

use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PageTableFlags;

use crate::machine::{Frames, entry, zeroed};

/// Addresses that memory is promised for.
pub struct Region {
    pub addresses: Range<u64>,
    pub writable: bool,
}

/// All the regions: variables, and constants.
pub static REGIONS: [Region; 2] = [
    Region { addresses: 0x80_0000_0000..0x80_0000_4000, writable: true },
    Region { addresses: 0x80_0010_0000..0x80_0010_4000, writable: false },
];

/// Why a page fault was not resolved.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    NoRegion,
    NotWritable,
    OutOfFrames,
    Unexplained, // the page is there
}

/// Gives the page of an access a frame, if a region promises one and allows the access.
pub fn resolve(address: u64, code: PageFaultErrorCode, frames: &mut Frames) -> Result<(), Refusal> {
    let region = REGIONS.iter().find(|region| region.addresses.contains(&address));
    let region = region.ok_or(Refusal::NoRegion)?;
    let write = code.contains(PageFaultErrorCode::CAUSED_BY_WRITE);
    if write && !region.writable {
        return Err(Refusal::NotWritable);
    }

    let entry = entry(address, frames).ok_or(Refusal::OutOfFrames)?;
    if !entry.is_unused() {
        return Err(Refusal::Unexplained);
    }
    let frame = zeroed(frames).ok_or(Refusal::OutOfFrames)?;
    let mut flags = PageTableFlags::PRESENT | PageTableFlags::NO_EXECUTE;
    flags.set(PageTableFlags::WRITABLE, write);
    entry.set_frame(frame, flags);
    Ok(())
}
