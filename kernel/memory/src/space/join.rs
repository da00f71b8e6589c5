//! Making one allocation of neighbours alike.
//!
//! ```text
//!            |- allocation 7 -|- allocation 9 -|
//!   before   [ offset 0       ][ offset 0      ]
//!   after    [ offset 0                        ]
//!            |----------- allocation 7 --------|
//! ```
//!
//! What must always hold: the regions of an allocation follow each other without
//! a gap, from offset 0 on. It is what `cut` does, undone.

use x86_64::VirtAddr;

use super::Half;
use super::region::{Backing, Region};
use crate::memory::Memory;

impl Half {
    /// Joins allocations that meet in a range, or at an end of it, and whose
    /// regions there are alike.
    pub(super) fn join(&mut self, start: VirtAddr, size: u64, memory: &Memory) {
        self.check(memory);
        let (start, end) = (start.as_u64(), start.as_u64().saturating_add(size));
        let before = self.regions.before(start).or(self.regions.from(start));
        let mut here = before.map(|record| record.region);
        let mut is_any_joined = false;
        while let Some(region) = here.filter(|region| region.end() <= end) {
            if let Some(next) = self.region_at_number(region.end())
                && next.source != region.source
                && are_alike(&region, &next)
            {
                self.append(&region, next.source);
                is_any_joined = true;
            }
            here = self.regions.from(region.end()).map(|next| next.region);
        }
        if is_any_joined {
            self.merge(start, end, memory);
        }
    }

    /// Makes the allocation that begins behind `last` the rest of the one that
    /// ends with it.
    fn append(&mut self, last: &Region, source: u64) {
        let offset = last.offset + last.size;
        let mut next = self.region_at_number(last.end());
        while let Some(part) = next.filter(|part| part.source == source) {
            self.regions.update(part.base.as_u64(), |record| {
                record.region.source = last.source;
                record.region.offset += offset;
            });
            next = self.region_at_number(part.end());
        }
    }
}

/// True if nothing but its allocation tells `next` from a continuation of `region`.
fn are_alike(region: &Region, next: &Region) -> bool {
    let joined = Region {
        source: region.source,
        offset: region.offset + region.size,
        ..*next
    };
    region.backing != Backing::Fixed
        && region.continues_in(&joined)
        && (region.page_size, region.fault_around) == (next.page_size, next.fault_around)
        && (region.user, region.label) == (next.user, next.label)
        && region.grows_down == next.grows_down
}
