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
//! done in `spot`; all others here and in `populate`.

use x86_64::{PhysAddr, VirtAddr};

use super::Space;
use super::halves::LOWEST;
use super::region::{Backing, Region};
use crate::fault::{Cause, Fault, Outcome, Refusal};
use crate::journal::{Event, Row};
use crate::physical::Physical;
use crate::tlb::Tlb;

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
        // This is in its caller, who has the fault in registers. One that goes
        // through memory is stored in parts and loaded whole, and a processor
        // waits for that: 9 ns and not 3.
        match self.share_in_spot(fault, physical) {
            Some(outcome) => outcome,
            None => self.resolve_unshared(fault, physical, tlb),
        }
    }

    /// Resolves a fault that shares no zero frame in the spot.
    #[inline(never)]
    fn resolve_unshared(
        &mut self,
        fault: Fault,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Outcome {
        if let Some(outcome) = self.take_in_spot(fault, physical, tlb) {
            return outcome;
        }
        if self.open_spot(fault.address.as_u64(), physical) {
            if let Some(outcome) = self.share_in_spot(fault, physical) {
                return outcome;
            }
            if let Some(outcome) = self.take_in_spot(fault, physical, tlb) {
                return outcome;
            }
        }
        self.resolve_any(fault, physical, tlb)
    }

    /// Resolves a fault that takes a frame in the spot.
    fn take_in_spot(
        &mut self,
        fault: Fault,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Option<Outcome> {
        if let Some(outcome) = self.fill_in_spot(fault, physical) {
            return Some(outcome);
        }
        self.replace_in_spot(fault, physical, tlb)
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
        let row = Row::of(outcome, fault.cause());
        let event = Event {
            fault,
            outcome,
            region: base,
            frame: PhysAddr::new_truncate(frame),
        };
        physical.journal_mut().record(row, |place| *place = event);
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
