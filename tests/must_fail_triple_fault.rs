//! Must fail with the runner's status for a reset: no exception can be delivered any more.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

use x86_64::VirtAddr;
use x86_64::instructions::{interrupts, tables};
use x86_64::structures::DescriptorTablePointer;

kernel::test_kernel!(test_main);

#[test_case]
fn a_triple_fault() {
    let nothing = DescriptorTablePointer {
        base: VirtAddr::zero(),
        limit: 0,
    };
    // SAFETY: A table without a gate turns the next exception into a reset;
    // nothing runs after it.
    unsafe { tables::lidt(&nothing) };
    interrupts::int3();
}
