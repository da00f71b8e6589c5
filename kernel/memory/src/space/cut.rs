//! Cutting a range out of the regions that it touches.
//!
//! ```text
//!               |------ allocation 7 ------------|
//!   before      [ offset 0                       ]
//!   the range              [/////////]
//!   after       [ offset 0 ]         [ offset 0  ]
//!               |--- 7 ---|          |---- 8 ----|
//! ```
//!
//! What must always hold: the regions of an allocation follow each other without
//! a gap, from offset 0 on. So what lies behind a range that was cut out is an
//! allocation of its own, with a new source. One more record is needed only
//! where one region reaches over both ends.

use x86_64::VirtAddr;

use super::Half;
use super::region::Region;
use super::regions::Record;
use crate::flush::FlushBatch;

impl Half {
    /// The base of the record that [`Self::cut_out`] inserts, if it does:
    /// where one region reaches over both ends of the range.
    pub(super) fn base_behind(&self, start: u64, end: u64) -> Option<u64> {
        let record = self.regions.find(start)?;
        (record.base() < start && end < record.region.end()).then_some(end)
    }

    /// Takes the records of a range out, in which nothing is mapped any more.
    /// Those that reach over an end keep what lies outside.
    pub(super) fn cut_out(&mut self, start: u64, end: u64, batch: &mut FlushBatch<'_>) {
        let mut next = self.regions.from(start).copied();
        while let Some(record) = next.filter(|record| record.base() < end) {
            self.cut(&record, start, end, batch);
            next = self.regions.from(record.region.end()).copied();
        }
        self.tear_off(end);
    }

    /// Cuts a range out of the one record, which it touches.
    pub(super) fn cut(
        &mut self,
        record: &Record,
        start: u64,
        end: u64,
        batch: &mut FlushBatch<'_>,
    ) {
        let base = record.base();
        let kept = start.saturating_sub(base);
        let mut before = record.region;
        let behind = (end < before.end()).then(|| Record {
            region: before.split_off(VirtAddr::new_truncate(end)),
            ..*record
        });
        if kept > 0 {
            self.regions
                .update(base, |record| record.region.size = kept);
            if let Some(behind) = behind {
                behind.region.hold_again(batch.memory());
                self.regions.insert(behind);
            }
        } else if let Some(behind) = behind {
            self.regions.update(base, |record| *record = behind);
        } else {
            self.regions.remove(base);
            if let Some(mapping) = record.region.mapping() {
                batch.mapping(mapping);
            }
        }
    }

    /// Makes an allocation of its own of the region at `address`, if there is
    /// one and it was not the first of its allocation, and of those that follow it.
    pub(super) fn tear_off(&mut self, address: u64) {
        let Some(first) = self.region_at_number(address).filter(|at| at.offset > 0) else {
            return;
        };
        let source = self.new_source();
        let mut next = Some(first);
        while let Some(part) = next.filter(|part| part.source == first.source) {
            self.regions.update(part.base.as_u64(), |record| {
                record.region.source = source;
                record.region.offset -= first.offset;
            });
            next = self.region_at_number(part.end());
        }
    }

    /// What no allocation was called yet.
    pub(super) fn new_source(&mut self) -> u64 {
        let source = self.next_source;
        self.next_source += 1;
        source
    }

    /// The first region with an address in a range.
    pub(super) fn first_in(&self, start: u64, end: u64) -> Option<Region> {
        let region = self.regions.from(start)?.region;
        (region.base.as_u64() < end).then_some(region)
    }
}
