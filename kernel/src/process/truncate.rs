//! Shared memory that becomes shorter: no process keeps a page of it behind the
//! new end, its private copy or not, as on Linux.

use memory::object::ObjectId;
use memory::space::{Backing, Region};
use memory::{Memory, Space};
use x86_64::VirtAddr;

use super::{Process, Processes};
use crate::spaces;

/// Bytes of a page.
const PAGE: u64 = 4096;

impl Processes {
    /// Unmaps what lies behind the first `size` bytes of an object, in the space that
    /// is loaded and in all others. The regions stay.
    pub(super) fn unmap_behind(&self, object: ObjectId, size: u64) {
        let first = size.div_ceil(PAGE);
        spaces::current(|space, memory| unmap(space, object, first, memory));
        for space in self.table.iter().filter_map(Process::space) {
            space.change(|space| unmap(space, object, first, spaces::memory()));
        }
    }
}

/// Unmaps the pages of an object from `first` on.
fn unmap(space: &mut Space, object: ObjectId, first: u64, memory: &Memory) {
    let mut next = space.regions().next();
    while let Some(region) = next {
        if let Some((start, size)) = part_behind(&region, object, first) {
            // Its leaves are small, so none has to be split, and nothing is short.
            let _ = space.discard(start, size, memory);
        }
        next = space.region_above(region.base);
    }
}

/// The part of a region that maps pages of an object from `first` on.
fn part_behind(region: &Region, object: ObjectId, first: u64) -> Option<(VirtAddr, u64)> {
    let Backing::Object {
        object: mapped,
        offset_in_pages,
        ..
    } = region.backing
    else {
        return None;
    };
    let kept = first.saturating_sub(offset_in_pages).saturating_mul(PAGE);
    let is_part = mapped == object && kept < region.size;
    is_part.then(|| (region.base + kept, region.size - kept))
}
