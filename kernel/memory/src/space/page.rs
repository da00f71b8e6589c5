//! One page at a time: how each line of `resolve` makes a page physical.
//!
//! Large pages and what stands in for them, missing tables, and fault-around
//! are here, inside the four ways that there are.
//!
//! What must always hold: when a frame or a table is not to be had, everything
//! is as it was before the fault.
#![allow(unsafe_code)]

use x86_64::{PhysAddr, VirtAddr};

use super::Content;
use super::map::make_tables;
use super::region::{Backing, Region};
use super::regions::Record;
use crate::fault::{Fault, Outcome};
use crate::fault_log::Event;
use crate::flush::FlushBatch;
use crate::frames::OutOfFrames;
use crate::memory::Memory;
use crate::paging::{Cursor, Entry, EntryKind, LeafSize};
use crate::tlb::{Flush, Scope};

/// The page of a fault: the entry for it, and the region that it lies in.
pub(super) struct Page<'a> {
    cursor: &'a mut Cursor,
    record: &'a mut Record,
    scope: Scope,
    memory: &'a Memory,
}

impl<'a> Page<'a> {
    /// The page at `address`, which the region of `record` holds.
    #[inline]
    pub(super) fn at(
        address: u64,
        cursor: &'a mut Cursor,
        record: &'a mut Record,
        scope: Scope,
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

    /// The region.
    #[inline]
    pub(super) fn region(&self) -> &Region {
        &self.record.region
    }

    /// What the entry says.
    #[inline]
    pub(super) fn kind(&self) -> EntryKind {
        self.cursor.kind()
    }

    /// Whether the leaf lets itself be written.
    #[inline]
    pub(super) fn is_writable(&self) -> bool {
        self.cursor.entry().flags().contains(Entry::WRITABLE)
    }

    /// What stands behind the leaf, which has this size.
    #[inline]
    pub(super) fn content(&self, size: LeafSize) -> Content {
        Content::of(self.cursor.entry(), size, self.memory.zero_frame())
    }

    /// Counts a resolved fault, and writes it to the log.
    #[inline]
    pub(super) fn record(self, fault: Fault, outcome: Outcome) -> Outcome {
        self.record.region.faults += 1;
        let frame = match self.cursor.kind() {
            EntryKind::Leaf(start, _) => start,
            EntryKind::Unused
            | EntryKind::Reserved
            | EntryKind::Table(_)
            | EntryKind::Unknown(_) => PhysAddr::zero(),
        };
        self.memory.record(Event {
            fault,
            outcome,
            region: self.record.region.base,
            frame,
        });
        outcome
    }

    // --- the four ways --------------------------------------------------------

    /// An unused entry gets private, zeroed memory: a leaf of the region's page
    /// size if it fits here and there is one, or else of a smaller one.
    #[inline]
    pub(super) fn back(&mut self, written: bool) -> Result<(), OutOfFrames> {
        if self.collapse() {
            return Ok(());
        }
        let wanted = self.largest_leaf();
        let mut size = wanted;
        let private = loop {
            match (self.private_and_tables(size), size.smaller()) {
                (Ok(start), _) => break start,
                (Err(_), Some(smaller)) => size = smaller,
                (Err(error), None) => return Err(error),
            }
        };
        self.memory.count_fallbacks(u64::from(size < wanted));
        self.install(Content::Private(private), size, written);
        self.around();
        Ok(())
    }

    /// An unused entry gets the zero frame, read-only.
    #[inline]
    pub(super) fn share_zero(&mut self) -> Result<(), OutOfFrames> {
        make_tables(self.cursor, LeafSize::Size4KiB, self.memory)?;
        self.install(self.zero(), LeafSize::Size4KiB, false);
        self.around();
        Ok(())
    }

    /// A reserved entry gets the frame that was kept back for it.
    pub(super) fn take_reserved(&mut self, written: bool) -> Result<(), OutOfFrames> {
        let private = self.memory.take_private()?.into_leaf();
        self.install(Content::Private(private), LeafSize::Size4KiB, written);
        self.around();
        Ok(())
    }

    /// The zero frame gives way to a private one, on a write. The processor may
    /// have it cached: the page is flushed.
    #[inline]
    pub(super) fn replace_zero(&mut self) -> Result<(), OutOfFrames> {
        if self.collapse() {
            return Ok(());
        }
        let size = LeafSize::Size4KiB;
        let private = self.memory.new_private(size)?.into_leaf();
        self.install(Content::Private(private), size, true);
        let page = VirtAddr::new_truncate(self.cursor.address());
        self.memory.flush(self.scope, Flush::Pages(&[page]));
        self.around();
        Ok(())
    }

    // --- what they are made of ------------------------------------------------

    /// Puts a leaf at the entry stood on, which owns `content` from now on.
    #[inline]
    fn install(&mut self, content: Content, size: LeafSize, written: bool) {
        self.cursor
            .replace(content.leaf(size, self.record.rights, written));
    }

    #[inline]
    fn zero(&self) -> Content {
        Content::Zero(self.memory.zero_frame().start_address())
    }

    /// The largest leaf that the region allows at an unused entry: one that it
    /// holds as a whole, and whose table is there or is yet to be made.
    #[inline]
    fn largest_leaf(&self) -> LeafSize {
        let mut size = self.region().page_size;
        while size.level() > self.cursor.level()
            || !self.region().holds_leaf(self.cursor.address(), size)
        {
            size = size.smaller().unwrap_or(LeafSize::Size4KiB);
        }
        size
    }

    /// A private frame of `size`, and the tables on the way to it: both or
    /// neither, so that a large frame that leaves none for the tables can give
    /// way to a small one.
    #[inline]
    fn private_and_tables(&mut self, size: LeafSize) -> Result<PhysAddr, OutOfFrames> {
        if !size.exists_with(self.memory.features()) {
            return Err(OutOfFrames);
        }
        let private = self.memory.new_private(size)?;
        if let Err(error) = make_tables(self.cursor, size, self.memory) {
            self.memory.free_private(private, size);
            return Err(error);
        }
        Ok(private.into_leaf())
    }

    /// Maps the pages around the one stood on that are still unused, as far as
    /// region, leaf table and free frames go. In a zero region they get the
    /// zero frame.
    #[inline]
    fn around(&mut self) {
        if self.region().fault_around > 1 {
            self.map_around();
        }
    }

    #[inline(never)]
    fn map_around(&mut self) {
        let address = self.cursor.address();
        let pages = u64::from(self.region().fault_around);
        let first = address & !(pages * 4096 - 1);
        for page in (0..pages).map(|index| first + index * 4096) {
            if !self.region().contains(VirtAddr::new_truncate(page)) {
                continue;
            }
            self.cursor.seek(page);
            if self.cursor.level() > 1 {
                break;
            }
            if self.cursor.entry() != Entry::UNUSED {
                continue;
            }
            let content = if self.region().backing == Backing::Zero {
                self.zero()
            } else if let Ok(private) = self.memory.new_private(LeafSize::Size4KiB) {
                Content::Private(private.into_leaf())
            } else {
                break;
            };
            self.install(content, LeafSize::Size4KiB, false);
        }
        self.cursor.seek(address);
    }

    /// On the first write to a 2 MiB block of a large-page zero region whose
    /// leaf table holds nothing but the zero frame: replaces block and table by
    /// one private large leaf. False, and nothing changed, if this is no such
    /// block, or if there is no large frame (counted as a fall-back).
    #[inline]
    fn collapse(&mut self) -> bool {
        self.region().page_size > LeafSize::Size4KiB
            && self.region().backing == Backing::Zero
            && self.cursor.level() == 1
            && self.collapse_block()
    }

    #[inline(never)]
    fn collapse_block(&mut self) -> bool {
        let (size, page) = (LeafSize::Size2MiB, LeafSize::Size4KiB);
        let zero = self.memory.zero_frame();
        let is_zero = |entry: Entry| match entry.kind(1) {
            EntryKind::Unused => true,
            EntryKind::Leaf(..) => matches!(Content::of(entry, page, zero), Content::Zero(_)),
            EntryKind::Reserved | EntryKind::Table(_) | EntryKind::Unknown(_) => false,
        };
        let address = self.cursor.address();
        if !self.region().holds_leaf(address, size) || !self.cursor.table_entries().all(is_zero) {
            return false;
        }
        let Ok(private) = self.memory.new_private(size) else {
            // A small page stands in, if there is one: the table is here already.
            let small = self.memory.frames(|frames| frames.can_allocate(1));
            self.memory.count_fallbacks(u64::from(small));
            return false;
        };
        let block = address & !(size.bytes() - 1);
        let mut batch = FlushBatch::new(self.scope, self.memory);
        for (index, entry) in self.cursor.table_entries().enumerate() {
            if entry != Entry::UNUSED {
                batch.page(block + index as u64 * page.bytes());
            }
        }
        let table = self.cursor.climb();
        self.install(Content::Private(private.into_leaf()), size, true);
        // SAFETY: the entry that pointed to the table is a leaf now, and the
        // cursor has left it.
        unsafe { batch.table(table, block) };
        batch.finish();
        true
    }
}
