//! Checks of exercise 8b: memory that is given back. The task is in `start.rs`.
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

use exercise::give_back;
use machine::{FRAMES, PAGE_SIZE, byte, faults, lend};

entry_point!(main, config = &machine::CONFIG);

fn main(boot: &'static mut BootInfo) -> ! {
    machine::init(&boot.memory_regions, handler);
    kit::run(&[
        &whole_pages_are_given_back_and_begin_again_with_zeroes,
        &the_neighbours_of_a_block_keep_their_bytes,
        &a_block_within_a_page_gives_nothing_back,
        &pages_that_were_never_accessed_are_passed_over,
    ])
}

/// The heap: every page gets a frame of zeroes when it is first accessed.
fn handler(address: u64, _code: PageFaultErrorCode) {
    lend(address);
}

/// The address of a page of the heap.
fn page(number: u64) -> u64 {
    0x80_4000_0000 + number * PAGE_SIZE
}

/// Writes 7 to a byte in the middle of each of 4 pages, from the page of this number on.
fn fill(first: u64) {
    for number in first..first + 4 {
        byte(page(number) + 0x800).write(7);
    }
}

/// Gives the bytes between two addresses back. Returns how many frames that were.
fn given_back(start: u64, end: u64) -> u32 {
    let mut frames = FRAMES.lock();
    let before = frames.taken();
    // SAFETY: the checks need these bytes no more.
    unsafe { give_back(start..end, &mut frames) };
    before - frames.taken()
}

fn whole_pages_are_given_back_and_begin_again_with_zeroes() {
    fill(0);
    assert_eq!(given_back(page(1), page(3)), 2);
    let before = faults();
    let read = [0, 1, 2, 3].map(|number| byte(page(number) + 0x800).read());
    assert_eq!(read, [7, 0, 0, 7]);
    assert_eq!(faults() - before, 2, "each page that was given back takes a page fault again");
}

fn the_neighbours_of_a_block_keep_their_bytes() {
    fill(8);
    // From behind the byte of page 8 to before that of page 11.
    let frames = given_back(page(8) + 0x801, page(11) + 0x800);
    let kept = [8, 11].map(|number| byte(page(number) + 0x800).read());
    assert_eq!(
        kept,
        [7, 7],
        "the bytes beside the block are lost: their pages are not whole in it, and were given back"
    );
    assert_eq!(frames, 2, "the pages 9 and 10 lie in the block with all their bytes");
}

fn a_block_within_a_page_gives_nothing_back() {
    fill(16);
    assert_eq!(given_back(page(16) + 0x10, page(16) + 0x800), 0);
    assert_eq!(given_back(page(17) + 0xfff, page(18) + 1), 0);
    assert_eq!([16, 17, 18].map(|number| byte(page(number) + 0x800).read()), [7, 7, 7]);
}

fn pages_that_were_never_accessed_are_passed_over() {
    byte(page(25)).write(7);
    assert_eq!(given_back(page(24), page(28)), 1, "of four pages, one was accessed");
}
