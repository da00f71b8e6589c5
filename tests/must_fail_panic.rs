//! Must fail with status 101: a test panics, and the panic's own message panics again.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

use core::fmt;

kernel::test_kernel!(test_main);

struct PanicsWhenPrinted;

impl fmt::Display for PanicsWhenPrinted {
    fn fmt(&self, _: &mut fmt::Formatter) -> fmt::Result {
        panic!("this message cannot be printed")
    }
}

#[test_case]
fn a_panic_inside_a_panic() {
    panic!("before {PanicsWhenPrinted} after");
}
