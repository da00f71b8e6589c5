//! One page at a time: how each line of `resolve` makes a page physical.
//!
//! Large pages (`large`), missing tables and fault-around (`around`) are inside
//! the ways that there are, not beside them.
//!
//! What must always hold: each fault is counted once and has one event in the
//! log, however it ends; when no frame or table is left, nothing else changes.
#![allow(unsafe_code)]

use x86_64::{PhysAddr, VirtAddr};

use super::around::map_around;
use super::halves::LOWEST;
use super::large::{collapse, largest_private};
use super::map::make_tables;
use super::regions::Record;
use super::{Content, Half};
use crate::fault::{Fault, Outcome, Refusal};
use crate::fault_log::Resolved;
use crate::flush::finish_one;
use crate::frames::OutOfFrames;
use crate::memory::{Fill, Memory, Removed};
use crate::paging::{Cursor, LeafSize};
use crate::tlb::Scope;

/// The size of a page, but for large ones.
const SMALL: LeafSize = LeafSize::Size4KiB;
/// The size of the leaf that takes the place of a table of zeroes.
const LARGE: LeafSize = LeafSize::Size2MiB;

impl Half {
    // --- the ways, and none -------------------------------------------------

    /// An unused entry gets private, zeroed memory.
    #[inline(always)]
    pub(super) fn back(&mut self, fault: &Fault, memory: &Memory, outcome: Outcome) -> Outcome {
        let (record, cursor, _) = self.page();
        if record.region.page_size != SMALL || cursor.level() != SMALL.level() {
            return self.back_large(fault, memory, outcome);
        }
        let Some(private) = memory.private_at_hand(fault, outcome, record.region.base) else {
            return self.start_over_with_frames(fault, memory);
        };
        let content = Content::Private(private.into_leaf());
        cursor.fill_small(content.leaf(SMALL, record.rights, fault.is_write()));
        self.resident += 1 + done(record, cursor, memory);
        outcome
    }

    /// The same in a region of large pages, or where tables are missing: a leaf
    /// of the region's page size if it fits here and there is one, or else of a
    /// smaller one.
    #[inline(never)]
    fn back_large(&mut self, fault: &Fault, memory: &Memory, outcome: Outcome) -> Outcome {
        let (record, cursor, scope) = self.page();
        if let Some(frame) = collapse(cursor, record, scope, memory) {
            log(Some(record), fault, memory, outcome, frame);
            self.resident += LARGE.frames() + done(record, cursor, memory);
            return outcome;
        }
        let Ok((private, size)) = largest_private(cursor, &record.region, memory) else {
            return self.refuse(fault, memory, Refusal::OutOfFrames);
        };
        let content = Content::Private(private.into_leaf());
        cursor.fill(content.leaf(size, record.rights, fault.is_write()));
        log(Some(record), fault, memory, outcome, content.start());
        self.resident += size.frames() + done(record, cursor, memory);
        outcome
    }

    /// An unused entry gets the zero frame, read-only.
    #[inline(always)]
    pub(super) fn share_zero(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        if self.cursor.level() != SMALL.level() {
            return self.share_zero_in_new_table(fault, memory);
        }
        let (record, cursor, _) = self.page();
        let content = Content::Zero(memory.zero_frame().start_address());
        cursor.fill_small(content.leaf(SMALL, record.rights, false));
        let outcome = Outcome::ZeroRead;
        log(Some(record), fault, memory, outcome, content.start());
        done(record, cursor, memory);
        outcome
    }

    /// The same where tables are missing, once they are made.
    #[inline(never)]
    fn share_zero_in_new_table(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        match make_tables(&mut self.cursor, SMALL, memory) {
            Ok(()) => self.share_zero(fault, memory),
            Err(OutOfFrames) => self.refuse(fault, memory, Refusal::OutOfFrames),
        }
    }

    /// A reserved entry gets the frame that was kept back for it.
    #[inline(never)]
    pub(super) fn take_reserved(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let (record, cursor, _) = self.page();
        let Ok(private) = memory.take_private(Fill::Zeroes) else {
            return self.refuse(fault, memory, Refusal::OutOfFrames);
        };
        let content = Content::Private(private.into_leaf());
        cursor.overwrite_small(content.leaf(SMALL, record.rights, fault.is_write()));
        let outcome = Outcome::Demand;
        log(Some(record), fault, memory, outcome, content.start());
        self.resident += 1 + done(record, cursor, memory);
        outcome
    }

    /// An entry names a slot: nothing can be done before that is read.
    #[cold]
    #[inline(never)]
    pub(super) fn wait_for_slot(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let (record, ..) = self.page();
        let outcome = Outcome::Blocked;
        log(Some(record), fault, memory, outcome, PhysAddr::zero())
    }

    /// The zero frame gives way to a private one, on a write. The processor may
    /// have it cached: the page is flushed.
    #[inline(never)]
    pub(super) fn replace_zero(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let (record, ..) = self.page();
        if record.region.page_size != SMALL
            && let Some(outcome) = self.replace_zeroes(fault, memory)
        {
            return outcome;
        }
        let (record, cursor, scope) = self.page();
        let outcome = Outcome::PrivateCopy;
        let Some(private) = memory.private_at_hand(fault, outcome, record.region.base) else {
            return self.start_over_with_frames(fault, memory);
        };
        let content = Content::Private(private.into_leaf());
        cursor.overwrite_small(content.leaf(SMALL, record.rights, true));
        let around = done(record, cursor, memory);
        memory.flush_page(*scope, fault.address);
        self.resident += 1 + around;
        outcome
    }

