//! Who looks on while processes run: the monitor with its dashboard, a trace of
//! their calls, or a tour that tells what happens to them.
//!
//! ```text
//!   enter ─> left ─> what it has left for is done ─> handled ─> enter ...
//!                                                       │ ended: its memory goes back
//!                                                       └─> ended
//! ```
//!
//! What must always hold: between `left` and `handled` of a process, and between
//! `handled` and the next `left`, no other process runs. So the faults that have
//! come since then are its own.

use super::{Id, Process, Processes};
use crate::cpu::ring3::Left;

/// Somebody who looks on.
pub trait Watch {
    /// Whether Ctrl-Z may stop the program in the foreground.
    fn can_stop(&self) -> bool {
        false
    }

    /// A process has left ring 3; nothing was done about it yet.
    fn left(&mut self, process: &Process, why: Left);

    /// What it has left for was done. The result of a system call is in its registers.
    fn handled(&mut self, process: &Process);

    /// The timer has ended a turn. The space of the process that had it is loaded
    /// still.
    fn turn_over(&mut self, _: &Processes) {}

    /// A process that has ended by itself has given its memory back.
    fn ended(&mut self, _: Id) {}
}

/// Nobody.
#[derive(Debug)]
pub(super) struct Unwatched;

impl Watch for Unwatched {
    #[inline]
    fn left(&mut self, _: &Process, _: Left) {}

    #[inline]
    fn handled(&mut self, _: &Process) {}
}
