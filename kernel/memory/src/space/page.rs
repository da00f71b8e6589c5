//! One page at a time: how each line of `resolve` makes a page physical.
//!
//! Large pages and what stands in for them, missing tables, and fault-around
//! are here, inside the four ways that there are.
//!
//! What must always hold: when no frame or table is left, everything is as it
//! was before the fault.
#![allow(unsafe_code)]

use x86_64::{PhysAddr, VirtAddr};

use super::halves::LOWEST;
use super::map::make_tables;
use super::region::{Backing, Region};
use super::regions::Record;
use super::{Content, Half};
use crate::fault::{Access, Fault, Outcome, Refusal};
use crate::fault_log::Resolved;
use crate::flush::FlushBatch;
use crate::frames::OutOfFrames;
use crate::memory::{Memory, Private};
use crate::paging::{Cursor, Entry, EntryKind, LeafSize};
use crate::tlb::Scope;

/// Where the frame is that a page was backed with.
type Backed = Result<PhysAddr, OutOfFrames>;

impl Half {
    // --- the four ways, and none ----------------------------------------------

    /// An unused entry gets private, zeroed memory: a leaf of the region's page
    /// size if it fits here and there is one, or else of a smaller one.
    #[inline(never)]
    pub(super) fn back(&mut self, fault: &Fault, memory: &Memory, outcome: Outcome) -> Outcome {
        let backed = self.back_unused(fault, memory);
        self.end(fault, memory, outcome, backed)
    }

    #[inline(always)]
    fn back_unused(&mut self, fault: &Fault, memory: &Memory) -> Backed {
        let (record, cursor, scope) = self.page();
        let (page_size, small) = (record.region.page_size, LeafSize::Size4KiB);
        let (private, size) = if page_size == small && cursor.level() == small.level() {
            (memory.new_private(small)?, small)
        } else if let Some(frame) = collapse(cursor, record, scope, memory) {
            return Ok(frame);
        } else {
            largest_private(cursor, &record.region, memory)?
        };
        let content = Content::Private(private.into_leaf());
        let written = fault.access() == Access::Write;
        cursor.fill(content.leaf(size, record.rights, written));
        Ok(content.start())
    }

    /// An unused entry gets the zero frame, read-only.
    #[inline(always)]
    pub(super) fn share_zero(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let size = LeafSize::Size4KiB;
        if self.cursor.level() > size.level() {
            return self.share_zero_in_new_table(fault, memory);
        }
        let (record, cursor, _) = self.page();
        let content = Content::Zero(memory.zero_frame().start_address());
        cursor.fill(content.leaf(size, record.rights, false));
        self.done(fault, memory, Outcome::ZeroRead, content.start())
    }

    /// The same where tables are missing, once they are made.
    #[inline(never)]
    fn share_zero_in_new_table(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        match make_tables(&mut self.cursor, LeafSize::Size4KiB, memory) {
            Ok(()) => self.share_zero(fault, memory),
            Err(OutOfFrames) => self.refuse(fault, memory, Refusal::OutOfFrames),
        }
    }

    /// A reserved entry gets the frame that was kept back for it.
    #[inline(never)]
    pub(super) fn take_reserved(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let (record, cursor, _) = self.page();
        let backed = memory.take_private().map(|private| {
            let content = Content::Private(private.into_leaf());
            let written = fault.access() == Access::Write;
            cursor.overwrite(content.leaf(LeafSize::Size4KiB, record.rights, written));
            content.start()
        });
        self.end(fault, memory, Outcome::Demand, backed)
    }

    /// The zero frame gives way to a private one, on a write. The processor may
    /// have it cached: the page is flushed.
    #[inline(never)]
    pub(super) fn replace_zero(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let backed = self.back_zero(memory);
        self.end(fault, memory, Outcome::PrivateCopy, backed)
    }

    #[inline(always)]
    fn back_zero(&mut self, memory: &Memory) -> Backed {
        let (record, cursor, scope) = self.page();
        let size = LeafSize::Size4KiB;
        if record.region.page_size > size
            && let Some(frame) = collapse(cursor, record, scope, memory)
        {
            return Ok(frame);
        }
        let content = Content::Private(memory.new_private(size)?.into_leaf());
        cursor.overwrite(content.leaf(size, record.rights, true));
        memory.flush_page(*scope, VirtAddr::new_truncate(cursor.address()));
        Ok(content.start())
    }

    /// The leaf allows the access already.
    #[cold]
    #[inline(never)]
    pub(super) fn already_allowed(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let (record, cursor, _) = self.page();
        record.region.faults += 1;
        let size = cursor.leaf().unwrap_or(LeafSize::Size4KiB);
        let frame = cursor.entry().leaf_address(size);
        self.record(fault, memory, Outcome::Spurious, frame)
    }

    // --- how each ends --------------------------------------------------------

    #[inline(always)]
    fn end(&mut self, fault: &Fault, memory: &Memory, outcome: Outcome, backed: Backed) -> Outcome {
        match backed {
            Ok(frame) => self.done(fault, memory, outcome, frame),
            Err(OutOfFrames) => self.refuse(fault, memory, Refusal::OutOfFrames),
        }
    }

    /// Counts the fault as resolved, and maps the pages around.
    #[inline(always)]
    fn done(
        &mut self,
        fault: &Fault,
        memory: &Memory,
        outcome: Outcome,
        frame: PhysAddr,
    ) -> Outcome {
        let (record, ..) = self.page();
        record.region.faults += 1;
        if record.region.fault_around > 1 {
            self.map_around(fault, memory, outcome, frame)
        } else {
            self.record(fault, memory, outcome, frame)
        }
    }

    #[inline(never)]
    fn map_around(
        &mut self,
        fault: &Fault,
        memory: &Memory,
        outcome: Outcome,
        frame: PhysAddr,
    ) -> Outcome {
        let (record, cursor, _) = self.page();
        map_around(cursor, record, memory);
        self.record(fault, memory, outcome, frame)
    }

    /// Refuses a fault that lies in no region.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse_outside(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let refusal = if fault.address.as_u64() < LOWEST {
            Refusal::NullPage
        } else {
            Refusal::NoRegion
        };
        self.refuse(fault, memory, refusal)
    }

    /// Refuses a fault that its region does.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse_inside(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let (record, ..) = self.page();
        let refusal = record.region.refusal_of(fault);
        self.refuse(fault, memory, refusal)
    }

    #[cold]
    #[inline(never)]
    fn refuse(&mut self, fault: &Fault, memory: &Memory, refusal: Refusal) -> Outcome {
        self.record(fault, memory, Outcome::Refused(refusal), PhysAddr::zero())
    }

    /// Counts the fault, and writes it to the log.
    #[inline(always)]
    fn record(
        &mut self,
        fault: &Fault,
        memory: &Memory,
        outcome: Outcome,
        frame: PhysAddr,
    ) -> Outcome {
        let record = self.regions.here();
        let resolved = Resolved {
            outcome,
            region: record.map_or(VirtAddr::zero(), |record| record.region.base),
            frame,
        };
        memory.record(fault, resolved)
    }

    /// The page of the fault: the region that it lies in, the entry for it, and
    /// whose translations a change there outdates.
    #[inline(always)]
    fn page(&mut self) -> (&mut Record, &mut Cursor, &Scope) {
        let record = self.regions.here().expect("the page lies in a region");
        (record, &mut self.cursor, &self.scope)
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