    /// The same for a whole table of zeroes in a region of large pages. `None` if
    /// there is no such table or no large frame; then a small frame is at hand.
    #[cold]
    #[inline(never)]
    fn replace_zeroes(&mut self, fault: &Fault, memory: &Memory) -> Option<Outcome> {
        let (record, cursor, scope) = self.page();
        if let Some(frame) = collapse(cursor, record, scope, memory) {
            let outcome = Outcome::PrivateCopy;
            log(Some(record), fault, memory, outcome, frame);
            self.resident += LARGE.frames() + done(record, cursor, memory);
            return Some(outcome);
        }
        match memory.fetch_frames() {
            Ok(()) => None,
            Err(OutOfFrames) => Some(self.refuse(fault, memory, Refusal::OutOfFrames)),
        }
    }

    /// A write to what is shared, or was: several owners get a copy, the last
    /// one takes over, where it is.
    #[inline(never)]
    pub(super) fn write_shared(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let (record, cursor, scope) = self.page();
        if cursor.level() != SMALL.level() {
            return self.write_shared_large(fault, memory);
        }
        let from = cursor.entry().leaf_address(SMALL);
        let Some((outcome, private)) = memory.unshare(fault, record.region.base, from) else {
            return self.start_over_with_frames(fault, memory);
        };
        let content = Content::Private(private.into_leaf());
        cursor.overwrite_small(content.leaf(SMALL, record.rights, true));
        record.region.faults += 1;
        if outcome == Outcome::SharedCopy {
            // SAFETY: the leaf that shared it was replaced.
            unsafe { finish_one(*scope, fault.address, Removed::Shared(from, 1), memory) };
        } else {
            memory.flush_page(*scope, fault.address);
        }
        outcome
    }

    /// The same for a large leaf. One that has other owners is split: only the
    /// page written to is copied.
    #[cold]
    #[inline(never)]
    fn write_shared_large(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let (record, cursor, scope) = self.page();
        let size = cursor.leaf().unwrap_or(SMALL);
        let start = cursor.entry().leaf_address(size);
        if memory.take_over(start, size) {
            cursor.replace(Content::Private(start).leaf(size, record.rights, true));
            record.region.faults += 1;
            let outcome = Outcome::TakenOver;
            log(Some(record), fault, memory, outcome, start);
            memory.flush_page(*scope, fault.address);
            return outcome;
        }
        // One more than the tables, for the copy.
        let tables = u64::from(cursor.level() - SMALL.level());
        if memory.keep_back(tables + 1).is_err() {
            return self.refuse(fault, memory, Refusal::OutOfFrames);
        }
        while cursor.level() > SMALL.level() {
            cursor.split(memory.take_table().expect("kept back"));
        }
        memory.let_go(1);
        self.write_shared(fault, memory)
    }

    /// The leaf allows the access already.
    #[cold]
    #[inline(never)]
    pub(super) fn already_allowed(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        let (record, cursor, _) = self.page();
        record.region.faults += 1;
        let size = cursor.leaf().unwrap_or(LeafSize::Size4KiB);
        let frame = cursor.entry().leaf_address(size);
        log(Some(record), fault, memory, Outcome::Spurious, frame)
    }

    /// No frame is at hand for a small page: fetches some, and resolves the fault
    /// from the start. Not for ways that try a large frame, since a search for
    /// one takes the frames at hand away again.
    #[cold]
    #[inline(never)]
    fn start_over_with_frames(&mut self, fault: &Fault, memory: &Memory) -> Outcome {
        match memory.fetch_frames() {
            Ok(()) => self.resolve_far(fault, memory),
            Err(OutOfFrames) => self.refuse(fault, memory, Refusal::OutOfFrames),
        }
    }

    // --- refusals -------------------------------------------------------------

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
        let outcome = Outcome::Refused(refusal);
        log(
            self.regions.here(),
            fault,
            memory,
            outcome,
            PhysAddr::zero(),
        )
    }

    /// The page of the fault: the region that it lies in, the entry for it, and
    /// whose translations a change there outdates.
    #[inline(always)]
    pub(super) fn page(&mut self) -> (&mut Record, &mut Cursor, &Scope) {
        let record = self.regions.here().expect("the page lies in a region");
        (record, &mut self.cursor, &self.scope)
    }
}

/// Counts the fault in its region, and maps the pages around. Returns how many
/// frames are behind those.
#[inline(always)]
pub(super) fn done(record: &mut Record, cursor: &mut Cursor, memory: &Memory) -> u64 {
    record.region.faults += 1;
    if record.region.fault_around > 1 {
        map_around(cursor, record, memory)
    } else {
        0
    }
}

/// Writes what became of the fault to the log, with the region if it has one.
#[inline(always)]
pub(super) fn log(
    record: Option<&mut Record>,
    fault: &Fault,
    memory: &Memory,
    outcome: Outcome,
    frame: PhysAddr,
) -> Outcome {
    let region = record.map_or(VirtAddr::zero(), |record| record.region.base);
    memory.record(
        fault,
        Resolved {
            outcome,
            region,
            frame,
        },
    )
}
