//! Must fail with status 101: an assertion does not hold.
//!
//! Tests run in the order of their names.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

use core::hint::black_box;

kernel::test_kernel!(test_main);

#[test_case]
fn a_test_before_it_passes() {
    assert_eq!(black_box(1) + 1, 2);
}

#[test_case]
fn an_assertion_that_does_not_hold() {
    assert_eq!(black_box(1) + 1, 3);
}

#[test_case]
fn the_test_after_it_is_not_run() {
    assert_eq!(black_box(2) + 2, 4);
}
