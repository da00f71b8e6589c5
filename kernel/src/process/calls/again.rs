//! Calls that find nothing to do yet: a process makes such a call again in its next
//! turn, as often as it takes.
//!
//! What must always hold: a call that is not made again leaves nothing of itself
//! behind.

use core::num::NonZero;

use super::super::{Process, Processes, State};
use crate::console::input;

/// What a call notes that is made again: how many bytes went, or when it was made
/// first, in milliseconds. It is small, since every process has one.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Again(pub(super) Option<NonZero<u32>>);

/// Has a process make its call again, after the others had their turns, or after the
/// next interrupt if there are none that could run.
pub(super) fn again(process: &mut Process, others: &Processes) -> u64 {
    if others.ready.is_empty() {
        input::wait();
    }
    process.state = State::Ready;
    process.context.call_again()
}
