//! Must fail with the runner's status for a timeout: a test never ends.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

kernel::test_kernel!(test_main);

#[test_case]
fn a_test_that_never_ends() {
    loop {
        x86_64::instructions::hlt();
    }
}
