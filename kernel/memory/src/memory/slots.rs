//! Slots, taken and given back: how many owners each has, and which pages in
//! memory still have one.
//!
//! ```text
//!   leaf ──evict──> Swapped(slot) ──swap_in──> leaf, and a note: frame -> slot
//!    ^                 │ fork: one owner more        │ evict, not written since:
//!    │                 └─────────────────────────<───┘ the same slot, no write
//!    └── written since, or shared: another slot
//! ```
//!
//! What must always hold: a slot has as many owners as entries and notes name it,
//! and one without is free. A frame with a note is a page's, and the note goes with
//! it; it holds what its slot holds as long as its leaf is private and not DIRTY (one
//! that was shared is made private by a write). For each table that the counts lack a frame is
//! kept back, so that eviction never waits for one; a note that finds no table
//! is not made.
#![allow(unsafe_code)]

use x86_64::PhysAddr;

use super::sharing::frames_from;
use super::{Memory, Met, Owners, ShareError, Shared};
use crate::direct_map::DirectMap;
use crate::frames::OutOfFrames;
use crate::paging::{NoTable, Sparse, Table};
use crate::slot::{MOST_SLOTS, SetSlotsError, Slot, SlotCounts};

/// All slots of a memory.
pub(crate) struct Slots {
    /// The owners of each slot.
    owners: Owners,
    /// By the index of a frame: 1 more than the number of the slot that it came from.
    notes: Sparse,
    counts: SlotCounts,
    /// Where the search for a free one goes on.
    next: u64,
}

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

/// Tables that the counts of so many slots take at most.
const fn most_tables(slots: u64) -> u64 {
    let (mut tables, mut words) = (0, slots);
    let mut level = 1;
    while level <= 4 {
        words = words.div_ceil(512);
        tables += words;
        level += 1;
    }
    tables
}

impl Memory {
    /// Says how many slots there are: pages that the disk has room for. It keeps
    /// back one frame for every 512 of them, and a few more. Pages in memory that still
    /// have a slot lose it.
    ///
    /// # Errors
    ///
    /// See [`SetSlotsError`].
    pub fn set_slots(&self, slots: u64) -> Result<(), SetSlotsError> {
        if slots > MOST_SLOTS {
            return Err(SetSlotsError::TooMany { slots });
        }
        let shared = &mut *self.lock();
        shared.forget_all_notes();
        let SlotCounts { used, total, .. } = shared.slots.counts;
        if used > 0 {
            return Err(SetSlotsError::InUse { used });
        }
        let (before, needed) = (most_tables(total), most_tables(slots));
        shared.frames.unreserve(before);
        if let Err(OutOfFrames) = shared.frames.reserve(needed) {
            let shortage = shared.frames.shortage(needed);
            let kept_again = shared.frames.reserve(before);
            kept_again.expect("they were kept back a moment ago");
            return Err(SetSlotsError::OutOfFrames(shortage));
        }
        shared.slots.counts.total = slots;
        shared.slots.next = 0;
        Ok(())
    }

    /// Takes the slots from all pages in memory that still have the one they came
    /// from, and gives back the tables that say which it is: for whoever finds
    /// no page that could go. Returns how many pages that were.
    pub fn forget_saved(&self) -> u64 {
        self.lock().forget_all_notes()
    }

    /// How the slots are used.
    #[must_use]
    pub fn slots(&self) -> SlotCounts {
        self.lock().slots.counts
    }

    /// How many entries of page tables, and pages in memory, have this slot; 0 if it
    /// is free.
    #[must_use]
    pub fn slot_owners(&self, slot: Slot) -> u32 {
        let mut shared = self.lock();
        let counter = shared.slots.owners.counter(slot.0);
        counter.map_or(0, |counter| counter.owners())
    }

    /// The slot for a page that goes: the one it came from, if it was not written
    /// since, or a free one, which has one owner then.
    pub(crate) fn slot_for(&self, frame: PhysAddr, is_dirty: bool) -> Result<SlotFor, NoSlot> {
        if !is_dirty && let Some(slot) = self.lock().take_note(frame) {
            return Ok(SlotFor::Saved(slot));
        }
        let mut spare = None;
        let taken = loop {
            let attempted = self.lock().take_slot(&mut spare);
            match attempted {
                Ok(taken) => break taken,
                // There is none only while others are about to link theirs.
                Err(NoTable) => spare = self.take_table().ok(),
            }
        };
        if let Some(table) = spare {
            let shared = &mut *self.lock();
            // SAFETY: it was not linked.
            shared.frames.free(unsafe { table.into_frame() });
            shared.keep_back_again(1);
        }
        taken.map(SlotFor::New)
    }

    /// Gives a slot back that could not be written.
    pub(crate) fn give_slot_back(&self, slot: Slot) {
        self.lock().drop_slot(slot);
    }

    /// Counts a page that was written.
    pub(crate) fn count_written(&self) {
        self.lock().slots.counts.written += 1;
    }

    /// Counts a page that was read from a slot to this frame, which gets the slot
    /// from the entry that named it.
    pub(crate) fn note(&self, frame: PhysAddr, slot: Slot) {
        let noted = self.with_tables(|shared, spare| shared.add_note(frame, slot, spare));
        let mut shared = self.lock();
        shared.slots.counts.read += 1;
        match noted {
            Ok(true) => {}
            Ok(false) => shared.drop_slot(slot),
            Err(OutOfFrames) => {
                shared.trim_notes(frame);
                shared.drop_slot(slot);
            }
        }
    }

