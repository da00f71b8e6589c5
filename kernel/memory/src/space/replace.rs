//! A region in the place of whatever lies there: all of it or nothing.
//!
//! ```text
//!   before      [ allocation 7 ]   [ allocation 8 ]
//!   the range          |---------------|
//!   after       [  7  ][ allocation 9  ][    10   ]
//! ```
//!
//! What must always hold: only regions are put there that hold nothing until they
//! are touched, so that all that can be missing is missing before anything goes;
//! what is there holds its objects until the new region holds its own. A record
//! is not inserted after another was taken out, or moved up: the first that begins
//! in the range becomes the new region's.

use arrayvec::ArrayVec;
use x86_64::VirtAddr;

use super::Half;
use super::region::Region;
use super::regions::Record;
use super::request::{AllocateError, Request};
use crate::flush::FlushBatch;
use crate::memory::Memory;

impl Half {
    /// Gives back every page of a range, and puts a region there.
    pub(super) fn replace(
        &mut self,
        base: VirtAddr,
        request: &Request,
        memory: &Memory,
    ) -> Result<Region, AllocateError> {
        self.check(memory);
        let mut region = self.replacement(base, request, memory)?;
        let (start, end) = (base.as_u64(), region.end());
        if let Some(mapping) = region.mapping() {
            memory.hold_object(mapping).map_err(AllocateError::Object)?;
        }
        let bases = self.bases_to_insert(start, end);
        if let Err(shortage) = self.prepare((start, end), &bases, 0, memory) {
            region.let_go(memory);
            return Err(AllocateError::OutOfFrames(shortage));
        }
        let mut batch = FlushBatch::new(self.scope, memory);
        self.unmap(start, end, &mut batch);
        region.source = self.new_source();
        let record = Record::new(region, memory.features(), self.is_kernel());
        self.put_instead(record, &mut batch);
        self.finish(&mut batch);
        Ok(region)
    }

    /// The bases of the records that [`Self::put_instead`] inserts.
    fn bases_to_insert(&self, start: u64, end: u64) -> ArrayVec<u64, 2> {
        let mut bases = ArrayVec::new();
        let begins_here = self.first_to_begin_in(start, end);
        if begins_here.is_none() {
            bases.push(start);
        }
        let last = begins_here.or(self.region_at_number(start));
        if last.is_some_and(|last| last.end() > end) {
            bases.push(end);
        }
        bases
    }

    /// The first region whose base lies in a range.
    fn first_to_begin_in(&self, start: u64, end: u64) -> Option<Region> {
        let first = self.first_in(start, end)?;
        if first.base.as_u64() >= start {
            return Some(first);
        }
        self.first_in(first.end(), end)
    }

    /// Takes what there is of regions in a range of a record out, in which nothing is
    /// mapped any more, and puts the record there.
    fn put_instead(&mut self, record: Record, batch: &mut FlushBatch<'_>) {
        let (start, end) = (record.base(), record.region.end());
        if let Some(below) = self.regions.find(start).copied()
            && below.base() < start
        {
            self.cut(&below, start, end, batch);
        }
        let Some(first) = self.first_in(start, end) else {
            self.regions.insert(record);
            return self.tear_off(end);
        };
        if first.end() > end {
            let behind = self.regions.find(end).copied();
            self.regions
                .update(first.base.as_u64(), |old| *old = record);
            if let Some(mut behind) = behind {
                behind.region = behind.region.split_off(VirtAddr::new_truncate(end));
                self.regions.insert(behind);
            }
        } else {
            self.cut_out(first.end(), end, batch);
            self.regions
                .update(first.base.as_u64(), |old| *old = record);
            if let Some(mapping) = first.mapping() {
                batch.mapping(mapping);
            }
        }
        self.tear_off(end);
    }

    /// The region that is asked for, if it may lie at `base`.
    fn replacement(
        &self,
        base: VirtAddr,
        request: &Request,
        memory: &Memory,
    ) -> Result<Region, AllocateError> {
        let region = Region {
            base,
            ..self.checked(request, memory)?
        };
        let backing = region.backing;
        if !backing.is_lazy() {
            return Err(AllocateError::NotLazy { backing });
        }
        self.check_place(backing, base, region.size, region.page_size.bytes())?;
        self.check_none_fixed(base.as_u64(), region.end())
            .map_err(|base| AllocateError::Overlap { base })?;
        Ok(region)
    }
}
