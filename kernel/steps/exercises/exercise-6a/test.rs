//! Checks of exercise 6a: a region's rights against those of the first access. The task
//! is in `start.rs`.
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
use x86_64::structures::idt::PageFaultErrorCode;
use x86_64::structures::paging::PageTableFlags;

use exercise::{REGIONS, Refusal, resolve};
use machine::{FRAMES, PAGE_SIZE, byte, entry, faults};

entry_point!(main, config = &machine::CONFIG);

fn main(boot: &'static mut BootInfo) -> ! {
    machine::init(&boot.memory_regions, handler);
    kit::run(&[
        &a_variable_that_is_written_first_takes_one_fault,
        &a_variable_that_is_read_first_can_be_written_without_a_second_fault,
        &a_constant_is_read_only_and_a_write_to_it_is_refused,
    ])
}

fn handler(address: u64, code: PageFaultErrorCode) {
    if let Err(refusal) = resolve(address, code, &mut FRAMES.lock()) {
        panic!(
            "refused: {refusal:?}, {code:?} at {address:#x}: the region allows this access, \
             so the page's entry must allow it too"
        );
    }
}

/// An address in the region of variables (0) or constants (1).
fn address(region: usize, page: u64) -> u64 {
    REGIONS[region].addresses.start + page * PAGE_SIZE
}

fn a_variable_that_is_written_first_takes_one_fault() {
    let before = faults();
    byte(address(0, 0)).write(7);
    assert_eq!((byte(address(0, 0)).read(), faults() - before), (7, 1));
}

fn a_variable_that_is_read_first_can_be_written_without_a_second_fault() {
    let before = faults();
    assert_eq!(byte(address(0, 1)).read(), 0);
    byte(address(0, 1)).write(7);
    assert_eq!((byte(address(0, 1)).read(), faults() - before), (7, 1));
}

fn a_constant_is_read_only_and_a_write_to_it_is_refused() {
    assert_eq!(byte(address(1, 0)).read(), 0);
    let mut frames = FRAMES.lock();
    let entry = entry(address(1, 0), &mut frames).expect("tables that are there");
    assert!(!entry.flags().contains(PageTableFlags::WRITABLE), "a constant can be written");
    let write = PageFaultErrorCode::CAUSED_BY_WRITE;
    assert_eq!(resolve(address(1, 1), write, &mut frames), Err(Refusal::NotWritable));
    assert_eq!(resolve(address(0, 4), write, &mut frames), Err(Refusal::NoRegion));
}
