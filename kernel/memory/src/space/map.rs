//! Mapping and unmapping many pages: whole regions, and parts of them.
//!
//! What must always hold: `map_at_once` maps all of a region or nothing, and no
//! leaf reaches across the end of what is unmapped.
#![allow(unsafe_code)]

use x86_64::PhysAddr;
use x86_64::structures::paging::PhysFrame;

use super::region::{Backing, Region};
use super::regions::Record;
use super::{Content, Half};
use crate::flush::FlushBatch;
use crate::frames::OutOfFrames;
use crate::memory::{Memory, Removed};
use crate::paging::{Cursor, Entry, EntryKind, LeafSize};

/// Where the memory of a region that is mapped from the start comes from.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// New private frames.
    Private,
    /// Memory that exists and belongs to somebody else, from here on.
    Existing(PhysAddr),
}

/// Makes the tables that are missing on the way to a leaf of `size` at the
/// address stood on: all of them or none.
#[inline]
pub(super) fn make_tables(
    cursor: &mut Cursor,
    size: LeafSize,
    memory: &Memory,
) -> Result<(), OutOfFrames> {
    if cursor.level() <= size.level() {
        return Ok(());
    }
    make_missing_tables(cursor, size, memory)
}

#[inline(never)]
fn make_missing_tables(
    cursor: &mut Cursor,
    size: LeafSize,
    memory: &Memory,
) -> Result<(), OutOfFrames> {
    memory.keep_back(u64::from(cursor.level() - size.level()))?;
    while cursor.level() > size.level() {
        cursor.descend(memory.take_table()?);
    }
    Ok(())
}

impl Half {
    /// Maps the whole of a region, with leaves of at most `wanted`; all of it
    /// or nothing.
    pub(super) fn map_at_once(
        &mut self,
        record: &Record,
        source: Source,
        wanted: Option<LeafSize>,
        memory: &Memory,
    ) -> Result<(), OutOfFrames> {
        let region = &record.region;
        let is_device = matches!(region.backing, Backing::Device(..));
        let largest = wanted.unwrap_or(LeafSize::Size1GiB);
        let (mut address, mut fallbacks) = (region.base.as_u64(), 0);
        while address < region.end() {
            self.cursor.seek(address);
            match self.map_largest(record, source, largest, memory) {
                Ok(size) => {
                    let mut leaves = 1;
                    if size == LeafSize::Size4KiB {
                        leaves += self.map_row(record, source, memory);
                    }
                    let is_fallback = wanted.is_some_and(|wanted| size < wanted);
                    fallbacks += leaves * u64::from(is_fallback);
                    address += leaves * size.bytes();
                    if is_device {
                        memory.count_borrowed(leaves * size.frames());
                    }
                }
                Err(error) => {
                    let mut batch = FlushBatch::new(self.scope, memory);
                    self.unmap(region.base.as_u64(), address, &mut batch);
                    batch.finish();
                    return Err(error);
                }
            }
        }
        memory.count_fallbacks(fallbacks);
        Ok(())
    }

    /// Maps one leaf at the address stood on, where nothing is mapped, of the
    /// largest size up to `largest` that region, processor and free frames allow.
    fn map_largest(
        &mut self,
        record: &Record,
        source: Source,
        largest: LeafSize,
        memory: &Memory,
    ) -> Result<LeafSize, OutOfFrames> {
        let mut size = largest;
        loop {
            match (self.map_one(record, source, size, memory), size.smaller()) {
                (Ok(()), _) => return Ok(size),
                (Err(_), Some(smaller)) => size = smaller,
                (Err(error), None) => return Err(error),
            }
        }
    }

