//! The example this project grew from: a byte allocator hands out 5, 10 and
//! 100 bytes from a region at 0x10000, and the question is which touch makes
//! which page physical.
//!
//! It runs under each backing, touched in order and with b first, and once
//! where the blocks straddle a page boundary. Every number that is printed
//! comes from the counters, every fault from the fault log; a step's faults are
//! told before its result.

use memory::space::Backing;

use super::scenario::{Bytes, Scenario, Touch};
use super::tell;
use crate::account::meter::Cost;
use crate::console::input::{self, Cancelled};
use crate::println;

const IN_ORDER: [usize; 3] = [0, 1, 2];
const B_FIRST: [usize; 3] = [1, 0, 2];

const fn packed(backing: Backing, order: [usize; 3], touches: &'static [Touch]) -> Scenario {
    Scenario {
        backing,
        bytes: Bytes::PACKED,
        order,
        touches,
    }
}

const WRITE: &[Touch] = &[Touch::Write];
const READ_THEN_WRITE: &[Touch] = &[Touch::Read, Touch::Write];

const SCENARIOS: [(&str, Scenario); 7] = [
    (
        "immediate backing, touched in order",
        packed(Backing::Immediate, IN_ORDER, WRITE),
    ),
    (
        "immediate backing, b touched first",
        packed(Backing::Immediate, B_FIRST, WRITE),
    ),
    (
        "demand backing, touched in order",
        packed(Backing::Demand, IN_ORDER, WRITE),
    ),
    (
        "demand backing, b touched first",
        packed(Backing::Demand, B_FIRST, WRITE),
    ),
    (
        "zero backing, read and then written, in order",
        packed(Backing::Zero, IN_ORDER, READ_THEN_WRITE),
    ),
    (
        "zero backing, read and then written, b first",
        packed(Backing::Zero, B_FIRST, READ_THEN_WRITE),
    ),
    (
        "demand backing, straddling a page boundary: a at 0x10f85, b at 0x10f90",
        Scenario {
            backing: Backing::Demand,
            bytes: Bytes::STRADDLING,
            order: IN_ORDER,
            touches: WRITE,
        },
    ),
];

/// Runs the whole example and describes it.
///
/// # Errors
///
/// Ctrl-C was pressed.
///
/// # Panics
///
/// If something else lies in the low half where the example wants its region.
pub fn run() -> Result<(), Cancelled> {
    println!();
    println!(
        "a = alloc(5), b = alloc(10), c = alloc(100): when does their memory become physical?"
    );
    for (title, scenario) in &SCENARIOS {
        input::check()?;
        println!();
        println!("{title}");
        let mut total = Cost::default();
        scenario.run(|step, measured| tell::step(step, measured, &mut total));
    }
    Ok(())
}
