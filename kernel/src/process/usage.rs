//! The page faults of a process.
//!
//! The way of a fault does not know of processes. What is counted there grows
//! while one of them is loaded, and that is its own: faults that it takes in ring
//! 3, and those that the kernel takes in its memory on its behalf.

use core::ops::{Add, AddAssign};

use super::{Process, Processes};
use crate::fault;

/// Page faults that were resolved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Those for which nothing had to be read.
    pub minor: u64,
    /// Those that waited for a page of a file.
    pub major: u64,
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

impl Usage {
    /// All of them.
    #[must_use]
    pub const fn faults(self) -> u64 {
        self.minor + self.major
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        *self = *self + more;
    }
}

/// The counter at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    resolved: u64,
    read: u64,
}

impl Reading {
    pub(super) const NONE: Self = Self {
        resolved: 0,
        read: 0,
    };

    pub(super) fn take() -> Self {
        Self {
            resolved: fault::resolved_in_low_half(),
            read: fault::pages_read(),
        }
    }

    fn since(self, before: Self) -> Usage {
        let (resolved, major) = (self.resolved - before.resolved, self.read - before.read);
        Usage {
            // The access that has waited faults a second time. It may be refused then.
            minor: resolved.saturating_sub(2 * major),
            major,
        }
    }
}

impl Processes {
    /// Adds what the process has used that is loaded, since this was done before,
    /// or since it was loaded.
    pub(super) fn settle(&mut self, process: &mut Process) {
        let now = Reading::take();
        process.used += now.since(self.faults);
        self.faults = now;
    }
}
