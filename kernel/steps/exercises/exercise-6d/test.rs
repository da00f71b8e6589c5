//! Checks of exercise 6d: the same fault for ever. The task is in `start.rs`.
#![no_std]
#![no_main]
#![feature(abi_x86_interrupt)]

#[cfg_attr(not(feature = "solutions"), path = "start.rs")]
#[cfg_attr(feature = "solutions", path = "solution.rs")]
mod exercise;
#[path = "../kit.rs"]
mod kit;
#[path = "../machine.rs"]
mod machine;

use bootloader_api::{BootInfo, entry_point};
use spin::Mutex;
use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PageTableFlags;

use exercise::{REGION, Refusal, resolve};
use machine::{FRAMES, byte, entry, faults};

entry_point!(main, config = &machine::CONFIG);

fn main(boot: &'static mut BootInfo) -> ! {
    machine::init(&boot.memory_regions, handler);
    kit::run(&[
        &a_page_that_is_missing_takes_one_fault,
        &a_fault_that_somebody_else_has_resolved_is_resolved,
        &a_write_that_the_entry_does_not_allow_is_refused_at_its_first_fault,
        &a_reserved_bit_and_a_fetch_are_refused,
    ])
}

static REFUSED: Mutex<Option<Refusal>> = Mutex::new(None);

/// An access that is refused is noted, and its page is made writable so that it can end.
fn handler(address: u64, code: PageFaultErrorCode) {
    let mut frames = FRAMES.lock();
    if let Err(refusal) = resolve(address, code, &mut frames) {
        *REFUSED.lock() = Some(refusal);
        set_writable(address, true, &mut frames);
    }
}

/// Changes the right to write in the entry of a page that is there.
fn set_writable(address: u64, writable: bool, frames: &mut machine::Frames) {
    let entry = entry(address, frames).expect("tables that are there");
    let mut flags = entry.flags();
    flags.set(PageTableFlags::WRITABLE, writable);
    entry.set_flags(flags);
    tlb::flush(VirtAddr::new(address));
}

const WRITE: PageFaultErrorCode = PageFaultErrorCode::CAUSED_BY_WRITE;
const PRESENT: PageFaultErrorCode = PageFaultErrorCode::PROTECTION_VIOLATION;

fn a_page_that_is_missing_takes_one_fault() {
    let before = faults();
    byte(REGION.start).write(7);
    assert_eq!((byte(REGION.start).read(), faults() - before), (7, 1));
}

fn a_fault_that_somebody_else_has_resolved_is_resolved() {
    let mut frames = FRAMES.lock();
    let taken = frames.taken();
    let result = resolve(REGION.start, WRITE, &mut frames);
    assert_eq!(result, Ok(()), "the page is there and writable: the access works now");
    assert_eq!(frames.taken(), taken, "the page has a frame");
}

fn a_write_that_the_entry_does_not_allow_is_refused_at_its_first_fault() {
    set_writable(REGION.start, false, &mut FRAMES.lock());
    let before = faults();
    byte(REGION.start).write(8);
    assert_eq!(REFUSED.lock().take(), Some(Refusal::Unexplained), "the entry was read-only");
    assert_eq!(faults() - before, 1);
}

fn a_reserved_bit_and_a_fetch_are_refused() {
    let mut frames = FRAMES.lock();
    for bit in [PageFaultErrorCode::MALFORMED_TABLE, PageFaultErrorCode::INSTRUCTION_FETCH] {
        let result = resolve(REGION.start, PRESENT | bit, &mut frames);
        assert_eq!(result, Err(Refusal::Unexplained), "{bit:?}");
    }
}
