//! Zero backing: pages that are only read share one frame of zeroes, and a
//! page that is written gets a frame of its own, whose old translation goes.
//!
//! [`steps`] does it for real and hands each step, with what it cost and what
//! is mapped then, to whoever asked: the tour prints it, the tests assert it.

use memory::space::{Backing, Placement, Region, Request, Resident};
use x86_64::{PhysAddr, VirtAddr};

use super::stage::{self, Stage};
use super::tell;
use crate::account::meter::{Cost, Measured, measure};
use crate::console::input::Cancelled;
use crate::{println, spaces};

/// Where the region lies.
pub const BASE: VirtAddr = VirtAddr::new(0x10000);
/// Pages of 4 KiB in it.
pub const PAGES: u64 = 4;
/// The page that is written.
pub const WRITTEN: u64 = 1;
/// What is written to its first byte.
pub const BYTE: u8 = 0x5a;

const PAGE: u64 = 4096;

/// What was just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The region was allocated.
    Reserve(Region),
    /// The first byte of this page was read, and this was in it.
    Read(u64, u8),
    /// [`BYTE`] was written to the first byte of this page.
    Write(u64),
    /// The first byte of this page was read again, and this was in it.
    ReadAgain(u64, u8),
    /// The region was freed.
    Free,
}

/// The first address of a page of the region.
#[must_use]
pub fn page(index: u64) -> VirtAddr {
    BASE + index * PAGE
}

/// Reads every page, writes one, and reads every page again.
///
/// # Panics
///
/// If there is no room: something lies at [`BASE`], or no frame is left.
pub fn steps(mut tell: impl FnMut(Step, &Measured, Resident)) {
    let request = Request::new(PAGES * PAGE, Backing::Zero)
        .placement(Placement::At(BASE))
        .label("zero");
    let (stage, measured) = measure(|| Stage::reserve(request));
    tell(Step::Reserve(stage.region()), &measured, stage.resident());
    for index in 0..PAGES {
        let (byte, measured) = measure(|| stage.read(index * PAGE));
        tell(Step::Read(index, byte), &measured, stage.resident());
    }
    let ((), measured) = measure(|| stage.write(WRITTEN * PAGE, BYTE));
    tell(Step::Write(WRITTEN), &measured, stage.resident());
    for index in 0..PAGES {
        let (byte, measured) = measure(|| stage.read(index * PAGE));
        tell(Step::ReadAgain(index, byte), &measured, stage.resident());
    }
    let ((), measured) = measure(|| stage.release());
    tell(Step::Free, &measured, Resident::default());
}

/// Runs it, and describes it.
///
/// # Errors
///
/// None: it is short.
///
/// # Panics
///
/// If something else lies in the low half where the region goes.
pub fn run() -> Result<(), Cancelled> {
    println!();
    println!("Memory that was never written is all zeroes, so one frame of zeroes can stand");
    println!("for all of it: a page asks for memory of its own when it is first written.");
    println!("The zero frame: {:#x}", zero_frame());
    println!();
    let mut total = Cost::default();
    steps(|step, measured, resident| {
        tell::faults(measured);
        tell_step(step, &measured.cost, resident, total);
        total += measured.cost;
    });
    Ok(())
}

fn tell_step(step: Step, cost: &Cost, resident: Resident, total: Cost) {
    match step {
        Step::Reserve(region) => println!(
            "  region {:#x}..{:#x}, {PAGES} pages, {} backing: {cost}",
            region.base,
            region.end(),
            region.backing
        ),
        Step::Read(index, byte) => {
            println!("  read {:#x}, found {byte:#04x}: {cost}", page(index));
            if index + 1 == PAGES {
                println!("  two of the pages, and where their walks end:");
                tell::walk(&stage::walk(page(0)));
                tell::walk(&stage::walk(page(WRITTEN)));
                saved(resident);
            }
        }
        Step::Write(index) => {
            println!("  write {BYTE:#04x} to {:#x}: {cost}", page(index));
            println!("  the same two pages now:");
            tell::walk(&stage::walk(page(0)));
            tell::walk(&stage::walk(page(index)));
            saved(resident);
            println!("  The processor may still know the zero frame for this page, so the page");
            println!("  was flushed before the write was tried again. All pages, read once more:");
        }
        Step::ReadAgain(index, byte) => {
            println!("  read {:#x}, found {byte:#04x}: {cost}", page(index));
        }
        Step::Free => {
            println!("  in all: {total}");
            println!("  freed: {cost}");
        }
    }
}

/// Says how many frames the zero frame saves.
fn saved(resident: Resident) {
    let Resident { private, zero, .. } = resident;
    println!(
        "  zero={zero} private={private}: of {} frames that demand backing would hold by now, {zero} are saved",
        zero + private
    );
}

fn zero_frame() -> PhysAddr {
    spaces::memory().zero_frame().start_address()
}
