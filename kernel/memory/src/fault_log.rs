//! The fault log: counts by cause and outcome, and a ring of events.
//!
//! The fault path writes, and never formats, waits or allocates: an event is a
//! few stores into a ring that is there from the start. Whoever caused the
//! accesses takes the events out afterwards. When more came than the ring
//! holds, the oldest are lost and counted.

use core::fmt;

use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::{PhysAddr, VirtAddr};

use crate::fault::{Cause, Fault, Outcome};

/// Events that are kept.
pub const RING: usize = 256;
const _: () = assert!(RING.is_power_of_two());

/// Error codes that differ in what tells the cause of a fault: bits 0 to 3.
const CODES: usize = 16;

/// One fault and what became of it. An event fills a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
pub struct Event {
    /// The fault.
    pub fault: Fault,
    /// What was done.
    pub outcome: Outcome,
    /// The base of the region that holds the address; 0 where there is none.
    pub region: VirtAddr,
    /// The frame that stands behind the address now; 0 where there is none.
    pub frame: PhysAddr,
}

/// What became of a fault: what an [`Event`] says besides the fault itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolved {
    pub(crate) outcome: Outcome,
    pub(crate) region: VirtAddr,
    pub(crate) frame: PhysAddr,
}

impl Event {
    /// No event: what the ring, or a buffer for events, is filled with at first.
    pub const NONE: Self = Self {
        fault: Fault::NONE,
        outcome: Outcome::Spurious,
        region: VirtAddr::zero(),
        frame: PhysAddr::zero(),
    };
}

/// Counts of faults by outcome and cause, and the last events.
pub struct FaultLog {
    /// Faults by outcome, in the order of [`Outcome::ALL`].
    by_outcome: [u64; Outcome::COUNT],
    /// Faults by the low bits of the error code, which tell the cause.
    by_code: [u64; CODES],
    /// Events written, since the start.
    written: u64,
    /// Events taken out or lost, since the start.
    taken: u64,
    lost: u64,
    /// Events that had been written when rights were last changed.
    changed: u64,
    ring: &'static mut [Event; RING],
}

impl FaultLog {
    /// A log without a fault, which keeps its events in `ring`.
    pub(crate) fn new(ring: &'static mut [Event; RING]) -> Self {
        Self {
            by_outcome: [0; Outcome::COUNT],
            by_code: [0; CODES],
            written: 0,
            taken: 0,
            lost: 0,
            changed: 0,
            ring,
        }
    }

    /// Counts a fault, and writes its event over the oldest.
    #[inline(always)]
    pub(crate) fn record(&mut self, fault: &Fault, resolved: Resolved) {
        let Resolved {
            outcome,
            region,
            frame,
        } = resolved;
        self.by_outcome[outcome.index()] += 1;
        self.by_code[fault.code.bits() as usize % CODES] += 1;
        let event = Self::index(self.written);
        self.written += 1;
        self.ring[event] = Event {
            fault: *fault,
            outcome,
            region,
            frame,
        };
    }