    /// Counts one owner more of each of these slots, which follow each other: of
    /// all or of none.
    pub(crate) fn add_slot_owners(&self, first: Slot, count: u64) -> Result<(), ShareError> {
        let mut shared = self.lock();
        let owners = &mut shared.slots.owners;
        let slots = first.0..first.0 + count;
        for row in Owners::rows(slots.clone()) {
            if let Ok(Some(full)) = owners.first_full(row) {
                return Err(ShareError::TooManySlotOwners(Slot(full)));
            }
        }
        let added = Owners::rows(slots).try_for_each(|row| owners.add(row));
        added.map_err(|NoTable| ShareError::TooManySlotOwners(first))
    }
}

/// What tests break by hand.
#[cfg(test)]
impl Memory {
    /// Says of a slot that is used that it has so many owners.
    pub(crate) fn spoil_slot(&self, slot: Slot, owners: u32) {
        let mut shared = self.lock();
        let counter = shared.slots.owners.counter(slot.0);
        counter.expect("it is used").set(owners);
    }

    /// Says that a frame still has a slot.
    pub(crate) fn spoil_note(&self, frame: PhysAddr, slot: Slot) {
        let noted = self.with_tables(|shared, spare| shared.add_note(frame, slot, spare));
        assert_eq!(noted, Ok(true));
    }

    /// Says that a frame has no slot.
    pub(crate) fn spoil_note_away(&self, frame: PhysAddr) {
        let shared = &mut *self.lock();
        let index = shared.frames.index_of(frame).expect("a frame");
        shared.remove_note(index).expect("it had one");
    }

    /// Changes what is counted.
    pub(crate) fn spoil_slot_counts(&self, spoil: impl FnOnce(&mut SlotCounts)) {
        spoil(&mut self.lock().slots.counts);
    }
}

impl Slots {
    pub(super) fn new(direct_map: DirectMap) -> Self {
        Self {
            owners: Owners::new(direct_map),
            notes: Sparse::new(direct_map),
            counts: SlotCounts::default(),
            next: 0,
        }
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

    /// A note of a slot that nothing else names.
    fn find_spare_note(&mut self) -> Option<(u64, Slot)> {
        let Self { owners, notes, .. } = self;
        let mut is_spare = |slot: Slot| {
            let counter = owners.counter(slot.0);
            counter.is_ok_and(|counter| counter.owners() == 1)
        };
        all(notes).find(|(_, slot)| is_spare(*slot))
    }

    // --- audits -----------------------------------------------------------------

    /// What it says of itself.
    pub(crate) fn counts(&self) -> SlotCounts {
        self.counts
    }

    /// Tables that the counts take at most.
    pub(crate) fn most_tables(&self) -> u64 {
        most_tables(self.counts.total)
    }

    /// The roots of the counts and of the notes, if there are any.
    pub(crate) fn roots(&self) -> [Option<Table>; 2] {
        [self.owners.root(), self.notes.root()]
    }

    /// A look at all counts, in which an audit notes what it meets.
    pub(crate) fn met(&self) -> Met {
        self.owners.met()
    }

    /// The notes, by the index of a frame.
    pub(crate) fn notes(&self) -> impl Iterator<Item = (u64, Slot)> {
        all(&self.notes)
    }
}

/// All notes of an array.
fn all(notes: &Sparse) -> impl Iterator<Item = (u64, Slot)> + use<> {
    let (mut notes, mut from) = (notes.clone(), 0);
    core::iter::from_fn(move || {
        let (index, word) = notes.next(from)?;
        from = index + 1;
        Some((index, Slot(word - 1)))
    })
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

    /// Counts one owner of a slot less.
    pub(super) fn drop_slot(&mut self, slot: Slot) {
        let Ok(counter) = self.slots.owners.counter(slot.0) else {
            return;
        };
        let left = counter.owners().saturating_sub(1);
        let is_empty = counter.set(left);
        self.slots.counts.used -= u64::from(left == 0);
        if is_empty {
            let trimmed = self.slots.owners.trim(slot.0, &mut self.frames);
            self.keep_back_again(trimmed);
        }
    }

    /// Keeps frames back that were given back just now.
    fn keep_back_again(&mut self, frames: u64) {
        let kept = self.frames.reserve(frames);
        kept.expect("they are free, and a limit has risen by as many");
    }

    // --- notes --------------------------------------------------------------------

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
    fn take_note(&mut self, frame: PhysAddr) -> Option<Slot> {
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
    fn forget_all_notes(&mut self) -> u64 {
        let saved = self.slots.counts.saved;
        while let Some((index, _)) = self.slots.notes.next(0) {
            self.forget_note(index);
        }
        saved
    }

    /// Takes the slot from a frame, if it has one.
    fn forget_note(&mut self, index: u64) {
        if let Some(slot) = self.remove_note(index) {
            self.drop_slot(slot);
        }
    }

    fn remove_note(&mut self, index: u64) -> Option<Slot> {
        let word = self.slots.notes.word(index).ok()?;
        let number = word.bits.checked_sub(1)?;
        self.slots.counts.saved -= 1;
        if word.set(0) {
            self.slots.notes.trim(index, &mut self.frames);
        }
        Some(Slot(number))
    }

    fn trim_notes(&mut self, frame: PhysAddr) {
        if let Some(index) = self.frames.index_of(frame) {
            self.slots.notes.trim(index, &mut self.frames);
        }
    }
}
