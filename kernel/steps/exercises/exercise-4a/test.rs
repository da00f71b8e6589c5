//! Checks of exercise 4a: the error code in words. The task is in `start.rs`.
#![no_std]
#![no_main]

#[cfg_attr(not(feature = "solutions"), path = "start.rs")]
#[cfg_attr(feature = "solutions", path = "solution.rs")]
mod exercise;
#[path = "../kit.rs"]
mod kit;

use bootloader_api::{BootInfo, entry_point};
use x86_64::structures::idt::PageFaultErrorCode;

use exercise::access;

entry_point!(main);

fn main(_boot: &'static mut BootInfo) -> ! {
    kit::run(&[
        &reads_and_writes_of_the_kernel_are_told_apart,
        &an_instruction_fetch_is_no_read,
        &ring_3_is_named,
        &a_reserved_bit_is_no_missing_right,
    ])
}

#[track_caller]
fn assert_words(code: u64, expected: [&str; 3]) {
    let words = access(PageFaultErrorCode::from_bits_truncate(code));
    assert_eq!(words, expected, "the left words are said of error code {code:#b}");
}

fn reads_and_writes_of_the_kernel_are_told_apart() {
    assert_words(0b00000, ["a read", "by the kernel", "the page is not present"]);
    assert_words(0b00010, ["a write", "by the kernel", "the page is not present"]);
    assert_words(0b00001, ["a read", "by the kernel", "the entry does not allow it"]);
    assert_words(0b00011, ["a write", "by the kernel", "the entry does not allow it"]);
}

fn an_instruction_fetch_is_no_read() {
    assert_words(0b10000, ["an instruction fetch", "by the kernel", "the page is not present"]);
    assert_words(0b10001, ["an instruction fetch", "by the kernel", "the entry does not allow it"]);
}

fn ring_3_is_named() {
    assert_words(0b00110, ["a write", "by ring 3", "the page is not present"]);
    assert_words(0b00101, ["a read", "by ring 3", "the entry does not allow it"]);
    assert_words(0b10101, ["an instruction fetch", "by ring 3", "the entry does not allow it"]);
}

fn a_reserved_bit_is_no_missing_right() {
    assert_words(0b01001, ["a read", "by the kernel", "a reserved bit is 1"]);
    assert_words(0b01111, ["a write", "by ring 3", "a reserved bit is 1"]);
}
