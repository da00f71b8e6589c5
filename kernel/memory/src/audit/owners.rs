//! The audit of owner counts: each counter says how many leaves share its frame,
//! and the tables that hold the counters are in frames of their own.
#![allow(unsafe_code)]

use x86_64::PhysAddr;

use super::Auditor;
use super::broken::{Broken, TableDefect};
use super::marks::{Clash, Owner};
use crate::memory::Owners;
use crate::memory_map::{FRAME_SHIFT, FRAMES};
use crate::paging::{LeafSize, Visit, Visits};

impl Auditor<'_> {
    /// Audits the tables of counters, from their root down.
    pub(super) fn counter_tables(&mut self, owners: &Owners) -> Result<(), Broken> {
        let Some(root) = owners.root() else {
            return Ok(());
        };
        self.counter_table(root.address())?;
        // SAFETY: each table that is entered is claimed first, and the visit ends
        // where that fails.
        let visits = unsafe { Visits::new(self.memory.direct_map(), root, 0..512) };
        for visit in visits {
            match visit {
                Visit::Enter(seen) => self.counter_table(seen.entry.table_address())?,
                Visit::Leave(seen, found) => {
                    let (table, says) = (seen.entry.table_address(), seen.entry.in_use());
                    let broken = |defect| Broken::CounterTable { table, defect };
                    self.require(found > 0, broken(TableDefect::Empty))?;
                    let defect = TableDefect::InUse { says, found };
                    self.require(says == found, broken(defect))?;
                }
                // Counters, whatever they look like as entries of page tables.
                Visit::Leaf(_) | Visit::Reserved(_) | Visit::Unknown(..) => {}
            }
        }
        Ok(())
    }

    fn counter_table(&mut self, table: PhysAddr) -> Result<(), Broken> {
        let claimed = self.marks.claim(table, LeafSize::Size4KiB, Owner::Table);
        self.report.checks += 1;
        self.report.tables += 1;
        claimed.map_err(|Clash { conflict, .. }| Broken::CounterTable {
            table,
            defect: TableDefect::Frame { conflict },
        })
    }

    /// Each counter says how many leaves were met, and counters by use how many
    /// frames are shared.
    pub(super) fn owner_counts(&mut self, owners: &Owners) -> Result<(), Broken> {
        let mut met = owners.met();
        for stretch in self.frames.stretches(0, FRAMES) {
            let Some((first, _)) = stretch.managed else {
                continue;
            };
            let indices = first..first + (stretch.end - stretch.first);
            met.each(indices, |_, index, says, found| {
                let number = stretch.first + (index - first);
                let frame = PhysAddr::new_truncate(number << FRAME_SHIFT);
                self.report.shared += 1;
                self.require(says == found, Broken::Owners { frame, says, found })
            })?;
        }
        Ok(())
    }
}
