//! What a command has caused: its faults and frames, and, while the trace is on, each fault
//! in a line of its own before the command's result.

use super::output::Output;
use crate::account::words::Traced;
use crate::machine::Machine;

/// The counters before a command.
pub(super) struct Ledger {
    faults: u64,
    frames: u64,
}

impl Ledger {
    pub(super) fn begin(machine: &Machine) -> Self {
        let counts = machine.memory().counts();
        Self {
            faults: machine.memory().fault_log(|log| log.faults()),
            frames: counts.private + counts.shared,
        }
    }

    /// Faults and frames since then; each fault is told if they are traced.
    pub(super) fn end(
        self,
        machine: &Machine,
        is_traced: bool,
        out: &mut Output<'_>,
    ) -> (u64, i64) {
        let now = Self::begin(machine);
        if is_traced {
            for event in &machine.events {
                out.facts(format_args!("{}", Traced(event)));
            }
        }
        let frames = now.frames.cast_signed() - self.frames.cast_signed();
        (now.faults - self.faults, frames)
    }
}
