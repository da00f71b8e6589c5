//! Checks of exercise 6b: a guard page with a refusal of its own. The task is in `start.rs`.
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
use x86_64::structures::idt::PageFaultErrorCode;

use exercise::{REGIONS, Refusal, resolve};
use machine::{FRAMES, PAGE_SIZE, byte, faults, lend, take_back};

entry_point!(main, config = &machine::CONFIG);

fn main(boot: &'static mut BootInfo) -> ! {
    machine::init(&boot.memory_regions, handler);
    kit::run(&[
        &the_whole_stack_gets_memory,
        &the_guard_page_is_refused_as_a_guard,
        &what_is_next_to_a_guard_is_no_guard,
        &a_region_without_a_guard_has_none,
    ])
}

static REFUSED: Mutex<Option<Refusal>> = Mutex::new(None);

/// An access that is refused is noted, and lent a frame so that it can end.
fn handler(address: u64, _code: PageFaultErrorCode) {
    let result = resolve(address, &mut FRAMES.lock());
    if let Err(refusal) = result {
        *REFUSED.lock() = Some(refusal);
        lend(address);
    }
}

/// Writes a byte. Returns why the page fault of this was refused, if it was.
fn write(address: u64) -> Option<Refusal> {
    byte(address).write(1);
    let refusal = REFUSED.lock().take();
    if refusal.is_some() {
        take_back(address);
    }
    refusal
}

fn the_whole_stack_gets_memory() {
    let before = faults();
    for address in REGIONS[0].addresses.clone().rev().step_by(64) {
        assert_eq!(write(address), None, "{address:#x} is in the stack");
    }
    assert_eq!(write(REGIONS[0].addresses.start), None, "the lowest byte of the stack");
    assert_eq!(faults() - before, 4, "the stack has 4 pages");
}

fn the_guard_page_is_refused_as_a_guard() {
    let start = REGIONS[0].addresses.start;
    for address in [start - 1, start - 8, start - PAGE_SIZE] {
        assert_eq!(
            write(address),
            Some(Refusal::Guard),
            "{address:#x} is in the guard page of the stack, which is full"
        );
    }
}

fn what_is_next_to_a_guard_is_no_guard() {
    let Some(below) = REGIONS[0].addresses.start.checked_sub(REGIONS[0].guard + 1) else {
        panic!("the guard begins above address 0");
    };
    assert_eq!(write(below), Some(Refusal::NoRegion), "{below:#x} is below the guard");
    let end = REGIONS[0].addresses.end;
    assert_eq!(write(end), Some(Refusal::NoRegion), "{end:#x} is above the stack");
}

fn a_region_without_a_guard_has_none() {
    let start = REGIONS[1].addresses.start;
    assert_eq!(write(start - 1), Some(Refusal::NoRegion), "the data have no guard");
    assert_eq!(write(start), None);
}
