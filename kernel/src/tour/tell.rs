//! The words that the demonstrations share: faults, steps of a scenario, and
//! walks. All numbers come from what was measured; nothing here measures.

use core::fmt;

use memory::fault_log::Event;
use memory::paging::{LeafSize, Walk, index_at, offset_in_page};
use memory::words::Count;

use super::scenario::{Block, Step, Touch};
use crate::account::meter::{Cost, Measured};
use crate::{dashboard, println};

/// Tells of one step of a scenario, its faults first; before the region is
/// freed, of all steps together.
pub(super) fn step(step: Step, measured: &Measured, total: &mut Cost) {
    faults(measured);
    match step {
        Step::Reserve(region) => println!(
            "  region {:#x}..{:#x}, {}: {}",
            region.base,
            region.end(),
            Count(region.size / 4096, "page"),
            measured.cost
        ),
        Step::Touch(block, touch) => println!("  {}: {}", Touched(block, touch), measured.cost),
        Step::Free => {
            println!("  in all: {total}");
            println!("  freed: {}", measured.cost);
        }
    }
    *total += measured.cost;
    dashboard::refresh();
}

/// Tells of each fault: CR2 and error code, and what was decided.
pub(super) fn faults(measured: &Measured) {
    measured.faults().iter().for_each(fault);
}

fn fault(event: &Event) {
    let address = event.fault.address;
    println!(
        "    #PF CR2={:#x} error={:#x}: {}",
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

/// Prints a walk level by level, under a line that says where it leads.
pub(super) fn walk(walk: &Walk) {
    println!(
        "    walk to {:#x}: indices {} {} {} {}, offset {:#x}",
        walk.address,
        index_at(walk.address, 4),
        index_at(walk.address, 3),
        index_at(walk.address, 2),
        index_at(walk.address, 1),
        offset_in_page(walk.address, LeafSize::Size4KiB)
    );
    for step in walk.steps() {
        println!("      {step}");
    }
    match walk.physical() {
        Some(physical) => println!("      physical {physical:#x}"),
        None => println!(
            "      not mapped: the walk ends at level {}",
            walk.end().level
        ),
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
        write!(f, "{verb} {name}, {} at {start:#x}", Count(size, "byte"))
    }
}
