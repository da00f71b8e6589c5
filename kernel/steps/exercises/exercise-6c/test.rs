//! Checks of exercise 6c: how many pages an object touches. The task is in `start.rs`.
#![no_std]
#![no_main]

#[cfg_attr(not(feature = "solutions"), path = "start.rs")]
#[cfg_attr(feature = "solutions", path = "solution.rs")]
mod exercise;
#[path = "../kit.rs"]
mod kit;

use bootloader_api::{BootInfo, entry_point};

use exercise::{PAGE_SIZE, pages_touched};

entry_point!(main);

fn main(_boot: &'static mut BootInfo) -> ! {
    kit::run(&[
        &an_object_at_the_beginning_of_a_page_is_counted_by_its_size,
        &an_object_without_bytes_touches_nothing,
        &an_object_that_straddles_a_border_touches_both_pages,
        &the_last_address_can_be_part_of_an_object,
    ])
}

#[track_caller]
fn assert_touched(address: u64, size: u64, expected: u64) {
    let pages = pages_touched(address, size);
    assert_eq!(pages, expected, "the left number is said of {size} bytes at {address:#x}");
}

fn an_object_at_the_beginning_of_a_page_is_counted_by_its_size() {
    assert_touched(0x80_0000_0000, 1, 1);
    assert_touched(0x80_0000_0000, PAGE_SIZE, 1);
    assert_touched(0x80_0000_0000, PAGE_SIZE + 1, 2);
}

fn an_object_without_bytes_touches_nothing() {
    assert_touched(0x80_0000_0000, 0, 0);
    assert_touched(0x80_0000_0ff8, 0, 0);
}

fn an_object_that_straddles_a_border_touches_both_pages() {
    assert_touched(0x80_0000_0ff0, 16, 1);
    assert_touched(0x80_0000_0ff8, 16, 2);
    assert_touched(0x80_0000_0001, PAGE_SIZE, 2);
    assert_touched(0x80_0000_0fff, PAGE_SIZE + 2, 3);
}

fn the_last_address_can_be_part_of_an_object() {
    assert_touched(u64::MAX, 1, 1);
    assert_touched(u64::MAX - PAGE_SIZE, PAGE_SIZE + 1, 2);
}
