//! Solution of exercise 2a: a frame partly usable, and overlaps.

use bootloader_api::info::{MemoryRegion, MemoryRegionKind};

/// The size of a frame, in bytes.
pub const PAGE_SIZE: u64 = 4096;

/// Whether a frame can be used.
pub fn is_usable(frame: u64, regions: &[MemoryRegion]) -> bool {
    let (start, end) = (frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    let mut inside = false;
    for region in regions {
        if region.kind == MemoryRegionKind::Usable {
            // All of the frame: the bytes beyond the region belong to somebody else.
            inside |= region.start <= start && end <= region.end;
        } else if region.start < end && start < region.end {
            // One byte is enough, and it settles the matter wherever in the list it stands.
            return false;
        }
    }
    inside
}