    /// Maps one leaf of this size at the address stood on; the error says that
    /// there is none of that size.
    fn map_one(
        &mut self,
        record: &Record,
        source: Source,
        size: LeafSize,
        memory: &Memory,
    ) -> Result<(), OutOfFrames> {
        let (region, address) = (&record.region, self.cursor.address());
        let fits = address.is_multiple_of(size.bytes())
            && region.holds_leaf(address, size)
            && size.exists_with(memory.features());
        if !fits {
            return Err(OutOfFrames);
        }
        let content = match source {
            Source::Private => {
                let private = memory.new_private(size)?;
                if let Err(error) = make_tables(&mut self.cursor, size, memory) {
                    memory.free_private(private, size);
                    return Err(error);
                }
                Content::Private(private.into_leaf())
            }
            Source::Existing(start) => {
                let start = start + (address - region.base.as_u64());
                if !start.is_aligned(size.bytes()) {
                    return Err(OutOfFrames);
                }
                make_tables(&mut self.cursor, size, memory)?;
                existing(region, start)
            }
        };
        self.cursor
            .replace(content.leaf(size, record.rights, false));
        self.resident += content.resident(size);
        Ok(())
    }

    /// Maps the pages behind the small one stood on, to the end of the table or
    /// of the region, as long as there are frames: no larger leaf begins among
    /// them. Returns how many.
    fn map_row(&mut self, record: &Record, source: Source, memory: &Memory) -> u64 {
        let (region, size) = (&record.region, LeafSize::Size4KiB);
        let address = self.cursor.address() + size.bytes();
        if address >= region.end() || address.is_multiple_of(LeafSize::Size2MiB.bytes()) {
            return 0;
        }
        self.cursor.seek(address);
        let count = self.cursor.row_before(region.end());
        let leaf = |content: Content| content.leaf(size, record.rights, false);
        match source {
            Source::Private => {
                let filled = self.cursor.fill_row(count, |_| {
                    let private = memory.new_private(size).ok()?;
                    Some(leaf(Content::Private(private.into_leaf())))
                });
                self.resident += filled;
                filled
            }
            Source::Existing(start) => {
                let start = start + (address - region.base.as_u64());
                self.cursor.fill_row(count, |done| {
                    let start = start + done * size.bytes();
                    Some(leaf(existing(region, start)))
                })
            }
        }
    }

    /// Takes every leaf and every reservation between two page boundaries out
    /// of the tables, and the tables that are empty then. No leaf may reach
    /// across a boundary.
    pub(super) fn unmap(&mut self, start: u64, end: u64, batch: &mut FlushBatch<'_>) {
        self.most_resident = self.most_resident_frames();
        let (zero, mut taken) = (self.zero, Taken::default());
        let mut address = start;
        while address < end {
            self.cursor.seek(address);
            let mut next = self.cursor.next_start();
            if self.cursor.entry() == Entry::UNUSED {
                next = self.cursor.next_in_use(end);
            } else if self.cursor.level() == 1 {
                let count = self.cursor.row_before(end);
                self.cursor.clear_row(count, |old, address| {
                    taken.take_out(old, address, LeafSize::Size4KiB, zero, batch);
                });
                next = address + count * LeafSize::Size4KiB.bytes();
            } else if let Some(size) = self.cursor.leaf() {
                let old = self.cursor.replace(Entry::UNUSED);
                taken.take_out(old, address, size, zero, batch);
            }
            prune(&mut self.cursor, batch);
            address = next;
        }
        self.resident -= taken.resident;
        batch.memory().let_go(taken.reserved);
    }

    /// Splits large leaves until none reaches across either end of a range.
    ///
    /// # Errors
    ///
    /// [`OutOfFrames`]: not enough frames for the tables; nothing has changed.
    pub(super) fn split_around(
        &mut self,
        start: u64,
        end: u64,
        memory: &Memory,
    ) -> Result<(), OutOfFrames> {
        memory.keep_back(self.tables_to_split(start, end))?;
        self.split_at(start, memory)?;
        self.split_at(end, memory)
    }

    /// Tables that [`Self::split_around`] takes.
    pub(super) fn tables_to_split(&mut self, start: u64, end: u64) -> u64 {
        let mut needed = self.tables_to_split_at(start) + self.tables_to_split_at(end);
        // Both ends in one large leaf: the tables on the common way are made once.
        if let Some(size) = self.common_leaf(start, end) {
            let both_cut =
                |by: LeafSize| !start.is_multiple_of(by.bytes()) && !end.is_multiple_of(by.bytes());
            let in_one_block = start ^ end < LeafSize::Size2MiB.bytes();
            needed -= u64::from(size == LeafSize::Size1GiB && both_cut(size));
            needed -= u64::from(in_one_block && both_cut(LeafSize::Size2MiB));
        }
        needed
    }

