//! Must fail with status 102: a test writes to read-only memory, and did not say that it would.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

mod common;

use common::{allocate, pages_at, write};
use memory::space::{Backing, Rights};

kernel::test_kernel!(test_main);

#[test_case]
fn a_write_to_read_only_memory_that_was_not_announced() {
    let request = pages_at(0x10000, 2, Backing::Demand).rights(Rights::Read);
    let region = allocate(request.label("constants"));
    write(&region, 0x1004, 1);
}
