//! One block in two pages: 100 bytes that begin before a page boundary and end
//! behind it, and, as a contrast, the same blocks where they stay inside.
//!
//! The walks to the first and the last byte of the block are shown before and
//! after the touches. What is run is data, [`LEAVING`] and [`STAYING`].

use memory::space::Backing;
use memory::words::Count;
use x86_64::VirtAddr;

use super::scenario::{Block, Bytes, Scenario, Step, Touch};
use super::{stage, tell};
use crate::account::meter::Cost;
use crate::console::input::{self, Cancelled};
use crate::{print, println};

const PAGE: u64 = 4096;

/// a, b and c at the end of the first page: c reaches into the second.
pub const LEAVING: Scenario = on_demand(Bytes::STRADDLING);
/// a, b and c in the middle of the first page: none leaves it.
pub const STAYING: Scenario = on_demand(Bytes::INSIDE);

const fn on_demand(bytes: Bytes) -> Scenario {
    Scenario {
        backing: Backing::Demand,
        bytes,
        order: [0, 1, 2],
        touches: &[Touch::Write],
    }
}

/// Runs both, and describes them.
///
/// # Errors
///
/// Ctrl-C was pressed.
///
/// # Panics
///
/// If something else lies in the low half where the blocks go.
pub fn run() -> Result<(), Cancelled> {
    println!();
    println!("Blocks are counted in bytes, memory becomes physical in pages of {PAGE} bytes.");
    println!("Which pages a block needs is decided by where it lies, not only by how long it is.");
    play(&LEAVING);
    input::check()?;
    play(&STAYING);
    Ok(())
}

fn play(scenario: &Scenario) {
    let blocks = scenario.blocks();
    let [a, b, c] = blocks;
    let (_, past) = c.split();
    let verdict = if past > 0 { "leaves" } else { "stays in" };
    println!();
    println!(
        "demand backing, a at {:#x}, b at {:#x}: c {verdict} the page where it begins",
        a.start, b.start
    );
    blocks.iter().for_each(place);
    let mut total = Cost::default();
    scenario.run(|step, measured| {
        tell::step(step, measured, &mut total);
        match step {
            Step::Reserve(_) => {
                println!("  before any touch:");
                ends(&c);
            }
            Step::Touch(block, _) => {
                measured.faults().iter().for_each(|event| {
                    reached(&block, event.fault.address);
                });
                if block == c {
                    println!("  after all touches:");
                    ends(&c);
                    frames(&c);
                }
            }
            Step::Free => {}
        }
    });
}

/// Says in which page, or pages, a block lies.
fn place(block: &Block) {
    let Block { name, start, size } = *block;
    let (first, rest) = block.split();
    let page = start.align_down(PAGE);
    let next = page + PAGE;
    print!(
        "  {name} {:#x}..{:#x}, {}: ",
        start,
        block.end(),
        Count(size, "byte")
    );
    if rest == 0 {
        println!("{} more would fit in page {page:#x}", next - block.end());
    } else {
        println!("{first} in page {page:#x}, {rest} in page {next:#x}");
    }
}

/// Says at which byte of a block a fault came.
fn reached(block: &Block, address: VirtAddr) {
    let byte = address - block.start + 1;
    println!("    its fault came at byte {byte} of {}", block.size);
}

/// The walks to the first and to the last byte of a block.
fn ends(block: &Block) {
    for address in [block.start, block.end() - 1] {
        tell::walk(&stage::walk(address));
    }
}

/// Says where the pages under a block lie in physical memory.
fn frames(block: &Block) {
    let frame = |address: VirtAddr| {
        let page = address.align_down(PAGE);
        stage::walk(page).physical()
    };
    let (Some(first), Some(last)) = (frame(block.start), frame(block.end() - 1)) else {
        return;
    };
    if first == last {
        println!("  both ends lie in the same frame, {first:#x}");
    } else if last.as_u64() == first.as_u64() + PAGE {
        println!("  the frames {first:#x} and {last:#x} are neighbours too, but need not be");
    } else {
        println!("  the pages are neighbours; the frames {first:#x} and {last:#x} need not be");
    }
}
