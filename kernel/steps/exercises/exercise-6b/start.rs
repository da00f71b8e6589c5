//! Exercise 6b ★★: a guard page with a refusal of its own.
//!
//! A stack that is full runs out of its region downwards. If nothing is mapped there,
//! the access is refused: as `NoRegion`, like any stray pointer. A page that is known
//! as the stack's guard allows a better answer: `Guard`, a stack is full.
//!
//! The function below knows nothing of `guard`. Let it refuse the addresses of a
//! guard as `Guard`, without ever mapping one.
//!
//! Hint: decide it before you look for a region, or when none was found. The guard
//! of a region is `start - guard..start`.

use core::ops::Range;

use x86_64::structures::paging::PageTableFlags;

use crate::machine::{Frames, PAGE_SIZE, entry, zeroed};

/// Addresses that memory is promised for.
pub struct Region {
    pub addresses: Range<u64>,
    /// How many bytes directly below the addresses are kept free of memory for ever.
    pub guard: u64,
}

/// All the regions: a stack, which grows towards its guard page, and data without one.
pub static REGIONS: [Region; 2] = [
    Region { addresses: 0x80_0000_1000..0x80_0000_5000, guard: PAGE_SIZE },
    Region { addresses: 0x80_0010_1000..0x80_0010_5000, guard: 0 },
];

/// Why a page fault was not resolved.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    NoRegion,
    /// The address is in the guard of a region: most probably a stack is full.
    Guard,
    OutOfFrames,
    Unexplained, // the page is there
}

/// Gives the page of an access a frame, if a region promises one.
pub fn resolve(address: u64, frames: &mut Frames) -> Result<(), Refusal> {
    let promised = |region: &Region| region.addresses.contains(&address);
    if !REGIONS.iter().any(promised) {
        return Err(Refusal::NoRegion);
    }

    let entry = entry(address, frames).ok_or(Refusal::OutOfFrames)?;
    if !entry.is_unused() {
        return Err(Refusal::Unexplained);
    }
    let frame = zeroed(frames).ok_or(Refusal::OutOfFrames)?;
    let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE;
    entry.set_frame(frame, flags);
    Ok(())
}
