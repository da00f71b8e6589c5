//! Exercise 2a ★: a frame partly usable, and overlaps.
//!
//! The firmware's list knows nothing of frames: a region may begin and end in the
//! middle of one, and two regions may overlap. A frame can be used if one usable
//! region holds all of it, and no region of another kind holds any byte of it. In
//! doubt it is not usable.
//!
//! The function below takes every frame of which a usable region holds some bytes.
//! Mend it.
//!
//! Hint: two ranges `a..b` and `c..d` share a byte if `a < d && c < b`; the first
//! lies within the second if `c <= a && b <= d`. You need both.

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};

/// The size of a frame, in bytes.
pub const PAGE_SIZE: u64 = 4096;

/// Whether a frame can be used.
pub fn is_usable(frame: u64, regions: &[MemoryRegion]) -> bool {
    let (start, end) = (frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    regions.iter().any(|region| {
        region.kind == MemoryRegionKind::Usable && region.start < end && start < region.end
    })
}
