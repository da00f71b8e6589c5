//! The page faults of a process; and of the one in the foreground, what became of
//! each.
//!
//! The way of a fault does not know of processes. What is counted there grows
//! while one of them is loaded, and that is its own: faults that it takes in ring
//! 3, and those that the kernel takes in its memory on its behalf.

use core::ops::{Add, AddAssign};

use memory::Outcome;

use super::{Process, Processes};
use crate::fault;

/// Page faults by outcome, in the order of [`Outcome::ALL`].
pub type Counts = [u64; Outcome::COUNT];

/// Page faults that were resolved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Those for which nothing had to be read.
    pub minor: u64,
    /// Those that waited for a page of a file or of a slot.
    pub major: u64,
}

impl Usage {
    /// All of them.
    #[must_use]
    pub const fn faults(self) -> u64 {
        self.minor + self.major
    }

    /// Those of these outcomes, of which so many waited for slots.
    pub(crate) fn of(counts: &Counts, slots: u64) -> Self {
        let is_resolved =
            |outcome: &Outcome| !matches!(outcome, Outcome::Blocked | Outcome::Refused(_));
        let resolved = Outcome::ALL.into_iter().filter(is_resolved);
        let resolved: u64 = resolved.map(|outcome| counts[outcome.index()]).sum();
        let major = counts[Outcome::Blocked.index()];
        Self {
            // The access that has waited for a page of a file faults a second time. It
            // may be refused then.
            minor: resolved.saturating_sub(major.saturating_sub(slots)),
            major,
        }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            minor: self.minor + more.minor,
            major: self.major + more.major,
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        *self = *self + more;
    }
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Faults in either half.
    all: u64,
    low_half: Counts,
    slots: u64,
}

impl Reading {
    pub(super) const NONE: Self = Self {
        all: 0,
        low_half: [0; Outcome::COUNT],
        slots: 0,
    };

    pub(super) fn take() -> Self {
        Self {
            all: fault::all(),
            low_half: fault::in_low_half(),
            slots: fault::waited_for_slots(),
        }
    }

    fn since(&self, before: &Self) -> Counts {
        let mut counts = self.low_half;
        for (count, before) in counts.iter_mut().zip(before.low_half) {
            *count -= before;
        }
        counts
    }
}

impl Processes {
    /// Adds what the process has used that is loaded, since this was done before,
    /// or since it was loaded.
    pub(super) fn settle(&mut self, process: &mut Process) {
        // Most turns go by without a fault.
        if fault::all() != self.faults.all {
            self.add_faults(process);
        }
    }

    #[inline(never)]
    fn add_faults(&mut self, process: &mut Process) {
        let now = Reading::take();
        let counts = now.since(&self.faults);
        let slots = now.slots - self.faults.slots;
        self.faults = now;
        process.used += Usage::of(&counts, slots);
        if process.id == self.foreground {
            for (count, more) in self.by_outcome.iter_mut().zip(counts) {
                *count += more;
            }
        }
    }
}
