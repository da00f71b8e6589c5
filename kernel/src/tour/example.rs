//! The example this project grew from: a byte allocator hands out 5, 10 and
//! 100 bytes from a region at 0x10000, and the question is which touch makes
//! which page physical.
//!
//! It runs under each backing, touched in order and with b first, and once
//! where the blocks straddle a page boundary. Every number that is printed
//! comes from the counters, every fault from the journal; a step's faults are
//! told before its result.

use core::fmt;

use memory::journal::Event;
use memory::space::Backing;

use super::meter::{Cost, Measured};
use super::scenario::{Block, Bytes, Scenario, Step, Touch};
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

/// Runs the whole example and tells of it.
///
/// # Panics
///
/// If something else lies in the low half where the example wants its region.
pub fn run() {
    println!();
    println!(
        "a = alloc(5), b = alloc(10), c = alloc(100): when does their memory become physical?"
    );
    for (title, scenario) in &SCENARIOS {
        println!();
        println!("{title}");
        let mut total = Cost::default();
        scenario.run(|step, measured| tell(step, measured, &mut total));
    }
}

/// Tells of one step; before the region is freed, of all steps together.
fn tell(step: Step, measured: &Measured, total: &mut Cost) {
    measured.faults().iter().for_each(tell_fault);
    match step {
        Step::Reserve(region) => println!(
            "  region {:#x}..{:#x}, {} pages: {}",
            region.base,
            region.end(),
            region.size / 4096,
            measured.cost
        ),
        Step::Touch(block, touch) => println!("  {}: {}", Touched(block, touch), measured.cost),
        Step::Free => {
            println!("  in all: {total}");
            println!("  freed: {}", measured.cost);
        }
    }
    *total += measured.cost;
}

fn tell_fault(event: &Event) {
    let address = event.fault.address;
    println!(
        "    #PF CR2={:#x}, error code {:#x}: {}",
        address,
        event.fault.code.bits(),
        event.fault
    );
    println!(
        "        page {:#x}, region {:#x}: {}, frame {:#x}",
        address.align_down(4096_u64),
        event.region,
        event.outcome,
        event.frame
    );
}

/// A touched block in words.
struct Touched(Block, Touch);

impl fmt::Display for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Block { name, start, size } = self.0;
        let verb = match self.1 {
            Touch::Read => "read",
            Touch::Write => "write",
        };
        write!(f, "{verb} {name}, {size} bytes at {start:#x}")
    }
}
