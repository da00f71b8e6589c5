//! Checks of exercise 5b: canonical or not. The task is in `start.rs`.
#![no_std]
#![no_main]

#[cfg_attr(not(feature = "solutions"), path = "start.rs")]
#[cfg_attr(feature = "solutions", path = "solution.rs")]
mod exercise;
#[path = "../kit.rs"]
mod kit;

use bootloader_api::{BootInfo, entry_point};
use x86_64::VirtAddr;

use exercise::is_canonical;

entry_point!(main);

fn main(_boot: &'static mut BootInfo) -> ! {
    kit::run(&[
        &the_lower_half_begins_at_0_and_the_upper_one_ends_at_the_last_address,
        &the_lower_half_ends_before_bit_47,
        &the_upper_half_begins_with_bit_47,
        &every_bit_of_the_upper_16_matters,
    ])
}

#[track_caller]
fn assert_canonical(address: u64) {
    assert!(is_canonical(address), "{address:#018x} is canonical");
}

#[track_caller]
fn assert_not_canonical(address: u64) {
    let bit = address >> 47 & 1;
    assert!(!is_canonical(address), "{address:#018x} is not canonical: bit 47 is {bit}");
}

fn the_lower_half_begins_at_0_and_the_upper_one_ends_at_the_last_address() {
    assert_canonical(0);
    assert_canonical(u64::MAX);
}

fn the_lower_half_ends_before_bit_47() {
    assert_canonical(0x0000_7fff_ffff_ffff);
    assert_not_canonical(0x0000_8000_0000_0000);
    assert_not_canonical(0x0000_ffff_ffff_ffff);
}

fn the_upper_half_begins_with_bit_47() {
    assert_canonical(0xffff_8000_0000_0000);
    assert_not_canonical(0xffff_7fff_ffff_ffff);
    assert_not_canonical(0xffff_0000_0000_0000);
}

fn every_bit_of_the_upper_16_matters() {
    for bit in 48..64 {
        for address in [1 << bit, !(1 << bit)] {
            assert_not_canonical(address);
            assert!(VirtAddr::try_new(address).is_err(), "the crate x86_64 agrees");
        }
    }
}
