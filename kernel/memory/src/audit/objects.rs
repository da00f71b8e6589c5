//! The audit of objects: who holds each, what its regions may do, its tables, and
//! its pages, each of which is one owner of a frame.

use core::iter;

use super::Auditor;
use super::broken::Broken;
use super::defect::ObjectDefect;
use super::marks::{Clash, Owner};
use crate::object::{Mapping, ObjectId, Record, Use, frame_of};
use crate::paging::{LeafSize, Sparse};
use crate::space::Half;

impl Auditor<'_> {
    /// Audits all objects, before leaves are. Their frames get their first owners.
    pub(super) fn objects<'s>(
        &mut self,
        halves: impl Iterator<Item = &'s Half> + Clone,
    ) -> Result<(), Broken> {
        let broken = |table, defect| Broken::ObjectTable { table, defect };
        self.tables_of_words(self.objects.root(), broken)?;
        let mut next = self.objects.from(0);
        while let Some((object, record)) = next {
            self.report.objects += 1;
            let regions = halves.clone().flat_map(Half::regions);
            let mappings = regions.filter_map(|region| region.mapping());
            let mappings = mappings.filter(|mapping| mapping.object == object);
            self.holders(object, &record, mappings)?;
            let pages = self.objects.pages_of(&record);
            self.tables_of_words(pages.root(), broken)?;
            self.pages(object, &record)?;
            next = self.objects.from(object.number() + 1);
        }
        Ok(())
    }

    /// The regions there are of an object are those that it counts.
    fn holders(
        &mut self,
        object: ObjectId,
        record: &Record,
        mappings: impl Iterator<Item = Mapping>,
    ) -> Result<(), Broken> {
        let broken = |defect| Broken::Object { object, defect };
        let (mut regions, mut writers, mut executers) = (0, 0, 0);
        for mapping in mappings {
            regions += 1;
            writers += u64::from(mapping.usage == Use::Write);
            executers += u64::from(mapping.usage == Use::Execute);
        }
        for (says, found) in [
            (record.regions, regions),
            (record.writers, writers),
            (record.executers, executers),
        ] {
            let defect = ObjectDefect::Regions { says, found };
            self.require(says == found, broken(defect))?;
        }
        let is_both = record.writers > 0 && record.executers > 0;
        self.require(!is_both, broken(ObjectDefect::WritableAndExecutable))?;
        self.require(!record.is_unheld(), broken(ObjectDefect::Unheld))
    }

    /// Each page that is there lies in the object, in a frame that counts it.
    fn pages(&mut self, object: ObjectId, record: &Record) -> Result<(), Broken> {
        let mut array = self.objects.pages_of(record);
        let from = |page| page..Sparse::CAPACITY;
        let first = array.next(from(0));
        let pages = iter::successors(first, |(page, _)| array.next(from(page + 1)));
        for (page, word) in pages {
            let broken = |defect| Broken::Object { object, defect };
            let is_inside = page < record.pages;
            self.require(is_inside, broken(ObjectDefect::PastEnd { page }))?;
            let frame = frame_of(word).ok_or(broken(ObjectDefect::Unknown { page }))?;
            let claimed = self.marks.claim(frame, LeafSize::Size4KiB, Owner::Shared);
            self.report.checks += 1;
            claimed.map_err(|Clash { conflict, .. }| {
                broken(ObjectDefect::Frame {
                    page,
                    frame,
                    conflict,
                })
            })?;
        }
        Ok(())
    }
}
