//! The heart of a page-fault handler: from a fault to a page that is physical,
//! or to the reason why not.
//!
//! ```text
//! find region ────────────── none: NoRegion, NullPage
//! refused by the region? ─── Guard, Protection, ReservedBit
//! cursor to the entry
//!   unused, demand ───────── frame, zeroed, mapped with the region's rights
//!   unused, zero, read ───── the zero frame, read-only, no allocation
//!   unused, zero, write ──── private zeroed frame
//!   zero frame, write ────── private frame replaces it, the page is flushed
//!   already right ────────── spurious
//! ```
//!
//! What must always hold: a refused fault changes nothing but the journal;
//! nothing is allocated but frames and tables; there is no loop that a caller
//! could make endless. Absent to present needs no flush (Intel SDM vol. 3A
//! 4.10.4.3). The faults of every day, small pages whose table is there, are
//! done in this file; all others go on to `populate`.

use x86_64::structures::paging::PageTableFlags;
use x86_64::{PhysAddr, VirtAddr};

use super::Space;
use super::halves::LOWEST;
use super::region::{Backing, Region, Way};
use crate::fault::{Access, Cause, Fault, Outcome, Refusal};
use crate::journal::Event;
use crate::paging::{Entry, LeafSize};
use crate::physical::Physical;
use crate::tlb::{Flush, Tlb};

impl Space {
    /// Resolves a page fault in this half of the address space, counts it, and
    /// writes one event to the journal. On any outcome but
    /// [`Outcome::Refused`] the access can be tried again.
    #[inline]
    pub fn resolve(
        &mut self,
        fault: Fault,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Outcome {
        match self.resolve_small(&fault, physical, tlb) {
            Some(outcome) => outcome,
            None => self.resolve_any(fault, physical, tlb),
        }
    }

    /// Resolves an allowed fault on a small page whose table exists; `None`,
    /// and nothing changed, for any other.
    #[inline]
    fn resolve_small(
        &mut self,
        fault: &Fault,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Option<Outcome> {
        let address = fault.address.as_u64();
        let found = self.lookup(address)?;
        let node = self.regions.node_mut(found);
        let plan = node.plan;
        if plan.way == Way::Other || fault.code.intersects(plan.refused) {
            return None;
        }
        if !self.cursor.seek_small(address) {
            return None;
        }
        let write = fault.access() == Access::Write;
        let zero = physical.zero_frame().start_address();
        let entry = self.cursor.entry_at(1);
        let (memory, outcome) = if entry == Entry::UNUSED {
            let (memory, mut flags, outcome) = match (plan.way, write) {
                (Way::Zero, false) => (
                    zero,
                    plan.flags.difference(PageTableFlags::WRITABLE),
                    Outcome::ZeroRead,
                ),
                (Way::Zero, true) => (
                    physical.new_private_page().ok()?,
                    plan.flags,
                    Outcome::ZeroWrite,
                ),
                _ => (
                    physical.new_private_page().ok()?,
                    plan.flags,
                    Outcome::Demand,
                ),
            };
            if write {
                flags = flags.union(PageTableFlags::DIRTY);
            }
            self.cursor.fill_small(Entry::leaf(
                memory.as_u64(),
                LeafSize::Size4KiB,
                flags.bits(),
            ));
            (memory, outcome)
        } else if write && entry.is_present() && entry.leaf_address(LeafSize::Size4KiB) == zero {
            let memory = physical.new_private_page().ok()?;
            let flags = plan.flags.union(PageTableFlags::DIRTY);
            self.cursor.exchange_small(Entry::leaf(
                memory.as_u64(),
                LeafSize::Size4KiB,
                flags.bits(),
            ));
            tlb.flush(self.scope, Flush::Pages(&[fault.address]));
            (memory, Outcome::PrivateCopy)
        } else {
            return None;
        };
        node.region.faults += 1;
        physical.journal_mut().record(Event {
            fault: *fault,
            outcome,
            region: node.region.base,
            frame: memory,
        });
        Some(outcome)
    }

    /// Resolves any fault.
    #[inline(never)]
    fn resolve_any(
        &mut self,
        fault: Fault,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Outcome {
        let address = fault.address.as_u64();
        let found = self.lookup(address);
        let (outcome, base, frame) = match found.map(|node| *self.regions.region(node)) {
            None if address < LOWEST => (Outcome::Refused(Refusal::NullPage), VirtAddr::zero(), 0),
            None => (Outcome::Refused(Refusal::NoRegion), VirtAddr::zero(), 0),
            Some(region) if fault.code.intersects(region.refused()) => (
                Outcome::Refused(refusal_of(&region, &fault)),
                region.base,
                0,
            ),
            Some(region) => match self.populate(&region, &fault, physical, tlb) {
                refused @ Outcome::Refused(_) => (refused, region.base, 0),
                outcome => (outcome, region.base, self.frame_at_cursor()),
            },
        };
        if let Some(node) = found
            && !matches!(outcome, Outcome::Refused(_))
        {
            self.regions.region_mut(node).faults += 1;
        }
        physical.journal_mut().record(Event {
            fault,
            outcome,
            region: base,
            frame: PhysAddr::new_truncate(frame),
        });
        outcome
    }

    /// The frame behind the address stood on.
    fn frame_at_cursor(&self) -> u64 {
        self.cursor
            .leaf()
            .map_or(0, |size| self.cursor.entry().leaf_address(size).as_u64())
    }
}

/// Why a region refuses an access that is among those it refuses.
fn refusal_of(region: &Region, fault: &Fault) -> Refusal {
    if region.backing == Backing::Guard {
        Refusal::Guard
    } else if fault.cause() == Cause::ReservedBit {
        Refusal::ReservedBit
    } else {
        Refusal::Protection(fault.access())
    }
}
