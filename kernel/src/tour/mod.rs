//! Guided demonstrations: each does something real with memory and tells, line
//! by line, what the counters and the fault log say about it.
//!
//! [`TOURS`] lists those that people can ask for.

pub mod example;
pub mod faults;
pub mod fork;
pub mod load;
mod onlooker;
pub mod policies;
pub mod program;
mod say;
pub mod scenario;
pub mod stage;
pub mod straddle;
pub mod swap;
mod tell;
pub mod zero;

use crate::console::input::Cancelled;

/// A demonstration that people can ask for by name. It runs in the low half of
/// the space that is loaded, which has to be empty.
#[derive(Debug, Clone, Copy)]
pub struct Tour {
    /// Its name, one word.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub shows: &'static str,
    /// Frames (4 KiB) that have to be free for it; it may use more if there are.
    pub frames: u64,
    /// Runs it, and tells on the console; Ctrl-C ends it between two of its parts.
    pub run: fn() -> Result<(), Cancelled>,
}

/// All of them.
pub static TOURS: [Tour; 7] = [
    Tour {
        name: "example",
        shows: "alloc 5, 10 and 100 bytes under all three backings, in order and with b first",
        frames: 16,
        run: example::run,
    },
    Tour {
        name: "straddle",
        shows: "the same blocks where 100 bytes cross into a second page, walk by walk",
        frames: 16,
        run: straddle::run,
    },
    Tour {
        name: "zero",
        shows: "pages that share one frame of zeroes until they are written",
        frames: 16,
        run: zero::run,
    },
    Tour {
        name: "policies",
        shows: "frames, faults and time of five ways to back the same work, side by side",
        frames: 80,
        run: policies::run,
    },
    Tour {
        name: "load",
        shows: "a program whose pages come from its file, each when it is touched",
        frames: 256,
        run: load::run,
    },
    Tour {
        name: "fork",
        shows: "a process that becomes two, and copies no page before somebody writes",
        frames: 256,
        run: fork::run,
    },
    Tour {
        name: "swap",
        shows: "which page goes to the disk: the same work under each policy, beside the optimum",
        frames: 256,
        run: swap::run,
    },
];

/// The tour of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Tour> {
    TOURS.iter().find(|tour| tour.name == name)
}
