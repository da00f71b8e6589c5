//! One page at a time: how each line of `resolve` makes a page physical.
//!
//! Large pages (`large`), missing tables and fault-around (`around`) are inside
//! the four ways that there are, not beside them.
//!
//! What must always hold: each fault is counted once and has one event in the
//! log, however it ends; when no frame or table is left, nothing else changes.

use x86_64::{PhysAddr, VirtAddr};

use super::around::map_around;
use super::halves::LOWEST;
use super::large::{collapse, largest_private};
use super::map::make_tables;
use super::regions::Record;
use super::{Content, Half};
use crate::fault::{Access, Fault, Outcome, Refusal};
use crate::fault_log::Resolved;
use crate::frames::OutOfFrames;
use crate::memory::Memory;
use crate::paging::{Cursor, LeafSize};
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
