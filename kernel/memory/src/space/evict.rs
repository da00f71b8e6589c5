//! Eviction: a page that nobody has used leaves memory.
//!
//! ```text
//!   leaf taken out, flushed ──> slot chosen ──> written ──> entry: Swapped(slot)
//!      ^                                           │           └─> frame goes back
//!      └────── put back, slot given back ──────────┘ fails
//! ```
//!
//! What must always hold: the leaf is taken out first, so that whether the page is
//! DIRTY is final and nobody writes to it while its bytes move; nothing else changes
//! before the slot is written, and an error puts the leaf back as it was. No lock is
//! held while a slot is written, and no frame is needed. The frame goes back through
//! the batch.
#![allow(unsafe_code)]

use core::error::Error;
use core::fmt;

use x86_64::PhysAddr;

use super::hand::{Hand, Victim};
use super::map::prune;
use super::{Half, WantedPage};
use crate::flush::FlushBatch;
use crate::memory::{Memory, NoSlot, Removed, SlotFor};
use crate::paging::{Entry, LeafSize};
use crate::policy::Policy;
use crate::slot::Slot;

/// What became of one try to evict a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// A page was written to this slot.
    Written(Slot),
    /// A page went back to the slot it came from, which holds it already.
    Saved(Slot),
    /// A page of a file is mapped here no more. It stays in memory: it is the
    /// object's.
    Unmapped(WantedPage),
    /// The hand came to the end of the space, and begins anew.
    EndOfLap {
        /// Pages of this lap that could go, those that went included. After a lap
        /// with 0 of them nothing can.
        candidates: u64,
    },
}

/// Why a page did not go. It is as it was then, and so is every slot that an entry
/// names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EvictError<E> {
    /// Every slot is in use.
    NoSlot,
    /// The slot could not be written.
    Write {
        /// The slot.
        slot: Slot,
        /// What the one who was to write it said.
        error: E,
    },
}

impl<E: fmt::Display> fmt::Display for EvictError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSlot => f.write_str("every slot is in use"),
            Self::Write { slot, error } => write!(f, "{slot} could not be written: {error}"),
        }
    }
}

impl<E: Error> Error for EvictError<E> {}

impl Half {
    /// Evicts the next page that the policy takes.
    pub(super) fn evict<P: Policy + ?Sized, E>(
        &mut self,
        hand: &mut Hand,
        policy: &mut P,
        memory: &Memory,
        write: impl FnOnce(Slot, &[u8; 4096]) -> Result<(), E>,
    ) -> Result<Eviction, EvictError<E>> {
        self.check(memory);
        let mut batch = FlushBatch::new(self.scope, memory);
        let evicted = match self.next_victim(hand, policy, &mut batch) {
            Err(candidates) => Ok(Eviction::EndOfLap { candidates }),
            Ok(Victim::ToSlot(removed)) => {
                let moved = self.move_to_slot(removed, &mut batch, write);
                moved.map(|slot| match slot {
                    SlotFor::New(slot) => Eviction::Written(slot),
                    SlotFor::Saved(slot) => Eviction::Saved(slot),
                })
            }
            Ok(Victim::Mapping(wanted, removed)) => {
                self.cursor.replace(Entry::UNUSED);
                self.count_one_gone();
                batch.page(self.cursor.address());
                // SAFETY: the leaf had this share, was taken out of the tables, and its
                // page is in the batch.
                unsafe { batch.remove(removed) };
                prune(&mut self.cursor, &mut batch);
                Ok(Eviction::Unmapped(wanted))
            }
        };
        batch.finish();
        evicted
    }

    /// Counts a page that is resident no more.
    fn count_one_gone(&mut self) {
        self.most_resident = self.most_resident_frames();
        self.resident -= 1;
    }

    /// Moves the page stood on to a slot. On an error the leaf is what it was.
    fn move_to_slot<E>(
        &mut self,
        removed: Removed,
        batch: &mut FlushBatch<'_>,
        write: impl FnOnce(Slot, &[u8; 4096]) -> Result<(), E>,
    ) -> Result<SlotFor, EvictError<E>> {
        let memory = batch.memory();
        let old = self.cursor.replace(Entry::UNUSED);
        batch.page(self.cursor.address());
        let frame = old.leaf_address(LeafSize::Size4KiB);
        // What was shared may have been written through another leaf.
        let is_shared = old.flags().contains(Entry::SHARED);
        let is_dirty = is_shared || old.flags().contains(Entry::DIRTY);
        let moved = match memory.slot_for(frame, is_dirty) {
            Err(NoSlot) => Err(EvictError::NoSlot),
            Ok(SlotFor::New(slot)) => {
                batch.flush();
                write_frame(frame, slot, memory, write).map(|()| SlotFor::New(slot))
            }
            Ok(saved @ SlotFor::Saved(_)) => Ok(saved),
        };
        match moved {
            Ok(SlotFor::New(slot) | SlotFor::Saved(slot)) => {
                self.cursor.fill_small(Entry::swapped(slot));
                self.count_one_gone();
                // SAFETY: the leaf owned it, was taken out of the tables, and its page
                // went into the batch.
                unsafe { batch.remove(removed) };
            }
            Err(_) => self.cursor.fill_small(old),
        }
        moved
    }
}

/// Writes a frame to a slot, which is given back if that fails. No translation leads
/// to the frame, and its one owner is at work here.
fn write_frame<E>(
    frame: PhysAddr,
    slot: Slot,
    memory: &Memory,
    write: impl FnOnce(Slot, &[u8; 4096]) -> Result<(), E>,
) -> Result<(), EvictError<E>> {
    // SAFETY: the leaf that was taken out was its one owner, so that the frame is in use
    // and shown, and every processor has forgotten that leaf: nobody writes.
    let bytes = unsafe { memory.direct_map().bytes(frame) };
    match write(slot, bytes) {
        Ok(()) => {
            memory.count_written();
            Ok(())
        }
        Err(error) => {
            memory.give_slot_back(slot);
            Err(EvictError::Write { slot, error })
        }
    }
}
