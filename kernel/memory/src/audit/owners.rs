//! The audit of owner counts: each counter says how many leaves and objects share
//! its frame, and the tables of all sparse arrays are in frames of their own.
#![allow(unsafe_code)]

use x86_64::PhysAddr;

use super::Auditor;
use super::broken::Broken;
use super::defect::TableDefect;
use super::marks::{Clash, Owner};
use crate::memory::Owners;
use crate::memory_map::{FRAME_SHIFT, FRAMES};
use crate::paging::{LeafSize, Table, Visit, Visits};

impl Auditor<'_> {
    /// Audits the tables of counters, from their root down.
    pub(super) fn counter_tables(&mut self, owners: &Owners) -> Result<(), Broken> {
        let broken = |table, defect| Broken::CounterTable { table, defect };
        self.tables_of_words(owners.root(), broken)
    }

    /// Audits the tables of a sparse array, which `broken` speaks of.
    pub(super) fn tables_of_words(
        &mut self,
        root: Option<Table>,
        broken: fn(PhysAddr, TableDefect) -> Broken,
    ) -> Result<(), Broken> {
        let Some(root) = root else {
            return Ok(());
        };
        self.table_of_words(root.address(), broken)?;
        // SAFETY: each table that is entered is claimed first, and the visit ends
        // where that fails.
        let visits = unsafe { Visits::new(self.memory.direct_map(), root, 0..512) };
        for visit in visits {
            match visit {
                Visit::Enter(seen) => self.table_of_words(seen.entry.table_address(), broken)?,
                Visit::Leave(seen, found) => {
                    let (table, says) = (seen.entry.table_address(), seen.entry.in_use());
                    self.require(found > 0, broken(table, TableDefect::Empty))?;
                    let defect = TableDefect::InUse { says, found };
                    self.require(says == found, broken(table, defect))?;
                }
                // Words, whatever they look like as entries of page tables.
                Visit::Leaf(_) | Visit::Reserved(_) | Visit::Swapped(..) | Visit::Unknown(..) => {}
            }
        }
        Ok(())
    }

    fn table_of_words(
        &mut self,
        table: PhysAddr,
        broken: fn(PhysAddr, TableDefect) -> Broken,
    ) -> Result<(), Broken> {
        let claimed = self.marks.claim(table, LeafSize::Size4KiB, Owner::Table);
        self.report.checks += 1;
        self.report.tables += 1;
        claimed.map_err(|Clash { conflict, .. }| broken(table, TableDefect::Frame { conflict }))
    }

    /// Each counter says how many owners were met, and counters by use how many
    /// frames are shared.
    pub(super) fn owner_counts(&mut self, owners: &Owners) -> Result<(), Broken> {
        let mut met = owners.met();
        for stretch in self.frames.stretches(0, FRAMES) {
            let Some((first, _)) = stretch.managed else {
                continue;
            };
            let indices = first..first + (stretch.end - stretch.first);
            met.each(indices, |index, says, found| {
                let number = stretch.first + (index - first);
                let frame = PhysAddr::new_truncate(number << FRAME_SHIFT);
                self.report.shared += 1;
                self.require(says == found, Broken::Owners { frame, says, found })
            })?;
        }
        Ok(())
    }
}
