//! The audit of region records: each in a frame of its half's own, in a tree that
//! is right, and in its place among the others.

use super::broken::Broken;
use super::defect::RegionDefect;
use super::marks::{Clash, Owner};
use super::{Auditor, scope};
use crate::paging::LeafSize;
use crate::space::regions::{Met, Record};
use crate::space::{Half, RecordsDefect, Region};

/// What ends the audit of a tree.
enum Found {
    /// The audit, by what it met.
    Broken(Broken),
    /// The tree, by itself.
    Defect(RecordsDefect),
}

impl From<RecordsDefect> for Found {
    fn from(defect: RecordsDefect) -> Self {
        Self::Defect(defect)
    }
}

impl Auditor<'_> {
    /// Audits the region records of a half.
    pub(super) fn regions(&mut self, half: &Half) -> Result<(), Broken> {
        let mut before = None;
        let found = half.records().check(&mut |met| match met {
            Met::Frame(frame) => {
                self.report.record_frames += 1;
                let claimed = self.marks.claim(frame, LeafSize::Size4KiB, Owner::Records);
                claimed.map_err(|Clash { conflict, .. }| {
                    Found::Broken(Broken::RecordFrame {
                        space: scope(half),
                        frame,
                        conflict,
                    })
                })
            }
            Met::Record(record) => {
                let met = self.region(half, record, before);
                before = Some(record.region);
                met.map_err(Found::Broken)
            }
        });
        found.map_err(|found| match found {
            Found::Broken(broken) => broken,
            Found::Defect(defect) => Broken::Records {
                space: scope(half),
                defect,
            },
        })
    }

    /// One region, in its place behind the one before it.
    fn region(
        &mut self,
        half: &Half,
        record: &Record,
        before: Option<Region>,
    ) -> Result<(), Broken> {
        let region = &record.region;
        let broken = |defect| Broken::Region {
            space: scope(half),
            base: region.base,
            defect,
        };
        let base = region.base.as_u64();
        let is_whole = base.is_multiple_of(4096) && region.size.is_multiple_of(4096);
        let is_aligned = is_whole && region.size > 0;
        self.require(is_aligned, broken(RegionDefect::Unaligned))?;
        let (low, high) = half.bounds(region.backing);
        let is_inside = base >= low && base < high && region.size <= high - base;
        self.require(is_inside, broken(RegionDefect::OutsideHalf))?;
        let continues = before.is_some_and(|before| {
            before.source == region.source
                && before.end() == base
                && before.offset + before.size == region.offset
        });
        let is_torn = region.offset > 0 && !continues;
        self.require(!is_torn, broken(RegionDefect::TornOff))?;
        let is_user = region.user && half.is_kernel();
        self.require(!is_user, broken(RegionDefect::User))?;
        if let Some(mapping) = region.mapping() {
            let is_there = self.objects.get(mapping.object).is_some();
            self.require(is_there, broken(RegionDefect::NoObject))?;
        }
        let derived = Record::new(*region, self.memory.features(), half.is_kernel());
        self.require(*record == derived, broken(RegionDefect::Derived))?;
        self.report.regions += 1;
        Ok(())
    }
}
