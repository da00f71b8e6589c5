//! Checks of exercise 5a: an address taken apart. The task is in `start.rs`.
#![no_std]
#![no_main]

#[cfg_attr(not(feature = "solutions"), path = "start.rs")]
#[cfg_attr(feature = "solutions", path = "solution.rs")]
mod exercise;
#[path = "../kit.rs"]
mod kit;

use bootloader_api::{BootInfo, entry_point};

use exercise::{Parts, parts};

entry_point!(main);

fn main(_boot: &'static mut BootInfo) -> ! {
    kit::run(&[
        &a_small_address_has_only_an_offset,
        &each_level_has_nine_bits_of_its_own,
        &the_copies_of_bit_47_belong_to_no_level,
        &every_part_can_be_all_ones,
    ])
}

#[track_caller]
fn assert_parts(address: u64, entries: [u64; 4], offset: u64) {
    assert_eq!(
        parts(address),
        Parts { entries, offset },
        "the left parts are those of {address:#x}"
    );
}

fn a_small_address_has_only_an_offset() {
    assert_parts(0, [0, 0, 0, 0], 0);
    assert_parts(0xabc, [0, 0, 0, 0], 0xabc);
}

fn each_level_has_nine_bits_of_its_own() {
    assert_parts(1 << 39 | 2 << 30 | 3 << 21 | 4 << 12 | 0x10, [1, 2, 3, 4], 0x10);
    assert_parts(0x80_0010_0000, [1, 0, 0, 0x100], 0);
}

fn the_copies_of_bit_47_belong_to_no_level() {
    assert_parts(0xffff_8000_0000_0000, [256, 0, 0, 0], 0);
}

fn every_part_can_be_all_ones() {
    assert_parts(u64::MAX, [511; 4], 0xfff);
}
