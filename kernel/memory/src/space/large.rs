//! Large pages on the fault path: the largest private leaf that an unused entry
//! can get, and the large leaf that takes the place of a table of zeroes.
//!
//! What must always hold: a smaller page that stands in for a large one is
//! counted as a fall-back, and is the only thing that a lack of large frames
//! changes; what fails has changed nothing.
#![allow(unsafe_code)]

use x86_64::PhysAddr;

use super::Content;
use super::map::make_tables;
use super::region::{Backing, Region};
use super::regions::Record;
use crate::flush::FlushBatch;
use crate::frames::OutOfFrames;
use crate::memory::{Memory, Private};
use crate::paging::{Cursor, Entry, EntryKind, LeafSize};
use crate::tlb::Scope;

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
#[cold]
#[inline(never)]
pub(super) fn largest_private(
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

/// On the first write to a 2 MiB block of a large-page zero region whose leaf
/// table holds nothing but the zero frame: replaces block and table by one
/// private large leaf, and returns where that is. `None`, and nothing changed,
/// if this is no such block, or if there is no large frame (counted as a
/// fall-back).
#[cold]
#[inline(never)]
pub(super) fn collapse(
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
        EntryKind::Reserved
        | EntryKind::Swapped(_)
        | EntryKind::Table(_)
        | EntryKind::Unknown(_) => false,
    };
    let address = cursor.address();
    if region.backing != Backing::Zero
        || region.page_size < size
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
