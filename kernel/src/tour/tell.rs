//! How tours tell what happened: faults before the step that caused them, then
//! what the step cost, and walks through the tables where they explain something.

use core::fmt;

use memory::journal::Event;
use x86_64::VirtAddr;

use super::meter::{Cost, Measured};
use super::scenario::{Block, Step, Touch};
use crate::{println, spaces};

/// Tells of one step; before the region is freed, of all steps together.
pub(super) fn step(step: Step, measured: &Measured, total: &mut Cost) {
    measured.faults().iter().for_each(fault);
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

/// Tells of a fault.
fn fault(event: &Event) {
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

/// Tells how `address` is translated now.
pub(super) fn walk(address: VirtAddr) {
    let walk = spaces::current(|space, _, _| space.walk(address));
    println!("    the walk to {address:#x}:");
    for step in walk.steps() {
        println!("      {step}");
    }
    match walk.physical() {
        Some(physical) => println!("      so it is at {physical:#x} in physical memory"),
        None => println!("      so it is not mapped: a touch will fault"),
    }
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
