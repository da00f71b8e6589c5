//! Slots, taken and given back: how many owners each has.
//!
//! ```text
//!  free ──take_slot──> 1 owner ──add_slot_owners (a fork)──> 2 ──> ...
//!    ^                    │ drop_slot
//!    └────────────────────┘
//! ```
//!
//! What must always hold: a slot has as many owners as entries and notes (`notes`)
//! name it, and one without is free. For each table that counts and notes lack a frame
//! is kept back, so that a page can be evicted, and keep its slot when it comes back,
//! when no frame is left.
#![allow(unsafe_code)]

use super::{Memory, Met, Owners, ShareError, Shared, notes};
use crate::direct_map::DirectMap;
use crate::frames::OutOfFrames;
use crate::paging::{NoTable, Sparse, Table};
use crate::slot::{MOST_SLOTS, SetSlotsError, Slot, SlotCounts};

/// All slots of a memory.
pub(crate) struct Slots {
    /// The owners of each slot.
    pub(super) owners: Owners,
    /// By the index of a frame: 1 more than the number of the slot that it came from.
    pub(super) notes: Sparse,
    pub(super) counts: SlotCounts,
    /// Tables that counts and notes take at most.
    most_tables: u64,
    /// Where the search for a free one goes on.
    pub(super) next: u64,
}

/// Tables that so many words take at most.
const fn most_tables(words: u64) -> u64 {
    let (mut tables, mut words) = (0, words);
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
    /// back one frame for every 512 of them and for every 512 frames, and a few more. Pages in memory that still
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
        let used = shared.slots.counts.used;
        if used > 0 {
            return Err(SetSlotsError::InUse { used });
        }
        let notes = if slots > 0 {
            shared.frames.indices()
        } else {
            0
        };
        let before = shared.slots.most_tables;
        let needed = most_tables(slots) + most_tables(notes);
        shared.frames.unreserve(before);
        if let Err(OutOfFrames) = shared.frames.reserve(needed) {
            let shortage = shared.frames.shortage(needed);
            let kept_again = shared.frames.reserve(before);
            kept_again.expect("they were kept back a moment ago");
            return Err(SetSlotsError::OutOfFrames(shortage));
        }
        shared.slots.counts.total = slots;
        shared.slots.most_tables = needed;
        shared.slots.next = 0;
        Ok(())
    }

    /// How the slots are used.
    #[must_use]
    pub fn slots(&self) -> SlotCounts {
        self.lock().slots.counts
    }

    /// Hands each slot that is not free, with how many owners it has, to `see`, which
    /// must not use this memory.
    pub fn used_slots(&self, mut see: impl FnMut(Slot, u32)) {
        let shared = self.lock();
        shared
            .slots
            .owners
            .each(|slot, owners| see(Slot(slot), owners));
    }

    /// How many entries of page tables, and pages in memory, have this slot; 0 if it
    /// is free.
    #[must_use]
    pub fn slot_owners(&self, slot: Slot) -> u32 {
        let mut shared = self.lock();
        let counter = shared.slots.owners.counter(slot.0);
        counter.map_or(0, |counter| counter.owners())
    }

    /// Tries until no table is missing: they are made, without the lock, of frames that
    /// were kept back for them.
    pub(super) fn with_kept_tables<T>(
        &self,
        mut attempt: impl FnMut(&mut Shared, &mut Option<Table>) -> Result<T, NoTable>,
    ) -> T {
        let mut spare = None;
        let done = loop {
            let attempted = attempt(&mut self.lock(), &mut spare);
            match attempted {
                Ok(done) => break done,
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
        done
    }

    /// Gives a slot back that could not be written.
    pub(crate) fn give_slot_back(&self, slot: Slot) {
        self.lock().drop_slot(slot);
    }

    /// Counts a page that was written.
    #[inline]
    pub(crate) fn count_written(&self) {
        self.lock().slots.counts.written += 1;
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
            most_tables: 0,
            next: 0,
        }
    }

    // --- audits -----------------------------------------------------------------

    /// What it says of itself.
    pub(crate) fn counts(&self) -> SlotCounts {
        self.counts
    }

    /// Tables that counts and notes take at most.
    pub(crate) fn most_tables(&self) -> u64 {
        self.most_tables
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
        notes::all(&self.notes)
    }
}

impl Shared {
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
    pub(super) fn keep_back_again(&mut self, frames: u64) {
        let kept = self.frames.reserve(frames);
        kept.expect("they are free, and a limit has risen by as many");
    }
}
