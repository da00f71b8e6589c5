//! Which pages in memory still have the slot they came from: a note for the frame of
//! each.
//!
//! ```text
//!   leaf ──evict──> Swapped(slot) ──swap_in──> leaf, and a note: frame -> slot
//!    ^                                           │ evict, not written since:
//!    │                    └───────────<──────────┘ the same slot, no write
//!    └── written since, or shared: another slot
//! ```
//!
//! What must always hold: a note is one owner of its slot, and goes with its frame.
//! The frame holds what the slot holds as long as its leaf is private and not DIRTY;
//! one that was shared is made private by a write. A note is never needed: each may go
//! at any time. As long as there is none, who frees a frame pays for one comparison.

use x86_64::PhysAddr;

use super::sharing::frames_from;
use super::slots::Slots;
use super::{Memory, Shared};
use crate::paging::{NoTable, Sparse, Table};
use crate::slot::Slot;

impl Memory {
    /// Takes the slots from all pages in memory that still have the one they came
    /// from, and gives back the tables that say which it is: for whoever finds
    /// no page that could go. Returns how many pages that were.
    pub fn forget_saved(&self) -> u64 {
        self.lock().forget_all_notes()
    }

    /// Counts a page that was read from a slot to this frame, which gets the slot
    /// from the entry that named it.
    pub(crate) fn note(&self, frame: PhysAddr, slot: Slot) {
        let noted = self.with_kept_tables(|shared, spare| shared.add_note(frame, slot, spare));
        let mut shared = self.lock();
        shared.slots.counts.read += 1;
        if !noted {
            shared.drop_slot(slot);
        }
    }
}

/// What tests break by hand.
#[cfg(test)]
impl Memory {
    /// Says that a frame still has a slot.
    pub(crate) fn spoil_note(&self, frame: PhysAddr, slot: Slot) {
        assert!(self.with_kept_tables(|shared, spare| shared.add_note(frame, slot, spare)));
    }

    /// Says that a frame has no slot.
    pub(crate) fn spoil_note_away(&self, frame: PhysAddr) {
        let shared = &mut *self.lock();
        let index = shared.frames.index_of(frame).expect("a frame");
        shared.remove_note(index).expect("it had one");
    }
}

impl Slots {
    /// A note of a slot that nothing else names.
    pub(super) fn find_spare_note(&mut self) -> Option<(u64, Slot)> {
        let Self { owners, notes, .. } = self;
        let mut is_spare = |slot: Slot| {
            let counter = owners.counter(slot.0);
            counter.is_ok_and(|counter| counter.owners() == 1)
        };
        all(notes).find(|(_, slot)| is_spare(*slot))
    }
}

/// All notes of an array.
pub(super) fn all(notes: &Sparse) -> impl Iterator<Item = (u64, Slot)> + use<> {
    let (mut notes, mut from) = (notes.clone(), 0);
    core::iter::from_fn(move || {
        let (index, word) = notes.next(from..u64::MAX)?;
        from = index + 1;
        Some((index, Slot(word - 1)))
    })
}

impl Shared {
    /// Notes the slot of a frame. Returns false for one that has no place among
    /// the notes.
    fn add_note(
        &mut self,
        frame: PhysAddr,
        slot: Slot,
        spare: &mut Option<Table>,
    ) -> Result<bool, NoTable> {
        let Some(indices) = self.countable(frame, 1) else {
            return Ok(false);
        };
        self.slots.notes.reach(indices.start, spare)?;
        self.slots.notes.set(indices.start, slot.0 + 1);
        self.slots.counts.saved += 1;
        Ok(true)
    }

    /// Takes the slot that a frame still has, for the entry of its page.
    pub(super) fn take_note(&mut self, frame: PhysAddr) -> Option<Slot> {
        if self.slots.counts.saved == 0 {
            return None;
        }
        let index = self.frames.index_of(frame)?;
        let slot = self.remove_note(index)?;
        self.slots.counts.writes_saved += 1;
        Some(slot)
    }

    /// Takes the slots from frames that are freed.
    #[inline]
    pub(super) fn forget_notes(&mut self, start: PhysAddr, frames: u64) {
        if self.slots.counts.saved > 0 {
            self.forget_notes_of(start, frames);
        }
    }

    #[cold]
    #[inline(never)]
    fn forget_notes_of(&mut self, start: PhysAddr, frames: u64) {
        for frame in frames_from(start, frames) {
            if let Some(index) = self.frames.index_of(frame) {
                self.forget_note(index);
            }
        }
    }

    /// Takes the slots from all frames that have one. Returns how many.
    pub(super) fn forget_all_notes(&mut self) -> u64 {
        let saved = self.slots.counts.saved;
        while let Some((index, _)) = self.slots.notes.next(0..u64::MAX) {
            self.forget_note(index);
        }
        saved
    }

    /// Takes the slot from a frame, if it has one.
    pub(super) fn forget_note(&mut self, index: u64) {
        if let Some(slot) = self.remove_note(index) {
            self.drop_slot(slot);
        }
    }

    fn remove_note(&mut self, index: u64) -> Option<Slot> {
        let word = self.slots.notes.word(index).ok()?;
        let number = word.bits.checked_sub(1)?;
        self.slots.counts.saved -= 1;
        if word.set(0) {
            let trimmed = self.slots.notes.trim(index, &mut self.frames);
            self.keep_back_again(trimmed);
        }
        Some(Slot(number))
    }
}
