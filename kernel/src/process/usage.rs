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

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        *self = *self + more;
    }
}

/// The counter at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading(u64);

impl Reading {
    pub(super) const NONE: Self = Self(0);

    pub(super) fn take() -> Self {
        Self(fault::resolved_in_low_half())
    }

    fn since(self, before: Self) -> Usage {
        Usage {
            minor: self.0 - before.0,
            major: 0,
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
