//! One page at a time: how each line of `resolve` makes a page physical.
//!
//! Large pages and what stands in for them, missing tables, and fault-around
//! are here, inside the four ways that there are.
//!
//! What must always hold: when no frame or table is left, everything is as it
//! was before the fault.
#![allow(unsafe_code)]

use x86_64::{PhysAddr, VirtAddr};

use super::Content;
use super::map::make_tables;
use super::region::{Backing, Region};
use super::regions::Record;
use crate::fault::Outcome;
use crate::fault_log::Resolved;
use crate::flush::FlushBatch;
use crate::frames::OutOfFrames;
use crate::memory::{Memory, Private};
use crate::paging::{Cursor, Entry, EntryKind, LeafSize};
use crate::tlb::Scope;

/// What became of the page.
type Backed = Result<Resolved, OutOfFrames>;

/// The page of a fault: the entry for it, and the region that it lies in.
pub(super) struct Page<'a> {
    cursor: &'a mut Cursor,
    record: &'a mut Record,
    scope: &'a Scope,
    memory: &'a Memory,
}

impl<'a> Page<'a> {
    /// The page at `address`, which the region of `record` holds.
    #[inline]
    pub(super) fn at(
        address: u64,
        cursor: &'a mut Cursor,
        record: &'a mut Record,
        scope: &'a Scope,
        memory: &'a Memory,
    ) -> Self {
        cursor.seek(address);
        Self {
            cursor,
            record,
            scope,
            memory,
        }
    }

    /// The entry for the page, at whatever level it is.
    #[inline]
    pub(super) fn entry(&self) -> Entry {
        self.cursor.entry()
    }

    /// What that entry says.
    #[inline]
    pub(super) fn kind_of(&self, entry: Entry) -> EntryKind {
        entry.kind(self.cursor.level())
    }

    // --- the four ways, and none ----------------------------------------------

    /// An unused entry gets private, zeroed memory: a leaf of the region's page
    /// size if it fits here and there is one, or else of a smaller one.
    #[inline]
    pub(super) fn back(self, written: bool) -> Backed {
        let region = &self.record.region;
        let outcome = if region.backing == Backing::Zero {
            Outcome::ZeroWrite
        } else {
            Outcome::Demand
        };
        let (private, size) = if region.page_size == LeafSize::Size4KiB {
            let size = LeafSize::Size4KiB;
            (private_and_tables(size, self.cursor, self.memory)?, size)
        } else if let Some(frame) = collapse(self.cursor, self.record, self.scope, self.memory) {
            return self.done(outcome, frame);
        } else {
            largest_private(self.cursor, region, self.memory)?
        };
        let content = Content::Private(private.into_leaf());
        let leaf = content.leaf(size, self.record.rights, written);
        self.cursor.fill(leaf);
        self.done(outcome, content.start())
    }

    /// An unused entry gets the zero frame, read-only.
    #[inline]
    pub(super) fn share_zero(self) -> Backed {
        let size = LeafSize::Size4KiB;
        make_tables(self.cursor, size, self.memory)?;
        let content = Content::Zero(self.memory.zero_frame().start_address());
        let leaf = content.leaf(size, self.record.rights, false);
        self.cursor.fill(leaf);
        self.done(Outcome::ZeroRead, content.start())
    }

    /// A reserved entry gets the frame that was kept back for it.
    #[inline]
    pub(super) fn take_reserved(self, written: bool) -> Backed {
        let content = Content::Private(self.memory.take_private()?.into_leaf());
        let leaf = content.leaf(LeafSize::Size4KiB, self.record.rights, written);
        self.cursor.overwrite(leaf);
        self.done(Outcome::Demand, content.start())
    }

    /// The zero frame gives way to a private one, on a write. The processor may
    /// have it cached: the page is flushed.
    #[inline]
    pub(super) fn replace_zero(self) -> Backed {
        let size = LeafSize::Size4KiB;
        if self.record.region.page_size > size
            && let Some(frame) = collapse(self.cursor, self.record, self.scope, self.memory)
        {
            return self.done(Outcome::PrivateCopy, frame);
        }
        let content = Content::Private(self.memory.new_private(size)?.into_leaf());
        let leaf = content.leaf(size, self.record.rights, true);
        self.cursor.overwrite(leaf);
        let page = VirtAddr::new_truncate(self.cursor.address());
        self.memory.flush_page(*self.scope, page);
        self.done(Outcome::PrivateCopy, content.start())
    }

    /// The leaf, which maps what is at `frame`, allows the access already.
    #[inline]
    pub(super) fn allows(self, frame: PhysAddr) -> Backed {
        self.record.region.faults += 1;
        self.resolved(Outcome::Spurious, frame)
    }

    /// Maps the pages around, and counts the fault as resolved.
    #[inline]
    fn done(self, outcome: Outcome, frame: PhysAddr) -> Backed {
        self.record.region.faults += 1;
        if self.record.region.fault_around > 1 {
            map_around(self.cursor, self.record, self.memory);
        }
        self.resolved(outcome, frame)
    }

