//! What the kernel's operations cost, in guest instructions.
//!
//! Under `-accel tcg -icount shift=0` the time-stamp counter counts guest
//! instructions, so that a figure is exact and the same on every machine. Each
//! operation is measured by itself, between two readings of the counter; what
//! two readings with nothing between them cost is taken off. One line each:
//!
//! ```text
//! bench zero-page read unit=instructions min=80 median=80 max=95 n=1024
//! ```
//!
//! The word `bench=instructions` says that it is so; beside `tour=NAME` that is
//! all it says. Otherwise the unit is ticks, which say little under emulation.
//! With `bench-part=faults` only common faults are measured, with
//! `bench-part=memory` all but the screen.
//! In the book: chapter 10, `docs/10-measuring.md`.

mod eviction;
mod faults;
mod forks;
mod many;
mod operations;
mod place;
mod processes;
mod ring3;
mod screen;

use alloc::vec::Vec;

use crate::command_line;
use crate::console::input::{self, Cancelled};
use crate::cpu::tsc;
use crate::println;

/// How often each operation is measured, unless it is a long one.
const SAMPLES: usize = 1024;

/// Measures everything, and prints a line for each operation. What it leaves
/// when it is cut short goes with the address space.
///
/// # Errors
///
/// Ctrl-C was pressed.
pub fn run() -> Result<(), Cancelled> {
    let bench = Bench::calibrated();
    faults::common(&bench)?;
    let part = command_line::get().value("bench-part");
    if part == Some("faults") {
        return Ok(());
    }
    faults::others(&bench)?;
    many::run(&bench)?;
    operations::run(&bench)?;
    forks::run(&bench)?;
    eviction::run(&bench)?;
    // Last of these: children leave the free frames scattered.
    processes::run(&bench);
    ring3::run(&bench)?;
    if part != Some("memory") {
        screen::run(&bench)?;
    }
    Ok(())
}

/// The unit where the time stamp counts no instructions.
pub(crate) const TICKS: &str = "ticks";

/// What the time stamp counts: `instructions` if the word `bench=instructions`
/// says so, or else `ticks`.
pub(crate) fn unit() -> &'static str {
    match command_line::get().value("bench") {
        Some("instructions") => "instructions",
        _ => TICKS,
    }
}

/// Measures, and prints.
pub(crate) struct Bench {
    /// What two readings of the counter cost.
    empty: u64,
    unit: &'static str,
}

impl Bench {
    pub(crate) fn calibrated() -> Self {
        let bench = Self {
            empty: 0,
            unit: unit(),
        };
        bench.without(|| ())
    }

    /// The same, but takes off what `work` costs as well.
    fn without(&self, mut work: impl FnMut()) -> Self {
        let cost = (0..16).map(|_| self.time(&mut work)).min().unwrap_or(0);
        Self {
            empty: self.empty + cost,
            ..*self
        }
    }

    /// What `operation` costs, once.
    #[inline(always)]
    pub(crate) fn time(&self, operation: impl FnOnce()) -> u64 {
        let start = tsc::now();
        operation();
        let end = tsc::now();
        (end - start).saturating_sub(self.empty)
    }

    /// Measures `operation` on each item, and prints a line, unless Ctrl-C was pressed.
    #[inline(always)]
    fn report<T>(
        &self,
        name: &str,
        items: impl Iterator<Item = T>,
        mut operation: impl FnMut(T),
    ) -> Result<(), Cancelled> {
        input::check()?;
        let mut costs = Vec::with_capacity(SAMPLES);
        for item in items {
            costs.push(self.time(|| operation(item)));
        }
        self.print(name, costs, 1);
        Ok(())
    }

    /// Prints a line for costs of `parts` operations each.
    fn print(&self, name: &str, mut costs: Vec<u64>, parts: u64) {
        costs.sort_unstable();
        let at = |index: usize| costs.get(index).map_or(0, |cost| cost / parts);
        println!(
            "bench {name} unit={} min={} median={} max={} n={}",
            self.unit,
            at(0),
            at(costs.len() / 2),
            at(costs.len().saturating_sub(1)),
            costs.len()
        );
    }
}
