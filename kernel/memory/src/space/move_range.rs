//! Moving pages, and all they hold, to other addresses.
//!
//! ```text
//!   from                              to
//!   leaf ── swapped for unused ──> the same leaf, ACCESSED and DIRTY with it
//!   large leaf ──────────────────> one large leaf, or its parts, if the
//!                                  distance is not a multiple of its size
//! ```
//!
//! What must always hold: records and tables are reserved before the first leaf
//! moves, and no table goes before the last one has, so that there are exactly as
//! many missing as were counted; old translations are flushed.

use x86_64::VirtAddr;
use x86_64::structures::paging::PageTableFlags;

use super::Half;
use super::move_error::MoveError;
use super::range::whole_pages;
use super::region::{Backing, Region};
use super::regions::Record;
use crate::flush::FlushBatch;
use crate::memory::Memory;
use crate::paging::{Cursor, Entry, EntryKind, LeafSize, span_of};

/// What moves, and how far.
struct Move {
    /// The pages that move, as a region, where they are now.
    part: Region,
    /// What is added to their addresses, counted round.
    distance: u64,
}

impl Move {
    /// Where an address goes.
    fn target(&self, address: u64) -> u64 {
        address.wrapping_add(self.distance)
    }

    /// The size in which what a leaf of `leaf` maps at `address` arrives.
    fn arriving(&self, address: u64, leaf: LeafSize) -> LeafSize {
        let mut size = leaf;
        while !self.part.holds_leaf(address, size) || !self.distance.is_multiple_of(size.bytes()) {
            size = size.smaller().unwrap_or(LeafSize::Size4KiB);
        }
        size
    }
}

impl Half {
    /// Moves the pages of a range that lies in one region.
    pub(super) fn move_range(
        &mut self,
        start: VirtAddr,
        size: u64,
        to: VirtAddr,
        memory: &Memory,
    ) -> Result<Region, MoveError> {
        self.check(memory);
        let record = self.checked_move(start, size, to)?;
        let (start, end) = (record.base(), record.region.end());
        let what = Move {
            part: record.region,
            distance: to.as_u64().wrapping_sub(start),
        };
        self.prepare_move(&what, memory)?;
        let region = Region {
            base: to,
            source: self.new_source(),
            offset: 0,
            ..what.part
        };
        region.hold_again(memory);
        self.regions.insert(Record { region, ..record });
        let mut batch = FlushBatch::new(self.scope, memory);
        self.move_leaves(&what, &mut batch);
        // Nothing is mapped there any more: the tables that are empty go.
        self.unmap(start, end, &mut batch);
        self.cut_out(start, end, &mut batch);
        self.finish(&mut batch);
        Ok(region)
    }

    /// The record of the pages that are to move, if they lie in one region and
    /// have a place to go to.
    fn checked_move(&self, start: VirtAddr, size: u64, to: VirtAddr) -> Result<Record, MoveError> {
        let (first, end) = whole_pages(start, size).ok_or(MoveError::Unaligned { start, size })?;
        let (low, high) =
            whole_pages(to, size).ok_or(MoveError::UnalignedTarget { address: to })?;
        let mut record = *self
            .regions
            .find(first)
            .ok_or(MoveError::NoRegion { address: start })?;
        let base = record.region.base;
        if end > record.region.end() {
            return Err(MoveError::PastTheRegion { base });
        }
        if record.region.backing == Backing::Fixed {
            return Err(MoveError::Fixed { base });
        }
        let bounds = self.bounds(record.region.backing);
        if low < bounds.0 || high > bounds.1 {
            return Err(MoveError::OutsideHalf { address: to });
        }
        if let Some(other) = self.first_in(low, high) {
            return Err(MoveError::InTheWay { base: other.base });
        }
        if base < start {
            record.region = record.region.split_off(start);
        }
        record.region.size = size;
        Ok(record)
    }

    /// Reserves the records and tables that a move needs, and splits the large
    /// leaves that reach over its ends: all of it or nothing.
    fn prepare_move(&mut self, what: &Move, memory: &Memory) -> Result<(), MoveError> {
        let (start, end) = (what.part.base.as_u64(), what.part.end());
        let behind = self.base_behind(start, end);
        let both = [what.target(start), end];
        let bases = &both[..1 + behind.as_slice().len()];
        let tables = self.tables_to_move(what);
        self.prepare((start, end), bases, tables, memory)
            .map_err(MoveError::OutOfFrames)
    }

    /// Tables that are missing where leaves, reservations and names of slots go.
    fn tables_to_move(&mut self, what: &Move) -> u64 {
        let mut target = self.cursor.clone();
        // The block of each level, 2 to 4, whose table was counted last: they
        // come in order.
        let (mut counted, mut tables) = ([None; 3], 0);
        let mut address = what.part.base.as_u64();
        while address < what.part.end() {
            self.cursor.seek(address);
            let size = match self.cursor.kind() {
                EntryKind::Leaf(_, size) => what.arriving(address, size),
                EntryKind::Reserved | EntryKind::Swapped(_) => LeafSize::Size4KiB,
                EntryKind::Unused | EntryKind::Table(_) | EntryKind::Unknown(_) => {
                    address = self.cursor.next_start();
                    continue;
                }
            };
            let to = what.target(address);
            target.seek(to);
            for level in size.level() + 1..=target.level() {
                let block = Some(to / span_of(level));
                let last = core::mem::replace(&mut counted[usize::from(level) - 2], block);
                tables += u64::from(last != block);
            }
            address += size.bytes();
        }
        tables
    }

    /// Moves every leaf, reservation and name of a slot, with tables that were kept back.
    fn move_leaves(&mut self, what: &Move, batch: &mut FlushBatch<'_>) {
        let memory = batch.memory();
        // A second cursor, so that neither walks anew for each page. Tables only
        // come meanwhile, none goes, and nothing maps the target: what the one
        // stands in stays whatever the other does.
        let mut target = self.cursor.clone();
        let mut address = what.part.base.as_u64();
        while address < what.part.end() {
            self.cursor.seek(address);
            let next = self.cursor.next_start();
            match self.cursor.kind() {
                EntryKind::Reserved | EntryKind::Swapped(_) => {
                    let entry = self.cursor.replace(Entry::UNUSED);
                    let size = LeafSize::Size4KiB;
                    place(&mut target, what.target(address), size, entry, memory);
                }
                EntryKind::Leaf(start, size) => {
                    let old = self.cursor.replace(Entry::UNUSED);
                    batch.page(address);
                    let flags = old.flags() - PageTableFlags::HUGE_PAGE;
                    let part = what.arriving(address, size);
                    for number in 0..size.frames() / part.frames() {
                        let offset = number * part.bytes();
                        let leaf = Entry::leaf(start + offset, part, flags);
                        place(
                            &mut target,
                            what.target(address + offset),
                            part,
                            leaf,
                            memory,
                        );
                    }
                }
                EntryKind::Unused | EntryKind::Table(_) | EntryKind::Unknown(_) => {}
            }
            address = next;
        }
    }
}

/// Puts an entry where nothing is mapped, with tables that were kept back.
fn place(target: &mut Cursor, address: u64, size: LeafSize, entry: Entry, memory: &Memory) {
    target.seek(address);
    while target.level() > size.level() {
        target.descend(memory.take_table().expect("the tables were kept back"));
    }
    target.fill(entry);
}