    /// Faults that ended so, since the start.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.by_outcome[outcome.index()]
    }

    /// The same of every outcome, in the order of [`Outcome::ALL`].
    #[must_use]
    pub fn counts(&self) -> [u64; Outcome::COUNT] {
        self.by_outcome
    }

    /// Faults that the processor raised for this cause, since the start.
    #[must_use]
    pub fn count_by_cause(&self, cause: Cause) -> u64 {
        let codes = (0..CODES).filter(|code| {
            Cause::of(PageFaultErrorCode::from_bits_truncate(*code as u64)) == cause
        });
        codes.map(|code| self.by_code[code]).sum()
    }

    /// All faults since the start, refused and spurious ones included.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.written
    }

    /// Events that were overwritten before anybody took them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost + self.overwritten()
    }

    /// The newest event, taken or not.
    #[must_use]
    pub fn last(&self) -> Option<Event> {
        self.back(1)
    }

    /// True if the last two events are the same spurious fault, and no rights were
    /// changed since the first of them: the access was tried again and got no further.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.written - self.changed >= 2
            && self.back(1) == self.back(2)
            && self
                .last()
                .is_some_and(|event| event.outcome == Outcome::Spurious)
    }

    /// Rights were changed. Wider ones are not flushed, so a fault that was spurious
    /// before may be so once more, and for another translation.
    pub(crate) fn rights_changed(&mut self) {
        self.changed = self.written;
    }

    /// Takes the oldest event that was not yet taken and is still there.
    pub(crate) fn take(&mut self) -> Option<Event> {
        let overwritten = self.overwritten();
        self.lost += overwritten;
        self.taken += overwritten;
        if self.taken == self.written {
            return None;
        }
        let event = self.ring[Self::index(self.taken)];
        self.taken += 1;
        Some(event)
    }

    /// The event `back` events ago, if it is still there; 1 is the newest.
    fn back(&self, back: u64) -> Option<Event> {
        let position = self.written.checked_sub(back)?;
        (back <= RING as u64).then(|| self.ring[Self::index(position)])
    }

    #[inline]
    const fn index(position: u64) -> usize {
        position as usize % RING
    }

    fn overwritten(&self) -> u64 {
        (self.written - self.taken).saturating_sub(RING as u64)
    }
}

impl fmt::Debug for FaultLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultLog")
            .field("faults", &self.written)
            .field("lost", &self.lost())
            .field("last", &self.last())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;

    use super::*;

    const RING: u64 = super::RING as u64;

    /// A log of the events `0..written`, each with its number for an address.
    fn log_of(written: u64) -> FaultLog {
        let mut log = FaultLog::new(Box::leak(Box::new([Event::NONE; super::RING])));
        (0..written).for_each(|number| record(&mut log, event(number)));
        log
    }

    fn event(number: u64) -> Event {
        let address = VirtAddr::new(number);
        Event {
            fault: Fault {
                address,
                ..Fault::NONE
            },
            ..Event::NONE
        }
    }

    fn record(log: &mut FaultLog, event: Event) {
        let Event {
            fault,
            outcome,
            region,
            frame,
        } = event;
        let resolved = Resolved {
            outcome,
            region,
            frame,
        };
        log.record(&fault, resolved);
    }

    #[test]
    fn a_full_ring_has_lost_nothing_and_one_event_more_loses_the_oldest() {
        for (written, lost, oldest) in [(RING - 1, 0, 0), (RING, 0, 0), (RING + 1, 1, 1)] {
            let mut log = log_of(written);
            assert_eq!(log.lost(), lost, "before one is taken");
            assert_eq!(log.take(), Some(event(oldest)));
            assert_eq!(log.lost(), lost, "and after");
        }
    }

    #[test]
    fn losses_add_up_and_what_was_taken_is_not_lost() {
        let mut log = log_of(RING + 5);
        assert_eq!(log.lost(), 5);
        for number in 5..8 {
            assert_eq!(log.take(), Some(event(number)));
        }
        // Three places are free: the fourth event from here on costs one.
        let written = RING + 5;
        (written..written + 3).for_each(|number| record(&mut log, event(number)));
        assert_eq!(log.lost(), 5);
        (written + 3..written + 3 + 2 * RING).for_each(|number| record(&mut log, event(number)));
        assert_eq!(log.lost(), 5 + 2 * RING);
        for number in written + 3 + RING..written + 3 + 2 * RING {
            assert_eq!(log.take(), Some(event(number)));
        }
        assert_eq!(log.take(), None);
        assert_eq!(log.lost(), 5 + 2 * RING);
        assert_eq!(log.faults(), log.lost() + 3 + RING, "the rest was taken");
    }

    #[test]
    fn the_newest_event_is_seen_whether_it_was_taken_or_not() {
        let mut log = log_of(0);
        assert_eq!((log.last(), log.take()), (None, None));
        assert!(!log.is_stuck(), "nothing came twice");
        record(&mut log, event(7));
        assert_eq!(log.take(), Some(event(7)));
        assert_eq!(log.last(), Some(event(7)));
        assert!(!log.is_stuck(), "it came once");
    }
}
