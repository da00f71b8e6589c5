//! The slot that a page goes to.
//!
//! ```text
//!   clean, and still has one ──> that one, which holds the page: no write
//!   else ──> the next free one ──> none: that of a page in memory that still has one
//! ```
//!
//! What must always hold: a slot that is taken here has one owner, and nobody else reads
//! or writes it.

use x86_64::PhysAddr;

use super::slots::Slots;
use super::{Memory, Shared};
use crate::paging::{NoTable, Table};
use crate::slot::{Slot, SlotCounts};

/// Every slot has an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoSlot;

/// The slot that a page goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotFor {
    /// It has to be written.
    New(Slot),
    /// It holds the page already.
    Saved(Slot),
}

impl Memory {
    /// The slot for a page that goes: the one it came from, if it was not written
    /// since, or a free one, which has one owner then.
    pub(crate) fn slot_for(&self, frame: PhysAddr, is_dirty: bool) -> Result<SlotFor, NoSlot> {
        let mut shared = self.lock();
        if !is_dirty && let Some(slot) = shared.take_note(frame) {
            return Ok(SlotFor::Saved(slot));
        }
        let next = shared.slots.take_next();
        drop(shared);
        next.map_or_else(|| self.find_slot(), Ok).map(SlotFor::New)
    }

    /// A free slot, which has one owner then.
    #[cold]
    #[inline(never)]
    fn find_slot(&self) -> Result<Slot, NoSlot> {
        self.with_kept_tables(Shared::take_slot)
    }
}

impl Slots {
    /// The slot behind the last one that was taken, if it is free, and counted in the
    /// same table.
    #[inline]
    fn take_next(&mut self) -> Option<Slot> {
        let next = self.next;
        if next == self.counts.total {
            return None;
        }
        let counter = self.owners.counter(next).ok()?;
        if counter.owners() > 0 {
            return None;
        }
        counter.set(1);
        self.counts.used += 1;
        self.next = next + 1;
        Some(Slot(next))
    }

    /// A free slot, if there is one: the next one after the last that was taken.
    fn find_free(&mut self) -> Option<u64> {
        let SlotCounts { used, total, .. } = self.counts;
        if used == total {
            return None;
        }
        let next = self.next;
        let behind = self.owners.first_unowned(next..total);
        behind.or_else(|| self.owners.first_unowned(0..next))
    }
}

impl Shared {
    /// Takes a free slot. With none left, a page in memory loses the one that it
    /// still has.
    fn take_slot(&mut self, spare: &mut Option<Table>) -> Result<Result<Slot, NoSlot>, NoTable> {
        let free = match self.slots.find_free() {
            Some(free) => free,
            None => match self.slots.find_spare_note() {
                Some((index, slot)) => {
                    self.forget_note(index);
                    slot.0
                }
                None => return Ok(Err(NoSlot)),
            },
        };
        self.slots.owners.reach(free, spare)?;
        self.slots.owners.counter(free)?.set(1);
        self.slots.counts.used += 1;
        self.slots.next = free + 1;
        Ok(Ok(Slot(free)))
    }
}
