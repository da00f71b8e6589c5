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

use x86_64::{PhysAddr, VirtAddr};

use super::hand::{Hand, Victim};
use super::map::prune;
use super::{Half, WantedPage};
use crate::flush::{FlushBatch, Outdated};
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
    /// A large page was broken up into small ones, so many of which went to slots: their
    /// frames are its tables now, and no frame came free.
    BrokenUp {
        /// Pages that were written.
        written: u64,
    },
    /// The hand came to the end of the space, and begins anew.
    EndOfLap {
        /// Pages of 4 KiB of this lap that could go, those that went included. After a lap
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
        write: impl FnMut(Slot, &[u8; 4096]) -> Result<(), E>,
    ) -> Result<Eviction, EvictError<E>> {
        self.check(memory);
        let mut aged = Outdated::new();
        match self.next_victim(hand, policy, &mut aged, memory) {
            Some(Victim::Page) => self.move_to_slot(aged, memory, write),
            Some(Victim::Large) => self.break_up(aged, memory, write),
            Some(Victim::Mapping) => Ok(Eviction::Unmapped(self.forget_mapping(aged, memory))),
            None => {
                aged.flush(self.scope, memory);
                let candidates = hand.end_lap();
                Ok(Eviction::EndOfLap { candidates })
            }
        }
    }

    /// Moves the page stood on to a slot. On an error the leaf is what it was.
    #[inline(always)]
    fn move_to_slot<E>(
        &mut self,
        aged: Outdated,
        memory: &Memory,
        write: impl FnOnce(Slot, &[u8; 4096]) -> Result<(), E>,
    ) -> Result<Eviction, EvictError<E>> {
        let old = self.cursor.take_small();
        aged.flush_with(self.cursor.address(), self.scope, memory);
        let frame = old.leaf_address(LeafSize::Size4KiB);
        // What was shared may have been written through another leaf.
        let is_shared = old.flags().contains(Entry::SHARED);
        let is_dirty = is_shared || old.flags().contains(Entry::DIRTY);
        match into_slot(frame, is_dirty, memory, write) {
            Ok((slot, evicted)) => {
                self.cursor.put_small(Entry::swapped(slot));
                self.count_one_gone();
                let removed = if is_shared {
                    Removed::Shared(frame, 1)
                } else {
                    Removed::Private(frame, 1)
                };
                // SAFETY: the leaf owned it, was taken out of the tables, and was flushed.
                unsafe { memory.give_one_back(removed) };
                Ok(evicted)
            }
            Err(error) => {
                self.cursor.put_small(old);
                Err(error)
            }
        }
    }

    /// Unmaps the page of a file that is stood on, which it returns.
    #[inline(never)]
    fn forget_mapping(&mut self, aged: Outdated, memory: &Memory) -> WantedPage {
        let address = self.cursor.address();
        let wanted = self.wanted_page(VirtAddr::new_truncate(address));
        aged.flush(self.scope, memory);
        let mut batch = FlushBatch::new(self.scope, memory);
        let old = self.cursor.replace(Entry::UNUSED);
        let removed = Removed::Shared(old.leaf_address(LeafSize::Size4KiB), 1);
        self.count_one_gone();
        batch.page(address);
        // SAFETY: the leaf had this share, was taken out of the tables, and its
        // page is in the batch.
        unsafe { batch.remove(removed) };
        prune(&mut self.cursor, &mut batch);
        batch.finish();
        wanted.expect("it is a page of a file")
    }

    /// Counts a page that is resident no more.
    #[inline]
    fn count_one_gone(&mut self) {
        self.most_resident = self.most_resident_frames();
        self.resident -= 1;
    }
}

/// Finds the slot for a frame, and writes it if the slot does not hold it already.
#[inline(always)]
fn into_slot<E>(
    frame: PhysAddr,
    is_dirty: bool,
    memory: &Memory,
    write: impl FnOnce(Slot, &[u8; 4096]) -> Result<(), E>,
) -> Result<(Slot, Eviction), EvictError<E>> {
    match memory.slot_for(frame, is_dirty) {
        Err(NoSlot) => Err(EvictError::NoSlot),
        Ok(SlotFor::Saved(slot)) => Ok((slot, Eviction::Saved(slot))),
        Ok(SlotFor::New(slot)) => {
            write_frame(frame, slot, memory, write)?;
            Ok((slot, Eviction::Written(slot)))
        }
    }
}

/// Writes a frame to a slot, which is given back if that fails. No translation leads
/// to the frame, and its one owner is at work here.
pub(super) fn write_frame<E>(
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
