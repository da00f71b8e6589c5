//! A write to a read-only region is refused, also where the page is present.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

mod common;

use common::{address, allocate, pages_at, physical, read, write, zero_frame};
use kernel::fault::Reason;
use kernel::report::Report;
use kernel::testing::expect_report;
use memory::space::{Backing, Rights};
use memory::{Access, Refusal};

kernel::test_kernel!(test_main);

#[test_case]
fn a_write_to_read_only_memory_is_refused_and_changes_nothing() {
    expect_report(|report: &Report| {
        assert_eq!(report.context.cr2, 0x11004);
        assert_eq!(
            report.context.error_code, 0b11,
            "a write, and the page is present"
        );
        let refusal = Refusal::Protection(Access::Write);
        assert_eq!(report.reason, Some(Reason::Space(refusal)));
        assert_eq!(physical(address(0x11000)), Some(zero_frame()));
    });
    let region = allocate(pages_at(0x10000, 2, Backing::Zero).rights(Rights::Read));
    assert_eq!(read(&region, 0x1004), 0);
    write(&region, 0x1004, 1);
}
