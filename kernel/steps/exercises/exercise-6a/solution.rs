//! Solution of exercise 6a: a region's rights against those of the first access.

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
    // The access says when the page gets its frame, the region what may be done with it. With
    // `write` here, a page that is read first could never be written: the write would
    // fault at a page that is there.
    flags.set(PageTableFlags::WRITABLE, region.writable);
    entry.set_frame(frame, flags);
    Ok(())
}