    #[inline]
    fn resolved(self, outcome: Outcome, frame: PhysAddr) -> Backed {
        Ok(Resolved {
            outcome,
            region: self.record.region.base,
            frame,
        })
    }
}

/// A private frame of `size`, and the tables on the way to it: both or neither,
/// so that a large frame that leaves none for the tables can give way to a
/// small one.
#[inline]
fn private_and_tables(
    size: LeafSize,
    cursor: &mut Cursor,
    memory: &Memory,
) -> Result<Private, OutOfFrames> {
    let private = memory.new_private(size)?;
    match make_tables(cursor, size, memory) {
        Ok(()) => Ok(private),
        Err(error) => {
            memory.free_private(private, size);
            Err(error)
        }
    }
}

/// The largest private frame that region, processor and free frames allow at an
/// unused entry, and its size.
#[inline(never)]
fn largest_private(
    cursor: &mut Cursor,
    region: &Region,
    memory: &Memory,
) -> Result<(Private, LeafSize), OutOfFrames> {
    let mut size = region.page_size;
    while size.level() > cursor.level() || !region.holds_leaf(cursor.address(), size) {
        size = size.smaller().unwrap_or(LeafSize::Size4KiB);
    }
    let wanted = size;
    loop {
        let found = if size.exists_with(memory.features()) {
            private_and_tables(size, cursor, memory)
        } else {
            Err(OutOfFrames)
        };
        match (found, size.smaller()) {
            (Ok(private), _) => {
                memory.count_fallbacks(u64::from(size < wanted));
                return Ok((private, size));
            }
            (Err(_), Some(smaller)) => size = smaller,
            (Err(error), None) => return Err(error),
        }
    }
}

/// Maps the pages around the one stood on that are still unused, as far as
/// region, leaf table and free frames go. In a zero region they get the zero
/// frame.
#[inline(never)]
fn map_around(cursor: &mut Cursor, record: &Record, memory: &Memory) {
    let (address, size) = (cursor.address(), LeafSize::Size4KiB);
    let pages = u64::from(record.region.fault_around);
    let first = address & !(pages * size.bytes() - 1);
    for page in (0..pages).map(|index| first + index * size.bytes()) {
        if !record.region.contains(VirtAddr::new_truncate(page)) {
            continue;
        }
        cursor.seek(page);
        if cursor.level() > 1 {
            break;
        }
        if cursor.entry() != Entry::UNUSED {
            continue;
        }
        let content = if record.region.backing == Backing::Zero {
            Content::Zero(memory.zero_frame().start_address())
        } else if let Ok(private) = memory.new_private(size) {
            Content::Private(private.into_leaf())
        } else {
            break;
        };
        cursor.fill(content.leaf(size, record.rights, false));
    }
    cursor.seek(address);
}

/// On the first write to a 2 MiB block of a large-page zero region whose leaf
/// table holds nothing but the zero frame: replaces block and table by one
/// private large leaf, and returns where that is. `None`, and nothing changed,
/// if this is no such block, or if there is no large frame (counted as a
/// fall-back).
#[inline(never)]
fn collapse(
    cursor: &mut Cursor,
    record: &Record,
    scope: &Scope,
    memory: &Memory,
) -> Option<PhysAddr> {
    let (region, zero) = (&record.region, memory.zero_frame());
    let (size, page) = (LeafSize::Size2MiB, LeafSize::Size4KiB);
    let is_zero = |entry: Entry| match entry.kind(1) {
        EntryKind::Unused => true,
        EntryKind::Leaf(..) => matches!(Content::of(entry, page, zero), Content::Zero(_)),
        EntryKind::Reserved | EntryKind::Table(_) | EntryKind::Unknown(_) => false,
    };
    let address = cursor.address();
    if region.backing != Backing::Zero
        || cursor.level() > 1
        || !region.holds_leaf(address, size)
        || !cursor.table_entries().all(is_zero)
    {
        return None;
    }
    let Ok(private) = memory.new_private(size) else {
        // A small page stands in, if there is one: the table is here already.
        let small = memory.frames(|frames| frames.can_allocate(1));
        memory.count_fallbacks(u64::from(small));
        return None;
    };
    let block = address & !(size.bytes() - 1);
    let mut batch = FlushBatch::new(*scope, memory);
    for (index, entry) in cursor.table_entries().enumerate() {
        if entry != Entry::UNUSED {
            batch.page(block + index as u64 * page.bytes());
        }
    }
    let table = cursor.climb();
    let content = Content::Private(private.into_leaf());
    cursor.replace(content.leaf(size, record.rights, true));
    // SAFETY: the entry that pointed to the table is a leaf now, and the cursor
    // has left it.
    unsafe { batch.table(table, block) };
    batch.finish();
    Some(content.start())
}
