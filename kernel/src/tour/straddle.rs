//! The end of the example: blocks at the end of a page, the last of which
//! reaches into the next one. A block is not what becomes physical, a page is.

use memory::space::Backing;

use super::meter::Cost;
use super::scenario::{BASE, Block, Bytes, Scenario, Step, Touch};
use super::tell;
use crate::println;

/// Runs it and tells of it.
///
/// # Panics
///
/// If something else lies in the low half where it wants its region.
pub fn run() {
    let scenario = Scenario {
        backing: Backing::Demand,
        bytes: Bytes::STRADDLING,
        order: [0, 1, 2],
        touches: &[Touch::Write],
    };
    println!();
    println!("A region of two pages with demand backing. The byte allocator hands out three");
    println!("blocks from the end of the first page on, in steps of 16 bytes:");
    for Block { name, start, size } in scenario.blocks() {
        let last = start + (size - 1);
        println!(
            "  {name}, {size} bytes: {start:#x} to {last:#x}, page {:#x} to page {:#x}",
            start.align_down(4096_u64),
            last.align_down(4096_u64)
        );
    }
    println!("Pages become physical, not blocks. So a should cost a fault and a frame, b nothing,");
    println!("and c, whose first bytes lie in a page that is there by then, a fault for the rest:");

    let second_page = BASE + 4096;
    let mut total = Cost::default();
    scenario.run(|step, measured| {
        tell::step(step, measured, &mut total);
        let is_reserved = matches!(step, Step::Reserve(_));
        if is_reserved || measured.cost.faults > 0 {
            tell::walk(BASE);
            tell::walk(second_page);
        }
    });
    println!("115 bytes took two pages; packed from the start of a page they take one.");
}
