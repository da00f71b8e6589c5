//! Must fail with status 101: the heap is used while the kernel half is locked,
//! as it is while a fault of the heap is resolved.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

use alloc::boxed::Box;

use kernel::spaces;

kernel::test_kernel!(test_main);

#[test_case]
fn the_heap_comes_before_the_kernel_half() {
    spaces::kernel_half(|space, _| _ = Box::new(space.region_count()));
}
