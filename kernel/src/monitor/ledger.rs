//! What a command has caused: its faults and frames, and, while the trace is
//! on, each fault in a line of its own before the command's result.
//!
//! The work is done in small parts, each measured by itself, so that the
//! fault log's ring never overflows between two looks at it.

use super::output::Output;
use crate::account::meter::{Cost, measure};
use crate::account::words::Traced;

/// Accesses whose faults one part may hold: the meter keeps 16, and no access
/// of one byte causes more than two.
pub(super) const ACCESSES: usize = 8;

/// The costs of a command so far.
#[derive(Debug)]
pub(super) struct Ledger {
    cost: Cost,
    is_traced: bool,
}

impl Ledger {
    /// Nothing was caused yet.
    pub(super) fn new(is_traced: bool) -> Self {
        Self {
            cost: Cost::default(),
            is_traced,
        }
    }

    /// Does a part of the work, and prints its faults if they are traced.
    pub(super) fn run<R>(&mut self, out: &mut Output<'_>, work: impl FnOnce() -> R) -> R {
        let (result, measured) = measure(work);
        self.cost += measured.cost;
        if self.is_traced {
            for event in measured.faults() {
                out.facts(format_args!("{}", Traced(event)));
            }
        }
        result
    }

    /// All that was caused.
    pub(super) fn cost(&self) -> Cost {
        self.cost
    }
}
