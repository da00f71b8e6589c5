//! An endless recursion ends in a report that says so, on the stack of the double fault.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

use core::hint::black_box;
use kernel::cpu::vector::Vector;
use kernel::report::Report;
use kernel::stack::{self, ExceptionStack};
use kernel::testing::expect_report;
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

#[test_case]
fn a_stack_overflow_is_a_double_fault_that_names_the_stack() {
    expect_report(|report: &Report| {
        let stack = stack::current().expect("known since boot");
        assert_eq!(report.context.vector(), Vector::DOUBLE_FAULT);
        assert_eq!(report.overflowed, Some(stack));
        assert!(stack.guard().contains(&VirtAddr::new(report.context.cr2)));

        let local = 0u8;
        let here = VirtAddr::from_ptr(&raw const local);
        assert!(ExceptionStack::DoubleFault.stack().contains(here));
    });
    recurse(0);
}

#[expect(
    unconditional_recursion,
    reason = "running out of stack is what is tested"
)]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth + 1))) + depth
}
