//! Breaking a large page up, so that the small ones it becomes can be evicted one by one.
//!
//! ```text
//!   leaf of 2 MiB            table ── Swapped(slot), leaf, leaf, ... leaf
//!   [0|1|2| ... |511]   ──>    │                      1     2  ...  511
//!    └ to a slot               └ in frame 0
//! ```
//!
//! It is done when frames are short, so the table takes none: the first small page goes
//! to a slot, and its frame holds the table. For a page of 1 GiB these are two, a table
//! for each level.
//!
//! What must always hold: the leaf is taken out and flushed before anything is read;
//! until all is written nothing changes, and an error puts the leaf back as it was; no
//! entry ever leads to a frame that holds a table as if it were a page.
#![allow(unsafe_code)]

use arrayvec::ArrayVec;
use x86_64::PhysAddr;

use super::Half;
use super::evict::{EvictError, Eviction, write_frame};
use crate::flush::Outdated;
use crate::memory::{Memory, NoSlot, SlotFor};
use crate::paging::{Entry, LeafSize};
use crate::slot::Slot;

const SMALL: LeafSize = LeafSize::Size4KiB;

/// Tables that a large page takes at most when it is broken up.
const MOST_TABLES: usize = 2;

impl Half {
    /// Breaks up the private large page stood on. On an error the leaf is what it was.
    #[cold]
    #[inline(never)]
    pub(super) fn break_up<E>(
        &mut self,
        aged: Outdated,
        memory: &Memory,
        write: impl FnMut(Slot, &[u8; 4096]) -> Result<(), E>,
    ) -> Result<Eviction, EvictError<E>> {
        let size = self.cursor.leaf().expect("a large page is stood on");
        let base = self.cursor.address() & !(size.bytes() - 1);
        let leaf = self.cursor.replace(Entry::UNUSED);
        aged.flush_with(base, self.scope, memory);
        let slots = match write_first(leaf.leaf_address(size), size, memory, write) {
            Ok(slots) => slots,
            Err(error) => {
                self.cursor.fill(leaf);
                return Err(error);
            }
        };
        self.link_parts(base, leaf, size, memory);
        for (slot, address) in slots.iter().zip((base..).step_by(SMALL.bytes() as usize)) {
            self.cursor.seek(address);
            self.cursor.fill_small(Entry::swapped(*slot));
        }
        let written = slots.len() as u64;
        self.most_resident = self.most_resident_frames();
        self.resident -= written;
        Ok(Eviction::BrokenUp { written })
    }

    /// Puts leaves of small pages, and below a page of 1 GiB of such of 2 MiB, in the
    /// place of a large leaf that was taken out and flushed. The first frames, which are
    /// written, hold the tables.
    fn link_parts(&mut self, base: u64, leaf: Entry, size: LeafSize, memory: &Memory) {
        self.cursor.seek(base);
        let start = leaf.leaf_address(size);
        let tables = usize::from(size.level() - SMALL.level());
        let mut whole = (leaf, size);
        for frame in frames(start).take(tables) {
            let (leaf, size) = whole;
            // SAFETY: the large leaf owned it alone, was taken out of the tables and
            // flushed; and no part that leads to it is put in its place.
            let table = unsafe { memory.table_in(frame) };
            let part = size.smaller().unwrap_or(SMALL);
            let without = if part == SMALL { tables } else { 1 };
            self.cursor.descend_to_parts(table, leaf, size, without);
            let flags = leaf.flags();
            whole = (Entry::leaf(start, part, flags), part);
        }
    }
}

/// Writes as many small pages of a large one as it takes tables, from the first on: all
/// or none. Returns their slots.
fn write_first<E>(
    start: PhysAddr,
    size: LeafSize,
    memory: &Memory,
    mut write: impl FnMut(Slot, &[u8; 4096]) -> Result<(), E>,
) -> Result<ArrayVec<Slot, MOST_TABLES>, EvictError<E>> {
    let mut slots = ArrayVec::new();
    for frame in frames(start).take(usize::from(size.level() - SMALL.level())) {
        let written = match memory.slot_for(frame, true) {
            Err(NoSlot) => Err(EvictError::NoSlot),
            Ok(SlotFor::New(slot) | SlotFor::Saved(slot)) => {
                write_frame(frame, slot, memory, &mut write).map(|()| slot)
            }
        };
        match written {
            Ok(slot) => slots.push(slot),
            Err(error) => {
                slots.iter().for_each(|slot| memory.give_slot_back(*slot));
                return Err(error);
            }
        }
    }
    Ok(slots)
}

/// The frames from an address on.
fn frames(start: PhysAddr) -> impl Iterator<Item = PhysAddr> {
    (0..).map(move |number| start + number * SMALL.bytes())
}
