//! What a piece of work cost: counters read before and after it, and the
//! faults that it caused, one by one.
//!
//! Tour and tests measure with the same code, so that what the tour shows is
//! what the tests assert. Reading a counter allocates nothing and touches
//! nothing that is demand-backed; a measurement never measures itself.

use core::fmt;
use core::ops::AddAssign;

use memory::fault_log::Event;

use crate::spaces;

/// Faults of one piece of work that are kept; further ones are only counted.
const KEPT: usize = 16;

/// What a piece of work changed. Frames are of 4 KiB; below 0, they came back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Faults taken.
    pub faults: u64,
    /// Private and shared frames: the memory behind the pages.
    pub frames: i64,
    /// Frames that hold page tables.
    pub tables: i64,
    /// Frames that hold the records of regions.
    pub records: i64,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, more: Self) {
        self.faults += more.faults;
        self.frames += more.frames;
        self.tables += more.tables;
        self.records += more.records;
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            faults,
            frames,
            tables,
            records,
        } = self;
        write!(
            f,
            "faults={faults} frames={frames} tables={tables} records={records}"
        )
    }
}

/// The cost of a piece of work, and its faults.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// What it cost.
    pub cost: Cost,
    events: [Event; KEPT],
    kept: usize,
}

impl Measured {
    /// The faults in the order in which they came, the first 16 of them.
    #[must_use]
    pub fn faults(&self) -> &[Event] {
        &self.events[..self.kept]
    }
}

/// Does `work`, and says what it cost. Events of earlier faults that nobody
/// drained from the fault log are forgotten.
pub fn measure<R>(work: impl FnOnce() -> R) -> (R, Measured) {
    while drain().is_some() {}
    let before = Reading::take();
    let result = work();
    let cost = Reading::take().since(before);
    let mut events = [Event::NONE; KEPT];
    let mut kept = 0;
    while let Some(event) = drain() {
        if let Some(place) = events.get_mut(kept) {
            *place = event;
            kept += 1;
        }
    }
    (result, Measured { cost, events, kept })
}

/// The oldest event in the fault log.
fn drain() -> Option<Event> {
    spaces::memory().next_event()
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    faults: u64,
    pages: u64,
    tables: u64,
    kernel: u64,
}

impl Reading {
    pub(crate) fn take() -> Self {
        let memory = spaces::memory();
        let counts = memory.counts();
        Self {
            faults: memory.fault_log(|log| log.faults()),
            pages: counts.private + counts.shared,
            tables: counts.tables,
            kernel: counts.kernel,
        }
    }

    /// What has changed.
    pub(crate) fn since(self, before: Self) -> Cost {
        Cost {
            faults: self.faults - before.faults,
            frames: self.pages.cast_signed() - before.pages.cast_signed(),
            tables: self.tables.cast_signed() - before.tables.cast_signed(),
            records: self.kernel.cast_signed() - before.kernel.cast_signed(),
        }
    }
}
