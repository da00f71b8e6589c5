//! What a step cost: counters read before and after it, and its faults.

use memory::journal::Event;

use crate::{println, spaces};

/// The counters that the tour speaks of, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meter {
    /// Faults since boot.
    pub(super) faults: u64,
    /// Private frames in use.
    pub(super) frames: u64,
    /// Frames that hold page tables.
    pub(super) tables: u64,
}

impl Meter {
    /// Reads the counters.
    #[must_use]
    pub(super) fn read() -> Self {
        spaces::physical(|physical| {
            let counts = physical.frames().counts();
            Self {
                faults: physical.journal().faults(),
                frames: counts.private,
                tables: counts.tables,
            }
        })
    }

    /// What was added since `before`. None of the tour's steps gives back.
    #[must_use]
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            faults: self.faults - before.faults,
            frames: self.frames.saturating_sub(before.frames),
            tables: self.tables.saturating_sub(before.tables),
        }
    }
}

/// Forgets the events of earlier faults, so that the next ones are the step's own.
pub(super) fn forget_events() {
    while spaces::physical(|physical| physical.journal_mut().drain()).is_some() {}
}

/// Tells of each fault that was not yet told of: what the processor said, and
/// what was done about it.
pub(super) fn tell_faults() {
    while let Some(event) = spaces::physical(|physical| physical.journal_mut().drain()) {
        tell(&event);
    }
}

fn tell(event: &Event) {
    let address = event.fault.address;
    println!(
        "      #PF CR2={:#x}, error code {:#x}: {}",
        address,
        event.fault.code.bits(),
        event.fault
    );
    println!(
        "          page {:#x}, region {:#x}: {}, frame {:#x}",
        address.align_down(4096_u64),
        event.region,
        event.outcome,
        event.frame
    );
}
