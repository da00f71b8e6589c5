//! The audit of slots: each has as many owners as entries and notes name it, and
//! only frames of pages have notes.

use x86_64::{PhysAddr, VirtAddr};

use super::Auditor;
use super::broken::{Broken, Counter};
use super::defect::SlotDefect;
use super::tables::unknown;
use crate::memory::Slots;
use crate::memory_map::{FRAME_SHIFT, FRAMES};
use crate::paging::Entry;
use crate::slot::{MOST_SLOTS, Slot};
use crate::space::{Backing, Half};

impl Auditor<'_> {
    /// Audits the tables of counts and notes, before entries are. Frames that are
    /// kept back for such tables stand in for those that are not there.
    pub(super) fn slot_tables(&mut self, slots: &Slots) -> Result<(), Broken> {
        let broken = |table, defect| Broken::SlotTable { table, defect };
        let [counts, notes] = slots.roots();
        let before = self.report.tables;
        self.tables_of_words(counts, broken)?;
        self.tables_of_words(notes, broken)?;
        let tables = self.report.tables - before;
        self.kept_for_slots = slots.most_tables().saturating_sub(tables);
        Ok(())
    }

    /// The entry of a page that is in a slot lies where pages may be in slots, and
    /// its slot counts it.
    pub(super) fn swapped(&mut self, half: &Half, address: u64, slot: Slot) -> Result<(), Broken> {
        let region = half.region_at(VirtAddr::new_truncate(address));
        let may_be = region.is_some_and(|region| match region.backing {
            Backing::Demand | Backing::Zero | Backing::Object { .. } => !half.is_kernel(),
            Backing::Immediate | Backing::Device(..) | Backing::Guard | Backing::Fixed => false,
        });
        self.require(may_be, unknown(half, address, Entry::swapped(slot)))?;
        self.report.swapped += 1;
        self.name(slot)
    }

    /// Notes that something names a slot.
    fn name(&mut self, slot: Slot) -> Result<(), Broken> {
        let is_counted = slot.0 < MOST_SLOTS && self.slots.note(slot.0).is_some();
        let defect = SlotDefect::Free;
        self.require(is_counted, Broken::Slot { slot, defect })
    }

    /// Each note is that of a page, and each slot has as many owners as
    /// name it.
    pub(super) fn slot_owners(&mut self, slots: &Slots) -> Result<(), Broken> {
        let counts = slots.counts();
        let mut saved = 0;
        for (index, slot) in slots.notes() {
            saved += 1;
            let frame = self.frame_of_index(index);
            let defect = SlotDefect::NoPage { frame };
            let is_pages = self.marks.is_pages(index);
            self.require(is_pages, Broken::Slot { slot, defect })?;
            self.name(slot)?;
        }
        self.equal(Counter::SavedPages, counts.saved, saved)?;
        let mut met = self.slots.clone();
        let mut used = 0;
        met.each(0..MOST_SLOTS, |number, says, found| {
            used += 1;
            let slot = Slot(number);
            let defect = SlotDefect::Owners { says, found };
            self.require(says == found, Broken::Slot { slot, defect })?;
            let defect = SlotDefect::PastEnd;
            self.require(number < counts.total, Broken::Slot { slot, defect })
        })?;
        self.equal(Counter::UsedSlots, counts.used, used)
    }

    /// The frame that has this index.
    fn frame_of_index(&self, index: u64) -> PhysAddr {
        let mut stretches = self.frames.stretches(0, FRAMES);
        let number = stretches.find_map(|stretch| {
            let (first, _) = stretch.managed?;
            let offset = index.checked_sub(first)?;
            (offset < stretch.end - stretch.first).then_some(stretch.first + offset)
        });
        PhysAddr::new_truncate(number.unwrap_or(0) << FRAME_SHIFT)
    }
}
