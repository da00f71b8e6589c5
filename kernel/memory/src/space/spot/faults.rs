//! The faults of every day, in the spot of the one before: without a search, a
//! walk or a call.
//!
//! What must always hold: each of the three does all that [`Space::resolve`]
//! would, or nothing.

use core::sync::atomic::Ordering::Relaxed;

use super::{PRESENT, WRITE};
use crate::fault::{Cause, Fault, Outcome};
use crate::journal::Row;
use crate::paging::Entry;
use crate::physical::Physical;
use crate::space::Space;
use crate::tlb::Tlb;

impl Space {
    /// Resolves a read of an unused page of zeroes in the spot of the last fault,
    /// counts it, and writes it to the journal. `None`, and nothing changed, for
    /// any other fault: [`Self::resolve`] knows what to do.
    ///
    /// It makes no call and needs few registers, and a handler that does no
    /// more is as short. That is why it is apart from the other two: with
    /// [`Self::fill_in_spot`] in one function it took 17 instructions more.
    #[inline(always)]
    pub fn share_in_spot(&mut self, fault: Fault, physical: &mut Physical) -> Option<Outcome> {
        const OUTCOME: Outcome = Outcome::ZeroRead;
        const ROW: Row = Row::of(OUTCOME, Cause::Absent);
        let spot = &mut self.spot;
        let offset = fault.address.as_u64().wrapping_sub(spot.base);
        if offset >= spot.shared_size || fault.code.intersects(spot.no_read) {
            return None;
        }
        let place = spot.first.nth(offset >> 12);
        if place.entry().load(Relaxed) != Entry::UNUSED.bits() {
            return None;
        }
        physical.journal_mut().record(ROW, |event| {
            event.fault = fault;
            event.outcome = OUTCOME;
            event.region = spot.region;
            event.frame = spot.zero;
        });
        // An absent entry is nobody's: a plain store will do.
        place.entry().store(spot.shared.bits(), Relaxed);
        spot.parent.count_one_more();
        spot.faults += 1;
        Some(OUTCOME)
    }

    /// Resolves the first touch of a page in the spot of the last fault that
    /// takes a frame (any of a demand page, a write to a page of zeroes), counts
    /// it, and writes it to the journal. `None`, and nothing changed, for any
    /// other fault, and where no frame is at hand.
    ///
    /// It makes no call, and what comes in which order keeps it to the nine
    /// registers that a handler has saved anyhow: 7 instructions less.
    #[inline(always)]
    pub fn fill_in_spot(&mut self, fault: Fault, physical: &mut Physical) -> Option<Outcome> {
        let spot = &mut self.spot;
        let offset = fault.address.as_u64().wrapping_sub(spot.base);
        if offset >= spot.size || fault.code.intersects(spot.no_touch) {
            return None;
        }
        let place = spot.first.nth(offset >> 12);
        if place.entry().load(Relaxed) != Entry::UNUSED.bits() {
            return None;
        }
        let (at_hand, journal) = physical.at_hand()?;
        let event = journal.next_event();
        event.fault = fault;
        event.outcome = spot.filled;
        event.region = spot.region;
        let frame = at_hand;
        event.frame = frame.start();
        journal.count_fault(spot.filled_row);
        let is_write = fault.code.contains(WRITE);
        let new = spot.private.at(frame.start(), is_write);
        spot.parent.count_one_more();
        spot.faults += 1;
        physical.zeroed(frame);
        // As above: an absent entry is nobody's.
        place.entry().store(new.bits(), Relaxed);
        Some(spot.filled)
    }

    /// Resolves a write to a page in the spot of the last fault that shares the
    /// zero frame, by a private frame, counts it, and writes it to the journal.
    /// `None`, and nothing changed, for any other fault, and where no frame is
    /// at hand.
    ///
    /// It makes no call.
    #[inline(always)]
    pub fn replace_in_spot(
        &mut self,
        fault: Fault,
        physical: &mut Physical,
        tlb: &mut impl Tlb,
    ) -> Option<Outcome> {
        const OUTCOME: Outcome = Outcome::PrivateCopy;
        const ROW: Row = Row::of(OUTCOME, Cause::Protection);
        let spot = &mut self.spot;
        let offset = fault.address.as_u64().wrapping_sub(spot.base);
        if offset >= spot.shared_size
            || fault.code.difference(PRESENT).intersects(spot.no_touch)
            || !fault.code.contains(PRESENT | WRITE)
        {
            return None;
        }
        let place = spot.first.nth(offset >> 12);
        if place.entry().load(Relaxed) != spot.shared.bits() {
            return None;
        }
        let (at_hand, journal) = physical.at_hand()?;
        let event = journal.next_event();
        event.fault = fault;
        event.outcome = OUTCOME;
        event.region = spot.region;
        let frame = at_hand;
        event.frame = frame.start();
        journal.count_fault(ROW);
        let new = spot.private.at(frame.start(), true);
        spot.faults += 1;
        physical.zeroed(frame);
        // The zero frame is read-only and so never dirty: nothing is lost.
        place.entry().store(new.bits(), Relaxed);
        tlb.flush_page(self.scope, fault.address);
        Some(OUTCOME)
    }
}
