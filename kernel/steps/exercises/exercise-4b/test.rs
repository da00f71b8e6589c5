//! Checks of exercise 4b: the double fault's own stack. The task is in `start.rs`.
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

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

use bootloader_api::{BootInfo, entry_point};
use x86_64::instructions::interrupts;
use x86_64::registers::control::Cr2;
use x86_64::structures::idt::{InterruptStackFrame, PageFaultErrorCode};

use exercise::set_double_fault;

entry_point!(main, config = &machine::CONFIG);

fn main(_boot: &'static mut BootInfo) -> ! {
    machine::load_tables(|handlers| {
        handlers.breakpoint.set_handler_fn(breakpoint);
        handlers.page_fault.set_handler_fn(page_fault);
        set_double_fault(handlers, double_fault);
    });
    kit::run(&[&a_breakpoint_returns, &a_full_stack_ends_in_the_double_faults_handler])
}

static BREAKPOINTS: AtomicU64 = AtomicU64::new(0);

extern "x86-interrupt" fn breakpoint(_context: InterruptStackFrame) {
    BREAKPOINTS.fetch_add(1, Ordering::Relaxed);
}

fn a_breakpoint_returns() {
    interrupts::int3();
    assert_eq!(BREAKPOINTS.load(Ordering::Relaxed), 1);
}

extern "x86-interrupt" fn page_fault(_context: InterruptStackFrame, _code: PageFaultErrorCode) {
    panic!("a page fault at {:#x}, while the stack was to be filled", Cr2::read_raw());
}

fn a_full_stack_ends_in_the_double_faults_handler() {
    kit::say(format_args!(
        "the stack is filled: if the machine resets now, the double fault had no stack of its own"
    ));
    overflow(0);
}

/// Calls itself until the stack is full.
#[allow(unconditional_recursion)] // that is the point
fn overflow(depth: u64) -> u64 {
    black_box(overflow(depth + 1)) + depth
}

/// Where the check ends: a double fault does not return.
extern "x86-interrupt" fn double_fault(context: InterruptStackFrame, _code: u64) -> ! {
    let here = &raw const context as u64;
    let full = context.stack_pointer.as_u64();
    assert!(
        here.abs_diff(full) > machine::PAGE_SIZE,
        "the handler runs at {here:#x}, on the stack that is full at {full:#x}"
    );
    kit::passed(&a_full_stack_ends_in_the_double_faults_handler);
    kit::finish(2)
}
