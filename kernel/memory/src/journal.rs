//! The journal of faults: counts by cause and outcome, and a ring of events.
//!
//! The fault path writes, and never formats, waits or allocates: an event is a
//! few stores into a ring that exists from the start. Whoever caused the
//! accesses drains the ring afterwards. When more events came than the ring
//! holds, the oldest are lost and counted.

use x86_64::{PhysAddr, VirtAddr};

use crate::fault::{Cause, Fault, Outcome};

/// Events that the ring holds.
pub const CAPACITY: usize = 256;

/// One fault and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Event {
    const NONE: Self = Self {
        fault: Fault::NONE,
        outcome: Outcome::Spurious,
        region: VirtAddr::zero(),
        frame: PhysAddr::zero(),
    };
}

/// Counts of faults by outcome and cause, and the last [`CAPACITY`] events.
pub struct Journal {
    counts: [[u64; Cause::COUNT]; Outcome::COUNT],
    written: u64,
    drained: u64,
    lost: u64,
    ring: [Event; CAPACITY],
}

impl Journal {
    pub(crate) const fn new() -> Self {
        Self {
            counts: [[0; Cause::COUNT]; Outcome::COUNT],
            written: 0,
            drained: 0,
            lost: 0,
            ring: [Event::NONE; CAPACITY],
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, event: Event) {
        self.counts[event.outcome.index()][event.fault.cause() as usize] += 1;
        self.ring[self.written as usize % CAPACITY] = event;
        self.written += 1;
    }

    /// Faults that ended so, since the start.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        self.counts[outcome.index()].iter().sum()
    }

    /// Faults that the processor raised for this cause, since the start.
    #[must_use]
    pub fn count_by_cause(&self, cause: Cause) -> u64 {
        self.counts
            .iter()
            .map(|by_cause| by_cause[cause as usize])
            .sum()
    }

    /// All faults since the start, refused and spurious ones included.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.written
    }

    /// Events that were overwritten before anybody drained them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost + self.overwritten()
    }

    /// The oldest event that was not yet drained and is still there.
    pub fn drain(&mut self) -> Option<Event> {
        let overwritten = self.overwritten();
        self.lost += overwritten;
        self.drained += overwritten;
        if self.drained == self.written {
            return None;
        }
        let event = self.ring[self.drained as usize % CAPACITY];
        self.drained += 1;
        Some(event)
    }

    /// The newest event, drained or not.
    #[must_use]
    pub fn last(&self) -> Option<Event> {
        let index = self.written.checked_sub(1)?;
        Some(self.ring[index as usize % CAPACITY])
    }

    /// True if the last two events are the same spurious fault: the access was
    /// tried again and got no further.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        let event = |back: u64| {
            let index = self.written.checked_sub(back)?;
            Some(self.ring[index as usize % CAPACITY])
        };
        let (last, before) = (event(1), event(2));
        last == before && last.is_some_and(|event| event.outcome == Outcome::Spurious)
    }

    fn overwritten(&self) -> u64 {
        (self.written - self.drained).saturating_sub(CAPACITY as u64)
    }
}
