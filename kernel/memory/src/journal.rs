//! The journal of faults: counts by cause and outcome, and a ring of events.
//!
//! The fault path writes, and never formats, waits or allocates: an event is a
//! few stores into a ring that the kernel lends from the start. Whoever caused the
//! accesses drains the ring afterwards. When more events came than the ring
//! holds, the oldest are lost and counted.

use x86_64::{PhysAddr, VirtAddr};

use crate::fault::{Cause, Fault, Outcome};

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
    /// What the ring is filled with before the first fault.
    pub const NONE: Self = Self {
        fault: Fault::NONE,
        outcome: Outcome::Spurious,
        region: VirtAddr::zero(),
        frame: PhysAddr::zero(),
    };
}

/// Counts of faults by outcome and cause, and the last events.
pub struct Journal<'m> {
    counts: [[u64; Cause::COUNT]; Outcome::COUNT],
    written: u64,
    drained: u64,
    lost: u64,
    /// As many events as are kept: a power of two, or none.
    ring: &'m mut [Event],
}

impl<'m> Journal<'m> {
    /// A journal without a fault, which keeps its events in `ring`.
    pub(crate) fn new(ring: &'m mut [Event]) -> Self {
        let kept = ring.len().checked_ilog2().map_or(0, |log| 1 << log);
        Self {
            counts: [[0; Cause::COUNT]; Outcome::COUNT],
            written: 0,
            drained: 0,
            lost: 0,
            ring: &mut ring[..kept],
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, event: Event) {
        self.counts[event.outcome.index()][event.fault.cause() as usize] += 1;
        let index = self.index(self.written);
        if let Some(slot) = self.ring.get_mut(index) {
            *slot = event;
        }
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
        let event = self.ring.get(self.index(self.drained)).copied();
        self.drained += 1;
        event
    }

    /// The newest event, drained or not.
    #[must_use]
    pub fn last(&self) -> Option<Event> {
        self.back(1)
    }

    /// True if the last two events are the same spurious fault: the access was
    /// tried again and got no further.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.back(1) == self.back(2)
            && self
                .last()
                .is_some_and(|event| event.outcome == Outcome::Spurious)
    }

    /// The event `back` events ago, if it is still there; 1 is the newest.
    fn back(&self, back: u64) -> Option<Event> {
        let position = self.written.checked_sub(back)?;
        (back <= self.ring.len() as u64)
            .then(|| self.ring.get(self.index(position)).copied())
            .flatten()
    }

    #[inline]
    fn index(&self, position: u64) -> usize {
        position as usize & self.ring.len().wrapping_sub(1)
    }

    fn overwritten(&self) -> u64 {
        (self.written - self.drained).saturating_sub(self.ring.len() as u64)
    }
}