    /// Tables that [`Self::split_at`] takes for a boundary at `address`.
    fn tables_to_split_at(&mut self, address: u64) -> u64 {
        self.cursor.seek(address);
        match self.cursor.leaf() {
            Some(size) if !address.is_multiple_of(LeafSize::Size2MiB.bytes()) => {
                u64::from(size.level() - 1)
            }
            Some(size) => u64::from(!address.is_multiple_of(size.bytes())),
            None => 0,
        }
    }

    /// Splits large leaves until none reaches across `address`, with tables that
    /// were kept back.
    fn split_at(&mut self, address: u64, memory: &Memory) -> Result<(), OutOfFrames> {
        self.cursor.seek(address);
        while self
            .cursor
            .leaf()
            .is_some_and(|size| !address.is_multiple_of(size.bytes()))
        {
            self.cursor.split(memory.take_table()?);
        }
        Ok(())
    }

    /// The size of the one large leaf that spans both addresses, if one does.
    fn common_leaf(&mut self, start: u64, end: u64) -> Option<LeafSize> {
        self.cursor.seek(start);
        let size = self.cursor.leaf()?;
        (size > LeafSize::Size4KiB && start / size.bytes() == end / size.bytes()).then_some(size)
    }
}

/// What was taken out of the tables.
#[derive(Default)]
struct Taken {
    /// Frames of 4 KiB that were resident.
    resident: u64,
    /// Reservations.
    reserved: u64,
}

impl Taken {
    /// Counts what was taken out at `address`, and puts it into the batch.
    #[inline]
    fn take_out(
        &mut self,
        old: Entry,
        address: u64,
        size: LeafSize,
        zero: PhysFrame,
        batch: &mut FlushBatch<'_>,
    ) {
        if !old.is_leaf_or_table() {
            return self.take_out_absent(old, batch);
        }
        batch.page(address);
        let content = Content::of(old, size, zero);
        self.resident += content.resident(size);
        let removed = match content {
            Content::Private(start) => Removed::Private(start, size.frames()),
            Content::Shared(start) | Content::Object(start) => {
                Removed::Shared(start, size.frames())
            }
            Content::Borrowed(_) => Removed::Borrowed(size.frames()),
            Content::Zero(_) | Content::Fixed(_) => return,
        };
        // SAFETY: the leaf was taken out of the tables, it owned what it mapped, or
        // its share of it, and its page is in the batch.
        unsafe { batch.remove(removed) };
    }

    /// The same for an entry that is software's own.
    #[cold]
    fn take_out_absent(&mut self, old: Entry, batch: &mut FlushBatch<'_>) {
        match old.kind(LeafSize::Size4KiB.level()) {
            EntryKind::Reserved => self.reserved += 1,
            // SAFETY: the entry that named the slot was taken out of the tables; no
            // translation led to it.
            EntryKind::Swapped(slot) => unsafe { batch.remove(Removed::Slots(slot, 1)) },
            EntryKind::Unused
            | EntryKind::Leaf(..)
            | EntryKind::Table(_)
            | EntryKind::Unknown(_) => {}
        }
    }
}

/// Takes the tables that have no entry in use out, from the one stood in up.
pub(super) fn prune(cursor: &mut Cursor, batch: &mut FlushBatch<'_>) {
    while let Some(table) = cursor.prune() {
        // SAFETY: nothing points to it any more, and the cursor has left it.
        unsafe { batch.table(table, cursor.address()) };
    }
}

/// What a leaf of the region maps that is somebody else's, from `start` on.
fn existing(region: &Region, start: PhysAddr) -> Content {
    match region.backing {
        Backing::Device(..) => Content::Borrowed(start),
        Backing::Immediate
        | Backing::Demand
        | Backing::Zero
        | Backing::Object { .. }
        | Backing::Guard
        | Backing::Fixed => Content::Fixed(start),
    }
}
