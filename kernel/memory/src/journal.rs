//! The journal of faults: counts by cause and outcome, and a ring of events.
//!
//! The fault path writes, and never formats, waits or allocates: an event is a
//! few stores into a ring that the kernel lends from the start. Whoever caused the
//! accesses drains the ring afterwards. When more events came than the ring
//! holds, the oldest are lost and counted.

use core::sync::atomic::Ordering::SeqCst;
use core::sync::atomic::compiler_fence;

use x86_64::{PhysAddr, VirtAddr};

use crate::fault::{Cause, Fault, Outcome};

/// Events that are kept. A number that is known when the fault path is compiled
/// saves it four instructions.
pub const RING: usize = 256;
const _: () = assert!(RING.is_power_of_two());

/// One fault and what became of it. An event fills a cache line, and its place
/// in the ring is a shift.
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

impl Event {
    /// What the ring is filled with before the first fault.
    pub const NONE: Self = Self {
        fault: Fault::NONE,
        outcome: Outcome::Spurious,
        region: VirtAddr::zero(),
        frame: PhysAddr::zero(),
    };
}

/// Where faults of one outcome and one cause are counted. The fault path knows
/// its rows beforehand; working them out took a call.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Row(u8);

/// As many rows as a byte names, so that no bound has to be checked.
const ROWS: usize = 256;
const _: () = assert!(Outcome::COUNT * Cause::COUNT <= ROWS);

impl Row {
    #[inline]
    pub(crate) const fn of(outcome: Outcome, cause: Cause) -> Self {
        Self((outcome.index() * Cause::COUNT + cause as usize) as u8)
    }
}

/// Counts of faults by outcome and cause, and the last events.
pub struct Journal<'m> {
    /// By [`Row`].
    counts: [u64; ROWS],
    written: u64,
    drained: u64,
    lost: u64,
    ring: &'m mut [Event; RING],
}

impl<'m> Journal<'m> {
    /// A journal without a fault, which keeps its events in `ring`.
    pub(crate) fn new(ring: &'m mut [Event; RING]) -> Self {
        Self {
            counts: [0; ROWS],
            written: 0,
            drained: 0,
            lost: 0,
            ring,
        }
    }

    /// Counts a fault of this row, and lets `write` write all of its event.
    #[inline(always)]
    pub(crate) fn record(&mut self, row: Row, write: impl FnOnce(&mut Event)) {
        write(self.next_event());
        self.count_fault(row);
    }

    /// Where the next event is written, over an older one: all of it, and
    /// [`Self::count_fault`] follows. Field by field that needs fewer registers
    /// than an event that is ready.
    #[inline(always)]
    pub(crate) fn next_event(&mut self) -> &mut Event {
        &mut self.ring[Self::index(self.written)]
    }

    /// Counts a fault of this row, whose event is written: all of it before it
    /// counts, whatever comes in between. The number is raised where it stands,
    /// as nothing of it is kept over the fence: 4 instructions less.
    #[inline(always)]
    pub(crate) fn count_fault(&mut self, row: Row) {
        compiler_fence(SeqCst);
        self.counts[usize::from(row.0)] += 1;
        self.written += 1;
    }

    /// Faults that ended so, since the start.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> u64 {
        let first = usize::from(Row::of(outcome, Cause::Absent).0);
        self.counts[first..first + Cause::COUNT].iter().sum()
    }

    /// Faults that the processor raised for this cause, since the start.
    #[must_use]
    pub fn count_by_cause(&self, cause: Cause) -> u64 {
        let of_cause = self.counts.iter().skip(cause as usize);
        of_cause.step_by(Cause::COUNT).sum()
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
        let event = self.ring[Self::index(self.drained)];
        self.drained += 1;
        Some(event)
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
        (back <= RING as u64).then(|| self.ring[Self::index(position)])
    }

    #[inline]
    const fn index(position: u64) -> usize {
        position as usize % RING
    }

    fn overwritten(&self) -> u64 {
        (self.written - self.drained).saturating_sub(RING as u64)
    }
}
